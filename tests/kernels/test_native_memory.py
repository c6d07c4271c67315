"""Memory that is not there: an error, after which everything still works."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_state_that_cannot_exist_is_a_memory_error(dtype):
    kernels = native.NativeKernels(2)
    for num_qubits in (50, 57, 58, 59, 60, 63, 64, 1000, 2**31 - 1):
        with pytest.raises(MemoryError):
            kernels.zero_state(num_qubits, np.dtype(dtype))
    state = kernels.zero_state(15, np.dtype(dtype))
    assert kernels.norm_squared(state) == 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits the address space")
@pytest.mark.skipif(
    "QUASIM_SANITIZED" in os.environ, reason="the sanitizer needs the address space"
)
def test_every_allocation_may_fail_and_the_process_goes_on(interpreter):
    # A growing allowance lets one allocation after the other succeed, first in a process that has
    # a pool, then in one that must start its threads. A wrong result is never accepted.
    code = """
    import os, resource
    from collections import Counter
    import quasim_backend as quasim
    from workload import Workload

    def limited(megabytes, function):
        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) for line in status if line.startswith("VmSize"))
        unlimited = resource.RLIM_INFINITY
        allowed = used * 1024 + int(megabytes * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, unlimited))
        try:
            function()
        except MemoryError:
            return "refused"
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))
        return "computed"

    work = Workload(4)
    session = quasim.runtime(simulation_precision="fp64", num_threads=2)
    check = lambda: work.check(session)
    assert session.run(quasim.Circuit(1).x(0).measure_all(), 2).shots == 2  # imports what it needs
    session.explain(work.circuit)  # as does every engine that is asked
    session.gradient(quasim.Circuit(1).rx(quasim.Parameter("t"), 0), "Z", [0.1])
    before = os.fork()
    if before == 0:  # no thread was started yet
        outcomes = Counter(limited(m / 2, check) for m in range(40))
        check()
        os._exit(0 if outcomes["computed"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(before, 0)[1]) == 0
    check()
    outcomes = Counter(limited(m / 5, check) for m in range(100))
    check()
    wide = quasim.Circuit(22)
    for q in range(22):
        wide.h(q)
    simulate = lambda: session.simulate(wide)
    assert limited(8, simulate) == limited(40, simulate) == "refused"
    assert limited(400, simulate) == "computed"
    assert outcomes["refused"] and outcomes["computed"], outcomes
    """
    interpreter(code, OPENBLAS_NUM_THREADS="1")

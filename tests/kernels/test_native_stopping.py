"""Long calls of the native kernels can be stopped, and let other threads run meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from quasim_backend.compile import planner
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.errors import Cancelled
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels import native
from quasim_backend.kernels.base import CancelToken

if reason := native.is_available() or planner.is_available():
    pytest.skip(reason, allow_module_level=True)

SLOWER = 10 if "QUASIM_SANITIZED" in os.environ else 1


def layers(n: int, depth: int):
    builder = ProgramBuilder(n)
    for layer in range(depth):
        for q in range(n):
            builder.rotation(1 << q, 0, 0.1 + 0.01 * layer)
        for q in range(n - 1):
            builder.permutation([q, q + 1], np.array([0, 3, 2, 1]))
    return builder.build()


def python(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )


def test_the_gil_is_released_during_a_run():
    schedule = plan(layers(18, 40))
    kernels = native.NativeKernels(1)
    state = kernels.zero_state(18, np.dtype("complex128"))
    ticks = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not stop.wait(0.001):
            ticks += 1

    counter = threading.Thread(target=count)
    counter.start()
    start = time.perf_counter()
    kernels.run(schedule, state, np.empty(0))
    elapsed = time.perf_counter() - start
    stop.set()
    counter.join()
    assert ticks > elapsed / 0.05


@pytest.mark.parametrize("tile", [13, 30])
@pytest.mark.parametrize("threads", [1, 2])
def test_another_thread_cancels_a_run(tile, threads):
    schedule = plan(layers(20, 2000), PlanOptions(tile_qubits=tile))
    kernels = native.NativeKernels(threads)
    state = kernels.zero_state(20, np.dtype("complex128"))
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    start = time.perf_counter()
    with pytest.raises(Cancelled):
        kernels.run(schedule, state, np.empty(0), token)
    assert time.perf_counter() - start < 1.5 * SLOWER
    timer.join()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("tile", [13, 30])
def test_ctrl_c_stops_a_long_run_and_leaves_the_process_usable(tile):
    child = python(
        f"""
        import sys, time
        import numpy as np
        from quasim_backend.compile.planner import PlanOptions, plan
        from quasim_backend.ir.program import ProgramBuilder
        from quasim_backend.kernels.native import NativeKernels

        builder = ProgramBuilder(21)
        for layer in range(3000):
            for q in range(21):
                builder.rotation(1 << q, 0, 0.1)
            for q in range(20):
                builder.permutation([q, q + 1], np.array([0, 3, 2, 1]))
        schedule = plan(builder.build(), PlanOptions(tile_qubits={tile}))
        kernels = NativeKernels(2)
        state = kernels.zero_state(21, np.dtype("complex128"))
        print("running", flush=True)
        try:
            kernels.run(schedule, state, np.empty(0))
            print("finished")
        except KeyboardInterrupt:
            print("interrupted", time.time(), flush=True)
        builder = ProgramBuilder(16)
        builder.permutation([15], np.array([1, 0]))
        state = kernels.zero_state(16, np.dtype("complex64"))
        kernels.run(plan(builder.build()), state, np.empty(0))
        print("usable" if state[1 << 15] == 1 else "broken")
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    time.sleep(0.4)
    sent = time.time()
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    word, when = output.splitlines()[0].split()
    assert word == "interrupted"
    assert float(when) - sent < 1.0 * SLOWER
    assert output.splitlines()[1] == "usable"

"""Forks: the child has one thread, none of the pool's, and every lock as it was."""

from __future__ import annotations

import os

import pytest

from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)
if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)
if "QUASIM_SANITIZED" in os.environ:
    # Its allocator does not care for forks: a child hangs if another thread was allocating.
    pytest.skip("GCC's address sanitizer cannot fork", allow_module_level=True)

# In processes of their own: a library that another test imported, JAX for one, warns of every fork.
# OpenBLAS, which the oracle uses through NumPy, hangs when a fork stops its threads at work.
ALONE = {"OPENBLAS_NUM_THREADS": "1"}
PREAMBLE = """
import os, signal, sys, threading, time, warnings
import numpy as np
import quasim_backend as quasim
from workload import Workload

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

def in_child(function, patience=60):
    child = os.fork()
    if child == 0:
        signal.alarm(patience)  # ends a child that hangs
        try:
            function()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child

def assert_well(*children):
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

session = quasim.runtime(simulation_precision="fp64", num_threads=2)
work = Workload(1)
work.check(session)  # the pool has threads now
"""


def test_a_child_and_its_own_child_compute_with_the_parents_session(interpreter):
    code = """
    def generations():
        work.check(session)
        assert_well(in_child(lambda: work.check(session)))
        work.check(session)

    assert_well(in_child(generations))
    work.check(session)
    with quasim.runtime(simulation_precision="fp64") as fresh:
        assert_well(in_child(lambda: work.check(fresh)))
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def test_forks_while_other_threads_simulate(interpreter):
    # The other threads hold the pool, the session's locks and those of the plans now and then.
    code = """
    stop = threading.Event()
    errors = []

    def loop(seed, mine):
        # The session forgets circuits over 32 new ones, so each is planned and compiled again.
        try:
            number = 0
            while not stop.is_set():
                mine.check(session)
                for _ in range(33):
                    number += 1
                    session.simulate(quasim.Circuit(3).rx(seed + number, 0))
        except BaseException as error:
            errors.append(error)
            raise

    threads = [
        threading.Thread(target=loop, args=(seed, Workload(seed)), daemon=True) for seed in (2, 3)
    ]
    for thread in threads:
        thread.start()
    for _ in range(40):
        assert_well(in_child(lambda: work.check(session)))
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    work.check(session)
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def test_a_plan_that_another_thread_is_compiling_can_be_used_in_the_child(interpreter):
    code = """
    from quasim_backend.compile.planner import plan
    from quasim_backend.ir.program import ProgramBuilder
    from quasim_backend.kernels.native import NativeKernels, available_isas, select_isa

    builder = ProgramBuilder(2)
    for _ in range(2000):
        builder.rotation(1, 0, 0.001)
        builder.permutation([0, 1], np.array([0, 3, 2, 1]))
    schedule = plan(builder.build())
    kernels = NativeKernels(1)
    stop = threading.Event()

    def compile_for_ever():
        state = kernels.zero_state(2, np.dtype("complex128"))
        while not stop.is_set():
            for isa in available_isas()[:2]:
                select_isa(isa)
                kernels.run(schedule, state, np.empty(0))

    thread = threading.Thread(target=compile_for_ever, daemon=True)
    thread.start()
    use = lambda: kernels.run(
        schedule, kernels.zero_state(2, np.dtype("complex128")), np.empty(0)
    )
    for _ in range(100):
        assert_well(in_child(use))
    stop.set()
    thread.join()
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def test_multiprocessing_workers_compute(interpreter):
    code = """
    import multiprocessing

    def job(seed):
        Workload(seed).check(session)
        return seed

    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(job, range(10, 16)) == list(range(10, 16))
    work.check(session)
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def test_a_signal_handler_may_simulate_and_fork_during_a_run(interpreter):
    # In the child the run itself either was complete on the other thread or is an error.
    code = """
    long = quasim.Circuit(19)
    for layer in range(40):
        for q in range(19):
            long.rx(0.1 + layer / 100, q)
        for q in range(18):
            long.cx(q, q + 1)
    child = None

    def handler(*_):
        global child
        child = os.fork()
        if child == 0:
            signal.alarm(60)
        assert 5e-324 * 1.0 > 0.0  # denormal numbers are flushed in the run, not in here
        work.check(session)

    signal.signal(signal.SIGUSR1, handler)
    expected = session.simulate(long)
    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    try:
        result = session.simulate(long)
    except RuntimeError as error:
        assert child == 0 and "forked in a signal handler" in str(error)
    else:
        np.testing.assert_array_equal(result, expected)
    work.check(session)
    if child == 0:
        os._exit(0)
    assert child is not None
    assert_well(child)
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def test_background_jobs_run_in_a_child_of_a_busy_parent(interpreter):
    code = """
    measured = quasim.Circuit(2).h(0).cx(0, 1).measure_all()
    stop = threading.Event()

    def submit_for_ever():
        while not stop.is_set():
            session.submit_async(measured, shots=3).result(60)

    thread = threading.Thread(target=submit_for_ever, daemon=True)
    thread.start()

    def job():
        assert session.submit_async(measured, shots=5).result(60).shots == 5

    for _ in range(40):
        assert_well(in_child(job))
    stop.set()
    thread.join()
    """
    interpreter(PREAMBLE + strip(code), **ALONE)


def strip(code: str) -> str:
    """Remove the indentation of this file."""
    return "\n".join(line[4:] for line in code.splitlines())

"""Many Python threads at once, nested calls, and numbers of threads that change."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from workload import Workload

import quasim_backend as quasim
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)

PATIENCE = 120


@pytest.fixture(scope="module")
def works():
    return [Workload(seed) for seed in range(20, 24)]


@pytest.fixture
def thread_limit():
    before = native.get_num_threads()
    yield
    native.set_num_threads(before)


def everywhere(work, count):
    """Call ``work(0) ... work(count - 1)``, all at the same time."""
    barrier = threading.Barrier(count)

    def one(number):
        barrier.wait(PATIENCE)
        work(number)

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(one, number) for number in range(count)]:
            future.result(PATIENCE)


@pytest.mark.parametrize("shared", [True, False], ids=["one session", "a session each"])
def test_many_python_threads_compute_at_once(works, shared):
    options = {"simulation_precision": "fp64", "num_threads": 3}
    with quasim.runtime(**options) as common:

        def work(number):
            session = common if shared else quasim.runtime(**options)
            for round_ in range(3):
                works[(number + round_) % len(works)].check(session)

        everywhere(work, 8)


def test_the_first_use_may_be_in_many_threads_at_once(interpreter):
    # Plug-ins, pool and plans are made at first use.
    code = """
    import threading
    import quasim_backend as quasim
    from workload import Workload

    work = Workload(5)
    barrier = threading.Barrier(8)
    good = []

    def start():
        barrier.wait()
        work.check(quasim.runtime(simulation_precision="fp64", num_threads=3))
        good.append(1)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(good) == 8
    """
    interpreter(code)


def test_one_plan_is_run_by_many_threads_with_an_equal_result():
    width = 15
    builder = ProgramBuilder(width)
    for layer in range(3):
        for q in range(width):
            builder.rotation(1 << q, 0, 0.1 + 0.01 * layer)
        for q in range(width - 1):
            builder.permutation([q, q + 1], np.array([0, 3, 2, 1]))
    schedule = plan(builder.build(), PlanOptions(tile_qubits=9, low_qubits=3))
    kernels = native.NativeKernels(2)
    expected = kernels.zero_state(width, np.dtype("complex64"))
    kernels.run(schedule, expected, np.empty(0))

    def work(_):
        for _ in range(10):
            state = kernels.zero_state(width, np.dtype("complex64"))
            kernels.run(schedule, state, np.empty(0))
            np.testing.assert_array_equal(state, expected)

    everywhere(work, 4)


def test_the_number_of_threads_may_change_between_runs_and_during_them(works, thread_limit):
    stop = threading.Event()

    def change():
        for threads in itertools.cycle((1, 5, 2, 64, 3)):
            if stop.wait(0.001):
                return
            native.set_num_threads(threads)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        with quasim.runtime(simulation_precision="fp64") as session:
            everywhere(lambda number: [works[number].check(session) for _ in range(4)], 3)
    finally:
        stop.set()
        changer.join()
    with quasim.runtime(simulation_precision="fp64") as session:
        for threads in (1, 2, 7, 1024, 1):
            native.set_num_threads(threads)
            works[0].check(session)


def test_a_callback_of_a_job_may_simulate_and_submit_more(works):
    work = works[1]
    measured = quasim.Circuit(2).h(0).cx(0, 1).measure_all()
    inner = []
    with quasim.runtime(simulation_precision="fp64", num_threads=2) as session:

        def again(result):
            assert result.shots == 3
            work.check(session)
            inner.append(session.submit_async(measured, lambda _: work.check(session), shots=4))

        outer = [session.submit_async(measured, again, shots=3) for _ in range(6)]
        for job in outer:
            job.result(PATIENCE)
        for job in inner:
            assert job.result(PATIENCE).shots == 4
    assert len(inner) == 6

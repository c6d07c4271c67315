from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import Cancelled, OptionError, UnsupportedError
from quasim_backend.session.jobs import CancelToken, Job, JobPool

BELL = quasim.Circuit(2).h(0).cx(0, 1).measure_all()
PATIENCE = 60


def wait_for(token: CancelToken) -> None:
    """Work until the token is set."""
    for _ in range(int(PATIENCE / 0.005)):
        token.check()
        time.sleep(0.005)
    raise AssertionError("the token was never set")


def test_submit_async_gives_what_run_gives_and_calls_back() -> None:
    seen: list[quasim.Result] = []
    with quasim.runtime() as rt:
        future = rt.submit_async(BELL, seen.append, shots=100, seed=7)
        assert isinstance(future, concurrent.futures.Future)
        result = future.result(PATIENCE)
        assert seen == [result]
        np.testing.assert_array_equal(result.samples, rt.run(BELL, 100, 7).samples)


def test_the_circuit_may_be_changed_after_it_was_submitted() -> None:
    circuit = quasim.Circuit(1).x(0).measure_all()
    with quasim.runtime() as rt:
        futures = [rt.submit_async(circuit, shots=3) for _ in range(20)]
        circuit.instructions.clear()
        assert all(f.result(PATIENCE).counts() == {"1": 3} for f in futures)


def test_wrong_arguments_are_refused_at_once_and_failures_stay_on_the_future() -> None:
    with quasim.runtime() as rt:
        with pytest.raises(OptionError, match="Did you mean 'shots'"):
            rt.submit_async(BELL, shot=3)
        future = rt.submit_async(BELL, shots=-3)
        assert isinstance(future.exception(PATIENCE), OptionError)


def test_an_error_in_the_callback_is_logged_and_stored(caplog: pytest.LogCaptureFixture) -> None:
    def fail(result: quasim.Result) -> None:
        raise KeyError("in the callback")

    with quasim.runtime() as rt:
        future = rt.submit_async(BELL, fail)
        assert isinstance(future.exception(PATIENCE), KeyError)
        assert "callback" in caplog.text
        assert rt.submit_async(BELL, shots=1).result(PATIENCE).shots == 1


def test_cancelling_stops_a_job_that_runs_and_one_that_waits() -> None:
    pool = JobPool(workers=1)
    running = pool.submit(wait_for)
    waiting = pool.submit(wait_for)
    while not running.running():
        time.sleep(0.001)
    assert waiting.cancel()
    assert running.cancel()
    with pytest.raises(Cancelled):
        running.result(PATIENCE)
    with pytest.raises(concurrent.futures.CancelledError):
        waiting.result(PATIENCE)
    assert not running.cancel()
    assert pool.submit(lambda token: 3).result(PATIENCE) == 3
    pool.close()
    with pytest.raises(UnsupportedError, match="closed"):
        pool.submit(wait_for)


def test_cancelling_stops_a_run() -> None:
    circuit = quasim.Circuit(18)
    for layer in range(4000):
        circuit.rx(0.1, layer % 18).cx(layer % 18, (layer + 7) % 18)
    with quasim.runtime() as rt:
        future = rt.submit_async(circuit.measure_all(), shots=10)
        time.sleep(0.05)
        future.cancel()
        assert isinstance(_error(future), Cancelled | concurrent.futures.CancelledError)
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            rt.run(BELL, cancel=token)
        assert rt.run(BELL, 2).shots == 2


def _error(future: Job[quasim.Result]) -> BaseException | None:
    try:
        return future.exception(PATIENCE)
    except concurrent.futures.CancelledError as error:
        return error


def test_closing_a_session_stops_its_jobs() -> None:
    rt = quasim.runtime()
    job = rt._jobs.submit(wait_for)
    rt.close()
    assert job.done()


def test_a_session_may_be_used_by_several_threads() -> None:
    with quasim.runtime(seed=5) as rt:
        expected = rt.run(BELL, 200).samples
        results: list[np.ndarray] = []
        threads = [
            threading.Thread(
                target=lambda: results.extend(rt.run(BELL, 200).samples for _ in range(20))
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 80
    assert all((r == expected).all() for r in results)


def interpreter(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


FOREVER = """
    import os, signal, sys, threading, time
    import quasim_backend as quasim
    circuit = quasim.Circuit(12, 1)
    for q in range(12):
        circuit.h(q)
    body = quasim.Circuit(12, 1).rx(0.1, 3)
    circuit.for_(range(10**7), body)
    circuit.measure(0, 0)
    def interrupt():
        time.sleep(0.7)
        os.kill(os.getpid(), signal.SIGINT)
    rt = quasim.runtime()
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("way", ["rt.run(circuit, 3)", "rt.submit_async(circuit).result()"])
def test_ctrl_c_stops_a_run_and_leaves_a_usable_process(way: str) -> None:
    done = interpreter(
        FOREVER
        + f"""
    threading.Thread(target=interrupt).start()
    started = time.perf_counter()
    try:
        {way}
    except KeyboardInterrupt:
        print("interrupted", time.perf_counter() - started < 30)
    print(rt.run(quasim.Circuit(1).x(0).measure_all(), 3).counts())
    rt.close()
    """
    )
    assert done.stdout.split("\n")[:2] == ["interrupted True", "{'1': 3}"], done.stderr


def test_the_interpreter_does_not_wait_for_a_running_job_at_exit() -> None:
    done = interpreter(
        FOREVER
        + """
    future = rt.submit_async(circuit)
    while not future.running():
        time.sleep(0.01)
    print("leaving")
    """
    )
    assert (done.stdout, done.returncode) == ("leaving\n", 0), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_jobs_run_in_a_forked_child() -> None:
    done = interpreter(
        """
        import os, warnings
        import quasim_backend as quasim
        warnings.simplefilter("ignore")  # Python warns of a fork with threads
        rt = quasim.runtime()
        bell = quasim.Circuit(2).h(0).cx(0, 1).measure_all()
        assert rt.submit_async(bell, shots=3).result().shots == 3
        child = os.fork()
        if child == 0:
            assert rt.submit_async(bell, shots=4).result(20).shots == 4
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print("done")
        """
    )
    assert done.stdout == "done\n", done.stderr

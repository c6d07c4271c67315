"""Locks that another thread holds when the process forks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)


def test_a_child_can_use_what_another_thread_was_using_when_it_was_forked() -> None:
    code = """
    import os, signal, threading, warnings
    import quasim_backend as quasim
    from quasim_backend.plugins import default_manager
    from quasim_backend.session import compiling

    warnings.simplefilter("ignore")  # Python warns of a fork with threads
    session = quasim.runtime()
    measured = quasim.Circuit(2).h(0).cx(0, 1).measure_all()
    session.run(measured, 3)
    ready, leave = threading.Event(), threading.Event()

    def hold():
        with (
            session._executor._compiler._lock,
            session._jobs._lock,
            compiling._sources_lock,
            default_manager()._lock,
        ):
            ready.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends a child that hangs
        assert session.run(measured, 4).shots == 4
        assert session.sample(session.compile(quasim.Circuit(1).x(0)), 5).sum() == 5
        assert session.submit_async(measured, shots=6).result().shots == 6
        with default_manager()._lock:
            pass
        os._exit(7)
    leave.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert session.run(measured, 8).shots == 8
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr

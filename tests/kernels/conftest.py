"""Child processes, and every instruction set in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from quasim_backend.kernels import native

sys.path.insert(0, str(Path(__file__).parent))  # `workload`, here and in child processes

Interpreter = Callable[..., str]


@pytest.fixture
def interpreter() -> Interpreter:
    """Run code in an interpreter of its own, to its end without an error; return what it printed.

    A hung child is ended after ``patience`` seconds, together with its own children.
    """

    def run(code: str, *, patience: float = 180, **environment: str) -> str:
        paths = os.pathsep.join(p for p in sys.path if p)
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-X", "faulthandler", "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, **environment},
            start_new_session=True,
        )
        try:
            output, errors = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            output, errors = child.communicate()
            pytest.fail(f"The child hangs.\n{output}\n{errors}")
        assert child.returncode == 0, f"exit status {child.returncode}\n{output}\n{errors}"
        return output

    return run


@pytest.fixture(params=native.available_isas() if native.is_available() is None else [])
def isa(request):
    """The instruction set that the native kernels use during the test."""
    used = native.info()["isa"]
    native.select_isa(request.param)
    yield request.param
    native.select_isa(used)

"""Peak memory of one run of QuASIM, in a process that does nothing else.

Started as ``python -m harness.memory CASE``; the case is JSON with the arguments of `peak_memory`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.settings import thread_environment

SMALLEST_STATE = 32 << 20
"""Bytes; below that the interpreter's own ups and downs are larger than the state."""


def peak_memory(family: str, qubits: int, dtype: str, threads: int) -> dict[str, float] | None:
    """Run `main` in a process of its own.

    Returns:
        ``peak``: the process's peak in bytes; ``extra``: how much higher than before the run, in
        units of the state. None if the state is too small to be seen.
    """
    if itemsize(dtype) << qubits < SMALLEST_STATE:
        return None
    case = {"family": family, "qubits": qubits, "dtype": dtype, "threads": threads}
    done = subprocess.run(
        [sys.executable, "-m", "harness.memory", json.dumps(case)],
        env=os.environ | thread_environment(threads),
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def itemsize(dtype: str) -> int:
    """Return the bytes of an amplitude."""
    return 8 if dtype == "complex64" else 16


def main(case: dict[str, Any]) -> dict[str, float]:
    """Simulate once and compare the peak with what the process held before."""
    from harness.families import FAMILIES
    from harness.simulators import quasim

    dtype, threads = case["dtype"], case["threads"]
    # A small run first: code and threads that every run needs are no cost of this one.
    quasim.runners(FAMILIES[case["family"]](16), 16, dtype, threads)[0]()
    run = quasim.runners(FAMILIES[case["family"]](case["qubits"]), case["qubits"], dtype, threads)
    call = run[0].start()
    before = _peak()
    state = call()
    peak = _peak()
    return {"peak": peak, "extra": (peak - before) / state.nbytes}


def _peak() -> int:
    """Return the largest resident size so far, in bytes.

    Linux' ``ru_maxrss`` starts with the size of the process that started this one, so it is used
    only where there is nothing else.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(found.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))

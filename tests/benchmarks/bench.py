"""Time QuASIM against the simulators it stands in for, side by side.

    python tests/benchmarks/bench.py --qubits 16 20-24 --threads 1 all --output bench-out

Each number of threads has a process of its own, since some simulators read it when they are
imported; in that process all simulators take turns. States are compared before anything is timed.
Writes ``result.json``, ``report.md`` and plots.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import machine, plots, report
from harness.child import WRONG_STATES
from harness.families import FAMILIES
from harness.sections import SECTIONS
from harness.settings import Settings, thread_environment
from harness.simulators import PEERS

HERE = Path(__file__).parent
QUBITS = [4, 8, 12, 16, 20, 22]
QUICK_QUBITS = [5, 16]


def qubit_numbers(word: str) -> list[int]:
    """Read ``20``, ``20-24`` or ``max``: the widest complex64 state that fits into free memory."""
    if word == "max":
        return [int(machine.free_memory() / (1.06 * 8)).bit_length() - 1]
    first, _, last = word.partition("-")
    try:
        numbers = list(range(int(first), int(last or first) + 1))
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 2:
        raise argparse.ArgumentTypeError(f"{word!r}: give 20, 20-24 or max; 2 qubits or more")
    return numbers


def thread_number(word: str) -> int:
    """Read ``all`` or a number of threads."""
    threads = machine.all_threads() if word == "all" else int(word)
    if threads < 1:
        raise argparse.ArgumentTypeError(f"{word!r}: give 1 or more, or all")
    return threads


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--qubits", type=qubit_numbers, nargs="+", metavar="N", help="20, 20-24 or max")
    add("--families", nargs="*", choices=list(FAMILIES), default=list(FAMILIES))
    add("--dtypes", nargs="+", choices=["complex64", "complex128"])
    add("--threads", type=thread_number, nargs="+", metavar="T", help="numbers, or all")
    add("--repeats", type=int, help="timed runs of each simulator")
    add("--budget", type=float, help="seconds of one simulator for one case")
    add("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    add("--sections", nargs="*", choices=list(SECTIONS), default=list(SECTIONS))
    add("--quick", action="store_true", help="small sizes, about three minutes")
    add("--output", type=Path, default=Path("bench-out"), help="folder to write to")
    parser.set_defaults(dtypes=["complex64", "complex128"], qubits=None, threads=None)
    found = parser.parse_args(words)
    default = QUICK_QUBITS if found.quick else QUBITS
    listed = default if found.qubits is None else itertools.chain(*found.qubits)
    found.qubits = sorted(set(listed))
    found.threads = sorted(set(found.threads or [1, machine.all_threads()]))
    found.repeats = found.repeats or (2 if found.quick else 5)
    found.budget = found.budget or (0.5 if found.quick else 30.0)
    return found


def settings_of(options: argparse.Namespace) -> list[Settings]:
    """Return what each process is asked to do."""
    most = max(options.threads)
    return [
        Settings(
            threads=threads,
            qubits=options.qubits,
            families=options.families,
            dtypes=options.dtypes,
            peers=options.peers,
            sections=[
                name
                for name in options.sections
                if threads == most or SECTIONS[name].EVERY_THREAD_COUNT
            ],
            repeats=options.repeats,
            budget=options.budget,
            quick=options.quick,
        )
        for threads in options.threads
    ]


def run_child(settings: Settings) -> tuple[int, dict[str, Any] | None]:
    """Measure in a process of its own; return its exit status and result."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "settings.json", Path(folder) / "result.json"
        asked.write_text(json.dumps(settings.as_dict()))
        done = subprocess.run(
            [sys.executable, "-m", "harness.child", str(asked), str(answer)],
            cwd=HERE,
            env=os.environ | thread_environment(settings.threads),
            check=False,
        )
        return done.returncode, json.loads(answer.read_text()) if answer.exists() else None


def main(words: list[str] | None = None) -> int:
    """Run the benchmark.

    Returns:
        Exit status: 0; `WRONG_STATES` if simulators disagree; 1 after a crash.
    """
    options = arguments(words)
    result: dict[str, Any] = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "tests/benchmarks/bench.py", *(words or sys.argv[1:])]),
        "machine": machine.describe(),
        "runs": [],
    }
    status = 0
    for settings in settings_of(options):
        print(f"\n== {settings.threads} thread(s)", flush=True)
        code, measured = run_child(settings)
        if measured is not None:
            result["runs"].append(measured)
        if code:
            reason = "wrong states" if code == WRONG_STATES else f"exit status {code}"
            print(f"The run with {settings.threads} thread(s) ended early: {reason}.")
            status = status or (code if code == WRONG_STATES else 1)
    if result["runs"]:
        write(result, options.output)
    return status


def write(result: dict[str, Any], folder: Path) -> None:
    """Write the result, its report and its plots into a folder, and print the report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    text = report.report(result)
    (folder / "report.md").write_text(text)
    written = plots.write(result, folder)
    print(f"\n{text}")
    print(f"In {folder}: result.json, report.md, {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    sys.exit(main())

"""``quasim demo``: circuits on our simulator and on each SDK's own, side by side."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quasim_backend.cli.demo.agreement import FALSE_ALARM_RATE, Comparison, compare
from quasim_backend.cli.demo.figure import draw
from quasim_backend.cli.demo.sides import SIDES, Run, Side
from quasim_backend.errors import OptionError, UnsupportedError
from quasim_backend.ir.qasm2 import load

__all__ = ["Trial", "add_arguments", "run", "run_demo"]

_CHECKOUT = Path(__file__).parents[3] / "tests" / "data" / "qasm"
_REPEATS = 5
_PATIENCE = 2.0
"""Seconds after which a pair of simulators is not timed again."""


@dataclass(frozen=True)
class Trial:
    """One circuit on one SDK.

    Attributes:
        circuit: Name of the file.
        num_qubits: Width.
        sdk: Name of the SDK.
        ours: Our counts.
        theirs: The counts of the SDK's own simulator.
        comparison: Whether they agree.
        our_seconds: Median time of our runs.
        their_seconds: Median time of theirs.
    """

    circuit: str
    num_qubits: int
    sdk: str
    ours: Mapping[str, int]
    theirs: Mapping[str, int]
    comparison: Comparison
    our_seconds: float
    their_seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results")
    parser.add_argument("--shots", type=int, default=4096, help="shots of each run")
    parser.add_argument("--seed", type=int, default=1, help="seed of every simulator")
    parser.add_argument(
        "--circuits", type=Path, help="folder of OpenQASM 2 files; default: those of the checkout"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 1 if a simulator disagrees with ours."""
    return run_demo(
        arguments.out, shots=arguments.shots, seed=arguments.seed, circuits=arguments.circuits
    )


def run_demo(
    out_dir: str | Path, shots: int = 4096, seed: int = 1, circuits: str | Path | None = None
) -> int:
    """Run every circuit through every adapter and its SDK's own simulator; print a table.

    Args:
        out_dir: Folder for ``demo.txt`` and ``demo.png``; made if absent.
        shots: Shots of each run.
        seed: Seed of every simulator.
        circuits: Folder of ``.qasm`` files that end in measurements; default: the checkout's.

    Returns:
        0, or 1 if any pair disagrees or nothing could be compared.

    Raises:
        OptionError: If there are no circuits, or fewer than 1 shot.
        QasmError: If a file is not OpenQASM 2.
    """
    if shots < 1:
        raise OptionError(f"The demo needs at least 1 shot; got {shots}.")
    files = _files(circuits)
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    reasons = {side.name: side.missing() for side in SIDES}
    sides = [side for side in SIDES if reasons[side.name] is None]
    lines = [
        f"{shots} shots a run, seed {seed}. 'agrees': chi-square test of the two histograms, false "
        f"alarm rate {FALSE_ALARM_RATE:g}.",
        "'TV': total-variation distance, and its mean for two independent samples; 0 where equal "
        "seeds give equal samples.",
        "Times: median of interleaved runs, from circuit to counts.",
        "",
        f"{'circuit':32}{'qubits':>6}  {'SDK':10}{'agrees':8}{'TV':>7}{'(mean)':>9}"
        f"{'ours/ms':>10}{'theirs/ms':>11}{'theirs/ours':>13}",
    ]
    print("\n".join(lines))
    trials: list[Trial] = []
    for path in files:
        for side in sides:
            try:
                trials.append(_trial(path, side, shots, seed))
                lines.append(_row(trials[-1]))
            except UnsupportedError as refusal:
                width = load(path).num_qubits
                lines.append(f"{path.stem:32}{width:>6}  {side.name:10}not compared: {refusal}")
            print(lines[-1], flush=True)
    lines.append("")
    for side in SIDES:
        reason = reasons[side.name]
        lines.append(f"{side.name}: {f'not compared, {reason}' if reason else side.theirs}")
        print(lines[-1])
    panels = [
        (path.stem, {t.sdk: (t.ours, t.theirs) for t in trials if t.circuit == path.stem})
        for path in files
    ]
    note = draw(panels, out / "demo.png") if trials else "no figure: nothing was compared"
    lines.append(note or f"figure: {out / 'demo.png'}")
    print(lines[-1])
    (out / "demo.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    differing = [t for t in trials if not t.comparison.agree]
    for t in differing:
        print(f"{t.circuit}: our counts differ from those of {t.sdk}", file=sys.stderr)
    return 1 if differing or not trials else 0


def _files(circuits: str | Path | None) -> list[Path]:
    folder = _CHECKOUT if circuits is None else Path(circuits)
    files = sorted(folder.glob("*.qasm"))
    if not files:
        raise OptionError(
            f"There are no .qasm files in {folder}. Give a folder of OpenQASM 2 files with "
            f"--circuits; the demo's own are in tests/data/qasm of the source tree."
        )
    return files


def _trial(path: Path, side: Side, shots: int, seed: int) -> Trial:
    ours, theirs = side.prepare(path, shots)
    our_counts, their_counts = ours(seed), theirs(seed)  # also the warm-up
    our_times: list[float] = []
    their_times: list[float] = []
    # Interleaved, so that a change of the machine's speed reaches both.
    while len(our_times) < _REPEATS and sum(our_times) + sum(their_times) < _PATIENCE:
        our_times.append(_timed(ours, seed))
        their_times.append(_timed(theirs, seed))
    return Trial(
        path.stem,
        load(path).num_qubits,
        side.name,
        our_counts,
        their_counts,
        compare(our_counts, their_counts),
        statistics.median(our_times),
        statistics.median(their_times),
    )


def _timed(simulate: Run, seed: int) -> float:
    start = time.perf_counter()
    simulate(seed)
    return time.perf_counter() - start


def _row(trial: Trial) -> str:
    result = trial.comparison
    return (
        f"{trial.circuit:32}{trial.num_qubits:>6}  {trial.sdk:10}"
        f"{'yes' if result.agree else 'NO':8}{result.distance:7.4f}"
        f"{f'({result.expected_distance:.4f})':>9}{trial.our_seconds * 1e3:10.2f}"
        f"{trial.their_seconds * 1e3:11.2f}{trial.their_seconds / trial.our_seconds:13.2f}"
    )

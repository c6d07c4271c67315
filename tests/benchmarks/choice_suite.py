"""How good the automatic choice of an engine is: all engines on 200 circuits, and what was chosen.

Run ``python tests/benchmarks/choice_suite.py`` in the root. Twenty families, those of MQT Bench
that come in any width among them, in ten widths from 5 to 100 qubits; samples are asked for in one
half of the circuits, the mean of Z on each qubit in the other. An engine that refuses, or needs
more than ``--limit`` seconds, has no time. One line a circuit; last, a table for the documentation
and the share of circuits whose chosen engine took at most twice as long as the best one.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.families import FAMILIES
from harness.families.wide import WIDE
from harness.markdown import number, table
from harness.simulators.quasim import circuit

import quasim_backend as quasim
from quasim_backend.errors import Cancelled, QuasimError
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.base import CancelToken

WIDTHS = (5, 8, 12, 16, 20, 24, 28, 40, 64, 100)
METHODS = (
    *("statevector", "stabilizer", "matrix_product_state"),
    *("tensor_network", "pauli_propagation"),
)
SHORT = {
    "statevector": "SV",
    "stabilizer": "Stim",
    "matrix_product_state": "MPS",
    "tensor_network": "TN",
    "pauli_propagation": "PP",
    "extended_stabilizer": "ES",
    "independent_parts": "parts",
}
SHOTS = 1000
SLACK = 0.02
"""Seconds that no choice is blamed for."""


@dataclass
class Row:
    """One circuit.

    Attributes:
        family: Name of its family.
        qubits: Its width.
        asked: ``samples`` or ``means``.
        seconds: What each engine took, where it gave a result within the limit.
        chosen: The engine of the automatic choice; empty if the run was refused or too long.
        taken: Seconds of the automatic run, the choice included.
        problem: What the automatic run failed with.
    """

    family: str
    qubits: int
    asked: str
    seconds: dict[str, float] = field(default_factory=dict)
    chosen: str = ""
    taken: float = 0.0
    problem: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the choice took at most twice as long as the best engine."""
        if not self.seconds:  # a refusal, or the limit, is the best there is
            return not self.problem.startswith("MemoryError")
        return bool(self.chosen) and self.taken <= 2 * min(self.seconds.values()) + SLACK


def run(
    method: str, made: quasim.Circuit, asked: str, limit: float
) -> tuple[float, dict[str, Any]]:
    """Run a circuit in a session of its own; return seconds and metadata.

    Raises:
        QuasimError: If it is refused, or takes more than ``limit`` seconds (`Cancelled`).
    """
    token = CancelToken()
    timer = threading.Timer(limit, token.cancel)
    width = made.num_qubits
    with quasim.runtime(method=method, seed=1) as session:
        timer.start()
        started = time.perf_counter()
        try:
            if asked == "samples":
                result = session.run(made, SHOTS, cancel=token)
                facts = result.metadata
            else:
                signs = (PauliSum.of(PauliString(0, 1 << q)) for q in range(width))
                save = Save("expectation", "means", observable=ObservableList(tuple(signs)))
                facts = session.run(made, 0, save=save, cancel=token).metadata
            return time.perf_counter() - started, facts
        finally:
            timer.cancel()


def measured(family: str, build: Callable[[int], Any], width: int, asked: str) -> quasim.Circuit:
    """Return the circuit of a family, measured at its end if samples are asked for."""
    made: quasim.Circuit = circuit(build(width), width)
    made.name = family
    return made.measure_all() if asked == "samples" else made


def row_of(family: str, build: Callable[[int], Any], width: int, asked: str, limit: float) -> Row:
    """Run a circuit on every engine and on the one that is chosen."""
    row = Row(family, width, asked)
    made = measured(family, build, width, asked)
    for method in METHODS:
        try:
            row.seconds[method] = run(method, made, asked, limit)[0]
        except (QuasimError, Cancelled, MemoryError):
            continue
    try:
        row.taken, facts = run("auto", made, asked, 2 * limit)
        row.chosen = facts["engine"]
    except (QuasimError, Cancelled, MemoryError) as error:
        row.problem = f"{type(error).__name__}: {error}"
    return row


def cell(row: Row) -> str:
    """Return ``MPS 0.31 (1.2)``: the engine, its seconds, how many times the best engine's.

    In bold where the choice was not good; a dash where nothing ran.
    """
    if not row.chosen:
        return "–" if row.is_good else "**–**"
    text = f"{SHORT.get(row.chosen, row.chosen)} {number(row.taken)}"
    if row.seconds:
        text += f" ({row.taken / min(row.seconds.values()):.1f})"
    return text if row.is_good else f"**{text}**"


def as_table(rows: list[Row]) -> str:
    """Return one line a family and one column a width, in Markdown."""
    widths = sorted({row.qubits for row in rows})
    lines = []
    for family in dict.fromkeys(row.family for row in rows):
        cells = {row.qubits: cell(row) for row in rows if row.family == family}
        lines.append([family.replace("_", " "), *(cells.get(width, "") for width in widths)])
    return table(["family", *map(str, widths)], lines)


def main() -> None:
    """Run the suite and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=10.0, help="seconds an engine may take")
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--families", nargs="*", default=[*FAMILIES, *WIDE])
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    options = parser.parse_args()
    rows = []
    for nth, family in enumerate(options.families):
        build = {**FAMILIES, **WIDE}[family]
        for place, width in enumerate(options.widths):
            asked = ("samples", "means")[(nth + place) % 2]
            row = row_of(family, build, width, asked, options.limit)
            rows.append(row)
            times = ", ".join(f"{name} {s:.3g}" for name, s in row.seconds.items())
            mark = "  " if row.is_good else "! "
            chosen = f"{row.chosen} {row.taken:.3g}" if row.chosen else row.problem[:120]
            print(f"{mark}{family} {width} {asked}: {times or 'none'} -> {chosen}", flush=True)
    print(as_table(rows))
    good = sum(row.is_good for row in rows)
    print(f"{good} of {len(rows)} choices within twice the best engine ({good / len(rows):.1%})")
    if options.out:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()

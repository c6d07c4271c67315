"""How long QuASIM takes to decide how a circuit runs."""

from __future__ import annotations

from typing import Any

from harness.families import FAMILIES, random_gates
from harness.markdown import milliseconds
from harness.markdown import table as markdown_table
from harness.operations import Operations
from harness.settings import Settings
from harness.simulators import Simulator, quasim
from harness.timing import interleaved, medians

TITLE = "Planning"
EVERY_THREAD_COUNT = False
_GATES = 1000


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Time a thousand random gates, and every family."""
    n = 16 if settings.quick else 22
    circuits: dict[str, Operations] = {f"{_GATES} random gates": random_gates(n, _GATES)}
    circuits |= {name: FAMILIES[name](n) for name in settings.families}
    return [_measure(name, ops, n, settings) for name, ops in circuits.items()]


def _measure(name: str, ops: Operations, n: int, settings: Settings) -> dict[str, Any]:
    from quasim_backend.compile.code import SegmentStep
    from quasim_backend.compile.planner import plan

    circuit = quasim.circuit(ops, n)
    compiled = quasim.session("complex64", 1).compile(circuit, keep_idle=True)
    plans = [step.plan for step in compiled.steps if isinstance(step, SegmentStep)]

    def start() -> Any:
        runtime = quasim.session("complex64", 1)
        return lambda: runtime.compile(circuit, keep_idle=True)

    starts = {"compile": start, "plan": lambda: lambda: [plan(p.program) for p in plans]}
    return {
        "circuit": name,
        "qubits": n,
        "gates": len(ops),
        "stages": sum(p.num_stages for p in plans),
        "seconds": medians(interleaved(starts, max(settings.repeats, 9), settings.budget)),
    }


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    plan, compile_ = (milliseconds(row["seconds"][name]) for name in ("plan", "compile"))
    where = f"{row['circuit']} ({row['gates']} gates, {row['qubits']} qubits)"
    return f"{where}: plan {plan} ms, from circuit object to plan {compile_} ms"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    cells = [
        [
            row["circuit"],
            str(row["qubits"]),
            str(row["gates"]),
            str(row["stages"]),
            milliseconds(row["seconds"]["plan"]),
            milliseconds(row["seconds"]["compile"]),
        ]
        for row in rows
    ]
    header = ["circuit", "qubits", "gates", "stages", "planner, ms", "circuit to plan, ms"]
    return (
        "The planner alone (C++), and all of `Runtime.compile`: checks, lowering, planning."
        f"\n\n{markdown_table(header, cells)}"
    )

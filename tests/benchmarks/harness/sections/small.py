"""Small circuits that are prepared once and run many times with new parameters."""

from __future__ import annotations

from typing import Any

from harness.agreement import TOLERANCE, WrongStateError, difference
from harness.families.layered import ansatz
from harness.markdown import number
from harness.markdown import table as markdown_table
from harness.sections.gradients import parametrized
from harness.settings import Settings
from harness.simulators import Simulator, quasim, qulacs
from harness.timing import Start, interleaved, medians

TITLE = "Small circuits"
EVERY_THREAD_COUNT = True
_DTYPE = "complex128"
_CALLS = 40
"""Runs under one clock: the time of one is too short for it."""


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Time each width."""
    with_qulacs = qulacs.NAME in [peer.NAME for peer in peers]
    widths = (4, 8) if settings.quick else (4, 8, 10, 12)
    return [_measure(n, settings, with_qulacs) for n in widths]


def _measure(n: int, settings: Settings, with_qulacs: bool) -> dict[str, Any]:
    ops = ansatz(n)
    circuit, values = parametrized(ops, n)
    runtime = quasim.session(_DTYPE, settings.threads)
    compiled = runtime.compile(circuit, keep_idle=True)

    def run_all() -> None:
        for _ in range(_CALLS):
            runtime.simulate(compiled, parameters=values)

    starts: dict[str, Start] = {"QuASIM": lambda: run_all}
    if with_qulacs:
        reference = _qulacs(qulacs.circuit(ops, n), n)
        starts[qulacs.NAME] = reference
        starts["Qulacs, optimised"] = _qulacs(qulacs.circuit(ops, n, optimize=True), n)
        ours = runtime.simulate(compiled, parameters=values)
        for name in (qulacs.NAME, "Qulacs, optimised"):
            error = difference(ours, starts[name]()().get_vector())
            if not error <= TOLERANCE[_DTYPE]:
                raise WrongStateError(f"Small circuit, {n} qubits: {name} differs by {error:.3g}.")
    seconds = medians(interleaved(starts, max(settings.repeats, 9), settings.budget))
    per_gate = {name: s / _CALLS / len(ops) for name, s in seconds.items()}
    return {
        "qubits": n,
        "gates": len(ops),
        "threads": settings.threads,
        "seconds_per_gate": per_gate,
        "ratio": per_gate[qulacs.NAME] / per_gate["QuASIM"] if with_qulacs else None,
    }


def _qulacs(circuit: Any, n: int) -> Start:
    from qulacs import QuantumState

    state = QuantumState(n)

    def run_all() -> Any:
        for _ in range(_CALLS):
            state.set_zero_state()
            circuit.update_quantum_state(state)
        return state

    return lambda: run_all


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(f"{name} {number(1e6 * s)}" for name, s in row["seconds_per_gate"].items())
    return f"{row['qubits']} qubits, {row['threads']} threads, us a gate: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    names = list(rows[0]["seconds_per_gate"])
    cells = [
        [
            str(row["qubits"]),
            str(row["gates"]),
            str(row["threads"]),
            *(number(1e6 * row["seconds_per_gate"][name]) for name in names),
            number(row["ratio"]),
        ]
        for row in rows
    ]
    header = ["qubits", "gates", "threads", *(f"{name}, µs a gate" for name in names)]
    return (
        "The ansatz in complex128, prepared once, run again and again: QuASIM with a new parameter "
        "vector each time (`Runtime.simulate` of a compiled circuit), Qulacs with the angles it "
        "has (`update_quantum_state`), also after its light optimizer, which fixes them. The ratio "
        f"is that to Qulacs without it.\n\n{markdown_table([*header, 'ratio'], cells)}"
    )

"""Rounding in complex64: distance from a complex128 state, and drift of the norm."""

from __future__ import annotations

from typing import Any

from harness.agreement import TOLERANCE, check, difference, infidelity, norm_drift
from harness.families import random_gates
from harness.families.layered import ansatz
from harness.markdown import number
from harness.markdown import table as markdown_table
from harness.settings import Settings
from harness.simulators import QUASIM, Simulator

TITLE = "Accuracy"
EVERY_THREAD_COUNT = False


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Simulate a thousand random gates and the ansatz in complex64 on everything there is."""
    n = 16 if settings.quick else 20
    circuits = {"1000 random gates": random_gates(n), "ansatz": ansatz(n)}
    rows = []
    exact_simulator = next((p for p in peers if "complex128" in p.DTYPES), QUASIM)
    for name, ops in circuits.items():
        exact = exact_simulator.runners(ops, n, "complex128", settings.threads)[0]()
        row: dict[str, Any] = {
            "circuit": name,
            "qubits": n,
            "gates": len(ops),
            "exact": exact_simulator.NAME,
            "infidelity": {},
            "norm_drift": {},
        }
        distances: dict[str, float] = {}
        for simulator in (QUASIM, *peers):
            if "complex64" in simulator.DTYPES:
                state = simulator.runners(ops, n, "complex64", settings.threads)[-1]()
                distances[simulator.NAME] = difference(state, exact)
                row["infidelity"][simulator.NAME] = infidelity(state, exact)
                row["norm_drift"][simulator.NAME] = norm_drift(state)
        check(distances, exact_simulator.NAME, f"{name}, {n} qubits", TOLERANCE["complex64"])
        rows.append(row)
    return rows


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(
        f"{name} {number(row['infidelity'][name])} (norm {number(row['norm_drift'][name])})"
        for name in row["infidelity"]
    )
    return f"{row['circuit']}, infidelity: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    cells = [
        [
            row["circuit"],
            str(row["qubits"]),
            str(row["gates"]),
            name,
            number(row["infidelity"][name]),
            number(row["norm_drift"][name]),
        ]
        for row in rows
        for name in row["infidelity"]
    ]
    header = ["circuit", "qubits", "gates", "simulator", "infidelity", "norm drift"]
    sources = ", ".join(dict.fromkeys(row["exact"] for row in rows))
    return (
        f"Complex64 against a complex128 state of {sources}: infidelity is 1 − "
        "|⟨exact|state⟩|² of the normalised states, norm drift is |⟨state|state⟩ − 1|."
        f"\n\n{markdown_table(header, cells)}"
    )

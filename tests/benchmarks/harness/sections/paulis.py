"""Expectation value of a sum of many Pauli strings in a state that is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.agreement import WrongStateError
from harness.families.random import brickwork
from harness.markdown import milliseconds, times
from harness.markdown import table as markdown_table
from harness.operations import Operations
from harness.settings import Settings
from harness.simulators import Simulator, aer, lightning, quasim, qulacs
from harness.timing import Start, interleaved, medians

TITLE = "Sums of Pauli strings"
EVERY_THREAD_COUNT = False
_DEPTH = 2
_TERMS = 200
_TOLERANCE = {"complex64": 1e-4, "complex128": 1e-9}

Terms = list[tuple[float, str]]
"""Weights and labels, the leftmost letter on the highest qubit."""


def random_terms(n: int, count: int) -> Terms:
    """Draw strings of I, X, Y, Z and weights whose squares sum to about 1."""
    rng = np.random.default_rng(10)
    weights = rng.normal(size=count) / np.sqrt(count)
    return [(float(w), "".join(rng.choice(list("IXYZ"), n))) for w in weights]


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Time each dtype."""
    n, count = (14, 50) if settings.quick else (22, _TERMS)
    return [
        _measure(n, random_terms(n, count), dtype, settings, peers) for dtype in settings.dtypes
    ]


def _measure(
    n: int, terms: Terms, dtype: str, settings: Settings, peers: list[Simulator]
) -> dict[str, Any]:
    ops = brickwork(n, _DEPTH)
    starts = _quasim(ops, n, terms, dtype, settings.threads)
    names = [p.NAME for p in peers if p.NAME in _PEERS and dtype in p.DTYPES]
    for name in names:
        starts |= _PEERS[name](ops, n, terms, dtype, settings.threads)
    values = {name: float(start()()) for name, start in starts.items() if ", none" not in name}
    # The first peer's value is what all are compared with.
    reference = values[names[0]] if names else values["QuASIM"]
    for name, value in values.items():
        if not abs(value - reference) <= _TOLERANCE[dtype]:
            raise WrongStateError(f"Pauli sum, {dtype}: {name} is off; the values are {values}.")
    seconds = medians(interleaved(starts, settings.repeats, settings.budget))
    alone = {
        name: max(0.0, value - seconds.get(f"{name}, none", 0.0))
        for name, value in seconds.items()
        if ", none" not in name
    }
    best = min(names, key=alone.__getitem__, default=None)
    return {
        "qubits": n,
        "terms": len(terms),
        "dtype": dtype,
        "threads": settings.threads,
        "value": reference,
        "seconds": alone,
        "best_peer": best,
        "ratio": None if best is None else alone[best] / alone["QuASIM"],
    }


def _quasim(ops: Operations, n: int, terms: Terms, dtype: str, threads: int) -> dict[str, Start]:
    from quasim_backend import PauliSum

    observable = PauliSum.of({label: weight for weight, label in terms})
    state = quasim.session(dtype, threads).differentiate(quasim.circuit(ops, n), keep_idle=True)
    return {"QuASIM": lambda: lambda: state.expectations([observable])[0].real}


def _aer(ops: Operations, n: int, terms: Terms, dtype: str, threads: int) -> dict[str, Start]:
    from qiskit.quantum_info import SparsePauliOp

    backend = aer.backend(dtype, threads)

    def start_of(listed: Terms) -> Start:
        circuit = aer.circuit(ops, n)
        observable = SparsePauliOp([s for _, s in listed], np.array([w for w, _ in listed]))
        circuit.save_expectation_value(observable, list(range(n)), label="value")
        return lambda: lambda: backend.run(circuit, shots=1).result().data(0)["value"]

    return {aer.NAME: start_of(terms), f"{aer.NAME}, none": start_of([(1.0, "I" * n)])}


def _lightning(ops: Operations, n: int, terms: Terms, dtype: str, threads: int) -> dict[str, Start]:
    import pennylane as qml
    from pennylane_lightning.lightning_qubit._measurements import LightningMeasurements
    from pennylane_lightning.lightning_qubit._state_vector import LightningStateVector

    state = LightningStateVector(n, np.dtype(dtype).type)
    state.apply_operations(lightning.operations(ops, n))
    wire_map = {i: i for i in range(n)}
    words = [qml.pauli.string_to_pauli_word(label, wire_map) for _, label in terms]
    observable = qml.expval(qml.Hamiltonian([w for w, _ in terms], words))
    return {lightning.NAME: lambda: lambda: LightningMeasurements(state).expval(observable)}


def _qulacs(ops: Operations, n: int, terms: Terms, dtype: str, threads: int) -> dict[str, Start]:
    from qulacs import Observable, QuantumState

    observable = Observable(n)
    for weight, label in terms:
        factors = [f"{c} {q}" for q, c in enumerate(reversed(label)) if c != "I"]
        observable.add_operator(weight, " ".join(factors))
    state = QuantumState(n)
    qulacs.circuit(ops, n).update_quantum_state(state)
    return {qulacs.NAME: lambda: lambda: observable.get_expectation_value(state)}


_PEERS = {lightning.NAME: _lightning, aer.NAME: _aer, qulacs.NAME: _qulacs}


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(f"{name} {milliseconds(s)} ms" for name, s in row["seconds"].items())
    return f"{row['terms']} terms, {row['qubits']} qubits, {row['dtype']}: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    cells = [
        [
            str(row["qubits"]),
            str(row["terms"]),
            row["dtype"],
            *(milliseconds(row["seconds"].get(name)) for name in names),
            times(row["ratio"], row["best_peer"]),
        ]
        for row in rows
    ]
    header = ["qubits", "terms", "dtype", *(f"{n}, ms" for n in names), "ratio to the best peer"]
    return (
        "Random strings of I, X, Y, Z on all qubits, in a state that is there already; for Aer, "
        "which keeps none, the difference to the same circuit with the identity as observable."
        f"\n\n{markdown_table(header, cells)}"
    )

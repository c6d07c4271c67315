"""Gradient of one expectation value by hundreds of parameters, with the adjoint method."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.agreement import WrongStateError
from harness.families.layered import ansatz
from harness.markdown import milliseconds, number, times
from harness.markdown import table as markdown_table
from harness.operations import Operations
from harness.settings import Settings
from harness.simulators import Simulator, lightning, quasim
from harness.timing import interleaved, medians

TITLE = "Gradients"
EVERY_THREAD_COUNT = False
_TOLERANCE = {"complex64": 1e-4, "complex128": 1e-9}
_FORWARD = "QuASIM, forward run"


def parametrized(ops: Operations, n: int) -> tuple[Any, np.ndarray]:
    """Build our circuit with a parameter for each angle, and return the angles as a vector."""
    import quasim_backend as quasim_backend

    circuit = quasim_backend.Circuit(n)
    values: list[float] = []
    for op in ops:
        names = [quasim_backend.Parameter(f"a{len(values) + k}") for k in range(len(op.angles))]
        circuit.gate(op.name, op.qubits, names)
        values += op.angles
    return circuit, np.array(values)


def neighbours(n: int) -> list[tuple[float, str]]:
    """Return an Ising chain: weights and labels, the leftmost letter on the highest qubit."""
    bonds = [(0.1 * (q + 1), "I" * (n - q - 2) + "ZZ" + "I" * q) for q in range(n - 1)]
    return bonds + [(0.3, "I" * (n - q - 1) + "X" + "I" * q) for q in range(n)]


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Time each width and dtype."""
    widths = [12] if settings.quick else [20, 22]
    with_lightning = lightning.NAME in [peer.NAME for peer in peers]
    return [
        _measure(n, dtype, settings, with_lightning) for n in widths for dtype in settings.dtypes
    ]


def _measure(n: int, dtype: str, settings: Settings, with_lightning: bool) -> dict[str, Any]:
    from quasim_backend import PauliSum

    ops = ansatz(n)
    circuit, values = parametrized(ops, n)
    observable = PauliSum.of({label: weight for weight, label in neighbours(n)})
    runtime = quasim.session(dtype, settings.threads)
    compiled = runtime.compile(circuit, keep_idle=True)
    starts: dict[str, Any] = {
        "QuASIM": lambda: lambda: runtime.gradient(compiled, observable, values),
        _FORWARD: lambda: lambda: runtime.simulate(compiled, parameters=values),
    }
    ours = starts["QuASIM"]()()[1].ravel()
    if with_lightning:
        starts[lightning.NAME] = _lightning(ops, n, dtype)
        theirs = np.asarray(starts[lightning.NAME]()(), float).ravel()
        error = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
        if not error <= _TOLERANCE[dtype]:
            raise WrongStateError(
                f"Gradient, {n} qubits, {dtype}: QuASIM and Lightning differ by {error:.3g}."
            )
    seconds = medians(interleaved(starts, settings.repeats, settings.budget))
    slower = seconds[lightning.NAME] / seconds["QuASIM"] if with_lightning else None
    return {
        "qubits": n,
        "dtype": dtype,
        "threads": settings.threads,
        "parameters": len(values),
        "seconds": seconds,
        "to_forward": seconds["QuASIM"] / seconds[_FORWARD],
        "best_peer": lightning.NAME if with_lightning else None,
        "ratio": slower,
    }


def _lightning(ops: Operations, n: int, dtype: str) -> Any:
    import pennylane as qml

    device = lightning.device(n, dtype)
    wire_map = {i: i for i in range(n)}
    weights, labels = zip(*neighbours(n), strict=True)
    words = [qml.pauli.string_to_pauli_word(label, wire_map) for label in labels]
    gates = lightning.operations(ops, n)
    tape = qml.tape.QuantumScript(
        gates,
        [qml.expval(qml.Hamiltonian(list(weights), words))],
        trainable_params=list(range(sum(len(op.angles) for op in ops))),
    )
    return lambda: lambda: device.compute_derivatives([tape])[0]


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(f"{name} {milliseconds(s)} ms" for name, s in row["seconds"].items())
    where = f"{row['parameters']} parameters, {row['qubits']} qubits, {row['dtype']}"
    return f"{where}: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    cells = [
        [
            str(row["qubits"]),
            str(row["parameters"]),
            row["dtype"],
            milliseconds(row["seconds"]["QuASIM"]),
            number(row["to_forward"]),
            milliseconds(row["seconds"].get(lightning.NAME)),
            times(row["ratio"], row["best_peer"]),
        ]
        for row in rows
    ]
    header = ["qubits", "parameters", "dtype", "QuASIM, ms", "in forward runs", "Lightning, ms"]
    return (
        "The ansatz with its angles as parameters; value and gradient of an Ising chain with "
        "field, forward run included (`Runtime.gradient`; Lightning: adjoint method)."
        f"\n\n{markdown_table([*header, 'ratio'], cells)}"
    )

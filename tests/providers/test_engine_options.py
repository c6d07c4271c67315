"""Settings of engines, given through the SDKs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from quasim_backend.errors import ApproximationError

WIDTH = 24
CUT = {"max_bond_dimension": 2}
"""Far too little for the circuits below, which is an error unless more is allowed."""
ALLOWED = {**CUT, "max_truncation_error": 1.0}


def angles() -> list[list[float]]:
    return [[0.3 + 0.7 * ((3 * q + 5 * layer) % 7) for q in range(WIDTH)] for layer in range(6)]


def qiskit_run(settings: dict[str, Any] | None) -> None:
    qiskit = pytest.importorskip("qiskit")
    from quasim_qiskit import AerSimulator

    circuit = qiskit.QuantumCircuit(WIDTH)
    for layer in angles():
        for q, angle in enumerate(layer):
            circuit.ry(angle, q)
        for q in range(WIDTH - 1):
            circuit.cx(q, q + 1)
    circuit.measure_all()
    backend = AerSimulator(method="matrix_product_state", engine_options=settings)
    result = backend.run(circuit, shots=3).result()
    if not result.success:
        raise ApproximationError(result.results[0].status)


def cirq_run(settings: dict[str, Any] | None) -> None:
    cirq = pytest.importorskip("cirq")
    import quasim_cirq

    qubits = cirq.LineQubit.range(WIDTH)
    circuit = cirq.Circuit()
    for layer in angles():
        circuit += [cirq.ry(angle)(q) for q, angle in zip(qubits, layer, strict=True)]
        circuit += [cirq.CX(a, b) for a, b in itertools.pairwise(qubits)]
    circuit += cirq.measure(*qubits, key="m")
    simulator = quasim_cirq.Simulator(method="matrix_product_state", engine_options=settings)
    simulator.run(circuit, repetitions=3)


def pennylane_run(settings: dict[str, Any] | None) -> None:
    qml = pytest.importorskip("pennylane")
    device = qml.device("quasim.cpu", wires=WIDTH, method="mps", engine_options=settings)

    @qml.qnode(device)
    def mean():
        for layer in angles():
            for q, angle in enumerate(layer):
                qml.RY(angle, q)
            for q in range(WIDTH - 1):
                qml.CNOT([q, q + 1])
        return qml.expval(qml.Z(WIDTH // 2))

    mean()


def pytket_run(settings: dict[str, Any] | None) -> None:
    pytket = pytest.importorskip("pytket")
    from quasim_pytket import QuasimBackend

    circuit = pytket.Circuit(WIDTH)
    for layer in angles():
        for q, angle in enumerate(layer):
            circuit.Ry(angle / 3.14159265, q)
        for q in range(WIDTH - 1):
            circuit.CX(q, q + 1)
    circuit.measure_all()
    backend = QuasimBackend(method="matrix_product_state", engine_options=settings)
    backend.run_circuit(circuit, n_shots=3)


RUNS = [
    pytest.param(run, id=run.__name__) for run in (qiskit_run, cirq_run, pennylane_run, pytket_run)
]


@pytest.mark.parametrize("run", RUNS)
def test_settings_reach_the_engine(run: Callable[[dict[str, Any] | None], None]) -> None:
    run(ALLOWED)
    with pytest.raises(Exception, match=r"max_bond_dimension=2; the largest bond was 2"):
        run(CUT)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"bond": 3}, r"Unknown option 'bond'.* max_bond_dimension"),
        ({"max_bond_dimension": 0}, "at least 1; got 0"),
        (5, "must be a mapping such as"),
        ({"device": "gpu"}, "Unknown option 'device'"),
    ],
)
def test_impossible_settings_are_refused(run, settings, problem) -> None:
    with pytest.raises(Exception, match=problem):
        run(settings)

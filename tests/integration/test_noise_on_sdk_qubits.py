"""Noise rules for particular qubits, in a session that is given the circuits of SDKs.

Qubit 0 of a rule is the SDK's own qubit 0, whatever the order QuASIM keeps the qubits in.
"""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise

# After X on qubit 0 that qubit goes back to 0; X on another qubit stays.
MODEL = quasim.NoiseModel().on_gates(noise.bit_flip(1.0), "x", (0,))


def qiskit_circuit() -> tuple[object, int]:
    qiskit = pytest.importorskip("qiskit")
    circuit = qiskit.QuantumCircuit(3)
    for q in range(3):
        circuit.x(q)
    return circuit, 0b110  # Qiskit's qubit 0 is the lowest bit


def cirq_circuit() -> tuple[object, int]:
    cirq = pytest.importorskip("cirq")
    return cirq.Circuit(cirq.X.on_each(cirq.LineQubit.range(3))), 0b011


def pennylane_circuit() -> tuple[object, int]:
    qml = pytest.importorskip("pennylane")
    return qml.tape.QuantumScript([qml.X(w) for w in range(3)]), 0b011


def pytket_circuit() -> tuple[object, int]:
    pytket = pytest.importorskip("pytket")
    return pytket.Circuit(3).X(0).X(1).X(2), 0b011


@pytest.mark.parametrize("make", [qiskit_circuit, cirq_circuit, pennylane_circuit, pytket_circuit])
def test_qubit_0_of_a_rule_is_qubit_0_of_the_sdk(make):
    circuit, state = make()
    with quasim.runtime(noise_model=MODEL) as rt:
        probabilities = rt.probabilities(circuit)
        sampled = rt.sample(circuit, 5, seed=1)
    np.testing.assert_allclose(probabilities, np.eye(8)[state], atol=1e-6)
    assert set((sampled @ [1, 2, 4]).tolist()) == {state}


def test_qubits_without_numbers_are_refused_if_a_rule_names_some():
    cirq = pytest.importorskip("cirq")
    qml = pytest.importorskip("pennylane")
    circuits = [
        cirq.Circuit(cirq.X.on_each(cirq.GridQubit.rect(1, 2))),
        qml.tape.QuantumScript([qml.X("a")]),
    ]
    for circuit in circuits:
        message = r"rules for qubits \[0\].*numbers"
        with (
            quasim.runtime(noise_model=MODEL) as rt,
            pytest.raises(quasim.UnsupportedError, match=message),
        ):
            rt.probabilities(circuit)
        everywhere = quasim.NoiseModel().on_gates(noise.bit_flip(1.0), "x")
        with quasim.runtime(noise_model=everywhere) as rt:
            assert rt.probabilities(circuit)[0] == pytest.approx(1.0)

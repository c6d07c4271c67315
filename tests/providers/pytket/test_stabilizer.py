"""``method="stabilizer"``: shots and expectation values of wide Clifford circuits."""

from __future__ import annotations

import numpy as np
import pytest
from pytket.circuit import Circuit, Qubit
from pytket.pauli import Pauli, QubitPauliString
from pytket.utils.operators import QubitPauliOperator

from quasim_backend.errors import UnsupportedError
from quasim_pytket import QuasimBackend

pytest.importorskip("stim")


def ghz(width):
    circuit = Circuit(width, width).H(0)
    for qubit in range(width - 1):
        circuit.CX(qubit, qubit + 1)
    return circuit


def test_wide_shots():
    circuit = ghz(150).Rz(1.5, 4).measure_all()
    counts = (
        QuasimBackend(method="stabilizer").run_circuit(circuit, n_shots=300, seed=2).get_counts()
    )
    assert {sum(bits) for bits in counts} == {0, 150}


def test_wide_expectation_values():
    backend = QuasimBackend(method="stabilizer")
    qubits = [Qubit(q) for q in range(150)]
    every = QubitPauliString(qubits, [Pauli.X] * 150)
    pair = QubitPauliString([qubits[3], qubits[140]], [Pauli.Z] * 2)
    assert backend.get_pauli_expectation_value(ghz(150), every) == 1
    operator = QubitPauliOperator({every: 0.5, pair: -2})
    assert backend.get_operator_expectation_value(ghz(150), operator) == -1.5


def test_states_with_their_phase():
    circuit = Circuit(3).V(0).CX(0, 1).Sdg(1).ISWAPMax(1, 2).TK1(0.5, 1.5, 1, 2).add_phase(0.3)
    exact = circuit.get_statevector()
    found = QuasimBackend(method="stabilizer").run_circuit(circuit).get_state()
    np.testing.assert_allclose(found, exact, atol=1e-10)


def test_other_gates_are_refused_by_name():
    with pytest.raises(UnsupportedError, match="gate number 2, t on qubit"):
        QuasimBackend(method="stabilizer").run_circuit(ghz(2).T(0).measure_all(), n_shots=1)

"""``method="matrix_product_state"`` against Qiskit Aer's and dense states."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit_aer")

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from quasim_qiskit import AerSimulator

METHOD = "matrix_product_state"


def entangled(num_qubits=5):
    circuit = QuantumCircuit(num_qubits)
    for q in range(num_qubits):
        circuit.ry(0.3 + 0.5 * q, q)
    for q in range(num_qubits - 1):
        circuit.cx(q, q + 1)
        circuit.rx(0.4 * q - 0.7, q + 1)
    circuit.rzz(0.8, 0, num_qubits - 1)
    return circuit


def data(backend, circuit):
    return backend.run(circuit, shots=1).result().data(0)


def test_a_saved_state_has_aers_form():
    circuit = entangled()
    circuit.save_matrix_product_state(label="mps")
    gammas, values = data(AerSimulator(method=METHOD), circuit)["mps"]
    aers, aer_values = data(qiskit_aer.AerSimulator(method=METHOD), circuit)["mps"]
    assert [g[0].shape for g in gammas] == [g[0].shape for g in aers]
    for own, theirs in zip(values, aer_values, strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-12)


@pytest.mark.parametrize("source", [AerSimulator, qiskit_aer.AerSimulator])
@pytest.mark.parametrize("method", [METHOD, "statevector"])
def test_a_state_is_set_as_it_was_saved(source, method):
    wanted = Statevector(entangled())
    circuit = entangled()
    circuit.save_matrix_product_state(label="mps")
    gammas, values = data(source(method=METHOD), circuit)["mps"]
    again = QuantumCircuit(5)
    again.h(range(5))
    again.set_matrix_product_state(
        ([tuple(g) for g in gammas], [[float(v) for v in bond] for bond in values])
    )
    again.save_statevector()
    found = data(AerSimulator(method=method), again)["statevector"]
    assert abs(np.vdot(np.asarray(found), wanted.data)) == pytest.approx(1, abs=1e-10)


def test_a_wide_circuit_runs_and_its_limits_are_reported():
    circuit = QuantumCircuit(90)
    circuit.h(0)
    for q in range(89):
        circuit.cx(q, q + 1)
    circuit.save_expectation_value(SparsePauliOp("ZZ"), [3, 80])
    circuit.measure_all()
    backend = AerSimulator(method=METHOD, matrix_product_state_max_bond_dimension=2)
    result = backend.run(circuit, shots=200, seed_simulator=1).result()
    assert set(result.get_counts()) == {"0" * 90, "1" * 90}
    assert result.data(0)["expectation_value"] == pytest.approx(1)
    facts = result.results[0].metadata
    assert facts["method"] == METHOD
    assert facts["quasim"]["max_bond"] == 2


def test_a_state_that_does_not_fit_is_an_error_unless_it_is_allowed():
    circuit = entangled(8)
    for _ in range(3):
        circuit.compose(entangled(8), inplace=True)
    circuit.save_statevector()
    strict = AerSimulator(method=METHOD, matrix_product_state_max_bond_dimension=2)
    result = strict.run(circuit, shots=1).result()
    assert not result.success
    assert "max_truncation_error=0.001" in result.results[0].status
    lenient = AerSimulator(
        method=METHOD, matrix_product_state_max_bond_dimension=2, max_truncation_error=1
    )
    assert lenient.run(circuit, shots=1).result().success

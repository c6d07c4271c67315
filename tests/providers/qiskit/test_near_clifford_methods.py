"""Aer's extended stabilizer and QuASIM's Pauli propagation, asked for by name."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from quasim_qiskit import AerSimulator, EstimatorV2
from quasim_qiskit.options import DEFAULTS, settings


def test_extended_stabilizer_runs_what_a_state_vector_cannot() -> None:
    circuit = QuantumCircuit(80)
    circuit.h(0)
    for q in range(79):
        circuit.cx(q, q + 1)
    circuit.t(79)
    for q in reversed(range(79)):
        circuit.cx(q, q + 1)
    circuit.h(0)
    circuit.measure_all()
    simulator = AerSimulator(method="extended_stabilizer", seed_simulator=3)
    result = simulator.run(circuit, shots=4000).result()
    counts = result.get_counts()
    assert set(counts) == {"0" * 80, "0" * 79 + "1"}
    # H T H: cos(pi/8)**2
    assert counts["0" * 80] / 4000 == pytest.approx(np.cos(np.pi / 8) ** 2, abs=0.03)
    assert result.results[0].metadata["method"] == "extended_stabilizer"


def test_the_error_goes_to_the_session() -> None:
    options = {**DEFAULTS, "extended_stabilizer_approximation_error": 0.02}
    assert settings(options).config.approximation_error == 0.02


@pytest.mark.parametrize("method", ["extended_stabilizer", "pauli_propagation"])
def test_estimators(method: str) -> None:
    circuit = QuantumCircuit(5)
    circuit.h(0)
    for q in range(4):
        circuit.cx(q, q + 1)
        circuit.t(q + 1)
        circuit.ry(0.3, q)
    observable = SparsePauliOp.from_list([("ZZXIY", 0.5), ("IIIZZ", -1.25), ("XXXXX", 2.0)])
    estimator = EstimatorV2(options={"backend_options": {"method": method}})
    found = estimator.run([(circuit, observable)]).result()[0].data.evs
    wanted = Statevector(circuit).expectation_value(observable).real
    assert found == pytest.approx(wanted, abs=1e-12)

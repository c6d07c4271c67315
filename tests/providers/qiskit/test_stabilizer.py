"""``method="stabilizer"`` against Qiskit Aer's and Qiskit's own stabilizer states."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit_aer")
pytest.importorskip("stim")

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import Clifford, Pauli, SparsePauliOp, StabilizerState, random_clifford

from quasim_backend.testing import FALSE_ALARM, two_sample
from quasim_qiskit import AerSimulator


def ours(circuit, **options):
    return AerSimulator(method="stabilizer", **options).run(circuit, shots=2000).result()


@pytest.mark.parametrize("seed", range(4))
def test_saves_are_what_aer_saves(seed):
    circuit = random_clifford(5, seed=seed).to_circuit()
    circuit.save_stabilizer()
    circuit.save_clifford()
    operator = SparsePauliOp(["XXYIZ", "ZZIII", "IIIIX"], [1, 0.5, -2])
    circuit.save_expectation_value(operator, range(5))
    circuit.save_expectation_value_variance(operator, range(5))
    circuit.save_probabilities_dict([3, 0])
    circuit.save_amplitudes_squared([0, 5, 31])
    mine = ours(circuit).data(0)
    theirs = qiskit_aer.AerSimulator(method="stabilizer").run(circuit).result().data(0)
    assert isinstance(mine["stabilizer"], StabilizerState)
    assert isinstance(mine["clifford"], Clifford)
    exact = StabilizerState(random_clifford(5, seed=seed))
    assert mine["stabilizer"].equiv(exact)
    assert mine["clifford"] == random_clifford(5, seed=seed)
    for label in ("expectation_value", "expectation_value_variance"):
        np.testing.assert_allclose(mine[label], theirs[label], atol=1e-9)
    np.testing.assert_allclose(mine["amplitudes_squared"], theirs["amplitudes_squared"], atol=1e-9)
    wanted = exact.probabilities_dict([3, 0])
    assert mine["probabilities"] == pytest.approx({int(k, 2): v for k, v in wanted.items()})


def test_set_stabilizer_and_save_state():
    clifford = random_clifford(4, seed=9)
    for state in (StabilizerState(clifford), clifford):
        circuit = QuantumCircuit(4)
        circuit.h(range(4))
        circuit.set_stabilizer(state)
        circuit.save_state()
        assert ours(circuit).data(0)["stabilizer"].equiv(StabilizerState(clifford))


def test_automatic_takes_the_stabilizer_method_for_a_stabilizer():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_stabilizer()
    result = AerSimulator().run(circuit).result()
    assert result.results[0].metadata["method"] == "stabilizer"
    assert result.data(0)["stabilizer"].expectation_value(Pauli("IX")) == 1


def test_counts_with_feed_forward_and_noise_are_aers():
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(2)
    circuit.h(1)
    circuit.measure([1, 2], [1, 2])
    noise = qiskit_aer.noise.NoiseModel()
    noise.add_all_qubit_quantum_error(qiskit_aer.noise.depolarizing_error(0.1, 2), ["cx"])
    noise.add_all_qubit_quantum_error(qiskit_aer.noise.pauli_error([("Y", 0.2), ("I", 0.8)]), ["h"])
    noise.add_all_qubit_readout_error([[0.95, 0.05], [0.1, 0.9]])
    shots = 20000
    mine = AerSimulator(method="stabilizer", noise_model=noise).run(circuit, shots=shots).result()
    theirs = qiskit_aer.AerSimulator(method="stabilizer", noise_model=noise)
    assert mine.results[0].metadata["method"] == "stabilizer"
    counts = theirs.run(circuit, shots=shots).result().get_counts()
    assert two_sample(mine.get_counts(), counts) > FALSE_ALARM


def test_wide_circuits_and_what_is_no_clifford():
    circuit = QuantumCircuit(400, 400)
    circuit.h(0)
    for qubit in range(399):
        circuit.cx(qubit, qubit + 1)
    circuit.rz(np.pi / 2, 7)
    circuit.measure(range(400), range(400))
    assert set(ours(circuit).get_counts()) == {"0" * 400, "1" * 400}
    circuit.t(3)
    circuit.measure(3, 3)
    status = ours(circuit).status
    assert "gate number 401, t on qubit 3, is no Clifford gate" in status

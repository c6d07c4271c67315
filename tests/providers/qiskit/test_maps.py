"""Superoperators, unitaries and states of circuits against Qiskit Aer's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit_aer")

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, SuperOp
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

from quasim_qiskit import AerSimulator
from quasim_qiskit.errors import QuasimQiskitError


def test_superoperators_at_several_points_are_aers() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_superop(label="first")
    circuit.append(amplitude_damping_error(0.2).to_instruction(), [1])
    circuit.reset(0)
    circuit.rx(0.3, 0)
    circuit.save_superop(label="once", pershot=True)
    circuit.save_state()
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), "cx")
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.3), ["h", "rx"])
    for noise_model in (None, model):
        options = {"method": "superop", "noise_model": noise_model}
        expected = qiskit_aer.AerSimulator(**options).run(circuit).result()
        found = AerSimulator(**options).run(circuit).result()
        mine = found.data()
        assert mine.keys() == expected.data().keys() == {"first", "once", "superop"}
        for label, theirs in expected.data().items():
            assert np.abs(np.asarray(theirs) - np.asarray(mine[label])).max() < 1e-10, label
        assert isinstance(mine["superop"], SuperOp)
        assert mine["superop"].input_dims() == (2, 2)
        assert len(mine["once"]) == 1
        theirs, ours = expected.results[0].metadata, found.results[0].metadata
        assert theirs["method"] == ours["method"] == "superop"
        assert theirs["result_types"] == ours["result_types"]
        assert theirs["result_subtypes"] == ours["result_subtypes"]


def test_method_automatic_finds_superoperators() -> None:
    circuit = QuantumCircuit(1)
    circuit.t(0)
    circuit.save_superop()
    found = AerSimulator().run(circuit).result().data()["superop"]
    assert np.allclose(found.data, SuperOp(Operator.from_label("T")).data)


def test_what_is_saved_as_state_has_aers_label_and_type() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_state()
    for method in ("statevector", "density_matrix", "unitary", "superop"):
        theirs, mine = (
            kind(method=method).run(circuit).result()
            for kind in (qiskit_aer.AerSimulator, AerSimulator)
        )
        (label, expected), (mine_label, found) = *theirs.data().items(), *mine.data().items()
        assert (label, type(expected).__name__) == (mine_label, type(found).__name__)
        assert np.abs(np.asarray(expected) - np.asarray(found)).max() < 1e-12
        for fact in ("result_types", "result_subtypes"):
            assert theirs.results[0].metadata[fact] == mine.results[0].metadata[fact]


@pytest.mark.parametrize("name", ["save_unitary", "save_superop"])
def test_maps_need_circuits_without_measurements(name: str) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    getattr(circuit, name)()
    job = AerSimulator().run(circuit)
    with pytest.raises(QuasimQiskitError, match=f"{name} cannot be in a circuit with measurements"):
        job.result()

"""Save and set instructions against Qiskit's quantum_info."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit
from qiskit.quantum_info import (
    DensityMatrix,
    Kraus,
    Operator,
    SparsePauliOp,
    Statevector,
    partial_trace,
    random_statevector,
)

from quasim_qiskit import AerSimulator
from quasim_qiskit.circuit_methods import StateInstruction
from quasim_qiskit.errors import QuasimQiskitError

OBSERVABLE = SparsePauliOp(["XYZ", "ZZI", "IIX"], [0.5, -1.25, 0.75])


def _circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(4, 4, global_phase=0.4)
    rng = np.random.default_rng(2)
    for _ in range(2):
        for qubit in range(4):
            circuit.u(*rng.uniform(-3, 3, 3).tolist(), qubit)
        circuit.cx(0, 2)
        circuit.rzx(0.7, 3, 1)
        circuit.cp(0.9, 1, 2)
    return circuit


def _data(circuit: QuantumCircuit, **options):
    result = AerSimulator(seed_simulator=5).run(circuit, **options).result()
    assert result.success, result.status
    return result


def test_statevector_in_all_forms() -> None:
    circuit = _circuit()
    expected = Statevector(circuit)
    circuit.save_statevector()
    circuit.save_state(label="state")
    circuit.save_statevector_dict(label="dictionary")
    circuit.save_amplitudes([0, 5, 7, 10])
    circuit.save_amplitudes_squared([1, 2])
    result = _data(circuit)
    state = result.get_statevector()
    assert isinstance(state, Statevector)
    assert np.abs(state.data - expected.data).max() < 1e-12
    assert np.allclose(result.data()["state"], expected.data, atol=1e-12)
    assert np.allclose(result.data()["amplitudes"], expected.data[[0, 5, 7, 10]], atol=1e-12)
    squares = np.abs(expected.data[[1, 2]]) ** 2
    assert np.allclose(result.data()["amplitudes_squared"], squares, atol=1e-12)
    for key, value in result.data()["dictionary"].items():
        assert abs(value - expected.data[int(key, 16)]) < 1e-12


def test_idle_qubits_are_part_of_the_state() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(1)
    circuit.save_statevector()
    expected = np.zeros(8)
    expected[[0, 2]] = 0.5**0.5
    assert np.allclose(_data(circuit).get_statevector().data, expected)


@pytest.mark.parametrize("qubits", [[0], [3, 1], [2, 0, 3], None])
def test_density_matrix_and_probabilities_of_some_qubits(qubits) -> None:
    circuit = _circuit()
    state = Statevector(circuit)
    circuit.save_density_matrix(qubits)
    circuit.save_probabilities(qubits)
    circuit.save_probabilities_dict(qubits, label="dictionary")
    data = _data(circuit).data()
    kept = list(range(4)) if qubits is None else qubits
    reduced = partial_trace(state, [q for q in range(4) if q not in kept])
    order = np.argsort(np.argsort(kept))
    matrix = reduced.data.reshape((2,) * (2 * len(kept)))
    # quantum_info keeps the remaining qubits ascending; the save has them as they were given.
    axes = [len(kept) - 1 - order[len(kept) - 1 - i] for i in range(len(kept))]
    matrix = matrix.transpose(axes + [a + len(kept) for a in axes]).reshape(reduced.data.shape)
    assert np.allclose(data["density_matrix"].data, matrix, atol=1e-12)
    assert np.allclose(data["probabilities"], state.probabilities(kept), atol=1e-12)
    for key, value in data["dictionary"].items():
        assert abs(value - state.probabilities(kept)[key]) < 1e-12


def test_expectation_value_and_variance() -> None:
    circuit = _circuit()
    state = Statevector(circuit)
    qubits = [3, 0, 2]
    circuit.save_expectation_value(OBSERVABLE, qubits)
    circuit.save_expectation_value_variance(OBSERVABLE, qubits)
    data = _data(circuit).data()
    mean = state.expectation_value(OBSERVABLE, qubits).real
    square = state.expectation_value(OBSERVABLE @ OBSERVABLE, qubits).real
    assert data["expectation_value"] == pytest.approx(mean, abs=1e-12)
    assert np.allclose(data["expectation_value_variance"], [mean, square - mean**2], atol=1e-12)


def test_unitary_at_several_points() -> None:
    circuit = _circuit()
    first = Operator(circuit)
    circuit.save_unitary(label="first")
    circuit.h(1)
    circuit.save_unitary()
    result = _data(circuit)
    assert np.allclose(result.data()["first"], first.data, atol=1e-12)
    hadamard = QuantumCircuit(4)
    hadamard.h(1)
    second = Operator(hadamard) @ first
    assert np.allclose(result.get_unitary().data, second.data, atol=1e-12)


def test_method_unitary_saves_the_unitary_as_state() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_state()
    result = AerSimulator(method="unitary").run(circuit).result()
    assert np.allclose(result.get_unitary().data, Operator.from_label("IH").data)


def _branching() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(1.1, 0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    return circuit


def test_subtypes_after_a_measurement() -> None:
    circuit = _branching()
    circuit.save_statevector(label="single")
    circuit.save_statevector(label="each", pershot=True)
    circuit.save_statevector(label="by value", conditional=True)
    circuit.save_density_matrix(label="mean")
    circuit.save_probabilities(label="sum", unnormalized=True)
    circuit.save_probabilities(label="mean by value", conditional=True)
    circuit.save_expectation_value(SparsePauliOp("ZI"), [0, 1], label="list", pershot=True)
    circuit.save_amplitudes_squared([0, 3], label="squares")
    result = _data(circuit, shots=200, memory=True)
    data, memory = result.data(), result.get_memory()
    states = {"0": [1, 0, 0, 0], "1": [0, 0, 0, 1]}
    ones = memory.count("1") / 200
    assert 0 < ones < 1
    assert np.allclose(data["single"], states[memory[-1]])
    assert all(
        np.allclose(found.data, states[bit])
        for found, bit in zip(data["each"], memory, strict=True)
    )
    assert set(data["by value"]) == {"0x0", "0x1"}
    assert np.allclose(data["by value"]["0x1"], states["1"])
    assert isinstance(data["mean"], DensityMatrix)
    assert np.allclose(np.diag(data["mean"].data), [1 - ones, 0, 0, ones])
    assert np.allclose(data["sum"], [200 * (1 - ones), 0, 0, 200 * ones])
    assert np.allclose(data["mean by value"]["0x0"], [1, 0, 0, 0])
    assert np.allclose(data["list"], [1 - 2 * int(bit) for bit in memory])
    assert np.allclose(data["squares"], [1 - ones, ones])


def test_initialize_and_set_statevector() -> None:
    state = random_statevector(4, seed=3)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.initialize(state, [2, 0])
    circuit.save_statevector()
    other = QuantumCircuit(2)
    other.h(0)
    other.set_statevector(state)
    other.x(1)
    other.save_statevector()
    plus = np.array([1, 1]) / 2**0.5
    expected = np.zeros((2, 2, 2), complex)
    for high in range(2):  # qubit 0, the second one given, is the high bit of the amplitudes
        for low in range(2):
            for one in range(2):
                expected[low, one, high] = state.data[2 * high + low] * plus[one]
    assert np.allclose(_data(circuit).get_statevector().data, expected.reshape(-1), atol=1e-12)
    flipped = state.evolve(Operator.from_label("XI"))
    assert np.allclose(_data(other).get_statevector().data, flipped.data, atol=1e-12)


@pytest.mark.parametrize(("given", "label"), [("1+l", "1+l"), (5, "101"), ("01r", "01r")])
def test_initialize_by_label_and_number(given, label: str) -> None:
    circuit = QuantumCircuit(3)
    circuit.initialize(given, range(3))
    circuit.save_statevector()
    expected = Statevector.from_label(label)
    assert np.allclose(_data(circuit).get_statevector().data, expected.data, atol=1e-12)


def test_a_channel_in_the_circuit(chi_square) -> None:
    damping = Kraus([[[1, 0], [0, 0.8]], [[0, 0.6], [0, 0]]])
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.append(damping.to_instruction(), [0])
    circuit.measure(0, 0)
    counts = _data(circuit, shots=4000).get_counts()
    chi_square(counts, {"0": 0.36, "1": 0.64}, 4000)


def test_labels_are_unique() -> None:
    circuit = QuantumCircuit(1)
    circuit.save_statevector()
    circuit.save_statevector()
    with pytest.raises(QuasimQiskitError, match="'statevector'"):
        AerSimulator().run(circuit).result()


def test_a_save_that_went_through_qpy_keeps_its_default_subtype() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.append(StateInstruction("save_probabilities", 2, "p"), [0, 1])
    del circuit.data[-1].operation.__dict__["_subtype"]
    assert np.allclose(_data(circuit).data()["p"], [0.5, 0.5, 0, 0])


def test_methods_are_there_without_aer() -> None:
    """Another process, in which Aer cannot be imported."""
    program = """
import sys
sys.modules["qiskit_aer"] = None
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli
from quasim_qiskit import AerSimulator
import numpy as np
names = '''save_state save_statevector save_statevector_dict save_density_matrix save_unitary
save_superop save_stabilizer save_clifford save_matrix_product_state save_probabilities
save_probabilities_dict save_expectation_value save_expectation_value_variance save_amplitudes
save_amplitudes_squared set_statevector set_density_matrix set_unitary set_superop set_stabilizer
set_matrix_product_state'''.split()
assert len(names) == 21 and all(hasattr(QuantumCircuit, n) for n in names)
c = QuantumCircuit(2, 1)
c.set_statevector([0, 1, 0, 0])
c.h(1)
c.save_statevector(pershot=True, label="s")
c.save_expectation_value(Pauli("XZ"), [0, 1])
c.save_expectation_value_variance(Pauli("XZ"), [0, 1])
c.save_density_matrix([0])
c.save_probabilities_dict()
c.save_amplitudes(["01", "0x3"])
c.save_amplitudes_squared([1], conditional=True)
d = AerSimulator().run(c, shots=2).result().data()
assert len(d["s"]) == 2 and np.allclose(d["s"][0].data, [0, 0.5**0.5, 0, 0.5**0.5])
assert np.isclose(d["expectation_value"], -1.0)
assert np.allclose(d["expectation_value_variance"], [-1, 0])
assert np.allclose(d["density_matrix"].data, [[0, 0], [0, 1]])
assert np.allclose(d["amplitudes"], 0.5**0.5)
assert np.allclose(d["amplitudes_squared"]["0x0"], 0.5)
assert set(d["probabilities"]) == {1, 3}
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_state_preparation_on_fresh_and_on_used_qubits() -> None:
    state = random_statevector(8, seed=6).data
    circuit = QuantumCircuit(4)
    circuit.h(1)
    circuit.prepare_state(state, [3, 0, 2])
    circuit.cx(1, 0)
    circuit.prepare_state(state, [0, 1, 2])
    expected = Statevector(circuit)
    circuit.save_statevector()
    assert np.allclose(_data(circuit).get_statevector().data, expected.data, atol=1e-10)

"""Exact measurements, batches and wires: as default.qubit."""

from __future__ import annotations

import numpy as np
import pytest

qml = pytest.importorskip("pennylane")

HERMITIAN = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])
WIDE = np.kron(np.kron(HERMITIAN, HERMITIAN), np.kron(HERMITIAN, HERMITIAN))
SUM = 0.5 * qml.X(0) @ qml.Y(2) + 0.2 * qml.Z(1) - 1.5 * qml.I(0)
MEASUREMENTS = {
    "pauli": lambda: qml.expval(qml.X(0) @ qml.Y(2)),
    "hadamard": lambda: qml.expval(qml.H(1)),
    "hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2)),
    "wide hermitian": lambda: qml.expval(qml.Hermitian(WIDE, [2, 0, 1, 3])),
    "projector": lambda: qml.expval(qml.Projector([0, 1], [1, 3])),
    "wide projector": lambda: qml.expval(qml.Projector([0, 1, 0, 0], [1, 3, 0, 2])),
    "state projector": lambda: qml.expval(qml.Projector([0.6, 0.8j], [1])),
    "sum": lambda: qml.expval(SUM),
    "hamiltonian": lambda: qml.expval(qml.Hamiltonian([0.3, 0.4], [qml.Z(0), qml.Y(1)])),
    "mixed sum": lambda: qml.expval(qml.Hermitian(WIDE, range(4)) + 2 * qml.Z(1) @ qml.H(0)),
    "mixed product": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2) @ qml.Y(0) @ qml.H(3)),
    "sparse": lambda: qml.expval(qml.SparseHamiltonian(SUM.sparse_matrix(), [0, 2, 1])),
    "identity": lambda: qml.expval(qml.I(2)),
    "var": lambda: qml.var(SUM),
    "var hermitian": lambda: qml.var(qml.Hermitian(HERMITIAN, 3)),
    "var wide hermitian": lambda: qml.var(qml.Hermitian(WIDE, [2, 0, 1, 3])),
    "probs": lambda: qml.probs([2, 0]),
    "probs of all": lambda: qml.probs(),
    "probs of an observable": lambda: qml.probs(op=qml.X(1) @ qml.Y(0)),
    "state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix([3, 1]),
    "purity": lambda: qml.purity([0, 1]),
    "entropy": lambda: qml.vn_entropy([0, 2], log_base=2),
    "mutual information": lambda: qml.mutual_info([0], [1, 3]),
}


def ansatz(x, y):
    for wire in range(4):
        qml.RY(x + wire, wire)
    qml.CNOT([0, 2])
    qml.IsingXY(y, [1, 3])
    qml.CRot(x, y, 0.3, [2, 1])
    qml.PauliRot(x * y, "XZY", [3, 0, 1])


def both(make, circuit, *arguments, wires=4, **options):
    ours = qml.QNode(circuit, make(wires, **options))(*arguments)
    return ours, qml.QNode(circuit, qml.device("default.qubit", wires=wires))(*arguments)


@pytest.mark.parametrize("measurement", MEASUREMENTS.values(), ids=MEASUREMENTS.keys())
def test_a_measurement_is_default_qubits(make, measurement):
    def circuit():
        ansatz(0.4, 0.7)
        return measurement()

    found, expected = both(make, circuit)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_entropies_of_some_of_the_wires_and_of_named_ones(make):
    def circuit(a, b, c):
        qml.RY(0.3, c)
        qml.Hadamard(b)
        qml.CNOT([b, a])
        return qml.vn_entropy([a]), qml.vn_entropy([c]), qml.mutual_info([a], [b]), qml.purity([b])

    expected = (np.log(2), 0.0, 2 * np.log(2), 0.5)
    for wires, names in ((4, (1, 3, 2)), (["x", "y", "z"], ("z", "x", "y"))):
        found = qml.QNode(circuit, make(wires))(*names)
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_many_measurements_at_once_are_default_qubits(make):
    def circuit():
        ansatz(0.4, 0.7)
        return [measurement() for measurement in MEASUREMENTS.values()]

    for found, expected in zip(*both(make, circuit), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("name", ["sum", "wide hermitian", "probs", "state", "purity", "var"])
def test_batches_run_on_one_compiled_circuit(make, name):
    def circuit(x, y):
        ansatz(x, y)
        return MEASUREMENTS[name](), qml.expval(qml.Z(3))

    x, y = np.linspace(0, 1, 3), 0.3
    device = make(4)
    found = qml.QNode(circuit, device)(x, y)
    expected = qml.QNode(circuit, qml.device("default.qubit", wires=4))(x, y)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, atol=1e-10)
    circuits = [p for p in device._executor._programs._programs.values() if len(p.order)]
    assert len(circuits) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_expectations_of_a_batch_are_computed_in_one_call(make, count, monkeypatch):
    def circuit(x, y):
        ansatz(x, y)
        observables = [0.5 * qml.Z(0) @ qml.X(3) - qml.Y(1), qml.Z(2)]
        return [qml.expval(observable) for observable in observables[:count]]

    x, y = np.linspace(0, 1, 5), 0.3
    device = make(4)
    calls = []
    runtime = type(device._executor._runtime)
    inner = runtime.expectations

    def counted(self, *args, **kwargs):
        calls.append(kwargs["parameters"].shape)
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(runtime, "expectations", counted)
    found = qml.QNode(circuit, device)(x, y)
    expected = qml.QNode(circuit, qml.device("default.qubit", wires=4))(x, y)
    assert len(calls) == 1
    assert np.shape(found) == np.shape(expected) == (count, 5)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_batches_of_matrices_and_states_are_default_qubits(make):
    states = np.array([[0.6, 0.8], [1, 0], [0, 1j]])
    matrices = np.array([qml.matrix(qml.RX(a, 0)) for a in (0.1, 0.2, 0.3)])

    def circuit():
        qml.StatePrep(states, [0])
        qml.QubitUnitary(matrices, 1)
        qml.CNOT([0, 1])
        return qml.probs([1, 0])

    found, expected = both(make, circuit, wires=2)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("wires", [None, ["c", "a", "b"], 3, [2, 0, 1]])
def test_wires_keep_their_order(make, wires):
    labels = wires if isinstance(wires, list) else [0, 1, 2]

    def circuit():
        qml.RX(0.3, labels[1])
        qml.CNOT([labels[1], labels[0]])
        qml.RY(0.9, labels[2])
        return qml.state(), qml.probs([labels[2], labels[0]])

    for found, expected in zip(*both(make, circuit, wires=wires), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_unused_wires_of_the_device_are_in_the_state(make):
    def circuit():
        qml.X(1)
        return qml.state()

    found, expected = both(make, circuit, wires=3)
    np.testing.assert_allclose(found, expected)


def test_single_precision_is_asked_for(make):
    def circuit():
        ansatz(0.1, 0.2)
        return qml.state()

    found, expected = both(make, circuit, c_dtype="single")
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_snapshots_are_taken(make):
    def circuit():
        qml.H(0)
        qml.Snapshot("first")
        qml.CNOT([0, 1])
        qml.Snapshot("mean", measurement=qml.expval(qml.Z(0) @ qml.Z(1)))
        return qml.probs([0, 1])

    found = qml.snapshots(qml.QNode(circuit, make(2)))()
    expected = qml.snapshots(qml.QNode(circuit, qml.device("default.qubit", wires=2)))()
    assert found.keys() == expected.keys()
    for key in found:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-12)


def test_results_do_not_alias_the_devices_memory(make):
    circuit = qml.QNode(lambda: qml.state(), make(2))
    first = circuit()
    first[:] = 0
    np.testing.assert_allclose(circuit(), [1, 0, 0, 0])

"""``method="stabilizer"`` against `default.clifford`, `default.qubit` and `default.mixed`."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pennylane")
pytest.importorskip("stim")

import pennylane as qml
from pennylane.exceptions import DeviceError


def device(wires, **options):
    return qml.device("quasim.cpu", wires=wires, method="stabilizer", seed=1, **options)


def random_gates(seed, width, length):
    rng = np.random.default_rng(seed)
    for _ in range(length):
        a, b = (int(i) for i in rng.permutation(width)[:2])
        match int(rng.integers(6)):
            case 0:
                qml.Hadamard(a)
            case 1:
                qml.S(b)
            case 2:
                qml.CNOT([a, b])
            case 3:
                qml.adjoint(qml.SX(a))
            case 4:
                qml.ISWAP([a, b])
            case 5:
                qml.RX(np.pi / 2, b)


def measurements():
    pauli = qml.X(0) @ qml.Y(1) @ qml.Z(3)
    return (
        qml.expval(pauli),
        qml.expval(0.5 * qml.Z(2) - 2 * pauli + 3 * qml.I(0)),
        qml.var(qml.Z(0) @ qml.Z(1) + 0.3 * qml.X(2)),
        qml.probs([3, 0]),
    )


@pytest.mark.parametrize("seed", range(4))
def test_exact_measurements(seed):
    def circuit():
        random_gates(seed, 4, 25)
        return measurements()

    found = qml.QNode(circuit, device(4))()
    wanted = qml.QNode(circuit, qml.device("default.qubit", wires=4))()
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_noise_is_averaged_exactly():
    def circuit():
        random_gates(9, 4, 10)
        qml.DepolarizingChannel(0.1, 0)
        qml.PhaseFlip(0.2, 1)
        qml.CNOT([0, 3])
        qml.BitFlip(0.15, 3)
        return measurements()

    found = qml.QNode(circuit, device(4))()
    wanted = qml.QNode(circuit, qml.device("default.mixed", wires=4))()
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_a_hundred_wires_as_on_default_clifford():
    def circuit():
        qml.Hadamard(0)
        for wire in range(99):
            qml.CNOT([wire, wire + 1])
        qml.Z(7)
        return qml.expval(qml.prod(*(qml.X(w) for w in range(100)))), qml.expval(
            qml.Z(3) @ qml.Z(98)
        )

    found = qml.QNode(circuit, device(100))()
    wanted = qml.QNode(circuit, qml.device("default.clifford", wires=100))()
    np.testing.assert_allclose(found, wanted)
    assert found[0] == -1


def test_shots_and_mid_circuit_measurements():
    @qml.set_shots(400)
    @qml.qnode(device(60))
    def circuit():
        qml.Hadamard(0)
        for wire in range(59):
            qml.CNOT([wire, wire + 1])
        first = qml.measure(0)
        for wire in range(60):
            qml.cond(first, qml.X)(wire)
        return qml.sample(wires=range(60)), qml.counts(first), qml.expval(qml.X(5))

    samples, counts, mean = circuit()
    assert not samples.any()
    assert set(counts) == {0, 1}
    assert abs(mean) < 0.3


def test_gradients_come_from_shifts_of_angles():
    @qml.qnode(device(1), diff_method="parameter-shift")
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    assert qml.grad(circuit)(qml.numpy.array(np.pi / 2, requires_grad=True)) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("measurement", "message"),
    [
        (lambda: qml.state(), "needs amplitudes"),
        (lambda: qml.density_matrix([0]), "needs amplitudes"),
        (
            lambda: qml.expval(qml.Hermitian(np.diag([1.0, 2.0, 3.0, 4.0] * 4), range(4))),
            "amplitudes",
        ),
    ],
)
def test_what_needs_amplitudes_is_refused(measurement, message):
    @qml.qnode(device(4))
    def circuit():
        qml.Hadamard(0)
        return measurement()

    with pytest.raises(DeviceError, match=message):
        circuit()


def test_other_refusals():
    @qml.qnode(device(2))
    def circuit(angle):
        qml.RX(angle, 1)
        return qml.expval(qml.Z(1))

    with pytest.raises(DeviceError, match=r"gate number 0, rx\(0.1\) on qubit 0"):
        circuit(0.1)
    with pytest.raises(DeviceError, match="possible are 'auto', 'stabilizer'"):
        qml.device("quasim.cpu", wires=1, method="tableau")

    @qml.qnode(device(2, readout=0.1))
    def confused():
        return qml.expval(qml.Z(1))

    with pytest.raises(DeviceError, match="needs shots"):
        confused()

"""``method="mps"`` in PennyLane: what users of ``default.tensor`` need."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pennylane")

import pennylane as qml
from pennylane.exceptions import DeviceError


def layers(wires):
    for wire in range(wires):
        qml.RY(0.3 + 0.1 * wire, wires=wire)
    for wire in range(wires - 1):
        qml.IsingZZ(0.8, wires=[wire, wire + 1])
        qml.RX(0.5, wires=wire)
    qml.CNOT(wires=[0, wires - 1])


def values(device, wires):
    @qml.qnode(device)
    def circuit():
        layers(wires)
        return (
            qml.expval(qml.Z(0) @ qml.Y(wires - 1)),
            qml.expval(qml.Hamiltonian([1.0, 0.5], [qml.X(3), qml.Z(4)])),
            qml.var(qml.Z(1)),
            qml.probs(wires=[2, 5]),
        )

    return circuit()


@pytest.mark.parametrize("method", ["mps", "tn", "pauli_propagation"])
def test_values_are_those_of_the_default_qubit(method):
    found = values(qml.device("quasim.cpu", wires=8, method=method), 8)
    wanted = values(qml.device("default.qubit", wires=8), 8)
    for own, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-10)


def test_wide_circuits_and_limits():
    device = qml.device("quasim.cpu", wires=70, method="mps", max_bond_dim=16, cutoff=1e-10)

    @qml.set_shots(200)
    @qml.qnode(device)
    def cat():
        qml.Hadamard(wires=0)
        for wire in range(69):
            qml.CNOT(wires=[wire, wire + 1])
        return qml.counts(wires=[0, 69])

    assert set(cat()) == {"00", "11"}
    with pytest.raises(DeviceError, match="possible are 'auto', 'stabilizer', 'mps'"):
        qml.device("quasim.cpu", wires=2, method="peps")


def test_wide_circuits_need_no_method():
    @qml.qnode(qml.device("quasim.cpu", wires=60))
    def circuit():
        layers(60)
        return qml.expval(qml.Z(30)), qml.var(qml.Z(30) @ qml.Z(31))

    @qml.qnode(qml.device("quasim.cpu", wires=60, method="mps"))
    def chain():
        layers(60)
        return qml.expval(qml.Z(30)), qml.var(qml.Z(30) @ qml.Z(31))

    np.testing.assert_allclose(circuit(), chain(), atol=1e-7)

    @qml.qnode(qml.device("quasim.cpu", wires=60))
    def state():
        layers(60)
        return qml.state()

    with pytest.raises(MemoryError, match="EiB"):
        state()

"""Circuits of 20 wires and more: measured by the engine that is predicted to be the fastest."""

from __future__ import annotations

import numpy as np
import pytest

qml = pytest.importorskip("pennylane")

from pennylane import numpy as pnp  # noqa: E402

ANGLES = pnp.array([0.4, 0.5, 0.7, 0.9], requires_grad=True)


def ring(device, measured):
    """Two layers on a ring: an edge's value is the same on every ring of more than six wires."""
    wires = list(device.wires)

    @qml.qnode(device)
    def circuit(x):
        for w in wires:
            qml.Hadamard(w)
        for layer in range(2):
            for a, b in zip(wires, wires[1:] + wires[:1], strict=True):
                qml.IsingZZ(x[layer], [a, b])
            for w in wires:
                qml.RX(x[2 + layer], w)
        return measured(wires)

    return circuit


def edges(wires):
    return [qml.expval(qml.Z(wires[k]) @ qml.Z(wires[k + 1])) for k in (0, 3)]


def stacked(circuit):
    return lambda x: pnp.stack(circuit(x))


@pytest.mark.parametrize("width", [22, 40])
def test_values_and_gradients_of_wide_rings_are_those_of_a_small_one(make, width):
    small = stacked(ring(qml.device("default.qubit", wires=8), edges))
    device = make(width)
    found = stacked(ring(device, edges))
    np.testing.assert_allclose(found(ANGLES), small(ANGLES), atol=1e-6)
    np.testing.assert_allclose(qml.jacobian(found)(ANGLES), qml.jacobian(small)(ANGLES), atol=1e-6)
    if width == 22:
        ((states,),) = [known.values() for known in device._executor._chosen.values()]
        assert not states


def test_what_needs_amplitudes_gets_them(make):
    device = make(22)

    def measured(wires):
        product = qml.Projector([0], wires[0]) @ qml.Z(wires[1])
        return qml.expval(product), qml.probs([wires[3]])

    value, probabilities = ring(device, measured)(ANGLES)
    expected = ring(qml.device("default.qubit", wires=8), measured)(ANGLES)
    np.testing.assert_allclose(value, expected[0], atol=1e-6)
    np.testing.assert_allclose(probabilities, expected[1], atol=1e-6)


def test_products_with_tangents_keep_states(make):
    device = make(20)
    x = np.array(ANGLES)
    edge = ring(device, lambda wires: qml.expval(qml.Z(wires[0]) @ qml.Z(wires[1])))
    tape = qml.workflow.construct_tape(edge)(x)
    tape.trainable_params = [0]  # the angle of the first edge alone
    _, slopes = device.execute_and_compute_jvp([tape], [(1.0,)])
    first = next(k for k, op in enumerate(tape.operations) if op.name == "IsingZZ")

    def at(angle):
        operations = list(tape.operations)
        operations[first] = qml.IsingZZ(angle, operations[first].wires)
        moved = qml.tape.QuantumScript(operations, tape.measurements)
        return float(np.ravel(device.execute([moved])[0])[0])

    difference = (at(x[0] + 1e-3) - at(x[0] - 1e-3)) / 2e-3
    np.testing.assert_allclose(np.ravel(slopes[0]), [difference], atol=1e-3)

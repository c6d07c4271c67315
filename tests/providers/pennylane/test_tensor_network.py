"""``method="tn"`` in PennyLane: derivatives without states."""

from __future__ import annotations

import numpy as np
import pytest

qml = pytest.importorskip("pennylane")
pnp = pytest.importorskip("pennylane.numpy")


def layers(wires, x, y):
    for wire in range(wires):
        qml.RY(x + 0.1 * wire, wire)
    for wire in range(wires - 1):
        qml.CNOT([wire, wire + 1])
    for wire in range(0, wires, 2):
        qml.CRot(x, y, x * y, [wire, (wire + 1) % wires])
    for wire in range(wires):
        qml.RX(y - 0.2 * wire, wire)


def node(device, wires, diff_method):
    def circuit(x, y):
        layers(wires, x, y)
        return qml.expval(qml.Z(1) @ qml.X(2)), qml.expval(0.5 * qml.Y(0) - qml.Z(3))

    return qml.QNode(circuit, device, diff_method=diff_method)


def jacobian(device, wires, diff_method):
    point = [pnp.array(v, requires_grad=True) for v in (0.4, 0.9)]
    made = node(device, wires, diff_method)
    return np.array(qml.jacobian(lambda *args: pnp.stack(made(*args)))(*point))


@pytest.mark.parametrize("diff_method", ["adjoint", "best"])
def test_derivatives_are_default_qubits(diff_method):
    found = jacobian(qml.device("quasim.cpu", wires=5, method="tn"), 5, diff_method)
    wanted = jacobian(qml.device("default.qubit", wires=5), 5, "backprop")
    assert np.abs(wanted).min() > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["tn", "auto"])
def test_derivatives_of_forty_wires(method):
    device = qml.device("quasim.cpu", wires=40, method=method)
    found = jacobian(device, 40, "adjoint")
    made = node(device, 40, None)
    step, columns = 1e-4, []
    for shift in ((step, 0.0), (0.0, step)):
        up = np.array(made(0.4 + shift[0], 0.9 + shift[1]))
        down = np.array(made(0.4 - shift[0], 0.9 - shift[1]))
        columns.append((up - down) / (2 * step))
    assert np.abs(columns).min() > 1e-3
    np.testing.assert_allclose(found, columns, rtol=0, atol=1e-6)


def test_what_has_no_derivative_says_so():
    device = qml.device("quasim.cpu", wires=2, method="tn")

    def circuit(x):
        qml.RX(x, 0)
        return qml.probs([0])

    point = pnp.array(0.3, requires_grad=True)
    with pytest.raises(qml.exceptions.QuantumFunctionError, match="does not support adjoint"):
        qml.jacobian(qml.QNode(circuit, device, diff_method="adjoint"))(point)
    # The best method that there is shifts parameters.
    found = qml.jacobian(qml.QNode(circuit, device))(point)
    np.testing.assert_allclose(found, [-np.sin(0.3) / 2, np.sin(0.3) / 2], atol=1e-8)
    wide = qml.device("quasim.cpu", wires=40, method="auto")
    every = [qml.RX(0.3, wire) for wire in range(40)]
    tape = qml.tape.QuantumScript(every, [qml.expval(qml.Z(39))], trainable_params=[0])
    with pytest.raises(qml.exceptions.DeviceError, match="no Jacobian-vector products"):
        wide.compute_jvp([tape], [(1.0,)])

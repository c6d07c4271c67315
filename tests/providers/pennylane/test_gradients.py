"""Gradients: finite differences and default.qubit."""

from __future__ import annotations

import numpy as np
import pytest

qml = pytest.importorskip("pennylane")
pnp = pytest.importorskip("pennylane.numpy")

from quasim_pennylane.gates import EXCITATIONS, ROWS  # noqa: E402

HERMITIAN = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])
WIDE = np.kron(np.kron(HERMITIAN, HERMITIAN), np.kron(HERMITIAN, HERMITIAN))
PARAMETRIC = [
    name
    for name in (*ROWS, *EXCITATIONS)
    if isinstance(getattr(qml, name, None), type) and getattr(qml, name).num_params not in (0, None)
]
OUTPUTS = {
    "one": lambda: qml.expval(qml.Z(1) @ qml.X(2)),
    "several": lambda: (qml.expval(qml.Z(1)), qml.expval(qml.X(2)), qml.expval(qml.Y(0))),
    "sum": lambda: qml.expval(0.3 * qml.X(0) @ qml.Z(2) - 1.2 * qml.Y(1) + 0.7 * qml.I(0)),
    "hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2)),
    "wide hermitian": lambda: qml.expval(qml.Hermitian(WIDE, [2, 0, 1, 3])),
    "var": lambda: qml.var(qml.X(0) @ qml.Y(2) + 2 * qml.Z(1)),
    "wide var": lambda: qml.var(qml.Hermitian(WIDE, [2, 0, 1, 3])),
    "probs": lambda: qml.probs([2, 0]),
    "mixed": lambda: (qml.probs([1]), qml.expval(qml.Z(3)), qml.var(qml.X(0))),
}


def ansatz(x, y, z):
    for wire in range(4):
        qml.RY(x + wire, wire)
    qml.CNOT([0, 2])
    qml.IsingXY(y, [1, 3])
    qml.CRot(x, y, z, [2, 1])
    qml.DoubleExcitation(z, [3, 1, 0, 2])
    qml.adjoint(qml.ctrl(qml.PauliRot(x * y, "XZ", [3, 0]), 1, control_values=[0]))
    qml.PCPhase(y, 5, [2, 0, 1])


def flat(node):
    def function(*arguments):
        found = node(*arguments)
        parts = found if isinstance(found, tuple | list) else (found,)
        return qml.math.hstack([qml.math.reshape(p, (-1,)) for p in parts])

    return function


def jacobians(make, outputs, **options):
    def circuit(x, y, z):
        ansatz(x, y, z)
        return outputs()

    point = [pnp.array(v, requires_grad=True) for v in (0.4, 0.9, -0.3)]
    ours = qml.QNode(circuit, make(4), diff_method="adjoint", **options)
    theirs = qml.QNode(circuit, qml.device("default.qubit", wires=4), diff_method="backprop")
    return qml.jacobian(flat(ours))(*point), qml.jacobian(flat(theirs))(*point)


@pytest.mark.parametrize("outputs", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_jacobians_are_default_qubits(make, outputs):
    found, expected = jacobians(make, outputs)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("name", PARAMETRIC)
def test_every_gate_has_the_gradient_of_finite_differences(make, name):
    kind = getattr(qml, name)
    width = kind.num_wires if isinstance(kind.num_wires, int) else 3
    count = kind.num_params
    rng = np.random.default_rng(PARAMETRIC.index(name))
    turns = rng.normal(size=(2, width + 1, 3))

    def circuit(angles):
        for wire in range(width + 1):
            qml.Rot(*turns[0, wire], wires=wire)
        for wire in range(width):
            qml.CNOT([wire, wire + 1])
        qml.ctrl(kind(*angles, wires=range(width)), width)
        for wire in range(width + 1):
            qml.Rot(*turns[1, wire], wires=wire)
        return qml.expval(qml.Z(0) @ qml.X(width))

    node = qml.QNode(circuit, make(width + 1), diff_method="adjoint")
    point = pnp.array(rng.normal(size=count), requires_grad=True)
    step = 1e-3

    def difference(k):
        unit = np.eye(count)[k] * step
        near = node(point + unit) - node(point - unit)
        far = node(point + 2 * unit) - node(point - 2 * unit)
        return (8 * near - far) / (12 * step)

    expected = [difference(k) for k in range(count)]
    np.testing.assert_allclose(qml.grad(node)(point), expected, atol=1e-8)


def test_best_is_the_adjoint_method_without_shots_and_shifts_with_them(make):
    device = make(2)

    @qml.qnode(device)
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    assert qml.workflow.get_best_diff_method(circuit)(0.1) == "adjoint"
    assert qml.workflow.get_best_diff_method(qml.set_shots(circuit, 10))(0.1) == "parameter-shift"


def test_full_jacobians_agree_with_vector_products(make):
    device = make(4)
    tape = qml.tape.QuantumScript(
        [qml.RX(0.3, 0), qml.CNOT([0, 1]), qml.Rot(0.1, 0.2, 0.3, 1), qml.S(1)],
        [qml.expval(qml.Z(1)), qml.probs([0, 1]), qml.var(qml.Y(1))],
        trainable_params=[0, 2, 3],
    )
    rng = np.random.default_rng(0)
    dys = (rng.normal(), rng.normal(size=4), rng.normal())
    results, jacobian = device.execute_and_compute_derivatives(tape)
    again, product = device.execute_and_compute_vjp(tape, dys)
    for k in range(3):
        total = sum(np.sum(dy * row[k]) for dy, row in zip(dys, jacobian, strict=True))
        assert product[k] == pytest.approx(total, abs=1e-12)
    for a, b in zip(results, again, strict=True):
        np.testing.assert_allclose(a, b)


def test_jacobians_are_nested_as_default_qubit_nests_them(make):
    device, reference = make(2), qml.device("default.qubit")
    config = qml.devices.ExecutionConfig(gradient_method="adjoint")
    gates = [qml.RX(0.3, 0), qml.RY(0.4, 1)]
    for measured in ([qml.expval(qml.Z(0))], [qml.expval(qml.Z(0)), qml.expval(qml.X(1))]):
        for trainable in ([0], [0, 1]):
            tape = qml.tape.QuantumScript(gates, measured, trainable_params=trainable)
            found = device.compute_derivatives(tape, config)
            expected = reference.compute_derivatives(tape, config)
            leaves, structure = qml.pytrees.flatten(found)
            others, other = qml.pytrees.flatten(expected)
            assert structure == other
            np.testing.assert_allclose(leaves, others, atol=1e-12)


def test_cotangents_can_be_stacked(make):
    device = make(2)
    tape = qml.tape.QuantumScript(
        [qml.RX(0.3, 0), qml.CRY(0.2, [0, 1])],
        [qml.expval(qml.Z(1)), qml.probs([0])],
        trainable_params=[0, 1],
    )
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=3), rng.normal(size=(3, 2))
    found = device.compute_vjp(tape, (first, second))
    for k in range(3):
        expected = device.compute_vjp(tape, (first[k], second[k]))
        np.testing.assert_allclose([found[0][k], found[1][k]], expected, atol=1e-12)


def test_states_have_the_vector_product_of_default_qubit(make):
    device, reference = make(3), qml.device("default.qubit")
    config = qml.devices.ExecutionConfig(gradient_method="adjoint")
    rng = np.random.default_rng(1)
    tape = qml.tape.QuantumScript(
        [qml.RX(0.3, 0), qml.CNOT([0, 2]), qml.RY(0.4, 1), qml.CRZ(0.2, [2, 1])],
        [qml.state()],
        trainable_params=[0, 1, 2],
    )
    dy = rng.normal(size=8) + 1j * rng.normal(size=8)
    found = device.compute_vjp(tape, dy, config)
    expected = reference.compute_vjp(tape, dy, config)
    np.testing.assert_allclose(found, np.real(expected), atol=1e-12)


def test_batches_have_the_gradients_of_their_entries(make):
    device = make(2)

    @qml.qnode(device, diff_method="adjoint")
    def circuit(x, y):
        qml.RX(x, 0)
        qml.CRY(y, [0, 1])
        return qml.expval(qml.Z(1)), qml.expval(qml.X(0))

    x = pnp.array([0.1, 0.5, 0.9], requires_grad=True)
    y = pnp.array(0.3, requires_grad=True)

    def cost(x, y):
        first, second = circuit(x, y)
        return pnp.sum(first * pnp.array([1.0, 2.0, 3.0]) + second**2)

    def looped(x, y):
        total = 0.0
        for k in range(3):
            first, second = circuit(x[k], y)
            total = total + first * (k + 1.0) + second**2
        return total

    found, expected = qml.grad(cost)(x, y), qml.grad(looped)(x, y)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


def test_operators_without_a_rule_are_differentiated_through_their_decomposition(make):
    def circuit(x):
        qml.RX(x, 0)
        qml.evolve(qml.X(0) @ qml.Y(1), x * 0.3)
        qml.SingleExcitation(x, [0, 1]) ** 2
        qml.BasicEntanglerLayers(x * pnp.ones((1, 2)), [0, 1])
        return qml.expval(qml.Y(0))

    point = pnp.array(0.4, requires_grad=True)
    found = qml.grad(qml.QNode(circuit, make(2)))(point)
    expected = qml.grad(qml.QNode(circuit, qml.device("default.qubit")))(point)
    assert found == pytest.approx(expected, abs=1e-8)


def test_trainable_observables_are_differentiated_by_another_method(make):
    def circuit(x, c):
        qml.RX(x, 0)
        return qml.expval(qml.Hamiltonian([c, 0.4], [qml.Z(0), qml.Y(0)]))

    point = [pnp.array(v, requires_grad=True) for v in (0.4, 1.5)]
    found = qml.grad(qml.QNode(circuit, make(1)))(*point)
    expected = qml.grad(qml.QNode(circuit, qml.device("default.qubit")))(*point)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_deferred_measurements_are_differentiated(make):
    def circuit(x):
        qml.RX(x, 0)
        m = qml.measure(0)
        qml.cond(m, qml.RY)(2 * x, 1)
        return qml.expval(qml.Z(1))

    point = pnp.array(0.4, requires_grad=True)
    found = qml.grad(qml.QNode(circuit, make(3), diff_method="adjoint"))(point)
    expected = qml.grad(qml.QNode(circuit, qml.device("default.qubit")))(point)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("measurement", "match"),
    [
        (lambda: qml.purity([0]), "not purity"),
        (lambda: qml.density_matrix([0]), "the state, not"),
    ],
)
def test_what_cannot_be_differentiated_is_refused_by_name(make, measurement, match):
    device = make(1)
    with qml.queuing.AnnotatedQueue() as queue:
        qml.RX(0.1, 0)
        measurement()
    tape = qml.tape.QuantumScript.from_queue(queue)
    with pytest.raises(qml.exceptions.DeviceError, match=match):
        device.compute_derivatives(tape)


@pytest.mark.parametrize("device_vjp", [False, True])
@pytest.mark.parametrize("interface", ["torch", "jax", "jax-jit"])
def test_other_interfaces_have_the_gradient(make, interface, device_vjp):
    library = pytest.importorskip(interface.partition("-")[0])

    def circuit(x, y):
        qml.RX(x, 0)
        qml.CRY(y, [0, 1])
        return qml.expval(qml.Z(1)), qml.probs([0])

    def cost(node):
        def function(x, y):
            mean, probs = node(x, y)
            return mean + 2 * probs[0]

        return function

    point = [pnp.array(v, requires_grad=True) for v in (0.4, 1.5)]
    expected = qml.grad(cost(qml.QNode(circuit, qml.device("default.qubit"))))(*point)
    options = {"interface": interface, "diff_method": "adjoint", "device_vjp": device_vjp}
    node = qml.QNode(circuit, make(2), **options)
    if interface == "torch":
        x, y = (library.tensor(v, dtype=library.float64, requires_grad=True) for v in (0.4, 1.5))
        cost(node)(x, y).backward()
        found = (x.grad.item(), y.grad.item())
    else:
        function = library.grad(cost(node), argnums=(0, 1))
        x, y = library.numpy.array(0.4), library.numpy.array(1.5)
        found = (library.jit(function) if interface == "jax-jit" else function)(x, y)
    np.testing.assert_allclose(found, expected, atol=1e-5)


# --- forwards ---------------------------------------------------------------------------------

MEASURED = {
    "expval": lambda: [qml.expval(qml.Z(1) @ qml.X(2))],
    "several": lambda: [qml.expval(qml.Hermitian(HERMITIAN, 2)), qml.expval(qml.Y(0))],
    "var": lambda: [qml.var(qml.X(0) @ qml.Y(2) + 2 * qml.Z(1))],
    "probs": lambda: [qml.probs([2, 0])],
    "state": lambda: [qml.state()],
    "mixed": lambda: [qml.probs([1]), qml.expval(qml.Z(2)), qml.probs([1, 2, 0])],
}


def three_wires(x, y, z, measured, trainable=(0, 1, 2, 3)):
    gates = [
        *(qml.H(wire) for wire in range(3)),
        qml.RX(x, 0),
        qml.CNOT([0, 2]),
        qml.IsingXX(y, [1, 2]),
        qml.CRZ(z, [2, 1]),
        qml.RY(0.7, 1),
    ]
    return qml.tape.QuantumScript(gates, measured, trainable_params=list(trainable))


@pytest.mark.parametrize("outputs", MEASURED.values(), ids=MEASURED.keys())
def test_directional_derivatives_are_differences_of_default_qubit(make, outputs):
    device, reference = make(3), qml.device("default.qubit", wires=3)
    point, tangents = np.array([0.3, -0.8, 1.1]), np.array([0.5, -1.5, 0.25])

    def results(shift):
        tape = three_wires(*(point + shift * tangents), outputs())
        found = reference.execute(tape)
        return [np.asarray(r) for r in (found if isinstance(found, tuple) else (found,))]

    tape = three_wires(*point, outputs())
    assert device.supports_jvp(qml.devices.ExecutionConfig(gradient_method="adjoint"), tape)
    values, found = device.execute_and_compute_jvp(tape, (*tangents, 0.0))
    step = 1e-3
    near = zip(results(step), results(-step), strict=True)
    far = zip(results(2 * step), results(-2 * step), strict=True)
    wanted = [
        (8 * (a - b) - (c - d)) / (12 * step) for (a, b), (c, d) in zip(near, far, strict=True)
    ]
    pairs = zip(found if isinstance(found, tuple) else (found,), wanted, strict=True)
    for actual, expected in pairs:
        assert np.shape(actual) == np.shape(expected)
        np.testing.assert_allclose(actual, expected, atol=1e-9)
    for actual, expected in zip(
        values if isinstance(values, tuple) else (values,), results(0.0), strict=True
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_directional_derivatives_are_default_qubits_for_some_parameters(make):
    device, reference = make(3), qml.device("default.qubit", wires=3)
    tape = three_wires(0.3, -0.8, 1.1, [qml.expval(qml.Z(1)), qml.expval(qml.X(0))], (0, 2))
    config = qml.devices.ExecutionConfig(gradient_method="adjoint")
    found = device.compute_jvp([tape, tape], [(0.4, 2.0), (1.0, 0.0)], config)
    expected = reference.compute_jvp([tape, tape], [(0.4, 2.0), (1.0, 0.0)], config)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wrong_tangents_are_refused(make):
    tape = three_wires(0.3, -0.8, 1.1, [qml.expval(qml.Z(1))])
    with pytest.raises(qml.exceptions.DeviceError, match="4 trainable parameters; got 1"):
        make(3).compute_jvp(tape, (0.4,))

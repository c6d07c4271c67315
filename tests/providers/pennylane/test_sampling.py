"""Shots: shapes and types as default.qubit's, statistics with a false-alarm rate of 1e-6."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.testing.statistics import goodness_of_fit

qml = pytest.importorskip("pennylane")

SIGMAS = 4.9
"""Two-sided false-alarm rate of a normal estimate: 1e-6."""
SHOTS = 20_000
SUM = 0.5 * qml.X(0) @ qml.Y(2) + 0.2 * qml.Z(1) - 1.5 * qml.I(0)
HERMITIAN = qml.Hermitian(np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]]), 2)
EXPECTATIONS = {
    "word": lambda: qml.expval(qml.X(0) @ qml.Y(2)),
    "sum": lambda: qml.expval(SUM),
    "hermitian": lambda: qml.expval(HERMITIAN),
    "mixed sum": lambda: qml.expval(HERMITIAN + 0.3 * qml.H(0)),
    "projector": lambda: qml.expval(qml.Projector([0, 1], [1, 0])),
    "scaled": lambda: qml.expval(0.3 * HERMITIAN),
    "shadow": lambda: qml.shadow_expval(qml.X(0) @ qml.Y(2)),
}
FORMS = {
    **EXPECTATIONS,
    "var": lambda: qml.var(qml.Z(0)),
    "samples": lambda: qml.sample(),
    "samples of wires": lambda: qml.sample(wires=[2, 0]),
    "samples of an observable": lambda: qml.sample(qml.X(0) @ qml.Z(1)),
    "counts": lambda: qml.counts(),
    "all counts": lambda: qml.counts(wires=[1, 2], all_outcomes=True),
    "counts of an observable": lambda: qml.counts(qml.Z(1)),
    "probs": lambda: qml.probs([2, 0]),
    "probs of an observable": lambda: qml.probs(op=qml.X(1)),
    "classical shadow": lambda: qml.classical_shadow([0, 2]),
}


def assert_samples_fit(counts, probabilities):
    """A chi-square test with a false-alarm rate of 1e-6."""
    assert goodness_of_fit(dict(enumerate(counts)), dict(enumerate(probabilities))) > 1e-6


def ansatz(x=0.4):
    for wire in range(3):
        qml.RY(x + wire, wire)
    qml.CNOT([0, 2])
    qml.CRX(0.9, [2, 1])
    qml.S(0)


def shape_of(value):
    if isinstance(value, tuple | list):
        return tuple(shape_of(v) for v in value)
    if isinstance(value, dict):
        return {type(k).__name__ for k in value}
    return np.shape(value)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shots", [7, [5, 9, 9], 1])
@pytest.mark.parametrize("batched", [False, True])
def test_results_are_nested_as_default_qubit_nests_them(make, name, shots, batched):
    x = np.array([0.1, 0.2]) if batched else 0.1

    def circuit():
        ansatz(x)
        return FORMS[name](), qml.expval(qml.Z(0))

    def single():
        ansatz(x)
        return FORMS[name]()

    for function in (circuit, single):
        found, expected = (
            qml.set_shots(qml.QNode(function, device), shots)()
            for device in (make(3, seed=1), qml.device("default.qubit", wires=3, seed=1))
        )
        assert shape_of(found) == shape_of(expected)


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_expectation_values_are_estimated(make, name):
    def circuit():
        ansatz()
        return EXPECTATIONS[name]()

    def exact():
        ansatz()
        return qml.expval(circuit().obs) if name != "shadow" else qml.expval(qml.X(0) @ qml.Y(2))

    expected = qml.QNode(
        lambda: (ansatz(), EXPECTATIONS[name if name != "shadow" else "word"]())[1],
        qml.device("default.qubit"),
    )()
    found = qml.set_shots(qml.QNode(circuit, make(3, seed=3)), SHOTS)()
    spread = 9.0 if name == "shadow" else 1.3  # largest single-shot deviation of these observables
    assert abs(found - expected) < SIGMAS * spread / np.sqrt(SHOTS)


def test_samples_follow_the_distribution(make):
    @qml.qnode(make(3, seed=5))
    def sampled():
        ansatz()
        return qml.sample(wires=[2, 0, 1])

    @qml.qnode(qml.device("default.qubit"))
    def exact():
        ansatz()
        return qml.probs([2, 0, 1])

    rows = qml.set_shots(sampled, SHOTS)()
    assert rows.dtype == np.int64
    counts = np.bincount(rows @ [4, 2, 1], minlength=8)
    assert_samples_fit(counts, exact())


def test_the_same_seed_gives_the_same_samples(make):
    def circuit():
        ansatz()
        return qml.sample()

    def run(seed):
        node = qml.set_shots(qml.QNode(circuit, make(3, seed=seed)), 50)
        return node(), node()

    (a, b), (c, d), (e, _) = run(7), run(7), run(8)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)
    assert (a != b).any()
    assert (a != e).any()
    np.random.seed(3)  # noqa: NPY002 - the device draws its seed from this generator
    first = run("global")[0]
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(first, run("global")[0])
    assert run(None)[0].shape == (50, 3)
    assert run(np.random.default_rng(1))[0].shape == (50, 3)


def test_parameter_shift_uses_shots(make):
    @qml.qnode(make(1, seed=2), diff_method="parameter-shift")
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    x = qml.numpy.array(0.4, requires_grad=True)
    found = qml.grad(qml.set_shots(circuit, SHOTS))(x)
    assert abs(found + np.sin(0.4)) < SIGMAS / np.sqrt(SHOTS)


@pytest.mark.parametrize(
    "channel",
    [
        lambda: qml.BitFlip(0.2, 0),
        lambda: qml.DepolarizingChannel(0.3, 0),
        lambda: qml.AmplitudeDamping(0.4, 0),
        lambda: qml.PauliError("XY", 0.3, [0, 1]),
        lambda: qml.ThermalRelaxationError(0.1, 1.0, 0.7, 0.5, 0),
        lambda: qml.QubitChannel(
            [np.sqrt(0.3) * np.eye(4), np.sqrt(0.7) * np.eye(4)[::-1]], [1, 0]
        ),
    ],
)
def test_channels_are_sampled_as_default_mixed_computes_them(make, channel):
    def circuit():
        ansatz()
        channel()
        qml.CNOT([1, 0])
        channel()
        return qml.probs([1, 0, 2])

    expected = qml.QNode(circuit, qml.device("default.mixed", wires=3))()
    found = qml.set_shots(qml.QNode(circuit, make(3, seed=4)), SHOTS)()
    assert_samples_fit(np.round(found * SHOTS).astype(int), expected)


def test_batches_run_through_channels(make):
    @qml.qnode(make(1, seed=3))
    def circuit(x):
        qml.RX(x, 0)
        qml.BitFlip(0.25, 0)
        return qml.expval(qml.Z(0))

    x = np.array([0.0, 0.7, np.pi])
    found = qml.set_shots(circuit, SHOTS)(x)
    np.testing.assert_allclose(found, 0.5 * np.cos(x), atol=SIGMAS / np.sqrt(SHOTS))

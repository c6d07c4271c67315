"""Mid-circuit measurements: every method agrees with deferred measurements on default.qubit."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.testing.statistics import goodness_of_fit

qml = pytest.importorskip("pennylane")

SHOTS = 20_000
SIGMAS = 4.9  # two-sided false-alarm rate 1e-6


def assert_samples_fit(counts, probabilities):
    """A chi-square test with a false-alarm rate of 1e-6."""
    assert goodness_of_fit(dict(enumerate(counts)), dict(enumerate(probabilities))) > 1e-6


def teleport():
    qml.RY(0.7, 0)
    qml.RZ(0.4, 0)
    qml.H(1)
    qml.CNOT([1, 2])
    qml.CNOT([0, 1])
    qml.H(0)
    m0, m1 = qml.measure(0), qml.measure(1)
    qml.cond(m1, qml.X)(2)
    qml.cond(m0, qml.Z)(2)
    return m0, m1


def conditions():
    for wire in range(3):
        qml.RY(0.6 + 0.3 * wire, wire)
    m0 = qml.measure(0, reset=True)
    m1 = qml.measure(1)
    qml.cond(m0 & ~m1, qml.RX)(0.9, 0)
    qml.cond(m0 + m1 >= 1, lambda: qml.CNOT([1, 2]), lambda: qml.RY(0.3, 2))()
    m2 = qml.measure(2)
    qml.cond(m0 + m1 + m2 == 2, qml.X)(1)
    qml.CNOT([2, 0])
    return m0, m1, m2


def postselected():
    qml.RY(0.9, 0)
    qml.CNOT([0, 1])
    qml.RY(0.5, 1)
    m0 = qml.measure(0, postselect=1)
    qml.cond(m0, qml.RX)(0.4, 1)
    m1 = qml.measure(1)
    qml.RY(0.3, 0)
    return m0, m1


PROGRAMS = {"teleport": teleport, "conditions": conditions, "postselected": postselected}


def reference(program, measure):
    def circuit():
        return measure(*program())

    return qml.QNode(circuit, qml.device("default.qubit"), mcm_method="deferred")()


@pytest.mark.parametrize("method", ["device", "one-shot", "tree-traversal", "deferred", None])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_probabilities_after_measurements(make, program, method):
    def circuit():
        program()
        return qml.counts(wires=[1, 0])

    node = qml.QNode(circuit, make(seed=3), mcm_method=method)
    found = qml.set_shots(node, SHOTS)()
    expected = reference(program, lambda *_: qml.probs([1, 0]))
    counts = [found.get(format(v, "02b"), 0) for v in range(4)]
    assert sum(counts) == SHOTS or program is postselected
    assert_samples_fit(np.array(counts), expected)


def test_one_shot_without_shots_is_refused(make):
    node = qml.QNode(lambda: (teleport(), qml.expval(qml.Z(2)))[1], make(), mcm_method="one-shot")
    with pytest.raises(qml.exceptions.QuantumFunctionError, match="one-shot"):
        node()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_measured_values_are_statistics(make, program):
    def measure(m0, m1, *_):
        return (
            qml.probs(op=[m0, m1]),
            qml.expval(m0 + 2 * m1),
            qml.var(m1),
            qml.expval(qml.X(1)),
        )

    def circuit():
        return measure(*program())

    probs, mean, var, x = qml.set_shots(qml.QNode(circuit, make(seed=6)), SHOTS)()
    exact = reference(program, measure)
    margin = SIGMAS / np.sqrt(SHOTS / 8)
    np.testing.assert_allclose(probs, exact[0], atol=margin)
    assert abs(mean - exact[1]) < 3 * margin
    assert abs(var - exact[2]) < margin
    assert abs(x - exact[3]) < margin


def test_values_are_sampled_and_counted(make):
    def circuit():
        qml.X(0)
        m0, m1 = qml.measure(0), qml.measure(1)
        return (
            qml.sample(m0),
            qml.sample([m0, m1]),
            qml.counts(m0 + m1),
            qml.counts([m0, m1], all_outcomes=True),
            qml.probs(op=m0),
            qml.sample(qml.Z(0)),
        )

    found = qml.set_shots(qml.QNode(circuit, make(2)), 5)()
    np.testing.assert_array_equal(found[0], np.ones(5))
    np.testing.assert_array_equal(found[1], [[1, 0]] * 5)
    assert found[2] == {1: 5}
    assert found[3] == {"00": 0, "01": 0, "10": 5, "11": 0}
    np.testing.assert_array_equal(found[4], [0, 1])
    np.testing.assert_array_equal(found[5], -np.ones(5))


@pytest.mark.parametrize("method", ["device", "deferred"])
def test_postselection_keeps_or_fills_shots(make, method):
    def circuit():
        qml.RY(1.0, 0)
        qml.measure(0, postselect=1)
        return qml.sample(wires=[0])

    rate = np.sin(0.5) ** 2
    kept = qml.QNode(circuit, make(seed=1), mcm_method=method, postselect_mode="hw-like")
    found = qml.set_shots(kept, SHOTS)()
    assert abs(len(found) / SHOTS - rate) < SIGMAS * np.sqrt(rate * (1 - rate) / SHOTS)
    filled = qml.QNode(circuit, make(seed=1), mcm_method=method, postselect_mode="fill-shots")
    found = qml.set_shots(filled, SHOTS)()
    assert len(found) == SHOTS
    assert (found == 1).all()


def test_discarded_samples_can_be_marked(make):
    def circuit():
        qml.H(0)
        m = qml.measure(0, postselect=1)
        return qml.sample(m), qml.sample(wires=[0])

    tape = qml.workflow.construct_tape(qml.set_shots(qml.QNode(circuit, make(1)), 64))()
    config = qml.devices.ExecutionConfig(
        mcm_config=qml.devices.MCMConfig("device", "pad-invalid-samples")
    )
    values, samples = make(1, seed=1).execute(tape, config)
    assert values.shape[0] == samples.shape[0] == 64
    assert set(np.unique(values)) == {np.iinfo(np.int32).min, 1}
    np.testing.assert_array_equal(values, samples.ravel())


def test_an_outcome_that_cannot_occur_gives_no_number(make):
    def circuit():
        qml.measure(0, postselect=1)
        return qml.expval(qml.Z(0)), qml.probs([0])

    mean, probs = qml.QNode(circuit, make())()
    assert np.isnan(mean)
    assert np.isnan(probs).all()
    mean, probs = qml.set_shots(qml.QNode(circuit, make(1)), 10)()
    assert np.isnan(mean)
    assert np.isnan(probs).all()


@pytest.mark.parametrize("method", ["device", "deferred"])
def test_an_outcome_that_cannot_occur_cannot_fill_shots(make, method):
    def circuit():
        qml.measure(0, postselect=1)
        return qml.sample(wires=[0])

    node = qml.QNode(circuit, make(), mcm_method=method, postselect_mode="fill-shots")
    with pytest.raises(qml.exceptions.DeviceError, match="hw-like"):
        qml.set_shots(node, 10)()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_exact_results_come_from_deferred_measurements(make, program):
    def circuit():
        values = program()
        return qml.expval(qml.X(1)), qml.probs(op=[*values]), qml.probs([1])

    found = qml.QNode(circuit, make())()
    expected = qml.QNode(circuit, qml.device("default.qubit"))()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_values_and_wires_are_sampled_from_the_same_shots(make):
    def circuit():
        qml.H(0)
        m = qml.measure(0)
        return qml.sample(m), qml.sample(wires=[0]), qml.sample(qml.Z(0))

    value, wire, z = qml.set_shots(qml.QNode(circuit, make(1)), 200)()
    np.testing.assert_array_equal(value, wire.ravel())
    np.testing.assert_array_equal(z, 1 - 2 * value)


def test_shot_vectors_are_cut_by_shot(make):
    def circuit():
        qml.H(0)
        m = qml.measure(0)
        qml.cond(m, qml.X)(1)
        return qml.sample(m), qml.sample(wires=[1])

    found = qml.set_shots(qml.QNode(circuit, make(2)), [3, 4])()
    assert [np.shape(v) for v, _ in found] == [(3,), (4,)]
    for value, sample in found:
        np.testing.assert_array_equal(value, sample.ravel())


def test_conditional_gates_with_parameters_are_compiled_once(make):
    device = make(2, seed=1)

    @qml.qnode(device)
    def circuit(x):
        qml.H(0)
        qml.cond(qml.measure(0), qml.RX)(x, 1)
        return qml.expval(qml.Z(1))

    found = [qml.set_shots(circuit, SHOTS)(x) for x in (0.0, 0.5, np.pi)]
    expected = [(1 + np.cos(x)) / 2 for x in (0.0, 0.5, np.pi)]
    np.testing.assert_allclose(found, expected, atol=SIGMAS / np.sqrt(SHOTS))
    assert len([p for p in device._executor._programs._programs.values() if p.random]) == 1


def test_measurements_that_the_circuit_does_not_hold_are_refused(make):
    other = qml.ops.MeasurementValue([qml.ops.MidMeasure(0, meas_uid="elsewhere")])
    tape = qml.tape.QuantumScript(
        [qml.ops.MidMeasure(0, meas_uid="here"), qml.ops.Conditional(other, qml.X(0))],
        [qml.expval(qml.Z(0))],
        shots=10,
    )
    with pytest.raises(qml.exceptions.DeviceError, match="does not hold that measurement"):
        make(1).execute(tape)

"""Noise on PennyLane devices, against ``default.mixed`` to 1e-9."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.testing.statistics import goodness_of_fit

qml = pytest.importorskip("pennylane")

TIGHT = {"atol": 1e-9, "rtol": 0}
RHO = np.array([[0.6, 0.2j], [-0.2j, 0.4]])
KRAUS = [np.sqrt(0.3) * np.eye(4), np.sqrt(0.7) * np.diag([1, 1j, -1, 1])[[2, 0, 1, 3]]]
CHANNELS = {
    "bit flip": lambda w: qml.BitFlip(0.2, w[0]),
    "phase flip": lambda w: qml.PhaseFlip(0.15, w[0]),
    "depolarizing": lambda w: qml.DepolarizingChannel(0.3, w[0]),
    "amplitude damping": lambda w: qml.AmplitudeDamping(0.4, w[0]),
    "generalized": lambda w: qml.GeneralizedAmplitudeDamping(0.4, 0.3, w[0]),
    "phase damping": lambda w: qml.PhaseDamping(0.4, w[0]),
    "reset": lambda w: qml.ResetError(0.1, 0.2, w[0]),
    "thermal": lambda w: qml.ThermalRelaxationError(0.1, 1.0, 0.7, 0.5, w[0]),
    "thermal, long t2": lambda w: qml.ThermalRelaxationError(0.1, 1.0, 1.7, 0.5, w[0]),
    "pauli": lambda w: qml.PauliError("XY", 0.3, w[:2]),
    "no amplitude damping": lambda w: qml.AmplitudeDamping(0.0, w[0]),
    "no phase damping": lambda w: qml.PhaseDamping(0.0, w[0]),
    "no reset": lambda w: qml.ResetError(0.0, 0.0, w[0]),
    "no time": lambda w: qml.ThermalRelaxationError(0.0, 1.0, 1.0, 0.0, w[0]),
    "hardly any": lambda w: qml.AmplitudeDamping(1e-13, w[0]),
    "kraus": lambda w: qml.QubitChannel(KRAUS, w[:2]),
    "mixed state": lambda w: qml.QubitDensityMatrix(RHO, w[0]),
    "two mixed states": lambda w: qml.QubitDensityMatrix(np.kron(RHO, RHO.T), w[:2]),
}
HERMITIAN = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])
MEASUREMENTS = {
    "state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix([2, 0]),
    "probs": lambda: qml.probs([2, 0]),
    "probs of an observable": lambda: qml.probs(op=qml.X(1) @ qml.Y(2)),
    "word": lambda: qml.expval(qml.X(0) @ qml.Y(2) @ qml.Z(1)),
    "sum": lambda: qml.expval(0.5 * qml.X(0) @ qml.Y(2) + 0.2 * qml.Z(1) - 1.5 * qml.I(0)),
    "hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2)),
    "projector": lambda: qml.expval(qml.Projector([0, 1], [2, 0])),
    "variance": lambda: qml.var(qml.X(0) @ qml.Z(1)),
    "purity": lambda: qml.purity([1, 2]),
    "entropy": lambda: qml.vn_entropy([1]),
    "information": lambda: qml.mutual_info([0], [2]),
}


def random_tape(seed, channels, measurement):
    rng = np.random.default_rng(seed)
    ops = []
    for _ in range(14):
        w = rng.permutation(3).tolist()
        kind = rng.integers(5)
        if kind == 0:
            ops.append(qml.RX(rng.uniform(0, 6), w[0]))
        elif kind == 1:
            ops.append(qml.Rot(*rng.uniform(0, 6, 3), w[0]))
        elif kind == 2:
            ops.append(qml.CNOT(w[:2]))
        elif kind == 3:
            ops.append(qml.IsingXY(rng.uniform(0, 6), w[:2]))
        else:
            ops.append(channels[rng.integers(len(channels))](w))
    ops.append(channels[0](rng.permutation(3).tolist()))
    ops += [qml.Identity(wire) for wire in range(3)]
    return qml.tape.QuantumScript(ops, [measurement()])


def run(device, tape):
    return qml.execute([tape], device, diff_method=None)[0]


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_give_the_density_matrix_of_default_mixed(make, name):
    tape = random_tape(len(name), [CHANNELS[name]], qml.state)
    expected = run(qml.device("default.mixed", wires=3), tape)
    found = run(make(3), tape)
    np.testing.assert_allclose(found, expected, **TIGHT)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurements_of_noisy_tapes(make, name):
    for seed in range(3):
        tape = random_tape(seed, list(CHANNELS.values()), MEASUREMENTS[name])
        expected = run(qml.device("default.mixed", wires=3), tape)
        np.testing.assert_allclose(run(make(3), tape), expected, **TIGHT)


def test_a_state_is_prepared_before_the_noise(make):
    def circuit():
        qml.StatePrep(np.array([0.6, 0, 0, 0.8j]), wires=[1, 0])
        qml.AmplitudeDamping(0.3, 0)
        return qml.state()

    expected = qml.QNode(circuit, qml.device("default.mixed", wires=2))()
    np.testing.assert_allclose(qml.QNode(circuit, make(2))(), expected, **TIGHT)


def test_batches_are_exact(make):
    def circuit(x):
        qml.RX(x, 0)
        qml.BitFlip(0.2, 0)
        return qml.expval(qml.Z(0)), qml.probs([0])

    x = np.array([0.0, 0.7, np.pi])
    found = qml.QNode(circuit, make(1))(x)
    np.testing.assert_allclose(found[0], 0.6 * np.cos(x), **TIGHT)
    assert found[1].shape == (3, 2)


def test_a_batch_in_a_channel_is_refused(make):
    device = make(wires=2)
    values = np.array([0.1, 0.2])
    for channel in (qml.DepolarizingChannel, qml.AmplitudeDamping, qml.BitFlip):

        @qml.qnode(device)
        def circuit(channel=channel):
            qml.H(0)
            channel(values, wires=0)
            return qml.expval(qml.X(0))

        with pytest.raises(qml.exceptions.DeviceError, match="has 2 values for one parameter"):
            circuit()


def test_a_wide_mixed_state_and_a_wrong_one_are_refused(make):
    for rho, wires, match in (
        (np.eye(16) / 16, range(4), "at most 3"),
        (np.diag([1.2, -0.2]), 0, "lowest eigenvalue -0.2"),
    ):
        tape = qml.tape.QuantumScript([qml.QubitDensityMatrix(rho, wires)], [qml.probs(wires=0)])
        with pytest.raises(qml.exceptions.DeviceError, match=match):
            run(make(4), tape)


# --- gradients ------------------------------------------------------------------------------


def noisy(x, p):
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.DepolarizingChannel(p, 0)
    qml.AmplitudeDamping(0.3, 1)
    qml.RY(x / 2, 1)
    return qml.expval(qml.Z(1))


@pytest.mark.parametrize("method", ["parameter-shift", "best", "finite-diff"])
def test_gradients_of_noisy_circuits(make, method):
    arguments = [qml.numpy.array(v, requires_grad=True) for v in (0.4, 0.1)]
    expected = qml.grad(qml.QNode(noisy, qml.device("default.mixed", wires=2)))(*arguments)
    found = qml.grad(qml.QNode(noisy, make(2), diff_method=method))(*arguments)
    np.testing.assert_allclose(found, expected, atol=1e-6 if method == "finite-diff" else 1e-9)


def test_adjoint_refuses_noise_by_name(make):
    x = qml.numpy.array(0.4, requires_grad=True)
    with pytest.raises(qml.exceptions.QuantumFunctionError, match="adjoint"):
        qml.grad(qml.QNode(noisy, make(2), diff_method="adjoint"), 0)(x, 0.1)
    device = make(2, noise_model={"depolarizing": {"single_qubit": 0.1}})

    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(qml.exceptions.QuantumFunctionError, match="adjoint"):
        qml.grad(qml.QNode(circuit, device, diff_method="adjoint"))(x)
    found = qml.grad(qml.QNode(circuit, device))(x)
    np.testing.assert_allclose(found, -(1 - 4 / 3 * 0.1) * np.sin(0.4), **TIGHT)


# --- models of a device ---------------------------------------------------------------------

MODEL = (
    quasim.NoiseModel()
    .on_gates(noise.depolarizing(0.05), ["rx", "h"])
    .on_gates(noise.amplitude_damping(0.2), ["cx"], [2, 0])
    .on_gates(noise.pauli_channel({"XY": 0.1, "IZ": 0.05}), ["cx"], [0, 1])
    .on_measurements(noise.bit_flip(0.03), [1])
    .readout([[0.9, 0.1], [0.3, 0.7]], 0)
    .readout(0.05, 2)
)


def model_circuit(measurement, noisy_by_hand):
    """A circuit, with or without the channels that `MODEL` means, placed by hand."""

    def circuit():
        for wire in range(3):
            qml.RX(0.4 + wire, wire)
            if noisy_by_hand:
                qml.DepolarizingChannel(0.05, wire)
        for pair in ([2, 0], [0, 2], [0, 1], [1, 0]):
            qml.CNOT(pair)
            if noisy_by_hand and pair == [2, 0]:
                qml.AmplitudeDamping(0.2, 2)
                qml.AmplitudeDamping(0.2, 0)
            if noisy_by_hand and pair == [0, 1]:
                # The label's last letter is the gate's first qubit, wire 0.
                x, y, z = (qml.matrix(p(0)) for p in (qml.X, qml.Y, qml.Z))
                qml.QubitChannel(
                    [
                        np.sqrt(0.85) * np.eye(4),
                        np.sqrt(0.1) * np.kron(y, x),
                        np.sqrt(0.05) * np.kron(z, np.eye(2)),
                    ],
                    pair,
                )
            qml.RY(0.3, pair[0])
        if noisy_by_hand and measurement is MEASURED:
            readout_channels()
        return measurement()

    return circuit


def readout_channels():
    """Queue what `MODEL` does to measurements, as channels."""
    a = [[[np.sqrt(0.9), 0], [0, 0]], [[0, 0], [np.sqrt(0.1), 0]]]
    b = [[[0, np.sqrt(0.3)], [0, 0]], [[0, 0], [0, np.sqrt(0.7)]]]
    qml.QubitChannel([np.array(k) for k in a + b], 0)
    qml.BitFlip(0.03, 1)
    qml.BitFlip(0.05, 2)


def MEASURED():
    return qml.probs([0, 1, 2])


@pytest.mark.parametrize("measurement", [qml.state, MEASURED])
def test_a_model_of_ours_acts_on_wires_by_number(make, measurement):
    mixed = qml.device("default.mixed", wires=3)
    expected = qml.QNode(model_circuit(measurement, True), mixed)()
    found = qml.QNode(model_circuit(measurement, False), make(3, noise_model=MODEL))()
    np.testing.assert_allclose(found, expected, **TIGHT)


def test_a_model_of_ours_with_shots(make):
    shots = 20_000
    mixed = qml.device("default.mixed", wires=3)
    expected = qml.QNode(model_circuit(MEASURED, True), mixed)()
    circuit = qml.QNode(model_circuit(MEASURED, False), make(3, noise_model=MODEL, seed=5))
    counts = np.round(qml.set_shots(circuit, shots)() * shots).astype(int)
    assert goodness_of_fit(dict(enumerate(counts)), dict(enumerate(expected))) > 1e-6


def test_gates_that_turn_an_observable_are_without_noise(make):
    """As on default.mixed, and so that shots and exact results agree."""

    def circuit():
        qml.H(0)
        return qml.expval(qml.X(0))

    device = make(1, noise_model=quasim.NoiseModel().on_gates(noise.phase_flip(0.25)), seed=3)
    assert float(qml.QNode(circuit, device)()) == pytest.approx(0.5, abs=1e-9)
    sampled = float(qml.set_shots(qml.QNode(circuit, device), 20_000)())
    assert sampled == pytest.approx(0.5, abs=4.9 * np.sqrt(0.75 / 20_000))


def test_wires_with_labels_are_numbered_by_the_device(make):
    model = quasim.NoiseModel().on_gates(noise.bit_flip(0.25), ["x"], [1])

    def circuit():
        qml.X("b")
        return qml.probs(["a", "b"])

    found = qml.QNode(circuit, make(["a", "b"], noise_model=model))()
    np.testing.assert_allclose(found, [0.25, 0.75, 0, 0], **TIGHT)
    with pytest.raises(qml.exceptions.DeviceError, match="wire 'b' has no number"):
        qml.QNode(circuit, make(noise_model=model))()


@pytest.mark.parametrize("keyword", ["readout", "readout_prob"])
@pytest.mark.parametrize(
    "measurement",
    [
        lambda: qml.expval(qml.X(0) @ qml.Z(1)),
        lambda: qml.expval(qml.X(0) + 0.5 * qml.Z(1)),
        lambda: qml.var(qml.Y(1)),
        lambda: qml.probs([1]),
        lambda: qml.probs(op=qml.X(1)),
        lambda: qml.expval(qml.Projector([1], 0)),
    ],
)
def test_readout_as_default_mixed(make, keyword, measurement):
    def circuit():
        qml.RX(0.4, 0)
        qml.RY(1.1, 1)
        qml.CNOT([0, 1])
        qml.RY(0.3, 0)
        return measurement()

    mixed = qml.device("default.mixed", wires=2)
    # What readout_prob=0.12 stands for; the device's own keyword fails in PennyLane 0.45.
    mixed.readout_err = [lambda wire: qml.BitFlip(0.12, wire)]
    expected = qml.QNode(circuit, mixed)()
    found = qml.QNode(circuit, make(2, **{keyword: 0.12}))()
    np.testing.assert_allclose(found, expected, **TIGHT)


def test_readout_that_joins_qubits_needs_shots(make):
    both = np.kron([[0.9, 0.1], [0.2, 0.8]], np.eye(2))[:, [0, 1, 3, 2]]
    device = make(2, noise_model=quasim.NoiseModel().readout(both, [0, 1]), seed=2)

    @qml.qnode(device)
    def circuit():
        qml.X(0)
        return qml.probs([0, 1])

    with pytest.raises(qml.exceptions.DeviceError, match="joins the measurements"):
        circuit()
    # True outcome: qubit 0 is 1, that is index 1 of the matrix; wire 0 is the high bit of ours.
    expected = {0: both[1, 0], 2: both[1, 1], 1: both[1, 2], 3: both[1, 3]}
    counts = np.round(qml.set_shots(circuit, 20_000)() * 20_000).astype(int)
    assert goodness_of_fit(dict(enumerate(counts)), expected) > 1e-6


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"readout": 1.5}, r"probability in \[0, 1\]; got 1.5"),
        ({"readout": 0.1, "readout_prob": 0.1}, "not both"),
        ({"readout": {"z": 0.1}}, "not possible"),
        ({"noise_model": 3}, "noise_model cannot be int"),
        ({"noise_model": {"depolarizing": {"one": 1}}}, "one"),
    ],
)
def test_impossible_options(make, options, match):
    with pytest.raises(qml.exceptions.DeviceError, match=match):
        make(2, **options)


def test_mid_circuit_measurements_are_not_deferred_under_a_model(make):
    device = make(2, noise_model=quasim.NoiseModel().on_measurements(noise.bit_flip(0.25)), seed=1)

    @qml.qnode(device)
    def circuit():
        qml.cond(qml.measure(0), qml.X)(1)
        return qml.probs([1])

    with pytest.raises(qml.exceptions.DeviceError, match="set shots"):
        circuit()
    counts = np.round(qml.set_shots(circuit, 20_000)() * 20_000).astype(int)
    # The outcome is wrong with 1/4, and so is the last measurement.
    expected = {0: 0.75**2 + 0.25**2, 1: 2 * 0.75 * 0.25}
    assert goodness_of_fit(dict(enumerate(counts)), expected) > 1e-6


# --- PennyLane's own models and transforms --------------------------------------------------


def pennylane_model():
    def scaled(op, **kwargs):
        qml.ThermalRelaxationError(0.4, kwargs["t1"], 0.2, 0.1 * abs(op.data[0]), op.wires[0])

    def around(op, **kwargs):
        qml.AmplitudeDamping(0.1, op.wires[0])
        qml.apply(op)
        qml.BitFlip(0.2, op.wires[1])

    n = qml.noise
    return qml.NoiseModel(
        {
            n.op_in(["RX", "RY"]) & n.wires_in([0, 1]): n.partial_wires(qml.BitFlip, 0.1),
            ~n.op_eq("RX") & n.wires_eq(2): n.partial_wires(qml.AmplitudeDamping, 0.3),
            n.op_eq("CNOT") ^ n.wires_in([0, 1]): n.partial_wires(qml.PhaseFlip, 0.2),
            n.op_eq(qml.RX): scaled,
            n.op_eq(qml.CZ): around,
        },
        meas_map={n.meas_eq(qml.expval) & n.wires_in([0]): n.partial_wires(qml.PhaseFlip, 0.3)},
        t1=0.5,
    )


def templated():
    qml.RX(0.4, 0)
    qml.QFT([0, 1, 2])
    qml.adjoint(qml.RX)(0.9, 2)
    qml.CNOT([1, 2])
    qml.CZ([0, 2])
    qml.IsingXY(0.3, [0, 1])
    return qml.expval(qml.X(0)), qml.probs([0, 1, 2])


def test_a_pennylane_model_of_the_device_is_that_of_add_noise(make):
    model = pennylane_model()
    mixed = qml.noise.add_noise(qml.QNode(templated, qml.device("default.mixed", wires=3)), model)
    ours = qml.QNode(templated, make(3, noise_model=model))
    for _ in range(2):  # the second time from what is remembered
        for found, expected in zip(ours(), mixed(), strict=True):
            np.testing.assert_allclose(found, expected, **TIGHT)
    transformed = qml.noise.add_noise(qml.QNode(templated, make(3)), model)
    for found, expected in zip(transformed(), mixed(), strict=True):
        np.testing.assert_allclose(found, expected, **TIGHT)


def test_noise_by_wires_is_searched_once(make, monkeypatch):
    import quasim_pennylane.insertion

    calls = []
    search = quasim_pennylane.insertion.Insertion._search
    monkeypatch.setattr(
        quasim_pennylane.insertion.Insertion,
        "_search",
        lambda self, op: calls.append(op) or search(self, op),
    )
    fixed = {qml.noise.op_eq("RX"): qml.noise.partial_wires(qml.BitFlip, 0.1)}
    seen = {qml.BooleanFn(lambda op: op.data[0] > 0.15): qml.noise.partial_wires(qml.BitFlip, 0.1)}
    for model_map, noisy_from, count in ((fixed, 0, 1), (seen, 0.15, 3)):
        calls.clear()

        @qml.qnode(make(1, noise_model=qml.NoiseModel(model_map)))
        def circuit(x):
            qml.RX(x, 0)
            return qml.expval(qml.Z(0))

        for x in (0.1, 0.2, 0.3):
            factor = 0.8 if x > noisy_from else 1.0
            assert float(circuit(x)) == pytest.approx(factor * np.cos(x), abs=1e-9)
        assert len(calls) == count


def test_zero_noise_extrapolation_runs_as_on_default_mixed(make):
    model = qml.NoiseModel(
        {qml.noise.op_in(["RX", "CNOT"]): qml.noise.partial_wires(qml.DepolarizingChannel, 0.02)}
    )

    def circuit():
        qml.RX(0.4, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    def mitigated(device):
        return qml.noise.mitigate_with_zne(
            qml.QNode(circuit, device),
            scale_factors=[1, 2, 3],
            folding=qml.noise.fold_global,
            extrapolate=qml.noise.poly_extrapolate,
            extrapolate_kwargs={"order": 2},
        )()

    mixed = qml.device("default.mixed", wires=2)
    expected = mitigated(qml.noise.add_noise(mixed, model))
    assert abs(expected - np.cos(0.4)) > 1e-3  # it extrapolates something
    for device in (make(2, noise_model=model), qml.noise.add_noise(make(2), model)):
        np.testing.assert_allclose(mitigated(device), expected, **TIGHT)

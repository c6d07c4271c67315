"""Noise models of PennyLane and ours: each as the other, judged by ``default.mixed``."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.errors import UnsupportedError
from quasim_backend.session.noise import export_noise, translate_noise

qml = pytest.importorskip("pennylane")
n = qml.noise

TIGHT = {"atol": 1e-9, "rtol": 0}
TWO = noise.pauli_channel({"XY": 0.1, "IZ": 0.07})
SKEW = qml.QubitChannel(
    [np.sqrt(0.7) * np.eye(4), np.sqrt(0.3) * np.kron(np.diag([1, 1j]), [[0, 1], [1, 0]])], [0, 1]
)


def random_tape(seed, measurements, gates=30):
    rng = np.random.default_rng(seed)
    ops = [qml.RY(x, wire) for wire, x in enumerate(rng.uniform(0, 3, 3))]
    singles = (qml.RX, qml.RY, qml.RZ, qml.PhaseShift)
    fixed = (qml.X, qml.H, qml.S, qml.SX, qml.T, qml.Identity)
    doubles = (qml.CNOT, qml.CZ, qml.SWAP, qml.ISWAP, qml.CY)
    for _ in range(gates):
        w = rng.permutation(3).tolist()
        kind = rng.integers(4)
        if kind == 0:
            ops.append(singles[rng.integers(len(singles))](rng.uniform(0, 6), w[0]))
        elif kind == 1:
            ops.append(fixed[rng.integers(len(fixed))](w[0]))
        elif kind == 2:
            ops.append(doubles[rng.integers(len(doubles))](w[:2]))
        else:
            ops.append(qml.CRX(rng.uniform(0, 6), w[:2]))
    return qml.tape.QuantumScript(ops, measurements)


def mixed(tape, model):
    """Run a tape on default.mixed, a `qml.NoiseModel` put in by PennyLane."""
    tapes, join = qml.noise.add_noise(tape, model)
    return join(qml.execute(tapes, qml.device("default.mixed", wires=3), diff_method=None))


def ours(make, tape, model):
    return qml.execute([tape], make(3, noise_model=model), diff_method=None)[0]


PENNYLANE = {
    "one gate": lambda: {n.op_eq("RX"): n.partial_wires(qml.AmplitudeDamping, 0.2)},
    "gates on wires": lambda: {
        n.op_in([qml.RX, qml.RY, "CNOT"]) & n.wires_in([0, 1]): n.partial_wires(qml.BitFlip, 0.2)
    },
    "unordered pair": lambda: {n.op_in(["CNOT", "CZ"]) & n.wires_eq([2, 0]): n.partial_wires(SKEW)},
    "or": lambda: {
        (n.op_eq("RX") & n.wires_eq(0)) | n.op_in(["RX", "H"]): n.partial_wires(
            qml.PhaseDamping, 0.3
        )
    },
    "not, within bounds": lambda: {
        n.op_in(["RX", "RY", "SWAP"])
        & ~n.op_eq("RY")
        & n.wires_in([0, 1, 2])
        & ~n.wires_eq([0, 1]): n.partial_wires(qml.DepolarizingChannel, 0.1)
    },
    "xor": lambda: {
        (n.op_in(["RX", "RY"]) ^ n.op_in(["RY", "RZ"])) & n.wires_in([1, 2]): n.partial_wires(
            qml.ThermalRelaxationError, 0.1, 1.0, 0.7, 0.2
        )
    },
    "de morgan": lambda: {
        ~(~n.op_eq("CNOT") | ~n.wires_in([1, 2])): n.partial_wires(qml.PauliError, "XY", 0.2)
    },
    "coherent": lambda: {n.op_eq("H"): n.partial_wires(qml.RZ, 0.2)},
    "two rules": lambda: {
        n.op_eq("CRX"): n.partial_wires(qml.AmplitudeDamping, 0.1),
        n.op_in(["CRX", "ISWAP"]): n.partial_wires(SKEW),
    },
}


@pytest.mark.parametrize("name", PENNYLANE)
def test_models_of_pennylane_are_read(make, name):
    model = qml.NoiseModel(PENNYLANE[name]())
    read = translate_noise(model)
    changes = []
    for seed in range(3):
        tape = random_tape(seed, [qml.state()])
        expected = mixed(tape, model)
        np.testing.assert_allclose(ours(make, tape, read), expected, **TIGHT)
        changes.append(np.abs(expected - mixed(tape, qml.NoiseModel({}))).max())
    assert max(changes) > 1e-3


def test_noise_of_measurements_is_read(make):
    model = qml.NoiseModel(
        {n.op_eq("RX"): n.partial_wires(qml.PhaseFlip, 0.1)},
        meas_map={
            n.meas_eq(qml.probs) & n.wires_in([0, 2]): n.partial_wires(qml.BitFlip, 0.1),
            n.meas_eq(qml.expval): n.partial_wires(qml.AmplitudeDamping, 0.2),
        },
    )
    read = translate_noise(model)
    assert [rule.qubits for rule in read.rules] == [None, (0,), (2,), None]
    only = translate_noise(qml.NoiseModel({}, meas_map=dict([next(iter(model.meas_map.items()))])))
    tape = random_tape(5, [qml.probs(wires=[0, 2])])
    reference = qml.NoiseModel({}, meas_map=dict([next(iter(model.meas_map.items()))]))
    np.testing.assert_allclose(ours(make, tape, only), mixed(tape, reference), **TIGHT)


REFUSED = {
    "all gates but": ({~n.op_eq("RX"): n.partial_wires(qml.BitFlip, 0.1)}, "all operators but"),
    "all wires but": (
        {n.op_eq("RX") & ~n.wires_in([0]): n.partial_wires(qml.BitFlip, 0.1)},
        "all wires but",
    ),
    "labels": (
        {n.op_eq("RX") & n.wires_eq("a"): n.partial_wires(qml.BitFlip, 0.1)},
        "must be numbers",
    ),
    "unknown": ({n.op_eq("PSWAP"): n.partial_wires(qml.BitFlip, 0.1)}, "names PSWAP"),
    "function": ({n.op_eq("RX"): lambda op, **kwargs: qml.BitFlip(0.1, op.wires)}, "partial_wires"),
    "predicate": (
        {qml.BooleanFn(lambda op: True): n.partial_wires(qml.BitFlip, 0.1)},
        "none of op_eq",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(name):
    model_map, match = REFUSED[name]
    with pytest.raises(UnsupportedError, match=match):
        translate_noise(qml.NoiseModel(model_map))


OURS = {
    "named": lambda m: m.on_gates(noise.amplitude_damping(0.1), ["rx", "h"]),
    "on a qubit": lambda m: m.on_gates(noise.depolarizing(0.1), ["rx", "x"], [1]),
    "on both qubits": lambda m: m.on_gates(noise.amplitude_damping(0.1), ["cx", "swap"]),
    "two qubits": lambda m: m.on_gates(TWO, ["cx", "cz"]),
    "ordered": lambda m: m.on_gates(TWO, ["cx"], [2, 0]),
    "every gate": lambda m: m.on_gates(noise.depolarizing(0.05)).on_gates(TWO),
    "crosstalk": lambda m: m.on_gates(
        noise.bit_flip(0.2), ["cx", "cz", "swap", "crx"], [0, 1], on=[2]
    ),
    "before": lambda m: m.on_gates(noise.amplitude_damping(0.2), ["rx"], before=True),
    "several before": lambda m: (
        m.on_gates(noise.amplitude_damping(0.6), ["rx"], before=True)
        .on_gates(noise.phase_flip(0.1), ["rx", "h"])
        .on_gates(noise.bit_flip(0.4), ["rx"], before=True)
        .on_gates(noise.amplitude_damping(0.3), ["rx", "h"], before=True)
    ),
    "fallback": lambda m: m.on_gates(noise.bit_flip(0.1), ["rx"], fallback=True).on_gates(
        noise.phase_flip(0.2), ["rx"], [1]
    ),
    "relaxation": lambda m: m.relaxation(
        50e-6, 30e-6, excited=0.1, gate_times={"single_qubit": 1e-6, "two_qubit": 5e-6, "rz": 0.0}
    ),
    "relaxation of qubits": lambda m: m.relaxation(
        50e-6, qubits=[0, 2], gate_times={"cx": 5e-6, "rx": 1e-6}
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_models_of_ours_are_written_and_read_back(make, name):
    model = OURS[name](quasim.NoiseModel())
    written = export_noise(model, "pennylane")
    assert isinstance(written, qml.NoiseModel)
    back = translate_noise(written)
    changes = []
    for seed in range(3):
        tape = random_tape(seed, [qml.state()])
        expected = mixed(tape, written)
        changes.append(np.abs(expected - mixed(tape, qml.NoiseModel({}))).max())
        np.testing.assert_allclose(ours(make, tape, model), expected, **TIGHT)
        np.testing.assert_allclose(ours(make, tape, written), expected, **TIGHT)
        np.testing.assert_allclose(ours(make, tape, back), expected, **TIGHT)
    assert max(changes) > 1e-3


def test_readout_and_measurements_are_written(make):
    model = (
        quasim.NoiseModel()
        .on_measurements(noise.amplitude_damping(0.2), [1])
        .relaxation(50e-6, gate_times={"measure": 10e-6})
        .readout([[0.9, 0.1], [0.3, 0.7]], 0)
        .readout(0.05, 2)
    )
    written = export_noise(model, "pennylane")
    back = translate_noise(written)
    measurements = [qml.probs(wires=[0, 1, 2]), qml.expval(qml.Z(0) @ qml.Z(2))]
    tape = random_tape(3, measurements)
    expected = mixed(tape, written)
    for candidate in (model, back):
        for found, value in zip(ours(make, tape, candidate), expected, strict=True):
            np.testing.assert_allclose(found, value, **TIGHT)
    # By hand, on default.mixed.
    decay = 1 - np.exp(-10e-6 / 50e-6)
    ops = [qml.AmplitudeDamping(0.2, 1), *(qml.AmplitudeDamping(decay, w) for w in range(3))]
    hand = tape.copy(operations=[*tape.operations, *ops], measurements=measurements[:1])
    exact = mixed(hand, qml.NoiseModel({})).reshape(2, 2, 2)
    confusion = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.95, 0.05], [0.05, 0.95]])
    by_hand = np.einsum("abc,ax,cz->xbz", exact, *confusion).ravel()
    np.testing.assert_allclose(expected[0], by_hand, **TIGHT)


@pytest.mark.parametrize(
    ("measurement", "match"),
    [(qml.expval(qml.X(0)), "measure Z"), (qml.probs(), "names no wires")],
)
def test_written_readout_refuses_what_it_would_get_wrong(measurement, match):
    written = export_noise(quasim.NoiseModel().readout(0.1), "pennylane")
    with pytest.raises(UnsupportedError, match=match):
        mixed(qml.tape.QuantumScript([qml.X(0)], [measurement]), written)


@pytest.mark.parametrize(
    "model",
    [
        quasim.NoiseModel().each_moment(noise.bit_flip(0.1)),
        quasim.NoiseModel().relaxation(1e-4, idle=True),
    ],
)
def test_noise_of_time_and_moments_is_not_written(model):
    with pytest.raises(UnsupportedError, match="one operator at a time"):
        export_noise(model, "pennylane")

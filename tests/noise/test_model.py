"""Noise models: where their rules put channels, and models as values."""

from __future__ import annotations

import math

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.errors import CircuitError, OptionError, QubitError, ShapeError
from quasim_backend.ir.instructions import ChannelOp, Delay, GateOp, If, Measure
from quasim_backend.testing.density_oracle import exact_distribution

FLIP = noise.bit_flip(0.25)
PAIR = noise.depolarizing(0.2, 2)


def placed(model: quasim.NoiseModel, circuit: quasim.Circuit) -> list[str]:
    """Return the noisy circuit, one word an instruction: channels in capitals."""
    words = []
    for op in model.applied(circuit).instructions:
        where = ",".join(map(str, op.qubits))
        if isinstance(op, ChannelOp):
            words.append(f"{op.channel.name.upper()} {where}")
        elif isinstance(op, GateOp):
            words.append(f"{op.gate.name} {where}")
        else:
            words.append(f"{type(op).__name__.lower()} {where}")
    return words


def bell() -> quasim.Circuit:
    return quasim.Circuit(2, 2).h(0).cx(0, 1).measure_all()


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (
            quasim.NoiseModel().on_gates(FLIP),
            ["h 0", "BIT_FLIP 0", "x 0,1", "measure 0,1"],
        ),
        (
            quasim.NoiseModel().on_gates(FLIP, ["cx"]),
            ["h 0", "x 0,1", "BIT_FLIP 0", "BIT_FLIP 1", "measure 0,1"],
        ),
        (
            quasim.NoiseModel().on_gates(PAIR),
            ["h 0", "x 0,1", "DEPOLARIZING 0,1", "measure 0,1"],
        ),
        (
            quasim.NoiseModel().on_gates(FLIP, "h", before=True),
            ["BIT_FLIP 0", "h 0", "x 0,1", "measure 0,1"],
        ),
        (
            quasim.NoiseModel().on_gates(FLIP, "cx", (0, 1), on=(1,)),
            ["h 0", "x 0,1", "BIT_FLIP 1", "measure 0,1"],
        ),
        (quasim.NoiseModel().on_gates(FLIP, "cx", (1, 0)), ["h 0", "x 0,1", "measure 0,1"]),
        (quasim.NoiseModel().on_gates(FLIP, "x"), ["h 0", "x 0,1", "measure 0,1"]),
        (
            quasim.NoiseModel().on_measurements(FLIP, (1,)),
            ["h 0", "x 0,1", "BIT_FLIP 1", "measure 0,1"],
        ),
        (
            quasim.NoiseModel().each_moment(FLIP, (1,)),
            ["h 0", "BIT_FLIP 1", "x 0,1", "BIT_FLIP 1", "measure 0,1", "BIT_FLIP 1"],
        ),
    ],
)
def test_rules_place_channels(model, wanted):
    assert placed(model, bell()) == wanted


def test_a_fallback_gives_way_to_rules_for_qubits():
    model = (
        quasim.NoiseModel()
        .on_gates(FLIP, "h", fallback=True)
        .on_gates(noise.phase_flip(0.1), "h", (1,))
    )
    circuit = quasim.Circuit(2).h(0).h(1)
    assert placed(model, circuit) == ["h 0", "BIT_FLIP 0", "h 1", "PHASE_FLIP 1"]
    both = model.on_gates(noise.bit_phase_flip(0.1), "h")
    assert placed(both, circuit)[-2:] == ["PHASE_FLIP 1", "BIT_PHASE_FLIP 1"]


def test_a_label_is_the_name_that_counts():
    circuit = quasim.Circuit(1).append(quasim.Gate.named("h", label="mine"), [0]).h(0)
    assert placed(quasim.NoiseModel().on_gates(FLIP, "h"), circuit) == ["h 0", "h 0", "BIT_FLIP 0"]
    labelled = quasim.NoiseModel().on_gates(FLIP, labels="mine")
    assert placed(labelled, circuit) == ["h 0", "BIT_FLIP 0", "h 0"]


def test_a_power_of_a_gate_is_another_gate():
    circuit = quasim.Circuit(1).append(quasim.Gate.named("x").to_power(0.5), [0])
    assert placed(quasim.NoiseModel().on_gates(FLIP, "x"), circuit) == ["x 0"]
    assert placed(quasim.NoiseModel().on_gates(FLIP), circuit) == ["x 0", "BIT_FLIP 0"]


def test_relaxation_takes_the_time_of_operations_and_of_waiting():
    times = {"single_qubit": 1.0, "two_qubit": 3.0, "h": 2.0, "measure": 5.0}
    circuit = quasim.Circuit(2, 1).h(0).x(1).x(1).x(1).cx(0, 1).delay(0.5, 0).measure(1, 0)
    model = quasim.NoiseModel().relaxation(10.0, 15.0, gate_times=times, idle=True)
    lasting = []
    for op in model.applied(circuit).instructions:
        if isinstance(op, ChannelOp):
            kept = noise.superoperator(op.channel)[3, 3].real
            lasting.append((op.qubits[0], round(-10.0 * math.log(kept), 9)))
    assert lasting == [
        (0, 2.0), (1, 1.0), (1, 1.0), (1, 1.0),  # gates
        (0, 1.0),  # qubit 0 waits for qubit 1
        (0, 3.0), (1, 3.0),  # cx
        (0, 0.5),  # delay
        (1, 5.0),  # before the measurement
        (0, 4.5),  # until the circuit ends
    ]  # fmt: skip
    only = quasim.NoiseModel().relaxation(10.0, 15.0, delays_only=True)
    assert placed(only, circuit).count("THERMAL_RELAXATION 0") == 1


def test_readout_errors_go_to_their_qubits():
    one, two = [[0.9, 0.1], [0.2, 0.8]], np.full((4, 4), 0.25)
    model = quasim.NoiseModel().readout(0.5, fallback=True).readout(one, 1).readout(two, (2, 0))
    circuit = quasim.Circuit(3, 3).measure((0, 1), (0, 1)).measure((2, 0), (2, 0))
    found = [op for op in model.applied(circuit).instructions if isinstance(op, Measure)]
    assert [(op.qubits, op.clbits) for op in found] == [
        ((0,), (0,)), ((1,), (1,)), ((2, 0), (2, 0)),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].readout.matrix, np.full((2, 2), 0.5))
    np.testing.assert_array_equal(found[1].readout.matrix, one)
    np.testing.assert_array_equal(found[2].readout.matrix, two)
    twice = (
        quasim.NoiseModel().readout(one).readout(one).applied(quasim.Circuit(1, 1).measure(0, 0))
    )
    np.testing.assert_allclose(twice.instructions[0].readout.matrix, np.array(one) @ one)


def test_blocks_inside_get_their_noise():
    inner = quasim.Circuit(1, 1).x(0).instructions
    circuit = quasim.Circuit(1, 1).measure(0, 0)
    circuit.instructions.append(If(quasim.ir.expr.Bit(0), tuple(inner)))
    found = quasim.NoiseModel().on_gates(FLIP).applied(circuit).instructions[-1]
    assert [type(op) for op in found.body] == [GateOp, ChannelOp]


def test_samples_follow_the_exact_distribution():
    model = (
        quasim.NoiseModel()
        .on_gates(noise.amplitude_damping(0.3), ["h", "cx"])
        .on_gates(PAIR)
        .readout([[0.9, 0.1], [0.25, 0.75]])
    )
    wanted = exact_distribution(model.applied(bell()))
    shots = 20_000
    with quasim.runtime(noise_model=model, seed=5) as rt:
        counts = rt.run(bell(), shots=shots).counts()
    chi2 = sum(
        (counts.get(format(k, "02b"), 0) - shots * p) ** 2 / (shots * p) for k, p in wanted.items()
    )
    assert chi2 < 30.7  # three degrees of freedom, false alarm 1e-6


MODELS = [
    quasim.NoiseModel(),
    quasim.NoiseModel().on_gates(PAIR, ["cx"], (1, 0), on=(2, 3), fallback=True),
    quasim.NoiseModel().on_gates(noise.amplitude_damping(0.1), labels=("a", "b"), before=True),
    quasim.NoiseModel().each_moment(FLIP).relaxation(math.inf, 1e-5, excited=0.1, qubits=(3,)),
    quasim.NoiseModel().readout(0.1).readout(np.eye(4), (1, 0), fallback=True),
]


@pytest.mark.parametrize("model", MODELS)
def test_a_model_comes_back_from_json(model):
    back = quasim.NoiseModel.from_json(model.to_json())
    assert back == model
    assert hash(back) == hash(model)
    assert back.to_dict() == model.to_dict()
    assert [m == model for m in MODELS].count(True) == 1
    assert str(back) == str(model)


def test_models_add_up_in_order():
    first, second = quasim.NoiseModel().on_gates(FLIP), quasim.NoiseModel().readout(0.1)
    assert first + second == quasim.NoiseModel().on_gates(FLIP).readout(0.1)
    assert first + second != second + first


def test_the_short_form_says_the_same_as_rules():
    short = {
        "depolarizing": {"single_qubit": 0.001, "two_qubit": 0.01},
        "amplitude_damping": {"t1": 50e-6},
        "phase_damping": {"t2": 70e-6},
        "thermal": {"temperature": 0.015},
        "readout": 0.02,
    }
    model = (
        quasim.NoiseModel()
        .on_gates(noise.depolarizing(0.001))
        .on_gates(noise.depolarizing(0.01, 2))
        .relaxation(50e-6, 70e-6, excited=noise.excited_population(0.015))
        .readout(0.02)
    )
    assert quasim.NoiseModel.from_dict(short) == model
    times = {"single_qubit": 1e-8, "two_qubit": 1e-7, "measure": 1e-6}
    with quasim.runtime(
        noise_model=short, gate_times={"single_qubit": 1e-8, "two_qubit": 1e-7}
    ) as rt:
        fast = rt._executor.noise
    assert fast == quasim.NoiseModel.from_dict({**short, "gate_times": times})


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: quasim.NoiseModel().on_gates(FLIP, "hh"), CircuitError, ["'hh'", "'h'", "labels"]),
        (lambda: quasim.NoiseModel().on_gates(PAIR, "h"), QubitError, ["never match", "on 1"]),
        (lambda: quasim.NoiseModel().on_gates(PAIR, "cx", (1,)), QubitError, ["never match"]),
        (lambda: quasim.NoiseModel().on_gates(FLIP, "h", (-1,)), QubitError, ["-1"]),
        (lambda: quasim.NoiseModel().on_gates(PAIR, "cx", (1, 1)), QubitError, ["(1, 1)"]),
        (lambda: quasim.NoiseModel().on_gates(FLIP, "cx", on=(1, 2)), QubitError, ["(1, 2)"]),
        (lambda: quasim.NoiseModel().each_moment(PAIR), QubitError, ["1-qubit", "2"]),
        (lambda: quasim.NoiseModel().relaxation(1.0, 3.0), ShapeError, ["T2=3"]),
        (
            lambda: quasim.NoiseModel().relaxation(1.0, gate_times={"single": 1.0}),
            CircuitError,
            ["'single'", "single_qubit"],
        ),
        (
            lambda: quasim.NoiseModel().relaxation(1.0, gate_times={"x": -1.0}),
            OptionError,
            ["'x'", "-1.0"],
        ),
        (lambda: quasim.NoiseModel().readout(np.eye(4)), QubitError, ["2 qubits", "name its"]),
        (lambda: quasim.NoiseModel().readout([[1, 0.5], [0, 1]]), ShapeError, ["distribution"]),
        (lambda: quasim.NoiseModel.from_dict({"thermal": {}}), OptionError, ["'thermal'", "t1"]),
        (lambda: quasim.NoiseModel.from_dict({"depolarising": 1}), OptionError, ["'depolarizing'"]),
        (
            lambda: quasim.NoiseModel.from_dict({"depolarizing": {"one": 1}}),
            OptionError,
            ["'one'", "single_qubit"],
        ),
        (lambda: quasim.NoiseModel.from_dict({"depolarizing": 3}), OptionError, ["mapping", "3"]),
        (
            lambda: quasim.NoiseModel.from_dict({"amplitude_damping": {"t1": "long"}}),
            OptionError,
            ["'long'"],
        ),
        (lambda: quasim.NoiseModel.from_dict({"format": 7}), OptionError, ["7"]),
        (
            lambda: quasim.NoiseModel.from_dict({"format": 1, "rules": [{"kind": "gaet"}]}),
            OptionError,
            ["'gaet'", "'gate'"],
        ),
        (
            lambda: quasim.NoiseModel.from_dict({"format": 1, "rules": [{"kind": "gate"}]}),
            OptionError,
            ["Rule 0", "channel"],
        ),
        (lambda: quasim.NoiseModel.from_dict({"kraus": 5}), OptionError, ["'kraus'", "list"]),
        (
            lambda: quasim.NoiseModel.from_dict({"kraus": [{"gates": ["x"]}]}),
            OptionError,
            ["'operators'"],
        ),
        (lambda: quasim.NoiseModel.from_dict({"gate_times": 5}), OptionError, ["'gate_times'"]),
        (lambda: quasim.NoiseModel.from_dict({"gate_times": {"foo": 1}}), CircuitError, ["'foo'"]),
        (
            lambda: quasim.NoiseModel.from_dict({"gate_times": {"x": "long"}}),
            OptionError,
            ["'x'", "'long'"],
        ),
        (
            lambda: quasim.NoiseModel.from_dict(
                {"thermal": {"frequency": 5e9}, "amplitude_damping": {"t1": 1e-5}}
            ),
            OptionError,
            ["'temperature'"],
        ),
        (lambda: quasim.NoiseModel.from_dict({"readout": "x"}), OptionError, ["'x'", "matrix"]),
        (lambda: quasim.NoiseModel.from_dict({"format": 1, "rules": 5}), OptionError, ["list"]),
        (lambda: quasim.NoiseModel.from_json("{bad"), OptionError, ["no noise model"]),
        (lambda: quasim.NoiseModel.from_json("[]"), OptionError, ["no noise model"]),
        (lambda: quasim.NoiseModel().on_gates(FLIP, "x", 3), OptionError, ["sequence", "3"]),
        (lambda: quasim.runtime(noise_model=3), OptionError, ["int", "NoiseModel"]),
        (lambda: quasim.export_noise(MODELS[0], "nobody"), quasim.UnsupportedError, ["'nobody'"]),
    ],
)
def test_bad_models_are_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_delays_are_known_by_name():
    circuit = quasim.Circuit(1).delay(1e-6, 0)
    assert [
        type(op) for op in quasim.NoiseModel().on_gates(FLIP, "delay").applied(circuit).instructions
    ] == [Delay, ChannelOp]


def test_numbers_of_numpy_are_numbers():
    one = quasim.NoiseModel().readout(0.1, np.int64(0)).on_gates(FLIP, ["x"], np.array([0]))
    assert one == quasim.NoiseModel().readout(0.1, 0).on_gates(FLIP, ["x"], [0])
    assert quasim.NoiseModel.from_json(one.to_json()) == one


def test_noise_of_waiting_qubits_comes_before_a_save_and_before_leaving_a_loop():
    model = quasim.NoiseModel().each_moment(noise.bit_flip(1.0), [0])
    with quasim.runtime(noise_model=model) as rt:
        assert rt.probabilities(quasim.Circuit(2).x(1))[3] == pytest.approx(1.0)
    body = quasim.Circuit(2, 2).x(1)
    body.break_loop()
    circuit = quasim.Circuit(2, 2)
    circuit.for_(range(1), body)
    circuit.measure([0, 1], [0, 1])
    assert exact_distribution(model.applied(circuit)) == pytest.approx({3: 1.0})

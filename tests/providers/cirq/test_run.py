"""Samples: Cirq's shapes and dtypes, Cirq's samples for a seed, and the right distributions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")

import sympy  # noqa: E402

import quasim_cirq  # noqa: E402
from quasim_backend.testing.statistics import FALSE_ALARM, two_sample  # noqa: E402
from quasim_cirq.simulator import Simulator  # noqa: E402

Q = cirq.LineQubit.range(5)
QUTRIT = cirq.LineQid(0, 3)


def both(circuit, repetitions=60, seed=11, params=None, **options):
    """Return our records and Cirq's for one seed."""
    ours = quasim_cirq.Simulator(seed=seed, **options)
    theirs = cirq.Simulator(seed=seed, **options)
    return (
        ours.run(circuit, params, repetitions).records,
        theirs.run(circuit, params, repetitions).records,
    )


def assert_same_records(ours, theirs, *, dtypes=True):
    assert list(ours) == list(theirs)
    for key, bits in theirs.items():
        np.testing.assert_array_equal(ours[key], bits)
        assert ours[key].dtype == bits.dtype or not dtypes


def inherited(monkeypatch):
    """Make it an error to fall back to Cirq's own simulation."""

    def refuse(self, *arguments, **options):
        raise AssertionError("Cirq simulated this")

    monkeypatch.setattr(cirq.Simulator, "_core_iterator", refuse)


# --- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_seed_gives_cirqs_samples_of_random_circuits(split, dtype):
    for seed in range(12):
        circuit = cirq.testing.random_circuit(5, 6, 0.35, random_state=seed)
        qubits = sorted(circuit.all_qubits())
        first, rest = qubits[1:3], [qubits[0], *qubits[3:]]
        circuit += [cirq.measure(*first[::-1], key="a"), cirq.measure(*rest, key="b")]
        assert_same_records(*both(circuit, seed=seed, split_untangled_states=split, dtype=dtype))


@pytest.mark.parametrize("split", [True, False])
def test_seed_gives_cirqs_samples_through_swaps(split):
    circuit = cirq.Circuit(
        cirq.X(Q[0]) ** 0.3,
        cirq.Y(Q[2]) ** 0.7,
        cirq.SWAP(Q[0], Q[1]),
        cirq.CX(Q[1], Q[3]),
        cirq.H(Q[4]),
        cirq.SWAP(Q[3], Q[1]),
        cirq.SWAP(Q[2], Q[3]),
        cirq.CZ(Q[4], Q[2]),
        cirq.ry(0.4)(Q[2]),
        cirq.measure(*Q, key="m"),
    )
    assert_same_records(*both(circuit, split_untangled_states=split))


@pytest.mark.parametrize("split", [True, False])
def test_seed_gives_cirqs_samples_of_dynamic_circuits(split):
    circuit = cirq.Circuit(
        cirq.reset(Q[3]),
        cirq.H(Q[0]),
        cirq.CX(Q[0], Q[2]),
        cirq.measure(Q[2], Q[0], key="a"),
        cirq.Moment(cirq.X(Q[1]).with_classical_controls("a")),
        cirq.H.on_each(*Q[:2]),
        cirq.reset(Q[0]),
        cirq.ry(1.1)(Q[0]),
        cirq.measure(Q[1], key="a2", invert_mask=(True,)),
        cirq.CX(Q[0], Q[1]),
        cirq.measure(Q[4], key="idle"),
        cirq.X(Q[4]),
        cirq.measure(Q[1], Q[0], key="b"),
    )
    assert_same_records(*both(circuit, split_untangled_states=split))


def test_draws_continue_from_run_to_run():
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.measure(Q[0]))
    ours, theirs = quasim_cirq.Simulator(seed=4), cirq.Simulator(seed=4)
    for _ in range(3):
        assert ours.run(circuit, repetitions=9) == theirs.run(circuit, repetitions=9)


def test_one_random_state_can_be_shared():
    prng = np.random.RandomState(3)
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.measure(Q[0], key="m"))
    first = quasim_cirq.Simulator(seed=prng).run(circuit, repetitions=40)
    second = quasim_cirq.Simulator(seed=prng).run(circuit, repetitions=40)
    assert first != second


# --- forms ----------------------------------------------------------------------------------------


def test_repeated_keys_masks_and_repeated_qubits():
    circuit = cirq.Circuit(
        cirq.X(Q[0]),
        cirq.measure(Q[0], Q[1], key="m", invert_mask=(True,)),
        cirq.measure(Q[1], Q[0], key="m"),
        cirq.measure(Q[0], key="n"),
    )
    ours, theirs = both(circuit, 3)
    assert_same_records(ours, theirs)
    assert ours["m"].shape == (3, 2, 2)
    assert ours["m"][0].tolist() == [[0, 0], [0, 1]]


def test_zero_repetitions_and_no_measurement():
    simulator = quasim_cirq.Simulator()
    circuit = cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="m"))
    result = simulator.run(circuit, repetitions=0)
    assert result == cirq.Simulator().run(circuit, repetitions=0)
    with pytest.raises(ValueError, match=r"Circuit has no measurements to sample\."):
        simulator.run(circuit[:1])


def test_missing_symbol_is_cirqs_error():
    circuit = cirq.Circuit(cirq.X(Q[0]) ** sympy.Symbol("a"), cirq.measure(Q[0]))
    with pytest.raises(ValueError, match="symbols were not specified"):
        quasim_cirq.Simulator().run(circuit)
    with pytest.raises(ValueError, match="symbols were not specified"):
        quasim_cirq.Simulator().simulate(circuit)


def test_missing_key_is_cirqs_error():
    circuit = cirq.Circuit(cirq.X(Q[0]).with_classical_controls("a"), cirq.measure(Q[0], key="b"))
    with pytest.raises(ValueError, match="Measurement key a missing"):
        quasim_cirq.Simulator().run(circuit)


def test_sweep_translates_once(monkeypatch):
    calls = []
    translate = quasim_cirq.programs.translate
    monkeypatch.setattr(
        quasim_cirq.programs, "translate", lambda *a, **k: calls.append(a) or translate(*a, **k)
    )
    a = sympy.Symbol("a")
    circuit = cirq.Circuit(cirq.rx(a**2 + 1)(Q[0]), cirq.ry(a)(Q[1]), cirq.measure(*Q[:2], key="m"))
    sweep = cirq.Linspace("a", 0.1, 0.9, 7)
    ours, theirs = quasim_cirq.Simulator(seed=2), cirq.Simulator(seed=2)
    assert ours.run_sweep(circuit, sweep, 30) == theirs.run_sweep(circuit, sweep, 30)
    assert len(calls) == 1


def test_batch_and_sample_are_inherited():
    a = sympy.Symbol("a")
    circuit = cirq.Circuit(cirq.X(Q[0]) ** a, cirq.measure(Q[0], key="m"))
    simulator = quasim_cirq.Simulator()
    frame = simulator.sample(circuit, repetitions=2, params=[{"a": 0}, {"a": 1}])
    assert frame["m"].tolist() == [0, 0, 1, 1]
    batch = simulator.run_batch([circuit, circuit], [{"a": 0}, {"a": 1}], [1, 2])
    assert [r[0].records["m"].tolist() for r in batch] == [[[[0]]], [[[1]], [[1]]]]


# --- classical control ----------------------------------------------------------------------------

a0, b0 = sympy.symbols("a b")
ai = sympy.IndexedBase("a")
CONDITIONS = [
    "a",
    cirq.KeyCondition(cirq.MeasurementKey("a"), 0),
    cirq.KeyCondition(cirq.MeasurementKey("a"), -2),
    cirq.BitMaskKeyCondition("a", bitmask=2),
    cirq.BitMaskKeyCondition("a", bitmask=6, target_value=4, equal_target=True),
    cirq.BitMaskKeyCondition("a", index=0, target_value=5),
    sympy.Eq(a0, 3),
    sympy.Ne(a0, b0 + 1),
    a0 - b0 > 1,
    sympy.And(a0 > 2, sympy.Not(sympy.Eq(b0, 1))),
    sympy.Xor(ai[0], ai[2]),
    sympy.Or(sympy.Eq(ai[1], 1), ai[0] > ai[2]),
    2 * a0 + b0 <= 7,
    sympy.Mod(a0, 3),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_condition_holds_exactly_when_cirq_says_so(condition, monkeypatch):
    circuit = cirq.Circuit(
        cirq.H.on_each(*Q[:4]),
        cirq.measure(*Q[:3], key="a", invert_mask=(True, False, True)),
        cirq.H.on_each(*Q[:3]),
        cirq.measure(*Q[2::-1], key="a", invert_mask=(False, True)),
        cirq.measure(Q[3], key="b"),
        cirq.Z(Q[4]).with_classical_controls("a", "b"),  # every key is read: none waits
        cirq.X(Q[4]).with_classical_controls(condition),
        cirq.measure(Q[4], key="c"),
    )
    theirs = cirq.Simulator(seed=8).run(circuit, repetitions=150).records
    inherited(monkeypatch)
    ours = quasim_cirq.Simulator(seed=8).run(circuit, repetitions=150).records
    assert_same_records(ours, theirs)
    assert 0 < ours["c"].sum() < 150


def test_condition_without_translation_is_left_to_cirq():
    circuit = cirq.Circuit(
        cirq.X(Q[0]),
        cirq.measure(Q[0], key="a"),
        cirq.X(Q[1]).with_classical_controls(sympy.Eq(2**a0, 2)),
        cirq.measure(Q[1], key="c"),
    )
    assert quasim_cirq.Simulator().run(circuit).records["c"].tolist() == [[[1]]]


# --- distributions --------------------------------------------------------------------------------


def teleport() -> cirq.Circuit:
    return cirq.Circuit(
        cirq.PhasedXZGate(x_exponent=0.4, z_exponent=0.3, axis_phase_exponent=0.2)(Q[0]),
        cirq.H(Q[1]),
        cirq.CX(Q[1], Q[2]),
        cirq.CX(Q[0], Q[1]),
        cirq.H(Q[0]),
        cirq.measure(Q[1], key="x"),
        cirq.measure(Q[0], key="z"),
        cirq.X(Q[2]).with_classical_controls("x"),
        cirq.Z(Q[2]).with_classical_controls("z"),
        cirq.ry(0.8)(Q[2]),
        cirq.measure(Q[2], key="out"),
    )


def separate_final_measurements() -> cirq.Circuit:
    return cirq.Circuit(
        cirq.H(Q[0]),
        cirq.measure(Q[0], key="early"),
        cirq.ry(0.9)(Q[0]),
        cirq.CX(Q[0], Q[1]),
        cirq.ry(1.9)(Q[1]),
        cirq.measure(Q[0], key="a"),
        cirq.measure(Q[1], key="b"),
    )


def confused() -> cirq.Circuit:
    table = np.array([[0.8, 0.1, 0.1, 0], [0.2, 0.5, 0, 0.3], [0, 0, 1, 0], [0.1, 0.2, 0.3, 0.4]])
    small = np.array([[0.8, 0.2], [0.5, 0.5]])
    return cirq.Circuit(
        cirq.H(Q[0]),
        cirq.ry(1)(Q[1]),
        cirq.CX(Q[0], Q[2]),
        cirq.measure(*Q[:3], key="m", confusion_map={(2, 0): table, (1,): small}),
        cirq.H(Q[0]),
        cirq.X(Q[1]).with_classical_controls(cirq.BitMaskKeyCondition("m", bitmask=4)),
        cirq.measure(*Q[:2], key="n"),
    )


def conditional_reset() -> cirq.Circuit:
    inner = cirq.FrozenCircuit(cirq.reset(Q[1]), cirq.X(Q[1]) ** 0.5)
    return cirq.Circuit(
        cirq.H.on_each(*Q[:2]),
        cirq.CX(Q[0], Q[2]),
        cirq.measure(Q[0], key="m"),
        cirq.CircuitOperation(inner).with_classical_controls("m"),
        cirq.measure(*Q[:3], key="n"),
    )


def subcircuits() -> cirq.Circuit:
    inner = cirq.FrozenCircuit(cirq.ry(1)(Q[0]), cirq.CX(Q[0], Q[1]), cirq.measure(Q[0], key="m"))
    return cirq.Circuit(
        cirq.CircuitOperation(inner, repetitions=3, use_repetition_ids=False),
        cirq.CircuitOperation(inner, repetitions=2, use_repetition_ids=True),
        cirq.measure(Q[1], key="n"),
    )


@pytest.mark.parametrize(
    "make", [teleport, separate_final_measurements, confused, conditional_reset, subcircuits]
)
def test_dynamic_circuit_has_cirqs_distribution(make, monkeypatch):
    """False alarms: one in 10**6 (two-sample chi-square)."""
    circuit = make()

    def histogram(simulator, repetitions):
        records = simulator.run(circuit, repetitions=repetitions).records
        rows = np.concatenate([r.reshape(repetitions, -1) for r in records.values()], axis=1)
        return list(records), Counter((rows @ (1 << np.arange(rows.shape[1]))).tolist())

    theirs = histogram(cirq.Simulator(seed=1), 700)
    inherited(monkeypatch)
    ours = histogram(quasim_cirq.Simulator(seed=2), 4000)
    assert ours[0] == theirs[0]
    assert two_sample(ours[1], theirs[1]) > FALSE_ALARM


def test_confusion_draws_cirqs_numbers_at_the_end():
    table = np.array([[0.7, 0.3], [0.4, 0.6]])
    circuit = cirq.Circuit(
        cirq.H.on_each(*Q[:3]),
        cirq.measure(*Q[:3], key="m", confusion_map={(0,): table, (2,): table}),
        cirq.measure(*Q[:2], key="n"),
    )
    assert_same_records(*both(circuit, 100))


# --- where Cirq is wrong --------------------------------------------------------------------------


def test_confusion_comes_before_inversion():
    # Reads 0 whatever is there, then inverts: 1.
    circuit = cirq.Circuit(
        cirq.measure(
            Q[0], key="m", invert_mask=(True,), confusion_map={(0,): np.array([[1, 0], [1, 0]])}
        )
    )
    assert quasim_cirq.Simulator().run(circuit).records["m"].item() == 1
    assert quasim_cirq.Simulator().simulate(circuit).measurements["m"].item() == 1
    assert cirq.Simulator().run(circuit).records["m"].item() == 0  # upstream, cirq 1.7.0


# --- fallbacks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "circuit",
    [
        cirq.Circuit(cirq.XPowGate(dimension=3)(QUTRIT), cirq.measure(QUTRIT)),
        cirq.Circuit(cirq.KrausChannel([np.eye(2)], key="k")(Q[0]), cirq.measure(Q[0])),
        cirq.Circuit(
            cirq.CircuitOperation(
                cirq.FrozenCircuit(cirq.H(Q[0]), cirq.measure(Q[0], key="m")),
                use_repetition_ids=False,
                repeat_until=cirq.KeyCondition(cirq.MeasurementKey("m")),
            )
        ),
    ],
    ids=["qudit", "keyed channel", "repeat until"],
)
def test_what_only_cirq_can_do_still_runs(circuit):
    ours, theirs = both(circuit, 5)
    assert_same_records(ours, theirs)


def test_many_qubits_that_never_meet():
    qubits = cirq.LineQubit.range(80)
    circuit = cirq.Circuit(cirq.X.on_each(*qubits[::2]), cirq.measure(*qubits, key="m"))
    bits = quasim_cirq.Simulator().run(circuit, repetitions=2).records["m"]
    assert bits.tolist() == [[[1, 0] * 40]] * 2
    apart = cirq.Circuit(
        cirq.measure_each(*qubits), cirq.X.on_each(*qubits), cirq.measure(qubits[7])
    )
    assert quasim_cirq.Simulator().run(apart).records["q(7)"].tolist() == [[[0], [1]]]
    assert quasim_cirq.Simulator().simulate(apart[:-1]).measurements["q(3)"].tolist() == [0]


def test_changed_circuit_is_run_anew():
    simulator = quasim_cirq.Simulator()
    circuit = cirq.Circuit(cirq.measure(Q[0], key="m"))
    assert simulator.run(circuit).records["m"].item() == 0
    circuit.insert(0, cirq.X(Q[0]))
    assert simulator.run(circuit).records["m"].item() == 1


def test_cache_forgets_dead_circuits():
    simulator = Simulator()
    for _ in range(5):
        simulator.run(cirq.Circuit(cirq.measure(Q[0], key="m")))
    assert len(simulator._programs) == 0

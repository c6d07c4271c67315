"""The stabilizer engine against Stim, Qiskit, the state vector and density matrices."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import compile_circuit
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.errors import QuasimError, UnsupportedError
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Binary, Bit, Bits, Const, uint
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.noise import (
    amplitude_damping,
    depolarizing,
    pauli_channel,
    phase_damping,
    reset_error,
)
from quasim_backend.testing import FALSE_ALARM, exact_distribution, goodness_of_fit
from quasim_backend.testing.dynamic_generators import DYNAMIC_KINDS, random_dynamic_clifford
from quasim_backend.testing.generators import random_clifford_circuit

stim = pytest.importorskip("stim")

from quasim_backend.engines.stabilizer.engine import StabilizerEngine  # noqa: E402
from quasim_backend.engines.stabilizer.refusals import inexactness  # noqa: E402


@pytest.fixture
def session():
    with quasim.runtime(method="stabilizer") as opened:
        yield opened


def wide(rng, width, gates):
    """A random circuit and the same for Stim, written side by side."""
    circuit, simulator = Circuit(width, width), stim.TableauSimulator()
    simulator.set_num_qubits(width)
    for _ in range(gates):
        a, b = (int(q) for q in rng.choice(width, 2, replace=False))
        match int(rng.integers(6)):
            case 0:
                circuit.h(a)
                simulator.h(a)
            case 1:
                circuit.rz(math.pi / 2, a)
                simulator.s(a)
            case 2:
                circuit.cx(a, b)
                simulator.cx(a, b)
            case 3:
                circuit.gate("cy", [a, b])
                simulator.cy(a, b)
            case 4:
                circuit.rx(-math.pi / 2, b)
                simulator.sqrt_x_dag(b)
            case 5:
                circuit.gate("iswap", [a, b])
                simulator.iswap(a, b)
    return circuit, simulator


def fits(circuit, samples):
    """Whether bits ``(shots, clbits)`` follow the exact distribution."""
    values = (samples.astype(object) << np.arange(samples.shape[1])).sum(axis=1)
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    return goodness_of_fit(Counter(values.tolist()), exact) > FALSE_ALARM


# --- wide circuits ----------------------------------------------------------------------------


def test_wide_expectation_values_agree_with_stim(session):
    rng = np.random.default_rng(1)
    circuit, simulator = wide(rng, 70, 300)
    stabilizers = simulator.canonical_stabilizers()
    strings, wanted = [], []
    for number in range(60):
        if number % 2:
            pauli = stabilizers[number]
        else:
            letters = rng.choice(4, 70, p=[0.9, 0.04, 0.03, 0.03])
            pauli = stim.PauliString([int(i) for i in letters])
        sign, pauli = pauli.sign.real, pauli / pauli.sign
        xs, zs = pauli.to_numpy()
        masks = [sum(1 << q for q in np.flatnonzero(bits).tolist()) for bits in (xs, zs)]
        strings.append(PauliString(*masks))
        wanted.append(simulator.peek_observable_expectation(pauli))
        if number % 2:
            assert wanted[-1] == sign
    assert session.measure(circuit, strings) == wanted
    assert {-1.0, 0.0, 1.0} >= set(wanted)


def test_wide_samples_obey_the_stabilizers(session):
    """Each Z-type stabilizer of the state is a parity that every shot has."""
    rng = np.random.default_rng(2)
    circuit, simulator = wide(rng, 100, 150)
    circuit.measure_all()
    samples = session.sample(circuit, 300, seed=4)
    checked = 0
    for pauli in simulator.canonical_stabilizers():
        xs, zs = pauli.to_numpy()
        if xs.any():
            continue
        checked += 1
        parity = samples[:, zs].sum(axis=1) % 2
        assert (parity == (pauli.sign.real < 0)).all()
    assert checked
    assert 0.4 < samples[:, [simulator.peek_z(q) == 0 for q in range(100)]].mean() < 0.6


def test_a_thousand_qubits_through_the_public_calls(session):
    circuit = Circuit(1000).h(0)
    for q in range(999):
        circuit.cx(q, q + 1)
    samples = session.sample(circuit, 200, seed=1)
    assert {*samples.sum(axis=1).tolist()} == {0, 1000}
    labels = ["Z" + "I" * 998 + "Z", "X" * 1000, "Z" + "I" * 999]
    assert session.measure(circuit, labels) == [1, 1, 0]
    probabilities = session.probabilities(circuit, [999, 0])
    np.testing.assert_allclose(probabilities, [0.5, 0, 0, 0.5])
    rho = session.reduced_density_matrix(circuit, [5])
    np.testing.assert_allclose(rho, np.eye(2) / 2)
    saved = session.run(circuit, save=Save("amplitudes", "a", indices=(0, 1, (1 << 1000) - 1)))
    np.testing.assert_allclose(saved.saved["a"], [math.sqrt(0.5), 0, math.sqrt(0.5)])
    counts = session.run(Circuit(1000, 1000).x(999).measure_all(), shots=3).counts()
    assert counts == {"1" + "0" * 999: 3}


def test_wide_feed_forward(session):
    """Teleport along 80 qubits; corrections read bits that are measured on the way."""
    circuit = Circuit(81, 81).h(0).s(0)
    for q in range(0, 80, 2):
        circuit.h(q + 1).cx(q + 1, q + 2).cx(q, q + 1).h(q)
        circuit.measure([q, q + 1], [q, q + 1])
        circuit.if_(Bit(q + 1), Circuit(81, 81).x(q + 2)).if_(Bit(q), Circuit(81, 81).z(q + 2))
    circuit.gate("sdg", [80]).h(80).measure(80, 80)
    result = session.run(circuit, shots=500, seed=1)
    assert result.metadata["way"] == "Pauli frames"
    assert not result.samples[:, 80].any()
    assert 0.4 < result.samples[:, :80].mean() < 0.6


def test_exact_averages_over_corrections(session):
    circuit = Circuit(3, 2).h(0).s(0).h(1).cx(1, 2).cx(0, 1).h(0).measure([0, 1], [0, 1])
    circuit.if_(Bit(1), Circuit(3, 2).x(2)).if_(Bit(0), Circuit(3, 2).z(2))
    assert session.measure(circuit, ["YII", "XII", "ZII"]) == [1, 0, 0]


# --- against other truths ---------------------------------------------------------------------


def test_tree_and_state_vector_give_the_same_shots():
    """With the same uniforms, bit for bit."""
    rng = np.random.default_rng(3)
    for number in range(40):
        kinds = (*DYNAMIC_KINDS, "assign")
        circuit = random_dynamic_clifford(rng, 3, 3, 6, kinds)
        compiled = compile_circuit(circuit)
        uniforms = np.random.default_rng(number).random((40, 600))
        request = EngineRequest(
            ReferenceKernels(), np.dtype(complex), np.empty(0), shots=40, uniforms=uniforms
        )
        assert StabilizerEngine().refuses(compiled, request) is None
        found = StabilizerEngine().run(compiled, request).packed
        np.testing.assert_array_equal(found, StateVectorEngine().run(compiled, request).packed)


def test_frames_and_tree_agree_with_the_exact_distribution(session):
    rng = np.random.default_rng(4)
    ways = Counter()
    for number in range(25):
        circuit = random_dynamic_clifford(rng, 3, 3, 7, ("measure", "reset", "if", "for"))
        result = session.run(circuit, shots=2000, seed=number)
        ways[result.metadata["way"]] += 1
        assert fits(circuit, result.samples), f"circuit {number}"
    assert set(ways) == {"Pauli frames", "tree of shots"}


def test_repeat_until_success(session):
    body = Circuit(2, 2).reset(0).h(0).measure(0, 0)
    circuit = Circuit(2, 2).h(1).measure(1, 1).h(0).measure(0, 0).while_(Bit(0), body)
    circuit.cx(0, 1).measure([0, 1], [0, 1])
    result = session.run(circuit, shots=2000, seed=2)
    assert result.metadata["way"] == "tree of shots"
    assert not result.samples[:, 0].any()
    assert 0.44 < result.samples[:, 1].mean() < 0.56


def test_conditions_on_a_parity_are_frames_and_on_a_value_are_not(session):
    start = Circuit(3, 3).h(0).h(1).measure([0, 1], [0, 1])
    parity = Binary("^", Bit(0), Bit(1))
    value = Binary("==", Bits((0, 1)), Const(3, uint(2)))
    for condition, way in ((parity, "Pauli frames"), (value, "tree of shots")):
        circuit = Circuit(3, 3)
        circuit.instructions += start.instructions
        circuit.if_(condition, Circuit(3, 3).x(2), Circuit(3, 3).y(2).x(2)).measure(2, 2)
        result = session.run(circuit, shots=2000, seed=5)
        assert result.metadata["way"] == way
        assert fits(circuit, result.samples)


def test_readout_errors_reach_bits_and_what_reads_them(session):
    even, odd = (
        ReadoutError.of([[0.8, 0.2]] * 1 + [[0.2, 0.8]]),
        ReadoutError.of([[0.9, 0.1], [0.3, 0.7]]),
    )
    pair = ReadoutError.of(np.random.default_rng(6).dirichlet([2, 1, 1, 1], 4))
    for first in (even, odd):
        circuit = Circuit(3, 3).h(0).cx(0, 1).measure([0], [0], first)
        circuit.if_(Bit(0), Circuit(3, 3).x(2)).measure([1, 2], [2, 1], pair)
        assert fits(circuit, session.sample(circuit, 6000, seed=1))


def test_exact_values_with_noise_and_readout_errors_agree_with_the_density_matrix(session):
    circuit = Circuit(3, 3).h(0).channel(depolarizing(0.1), [0]).cx(0, 1)
    circuit.channel(depolarizing(0.2, 2), [1, 0]).channel(phase_damping(0.3), [1])
    circuit.channel(pauli_channel({"XYZ": 0.1, "ZIX": 0.2, "IZI": 0.05}), [2, 0, 1]).reset(2)
    circuit.h(2).cx(2, 1).measure(0, 0).channel(pauli_channel({"Y": 0.25}), [1])
    labels = ["XXI", "ZZI", "IZI", "IXX", "XXX", "YYZ", "IIZ", "ZZZ", "IYI"]
    with quasim.runtime(method="density_matrix", simulation_precision="fp64") as exact:
        wanted = exact.measure(circuit, labels)
        np.testing.assert_allclose(session.measure(circuit, labels), wanted, atol=1e-12)
        np.testing.assert_allclose(
            session.density_matrix(circuit), exact.density_matrix(circuit), atol=1e-7
        )
        np.testing.assert_allclose(
            session.variances(circuit, [{"XXI": 0.5, "IZI": 2, "IIZ": 1}]),
            exact.variances(circuit, [{"XXI": 0.5, "IZI": 2, "IIZ": 1}]),
            atol=1e-12,
        )
    assert any(abs(value) > 0.1 for value in wanted)


@pytest.mark.parametrize(
    "channel",
    [
        depolarizing(0.3),
        depolarizing(0.4, 2),
        pauli_channel({"XY": 0.2, "ZI": 0.1, "YY": 0.15}),
        pauli_channel({"XYZ": 0.2, "IIX": 0.3, "YYY": 0.1}),
        phase_damping(0.4),
        reset_error(0.2, 0.3),
        Channel.mixture([0.6, 0.4], [np.eye(2), np.array([[1, 1], [1, -1]]) / math.sqrt(2)]),
        Channel.mixture([0.6, 0.4], [np.diag([1, 1j]), np.diag([1, -1j])]),
    ],
    ids=lambda c: f"{c.name}{c.num_qubits}",
)
def test_noise_as_frames_and_as_a_tree(session, channel):
    """Frames where Stim has a line for it; given uniforms always take the tree."""
    circuit = Circuit(3, 3).h(0).cx(0, 1).cx(1, 2).s(1).channel(channel, range(channel.num_qubits))
    circuit.h(0).h(1).measure_all()
    assert fits(circuit, session.sample(circuit, 4000, seed=8))
    uniforms = np.random.default_rng(9).random((4000, 8))
    assert fits(circuit, session.run(circuit, shots=4000, uniforms=uniforms).samples)


def test_saves_beside_shots(session):
    circuit = Circuit(2, 2).h(0).save("expectation", "before", observable="IX")
    circuit.cx(0, 1).channel(depolarizing(0.15), [0])
    circuit.save("expectation", "after", observable="ZZ", subtype="average").measure_all()
    result = session.run(circuit, shots=50, seed=1)
    assert result.metadata["way"] == "Pauli frames"
    assert result.saved["before"] == 1
    with quasim.runtime(method="density_matrix", simulation_precision="fp64") as exact:
        wanted = exact.run(circuit, shots=50, seed=1).saved["after"]
    assert result.saved["after"] == pytest.approx(wanted, abs=1e-12)
    listed = Circuit(1, 1).h(0).measure(0, 0)
    listed.save("expectation", "z", observable="Z", subtype="list")
    result = session.run(listed, shots=20, seed=1)
    assert result.saved["z"] == (1 - 2.0 * result.samples[:, 0]).tolist()


def test_saved_tableaus_are_those_of_qiskit(session):
    quantum_info = pytest.importorskip("qiskit.quantum_info")
    rng = np.random.default_rng(10)
    for number in range(10):
        circuit = random_clifford_circuit(rng, 4, 12)
        saved = session.run(circuit, save=Save("stabilizer", "state")).saved["state"]
        table = np.hstack([saved.x, saved.z, saved.phase[:, None]])
        clifford = quantum_info.Clifford(table)
        state = session.simulate(circuit)
        theirs = quantum_info.Statevector.from_instruction(clifford.to_circuit()).data
        assert abs(abs(np.vdot(theirs, state)) - 1) < 1e-6, f"circuit {number}"
        for label in saved.labels():
            value = session.measure(circuit, [label[1:]])[0]
            assert value == (1 if label[0] == "+" else -1)


def test_prepared_and_initial_stabilizer_states(session):
    bell = np.array([1, 0, 0, 1j]) / math.sqrt(2)
    circuit = Circuit(3, 3).h(0).initialize(bell, [2, 0]).cx(0, 1)
    with quasim.runtime(method="statevector", simulation_precision="fp64") as exact:
        labels = ["XIX", "ZIZ", "XXY", "YXX", "IZZ"]
        for label in labels:
            circuit.save("expectation", label, observable=label)
        saved = [rt.run(circuit, shots=1, seed=1) for rt in (session, exact)]
        np.testing.assert_allclose(
            [saved[0].saved[p] for p in labels], [saved[1].saved[p] for p in labels], atol=1e-6
        )


def test_loop_parameters_and_bound_parameters(session):
    theta, step = quasim.Parameter("theta"), quasim.Parameter("step")
    body = Circuit(2, 2).rx(step * (math.pi / 2) + theta, 0).cx(0, 1).measure(1, 1)
    circuit = Circuit(2, 2).for_((0, 1, 2), body, parameter=step).measure([0, 1], [0, 1])
    bound = Circuit(2, 2)
    for k in range(3):
        bound.rx(k * math.pi / 2 + math.pi, 0).cx(0, 1).measure(1, 1)
    bound.measure([0, 1], [0, 1])
    samples = session.sample(circuit, 3000, seed=1, parameters={theta: math.pi})
    assert fits(bound, samples)
    with pytest.raises(UnsupportedError, match=r"rx\(0.3\) on qubit 0"):
        session.sample(circuit, 10, parameters={theta: 0.3})


def test_noise_models(session):
    noise = {"depolarizing": {"single_qubit": 0.02, "two_qubit": 0.05}, "readout": 0.03}
    circuit = Circuit(3, 3).h(0).cx(0, 1).cx(1, 2).measure_all()
    with (
        quasim.runtime(method="stabilizer", noise_model=noise) as noisy,
        quasim.runtime(method="density_matrix", noise_model=noise) as exact,
    ):
        mine = noisy.run(circuit, shots=40000, seed=1)
        theirs = exact.run(circuit, shots=40000, seed=2)
    from quasim_backend.testing import two_sample

    assert mine.metadata["way"] == "Pauli frames"
    assert two_sample(mine.int_counts(), theirs.int_counts()) > FALSE_ALARM


# --- seeds and messages -----------------------------------------------------------------------


def test_shots_do_not_depend_on_their_number_across_blocks(session):
    circuit = Circuit(5, 5).h(0).cx(0, 1).h(2).channel(depolarizing(0.1), [1]).measure_all()
    many = session.sample(circuit, 10000, seed=3)
    np.testing.assert_array_equal(many[:4100], session.sample(circuit, 4100, seed=3))
    np.testing.assert_array_equal(many[:10], session.sample(circuit, 10, seed=3))
    assert (many[:4096] != many[4096:8192]).any()


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (Circuit(3, 1).h(0).cx(0, 1).t(2), r"gate number 2, t on qubit 2, is no Clifford gate"),
        (Circuit(3, 1).h(1).rz(0.25, 1), r"gate number 1, rz\(0.25\) on qubit 1"),
        (Circuit(4, 1).ccx(0, 1, 3), r"gate number 0, ccx on qubits 0, 1, 3"),
        (Circuit(2, 1).if_(Bit(0), Circuit(2, 1).h(0).t(1)), r"gate number 1, t on qubit 1"),
        (
            Circuit(2, 1).h(0).channel(amplitude_damping(0.1), [1]),
            r"channel 'amplitude_damping' on qubit 1 is no mixture of Paulis",
        ),
    ],
)
def test_messages_name_what_is_no_clifford(session, circuit, message):
    with pytest.raises(UnsupportedError, match=message):
        session.run(circuit.measure([0], [0]), shots=1)


def test_other_messages(session):
    with pytest.raises(QuasimError, match="2\\*\\*40 amplitudes"):
        session.simulate(Circuit(40).h(0))
    with pytest.raises(UnsupportedError, match="not unitaries"):
        session.unitary(Circuit(1).h(0))
    with pytest.raises(UnsupportedError, match=r"starts in \|0...0>"):
        session.simulate(Circuit(1).h(0), initial_state=[0, 1])
    with pytest.raises(UnsupportedError, match="given as an array"):
        session.measure(Circuit(1).h(0), quasim.MatrixObservable([[0, 1], [1, 0]], [0]))
    feed = Circuit(2, 1).h(0).measure(0, 0).if_(Bit(0), Circuit(2, 1).h(1))
    with pytest.raises(UnsupportedError, match="outcomes decide on Paulis only"):
        session.measure(feed, ["ZI"])
    with (
        quasim.runtime(method="statevector") as other,
        pytest.raises(UnsupportedError, match="keeps a 'stabilizer'"),
    ):
        other.run(Circuit(1).h(0), save=Save("stabilizer", "s"))


def test_stim_is_imported_only_when_it_is_used():
    code = "import sys, quasim_backend as q; q.runtime().close(); print('stim' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_without_stim_the_message_has_the_command(session, monkeypatch):
    from quasim_backend.engines.stabilizer import clifford

    monkeypatch.setattr(clifford.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match=r"pip install 'quasim-backend\[stim\]'"):
        session.run(Circuit(1, 1).h(0).measure_all(), shots=1)


def test_predictions_and_memory_are_of_the_right_size(session):
    rng = np.random.default_rng(11)
    circuit, _ = wide(rng, 300, 20000)
    circuit.measure_all()
    compiled = compile_circuit(circuit)
    engine = StabilizerEngine()
    request = EngineRequest(ReferenceKernels(), np.dtype(complex), np.empty(0), shots=20000)
    result = session.run(circuit, shots=20000)
    predicted = engine.predicted_seconds(compiled, request)
    assert predicted / 10 < result.metadata["time_run"] < predicted * 20
    assert 1 << 20 < engine.memory_bytes(compiled, request) < 1 << 28


# --- a code of Stim's own ---------------------------------------------------------------------


def from_stim(source):
    """Write a generated circuit of Stim's with our instructions; detectors are left out."""
    source = source.flattened()
    circuit = Circuit(source.num_qubits, source.num_measurements)
    done = 0
    for line in source:
        values = [t.value for t in line.targets_copy() if t.is_qubit_target]
        arguments = line.gate_args_copy()
        for place, qubit in enumerate(values):
            match line.name:
                case "H":
                    circuit.h(qubit)
                case "R":
                    circuit.reset(qubit)
                case "X_ERROR":
                    circuit.channel(pauli_channel({"X": arguments[0]}), [qubit])
                case "DEPOLARIZE1":
                    circuit.channel(depolarizing(arguments[0]), [qubit])
                case "M" | "MR":
                    circuit.measure(qubit, done)
                    done += 1
                    if line.name == "MR":
                        circuit.reset(qubit)
                case "CX" | "DEPOLARIZE2" if place % 2 == 0:
                    pair = values[place : place + 2]
                    if line.name == "CX":
                        circuit.cx(*pair)
                    else:
                        circuit.channel(depolarizing(arguments[0], 2), pair)
                case "CX" | "DEPOLARIZE2" | "TICK" | "DETECTOR" | "QUBIT_COORDS" | "SHIFT_COORDS":
                    pass
                case name:
                    assert name == "OBSERVABLE_INCLUDE", name
    assert done == source.num_measurements
    return circuit


@pytest.mark.parametrize("task", ["repetition_code:memory", "surface_code:rotated_memory_z"])
def test_detection_events_of_a_code_come_as_often_as_in_stim(session, task):
    source = stim.Circuit.generated(
        task,
        distance=3,
        rounds=4,
        after_clifford_depolarization=0.02,
        before_measure_flip_probability=0.03,
        after_reset_flip_probability=0.01,
        before_round_data_depolarization=0.02,
    )
    shots = 40000
    result = session.run(from_stim(source), shots=shots, seed=1)
    assert result.metadata["way"] == "Pauli frames"
    converter = source.compile_m2d_converter()
    events, flips = converter.convert(
        measurements=result.samples.astype(bool), separate_observables=True
    )
    wanted, wanted_flips = source.compile_detector_sampler(seed=2).sample(
        shots, separate_observables=True
    )
    from quasim_backend.testing import two_sample

    def patterns(detections, observables):
        """Values of the first detectors and the observable, all at once."""
        bits = np.hstack([detections[:, :7], observables]).astype(np.int64)
        return Counter((bits << np.arange(bits.shape[1])).sum(axis=1).tolist())

    assert two_sample(patterns(events, flips), patterns(wanted, wanted_flips)) > FALSE_ALARM
    spread = 5 * np.sqrt(wanted.mean(axis=0) / shots)
    assert (np.abs(events.mean(axis=0) - wanted.mean(axis=0)) < 2 * spread).all()
    assert wanted.any()


# --- nearly Clifford --------------------------------------------------------------------------


def _many_small_turns(angle, count=5000):
    circuit = Circuit(40).h(0)
    for _ in range(count):
        circuit.h(1).rz(angle, 1).h(1)
    return circuit


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_small_angles_add_up_where_nobody_asked_for_stabilizers(precision, session):
    string = PauliString.from_letters({1: "Y"})
    circuit = _many_small_turns(0.9e-8)
    with quasim.runtime(simulation_precision=precision) as chosen:
        assert chosen.measure(circuit, string)[0] == pytest.approx(-4.5e-5, rel=0.01)
    assert session.measure(circuit, string)[0] == 0.0  # asked for: angles are rounded


def test_differences_of_small_angles_are_derivatives():
    angle, width = quasim.Parameter("a"), 40
    circuit = Circuit(width).rx(angle, 0)
    for q in range(width - 1):
        circuit.cx(q, q + 1)
    string = PauliString.from_letters({0: "Y", **{q: "X" for q in range(1, width)}})
    with quasim.runtime(simulation_precision="fp64") as chosen:
        for step in (1e-8, 1e-10):
            low, high = (chosen.measure(circuit, string, parameters=[s])[0] for s in (-step, step))
            assert (high - low) / (2 * step) == pytest.approx(-1.0, rel=1e-4)


def test_what_is_rounded_is_named():
    nearly = [
        (_many_small_turns(0.9e-8), "fp32", "gate number 2, rz\\(9e-09\\) on qubit 1"),
        (Circuit(30).cx(0, 1).rz(1e-9, 0), "fp64", "gate number 1, rz\\(1e-09\\) on qubit 0"),
        (Circuit(30).channel(amplitude_damping(5e-8), [2]), "fp64", "channel .* on qubit 2"),
    ]
    for circuit, precision, match in nearly:
        with quasim.runtime(simulation_precision=precision) as chosen:
            told = chosen.explain(circuit.save("expectation", observable=PauliString(0, 1)), 0)
        line = next(line for line in told.splitlines() if "stabilizer " in line)
        assert re.search(match, line)
        assert "method='stabilizer' rounds it" in line
    loop = Circuit(30).for_(range(50_000), Circuit(30).rx(1e-9, 0))
    assert math.isinf(inexactness(gate_code(compile_circuit(loop)), np.empty(0)).total)
    with quasim.runtime() as chosen:
        pi = Circuit(200).h(0)
        for q in range(199):
            pi.rz(1.570796327, q).cx(q, q + 1)  # nine digits: rounding in single precision
        assert "-> stabilizer" in chosen.explain(pi.measure_all(), 10)

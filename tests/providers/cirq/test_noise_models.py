"""Noise models between Cirq and QuASIM: the density matrices of Cirq's own simulator."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")

from cirq.contrib import noise_models as contrib  # noqa: E402
from cirq.devices.noise_utils import OpIdentifier  # noqa: E402

import quasim_backend as quasim  # noqa: E402
import quasim_cirq  # noqa: E402
from quasim_backend import noise  # noqa: E402
from quasim_backend.errors import QubitError, UnsupportedError  # noqa: E402
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution  # noqa: E402
from quasim_cirq.plugin import quasim_translate_noise  # noqa: E402
from quasim_cirq.translate import translate  # noqa: E402

Q = cirq.LineQubit.range(3)
ONE = [cirq.X, cirq.X**0.5, cirq.Y**0.3, cirq.Z, cirq.T, cirq.H, cirq.rx(0.3), cirq.I]
ONE += [cirq.PhasedXPowGate(phase_exponent=0.2, exponent=0.7), cirq.ry(1.1), cirq.rz(0.4)]


class Odd(cirq.Gate):
    """A gate that QuASIM has no name for, not symmetric in its qubits."""

    def _num_qubits_(self):
        return 2

    def _unitary_(self):
        return cirq.unitary(cirq.CX) @ np.kron(cirq.unitary(cirq.ry(0.3)), np.eye(2))


TWO = [
    Odd(),
    cirq.CX,
    cirq.CZ,
    cirq.CZ**0.3,
    cirq.ISWAP**0.5,
    cirq.FSimGate(0.3, 0.2),
    cirq.XX**0.2,
]


def random_circuit(seed: int, depth: int = 6, *, measured: bool = False) -> cirq.Circuit:
    """Return moments in which qubits often wait, so that moments are not as early as can be."""
    rng = np.random.RandomState(seed)
    moments = []
    for _ in range(depth):
        order = [Q[i] for i in rng.permutation(3)]
        operations = []
        if rng.rand() < 0.5:
            operations.append(TWO[rng.randint(len(TWO))](order.pop(), order.pop()))
        operations += [ONE[rng.randint(len(ONE))](q) for q in order if rng.rand() < 0.6]
        moments.append(cirq.Moment(operations))
    if measured:
        moments.append(cirq.Moment(cirq.measure(Q[0], Q[2], key="m"), cirq.measure(Q[1], key="k")))
    # Every qubit has to be there for Cirq to put noise on it.
    moments.insert(0, cirq.Moment(cirq.H.on_each(*Q)))
    return cirq.Circuit(moments)


def rules_say(model: quasim.NoiseModel, circuit: cirq.Circuit) -> np.ndarray:
    """Return Cirq's density matrix of a circuit with our rules in it; qubit i is Q[i]."""
    ours = translate(circuit, Q[::-1], keep_moments=True).circuit
    rho = sum(exact_branches(model.applied(ours)).values())
    back = rho.reshape((2,) * 6).transpose(2, 1, 0, 5, 4, 3)
    return back.reshape(8, 8)


def cirq_says(model: cirq.NoiseModel, circuit: cirq.Circuit) -> np.ndarray:
    """Return the density matrix with the noise of all moments, outcomes forgotten."""
    noisy = cirq.Circuit(model.noisy_moments(circuit, Q))
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128, split_untangled_states=False)
    deferred = [cirq.dephase_measurements(noisy)] if cirq.is_measurement(noisy) else [noisy]
    return simulator.simulate(deferred[0], qubit_order=Q).final_density_matrix


def thermal(**options) -> cirq.devices.ThermalNoiseModel:
    durations = {cirq.FSimGate: 32.0, cirq.Rx: 7.0, cirq.XPowGate: 25.0, cirq.ZPowGate: 0.0}
    durations |= {cirq.CZPowGate: 40.0, cirq.PhasedXPowGate: 20.0, cirq.MeasurementGate: 90.0}
    durations |= {Odd: 50.0}
    return cirq.devices.ThermalNoiseModel(
        set(Q),
        durations,
        heat_rate_GHz={Q[0]: 1e-4, Q[1]: 0.0, Q[2]: 2e-4},
        cool_rate_GHz=1e-3,
        dephase_rate_GHz={Q[0]: 1e-3, Q[1]: 3e-3},
        require_physical_tag=False,
        **options,
    )


def insertion(*, prepend: bool = False) -> cirq.devices.InsertionNoiseModel:
    added = {
        OpIdentifier(cirq.XPowGate, Q[0]): cirq.depolarize(0.1)(Q[0]),
        OpIdentifier(cirq.Rx, Q[0]): cirq.amplitude_damp(0.2)(Q[0]),
        OpIdentifier(cirq.ZPowGate, Q[2]): cirq.phase_damp(0.2)(Q[2]),
        OpIdentifier(cirq.Gate, Q[1]): cirq.bit_flip(0.05)(Q[1]),
    }
    for a, b in product(Q, Q):
        if a != b:
            kraus = cirq.kraus(cirq.depolarize(0.1, 2))
            kraus = [cirq.unitary(cirq.CX) @ k for k in kraus]  # not symmetric in the qubits
            added[OpIdentifier(cirq.CZPowGate, a, b)] = cirq.KrausChannel(kraus)(b, a)
            added[OpIdentifier(Odd, a, b)] = cirq.amplitude_damp(0.2)(a)
            added[OpIdentifier(cirq.FSimGate, a, b)] = cirq.amplitude_damp(0.1)(b)
    if not prepend:
        del added[OpIdentifier(cirq.Gate, Q[1])]
    return cirq.devices.InsertionNoiseModel(added, prepend, require_physical_tag=False)


class Device(cirq.devices.SuperconductingQubitsNoiseProperties):
    """A device of three qubits, all different."""

    @classmethod
    def single_qubit_gates(cls):
        return {cirq.ZPowGate, cirq.XPowGate, cirq.PhasedXPowGate, cirq.MeasurementGate}

    @classmethod
    def symmetric_two_qubit_gates(cls):
        return {cirq.CZPowGate, cirq.ISwapPowGate}

    @classmethod
    def asymmetric_two_qubit_gates(cls):
        return set()


def device() -> cirq.NoiseModel:
    errors = {}
    for i, q in enumerate(Q):
        for kind in (cirq.ZPowGate, cirq.XPowGate, cirq.PhasedXPowGate):
            errors[OpIdentifier(kind, q)] = 0.01 + 0.003 * i
    for a, b in product(Q, Q):
        if a != b:
            for kind in (cirq.CZPowGate, cirq.ISwapPowGate):
                errors[OpIdentifier(kind, a, b)] = 0.03
    times = {cirq.ZPowGate: 25.0, cirq.XPowGate: 25.0, cirq.PhasedXPowGate: 25.0}
    times |= {cirq.CZPowGate: 32.0, cirq.ISwapPowGate: 32.0, cirq.MeasurementGate: 4000.0}
    return cirq.devices.NoiseModelFromNoiseProperties(
        Device(
            gate_times_ns=times,
            t1_ns={Q[0]: 1e4, Q[1]: 2e4, Q[2]: 1.5e4},
            tphi_ns={Q[0]: 9e3, Q[1]: 2e4, Q[2]: 3e4},
            readout_errors={Q[0]: [0.01, 0.03], Q[1]: [0.02, 0.05], Q[2]: [0.005, 0.04]},
            gate_pauli_errors=errors,
        )
    )


MODELS = {
    "constant": cirq.ConstantQubitNoiseModel(cirq.amplitude_damp(0.1)),
    "constant before": cirq.ConstantQubitNoiseModel(cirq.depolarize(0.1), prepend=True),
    "constant unitary": cirq.ConstantQubitNoiseModel(cirq.Z**0.1),
    "insertion": insertion(),
    "thermal": thermal(),
    "device": device(),
    "contrib depolarizing": contrib.DepolarizingNoiseModel(0.05),
    "contrib depolarizing before": contrib.DepolarizingNoiseModel(0.05, prepend=True),
}
MEASURED = {
    "constant": MODELS["constant"],
    "insertion before": insertion(prepend=True),
    "thermal": thermal(),
    "thermal measured": thermal(skip_measurements=False),
    "device": MODELS["device"],
    "contrib depolarizing": MODELS["contrib depolarizing"],
    "contrib readout": contrib.ReadoutNoiseModel(0.1),
    "contrib readout after": contrib.ReadoutNoiseModel(0.1, prepend=False),
    "contrib damped": contrib.DampedReadoutNoiseModel(0.2),
    "contrib both": contrib.DepolarizingWithReadoutNoiseModel(0.05, 0.1),
    "contrib all": contrib.DepolarizingWithDampedReadoutNoiseModel(0.05, 0.1, 0.2),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_rules_do_what_cirqs_model_does(name, seed):
    model = quasim_translate_noise(MODELS[name])
    circuit = random_circuit(seed)
    wanted = cirq_says(MODELS[name], circuit)
    np.testing.assert_allclose(rules_say(model, circuit), wanted, rtol=0, atol=1e-9)
    ideal = rules_say(quasim.NoiseModel(), circuit)
    assert abs(ideal - wanted).max() > 1e-4


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("seed", range(2))
def test_rules_do_what_cirqs_model_does_with_measurements(name, seed):
    model = quasim_translate_noise(MEASURED[name])
    circuit = random_circuit(seed, measured=True)
    wanted = cirq_says(MEASURED[name], circuit)
    np.testing.assert_allclose(rules_say(model, circuit), wanted, rtol=0, atol=1e-9)


def test_written_back_is_the_same():
    for name, theirs in MODELS.items():
        exported = quasim.export_noise(quasim.translate_noise(theirs), "cirq")
        circuit = random_circuit(7)
        np.testing.assert_allclose(
            cirq_says(exported, circuit), cirq_says(theirs, circuit), atol=1e-9, err_msg=name
        )


REFUSED = [
    (cirq.devices.noise_model.GateSubstitutionNoiseModel(lambda op: op), "function"),
    (cirq.devices.InsertionNoiseModel({}), "require_physical_tag=False"),
    (
        cirq.devices.InsertionNoiseModel(
            {OpIdentifier(cirq.XPowGate): cirq.X(Q[0])}, require_physical_tag=False
        ),
        "other qubits than the gate's own",
    ),
    (
        cirq.devices.InsertionNoiseModel(
            {OpIdentifier(cirq.MeasurementGate, Q[0]): cirq.X(Q[0])}, require_physical_tag=False
        ),
        "after measurements",
    ),
    (thermal(prepend=True), "before moments"),
]


@pytest.mark.parametrize(("model", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_rules_cannot_say_is_named(model, why):
    with pytest.raises(UnsupportedError, match=why):
        quasim.translate_noise(model)


def test_other_objects_are_left_alone():
    assert quasim_translate_noise(object()) is None
    assert quasim_translate_noise(cirq.X) is None
    assert quasim_translate_noise(cirq.NO_NOISE).is_ideal


# --- from ours ----------------------------------------------------------------------------------


def random_model(seed: int) -> quasim.NoiseModel:
    rng = np.random.RandomState(seed)
    low, high = rng.rand(2) * 0.1
    model = (
        quasim.NoiseModel()
        .on_gates(noise.amplitude_damping(low), ["x", "h", "xpow"])
        .on_gates(noise.depolarizing(high), ["z"], [int(rng.randint(3))])
        .on_gates(noise.depolarizing(high, 2), ["cx", "cz"])
        .on_gates(noise.pauli_channel({"XY": low, "IZ": high}), ["iswappow", "fsim"])
        .on_gates(noise.bit_flip(low), ["cx"], [0, 1], on=[2])
        .on_gates(noise.phase_damping(high), ["id", "delay"])
        .on_gates(noise.coherent(cirq.unitary(cirq.rx(low))), num_qubits=1, before=True)
        .on_measurements(noise.bit_flip(high))
        .relaxation(1e-5, 8e-6, excited=0.1, idle=bool(seed % 2))
    )
    if seed % 3 == 0:
        model = model.each_moment(noise.phase_flip(low))
    return model.readout([[0.9, 0.1], [0.2, 0.8]], 0).readout(0.05, fallback=True)


@pytest.mark.parametrize("seed", range(6))
def test_exported_rules_do_the_same(seed):
    model = random_model(seed)
    circuit = random_circuit(seed, measured=True)
    wanted = rules_say(model, circuit)
    exported = quasim.export_noise(model, "cirq")
    np.testing.assert_allclose(cirq_says(exported, circuit), wanted, rtol=0, atol=1e-9)


def test_exported_by_hand():
    """Rules become what one would write in Cirq."""
    damp, mix = cirq.amplitude_damp(0.1), cirq.depolarize(0.2)
    model = (
        quasim.NoiseModel()
        .on_gates(noise.amplitude_damping(0.1), ["h"])
        .on_gates(noise.depolarizing(0.2), ["cx"])
        .on_gates(noise.coherent(cirq.unitary(cirq.CX)), ["swap"])
        .on_gates(noise.bit_flip(1.0), labels=["loud"])
    )
    circuit = cirq.Circuit(
        cirq.H(Q[0]), cirq.CX(Q[0], Q[1]), cirq.SWAP(Q[1], Q[2]), cirq.H(Q[2]).with_tags("loud")
    )
    by_hand = cirq.Circuit(
        *(cirq.H(Q[0]), damp(Q[0]), cirq.CX(Q[0], Q[1]), mix(Q[0]), mix(Q[1])),
        # The first qubit of our matrices is the lowest bit.
        *(cirq.SWAP(Q[1], Q[2]), cirq.CX(Q[2], Q[1]), cirq.H(Q[2]), cirq.X(Q[2])),
    )
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    np.testing.assert_allclose(
        cirq_says(quasim.export_noise(model, "cirq"), circuit),
        simulator.simulate(by_hand).final_density_matrix,
        atol=1e-9,
    )


def test_exported_readout_is_a_confusion_map():
    joint = np.random.RandomState(1).dirichlet(np.ones(4), 4)
    model = quasim.NoiseModel().readout(joint, (0, 1)).readout([[0.9, 0.1], [0.3, 0.7]], 2)
    exported = quasim.export_noise(model, "cirq")
    measured = cirq.measure(Q[0], Q[1], key="a"), cirq.measure(Q[2], key="b")
    noisy = cirq.Circuit(measured).with_noise(exported)
    first, second = (op.gate.confusion_map for op in noisy.all_operations())
    ((places, matrix),) = first.items()
    assert places == (1, 0)
    np.testing.assert_allclose(matrix, joint)
    ((places, matrix),) = second.items()
    assert places == (0,)
    np.testing.assert_allclose(matrix, [[0.9, 0.1], [0.3, 0.7]])
    gates = cirq.H(Q[0]), cirq.CX(Q[0], Q[1]), cirq.ry(1.0)(Q[2])
    circuit = cirq.Circuit(gates, cirq.Moment(measured))
    same = quasim.Circuit(3, 3).h(0).cx(0, 1).ry(1.0, 2).measure([0, 1], [1, 0]).measure(2, 2)
    ours = exact_distribution(model.applied(same))
    theirs = exact_distribution(translate(circuit.with_noise(exported), Q[::-1]).circuit)
    # The record of Q[0] and Q[1] has two bits, the highest of which is Q[0]'s.
    assert ours.keys() == theirs.keys()
    assert all(abs(ours[bits] - theirs[bits]) < 1e-12 for bits in ours)


def test_exported_under_classical_control():
    model = quasim.NoiseModel().on_gates(noise.bit_flip(1.0), ["x"])
    circuit = cirq.Circuit(
        cirq.X(Q[0]),
        cirq.measure(Q[0], key="a"),
        cirq.X(Q[1]).with_classical_controls("a"),
        cirq.X(Q[2]),
        cirq.measure(*Q, key="m"),
    )
    noisy = circuit.with_noise(quasim.export_noise(model, "cirq"))
    assert cirq.Simulator().run(noisy).measurements["m"].tolist() == [[0, 0, 0]]


def test_qubits_of_exported_rules():
    from quasim_cirq import RuleNoiseModel

    model = quasim.NoiseModel().on_gates(noise.bit_flip(1.0), ["z"], [1])
    a, b = cirq.NamedQubit("a"), cirq.NamedQubit("b")
    for exported, flipped in (
        (RuleNoiseModel(model), b),
        (RuleNoiseModel(model, [b, a, cirq.NamedQubit("elsewhere")]), a),
    ):
        noisy = cirq.Circuit(cirq.Z.on_each(a, b)).with_noise(exported)
        found = cirq.Simulator().simulate(noisy).dirac_notation()
        assert found == ("|01⟩" if flipped == b else "|10⟩")
    with pytest.raises(QubitError, match="do not have"):
        cirq.Circuit(cirq.Z(a)).with_noise(RuleNoiseModel(model, [b]))


def test_decomposed_operations_are_as_noisy_in_cirqs_simulators_as_in_a_session():
    q = cirq.LineQubit.range(2)
    model = (
        quasim.NoiseModel()
        .on_gates(noise.depolarizing(0.05))
        .on_gates(noise.pauli_channel({"XY": 0.1, "IZ": 0.05}))
    )
    composite = cirq.Circuit(cirq.H(q[0]), cirq.QuantumFourierTransformGate(2)(*q))
    parts = cirq.Circuit(cirq.decompose_once(op) for op in composite[1])
    plain = cirq.Circuit(composite[0], *parts)

    def in_session(circuit):
        with quasim.runtime(noise_model=model, method="density_matrix") as rt:
            return rt.run(circuit, 0, save="density_matrix").saved["density_matrix"]

    simulator = quasim_cirq.DensityMatrixSimulator(noise=model, dtype=np.complex128)
    wanted = simulator.simulate(plain).final_density_matrix
    np.testing.assert_allclose(in_session(plain), wanted, atol=1e-12)
    np.testing.assert_allclose(in_session(composite), wanted, atol=1e-12)
    whole = simulator.simulate(composite).final_density_matrix
    assert np.abs(whole - wanted).max() > 1e-3  # one gate of two qubits

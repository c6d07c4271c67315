"""Channels and noise models: Cirq's samples for a seed, and the exact distribution."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")

import quasim_cirq  # noqa: E402
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit  # noqa: E402

Q = cirq.LineQubit.range(3)

CHANNELS = [
    cirq.depolarize(0.2),
    cirq.asymmetric_depolarize(0.1, 0.2, 0.05),
    cirq.bit_flip(0.3),
    cirq.phase_flip(0.3),
    cirq.amplitude_damp(0.3),
    cirq.generalized_amplitude_damp(0.7, 0.3),
    cirq.phase_damp(0.4),
    cirq.X.with_probability(0.3),
    cirq.MixedUnitaryChannel([(0.4, np.eye(2)), (0.6, cirq.unitary(cirq.H))]),
]


def noisy_circuit(channel) -> cirq.Circuit:
    return cirq.Circuit(
        cirq.H(Q[0]),
        channel(Q[0]),
        cirq.CX(Q[0], Q[1]),
        cirq.ry(0.7)(Q[2]),
        channel(Q[1]),
        cirq.CX(Q[2], Q[0]),
        cirq.H(Q[1]),
        channel(Q[2]),
        cirq.H(Q[0]),
    )


@pytest.fixture
def only_ours(monkeypatch):
    """Make it an error to fall back to Cirq's own simulation."""
    original = cirq.Simulator._core_iterator

    def checked(self, *arguments, **options):
        assert not isinstance(self, quasim_cirq.Simulator), "Cirq simulated this"
        return original(self, *arguments, **options)

    monkeypatch.setattr(cirq.Simulator, "_core_iterator", checked)


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize("channel", CHANNELS, ids=str)
def test_seed_gives_cirqs_samples_of_channels(channel):
    circuit = noisy_circuit(channel) + cirq.measure(*Q, key="m")
    ours = quasim_cirq.Simulator(seed=5).run(circuit, repetitions=60)
    assert ours == cirq.Simulator(seed=5).run(circuit, repetitions=60)


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize("channel", CHANNELS, ids=str)
def test_one_trajectory_is_cirqs(channel):
    circuit = noisy_circuit(channel)
    for seed in range(4):
        ours = quasim_cirq.Simulator(seed=seed, dtype=np.complex128).simulate(circuit)
        theirs = cirq.Simulator(seed=seed, dtype=np.complex128).simulate(circuit)
        np.testing.assert_allclose(
            ours.final_state_vector, theirs.final_state_vector, rtol=0, atol=1e-12
        )


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize(
    "noise", [cirq.depolarize(0.1), cirq.amplitude_damp(0.2), cirq.Z**0.1], ids=str
)
def test_noise_model_has_the_exact_distribution(noise):
    """False alarms: one in 10**6 (chi-square against Cirq's density matrix)."""
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.CX(Q[0], Q[1]), cirq.Y(Q[2]) ** 0.3, cirq.H(Q[0]))
    model = cirq.ConstantQubitNoiseModel(noise)
    exact = cirq.Circuit(model.noisy_moments(circuit, Q))
    rho = cirq.DensityMatrixSimulator(dtype=np.complex128).simulate(exact).final_density_matrix
    probabilities = dict(enumerate(np.diag(rho).real))
    measured = circuit + cirq.measure(*Q, key="m")
    simulator = quasim_cirq.Simulator(noise=noise, seed=3)
    counts = simulator.run(measured, repetitions=3000).histogram(key="m")
    assert goodness_of_fit(Counter(counts), probabilities) > FALSE_ALARM


@pytest.mark.usefixtures("only_ours")
def test_seed_gives_cirqs_samples_of_a_noise_model():
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.CX(Q[0], Q[1]), cirq.measure(*Q[:2], key="m"))
    ours = quasim_cirq.Simulator(seed=5, noise=cirq.depolarize(0.2)).run(circuit, repetitions=50)
    theirs = cirq.Simulator(seed=5, noise=cirq.depolarize(0.2)).run(circuit, repetitions=50)
    assert ours == theirs


def test_noise_model_is_asked_once_a_run():
    class Counting(cirq.NoiseModel):
        calls = 0

        def noisy_moments(self, moments, system_qubits):
            self.calls += 1
            return [[moment, cirq.Moment(cirq.X(Q[0]))] for moment in moments]

    model = Counting()
    simulator = quasim_cirq.Simulator(noise=model)
    circuit = cirq.Circuit(cirq.I(Q[0]), cirq.measure(Q[0], key="m"))
    assert simulator.run(circuit).records["m"].item() == 1
    assert model.calls == 1
    simulator.simulate(circuit)
    assert model.calls == 2


@pytest.mark.usefixtures("only_ours")
def test_noise_before_a_joint_measurement_is_kept():
    """Cirq 1.7.0 drops it when the measurement covers several qubits."""
    a, b = Q[:2]
    joint = cirq.Circuit(cirq.I(a), cirq.I(b), cirq.measure(a, b, key="m"))
    result = quasim_cirq.Simulator(noise=cirq.X).run(joint)
    assert result.records["m"].tolist() == [[[1, 1]]]
    assert cirq.Simulator(noise=cirq.X).run(joint).records["m"].tolist() == [[[0, 0]]]


def test_keyed_channel_keeps_its_record():
    circuit = cirq.Circuit(
        cirq.MixedUnitaryChannel([(0.0, np.eye(2)), (1.0, cirq.unitary(cirq.X))], key="k")(Q[0]),
        cirq.measure(Q[0], key="m"),
    )
    records = quasim_cirq.Simulator().run(circuit).records
    assert records["k"].item() == 1
    assert records["m"].item() == 1


def test_models_of_cirq_are_asked_once_and_changed_ones_anew(monkeypatch):
    """The same circuit and model cost nothing the second time."""
    calls = []
    original = cirq.devices.InsertionNoiseModel.noisy_moment
    monkeypatch.setattr(
        cirq.devices.InsertionNoiseModel,
        "noisy_moment",
        lambda *arguments: calls.append(1) or original(*arguments),
    )
    identifier = cirq.devices.OpIdentifier(cirq.IdentityGate, Q[0])
    model = cirq.devices.InsertionNoiseModel({identifier: cirq.X(Q[0])}, require_physical_tag=False)
    simulator = quasim_cirq.Simulator(noise=model)
    circuit = cirq.Circuit(cirq.I(Q[0]), cirq.measure(Q[0], key="m"))
    for _ in range(3):
        assert simulator.run(circuit).records["m"].item() == 1
    assert len(calls) == len(circuit)
    model.ops_added[identifier] = cirq.Z(Q[0])
    assert simulator.run(circuit).records["m"].item() == 0
    circuit.insert(1, cirq.X(Q[0]))
    assert simulator.run(circuit).records["m"].item() == 1


@pytest.mark.usefixtures("only_ours")
def test_neutral_models_are_taken_by_the_simulator():
    """False alarms: one in 10**6 a model."""
    import quasim_backend as quasim
    from quasim_backend import noise

    model = quasim.NoiseModel().on_gates(noise.amplitude_damping(0.4), ["x"]).readout(0.1)
    circuit = cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="m"))
    for given in (model, model.to_dict(), quasim.export_noise(model, "cirq")):
        simulator = quasim_cirq.Simulator(noise=given, seed=6)
        counts = simulator.run(circuit, repetitions=2000).histogram(key="m")
        one = 0.6 * 0.9 + 0.4 * 0.1
        assert goodness_of_fit(Counter(counts), {0: 1 - one, 1: one}) > FALSE_ALARM
    short = quasim_cirq.Simulator(noise={"depolarizing": {"single_qubit": 0.3}}, seed=6)
    counts = short.run(circuit, repetitions=2000).histogram(key="m")
    assert goodness_of_fit(Counter(counts), {0: 0.2, 1: 0.8}) > FALSE_ALARM
    with pytest.raises(ValueError, match="noise_model cannot be int"):
        quasim_cirq.Simulator(noise=3)


def test_noise_of_aer_is_taken_by_the_simulator():
    """False alarms: one in 10**6."""
    aer = pytest.importorskip("qiskit_aer.noise")
    model = aer.NoiseModel()
    model.add_all_qubit_quantum_error(aer.amplitude_damping_error(0.4), ["x"])
    circuit = cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="m"))
    counts = quasim_cirq.Simulator(noise=model, seed=6).run(circuit, repetitions=2000)
    probabilities = {0: 0.4, 1: 0.6}
    assert goodness_of_fit(Counter(counts.histogram(key="m")), probabilities) > FALSE_ALARM

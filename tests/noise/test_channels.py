"""Channels by their parameters, against Cirq's and Aer's."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

from quasim_backend import noise
from quasim_backend.errors import ShapeError
from quasim_backend.ir import Channel, Circuit


def cirq_superoperator(channel: object) -> np.ndarray:
    """Return the superoperator; both SDK and ours see one qubit, so no order is in question."""
    cirq = pytest.importorskip("cirq")
    return sum(np.kron(k.conj(), k) for k in cirq.kraus(channel))


def cirq_pairs() -> list[tuple[str, Channel, object]]:
    cirq = pytest.importorskip("cirq")
    return [
        ("depolarizing", noise.depolarizing(0.1), cirq.depolarize(0.1)),
        ("bit flip", noise.bit_flip(0.2), cirq.bit_flip(0.2)),
        ("phase flip", noise.phase_flip(0.3), cirq.phase_flip(0.3)),
        ("y flip", noise.bit_phase_flip(0.3), cirq.asymmetric_depolarize(p_y=0.3)),
        ("decay", noise.amplitude_damping(0.4), cirq.amplitude_damp(0.4)),
        ("dephasing", noise.phase_damping(0.4), cirq.phase_damp(0.4)),
        (
            "heating",
            noise.generalized_amplitude_damping(0.3, 0.2),
            cirq.generalized_amplitude_damp(0.8, 0.3),
        ),
    ]


def test_channels_are_cirqs():
    for name, ours, theirs in cirq_pairs():
        wanted = cirq_superoperator(theirs)
        np.testing.assert_allclose(noise.superoperator(ours), wanted, atol=1e-12, err_msg=name)


def test_channels_are_aers():
    aer = pytest.importorskip("qiskit_aer.noise")
    from qiskit.quantum_info import SuperOp

    pairs = [
        (noise.depolarizing(0.1 * 15 / 16, 2), aer.depolarizing_error(0.1, 2)),
        (noise.reset_error(0.1, 0.2), aer.reset_error(0.1, 0.2)),
        (
            noise.pauli_lindblad({"XZ": 0.1, "YY": 0.2, "IX": 0.05}),
            aer.PauliLindbladError(["XZ", "YY", "IX"], [0.1, 0.2, 0.05]),
        ),
        (
            noise.pauli_channel({"XZ": 0.1, "YI": 0.2}),
            aer.pauli_error([("XZ", 0.1), ("YI", 0.2), ("II", 0.7)]),
        ),
    ]
    times = [(50e-6, 70e-6, 1e-6, 0.0), (50e-6, 30e-6, 4e-5, 0.1), (50e-6, 70e-6, 1e-6, 0.3)]
    pairs += [(noise.thermal_relaxation(*t), aer.thermal_relaxation_error(*t)) for t in times]
    for ours, theirs in pairs:
        np.testing.assert_allclose(
            noise.superoperator(ours), SuperOp(theirs).data, atol=1e-12, err_msg=ours.name
        )


def test_other_forms_are_qiskits_and_lead_back():
    info = pytest.importorskip("qiskit.quantum_info")
    rng = np.random.default_rng(1)
    for width in (1, 2):
        channel = random_channel(rng, width)
        theirs = info.Kraus(list(channel.operators))
        superoperator = info.SuperOp(theirs).data
        np.testing.assert_allclose(noise.superoperator(channel), superoperator, atol=1e-12)
        np.testing.assert_allclose(noise.choi_matrix(channel), info.Choi(theirs).data, atol=1e-12)
        np.testing.assert_allclose(
            noise.pauli_transfer_matrix(channel), info.PTM(theirs).data.real, atol=1e-12
        )
        for back in (
            noise.from_choi(noise.choi_matrix(channel)),
            noise.from_superoperator(superoperator),
        ):
            np.testing.assert_allclose(noise.superoperator(back), superoperator, atol=1e-12)


def random_channel(rng: np.random.Generator, width: int, operators: int = 3) -> Channel:
    size = 2**width
    shape = (operators * size, size)
    isometry, _ = np.linalg.qr(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return Channel.kraus(isometry.reshape(operators, size, size))


def test_a_mixture_of_paulis_is_recognised():
    given = {"XZ": 0.1, "YI": 0.2, "ZZ": 0.05}
    found = noise.pauli_probabilities(noise.pauli_channel(given))
    assert found is not None
    digits = {
        sum("IXYZ".index(c) << 2 * i for i, c in enumerate(reversed(label))): p
        for label, p in {**given, "II": 0.65}.items()
    }
    np.testing.assert_allclose(found, [digits.get(i, 0.0) for i in range(16)], atol=1e-12)
    # Kraus operators that are no Paulis, but mix to a Pauli channel.
    kraus = Channel.kraus([math.sqrt(0.5) * np.diag([1, 1j]), math.sqrt(0.5) * np.diag([1, -1j])])
    np.testing.assert_allclose(noise.pauli_probabilities(kraus), [0.5, 0, 0, 0.5], atol=1e-12)
    assert noise.pauli_probabilities(noise.amplitude_damping(0.1)) is None
    assert noise.pauli_probabilities(noise.coherent(np.diag([1, 1j]))) is None


def test_a_master_equation_gives_decay_and_rotation():
    lowering = np.array([[0, 1], [0, 0]])
    decay = noise.lindblad([lowering * math.sqrt(2e4)], 1e-5)
    wanted = noise.superoperator(noise.amplitude_damping(1 - math.exp(-0.2)))
    np.testing.assert_allclose(noise.superoperator(decay), wanted, atol=1e-12)
    turn = noise.lindblad([np.zeros((2, 2))], 2.0, np.diag([0.0, 700.0]))
    rotation = noise.coherent(np.diag([1, np.exp(-1400j)]))
    np.testing.assert_allclose(noise.superoperator(turn), noise.superoperator(rotation), atol=1e-10)
    # Against an integrator of its own: driven decay with dephasing on two qubits.
    rng = np.random.default_rng(4)
    energy = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    energy = energy + energy.conj().T
    jumps = [rng.normal(size=(4, 4)) * 0.3 for _ in range(2)]
    start = np.zeros((4, 4), complex)
    start[1, 1] = 1

    def slope(rho: np.ndarray) -> np.ndarray:
        result = -1j * (energy @ rho - rho @ energy)
        for jump in jumps:
            both = jump.T @ jump
            result += jump @ rho @ jump.T - (both @ rho + rho @ both) / 2
        return result

    rho, steps = start, 2000
    for _ in range(steps):  # Runge and Kutta's fourth order
        a = slope(rho)
        b = slope(rho + a / 2 / steps)
        c = slope(rho + b / 2 / steps)
        d = slope(rho + c / steps)
        rho = rho + (a + 2 * b + 2 * c + d) / 6 / steps
    channel = noise.superoperator(noise.lindblad(jumps, 1.0, energy))
    result = (channel @ start.reshape(-1, order="F")).reshape(4, 4, order="F")
    np.testing.assert_allclose(result, rho, atol=1e-9)


def test_channels_compose_in_order():
    rng = np.random.default_rng(2)
    first, second = random_channel(rng, 1), random_channel(rng, 1)
    wanted = noise.superoperator(second) @ noise.superoperator(first)
    found = noise.superoperator(noise.composed(first, second))
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_temperature_is_boltzmanns():
    assert noise.excited_population(0.0) == 0.0
    ratio = math.exp(-6.62607015e-34 * 5e9 / (1.380649e-23 * 0.05))
    assert noise.excited_population(0.05) == pytest.approx(ratio / (1 + ratio), rel=1e-12)
    assert noise.excited_population(1e9) == pytest.approx(0.5)
    assert noise.excited_population(1e-9) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: noise.depolarizing(1.1), ["depolarizing", "[0, 1]", "1.1"]),
        (lambda: noise.amplitude_damping(-0.1), ["gamma", "-0.1"]),
        (lambda: noise.amplitude_damping(math.nan), ["gamma", "nan"]),
        (lambda: noise.pauli_channel({"X": 0.6, "Z": 0.6}), ["sum to 1", "0.6"]),
        (lambda: noise.pauli_channel({"X": 0.1, "ZZ": 0.1}), ["one length", "ZZ"]),
        (lambda: noise.pauli_channel({"Q": 0.1}), ["'Q'", "I, X, Y, Z"]),
        (lambda: noise.reset_error(0.7, 0.7), ["at most 1", "0.7"]),
        (lambda: noise.thermal_relaxation(1.0, 2.5, 1.0), ["2.5", "2*T1", "2"]),
        (lambda: noise.thermal_relaxation(-1.0, 1.0, 1.0), ["positive", "-1"]),
        (lambda: noise.thermal_relaxation(1.0, 1.0, -1.0), ["duration", "-1.0"]),
        (lambda: noise.thermal_relaxation(1.0, 1.0, 1.0, 2.0), ["excited", "2.0"]),
        (lambda: noise.excited_population(-1.0), ["0 K", "-1.0"]),
        (lambda: noise.pauli_lindblad({"X": -0.1}), ["rate of X", "-0.1"]),
        (lambda: noise.pauli_lindblad({"X": 0.1, "XX": 0.1}), ["one length"]),
        (lambda: noise.composed(noise.bit_flip(0.1), noise.depolarizing(0.1, 2)), ["[1, 2]"]),
        (lambda: noise.from_choi(np.diag([1, -1, 1, 1])), ["completely positive", "-1"]),
        (lambda: noise.from_superoperator(np.eye(3)), ["(4**k, 4**k)", "(3, 3)"]),
        (lambda: noise.from_superoperator(2 * np.eye(4)), ["trace preserving"]),
        (lambda: noise.from_choi(np.triu(np.ones((4, 4)))), ["Hermiticity"]),
        (lambda: noise.lindblad([np.eye(2)], 1.0, [[0, 1], [0, 0]]), ["Hermitian"]),
    ],
)
def test_bad_numbers_are_named(make, words):
    with pytest.raises(ShapeError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_equal_channels_are_equal_whatever_made_them() -> None:
    made = [noise.amplitude_damping(0.1) for _ in range(2)]
    assert made[0] is not made[1]
    assert made[0] == made[1]
    assert len({*made, pickle.loads(pickle.dumps(made[0])), copy.deepcopy(made[1])}) == 1
    others = [
        noise.amplitude_damping(0.2),
        Channel.kraus(made[0].operators, "other name"),
        Channel.kraus(made[0].operators[::-1], made[0].name),
        Channel.mixture([0.5, 0.5], [np.eye(2), np.diag([1, -1])]),
        Channel.mixture([0.25, 0.75], [np.eye(2), np.diag([1, -1])]),
    ]
    assert len({made[0], *others}) == 1 + len(others)
    assert made[0] != "channel"


def test_a_channel_for_each_gate_costs_no_more_than_one_for_all() -> None:
    circuit = Circuit(3)
    for _ in range(50):
        circuit.channel(noise.amplitude_damping(0.1), [0]).channel(
            noise.depolarizing(0.1, 2), [1, 2]
        )
    assert len({i.channel for i in circuit.instructions}) == 2

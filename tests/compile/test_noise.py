"""Canonical channels have the same map; channels are left out only where no result changes."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile.canonical_channels import canonical_channel
from quasim_backend.compile.noise import canonical_noise
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.instructions import ChannelOp
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.generators import haar_unitary

X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])


def choi(channel: Channel) -> np.ndarray:
    return sum(np.outer(k.reshape(-1), k.conj().reshape(-1)) for k in channel.kraus_operators())


def damping(rate: float) -> Channel:
    return Channel.kraus([np.diag([1, np.sqrt(1 - rate)]), [[0, np.sqrt(rate)], [0, 0]]])


def test_phase_damping_is_a_mixture_with_z() -> None:
    rate = 0.3
    channel = Channel.kraus([np.diag([1, np.sqrt(1 - rate)]), np.diag([0, np.sqrt(rate)])])
    found = canonical_channel(channel)
    assert found is not None
    assert found.probabilities is not None
    assert found.probabilities[1] == pytest.approx((1 - np.sqrt(1 - rate)) / 2, abs=1e-12)
    assert np.abs(np.vdot(Z, found.operators[1])) == pytest.approx(2)
    np.testing.assert_allclose(choi(found), choi(channel), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_unital_channels_become_mixtures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(5))
    unitaries = [haar_unitary(rng, 1) for _ in weights]
    # Kraus operators mixed by an isometry, so that none is a multiple of a unitary.
    mixer = haar_unitary(rng, 3)[:, :5]
    kraus = [np.sqrt(w) * u for w, u in zip(weights, unitaries, strict=True)]
    channel = Channel.kraus(np.tensordot(mixer, np.array(kraus), axes=1))
    found = canonical_channel(channel)
    assert found is not None
    assert found.probabilities is not None
    assert len(found.operators) <= 4
    np.testing.assert_allclose(choi(found), choi(channel), atol=1e-10)


def test_channels_that_are_not_unital_stay() -> None:
    channel = damping(0.2)
    assert canonical_channel(channel) is channel


def test_equal_operators_become_one_and_the_likeliest_comes_first() -> None:
    channel = Channel.mixture([0.2, 0.3, 0.1, 0.4], [X, 1j * X, np.eye(2), -np.eye(2)])
    found = canonical_channel(channel)
    assert found is not None
    assert found.probabilities == pytest.approx((0.5, 0.5))
    np.testing.assert_allclose(choi(found), choi(channel), atol=1e-12)
    assert canonical_channel(Channel.mixture([0.5, 0.5], [np.eye(2), 1j * np.eye(2)])) is None


def channels(circuit: Circuit) -> int:
    return sum(isinstance(i, ChannelOp) for i in circuit.instructions)


def test_noise_that_nothing_sees_is_left_out() -> None:
    flip = Channel.mixture([0.9, 0.1], [np.eye(2), X])
    circuit = Circuit(3, 2).channel(damping(0.1), [2]).channel(flip, [1]).h(0).cx(0, 1)
    circuit.channel(flip, [0]).channel(flip, [2]).measure([0, 1], [0, 1]).channel(flip, [0])
    found = canonical_noise(circuit)
    assert channels(circuit) == 5
    assert channels(found) == 2
    want, got = exact_distribution(circuit), exact_distribution(found)
    assert got == pytest.approx(want)


@pytest.mark.parametrize("seed", range(10))
def test_distributions_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = Circuit(4, 4)
    kinds = [damping(0.2), Channel.mixture([0.8, 0.1, 0.1], [np.eye(2), Y, Z])]
    kinds.append(Channel.kraus([np.diag([1, 0.6]), np.diag([0, 0.8])]))
    for _ in range(12):
        a, b = rng.choice(4, 2, replace=False).tolist()
        circuit.channel(kinds[rng.integers(3)], [a])
        match rng.integers(4):
            case 0:
                circuit.ry(rng.uniform(0, 3), a)
            case 1:
                circuit.cx(a, b)
            case 2:
                circuit.measure(a, b)
            case _:
                circuit.reset(a)
        circuit.channel(kinds[rng.integers(3)], [b])
    circuit.measure([0, 2], [0, 2])
    found = canonical_noise(circuit)
    assert channels(found) < channels(circuit)
    want, got = exact_distribution(circuit), exact_distribution(found)
    for value in {*want, *got}:
        assert got.get(value, 0.0) == pytest.approx(want.get(value, 0.0), abs=1e-10)


def test_small_turns_are_not_taken_for_nothing() -> None:
    """Its overlap with 1 differs from 1 by 1e-14; a thousand of them turn by 1e-4."""
    turn = np.diag(np.exp([1e-7j, -1e-7j]))
    found = canonical_channel(Channel.mixture([1.0], [turn]))
    assert found is not None
    np.testing.assert_allclose(found.operators[0], turn, atol=1e-15)

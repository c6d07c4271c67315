"""Channels and readout errors as data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quasim_backend.errors import ShapeError
from quasim_backend.ir import Channel, ReadoutError

X = np.array([[0, 1], [1, 0]])
DAMPING = [np.diag([1, math.sqrt(0.7)]), math.sqrt(0.3) * np.array([[0, 1], [0, 0]])]


def test_a_kraus_channel_keeps_its_operators():
    channel = Channel.kraus(DAMPING, "damping")
    assert channel.num_qubits == 1
    assert channel.probabilities is None
    assert channel.name == "damping"
    for ours, given in zip(channel.kraus_operators(), DAMPING, strict=True):
        assert np.array_equal(ours, given)


def test_a_mixture_has_weighted_kraus_operators():
    channel = Channel.mixture([0.9, 0.1], [np.eye(2), X])
    total = sum(k.conj().T @ k for k in channel.kraus_operators())
    assert np.allclose(total, np.eye(2))
    assert np.allclose(channel.kraus_operators()[1], math.sqrt(0.1) * X)
    assert Channel.mixture([1.0], [np.eye(4)]).num_qubits == 2


def test_channels_do_not_share_memory_with_their_input():
    matrix = np.eye(2)
    channel = Channel.kraus([matrix])
    matrix[0, 0] = 3
    assert channel.operators[0][0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        channel.operators[0][0, 0] = 3


def test_rounding_is_tolerated():
    Channel.kraus([np.eye(2) * (1 + 1e-9)])
    Channel.mixture([0.1] * 10, [X] * 10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Channel.kraus([X, X], "twice"), ["'twice'", "not trace preserving", "1e-07"]),
        (lambda: Channel.kraus([]), ["no operators"]),
        (lambda: Channel.kraus([np.eye(3)]), ["(2**k, 2**k)", "(3, 3)"]),
        (lambda: Channel.kraus([np.eye(2), np.eye(4)]), ["one shape", "(4, 4)"]),
        (lambda: Channel.kraus([1.0]), ["()"]),
        (lambda: Channel.kraus([[[1, 0], [0, math.nan]]]), ["not finite"]),
        (lambda: Channel.mixture([1], [X, X]), ["1 probabilities", "2 unitaries"]),
        (lambda: Channel.mixture([0.5, 0.4], [X, X]), ["sum to 1", "0.4"]),
        (lambda: Channel.mixture([1.5, -0.5], [X, X]), ["[0, 1]", "-0.5"]),
        (lambda: Channel.mixture([math.nan], [X]), ["[0, 1]", "nan"]),
        (lambda: Channel.mixture([1], [[[1, 0], [0, 0.5]]], "m"), ["'m'", "not unitary"]),
        (lambda: ReadoutError.of([[0.9, 0.2], [0.1, 0.8]]), ["row", "distribution"]),
        (lambda: ReadoutError.of([[1.1, -0.1], [0, 1]]), ["distribution"]),
        (lambda: ReadoutError.of(np.eye(3)), ["(2**k, 2**k)", "(3, 3)"]),
        (lambda: ReadoutError.of([[math.nan, 1], [0, 1]]), ["distribution"]),
    ],
)
def test_wrong_channels_are_refused(make, words):
    with pytest.raises(ShapeError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_readout_error_keeps_its_matrix():
    error = ReadoutError.of([[0.9, 0.1], [0.2, 0.8]])
    assert error.matrix[0, 1] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        error.matrix[0, 0] = 1


@pytest.mark.parametrize("row", [[0.9, 0.2], [1.1, -0.1], [float("nan"), 1.0]])
def test_a_row_that_is_no_distribution_is_shown(row):
    with pytest.raises(ShapeError, match=r"row 1, .* is \[.*\], whose sum is"):
        ReadoutError.of([[1.0, 0.0], row])

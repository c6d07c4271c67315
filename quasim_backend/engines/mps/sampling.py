"""Samples, amplitudes and the whole vector: a state read from its last qubit to the first.

With the centre at the last qubit all others are isometries from the left, so the squared norm of
what a prefix of bits leaves is its probability: samples are exact and independent. Shots, or basis
states, that begin alike share their prefix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.digits import Digits
from quasim_backend.engines.mps.state import MatrixProductState, Tensor

__all__ = ["amplitudes", "sample", "vector"]

_ENTRIES = 4 << 20
"""Entries of prefixes' tensors that are worked on at a time."""


def sample(state: MatrixProductState, qubits: Sequence[int], digits: Digits) -> NDArray[np.uint8]:
    """Measure qubits for each shot, as by inverse transform over all qubits, the highest first.

    Args:
        state: Only its centre moves.
        qubits: Different ones.
        digits: Randomness of the shots.

    Returns:
        0 or 1, ``(len(qubits), shots)``.
    """
    last = len(state) - 1
    state.move_centre(last)
    rows = {q: row for row, q in enumerate(qubits)}
    result = np.zeros((len(qubits), len(digits)), np.uint8)
    prefixes = np.ones((1, 1), complex)  # (prefixes, bond), each of norm 1
    own = np.zeros(len(digits), np.int64)  # each shot's prefix
    for site in range(last, min(qubits, default=last + 1) - 1, -1):
        tensor = state.tensors[site]
        ones = _weights(prefixes, tensor)
        bits = digits.decide(ones[own])
        if site in rows:
            result[rows[site]] = bits
        found, own = np.unique(2 * own + bits, return_inverse=True)
        prefixes = _extended(prefixes, tensor, found >> 1, found & 1)
        prefixes /= np.linalg.norm(prefixes, axis=1, keepdims=True)
    return result


def amplitudes(state: MatrixProductState, indices: Sequence[int]) -> NDArray[np.complex128]:
    """Return ``<index|state>`` of basis states, complex128 ``(len(indices),)``; qubit q is bit q.

    Indices may have any number of bits.
    """
    prefixes = np.ones((1, 1), complex)
    own = np.zeros(len(indices), np.int64)
    for site in reversed(range(len(state))):
        bits = np.array([index >> site & 1 for index in indices], np.int64)
        found, own = np.unique(2 * own + bits, return_inverse=True)
        prefixes = _extended(prefixes, state.tensors[site], found >> 1, found & 1)
    return np.asarray(prefixes[own, 0], np.complex128)


def vector(state: MatrixProductState) -> Tensor:
    """Return all ``2**n`` amplitudes, complex128, qubit 0 the lowest bit."""
    rows = np.ones((1, 1), complex)
    for tensor in reversed(state.tensors):
        rows = np.tensordot(rows, tensor, ((1,), (2,)))  # (bits above, left, bit)
        rows = rows.transpose(0, 2, 1).reshape(-1, len(tensor))
    return np.ascontiguousarray(rows[:, 0])


def _weights(prefixes: Tensor, tensor: Tensor) -> NDArray[np.float64]:
    """Return the probability of a one after each prefix: float64 ``(prefixes,)``."""
    left, _, right = tensor.shape
    flat = tensor.reshape(2 * left, right).T
    ones = np.empty(len(prefixes))
    step = max(1, _ENTRIES // (2 * left))
    for start in range(0, len(prefixes), step):
        after = (prefixes[start : start + step] @ flat).reshape(-1, left, 2)
        weights = np.square(np.abs(after)).sum(axis=1, dtype=np.float64)
        ones[start : start + step] = weights[:, 1] / weights.sum(axis=1)
    return ones


def _extended(
    prefixes: Tensor, tensor: Tensor, which: NDArray[np.int64], bits: NDArray[np.int64]
) -> Tensor:
    """Return prefixes ``which``, each with one more bit: ``(len(which), left)``."""
    result = np.empty((len(which), len(tensor)), prefixes.dtype)
    for bit in (0, 1):
        chosen = np.flatnonzero(bits == bit)
        result[chosen] = prefixes[which[chosen]] @ tensor[:, bit].T
    return result

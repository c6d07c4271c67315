"""A channel in a simpler form that is the same map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.channels import Channel

__all__ = ["canonical_channel"]

_EXACT = 1e-12
"""Entries up to this are rounding errors."""

_PAULIS = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], np.complex128
)


def canonical_channel(channel: Channel) -> Channel | None:
    """Return a channel with the same map, as a mixture where that is easily told; None if it is 1.

    Kraus operators that are multiples of unitaries mix them. A unital one-qubit channel is a
    rotation of the Bloch ball, a Pauli mixture and another rotation (King and Ruskai 2001, IEEE
    Trans. Inf. Theory 47, 192); this is used where the mixture is one of at most four unitaries.
    Operators of a mixture that are equal up to a phase become one, the likeliest comes first.
    """
    if channel.probabilities is None:
        mixed = _as_mixture(channel)
        if mixed is None:
            return channel
        channel = mixed
    assert channel.probabilities is not None
    weights: list[float] = []
    unitaries: list[NDArray[np.complex128]] = []
    size = len(channel.operators[0])
    identity = np.eye(size, dtype=np.complex128)
    for weight, unitary in zip(channel.probabilities, channel.operators, strict=True):
        if weight == 0.0:
            continue
        if _same(identity, unitary):
            unitary = identity
        for place, other in enumerate(unitaries):
            if _same(other, unitary):
                weights[place] += weight
                break
        else:
            weights.append(weight)
            unitaries.append(unitary)
    order = sorted(range(len(weights)), key=lambda i: -weights[i])
    if len(order) == 1 and unitaries[0] is identity:
        return None
    total = math.fsum(weights)
    probabilities = [weights[i] / total for i in order]
    return Channel.mixture(probabilities, [unitaries[i] for i in order], channel.name)


def _as_mixture(channel: Channel) -> Channel | None:
    """Return a Kraus channel as a mixture of unitaries, or None if it is not seen to be one."""
    operators = channel.operators
    norms = [float(np.trace(k.conj().T @ k).real) / len(k) for k in operators]
    scaled = [k / math.sqrt(w) for k, w in zip(operators, norms, strict=True) if w > _EXACT**2]
    weights = [w for w in norms if w > _EXACT**2]
    if not all(_is_unitary(u) for u in scaled):
        unital = sum(k @ k.conj().T for k in operators)
        if len(operators[0]) != 2 or np.abs(unital - np.eye(2)).max() > _EXACT:
            return None
        weights, scaled = _unital(operators)
        if not all(_is_unitary(u) for u in scaled):
            return None
    total = math.fsum(weights)
    return Channel.mixture([w / total for w in weights], scaled, channel.name)


def _unital(
    operators: Sequence[NDArray[np.complex128]],
) -> tuple[list[float], list[NDArray[np.complex128]]]:
    """Return the weights and unitaries of a unital one-qubit channel.

    The Bloch matrix is ``R diag(l) S`` with rotations ``R`` and ``S``; between them the channel
    mixes Paulis, with the weights that give each axis its shrinking ``l``.
    """
    bloch: NDArray[np.float64] = np.array(
        [
            [sum(np.trace(p @ k @ q @ k.conj().T) for k in operators).real / 2 for q in _PAULIS[1:]]
            for p in _PAULIS[1:]
        ]
    )
    left, shrink, right = np.linalg.svd(bloch)
    # Rotations keep orientation; a reflection's sign goes to the shrinking.
    for matrix, axis in ((left, 1), (right, 0)):
        if np.linalg.det(matrix) < 0:
            shrink[2] *= -1
            matrix[(slice(None), 2) if axis else 2] *= -1
    x, y, z = shrink
    shares = np.array([1 + x + y + z, 1 + x - y - z, 1 - x + y - z, 1 - x - y + z]) / 4
    before, after = _rotation(right), _rotation(left)
    kept = [i for i in range(4) if shares[i] > _EXACT]
    return [float(shares[i]) for i in kept], [after @ _PAULIS[i] @ before for i in kept]


def _rotation(matrix: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the unitary of a rotation of the Bloch ball, up to its sign."""
    # sum_pq R_pq P (x) Q^* projects on the unitary as a vector, up to the identity's share.
    choi = np.eye(4, dtype=np.complex128)
    for row, p in zip(matrix, _PAULIS[1:], strict=True):
        for entry, q in zip(row, _PAULIS[1:], strict=True):
            choi += entry * np.kron(p, q.conj())
    vector = np.linalg.eigh(choi)[1][:, -1]
    # A row-major vector of U is sum U_ij |i>|j>, and U Q U^dagger gives P (x) Q^*.
    return np.asarray(vector.reshape(2, 2) * math.sqrt(2), np.complex128)


def _is_unitary(matrix: NDArray[np.complex128]) -> bool:
    return bool(np.abs(matrix.conj().T @ matrix - np.eye(len(matrix))).max() < 1e-10)


def _same(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> bool:
    """Return whether unitaries differ by a phase only."""
    overlap = np.vdot(left, right) / len(left)
    # The overlap alone tells too little: a turn by 1e-7 changes it by 1e-14.
    if abs(overlap) < 0.99:
        return False
    return bool(np.abs(right - overlap / abs(overlap) * left).max() < _EXACT)

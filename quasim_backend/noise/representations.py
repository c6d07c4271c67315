"""A channel's other forms: superoperator, Choi matrix, Pauli transfer matrix, and back.

``vec`` stacks columns: entry ``i + j * d`` of ``vec(rho)`` is ``rho[i, j]``, with ``d = 2**k``. A
channel with Kraus operators ``K`` has the superoperator ``sum conj(K) (x) K`` and the Choi matrix
``sum vec(K) vec(K)^dagger``, as in Qiskit's ``SuperOp`` and ``Choi``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import ShapeError
from quasim_backend.ir.channels import CHANNEL_TOLERANCE, Channel

__all__ = [
    "choi_matrix",
    "from_choi",
    "from_superoperator",
    "pauli_matrix",
    "pauli_probabilities",
    "pauli_transfer_matrix",
    "superoperator",
]

Matrix = NDArray[np.complex128]

_CUTOFF = 1e-12
"""Kraus operators with a squared norm below this, relative to the largest, are rounding."""

_PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def superoperator(channel: Channel) -> Matrix:
    """Return the matrix ``(4**k, 4**k)`` that takes ``vec(rho)`` to ``vec(channel(rho))``."""
    return np.asarray(sum(np.kron(k.conj(), k) for k in channel.kraus_operators()))


def choi_matrix(channel: Channel) -> Matrix:
    """Return the Choi matrix ``(4**k, 4**k)``; positive, with trace ``2**k``."""
    return _reshuffled(superoperator(channel))


def pauli_transfer_matrix(channel: Channel) -> NDArray[np.float64]:
    """Return ``R[a, b] = tr(P_a channel(P_b)) / 2**k``, float64 ``(4**k, 4**k)``.

    Digit ``i`` of ``a`` in base 4 is the Pauli on qubit ``i``: 0..3 for I, X, Y, Z.
    """
    basis = _pauli_basis(channel.num_qubits)
    matrix = basis.conj().T @ superoperator(channel) @ basis / 2**channel.num_qubits
    return np.ascontiguousarray(matrix.real)


def pauli_probabilities(channel: Channel) -> NDArray[np.float64] | None:
    """Return the probabilities ``(4**k,)`` of a mixture of Paulis, or None if it is none.

    The index is as in `pauli_transfer_matrix`. A channel is such a mixture if and only if its
    Pauli transfer matrix is diagonal.
    """
    transfer = pauli_transfer_matrix(channel)
    diagonal = np.diag(transfer)
    if np.abs(transfer - np.diag(diagonal)).max() > CHANNEL_TOLERANCE:
        return None
    # Conjugation by P_a gives P_b the sign +1 if they commute, else -1.
    signs = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    walsh = np.ones((1, 1))
    for _ in range(channel.num_qubits):
        walsh = np.kron(signs, walsh)
    return np.maximum(walsh @ diagonal / len(diagonal), 0.0)


def from_superoperator(matrix: ArrayLike, name: str = "superoperator") -> Channel:
    """Make a channel from its superoperator ``(4**k, 4**k)``.

    Raises:
        ShapeError: If the shape is wrong, or the map not completely positive and trace preserving.
    """
    return from_choi(_reshuffled(_square(matrix, name)), name)


def from_choi(matrix: ArrayLike, name: str = "choi") -> Channel:
    """Make a channel from its Choi matrix ``(4**k, 4**k)``, by the eigenvectors.

    Raises:
        ShapeError: As `from_superoperator`.
    """
    choi = _square(matrix, name)
    size = round(len(choi) ** 0.5)
    if (error := float(np.abs(choi - choi.conj().T).max())) > CHANNEL_TOLERANCE:
        raise ShapeError(
            f"Channel '{name}' is not Hermiticity preserving: its Choi matrix differs from its "
            f"adjoint by {error:.3g}, allowed is {CHANNEL_TOLERANCE:g}."
        )
    values, vectors = np.linalg.eigh((choi + choi.conj().T) / 2)
    if values[0] < -CHANNEL_TOLERANCE:
        raise ShapeError(
            f"Channel '{name}' is not completely positive: its Choi matrix has the eigenvalue "
            f"{values[0]:.3g}, allowed is -{CHANNEL_TOLERANCE:g}."
        )
    kept = values > _CUTOFF * values[-1]
    operators = [
        np.sqrt(value) * vector.reshape(size, size).T
        for value, vector in zip(values[kept], vectors.T[kept], strict=True)
    ]
    return Channel.kraus(operators[::-1], name)


def pauli_matrix(label: str) -> Matrix:
    """Return the matrix of a Pauli string; the leftmost letter acts on the highest qubit.

    Raises:
        ShapeError: If a letter is none of I, X, Y, Z.
    """
    result = np.ones((1, 1), complex)
    for letter in label:
        if letter not in _PAULIS:
            raise ShapeError(f"Pauli string {label!r} has the letter {letter!r}; use I, X, Y, Z.")
        result = np.kron(result, _PAULIS[letter])
    return result


@cache
def _pauli_basis(width: int) -> Matrix:
    """Return the Paulis' vectors as columns, ``(4**k, 4**k)``."""
    single = np.stack([p.astype(complex).reshape(-1, order="F") for p in _PAULIS.values()], axis=1)
    columns = []
    for index in range(4**width):
        matrix = np.ones((1, 1), complex)
        for i in range(width):
            matrix = np.kron(single[:, index >> 2 * i & 3].reshape(2, 2, order="F"), matrix)
        columns.append(matrix.reshape(-1, order="F"))
    return np.stack(columns, axis=1)


def _reshuffled(matrix: Matrix) -> Matrix:
    """Turn a superoperator into a Choi matrix, or back."""
    size = round(len(matrix) ** 0.5)
    # Superoperator: [(j', i'), (j, i)] = rho_ij -> rho_i'j'. Choi: rows (j, i), columns (j', i')
    # of vec(K) = K[i, j] at i + j * d.
    tensor = matrix.reshape((size,) * 4)
    return np.ascontiguousarray(tensor.transpose(3, 1, 2, 0).reshape(matrix.shape))


def _square(matrix: ArrayLike, name: str) -> Matrix:
    array = np.array(matrix, np.complex128)
    size = len(array) if array.ndim else 0
    width = (size.bit_length() - 1) // 2
    if array.shape != (size, size) or size != 4**width or width < 1:
        raise ShapeError(
            f"Channel '{name}' needs a matrix of the shape (4**k, 4**k); got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ShapeError(f"Channel '{name}' has an entry that is not finite.")
    return array


def compose(channels: Sequence[Channel], name: str) -> Channel:
    """Return channels on the same qubits as one; the first acts first."""
    total = superoperator(channels[0])
    for channel in channels[1:]:
        total = superoperator(channel) @ total
    return from_superoperator(total, name)

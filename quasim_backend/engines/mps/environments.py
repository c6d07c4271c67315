"""Expectation values and reduced density matrices, by contracting a state with itself.

With the centre inside the qubits that are looked at, everything outside is the identity: only the
tensors between the first and the last of them are contracted. Pauli strings that begin alike share
the environment of their beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.state import MatrixProductState, Tensor
from quasim_backend.ir.observables import PauliString

__all__ = ["pauli_expectations", "probabilities", "reduced_density_matrix"]


def pauli_expectations(
    state: MatrixProductState, strings: Sequence[PauliString]
) -> NDArray[np.float64]:
    """Return ``<P>`` of each string: float64 ``(len(strings),)``. Only the centre moves.

    A string from qubit ``a`` to ``b`` takes ``b - a + 1`` contractions at most.
    """
    values = np.ones(len(strings))
    listed = sorted((*_letters(string), number) for number, string in enumerate(strings))
    first = -1
    trail: tuple[int, ...] = ()
    environments: list[Tensor] = []
    for start, letters, number in listed:
        if not letters:
            continue
        if start != first:
            state.move_centre(start)
            first, trail = start, ()
            environments = [np.eye(len(state.tensors[start]), dtype=complex)]
        shared = 0
        while shared < min(len(trail), len(letters)) and trail[shared] == letters[shared]:
            shared += 1
        del environments[shared + 1 :]
        for place in range(shared, len(letters)):
            tensor = state.tensors[start + place]
            environments.append(_through(environments[-1], tensor, letters[place]))
        trail = letters
        values[number] = float(np.trace(environments[-1]).real)
    return values


def reduced_density_matrix(
    state: MatrixProductState, qubits: Sequence[int]
) -> NDArray[np.complex128]:
    """Return the density matrix of some qubits, the first one the lowest bit.

    Args:
        state: Only its centre moves.
        qubits: ``k`` different ones; takes ``4**k`` times the memory of one tensor at worst.

    Returns:
        complex128 ``(2**k, 2**k)``.
    """
    kept = set(qubits)
    first, last = min(kept), max(kept)
    state.move_into(first, last)
    left = len(state.tensors[first])
    # (kept bits of the ket, those of the bra, ket's bond, bra's bond), the newest bit the lowest
    block = np.eye(left, dtype=complex).reshape(1, 1, left, left)
    for site in range(first, last + 1):
        tensor = state.tensors[site]
        ket = np.tensordot(block, tensor, ((2,), (0,)))  # (x, y, bra, a, right)
        if site in kept:
            block = np.tensordot(ket, tensor.conj(), ((2,), (0,)))  # (x, y, a, right, b, bra)
            block = block.transpose(0, 2, 1, 4, 3, 5)
            right = tensor.shape[2]
            block = block.reshape(2 * block.shape[0], -1, right, right)
        else:
            block = np.tensordot(ket, tensor.conj(), ((2, 3), (0, 1)))
    matrix = np.trace(block, axis1=2, axis2=3).astype(np.complex128)
    axes = _axes_to(sorted(kept), qubits)
    k = len(axes)
    tensor = matrix.reshape((2,) * (2 * k)).transpose([*axes, *(k + axis for axis in axes)])
    return np.asarray(tensor.reshape(1 << k, 1 << k), np.complex128)


def probabilities(state: MatrixProductState, qubits: Sequence[int]) -> NDArray[np.float64]:
    """Return the distribution of some qubits: float64 ``(2**k,)``, the first one the lowest bit."""
    kept = set(qubits)
    first, last = min(kept), max(kept)
    state.move_into(first, last)
    left = len(state.tensors[first])
    block = np.eye(left, dtype=complex)[None]  # (kept bits, ket's bond, bra's bond)
    for site in range(first, last + 1):
        tensor = state.tensors[site]
        halves = [_between(block, tensor[:, bit]) for bit in (0, 1)]
        if site in kept:
            right = tensor.shape[2]
            block = np.stack(halves, axis=1).reshape(-1, right, right)
        else:
            block = halves[0] + halves[1]
    found = np.trace(block, axis1=1, axis2=2).real.astype(np.float64)
    k = len(kept)
    ordered = found.reshape((2,) * k).transpose(_axes_to(sorted(kept), qubits))
    return np.asarray(ordered.reshape(-1), np.float64)


def _letters(string: PauliString) -> tuple[int, tuple[int, ...]]:
    """Return the first qubit of a string's support and its letters (x + 2 z) from there on."""
    support = string.x | string.z
    if not support:
        return 0, ()
    first = (support & -support).bit_length() - 1
    letters = tuple(
        (string.x >> q & 1) + 2 * (string.z >> q & 1) for q in range(first, string.width)
    )
    return first, letters


def _through(environment: Tensor, tensor: Tensor, letter: int) -> Tensor:
    """Carry an environment ``(ket, bra)`` past a tensor with a Pauli letter on it."""
    ket: Any = _from_left(environment.T, tensor)  # (bra, bit, right)
    if letter == 1:
        ket = ket[:, ::-1]
    elif letter == 2:
        ket = ket * np.array([1, -1])[:, None]
    elif letter == 3:
        ket = ket[:, ::-1] * np.array([-1j, 1j])[:, None]
    rows, _, right = ket.shape
    bra = tensor.reshape(2 * rows, right)
    return np.asarray(ket).reshape(2 * rows, right).T @ bra.conj()


def _from_left(matrix: Tensor, tensor: Tensor) -> Tensor:
    left, _, right = tensor.shape
    return (matrix @ tensor.reshape(left, 2 * right)).reshape(-1, 2, right)


def _between(block: Tensor, matrix: Tensor) -> Tensor:
    """Return ``matrix^T block[x] conj(matrix)`` for each ``x``."""
    result: Tensor = matrix.T @ block @ matrix.conj()
    return result


def _axes_to(found: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Return the axes that bring bits in the order ``found``, highest first, to ``wanted``."""
    return [found.index(q) for q in reversed(wanted)]

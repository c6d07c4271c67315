"""Pauli strings with a phase: ``(x, z, power)`` for ``i**power X^x Z^z``, masks of any width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Image", "hermitian", "product", "spread", "words_of"]

Image: TypeAlias = tuple[int, int, int]
_WORD = (1 << 64) - 1


def hermitian(x: int, z: int) -> Image:
    """Return the Hermitian string of two masks: a qubit in both carries Y."""
    return x, z, (x & z).bit_count() & 3


def product(a: Image, b: Image) -> Image:
    """Return the product of two strings."""
    return a[0] ^ b[0], a[1] ^ b[1], a[2] + b[2] + 2 * (a[1] & b[0]).bit_count() & 3


def spread(bits: int, qubits: Sequence[int]) -> int:
    """Return the mask with bit ``i`` of ``bits`` at ``qubits[i]``."""
    return sum(1 << q for i, q in enumerate(qubits) if bits >> i & 1)


def words_of(masks: Iterable[int], num_qubits: int) -> NDArray[np.uint64]:
    """Return masks as columns, uint64 ``(words, masks)``: qubit ``q`` is in word ``q // 64``."""
    listed, words = [*masks], max(1, -(-num_qubits // 64))
    rows = [[mask >> 64 * word & _WORD for mask in listed] for word in range(words)]
    return np.array(rows, np.uint64)

"""Classical memory of all shots, packed into 64-bit words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.channels import ReadoutError

__all__ = ["PackedMemory", "bits_of", "confuse"]


class PackedMemory:
    """Bit ``c`` of shot ``s`` is bit ``c % 64`` of ``words[s, c // 64]``.

    Attributes:
        words: uint64 ``(shots, max(1, ceil(num_clbits / 64)))``.
    """

    def __init__(self, shots: int, num_clbits: int) -> None:
        """Start with every bit zero."""
        self.words: NDArray[np.uint64] = np.zeros((shots, max(1, -(-num_clbits // 64))), np.uint64)

    def write_value(self, shots: NDArray[np.int64], value: int) -> None:
        """Write one whole memory value to some shots."""
        for word in range(self.words.shape[1]):
            self.words[shots, word] = value >> 64 * word & 0xFFFFFFFFFFFFFFFF

    def write_bits(
        self, shots: NDArray[np.int64], clbits: Sequence[int], values: NDArray[np.uint64]
    ) -> None:
        """Write per-shot bits, uint64 0 or 1 ``(len(clbits), len(shots))``."""
        collected: dict[int, NDArray[np.uint64]] = {}
        cleared: dict[int, int] = {}
        for c, row in zip(clbits, values, strict=True):
            word, place = c >> 6, c & 63
            shifted = row << np.uint64(place)
            if word in collected:
                # A bit that is written twice keeps the later value.
                kept = collected[word] & np.uint64(~(1 << place) & 0xFFFFFFFFFFFFFFFF)
                collected[word] = kept | shifted
            else:
                collected[word] = shifted
            cleared[word] = cleared.get(word, 0) | 1 << place
        for word, bits in collected.items():
            mask = np.uint64(~cleared[word] & 0xFFFFFFFFFFFFFFFF)
            self.words[shots, word] = (self.words[shots, word] & mask) | bits


def bits_of(indices: NDArray[np.uint64], qubits: Sequence[int]) -> NDArray[np.uint64]:
    """Return the bits of ``qubits`` in basis-state indices: ``(len(qubits), len(indices))``."""
    result = np.empty((len(qubits), len(indices)), np.uint64)
    for row, q in enumerate(qubits):
        result[row] = indices >> np.uint64(q) & np.uint64(1)
    return result


def confuse(
    values: NDArray[np.uint64],
    positions: Sequence[int],
    readout: ReadoutError,
    uniforms: NDArray[np.float64],
) -> None:
    """Pass measured bits through a readout error.

    Args:
        values: Bits ``(rows, shots)``; rows ``positions`` are overwritten.
        positions: Rows of the measured qubits, lowest first.
        readout: The confusion matrix.
        uniforms: float64 ``(shots,)``.
    """
    true = np.zeros(values.shape[1], np.int64)
    for i, row in enumerate(positions):
        true |= values[row].astype(np.int64) << i
    ladder = np.cumsum(readout.matrix, axis=1)[:, :-1]
    read = (uniforms[:, None] >= ladder[true]).sum(axis=1)
    for i, row in enumerate(positions):
        values[row] = (read >> i & 1).astype(np.uint64)

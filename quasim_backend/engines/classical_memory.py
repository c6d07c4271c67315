"""Classical memory of all shots, packed into 64-bit words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.channels import ReadoutError

__all__ = ["PackedMemory", "bits_of", "confuse", "move_bits"]

_FEW_SHIFTS = 4
"""Up to so many distinct shifts, bits are moved by shifts; beyond, by tables."""
_ALL = 0xFFFFFFFFFFFFFFFF


class PackedMemory:
    """Bit ``c`` of shot ``s`` is bit ``c % 64`` of ``words[s, c // 64]``.

    Attributes:
        words: uint64 ``(shots, max(1, ceil(num_clbits / 64)))``.
    """

    def __init__(self, shots: int, num_clbits: int) -> None:
        """Start with every bit zero."""
        self.words: NDArray[np.uint64] = np.zeros((shots, max(1, -(-num_clbits // 64))), np.uint64)
        self._blank = True  # nothing but zeros has been written

    def write_value(self, shots: NDArray[np.int64], value: int) -> None:
        """Write one whole memory value to some shots."""
        if self._blank and value == 0:
            return
        self._blank = False
        rows = self._rows(shots)
        for word in range(self.words.shape[1]):
            self.words[rows, word] = value >> 64 * word & _ALL

    def write_indices(
        self,
        shots: NDArray[np.int64],
        clbits: Sequence[int],
        indices: NDArray[np.uint64],
        qubits: Sequence[int],
    ) -> None:
        """Write ``qubits`` of sampled basis states to ``clbits``, in their order.

        Args:
            shots: Shot numbers, ascending.
            clbits: Where each qubit goes; a bit that is written twice keeps the later value.
            indices: uint64 basis states ``(len(shots),)``.
            qubits: As many as ``clbits``.
        """
        source = dict(zip(clbits, qubits, strict=True))
        rows = self._rows(shots)
        blank, self._blank = self._blank, False
        for word in sorted({c >> 6 for c in source}):
            moves = [(q, c & 63) for c, q in source.items() if c >> 6 == word]
            values = move_bits(indices, moves)
            if blank and self.words.shape == (len(values), 1):
                # Millions of shots: zeros that nobody has looked at need not become memory first.
                self.words = values[:, None]
                return
            kept = _ALL & ~sum(1 << c for _, c in moves)
            if kept:
                values |= self.words[rows, word] & np.uint64(kept)
            self.words[rows, word] = values

    def write_bits(
        self, shots: NDArray[np.int64], clbits: Sequence[int], values: NDArray[np.uint64]
    ) -> None:
        """Write per-shot bits, uint64 0 or 1 ``(len(clbits), len(shots))``."""
        self._blank = False
        collected: dict[int, NDArray[np.uint64]] = {}
        cleared: dict[int, int] = {}
        for c, row in zip(clbits, values, strict=True):
            word, place = c >> 6, c & 63
            shifted = row << np.uint64(place)
            if word in collected:
                # A bit that is written twice keeps the later value.
                kept = collected[word] & np.uint64(~(1 << place) & _ALL)
                collected[word] = kept | shifted
            else:
                collected[word] = shifted
            cleared[word] = cleared.get(word, 0) | 1 << place
        rows = self._rows(shots)
        for word, bits in collected.items():
            mask = np.uint64(~cleared[word] & _ALL)
            self.words[rows, word] = (self.words[rows, word] & mask) | bits

    def _rows(self, shots: NDArray[np.int64]) -> NDArray[np.int64] | slice:
        # Shots are distinct and ascending: as many as there are means all, without a gather.
        return slice(None) if len(shots) == len(self.words) else shots


def move_bits(indices: NDArray[np.uint64], moves: Sequence[tuple[int, int]]) -> NDArray[np.uint64]:
    """Return new words whose bit ``to`` is bit ``from`` of each index, for ``(from, to)`` pairs.

    Args:
        indices: uint64 ``(k,)``.
        moves: Distinct targets below 64; other bits of the result are zero.
    """
    masks: dict[int, int] = {}
    for source, target in moves:
        masks[target - source] = masks.get(target - source, 0) | 1 << source
    if len(masks) == 1 and 0 in masks:
        return indices & np.uint64(masks[0])
    result = np.zeros(len(indices), np.uint64)
    if len(masks) <= _FEW_SHIFTS:
        for shift, mask in masks.items():
            part = indices & np.uint64(mask)
            result |= part << np.uint64(shift) if shift >= 0 else part >> np.uint64(-shift)
        return result
    width = 12 if len(indices) >= 1 << 12 else 6  # a table costs as much as its entries
    for low in range(0, max(source for source, _ in moves) + 1, width):
        within = [(s - low, t) for s, t in moves if low <= s < low + width]
        if within:
            table = np.zeros(1, np.uint64)
            for place in range(width):
                targets = sum(1 << t for s, t in within if s == place)
                table = np.concatenate([table, table | np.uint64(targets)])
            result |= table[indices >> np.uint64(low) & np.uint64((1 << width) - 1)]
    return result


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

"""Tilings: which Pauli strings the GPU sums from one reading of a state.

A tile is what one block of threads holds: a coset of a subspace of indices that is spanned by the
bits of a row and by eight masks; see ``kernels/cuda/pauli_tile.cuh``. The masks are chosen from the
strings' X masks: any eight that are independent fit, and every string in their span comes along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLACE_SHIFT", "Masks", "PauliTilings"]

Masks = NDArray[np.uint64]

MASKS = 8
"""Masks of a tiling. Rows of 128 bytes make its tiles 32 KiB."""

PLACE_SHIFT = np.uint64(36)
"""Where the place is in a kernel's word for a string."""

_WINDOW = 4096
"""X masks looked at for one tiling: bounds the time where there are very many."""


@dataclass(frozen=True)
class PauliTilings:
    """Tilings for some X masks.

    Attributes:
        num_qubits: Width of the states.
        row_bits: log2 of a row's amplitudes.
        masks: uint64 ``(tilings, 9)``: eight masks, in order of their highest bits, each of which
            no other mask has; 0 where the state is narrower than a tile. Then the set of bits
            that number the tiles.
        number: int64 ``(strings,)``: the tiling of each string.
    """

    num_qubits: int
    row_bits: int
    masks: Masks
    number: NDArray[np.int64]

    @staticmethod
    def of(x_masks: Masks, num_qubits: int, dtype: np.dtype[Any]) -> PauliTilings:
        """Choose tilings greedily, lower X masks first.

        Args:
            x_masks: uint64 ``(strings,)``.
            num_qubits: Width of the states.
            dtype: complex64 or complex128.
        """
        row_bits = 4 if dtype.itemsize == 8 else 3
        distinct, string = np.unique(x_masks, return_inverse=True)
        rows = distinct >> np.uint64(row_bits) << np.uint64(row_bits)
        number = np.empty(len(distinct), np.int64)
        masks: list[list[int]] = []
        waiting = np.arange(len(distinct))
        while len(waiting):
            basis, inside = _span(rows[waiting[:_WINDOW]], num_qubits, row_bits)
            number[waiting[:_WINDOW][inside]] = len(masks)
            waiting = np.concatenate([waiting[:_WINDOW][~inside], waiting[_WINDOW:]])
            outside = (1 << num_qubits) - 1 >> row_bits << row_bits
            for mask in basis:
                outside &= ~_highest(mask)
            masks.append([*basis, *[0] * (MASKS - len(basis)), outside])
        table = np.array(masks, np.uint64).reshape(-1, MASKS + 1)
        return PauliTilings(num_qubits, row_bits, table, number[string])

    @property
    def place_bits(self) -> int:
        """log2 of the places of a tile."""
        return self.row_bits + MASKS

    @property
    def num_tiles(self) -> int:
        """Number of tiles of a state."""
        return 1 << max(0, self.num_qubits - self.place_bits)

    def x_places(self, x_masks: Masks) -> Masks:
        """Return which bits of a place each string flips: uint64 ``(strings,)``."""
        places: Masks = x_masks & np.uint64((1 << self.row_bits) - 1)
        for bit in range(MASKS):
            mask = self.masks[self.number, bit]
            # Whether the mask's highest bit, which is in no other mask, is in x.
            has = (mask & x_masks) > mask >> np.uint64(1)
            places |= has.astype(np.uint64) << np.uint64(self.row_bits + bit)
        return places

    def z_places(self, z_masks: Masks) -> Masks:
        """Return which bits of a place decide each string's sign: uint64 ``(strings,)``."""
        places: Masks = z_masks & np.uint64((1 << self.row_bits) - 1)
        for bit in range(MASKS):
            mask = self.masks[self.number, bit]
            odd = np.bitwise_count(mask & z_masks).astype(np.uint64) & np.uint64(1)
            places |= odd << np.uint64(self.row_bits + bit)
        return places

    def terms(self, z_masks: Masks, places: Masks) -> Masks:
        """Return the kernels' words for strings: Z's outside the tile, and a place."""
        words: Masks = (z_masks & self.masks[self.number, MASKS]) | places << PLACE_SHIFT
        return words


def _span(rows: Masks, num_qubits: int, row_bits: int) -> tuple[list[int], NDArray[np.bool_]]:
    """Return a basis, made of the first independent rows, and which rows are in its span.

    The basis is filled up with single bits, lowest first. Each vector's highest bit is in no other
    vector; they are in the order of these bits.
    """
    units = np.uint64(1) << np.arange(row_bits, num_qubits, dtype=np.uint64)
    left = np.concatenate([rows, units])
    basis: list[int] = []
    for _ in range(min(MASKS, len(units))):
        vector = int(left[np.argmax(left != 0)])
        pivot = _highest(vector)
        left ^= np.where(left & np.uint64(pivot), np.uint64(vector), np.uint64(0))
        basis = [v ^ vector if v & pivot else v for v in basis]
        basis.append(vector)
    return sorted(basis), left[: len(rows)] == 0


def _highest(mask: int) -> int:
    return 1 << mask.bit_length() - 1

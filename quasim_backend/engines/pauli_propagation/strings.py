"""A table of Pauli strings with coefficients, and the operations that every string takes part in.

The strings of ``n`` qubits are columns of a uint64 array: ``W = ceil(n / 64)`` rows of x bits, as
many of z bits, and one row for the number of the group the string belongs to. Strings of different
groups are never added. A qubit in both masks carries Y, so that strings are Hermitian.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_propagation.moves import Transfer, sine_and_cosine
from quasim_backend.engines.pauli_rotations import Rotation

__all__ = ["OutOfRoom", "PauliStrings"]

_SLACK = 1.5
"""Strings are merged when there are so many times more than after the last merge."""
_FEW = 256
"""Fewer strings than these are not worth a merge."""
_ROUNDING = 1e-17
"""Coefficients so small beside the largest first one are what cancellation leaves."""
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: Knuth's multiplicative hashing


class OutOfRoom(Exception):
    """There would be more strings than are allowed; ``args[0]`` is how many."""


class PauliStrings:
    """``sum(coefficient * string)`` for several observables at once.

    Attributes:
        num_words: ``W``.
        dropped: float64 ``(groups, columns)``: sum of the absolute values of all coefficients that
            were dropped. No state's expectation value is wrong by more.
    """

    def __init__(
        self,
        num_qubits: int,
        groups: int,
        columns: int,
        dtype: type[np.floating | np.complexfloating],
        threshold: float = 0.0,
        max_weight: int | None = None,
        room: int = 1 << 62,
    ) -> None:
        """Start without strings.

        Args:
            num_qubits: Width ``n``.
            groups: Number of groups.
            columns: Coefficients of each string.
            dtype: Of coefficients: float64 or complex128.
            threshold: Strings whose coefficients are all at most this are dropped.
            max_weight: Strings that act on more qubits are dropped; None: none are.
            room: Bytes that strings may take; every method that adds some raises `OutOfRoom`.
        """
        self.num_words = max(1, -(-num_qubits // 64))
        self.dropped: NDArray[np.float64] = np.zeros((groups, columns))
        self._words = np.empty((2 * self.num_words + 1, _FEW), np.uint64)
        self._coefficients = np.empty((columns, _FEW), dtype)
        self._count = 0
        self._merged = 0
        self._threshold = threshold
        self._max_weight = max_weight
        self._largest = 0.0
        self._most = room // self.bytes_each

    def __len__(self) -> int:
        """Return the number of strings; equal ones may not be merged yet."""
        return self._count

    @property
    def bytes_each(self) -> int:
        """Bytes that a string takes, room to grow and to sort included."""
        row = 8 * len(self._words) + self._coefficients.itemsize * len(self._coefficients)
        return 4 * row + 32

    @property
    def words(self) -> NDArray[np.uint64]:
        """The strings: uint64 ``(2 * W + 1, count)``, a view."""
        return self._words[:, : self._count]

    @property
    def coefficients(self) -> NDArray[np.inexact]:
        """Their coefficients ``(columns, count)``, a view."""
        return self._coefficients[:, : self._count]

    def support(self) -> int:
        """Return the mask of the qubits that some string acts on."""
        w = self.num_words
        rows = np.bitwise_or.reduce(self.words[:w] | self.words[w : 2 * w], axis=1)
        return sum(int(row) << 64 * i for i, row in enumerate(rows))

    def add(self, words: NDArray[np.uint64], coefficients: NDArray[np.inexact]) -> None:
        """Add strings ``(2 * W + 1, k)`` with coefficients ``(columns, k)``."""
        self._largest = max(self._largest, float(np.abs(coefficients).max(initial=0.0)))
        self._append(words, coefficients)

    def _append(self, words: NDArray[np.uint64], coefficients: NDArray[np.inexact]) -> None:
        """Add strings that share no memory with the table, which is merged where it must be."""
        count = words.shape[1]
        if self._count + count > self._most:
            self.merge()
        if self._count + count > self._most:
            raise OutOfRoom(self._count + count)
        first, self._count = self._count, self._count + count
        self._reserve(self._count)
        self._words[:, first : self._count] = words
        self._coefficients[:, first : self._count] = coefficients

    # --- moves --------------------------------------------------------------------------------

    def rotate(self, rotation: Rotation) -> None:
        """Apply a rotation backwards: strings that anticommute with it become two."""
        sine, cosine = sine_and_cosine(rotation.angle)
        if sine == 0.0 and cosine == 1.0:
            return
        rows = self._rows_of(rotation.x, rotation.z)
        crossed = np.zeros(self._count, np.uint64)
        for x_row, z_row, x, z in rows:
            if z:
                crossed ^= self._words[x_row, : self._count] & z
            if x:
                crossed ^= self._words[z_row, : self._count] & x
        chosen = np.flatnonzero(np.bitwise_count(crossed) & 1)
        if not len(chosen):
            return
        words = self._words.take(chosen, axis=1)
        power = np.zeros(len(chosen), np.uint8)
        for x_row, z_row, x, z in rows:
            # Q P = i**power R, of which R is taken: see PauliString.
            power += np.bitwise_count(words[x_row] & words[z_row]) + np.bitwise_count(x & z)
            power += 2 * np.bitwise_count(words[z_row] & x)
            words[x_row] ^= x
            words[z_row] ^= z
            power -= np.bitwise_count(words[x_row] & words[z_row])
        # -i Q P is R where the power is 1, and -R where it is 3.
        signs = np.where(power & 2, -sine, sine)
        old = self._coefficients.take(chosen, axis=1)
        if cosine == 0.0:
            self._words[:, chosen] = words
            self._coefficients[:, chosen] = old * signs
            return
        self._coefficients[:, chosen] = old * cosine
        if sine != 0.0:
            self._append(words, old * signs)

    def transfer(self, move: Transfer) -> None:
        """Apply a table: each string becomes those that its part on the table's qubits becomes."""
        size = len(move.qubits)
        places = tuple(self._places(move.qubits))
        touched = np.zeros(self._count, np.uint64)
        for row in sorted({row for row, _ in places}):
            mask = sum(1 << bit for r, bit in places if r == row)
            touched |= self._words[row, : self._count] & np.uint64(mask)
        chosen = np.flatnonzero(touched)
        if not len(chosen):
            return
        local = np.zeros(len(chosen), np.int64)
        for place, (row, bit) in enumerate(places):
            bits = self._words[row].take(chosen) >> np.uint64(bit) & np.uint64(1)
            local |= bits.view(np.int64) << place
        deposits = _deposits(places, 2 * size)
        old = self._coefficients.take(chosen, axis=1)
        words = self._words.take(chosen, axis=1)
        if not move.stays:
            outputs = move.outputs[local, 0]
            for row, (kept, bits) in deposits.items():
                self._words[row, chosen] = words[row] & kept | bits[outputs]
        self._coefficients[:, chosen] = old * move.weights[local, 0]
        for number in range(1, move.weights.shape[1]):
            weights = move.weights[local, number]
            split = np.flatnonzero(weights)
            new = words.take(split, axis=1)
            outputs = move.outputs[local[split], number]
            for row, (kept, bits) in deposits.items():
                new[row] = new[row] & kept | bits[outputs]
            self._append(new, old[:, split] * weights[split])
            if self.is_loose():
                self.merge()
        if move.loses:
            self._keep(np.flatnonzero(self.coefficients.any(axis=0)))

    def local_masks(self, qubits: Sequence[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return the x and z masks of all strings on at most 63 qubits, and make them I there.

        Bit ``i`` of the masks belongs to ``qubits[i]``.
        """
        found: list[NDArray[np.uint64]] = []
        places = self._places(qubits)
        for half in (places[: len(qubits)], places[len(qubits) :]):
            masks = np.zeros(self._count, np.uint64)
            for place, (row, bit) in enumerate(half):
                own = self._words[row, : self._count]
                masks |= (own >> np.uint64(bit) & np.uint64(1)) << np.uint64(place)
                own &= ~np.uint64(1 << bit)
            found.append(masks)
        return found[0], found[1]

    def scale(self, factors: NDArray[np.inexact]) -> None:
        """Multiply every string's coefficients by a factor ``(count,)``; zeros are lost."""
        self._coefficients[:, : self._count] *= factors
        self._keep(np.flatnonzero(factors))

    def halve(self) -> None:
        """Leave out every other string, for an estimate of how many there would be."""
        self._keep(np.arange(self._count % 2, self._count, 2))

    # --- merging ------------------------------------------------------------------------------

    def is_loose(self) -> bool:
        """Return whether there are so many strings that a merge is due."""
        return self._count > max(_FEW, _SLACK * self._merged)

    def merge(self) -> None:
        """Add up equal strings and drop small and heavy ones, as the threshold and weight say."""
        if not self._count:
            return
        order, starts = self._equal_runs()
        words = self._words.take(order[starts], axis=1)
        sums = np.add.reduceat(self._coefficients.take(order, axis=1), starts, axis=1)
        largest = np.abs(sums).max(axis=0)
        small = largest <= max(self._threshold, _ROUNDING * self._largest)
        if self._max_weight is not None:
            w = self.num_words
            weights = np.bitwise_count(words[:w] | words[w : 2 * w]).sum(axis=0, dtype=np.int64)
            small |= weights > self._max_weight
        gone = np.flatnonzero(small)
        if len(gone):
            groups = words[-1, gone].astype(np.int64)
            for column, lost in enumerate(np.abs(sums[:, gone])):
                self.dropped[:, column] += np.bincount(groups, lost, len(self.dropped))
            kept = np.flatnonzero(~small)
            words, sums = words[:, kept], sums[:, kept]
        self._count = self._merged = words.shape[1]
        self._words[:, : self._count] = words
        self._coefficients[:, : self._count] = sums

    def _equal_runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return an order of the strings and where in it each run of equal ones starts.

        Strings are sorted by the upper bits of a hash; the lower bits hold the string's number, so
        that one sort of plain words does it. Different strings of one hash may separate equal ones:
        these stay two, which wastes room but is not wrong.
        """
        keys = np.zeros(self._count, np.uint64)
        for row in self.words:
            keys ^= row
            keys *= _ODD
            keys ^= keys >> np.uint64(29)
        low = np.uint64((1 << max(self._count - 1, 1).bit_length()) - 1)
        keys &= ~low
        keys |= np.arange(self._count, dtype=np.uint64)
        keys.sort()
        order = (keys & low).astype(np.int64)
        fresh = np.zeros(self._count, np.bool_)
        fresh[:1] = True
        for row in self.words:
            ordered = row.take(order)
            fresh[1:] |= ordered[1:] != ordered[:-1]
        return order, np.flatnonzero(fresh)

    # --- the end ------------------------------------------------------------------------------

    def at_zero(self) -> NDArray[np.inexact]:
        """Return ``<0...0|sum|0...0>``: ``(groups, columns)``; strings of I and Z count 1."""
        left = np.flatnonzero(~self.words[: self.num_words].any(axis=0))
        result = np.zeros(self.dropped.shape, self._coefficients.dtype)
        np.add.at(result, self._words[-1, left].astype(np.int64), self._coefficients[:, left].T)
        return result

    def _keep(self, chosen: NDArray[np.int64]) -> None:
        if len(chosen) < self._count:
            self._words[:, : len(chosen)] = self._words[:, chosen]
            self._coefficients[:, : len(chosen)] = self._coefficients[:, chosen]
            self._count = len(chosen)

    def _reserve(self, count: int) -> None:
        room = self._words.shape[1]
        if count > room:
            more = ((0, 0), (0, max(count, min(2 * room, self._most)) - room))
            self._words = np.pad(self._words, more)
            self._coefficients = np.pad(self._coefficients, more)

    def _places(self, qubits: Sequence[int]) -> list[tuple[int, int]]:
        """Return row and bit of the x parts of some qubits, then of their z parts."""
        return [(half * self.num_words + (q >> 6), q & 63) for half in range(2) for q in qubits]

    def _rows_of(self, x: int, z: int) -> list[tuple[int, int, np.uint64, np.uint64]]:
        """Return the x and the z row and the words of two masks, where they are not both zero."""
        found = []
        for word in range(self.num_words):
            parts = [np.uint64(mask >> 64 * word & 0xFFFFFFFFFFFFFFFF) for mask in (x, z)]
            if any(parts):
                found.append((word, self.num_words + word, parts[0], parts[1]))
        return found


@lru_cache(maxsize=4096)
def _deposits(
    places: tuple[tuple[int, int], ...], bits: int
) -> dict[int, tuple[np.uint64, NDArray[np.uint64]]]:
    """Return by row: the bits that a local string leaves, and those that each value sets."""
    values = np.arange(1 << bits, dtype=np.uint64)
    result: dict[int, tuple[np.uint64, NDArray[np.uint64]]] = {}
    for row in sorted({row for row, _ in places}):
        taken = 0
        table = np.zeros(len(values), np.uint64)
        for place, (own, bit) in enumerate(places):
            if own == row:
                taken |= 1 << bit
                table |= (values >> np.uint64(place) & np.uint64(1)) << np.uint64(bit)
        result[row] = (~np.uint64(taken), table)
    return result

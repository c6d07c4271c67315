"""Sampling the measurement of many qubits at once, exactly, from a state of ``r`` coordinates.

Measured are the strings ``C^dagger Z_q C``, which commute. Products of them that lead out of the
state's span have expectation value 0, so that their outcomes are fair coins, independent of all
others. The products that stay in the span are strings on the coordinates: a Clifford gate there
makes them diagonal, and one basis state drawn for each shot gives all their outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.extended_stabilizer.frame import CliffordFrame
from quasim_backend.engines.extended_stabilizer.reduction import Span
from quasim_backend.engines.pauli_images import Image, hermitian, product
from quasim_backend.engines.pauli_rotations import Rotation

__all__ = ["COIN_BITS", "JointMeasurement"]

COIN_BITS = 48
"""Coins taken from one uniform number."""


@dataclass(frozen=True, slots=True)
class _Bit:
    """An outcome: parity of some coins and some bits of the drawn state, possibly inverted."""

    coins: int
    state: int
    inverted: int


class JointMeasurement:
    """How outcomes come from a drawn basis state and coins.

    Attributes:
        turns: Rotations of the coordinates that make the measured strings diagonal.
        num_coins: Number of coins.
    """

    def __init__(self, frame: CliffordFrame, span: Span, qubits: Sequence[int]) -> None:
        """Take the measurement of ``qubits`` after the Clifford gate of ``frame`` apart."""
        pivots: list[tuple[int, Image, int]] = []
        inside: list[Image] = []
        rows: list[tuple[int, int | None]] = []  # coins, and number of the string inside
        self.num_coins = 0
        for q in qubits:
            image, coins = frame.image(0, 1 << q), 0
            left = span.coordinates(image[0])[1]
            for pivot, other, coin in pivots:
                if left >> pivot & 1:
                    image, coins = product(image, other), coins | 1 << coin
                    left = span.coordinates(image[0])[1]
            if left:
                # The measured string is the product of this one and those used, as they commute.
                pivots.append((left.bit_length() - 1, image, self.num_coins))
                rows.append((coins | 1 << self.num_coins, None))
                self.num_coins += 1
            else:
                logical = span.logical(image)
                assert logical is not None
                x, z, power = hermitian(logical.x, logical.z)
                rows.append((coins, len(inside)))
                inside.append((x, z, power + 1 - logical.sign & 3))
        self.turns: list[Rotation] = []
        diagonal = self._diagonalised(inside)
        self._bits = [
            _Bit(coins, 0, 0)
            if number is None
            else _Bit(coins, diagonal[number][1], diagonal[number][2] >> 1)
            for coins, number in rows
        ]

    def _diagonalised(self, strings: list[Image]) -> list[Image]:
        """Turn commuting strings until none has X or Y.

        A quarter turn about ``i P Z_q`` takes ``P``, with X or Y on ``q``, to ``Z_q``; it leaves
        what is diagonal already, which commutes with both.
        """
        for number in range(len(strings)):
            x, z, _ = strings[number]
            if not x:
                continue
            axis = hermitian(x, z ^ (x & -x))
            self.turns.append(Rotation(axis[0], axis[1], np.pi / 2))
            for place, string in enumerate(strings):
                crossed = (axis[0] & string[1]).bit_count() + (axis[1] & string[0]).bit_count()
                if crossed & 1:  # R S R^dagger = R**2 S = -i A S
                    turned = product(axis, string)
                    strings[place] = turned[0], turned[1], turned[2] + 3 & 3
        return strings

    def outcomes(
        self, rows: slice, drawn: NDArray[np.uint64], coins: NDArray[np.uint64]
    ) -> NDArray[np.uint64]:
        """Return outcomes, uint64 0 or 1 ``(qubits, shots)``.

        Args:
            rows: Which of the measured qubits.
            drawn: Basis states of the coordinates, after ``turns``: ``(shots,)``.
            coins: ``(words, shots)``; coin ``c`` is bit ``c % COIN_BITS`` of word
                ``c // COIN_BITS``.
        """
        chosen = self._bits[rows]
        result = np.zeros((len(chosen), len(drawn)), np.uint64)
        for row, bit in zip(result, chosen, strict=True):
            row += np.bitwise_count(drawn & np.uint64(bit.state))
            for word in range(len(coins)):
                mask = bit.coins >> COIN_BITS * word & (1 << COIN_BITS) - 1
                if mask:
                    row += np.bitwise_count(coins[word] & np.uint64(mask))
            row += np.uint64(bit.inverted)
        result &= np.uint64(1)
        return result

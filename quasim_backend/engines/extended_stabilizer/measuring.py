"""Sampling the measurement of many qubits at once, exactly, from a state of ``r`` coordinates.

Measured are the strings ``C^dagger Z_q C``, which commute. Products of them that lead out of the
state's span have expectation value 0, so that their outcomes are fair coins, independent of all
others. The products that stay in the span are strings on the coordinates: `diagonalised` turns the
coordinates so that one basis state drawn for each shot gives all their outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.extended_stabilizer.frame import CliffordFrame
from quasim_backend.engines.extended_stabilizer.reduction import Logical, Span
from quasim_backend.engines.pauli_images import Image, hermitian, product
from quasim_backend.engines.pauli_rotations import Rotation

__all__ = ["COIN_BITS", "JointMeasurement", "Parity", "diagonalised", "turn"]

COIN_BITS = 48
"""Coins taken from one uniform number."""


@dataclass(frozen=True, slots=True)
class Parity:
    """The outcome of a string: the parity of some drawn bits, possibly inverted.

    Attributes:
        masks: Which bits, for each word that is drawn for a shot.
        inverted: 0 or 1.
    """

    masks: tuple[int, ...]
    inverted: int


class JointMeasurement:
    """How the outcomes of qubits come from those of strings on the coordinates and from coins.

    Attributes:
        inside: The strings on the coordinates; they commute.
        num_coins: Number of coins.
    """

    def __init__(self, frame: CliffordFrame, span: Span, qubits: Sequence[int]) -> None:
        """Take the measurement of ``qubits`` after the Clifford gate of ``frame`` apart."""
        pivots: list[tuple[int, Image, int]] = []
        self._rows: list[tuple[int, int | None]] = []  # coins, and number of the string inside
        self.inside: list[Logical] = []
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
                self._rows.append((coins | 1 << self.num_coins, None))
                self.num_coins += 1
            else:
                logical = span.logical(image)
                assert logical is not None
                self._rows.append((coins, len(self.inside)))
                self.inside.append(logical)

    def outcomes(
        self,
        rows: slice,
        parities: Sequence[Parity],
        drawn: NDArray[np.uint64],
        coins: NDArray[np.uint64],
    ) -> NDArray[np.uint64]:
        """Return outcomes, uint64 0 or 1 ``(qubits, shots)``.

        Args:
            rows: Which of the measured qubits.
            parities: How each of ``inside`` comes from what is drawn.
            drawn: ``(words, shots)``.
            coins: ``(words, shots)``; coin ``c`` is bit ``c % COIN_BITS`` of word
                ``c // COIN_BITS``.
        """
        chosen = self._rows[rows]
        result = np.zeros((len(chosen), drawn.shape[1]), np.uint64)
        for row, (flips, number) in zip(result, chosen, strict=True):
            if number is not None:
                parity = parities[number]
                for word, mask in zip(drawn, parity.masks, strict=True):
                    row += np.bitwise_count(word & np.uint64(mask))
                row += np.uint64(parity.inverted)
            for word in range(len(coins)):
                mask = flips >> COIN_BITS * word & (1 << COIN_BITS) - 1
                if mask:
                    row += np.bitwise_count(coins[word] & np.uint64(mask))
        result &= np.uint64(1)
        return result


def diagonalised(strings: Sequence[Logical]) -> tuple[list[Rotation], list[Parity]]:
    """Turn commuting strings until none has X or Y.

    A quarter turn about ``i P Z_q`` takes ``P``, with X or Y on ``q``, to ``Z_q``; it leaves what
    is diagonal already, which commutes with both.

    Returns:
        The turns, and how each string's outcome comes from a basis state drawn after them.
    """
    images = [_image(string) for string in strings]
    turns: list[Rotation] = []
    for number in range(len(images)):
        x, z, _ = images[number]
        if x:
            turns.append(turn(images, x, z ^ (x & -x)))
    return turns, [Parity((z,), power >> 1) for _, z, power in images]


def turn(images: list[Image], x: int, z: int) -> Rotation:
    """Take strings, in place, to what they are after a quarter turn about another; return it."""
    axis = hermitian(x, z)
    for place, string in enumerate(images):
        if ((x & string[1]).bit_count() + (z & string[0]).bit_count()) & 1:
            turned = product(axis, string)  # R S R^dagger = R**2 S = -i A S
            images[place] = turned[0], turned[1], turned[2] + 3 & 3
    return Rotation(x, z, np.pi / 2)


def _image(string: Logical) -> Image:
    x, z, power = hermitian(string.x, string.z)
    return x, z, power + 1 - string.sign & 3

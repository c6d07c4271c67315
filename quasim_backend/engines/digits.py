"""Uniform numbers that decide one bit after another, however many.

Inverse transform over ``2**k`` outcomes, highest bit first: what is left of a uniform within the
interval of the bits so far decides the next bit. A number of 53 bits would run dry after about as
many coin flips; before that happens, further digits are put below its last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.kernels.random import shot_uniforms

__all__ = ["Digits"]

_NARROW = 2.0**-20
"""Intervals below this width get further digits: 33 bits are still right then."""
_LAST_DIGIT = 2.0**-53
_BELOW_ONE = 1.0 - _LAST_DIGIT


class Digits:
    """One uniform for each of several shots, with as many digits as decisions need.

    The digits below the first 53 are Philox(seed, shot, draw + level * 2**32): no draw of a circuit
    has such a number.
    """

    def __init__(
        self, uniforms: NDArray[np.float64], seed: int, shots: NDArray[np.int64], draw: int
    ) -> None:
        """Begin with the uniforms that a single decision would be made by.

        Args:
            uniforms: float64 ``(shots,)`` in ``[0, 1)``; copied.
            seed: Philox key of the further digits.
            shots: Shot numbers, int64 ``(shots,)``.
            draw: Number of the draw that the uniforms are.
        """
        self._values = np.array(uniforms)
        self._widths = np.ones(len(shots))
        self._seed = seed
        self._shots = shots
        self._draw = draw
        self._level = np.zeros(len(shots), np.int64)

    def __len__(self) -> int:
        """Return the number of shots."""
        return len(self._shots)

    def decide(self, one: ArrayLike) -> NDArray[np.bool_]:
        """Decide the next bit of each shot.

        Args:
            one: Probability of a one, given the bits so far: one for all or ``(shots,)``.

        Returns:
            bool ``(shots,)``; an outcome of probability 0 is never chosen.
        """
        one = np.clip(np.asarray(one, np.float64), 0.0, 1.0)
        zero = 1.0 - one
        bits = (self._values >= zero) & (one > 0.0)
        taken = np.where(bits, one, zero)
        rest = (self._values - np.where(bits, zero, 0.0)) / taken
        self._values = np.clip(rest, 0.0, _BELOW_ONE)
        self._widths *= taken
        narrow = np.flatnonzero(self._widths < _NARROW)
        if len(narrow):
            self._extend(narrow)
        return bits

    def of(self, members: NDArray[np.int64]) -> Digits:
        """Return the digits of some shots, by their positions, as an independent copy."""
        result = Digits(self._values[members], self._seed, self._shots[members], self._draw)
        result._widths, result._level = self._widths[members], self._level[members]
        return result

    def _extend(self, places: NDArray[np.int64]) -> None:
        self._level[places] += 1
        for level in np.unique(self._level[places]).tolist():
            those = places[self._level[places] == level]
            more = shot_uniforms(self._seed, self._shots[those], self._draw + (level << 32))
            grown = self._values[those] + more * _LAST_DIGIT / self._widths[those]
            self._values[those] = np.minimum(grown, _BELOW_ONE)
            self._widths[those] = 1.0

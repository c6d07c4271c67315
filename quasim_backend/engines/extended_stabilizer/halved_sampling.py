"""Drawing the words of a `HalvedMeasurement` from the states of the two halves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.extended_stabilizer.halves import HalvedMeasurement
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.kernels.base import CancelToken

__all__ = ["HalvedSampler", "reordered"]

_BLOCK = 1 << 18
"""Entries of conditional states that are made at one time, so that they stay in the cache."""

Amplitudes = NDArray[np.complexfloating]


class HalvedSampler:
    """Two states and how often each pair of basis states is drawn."""

    def __init__(
        self, measurement: HalvedMeasurement, halves: tuple[Amplitudes, Amplitudes]
    ) -> None:
        """Prepare to draw.

        Args:
            measurement: What is measured.
            halves: Normalised amplitudes after the measurement's turns, bits in its ``orders``.
        """
        self._measurement, self._halves = measurement, halves
        chances = [(h.real.astype(np.float64) ** 2 + h.imag**2) for h in halves]
        # Only pairs of the same class are drawn: those that have the fixed parities.
        classes = [self._classes(word, len(h)) for word, h in enumerate(halves)]
        weights = np.bincount(classes[1], chances[1], 1 << len(measurement.fixed_parities))
        self._order = np.argsort(classes[1], kind="stable") if measurement.fixed_parities else None
        second = chances[1] if self._order is None else chances[1][self._order]
        self._class_of = classes[0]
        self._ends = np.cumsum(np.bincount(classes[1], minlength=len(weights)))
        self._second = np.cumsum(second)
        self._first = np.cumsum(chances[0] * weights[classes[0]])

    def _classes(self, word: int, size: int) -> NDArray[np.int64]:
        result = np.zeros(size, np.int64)
        index = np.arange(size if self._measurement.fixed_parities else 0, dtype=np.uint64)
        for number, parity in enumerate(self._measurement.fixed_parities):
            bits = np.bitwise_count(index & np.uint64(parity.masks[word])).astype(np.int64)
            result |= (bits + parity.inverted * word & 1) << number
        return result

    def draw(
        self, shots: int, uniforms: ShotUniforms, first: int, cancel: CancelToken
    ) -> NDArray[np.uint64]:
        """Draw the words s, t and b: uint64 ``(3, shots)``.

        Where b has bits that are fixed, words are drawn until they have the right values: a try
        takes ``2 + pairs`` uniforms.

        Args:
            shots: Number of shots.
            uniforms: Where numbers come from.
            first: Number of the first uniform that is free.
            cancel: Stops it.

        Raises:
            Cancelled: If the token was set.
        """
        pairs = self._measurement.pairs
        result = np.zeros((3, shots), np.uint64)
        waiting = np.arange(shots)
        while len(waiting):
            numbers = uniforms.block(waiting, first, 2 + pairs)
            first += 2 + pairs
            s, t = self._basis_states(numbers[0], numbers[1])
            done = np.zeros(len(waiting), np.bool_)
            size = max(1, _BLOCK >> pairs)
            for start in range(0, len(waiting), size):
                cancel.check()
                part = slice(start, start + size)
                b, done[part] = self._signs(s[part], t[part], numbers[2:, part])
                result[:, waiting[part]] = s[part], t[part], b
            waiting = waiting[~done]
        return result

    def _basis_states(
        self, first: NDArray[np.float64], second: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        s = np.searchsorted(self._first, first * self._first[-1], side="right")
        s = np.minimum(s, len(self._first) - 1)
        kind = self._class_of[s]
        begin = np.where(kind > 0, self._ends[kind - 1], 0)
        before = np.where(begin > 0, self._second[begin - 1], 0.0)
        target = before + second * (self._second[self._ends[kind] - 1] - before)
        t = np.searchsorted(self._second, target, side="right")
        t = np.clip(t, begin, self._ends[kind] - 1)
        return s.astype(np.uint64), (t if self._order is None else self._order[t]).astype(np.uint64)

    def _signs(
        self, s: NDArray[np.uint64], t: NDArray[np.uint64], uniforms: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Measure X on every qubit of ``u(g) v(g ^ a)``, from the highest on.

        Returns:
            The outcomes, and for which shots those that are fixed are right.
        """
        found = np.zeros(len(s), np.uint64)
        alive = np.arange(len(s))
        state = self._conditional(s, t)
        for number, place in enumerate(reversed(range(self._measurement.pairs))):
            zero, one = np.split(state, 2, axis=1)
            # |zero + one|**2 of 2 (|zero|**2 + |one|**2)
            whole = _norms(state)
            plus = 0.5 + _overlaps(zero, one) / np.where(whole > 0, whole, 1.0)
            drawn = (uniforms[number, alive] >= plus).astype(np.uint64)
            if number < len(self._measurement.fixed_bits):
                right = drawn == self._measurement.fixed_bits[number]
                alive, zero, one, drawn = alive[right], zero[right], one[right], drawn[right]
            found[alive] |= drawn << np.uint64(place)
            signs = (1 - 2.0 * drawn).astype(state.real.dtype)
            state = zero + signs[:, None] * one
        done = np.zeros(len(s), np.bool_)
        done[alive] = True
        return found, done

    def _conditional(self, s: NDArray[np.uint64], t: NDArray[np.uint64]) -> Amplitudes:
        """Return ``u(g) v(g ^ a)`` for each shot: ``(shots, 2**pairs)``."""
        pairs = np.uint64(self._measurement.pairs)
        size = 1 << self._measurement.pairs
        u, v = (half.reshape(-1, size) for half in self._halves)
        a = ((s ^ t) & np.uint64(size - 1)).astype(np.int64)[:, None]
        state = u[(s >> pairs).astype(np.int64)]
        rows = (t >> pairs).astype(np.int64)[:, None]
        for start in range(0, size, _BLOCK):
            block = np.arange(start, min(size, start + _BLOCK))
            state[:, block[0] : block[-1] + 1] *= v[rows, block[None] ^ a]
        # Of about norm 1 whatever was drawn, so that nothing underflows.
        scale = np.sqrt(_norms(state))
        state /= np.where(scale > 0, scale, 1.0).astype(state.real.dtype)[:, None]
        return state


def reordered(half: Amplitudes, order: list[int]) -> Amplitudes:
    """Return a state whose index bit ``i`` is bit ``order[i]`` of the given one's index."""
    width = len(order)
    axes = [width - 1 - order[width - 1 - axis] for axis in range(width)]
    return np.ascontiguousarray(half.reshape((2,) * width).transpose(axes)).reshape(-1)


def _norms(states: Amplitudes) -> NDArray[np.float64]:
    return _overlaps(states, states)


def _overlaps(left: Amplitudes, right: Amplitudes) -> NDArray[np.float64]:
    """Return the real parts of inner products, float64 ``(shots,)``; long sums in double."""
    a, b = (x.view(x.real.dtype) for x in (np.ascontiguousarray(left), np.ascontiguousarray(right)))
    width = min(a.shape[1], 4096)
    shape = len(a), a.shape[1] // width, width
    sums: NDArray[Any] = np.einsum("spi,spi->sp", a.reshape(shape), b.reshape(shape))
    return np.asarray(sums.sum(1, dtype=np.float64))

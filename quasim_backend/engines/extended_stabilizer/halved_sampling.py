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
Indices = NDArray[np.int64]


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
        first, second = (_chances(half) for half in halves)
        self._classes: tuple[Indices, Indices] | None = None  # of s, and the t in their order
        if measurement.fixed_parities:
            # Only pairs of the same class are drawn: those that have the fixed parities.
            s_class, t_class = (self._class_of(word, len(h)) for word, h in enumerate(halves))
            count = 1 << len(measurement.fixed_parities)
            first *= np.bincount(t_class, second, count)[s_class]
            order = np.argsort(t_class, kind="stable")
            second = second[order]
            self._classes = s_class, order
            self._ends = np.cumsum(np.bincount(t_class, minlength=count))
        self._first = np.cumsum(first, out=first)
        self._second = np.cumsum(second, out=second)

    def _class_of(self, word: int, size: int) -> Indices:
        """Return a number for each basis state of a half: equal ones for equal fixed parities."""
        result = np.zeros(size, np.int64)
        index = np.arange(size, dtype=np.uint64)
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
        if self._classes is None:
            t = np.searchsorted(self._second, second * self._second[-1], side="right")
            t = np.minimum(t, len(self._second) - 1)
            return s.astype(np.uint64), t.astype(np.uint64)
        s_class, order = self._classes
        kind = s_class[s]
        begin, end = np.where(kind > 0, self._ends[kind - 1], 0), self._ends[kind]
        before = np.where(begin > 0, self._second[begin - 1], 0.0)
        target = before + second * (self._second[end - 1] - before)
        t = np.clip(np.searchsorted(self._second, target, side="right"), begin, end - 1)
        return s.astype(np.uint64), order[t].astype(np.uint64)

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


def _chances(half: Amplitudes) -> NDArray[np.float64]:
    """Return squared absolute values in double precision, float64 ``(size,)``."""
    result = np.square(half.real, dtype=np.float64)
    result += np.square(half.imag, dtype=np.float64)
    return result


def _norms(states: Amplitudes) -> NDArray[np.float64]:
    return _overlaps(states, states)


def _overlaps(left: Amplitudes, right: Amplitudes) -> NDArray[np.float64]:
    """Return the real parts of inner products, float64 ``(shots,)``; long sums in double."""
    a, b = (x.view(x.real.dtype) for x in (np.ascontiguousarray(left), np.ascontiguousarray(right)))
    width = min(a.shape[1], 4096)
    shape = len(a), a.shape[1] // width, width
    sums: NDArray[Any] = np.einsum("spi,spi->sp", a.reshape(shape), b.reshape(shape))
    return np.asarray(sums.sum(1, dtype=np.float64))

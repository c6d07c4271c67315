"""Averages over shots and their standard errors, from values that many shots may share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.moments import variance_of
from quasim_backend.ir.instructions import Save

__all__ = ["Average", "average_of", "moments_of"]


@dataclass(eq=False)
class Average:
    """Mean and spread of values that come one by one, each with the number of its shots.

    The spread is brought up to date with each value (West 1979, Commun. ACM 22, 532): as the
    difference of two large sums it would be lost to rounding where values are almost equal.

    Attributes:
        shots: Number of shots so far.
        mean: Their mean, of any shape, real or complex.
        spread: Sum over the shots of ``|value - mean|**2``, of the shape of the mean.
    """

    shots: int
    mean: Any
    spread: Any = 0.0

    def add(self, shots: int, value: Any) -> None:
        """Take a value that some shots share."""
        before, self.shots = self.shots, self.shots + shots
        away = value - self.mean
        self.mean = self.mean + away * (shots / self.shots)
        self.spread = self.spread + self._squared(away) * (before * shots / self.shots)

    def value(self) -> Any:
        """Return the average."""
        return self.mean

    def error(self, *, sampled: bool) -> Any:
        """Return the standard error of `value`, float64 of its shape.

        Args:
            sampled: Whether values may differ from shot to shot; an average of others is exact.
        """
        shape = np.shape(self.value())
        if not sampled:
            return np.broadcast_to(0.0, shape)[()]
        if self.shots == 1:
            return np.broadcast_to(np.nan, shape)[()]
        error = np.sqrt(self._total() / ((self.shots - 1) * self.shots))
        return np.broadcast_to(error, shape)[()]

    def _squared(self, away: Any) -> Any:
        return np.abs(away) ** 2

    def _total(self) -> Any:
        """Return the sum of squares that belongs to `value`."""
        return self.spread


class _AverageVariance(Average):
    """The variance of an observable in the average state, from its moments ``(..., 3)``.

    The average of the variances in the shots' states would be another number, and depend on which
    operators a channel is written with. The error is that of the variance's linear part in the
    moments (the delta method), so ``spread`` is a matrix ``(..., 3, 3)``.
    """

    mean: NDArray[np.float64]

    def value(self) -> Any:
        """Return ``<O^dagger O> - |<O>|**2``."""
        return variance_of(self.mean)

    def _squared(self, away: Any) -> Any:
        return away[..., :, None] * away[..., None, :]

    def _total(self) -> Any:
        slope = self.mean * -2.0
        slope[..., 0] = 1.0
        product = slope[..., None, :] @ (self.spread + np.zeros((3, 3))) @ slope[..., :, None]
        return np.maximum(product[..., 0, 0], 0.0)


def moments_of(variance: Any, mean: Any) -> NDArray[np.float64]:
    """Return what `average_of` wants of a variance, float64 ``(..., 3)``.

    Args:
        variance: ``<O^dagger O> - |<O>|**2``.
        mean: ``<O>``, of the same shape.
    """
    mean = np.asarray(mean, np.complex128)
    return np.stack([variance + np.abs(mean) ** 2, mean.real, mean.imag], axis=-1)


def average_of(save: Save, shots: int, value: Any) -> Average:
    """Start the average of a save with the value that some shots share."""
    return (_AverageVariance if save.kind == "variance" else Average)(shots, value)

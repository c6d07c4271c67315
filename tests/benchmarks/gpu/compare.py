"""Whether engines computed the same state: all of a narrow one, blocks of a wide one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TOLERANCE = {"complex64": 1e-4, "complex128": 1e-9}
"""Largest accepted distance, relative to the norm of what is compared."""
_WHOLE = 22
"""Qubits up to which whole states are compared."""
_BLOCK = 1 << 16
_BLOCKS = 32


class WrongStateError(Exception):
    """Engines disagree; nothing is timed."""


def blocks(n: int) -> list[slice]:
    """Return the parts of a state of ``n`` qubits that are compared."""
    if n <= _WHOLE:
        return [slice(0, 1 << n)]
    random = np.random.default_rng(n).integers(0, (1 << n) // _BLOCK, _BLOCKS)
    chosen = sorted({0, (1 << n) // _BLOCK - 1, *random.tolist()})
    return [slice(b * _BLOCK, (b + 1) * _BLOCK) for b in chosen]


@dataclass(frozen=True)
class Sample:
    """Amplitudes that were read off a state, as complex128, and the state's norm."""

    n: int
    amplitudes: np.ndarray
    norm_squared: float

    @classmethod
    def of(cls, n: int, read: Callable[[slice], np.ndarray], norm_squared: float) -> Sample:
        """Read `blocks` of a state; ``read`` returns a part of it on the host."""
        parts = [np.asarray(read(part)).astype(np.complex128) for part in blocks(n)]
        return cls(n, np.concatenate(parts), norm_squared)

    def distance(self, other: Sample) -> tuple[float, float]:
        """Return the largest difference of an amplitude, and the relative one of all in 2-norm.

        Where the blocks hold less than their share of the norm, it is relative to that share.
        """
        difference = np.abs(self.amplitudes - other.amplitudes)
        share = np.sqrt(len(difference) / 2.0**self.n)
        scale = max(float(np.linalg.norm(other.amplitudes)), share)
        return float(difference.max()), float(np.linalg.norm(difference)) / scale


def check(samples: dict[str, Sample], dtype: str, what: str) -> dict[str, dict[str, float]]:
    """Compare all engines with the first.

    Returns:
        By name: ``max`` and ``relative`` distance from the first, and ``norm_error``.

    Raises:
        WrongStateError: If one is too far from it, or its norm is not 1.
    """
    first = next(iter(samples.values()))
    found: dict[str, dict[str, float]] = {}
    for name, sample in samples.items():
        largest, relative = sample.distance(first)
        error = abs(sample.norm_squared - 1)
        found[name] = {"max": largest, "relative": relative, "norm_error": error}
    limit = TOLERANCE[dtype]
    bad = [n for n, f in found.items() if not max(f["relative"], f["norm_error"]) <= limit]
    if bad:
        source = next(iter(samples))
        raise WrongStateError(f"{what}: {', '.join(bad)} differ from {source} or 1: {found}")
    return found

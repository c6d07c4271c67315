"""How far two states are apart, in double precision and without a second copy of either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.operations import ComplexArray

TOLERANCE = {"complex64": 1e-4, "complex128": 1e-9}
"""Largest accepted length of the difference of two states of norm 1: qsim drifts by 1e-5 to 1e-4
on deep circuits, a wrong gate is off by far more."""
_CHUNK = 1 << 18


class WrongStateError(Exception):
    """Simulators disagree; nothing is timed."""


def difference(state: ComplexArray, reference: ComplexArray) -> float:
    """Return ``min over phases |state - exp(i phase) reference|`` (2-norm).

    Args:
        state: Amplitudes ``(2**n,)``.
        reference: Amplitudes of the same shape, any complex dtype.

    Raises:
        WrongStateError: If the shapes differ.
    """
    if np.shape(state) != np.shape(reference):
        raise WrongStateError(f"shape {np.shape(state)} instead of {np.shape(reference)}")
    overlap = _inner(reference, state)
    phase = overlap / abs(overlap) if overlap else 1.0
    # Subtract first and square then: 1 - |overlap| would lose half of the digits.
    total = sum(float(np.sum(np.abs(a - phase * b) ** 2)) for a, b in _chunks(state, reference))
    return float(np.sqrt(total))


def infidelity(state: ComplexArray, reference: ComplexArray) -> float:
    """Return ``1 - |<reference|state>|**2 / norms``, exact far below the machine precision."""
    overlap = _inner(reference, state) / norm_squared(reference)
    parts = _chunks(state, reference)
    rest = sum(float(np.sum(np.abs(a - overlap * b) ** 2)) for a, b in parts)
    return rest / norm_squared(state)


def norm_squared(state: ComplexArray) -> float:
    """Return the sum of all probabilities."""
    return sum(float(np.sum(np.abs(a) ** 2)) for a, _ in _chunks(state, state))


def norm_drift(state: ComplexArray) -> float:
    """Return how far the sum of all probabilities is from 1."""
    return abs(norm_squared(state) - 1)


def _inner(left: ComplexArray, right: ComplexArray) -> complex:
    return sum(complex(np.vdot(a, b)) for a, b in _chunks(left, right))


def _chunks(
    left: ComplexArray, right: ComplexArray
) -> Iterator[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield left[part].astype(np.complex128), right[part].astype(np.complex128)


@dataclass(frozen=True)
class Reference:
    """What a state is compared with: all of it, or of a wide one a sample that fits beside it.

    Attributes:
        source: Which simulator it comes from.
        indices: The sampled indices; None if all amplitudes are kept.
        amplitudes: Those amplitudes.
    """

    source: str
    indices: NDArray[np.int64] | None
    amplitudes: ComplexArray

    @classmethod
    def of(cls, state: ComplexArray, source: str, widest: int = 26) -> Reference:
        """Keep a state; above ``widest`` qubits four million amplitudes of it.

        These are the first, the last, those around the largest, and random ones.
        """
        size = len(state)
        if size <= 1 << widest:
            return cls(source, None, state)
        count = min(1 << 20, size)
        peak = max(range(0, size, _CHUNK), key=lambda i: float(np.abs(state[i : i + _CHUNK]).max()))
        around = np.clip(np.arange(peak, peak + count), 0, size - 1)
        random = np.random.default_rng(9).integers(0, size, count)
        ends = (np.arange(count), np.arange(size - count, size))
        indices = np.unique(np.concatenate([*ends, around, random]))
        return cls(source, indices, state[indices])

    def difference(self, state: ComplexArray) -> float:
        """Return `difference` from the kept amplitudes."""
        return difference(state if self.indices is None else state[self.indices], self.amplitudes)


def check(differences: dict[str, float], source: str, what: str, tolerance: float) -> None:
    """Stop unless all simulators agree with ``source``.

    Raises:
        WrongStateError: If one is further away than ``tolerance``, or not a number; all are listed.
    """
    if all(d <= tolerance for d in differences.values()):
        return
    listed = ", ".join(f"{name} {d:.3g}" for name, d in differences.items())
    raise WrongStateError(
        f"{what}: the states disagree, so nothing was timed. Distance from {source}: {listed}; "
        f"at most {tolerance:.3g} is accepted."
    )

"""Numeric goals of the test batteries, one row a dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["GOALS", "Goals", "goals_of"]


@dataclass(frozen=True)
class Goals:
    """Largest accepted errors for states of norm 1.

    Attributes:
        amplitude: Of an amplitude or a matrix entry, after up to some hundred gates.
        value: Of a sum over the state: norm, probability, expectation value, inner product.
    """

    amplitude: float
    value: float


GOALS = {
    np.dtype(np.complex64): Goals(amplitude=1e-5, value=1e-5),
    np.dtype(np.complex128): Goals(amplitude=1e-12, value=1e-12),
}


def goals_of(dtype: np.dtype[Any] | type[np.complexfloating[Any, Any]]) -> Goals:
    """Return the goals of complex64 or complex128."""
    return GOALS[np.dtype(dtype)]

"""Derivatives of expectation values by shifting the angles of single gates.

An angle stands in one gate, so an expectation value is a trigonometric polynomial of it with
frequencies 0, 1/2 (from controlled rotations) and 1. For these, with ``s = (pi/2, pi)`` and
``c = (1/2, (1 - sqrt 2)/4)``,

    ``f'(t) = sum_m c_m (f(t + s_m) - f(t - s_m))``

exactly (the rule of shifts with four terms: Anselmetti et al., New J. Phys. 23, 113010 (2021)).
Each is a contraction along the path that is already there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.tensor_network.contraction import Contraction
from quasim_backend.engines.tensor_network.program import Run

__all__ = ["value_and_gradient"]

_RULE = ((math.pi / 2, 0.5), (math.pi, (1 - math.sqrt(2)) / 4))


def value_and_gradient(
    contraction: Contraction,
    parameters: NDArray[np.float64],
    dtype: np.dtype[Any],
    check: Callable[[], None] = lambda: None,
    threads: int = 1,
) -> tuple[complex, NDArray[np.complex128]]:
    """Return a scalar's value and its derivatives by every parameter.

    Args:
        contraction: A doubled network without open indices and bits.
        parameters: float64 ``(P,)``.
        dtype: complex64 or complex128.
        check: Called between operations; raises to stop the run.
        threads: Slices that are contracted at one time.

    Returns:
        The value and complex128 ``(P,)``; four contractions for each angle in the light cone.
    """
    angles = contraction.angles.values(parameters)

    def at(number: int = -1, shift: float = 0.0) -> complex:
        shifted = list(angles)
        if number >= 0:
            shifted[number] += shift
        run = Run(contraction.program, shifted, dtype, check, threads)
        return complex(run.at().item())

    gradient = np.zeros(len(parameters), complex)
    for number, terms in enumerate(contraction.angles.terms):
        slope = sum([c * (at(number, s) - at(number, -s)) for s, c in _RULE])
        for source, weight in terms:
            gradient[source] += weight * slope
    return at(), gradient

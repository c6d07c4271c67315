"""What operations take on one core: to predict runs, and as the measure of a trial's work."""

from __future__ import annotations

__all__ = [
    "AMPLITUDE",
    "BIT",
    "ENTRY",
    "GATE",
    "PRODUCT",
    "SITE",
    "SUBSPACE",
    "TRIPLE",
    "cut_seconds",
]

# Fitted on one core of a server with OpenBLAS, in complex128; see docs/engines/mps.md.
ENTRY = 16
"""Bytes of a tensor's entry."""
GATE = 3e-5
"""A gate, whatever its size."""
SITE = 8e-5
"""A qubit that an operator passes, besides what grows with the bonds."""
TRIPLE = 2.6e-9
"""Times rows, columns and rank: a whole decomposition, and moving the centre on."""
SUBSPACE = 1.1e-9
"""The same where only the leading subspace is found."""
PRODUCT = 0.25e-9
"""Times the cube of a bond: one product of a tensor with a matrix."""
AMPLITUDE = 1.2e-8
"""One amplitude of a state that is written out, besides products."""
BIT = 1.5e-7
"""One bit of one sample, besides products."""


def cut_seconds(shape: tuple[int, ...]) -> float:
    """Return what it takes to cut a matrix of a shape."""
    rows, columns = shape
    return SITE + TRIPLE * rows * columns * min(rows, columns)

"""The Walsh-Hadamard transform, by which diagonals become sums of Z strings and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["signed_sums"]


def signed_sums(values: NDArray[Any]) -> NDArray[Any]:
    """Return ``sum_c (-1)**(z.c) values[..., c]`` for every ``z``."""
    shape, half = values.shape, 1
    while half < shape[-1]:
        pairs = values.reshape(*shape[:-1], -1, 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        values = np.stack([low + high, low - high], -2).reshape(shape)
        half *= 2
    return values

"""Numbers as users give them: of qubits and bits, and in arrays."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import CircuitError, ShapeError

__all__ = ["complex_array", "whole_number", "whole_numbers"]


def complex_array(value: ArrayLike, what: str) -> NDArray[np.complex128]:
    """Return a copy of an array of numbers as complex128.

    Raises:
        ShapeError: If it has no shape, or holds anything but numbers.
    """
    try:
        return np.array(value, dtype=np.complex128)
    except (TypeError, ValueError):
        raise ShapeError(f"{what} must be an array of numbers; got {value!r}.") from None


def whole_number(value: SupportsIndex, what: str, error: type[CircuitError]) -> int:
    """Return a whole number, of Python or of NumPy, as an int.

    Args:
        value: The number.
        what: What it is, to begin a message with.
        error: What to raise.

    Raises:
        CircuitError: If it is anything else, a float that is whole included.
    """
    try:
        return index(value)
    except TypeError:
        raise error(f"{what} must be a whole number; got {value!r}.") from None


def whole_numbers(
    values: Iterable[SupportsIndex], kind: str, what: str, error: type[CircuitError]
) -> tuple[int, ...]:
    """Return numbers of qubits or bits as ints.

    Args:
        values: The numbers.
        kind: What they are, such as ``"qubits"``, for the message.
        what: What they belong to.
        error: What to raise.

    Raises:
        CircuitError: If they are none, or one is no whole number.
    """
    try:
        return tuple(map(index, values))
    except TypeError:
        raise error(
            f"The {kind} of {what} must be whole numbers, such as (0, 1); got {values!r}."
        ) from None

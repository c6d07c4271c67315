"""Cirq's channels and confusion maps; arrays keep Cirq's order of qubits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel, ReadoutError
from quasim_cirq.parameters import UnsupportedOperationError

__all__ = ["is_channel", "lower_channel", "lower_confusion"]

_PROTOCOLS = ("_kraus_", "_mixture_", "_apply_channel_")
_MAX_READOUT_QUBITS = 10
_MAX_CHANNEL_QUBITS = 4


def is_channel(definition: Any) -> bool:
    """Return whether something says of itself that it is a channel."""
    return any(hasattr(definition, name) for name in _PROTOCOLS)


def lower_channel(operation: cirq.Operation) -> Channel:
    """Return a channel, as a mixture of unitaries if Cirq has it as one.

    Raises:
        UnsupportedOperationError: If it keeps a record of what happened, is wide, or does not keep
            the trace.
    """
    if cirq.is_measurement(operation) or len(operation.qubits) > _MAX_CHANNEL_QUBITS:
        raise UnsupportedOperationError(f"{operation}, which keeps a record or is large")
    name = type(operation.gate or operation).__name__
    try:
        mixture = cirq.mixture(operation, None)
        if mixture is not None:
            weights, unitaries = zip(*mixture, strict=True)
            return Channel.mixture(weights, unitaries, name)
        return Channel.kraus(cirq.kraus(operation), name)
    except (QuasimError, TypeError) as cause:
        raise UnsupportedOperationError(f"{operation}: {cause}") from cause


def lower_confusion(
    confusion: Sequence[tuple[tuple[int, ...], NDArray[np.float64]]], width: int
) -> ReadoutError:
    """Return the confusion of all measured qubits as one matrix, in Cirq's order of bits.

    Args:
        confusion: ``(positions, matrix)`` pairs of a measurement.
        width: Number of measured qubits.

    Raises:
        UnsupportedOperationError: If there are many, or a position is confused twice.
    """
    touched = [p for positions, _ in confusion for p in positions]
    if len(set(touched)) != len(touched) or width > _MAX_READOUT_QUBITS:
        raise UnsupportedOperationError("a confusion map that is large or overlaps itself")
    matrix: NDArray[np.float64] = np.eye(1 << width).reshape((2,) * (2 * width))
    for positions, confuser in confusion:
        size = len(positions)
        tensor = confuser.reshape((2,) * (2 * size))
        axes = [width + p for p in positions]
        matrix = np.tensordot(matrix, tensor, axes=(axes, range(size)))
        matrix = np.moveaxis(matrix, range(2 * width - size, 2 * width), axes)
    return ReadoutError.of(matrix.reshape(1 << width, 1 << width))

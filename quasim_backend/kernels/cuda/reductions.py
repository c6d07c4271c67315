"""What reductions share: sums over splits, orders of qubits, how far work is split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.device import Array, Device

__all__ = ["Real", "add_splits", "largest_power", "num_qubits_of", "places_of", "real_of"]

Real = type[np.floating[Any]]


def real_of(dtype: np.dtype[Any]) -> Real:
    """Return the real type of complex64 or complex128, by which kernels are chosen."""
    return np.float32 if np.dtype(dtype) == np.complex64 else np.float64


def num_qubits_of(states: Array) -> int:
    """Return the number of qubits of a state, or of each state of a batch."""
    return int(states.shape[-1]).bit_length() - 1


def largest_power(limit: int) -> int:
    """Return the largest power of two up to ``limit``; 1 if that is below 1."""
    return 1 << max(limit, 1).bit_length() - 1


def places_of(qubits: Sequence[int]) -> NDArray[np.int64] | None:
    """Return where a kernel puts the bits of a value of measured qubits.

    Returns:
        int64 ``(k,)``: the place in ``qubits`` of the qubits in ascending order; None if they
        ascend already.
    """
    places = sorted(range(len(qubits)), key=qubits.__getitem__)
    return None if places == list(range(len(qubits))) else np.array(places, np.int64)


def add_splits(device: Device, sums: Array, real: Real) -> Array:
    """Add what the splits of a reduction have added up, in order.

    Args:
        device: Where ``sums`` is.
        sums: float64 ``(batch, splits, size)``; not overwritten.
        real: Which module runs the kernel: the one that is loaded.

    Returns:
        float64 ``(batch, size)``; shares its memory with ``sums`` if there is one split.
    """
    batch, splits, size = (int(length) for length in sums.shape)
    if splits == 1:
        return sums.reshape(batch, size)
    result = device.empty((batch, size), np.float64)
    width = min(32, largest_power(2 * size - 1))
    threads = min(256, max(32, largest_power(splits * width)))
    device.launch(
        "add_splits",
        real,
        -(-size // width),
        threads,
        [sums, result, splits, size, width],
        members=batch,
        shared_bytes=8 * threads,
    )
    return result

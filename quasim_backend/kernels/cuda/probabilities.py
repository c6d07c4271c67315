"""Marginal probabilities on a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.reductions import (
    add_splits,
    largest_power,
    num_qubits_of,
    places_of,
    real_of,
)

__all__ = ["probabilities"]

_NORM_BITS = 4
_LANE_BITS = 5
_MAX_THREADS = 256
"""The shape of a tile; see ``probabilities.cuh``."""

_BLOCKS = 2048
"""Enough to keep the largest device busy for several turns, so that none is much longer."""

_MAX_PARTIAL = 1 << 22
"""Partial sums at most: 32 MiB."""


def probabilities(device: Device, states: Array, qubits: Sequence[int]) -> Array:
    """Return ``sum |a|**2`` by the value of ``qubits`` for every state of a batch.

    Reads the states once. The same bits in every run on the same device.

    Args:
        device: Where ``states`` is.
        states: complex64 or complex128 ``(batch, 2**n)``.
        qubits: Distinct, ``qubits[0]`` the lowest bit of the result's index; none for the squared
            norms.

    Returns:
        float64 ``(batch, 2**k)`` on the device; not normalised.

    Raises:
        MemoryLimitError: If the device has not enough memory for the result.
    """
    batch, num_qubits, real = int(states.shape[0]), num_qubits_of(states), real_of(states.dtype)
    each = _LANE_BITS + _NORM_BITS
    threads = min(_MAX_THREADS, 1 << _LANE_BITS + max(0, num_qubits - each))
    positions = threads << _NORM_BITS
    tile = min(num_qubits, positions.bit_length() - 1)
    above = sum(qubit >= tile for qubit in qubits)
    outcomes = 1 << len(qubits)
    splits = min(
        1 << num_qubits - tile - above,
        largest_power(_BLOCKS // (batch << above)),
        largest_power(_MAX_PARTIAL // (batch * outcomes)),
    )
    places = places_of(qubits)
    sums = device.empty((batch, splits, outcomes), np.float64)
    folded = each - _LANE_BITS - sum(_LANE_BITS <= qubit < min(each, tile) for qubit in qubits)
    device.launch(
        "probabilities",
        real,
        splits << above,
        threads,
        [
            states,
            sums,
            None if places is None else device.upload(places),
            num_qubits,
            sum(1 << qubit for qubit in qubits),
            splits,
        ],
        members=batch,
        shared_bytes=8 * positions >> folded,
    )
    return add_splits(device, sums, real)

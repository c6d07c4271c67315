"""Inner products, reduced density matrices and moments of sparse matrices on a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.probabilities import probabilities
from quasim_backend.kernels.cuda.reductions import (
    add_splits,
    largest_power,
    num_qubits_of,
    places_of,
    real_of,
)

__all__ = ["inner", "reduced_density_matrix", "sparse_moments"]

_THREADS = 256
_BLOCKS = 1024
"""Enough to keep the largest device busy."""

_MAX_PARTIAL = 1 << 21
"""Partial entries of density matrices at most: 32 MiB."""

_TILE_BITS = 4
_PANEL_BYTES = 1 << 14
"""The shape of a panel; see ``density.cuh``."""


def inner(device: Device, left: Array, right: Array) -> complex:
    """Return ``<left|right>``, accumulated in double precision.

    Args:
        device: Where the states are.
        left: complex64 or complex128 ``(2**n,)``.
        right: Of the same dtype and shape.
    """
    blocks = min(_BLOCKS, -(-int(left.shape[0]) // (4 * _THREADS)))
    sums = device.empty((1, blocks, 2), np.float64)
    device.launch(
        "inner",
        real_of(left.dtype),
        blocks,
        _THREADS,
        [left, right, sums, num_qubits_of(left)],
        shared_bytes=8 * 17,
    )
    re, im = device.download(add_splits(device, sums, real_of(left.dtype)))[0].tolist()
    return complex(re, im)


def reduced_density_matrix(device: Device, state: Array, qubits: Sequence[int]) -> Array:
    """Trace out all but ``qubits``.

    Reads the state once for up to 4 qubits, ``2**(k - 4)`` times for more.

    Args:
        device: Where the state is.
        state: complex64 or complex128 ``(2**n,)``.
        qubits: Distinct, ``qubits[0]`` the lowest bit of the result's indices.

    Returns:
        complex128 ``(2**k, 2**k)`` on the device, Hermitian to the last bit; not normalised.

    Raises:
        MemoryLimitError: If the device has not enough memory for the result.
    """
    kept, real, num_qubits = len(qubits), real_of(state.dtype), num_qubits_of(state)
    if not kept:
        return probabilities(device, state.reshape(1, -1), qubits).astype(np.complex128)
    row_bits = min(kept, _TILE_BITS)
    tiles = 1 << kept - row_bits
    panel_bits = (_PANEL_BYTES // state.dtype.itemsize).bit_length() - 1
    column_bits = min(num_qubits - kept, panel_bits - row_bits)
    splits = min(
        1 << num_qubits - kept - column_bits,
        largest_power(_BLOCKS // (tiles * (tiles + 1) // 2)),
        largest_power(_MAX_PARTIAL >> 2 * kept),
    )
    panels = (state.dtype.itemsize << row_bits + column_bits) * min(tiles, 2)
    steps = 16 * (8 if real is np.float32 else 4)
    places = places_of(qubits)
    sums = device.empty((1, splits, 1 << 2 * kept), np.complex128)
    device.launch(
        "density_of_one" if kept == 1 else "density_of_many",
        real,
        tiles * tiles * splits,
        _THREADS,
        [
            state,
            sums,
            None if places is None else device.upload(places),
            num_qubits,
            sum(1 << qubit for qubit in qubits),
            row_bits,
            column_bits,
            splits,
        ],
        shared_bytes=max(steps + panels, 16 * _THREADS),
    )
    entries = add_splits(device, sums.view(np.float64), real)
    return entries.view(np.complex128).reshape(1 << kept, 1 << kept)


def sparse_moments(
    device: Device,
    state: Array,
    values: NDArray[np.complex128] | Array,
    columns: NDArray[np.int64] | Array,
    row_start: NDArray[np.int64] | Array,
) -> tuple[complex, float]:
    """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix.

    Row ``i`` of ``M`` holds ``values[e]`` in column ``columns[e]`` for ``e`` from ``row_start[i]``
    to ``row_start[i + 1]``; the arrays are on the host or on the device.

    Args:
        device: Where the state is.
        state: complex64 or complex128 ``(2**n,)``.
        values: complex128 ``(entries,)``.
        columns: int64 ``(entries,)``.
        row_start: int64 ``(2**n + 1,)``.

    Raises:
        ValueError: If row starts do not ascend, or a column is not one of the state's.
        MemoryLimitError: If the device has not enough memory for the matrix.
    """
    entries, real = int(values.shape[0]), real_of(state.dtype)
    lanes = min(32, largest_power(entries // int(state.shape[0])))
    blocks = min(_BLOCKS, -(-int(state.shape[0]) * lanes // _THREADS))
    sums = device.empty((1, blocks, 3), np.float64)
    bad = device.zeros(2, np.uint64)
    device.launch(
        "sparse_moments",
        real,
        blocks,
        _THREADS,
        [
            state,
            _on_device(device, values, np.complex128),
            _on_device(device, columns, np.int64),
            _on_device(device, row_start, np.int64),
            sums,
            bad,
            num_qubits_of(state),
            entries,
            lanes,
        ],
        shared_bytes=16 * _THREADS,
    )
    bad_rows, bad_column = device.download(bad).tolist()
    if bad_rows:
        raise ValueError("A sparse matrix's row starts must ascend.")
    if bad_column:
        raise ValueError("A sparse matrix has a column the state does not have.")
    re, im, squared = device.download(add_splits(device, sums, real))[0].tolist()
    return complex(re, im), squared


def _on_device(device: Device, array: Array, dtype: type[np.generic]) -> Array:
    if isinstance(array, np.ndarray):
        return device.upload(np.ascontiguousarray(array, dtype))
    return array

"""Sums of Pauli strings on a GPU: expectation values, and products with a state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.pauli_plans import plan_product, plan_sums
from quasim_backend.kernels.cuda.pauli_tilings import Masks, PauliTilings

__all__ = ["apply_pauli_sum", "pauli_expectations"]

_SHARED_BYTES = 48 << 10

_SHARES = 1024
"""Shares of a state that are summed apart, at most; enough to fill a GPU. It depends on nothing
else, so that a state's values are the same bits alone and in a batch."""


def pauli_expectations(
    device: Device, states: Array, x_masks: Masks, z_masks: Masks
) -> NDArray[np.float64]:
    """Return ``<state|P|state>`` for every state and Hermitian Pauli string.

    Masks as in `quasim_backend.ir.program`: a qubit in both carries Y. Not normalised. A state is
    read once for all strings whose X masks are in the span of eight, and the low bits of an index.
    Sums within a tile, 32 KiB of a state, are taken in the state's precision, all else in double.
    Needs up to 32 MiB besides the values.

    Args:
        device: Where the states are.
        states: ``(batch, 2**n)``, complex64 or complex128, up to 36 qubits.
        x_masks: uint64 ``(terms,)``, on the host.
        z_masks: uint64 ``(terms,)``, on the host.

    Returns:
        float64 ``(batch, terms)``, on the host.

    Raises:
        DeviceError: If the device fails.
        MemoryLimitError: If the device has not enough memory for the sums.
    """
    batch, size = states.shape
    values = np.empty((batch, len(x_masks)))
    if values.size == 0:
        return values
    real = np.float32 if states.dtype == np.complex64 else np.float64
    num_qubits = size.bit_length() - 1
    plan = plan_sums(x_masks, z_masks, num_qubits, states.dtype)
    masks, terms = device.upload(plan.tilings.masks), device.upload(plan.terms)
    transforms = device.upload(plan.transforms)
    shares = min(plan.tilings.num_tiles, _SHARES)
    members = min(batch, _SHARES // shares)
    most = int(np.max(plan.launches[:, 4] - plan.launches[:, 3]))
    sums = device.empty(members * shares * most, np.float64)
    totals = device.empty(values.shape, np.float64)
    for first in range(0, batch, members):
        some = states[first : first + members]
        for tiling, begin, end, first_term, last_term in plan.launches.tolist():
            count = last_term - first_term
            # Blocks that would idle take some of the transforms.
            parts = min(end - begin, _SHARES // (shares * len(some)))
            device.launch(
                "pauli_sums",
                real,
                shares * max(1, parts),
                _threads(plan.tilings),
                [
                    some,
                    num_qubits,
                    masks[tiling],
                    transforms[begin:end],
                    end - begin,
                    terms[first_term:last_term],
                    count,
                    shares,
                    sums,
                ],
                members=len(some),
                shared_bytes=_SHARED_BYTES,
            )
            device.launch(
                "pauli_totals",
                real,
                -(-count // 16),
                256,
                [sums, shares, count, totals[first, first_term:], len(x_masks)],
                members=len(some),
                shared_bytes=256 * 8,
            )
    values[:, plan.order] = device.download(totals) * plan.factors
    return values


def apply_pauli_sum(
    device: Device,
    states: Array,
    x_masks: Masks,
    z_masks: Masks,
    weights: NDArray[np.complex128],
) -> Array:
    """Return ``sum(weights[t] * P_t) @ state`` as a new array, for one state or several.

    Sums are taken in the state's precision. A state is read once for all strings whose X masks are
    in the span of eight, and the low bits of an index; the result is written as often, and read
    once less. Needs no memory but the result and the masks.

    Args:
        device: Where the states are.
        states: ``(2**n,)`` or ``(batch, 2**n)``, complex64 or complex128, up to 36 qubits.
        x_masks: uint64 ``(terms,)``, on the host.
        z_masks: uint64 ``(terms,)``, on the host.
        weights: complex128 ``(terms,)``, on the host.

    Returns:
        Of the shape and dtype of ``states``, on the device.

    Raises:
        DeviceError: If the device fails.
        MemoryLimitError: If the device has not enough memory for the result.
    """
    size = states.shape[-1]
    real = np.float32 if states.dtype == np.complex64 else np.float64
    num_qubits = size.bit_length() - 1
    plan = plan_product(x_masks, z_masks, weights, num_qubits, states.dtype)
    if len(plan.terms) == 0:
        return device.zeros(states.shape, states.dtype)
    masks, terms = device.upload(plan.tilings.masks), device.upload(plan.terms)
    groups, factors = device.upload(plan.groups), device.upload(plan.weights.astype(real))
    results = device.empty(states.shape, states.dtype)
    for number, (tiling, begin, first_real, end) in enumerate(plan.launches.tolist()):
        device.launch(
            "pauli_products",
            real,
            plan.tilings.num_tiles,
            _threads(plan.tilings),
            [
                states,
                results,
                num_qubits,
                int(number > 0),
                masks[tiling],
                groups[begin:end],
                first_real - begin,
                end - begin,
                terms,
                factors,
            ],
            members=states.size // size,
            shared_bytes=_SHARED_BYTES,
        )
    return results


def _threads(tilings: PauliTilings) -> int:
    """Return the threads of a block: one for 16 places of a tile."""
    return 1 << tilings.place_bits - 4

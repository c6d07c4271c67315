"""Samples and their uniforms on a device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.probabilities import probabilities
from quasim_backend.kernels.cuda.reductions import Real, largest_power, num_qubits_of, real_of

__all__ = ["BLOCK_BITS", "block_qubits", "sample", "shot_uniforms"]

BLOCK_BITS = 8
"""Blocks of ``2**BLOCK_BITS`` neighbouring amplitudes are what `sample` wants the sums of."""

_CHUNK = 4096
"""Block sums that a block of 256 threads adds up at once."""


def block_qubits(num_qubits: int) -> range:
    """Return the qubits whose joint probabilities are the block sums that `sample` makes use of."""
    return range(min(BLOCK_BITS, num_qubits), num_qubits)


def sample(
    device: Device,
    states: Array,
    uniforms: NDArray[np.float64] | Array,
    block_sums: Array | None = None,
) -> Array:
    """Draw basis states by inverse transform, from every state of a batch with its own uniforms.

    Index ``i`` is drawn for ``u`` when ``cdf(i - 1) <= u * total < cdf(i)``; an index with
    probability zero is never drawn. One pass over the states, unless the block sums are given, and
    on average half a block of amplitudes a shot.

    Args:
        device: Where ``states`` is.
        states: complex64 or complex128 ``(batch, 2**n)``; need not be normalised.
        uniforms: float64 ``(batch, shots)`` in ``[0, 1)``, on the host or on the device.
        block_sums: ``sum |a|**2`` of each `BLOCK_BITS` block, float64
            ``(batch, 2**max(n - BLOCK_BITS, 0))`` on the device; not overwritten.

    Returns:
        uint64 ``(batch, shots)`` on the device.

    Raises:
        ValueError: If a state's norm is zero or not finite, or a uniform is out of range.
        MemoryLimitError: If the device has not enough memory for the result.
    """
    batch, num_qubits, real = int(states.shape[0]), num_qubits_of(states), real_of(states.dtype)
    shots = int(uniforms.shape[1])
    block_bits = min(BLOCK_BITS, num_qubits)
    running = None
    if block_sums is None:
        block_sums = running = probabilities(device, states, block_qubits(num_qubits))
    running, ends = _running_sums(device, block_sums, running, real)
    if isinstance(uniforms, np.ndarray):
        uniforms = device.upload(np.ascontiguousarray(uniforms, np.float64))
    result = device.empty((batch, shots), np.uint64)
    bad = device.zeros(1, np.uint64)
    threads = min(256, max(32, largest_power(2 * shots - 1)))
    device.launch(
        "draw_shots",
        real,
        -(-shots // threads),
        threads,
        [
            states,
            uniforms,
            running,
            ends,
            result,
            bad,
            num_qubits,
            block_bits,
            int(ends.shape[1]),
            shots,
        ],
        members=batch,
    )
    totals = device.download(ends[:, -1])
    if not np.all(np.isfinite(totals) & (totals > 0)):
        raise ValueError("Cannot sample: the state's norm is zero or not finite.")
    if device.download(bad)[0]:
        raise ValueError("A uniform is not in [0, 1).")
    return result


def _running_sums(
    device: Device, sums: Array, running: Array | None, real: Real
) -> tuple[Array, Array]:
    """Return running sums within chunks, in ``running`` if given, and those of chunks' totals."""
    batch, size = (int(length) for length in sums.shape)
    share = min(size, _CHUNK)
    chunks = size // share
    if running is None:
        running = device.empty((batch, size), np.float64)
    totals = device.empty((batch, chunks), np.float64)
    threads = max(32, share // 16)
    device.launch(
        "running_sums",
        real,
        chunks,
        threads,
        [sums, running, totals, size, share],
        members=batch,
        shared_bytes=8 * (18 * threads + threads // 8 + 1),
    )
    threads = min(256, max(32, chunks))
    device.launch(
        "running_totals",
        real,
        1,
        threads,
        [totals, chunks],
        members=batch,
        shared_bytes=8 * threads,
    )
    return running, totals


def shot_uniforms(
    device: Device,
    seed: int,
    first_shot: int,
    shots: int,
    draw: int,
    *,
    real: Real = np.float32,
) -> Array:
    """Return the ``draw``-th uniform of neighbouring shots: Philox(seed, shot, draw).

    The same bits as from `quasim_backend.kernels.random.shot_uniforms`.

    Args:
        device: Where the result is to be.
        seed: 64-bit key.
        first_shot: Number of the first shot.
        shots: How many.
        draw: Number of the draw within a shot, from 0.
        real: Which module runs the kernel; the one of the states spares a compilation.

    Returns:
        float64 ``(shots,)`` in ``[0, 1)`` on the device.

    Raises:
        MemoryLimitError: If the device has not enough memory for the result.
    """
    uniforms = device.empty(shots, np.float64)
    threads, each = 256, 16
    device.launch(
        "shot_uniforms",
        real,
        -(-shots // (threads * each)),
        threads,
        [uniforms, seed, first_shot, shots, draw],
    )
    return uniforms

"""Uniform random numbers of shots, by the compiled generator where it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quasim_backend.ir.random import philox_uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

try:
    from quasim_backend.kernels import _cpu
except ImportError:  # a build without a compiler
    _cpu = None  # type: ignore[assignment]

__all__ = ["shot_uniforms"]


def shot_uniforms(seed: int, shots: NDArray[np.int64], draw: int) -> NDArray[np.float64]:
    """Return the ``draw``-th uniform of each shot: Philox(seed, shot, draw).

    Both generators give the same bits; the compiled one takes nanoseconds a number.

    Args:
        seed: 64-bit key.
        shots: Shot numbers, int64 ``(k,)``.
        draw: Number of the draw within a shot, from 0.

    Returns:
        float64 ``(k,)`` in ``[0, 1)``.
    """
    if _cpu is None:
        return philox_uniforms(seed, shots, draw)
    return _cpu.philox_uniforms(seed, np.ascontiguousarray(shots, np.uint64), draw)

"""Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).

Shot ``s`` draws its ``j``-th uniform as ``philox(key=seed, counter=(s, j))``, so a result depends
neither on the number of threads nor on the order in which shots are run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["philox_uniforms", "philox_words"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)


def philox_words(
    counter: tuple[NDArray[np.uint64], ...], key: tuple[int, int]
) -> tuple[NDArray[np.uint64], ...]:
    """Run ten Philox rounds.

    Args:
        counter: Four uint64 arrays holding 32-bit words, lowest first.
        key: Two 32-bit words, lowest first.

    Returns:
        Four uint64 arrays of 32-bit words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox_uniforms(seed: int, shots: ArrayLike, draw: int) -> NDArray[np.float64]:
    """Return the ``draw``-th uniform of each shot.

    Args:
        seed: 64-bit key; higher bits are dropped.
        shots: Shot numbers, any shape, cast to uint64.
        draw: Number of the draw within a shot, from 0.

    Returns:
        float64 in ``[0, 1)``, 53 random bits, same shape as ``shots``.
    """
    shot = np.asarray(shots, dtype=np.uint64)
    full = np.zeros_like(shot)
    words = philox_words(
        (
            shot & _LOW,
            shot >> np.uint64(32),
            full + np.uint64(draw & 0xFFFFFFFF),
            full + np.uint64(draw >> 32 & 0xFFFFFFFF),
        ),
        (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF),
    )
    high = (words[0] >> np.uint64(5)).astype(np.float64)
    low = (words[1] >> np.uint64(6)).astype(np.float64)
    return (high * 67108864.0 + low) / 9007199254740992.0

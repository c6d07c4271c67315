"""Allocation and copies."""

from __future__ import annotations

import numpy as np

from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.generators import (
    random_state,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.kernel_checks.common import DType, assert_close


def check_zero_state(kernels: KernelSet, dtype: DType) -> None:
    """``zero_state`` is ``|0...0>`` in the dtype asked for, from 0 qubits up."""
    for width in (0, 1, 2, 5, 9):
        host = kernels.to_host(kernels.zero_state(width, dtype))
        assert host.dtype == dtype, f"zero_state: got {host.dtype}, expected {dtype}."
        wanted = np.zeros(1 << width)
        wanted[0] = 1
        assert_close(host, wanted, 0.0, f"zero_state({width})")


def check_copies(kernels: KernelSet, dtype: DType) -> None:
    """``from_host`` and ``copy`` share no memory with their source."""
    amplitudes = random_state(np.random.default_rng(1), 4)
    source = amplitudes.astype(dtype)
    state = kernels.from_host(source, dtype)
    duplicate = kernels.copy(state)
    source[:] = 0
    kernels.collapse(state, (), 0, 0.5)
    goal = goals_of(dtype).amplitude
    assert_close(kernels.to_host(state), 0.5 * amplitudes, goal, "from_host, then scaled")
    assert_close(kernels.to_host(duplicate), amplitudes, goal, "copy, its original scaled")
    assert kernels.to_host(duplicate).dtype == dtype, "copy must keep the dtype."

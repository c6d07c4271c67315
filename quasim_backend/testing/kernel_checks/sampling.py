"""Samples and their order."""

from __future__ import annotations

import numpy as np

from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.kernel_checks.common import DType, wide_state


def check_sampling(kernels: KernelSet, dtype: DType) -> None:
    """``sample`` inverts the distribution function, uniform by uniform, in their order."""
    rng = np.random.default_rng(10)
    for width in (0, 1, 3, 8, 14):
        amplitudes = wide_state(rng, width).astype(dtype)
        state = kernels.from_host(amplitudes, dtype)
        uniforms = rng.random(3000)
        got = kernels.sample(state, uniforms)
        assert got.dtype == np.uint64, f"sample: got {got.dtype}, expected uint64."
        assert got.shape == uniforms.shape, f"sample: got shape {got.shape} for 3000 uniforms."
        weights = np.abs(amplitudes.astype(np.complex128)) ** 2
        upper = np.cumsum(weights) / weights.sum()
        lower = np.concatenate([[0.0], upper[:-1]])
        # Summing in another order may move a boundary by rounding.
        slack, drawn = 1e-9, got.astype(np.int64)
        wrong = (uniforms < lower[drawn] - slack) | (uniforms >= upper[drawn] + slack)
        assert not wrong.any(), (
            f"sample, {width} qubits: {int(wrong.sum())} of 3000 indices do not invert the "
            f"distribution; uniform {uniforms[wrong][0]} drew {int(drawn[wrong][0])}."
        )
    state = kernels.zero_state(3, dtype)
    assert kernels.sample(state, np.empty(0)).shape == (0,), "sample of no uniforms is not empty."


def check_sampling_edges(kernels: KernelSet, dtype: DType) -> None:
    """An index without probability is never drawn, whatever the uniform."""
    edge = np.array([0.0, np.nextafter(1.0, 0.0), 0.5, np.nextafter(0.5, 0.0), 1e-300])
    for width in (1, 4, 9, 14):
        size = 1 << width
        for support in ([size - 1], [0], [size // 2], [1, size - 1], [0, size // 2], [1, size - 2]):
            amplitudes = np.zeros(size, np.complex128)
            amplitudes[support] = 1 / np.sqrt(3)
            got = kernels.sample(kernels.from_host(amplitudes, dtype), edge)
            bad = set(got.tolist()) - set(support)
            assert not bad, f"sample drew {sorted(bad)} of a state on basis states {support}."

"""A GPU kernel set without a GPU: the reference kernels, with states that only they can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.plugins import KernelSpec, hookimpl


class DeviceArray:
    """An array that NumPy must not read by accident; its owner copies it when asked to."""

    downloads = 0

    def __init__(self, inner: np.ndarray) -> None:
        self.inner = inner

    shape = property(lambda self: self.inner.shape)
    ndim = property(lambda self: self.inner.ndim)
    dtype = property(lambda self: self.inner.dtype)

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __len__(self) -> int:
        return len(self.inner)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, *, dl_device: tuple[int, int] | None = None, **options: Any) -> Any:
        if dl_device != (1, 0):
            raise BufferError("The array is in a GPU's memory.")
        DeviceArray.downloads += 1
        return self.inner.__dlpack__(**options)


class ToyGpu(ReferenceKernels):
    """Takes and hands out device arrays; counts what crosses to the host."""

    name = "toy_gpu"
    free: int | None = 1 << 40

    def __init__(self) -> None:
        self.downloads = 0
        self.uploads = 0

    def to_host(self, state: np.ndarray) -> np.ndarray:
        self.downloads += 1
        return state.copy()

    def from_host(self, amplitudes: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        self.uploads += 1
        return super().from_host(amplitudes, dtype)

    def free_bytes(self) -> int | None:
        return self.free

    def from_device(self, array: Any, dtype: np.dtype[Any]) -> np.ndarray:
        return array.inner.astype(dtype)

    def to_device(self, state: np.ndarray) -> DeviceArray:
        return DeviceArray(state)


class ToyPlugin:
    """Brings the toy GPU, above any GPU this machine may have; ``reason`` makes it unusable."""

    def __init__(self, reason: str | None = None, error: Exception | None = None) -> None:
        self.reason = reason
        self.error = error
        self.made: list[ToyGpu] = []

    @hookimpl
    def quasim_kernels(self) -> Iterator[KernelSpec]:
        yield KernelSpec("toy_gpu", "gpu", self.make, lambda: self.reason, priority=99)

    def make(self, config: object) -> ToyGpu:
        if self.error is not None:
            raise self.error
        self.made.append(ToyGpu())
        return self.made[-1]

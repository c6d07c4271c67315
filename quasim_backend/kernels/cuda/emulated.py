"""The host as a device: every CUDA kernel built as C++ and run block by block, for tests."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import DeviceError
from quasim_backend.kernels.cuda.device import MAX_MEMBERS, Argument, Array

__all__ = ["EmulatedDevice", "is_available"]


def _load() -> tuple[Any, str | None]:
    try:
        return importlib.import_module("quasim_backend.kernels._emulate"), None
    except ImportError as error:
        return None, f"The emulated kernels are not built: {error}"


_emulate, _reason = _load()


def is_available() -> str | None:
    """Return ``None`` if kernels can be emulated, else the reason why not."""
    return _reason


class EmulatedDevice:
    """A `quasim_backend.kernels.cuda.device.Device` in host memory.

    Args:
        backwards: Run the threads of every step in descending order. Results must not change; they
            do where a step reads what the same step writes.
        workspace_bytes: Limit for scratch memory, states aside.
    """

    name = "host"

    def __init__(self, *, backwards: bool = False, workspace_bytes: int = 512 << 20) -> None:
        """Choose the order of threads."""
        self.workspace_bytes = workspace_bytes
        if _emulate is None:
            raise DeviceError(f"{_reason}.")
        self._backwards = backwards

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array; filled with NaN or ones, so that nobody relies on what it holds."""
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = 255
        return array

    def zeros(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array of zeros."""
        return np.zeros(shape, dtype)

    def upload(self, host: NDArray[Any]) -> Array:
        """Copy an array."""
        return np.array(host, order="C")

    def download(self, array: Array) -> NDArray[Any]:
        """Return the array itself."""
        return np.asarray(array)

    def copy(self, array: Array) -> Array:
        """Return an independent copy."""
        return array.copy()

    def take(self, array: object, dtype: Any) -> Array:
        """Copy an array of any library that NumPy can read."""
        return np.array(array, dtype)

    def launch(
        self,
        kernel: str,
        real: type[np.floating[Any]],
        blocks: int,
        threads: int,
        arguments: Sequence[Argument],
        *,
        members: int = 1,
        shared_bytes: int = 0,
    ) -> None:
        """Run a kernel; see `Device.launch`."""
        if members > MAX_MEMBERS:
            raise DeviceError(f"Kernel '{kernel}': a launch has at most {MAX_MEMBERS} members.")
        words = [_word(argument) for argument in arguments]
        single = real is np.float32
        try:
            _emulate.launch(
                kernel, single, blocks, members, threads, shared_bytes, self._backwards, words
            )
        except ValueError as error:
            raise DeviceError(f"Kernel '{kernel}': {error}") from None

    def synchronize(self) -> None:
        """Return at once: nothing runs in the background."""

    def computing(self) -> AbstractContextManager[None]:
        """Return what does nothing: arrays are NumPy's."""
        return nullcontext()

    def free_bytes(self) -> int | None:
        """Return None: the host's memory is checked by the session."""
        return None


def _word(argument: Argument) -> int:
    """Return an argument as the 64 bits that a kernel reads."""
    if argument is None:
        return 0
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise DeviceError("A kernel was given an array that is not contiguous.")
        return int(argument.ctypes.data)
    if isinstance(argument, float):
        return int.from_bytes(struct.pack("=d", argument), "little")
    return int(argument) % 2**64

"""What the GPU engine needs of a device: arrays, copies, launches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_MEMBERS", "Argument", "Array", "Device"]

Array: TypeAlias = Any
"""An array in a device's memory: NumPy's or CuPy's. Both index and reshape alike."""

Argument: TypeAlias = "Array | int | float | None"
"""A kernel's argument: an array (the address of its first element), an i64, a double, or null."""


MAX_MEMBERS = 65535
"""States of a batch that one launch can take: CUDA counts them in a grid's second dimension."""


class Device(Protocol):
    """A place where kernels run. Work is done in the order it is given; results are waited for.

    Attributes:
        name: For people, such as ``"NVIDIA H100 80GB HBM3"``.
        workspace_bytes: Limit for scratch memory, states aside.
    """

    name: str
    workspace_bytes: int

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array whose contents are undefined.

        Raises:
            MemoryLimitError: If the device has not enough memory; with the numbers.
        """
        ...

    def zeros(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array of zeros.

        Raises:
            MemoryLimitError: If the device has not enough memory; with the numbers.
        """
        ...

    def upload(self, host: NDArray[Any]) -> Array:
        """Copy a contiguous NumPy array to the device, shape and dtype kept."""
        ...

    def download(self, array: Array) -> NDArray[Any]:
        """Wait for what computes ``array``, and return it as a NumPy array; may alias it."""
        ...

    def copy(self, array: Array) -> Array:
        """Return an independent copy on the device."""
        ...

    def take(self, array: object, dtype: Any) -> Array:
        """Copy another library's array to this device, in a dtype.

        Args:
            array: What the device can read: anything with ``__dlpack__`` or an interface like it.
            dtype: That of the copy.
        """
        ...

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
        """Run a kernel of ``kernels/cuda/entries.cuh``.

        Args:
            kernel: Its name.
            real: ``np.float32`` for complex64 amplitudes, ``np.float64`` for complex128.
            blocks: Number of blocks; 0 does nothing.
            threads: Threads of a block, a power of two up to 256; for
                complex128 up to 128 of the kernels that hold a tile.
            arguments: In the kernel's order. Arrays must be contiguous.
            members: States of a batch, up to `MAX_MEMBERS`; every block runs once for each.
            shared_bytes: Memory the threads of a block share.

        Raises:
            DeviceError: If the kernel cannot be compiled or launched.
        """
        ...

    def synchronize(self) -> None:
        """Wait until everything is done.

        Raises:
            DeviceError: If a kernel failed.
        """
        ...

    def computing(self) -> AbstractContextManager[None]:
        """Make the device current for what arrays do by their own operators and methods.

        Raises:
            MemoryLimitError: On the way, if the device has not enough memory.
        """
        ...

    def free_bytes(self) -> int | None:
        """Return the memory that can still be allocated, or None if nobody says."""
        ...

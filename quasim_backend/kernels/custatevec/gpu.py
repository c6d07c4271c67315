"""cuStateVec on a real GPU: its device, stream and memory, through CuPy."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import DeviceError, MemoryLimitError, UnsupportedError
from quasim_backend.kernels.custatevec.availability import is_available
from quasim_backend.kernels.custatevec.calls import Array, Calls

__all__ = ["GpuCalls"]


class GpuCalls(Calls):
    """`Calls` that reach the library. Work goes to CuPy's current stream.

    Needs a GPU, so tests of it are marked ``gpu``.
    """

    def __init__(self, device_id: int = 0) -> None:
        """Open the library on a GPU.

        Raises:
            DeviceError: If cuStateVec cannot be used on it; the message says why.
        """
        reason = is_available(device_id)
        if reason is not None:
            raise DeviceError(f"cuStateVec cannot be used: {reason}.")
        cupy: Any = importlib.import_module("cupy")
        library: Any = importlib.import_module("cuquantum.bindings.custatevec")
        self._device = cupy.cuda.Device(device_id)
        self._out_of_memory = cupy.cuda.memory.OutOfMemoryError
        with self._device:
            super().__init__(library, cupy)

    def _opened(self) -> None:
        """Let the library take its workspaces from CuPy's pool, like everything else."""
        blocks: dict[int, Any] = {}
        alloc = self.arrays.cuda.alloc

        def take(size: int, stream: int) -> int:
            block = alloc(size)
            blocks[int(block.ptr)] = block
            return int(block.ptr)

        def give(address: int, size: int, stream: int) -> None:
            del blocks[address]

        self._library.set_device_mem_handler(self._handle, (take, give, "cupy"))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the GPU current and the library follow CuPy's stream.

        Raises:
            DeviceError: If a call fails.
            MemoryLimitError: If the GPU has not enough memory.
        """
        with self._device:
            stream = self.arrays.cuda.get_current_stream().ptr
            self._library.set_stream(self._handle, stream)
            try:
                yield
            except self._out_of_memory as cause:
                raise MemoryLimitError(f"The GPU has not enough memory: {cause}") from None
            except self._library.cuStateVecError as cause:
                raise DeviceError(f"cuStateVec failed: {cause}") from cause

    def download(self, array: Array) -> NDArray[Any]:
        """Wait for what computes an array, and copy it to the host."""
        host: NDArray[Any] = self.arrays.asnumpy(array)
        return host

    def free_bytes(self) -> int | None:
        """Return what is free on the GPU, and in CuPy's pool."""
        free, _ = self.arrays.cuda.runtime.memGetInfo()
        return int(free + self.arrays.get_default_memory_pool().free_bytes())

    def sparse_product(
        self,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
        state: Array,
    ) -> Array:
        """Return a sparse matrix times a state, by cuSPARSE.

        Raises:
            UnsupportedError: If the matrix has 2**31 rows or entries: CuPy's indices are int32.
        """
        if max(len(state), len(values)) >= 1 << 31:
            raise UnsupportedError("Sparse matrices on a GPU have fewer than 2**31 rows, entries.")
        xp, sparse = self.arrays, importlib.import_module("cupyx.scipy.sparse")
        parts = (xp.asarray(values), *(xp.asarray(a, np.int32) for a in (columns, row_start)))
        matrix = sparse.csr_matrix(parts, shape=(len(state), len(state)))
        return matrix @ state.astype(np.complex128)

"""A GPU as a device, through CuPy: memory from its pool, kernels from its compiler and cache."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import DeviceError, MemoryLimitError
from quasim_backend.forks import renew_in_child
from quasim_backend.kernels.cuda import availability
from quasim_backend.kernels.cuda.compile_log import write_log
from quasim_backend.kernels.cuda.device import MAX_MEMBERS, Argument, Array
from quasim_backend.kernels.cuda.sources import module_source

__all__ = ["CupyDevice"]

_REALS: dict[type[np.floating[Any]], str] = {np.float32: "float", np.float64: "double"}
_MAX_BLOCKS = 2**31 - 1
_PLAIN_SHARED = 48 << 10
"""Shared memory a kernel may use without having asked for more."""

_CHECKED = 64 << 20
"""Allocations from this size on are compared with what is free: some systems swap, not refuse."""

_AWAITED = 1 << 20
"""Uploads from this size on are waited for, smaller ones are copied: the caller's array may be in
pinned memory, which the GPU reads later."""

_STICKY = frozenset({214, 220, 700, 702, 710, *range(714, 720)})
"""CUDA's codes after which every further call of the process fails alike."""

# Two threads that need the same module at the same time compile it once.
_compiling = threading.RLock()
renew_in_child(sys.modules[__name__], "_compiling")


class CupyDevice:
    """A `quasim_backend.kernels.cuda.device.Device` on one GPU.

    Work goes to CuPy's current stream of the calling thread.

    Args:
        device_id: Number of the GPU among those that CUDA shows.
        workspace_bytes: What kernel sets may use for scratch memory, states aside.

    Attributes:
        name: The GPU's name.
        device_id: As given.
        workspace_bytes: As given.

    Raises:
        DeviceError: If the GPU cannot be used; the message says why, and which ones there are.
    """

    def __init__(self, device_id: int = 0, workspace_bytes: int = 512 << 20) -> None:
        """Choose a GPU; nothing is allocated or compiled yet."""
        self.name = availability.choose(device_id).name
        self.device_id = device_id
        self.workspace_bytes = workspace_bytes
        self._process = os.getpid()
        cupy = self._cupy = availability.cupy()
        self._device = cupy.cuda.Device(device_id)
        self._faults = (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)
        self._kernels: dict[tuple[str, type[np.floating[Any]]], Any] = {}
        self._shared: dict[tuple[str, type[np.floating[Any]]], int] = {}

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array; see `Device.empty`."""
        return self._allocated(lambda: self._cupy.empty(shape, dtype), _nbytes(shape, dtype))

    def zeros(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Allocate an array of zeros; see `Device.zeros`."""
        return self._allocated(lambda: self._cupy.zeros(shape, dtype), _nbytes(shape, dtype))

    def upload(self, host: NDArray[Any]) -> Array:
        """Copy a contiguous NumPy array to the device, shape and dtype kept."""
        array = self.empty(host.shape, host.dtype)
        with self._working("copying to the GPU"):
            array.set(host if host.nbytes >= _AWAITED else host.copy())
            if host.nbytes >= _AWAITED:
                self._cupy.cuda.get_current_stream().synchronize()
        return array

    def download(self, array: Array) -> NDArray[Any]:
        """Wait for what computes ``array``, and return a copy of it."""
        with self._working("copying from the GPU"):
            host: NDArray[Any] = self._cupy.asnumpy(array)
        return host

    def copy(self, array: Array) -> Array:
        """Return an independent copy on the device."""
        return self._allocated(array.copy, int(array.nbytes))

    def take(self, array: object, dtype: Any) -> Array:
        """Copy another library's array to this device, in a dtype.

        Args:
            array: Anything with ``__dlpack__`` or ``__cuda_array_interface__``, in any GPU's
                memory. What its library is still computing on it is waited for.
            dtype: That of the copy.
        """
        # DLPack first: it tells the owner which stream will read.
        by_dlpack = hasattr(array, "__dlpack__")
        with self._working("taking over an array"):
            seen = self._cupy.from_dlpack(array) if by_dlpack else self._cupy.asarray(array)
        copied = self._allocated(
            lambda: self._cupy.array(seen, dtype=dtype, order="C"), _nbytes(seen.shape, dtype)
        )
        with self._working("taking over an array"):
            # Its library may work in another stream, and change or free the array at once.
            self._cupy.cuda.get_current_stream().synchronize()
        return copied

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
        """Run a kernel; see `Device.launch`. A launch has at most 65535 members."""
        if blocks == 0 or members == 0:
            return
        if not (0 < blocks <= _MAX_BLOCKS and 0 < members <= MAX_MEMBERS):
            raise DeviceError(
                f"Kernel '{kernel}': {blocks} blocks for {members} members; a launch has at most "
                f"{_MAX_BLOCKS} blocks and {MAX_MEMBERS} members."
            )
        function = self._function(kernel, real)
        words = [self._word(kernel, argument) for argument in arguments]
        with self._working(f"starting kernel '{kernel}'"):
            if shared_bytes > self._shared.get((kernel, real), _PLAIN_SHARED):
                function.max_dynamic_shared_size_bytes = shared_bytes
                self._shared[kernel, real] = shared_bytes
            function((blocks, members), (threads,), words, shared_mem=shared_bytes)

    def synchronize(self) -> None:
        """Wait until everything is done; see `Device.synchronize`."""
        with self._working("waiting for the GPU"):
            self._device.synchronize()

    def free_bytes(self) -> int | None:
        """Return what the driver has left and what the pool holds unused."""
        with self._working("asking for free memory"):
            free, _ = self._cupy.cuda.runtime.memGetInfo()
            return int(free) + int(self._cupy.get_default_memory_pool().free_bytes())

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Make the GPU current for arrays' own operators; see `Device.computing`."""
        with self._working("computing with arrays"):
            try:
                yield
            except self._cupy.cuda.memory.OutOfMemoryError as cause:
                free = (self.free_bytes() or 0) / 2**30
                raise MemoryLimitError(
                    f"The memory of {self.name} does not suffice, {free:.3g} GiB are free: {cause}"
                ) from None

    def _allocated(self, make: Callable[[], Array], needed: int) -> Array:
        if needed >= _CHECKED and needed > (self.free_bytes() or 0):
            raise MemoryLimitError(self._too_large(needed))
        with self._working("allocating memory"):
            try:
                return make()
            except self._cupy.cuda.memory.OutOfMemoryError:
                raise MemoryLimitError(self._too_large(needed)) from None

    def _too_large(self, needed: int) -> str:
        free = self.free_bytes() or 0
        return (
            f"{needed / 2**30:.3g} GiB are needed on {self.name}, {free / 2**30:.3g} GiB are free. "
            f"Release arrays that are kept on the GPU, or try fewer qubits, "
            f"simulation_precision='fp32', another device_id or device='cpu'."
        )

    def _function(self, kernel: str, real: type[np.floating[Any]]) -> Any:
        """Return a kernel, compiled for this GPU or taken from CuPy's cache."""
        found = self._kernels.get((kernel, real))
        if found is None:
            options = ("-std=c++17", f"-DQUASIM_REAL={_REALS[real]}")
            with _compiling, self._working(f"loading kernel '{kernel}'"):
                compiled = self._cupy.RawModule(code=module_source(), options=options)
                try:
                    found = compiled.get_function(kernel)
                except self._cupy.cuda.compiler.CompileException as cause:
                    raise DeviceError(write_log(str(cause), cause.source, cause.options)) from None
                except self._faults:
                    raise
                except RuntimeError as cause:  # CUDA's headers, which CuPy asks for, or libraries
                    raise DeviceError(f"CuPy cannot compile: {cause}") from cause
            self._kernels[kernel, real] = found
        return found

    def _word(self, kernel: str, argument: Argument) -> Any:
        """Return an argument as CuPy passes it on: 8 bytes each."""
        if argument is None:
            return None
        if isinstance(argument, self._cupy.ndarray):
            if not argument.flags.c_contiguous:
                raise DeviceError(f"Kernel '{kernel}' was given an array that is not contiguous.")
            return argument
        if isinstance(argument, np.ndarray):
            raise DeviceError(f"Kernel '{kernel}' was given an array that is not on the GPU.")
        if isinstance(argument, float | np.floating):
            return np.float64(argument)
        # A set of qubits may use the sign bit.
        return np.uint64(int(argument) % 2**64).astype(np.int64)

    @contextmanager
    def _working(self, doing: str) -> Iterator[None]:
        """Make the GPU current, and turn CUDA's errors into ours."""
        if self._process != os.getpid():
            raise DeviceError(f"Failed in {doing}: {availability.FORKED}.")
        try:
            with self._device:
                yield
        except self._faults as cause:
            raise self._failure(doing, cause) from cause

    def _failure(self, doing: str, cause: Any) -> DeviceError:
        if cause.status not in _STICKY:
            return DeviceError(f"Failed in {doing} on {self.name}: {cause}.")
        reason = (
            f"{self.name} failed ({cause}), and CUDA does not recover from that: restart the "
            f"process to use a GPU again; on the CPU it can go on"
        )
        availability.give_up(reason)
        return DeviceError(f"While {doing}: {reason}.")


def _nbytes(shape: int | tuple[int, ...], dtype: Any) -> int:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    return math.prod(sizes) * int(np.dtype(dtype).itemsize)

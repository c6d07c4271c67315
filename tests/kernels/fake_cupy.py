"""As much of CuPy as `CupyDevice` calls, with NumPy's arrays and emulated kernels behind it.

It stands where there is no GPU, and fails on demand as CUDA does. What it cannot show is that CuPy
itself works as it is taken to; `test_cupy_device.py` checks the names against the real one.
"""

from __future__ import annotations

import types
from contextlib import nullcontext

import numpy as np

from quasim_backend.kernels.cuda.emulated import EmulatedDevice

GIB = 1 << 30


class ndarray(np.ndarray):
    def set(self, host):
        assert self.dtype == host.dtype
        assert self.shape == host.shape
        self[...] = host


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, name="cudaErrorSomething"):
        self.status = status
        super().__init__(f"{name}: something")


class CUDADriverError(CUDARuntimeError):
    pass


class CompileException(Exception):
    def __init__(self, log, source, name, options):
        self.source, self.options = source, options
        super().__init__(log)


class OutOfMemoryError(MemoryError):
    pass


class FakeCupy:
    """The module; every attribute below is a fact of the pretended machine, to be changed.

    ``devices`` are (name, major, minor); ``fail`` is raised by the next call that reaches the GPU.
    """

    ndarray = ndarray

    def __init__(self):
        self.devices = [(b"Old GPU", 7, 0), (b"Toy GPU", 9, 0)]
        self.built = 13000
        self.free, self.pooled = 10 * GIB, GIB
        self.nvrtc_missing = False
        self.fail = None
        self.compiled = []
        self.launched = []
        self.current = []
        failing = self._failing
        runtime = types.SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            is_hip=False,
            getDeviceCount=lambda: len(failing(self.devices)),
            getDeviceProperties=self._properties,
            memGetInfo=lambda: failing((self.free, 16 * GIB)),
        )
        self.cuda = types.SimpleNamespace(
            runtime=runtime,
            driver=types.SimpleNamespace(
                CUDADriverError=CUDADriverError, get_build_version=lambda: self.built
            ),
            nvrtc=types.SimpleNamespace(getVersion=self._nvrtc),
            compiler=types.SimpleNamespace(CompileException=CompileException),
            memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            Device=lambda number: _Device(self, number),
            get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: failing(None)),
        )

    def _failing(self, value):
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error
        return value

    def _properties(self, number):
        name, major, minor = self.devices[number]
        return {"name": name, "major": major, "minor": minor, "totalGlobalMem": 16 * GIB}

    def _nvrtc(self):
        if self.nvrtc_missing:
            raise RuntimeError("Failure finding libnvrtc")
        return 13, 0

    def get_default_memory_pool(self):
        return types.SimpleNamespace(free_bytes=lambda: self.pooled)

    def empty(self, shape, dtype):
        assert self.current, "the GPU is not made current"
        return self._failing(np.full(shape, 7, dtype).view(ndarray))

    def zeros(self, shape, dtype):
        return self._failing(np.zeros(shape, dtype).view(ndarray))

    def asnumpy(self, array):
        assert isinstance(array, ndarray)
        return self._failing(np.array(array).view(np.ndarray))

    def from_dlpack(self, array):
        return np.from_dlpack(array).view(ndarray)

    def array(self, array, dtype, order):
        assert isinstance(array, ndarray)
        assert self.current, "the GPU is not made current"
        return np.array(array, dtype=dtype, order=order, subok=True)

    def asarray(self, array):
        return np.asarray(array).view(ndarray)

    def RawModule(self, *, code, options):
        return types.SimpleNamespace(get_function=lambda name: self._function(code, options, name))

    def _function(self, code, options, name):
        self._failing(None)
        self.compiled.append((name, options))
        assert "#include" not in code
        return _Kernel(self, name, np.float64 if "-DQUASIM_REAL=double" in options else np.float32)


class _Device(nullcontext):
    def __init__(self, cupy, number):
        super().__init__()
        self.cupy, self.number = cupy, number

    def __enter__(self):
        self.cupy.current.append(self.number)

    def __exit__(self, *error):
        assert self.cupy.current.pop() == self.number

    def synchronize(self):
        self.cupy._failing(None)


class _Kernel:
    """A kernel that is emulated; shared memory above 48 KiB must have been asked for."""

    max_dynamic_shared_size_bytes = 48 << 10

    def __init__(self, cupy, name, real):
        self.cupy, self.name, self.real = cupy, name, real

    def __call__(self, grid, block, arguments, *, shared_mem=0):
        self.cupy._failing(None)
        assert self.cupy.current, "the GPU is not made current"
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        for value in arguments:  # what CuPy would pass on as eight bytes
            assert value is None or isinstance(value, ndarray | np.int64 | np.float64), value
        self.cupy.launched.append((self.name, grid, block, shared_mem))
        plain = [float(a) if isinstance(a, np.float64) else a for a in arguments]
        EmulatedDevice().launch(
            self.name, self.real, grid[0], *block, plain, members=grid[1], shared_bytes=shared_mem
        )

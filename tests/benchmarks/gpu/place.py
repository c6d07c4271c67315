"""Where the benchmark runs: a GPU, or the host so that the benchmark itself can be tested."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from gpu.nvml import Nvml

_PACKAGES = (
    *("quasim-backend", "numpy", "cupy-cuda13x", "cupy-cuda12x"),
    *("cuquantum-python-cu13", "cuquantum-python-cu12", "custatevec-cu13", "custatevec-cu12"),
    "torch",
)
_ENERGY_SECONDS = 1.0
"""The energy counter moves every tenth of a second or so; a run is repeated for this long."""


class Host:
    """The host, with NumPy."""

    is_gpu = False
    arrays: Any = np

    def synchronize(self) -> None:
        """Wait until everything is done."""

    def release(self) -> None:
        """Give memory that is kept for later back to the system."""

    def free_bytes(self) -> int:
        """Return the memory that can be allocated."""
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def joules(self) -> float | None:
        """Return the energy used so far, or None if nobody counts it."""
        return None

    def describe(self) -> dict[str, Any]:
        """Return device and versions."""
        found: dict[str, str] = {}
        for package in _PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return {
            "device": platform.processor() or platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "versions": found,
        }


class CudaGpu(Host):
    """A GPU, with CuPy."""

    is_gpu = True

    def __init__(self, device_id: int = 0) -> None:
        import cupy

        self.arrays = cupy
        cupy.cuda.Device(device_id).use()
        self._id = device_id
        try:
            self._nvml: Nvml | None = Nvml(cupy.cuda.Device(device_id).pci_bus_id)
            self._nvml.joules()
        except (OSError, AttributeError):
            self._nvml = None

    def synchronize(self) -> None:
        self.arrays.cuda.runtime.deviceSynchronize()

    def release(self) -> None:
        self.synchronize()
        self.arrays.get_default_memory_pool().free_all_blocks()
        if "torch" in sys.modules:
            sys.modules["torch"].cuda.empty_cache()

    def free_bytes(self) -> int:
        free, _ = self.arrays.cuda.runtime.memGetInfo()
        return int(free + self.arrays.get_default_memory_pool().free_bytes())

    def joules(self) -> float | None:
        return None if self._nvml is None else self._nvml.joules()

    def describe(self) -> dict[str, Any]:
        runtime = self.arrays.cuda.runtime
        facts = runtime.getDeviceProperties(self._id)
        return super().describe() | {
            "device": facts["name"].decode(),
            "compute_capability": f"{facts['major']}.{facts['minor']}",
            "memory_gib": round(facts["totalGlobalMem"] / 2**30, 1),
            "driver": self._nvml.driver() if self._nvml else None,
            "driver_cuda": runtime.driverGetVersion(),
            "runtime_cuda": runtime.runtimeGetVersion(),
        }


def copy_bandwidth(place: Host) -> float:
    """Measure a copy: bytes read plus bytes written, a second, the median of ten."""
    size = min(place.free_bytes() // 4, 8 << 30 if place.is_gpu else 256 << 20) // 8
    seconds = _copy_seconds(place, size)
    place.release()
    return 2 * 8 * size / seconds


def _copy_seconds(place: Host, size: int) -> float:
    source, target = place.arrays.ones(size, np.float64), place.arrays.zeros(size, np.float64)
    place.arrays.copyto(target, source)
    seconds, _ = timed(place, lambda: place.arrays.copyto(target, source), repeats=10)
    return seconds


def timed(
    place: Host, call: Callable[[], object], repeats: int = 5, most_seconds: float = 20.0
) -> tuple[float, float | None]:
    """Return the median seconds of a call that has run before, and the joules of one.

    The clock starts and stops when the device has nothing to do.

    Args:
        place: Where it runs.
        call: What is timed.
        repeats: How often; less if that takes longer than ``most_seconds``.
        most_seconds: For all repeats.
    """
    times: list[float] = []
    before = place.joules()
    while len(times) < repeats and sum(times) < most_seconds:
        place.synchronize()
        start = time.perf_counter()
        call()
        place.synchronize()
        times.append(time.perf_counter() - start)
    runs, spent = len(times), sum(times)
    if before is None:
        return statistics.median(times), None
    while spent < min(_ENERGY_SECONDS, most_seconds):
        start = time.perf_counter()
        call()
        place.synchronize()
        runs, spent = runs + 1, spent + time.perf_counter() - start
    after = place.joules()
    energy = None if after is None or spent < _ENERGY_SECONDS / 2 else (after - before) / runs
    return statistics.median(times), energy

"""Whether a GPU can be used here, why not, and which ones there are."""

from __future__ import annotations

import ctypes
import importlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from quasim_backend.errors import DeviceError
from quasim_backend.kernels.cuda import sources

__all__ = ["FORKED", "Gpu", "choose", "cupy", "give_up", "gpus", "is_available"]

_CAPABILITY = (7, 5)
"""The oldest generation the kernels are compiled for: Turing. CUDA 13 knows no older one."""

_DRIVERS = {12: "525", 13: "580"}
"""The oldest NVIDIA driver for each major version of CUDA."""

FORKED = (
    "CUDA was used before this process was forked, and cannot be used on both sides of a fork; "
    "start processes by the method 'spawn'"
)

_failed: str | None = None
_process: int | None = None


@dataclass(frozen=True)
class Gpu:
    """A CUDA device.

    Attributes:
        number: What `Config.device_id` calls it.
        name: For people.
        capability: Compute capability, major and minor.
        total_bytes: Its memory.
    """

    number: int
    name: str
    capability: tuple[int, int]
    total_bytes: int

    @property
    def description(self) -> str:
        """Name, generation and memory."""
        major, minor = self.capability
        size = self.total_bytes / 2**30
        return f"{self.name} (compute capability {major}.{minor}, {size:.3g} GiB)"

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.number}: {self.description}"


def is_available() -> str | None:
    """Return None if a GPU can be used, else the reason why not.

    What is installed is looked up once in a process; what has happened since counts each time.
    """
    if _process not in (None, os.getpid()):
        return FORKED
    return _failed or _probe()[0]


def gpus() -> tuple[Gpu, ...]:
    """Return the devices that CUDA shows, those too old for the kernels included."""
    return _probe()[1]


def cupy() -> Any:
    """Return the module CuPy; only where `is_available` returned None."""
    return importlib.import_module("cupy")


def choose(device_id: int) -> Gpu:
    """Return the device of a number.

    Raises:
        DeviceError: If no GPU can be used, not this one, or there is none of this number; the
            message lists those that exist.
    """
    reason = is_available()
    if reason is not None:
        raise DeviceError(f"No GPU can be used: {reason}.")
    listed = "; ".join(map(str, gpus()))
    for gpu in gpus():
        if gpu.number == device_id:
            if gpu.capability < _CAPABILITY:
                raise DeviceError(f"{_too_old(gpu)}. Devices: {listed}.")
            return gpu
    raise DeviceError(f"There is no GPU of the number device_id={device_id}. Devices: {listed}.")


def give_up(reason: str) -> None:
    """Let no further work of this process go to a GPU: CUDA cannot recover from what happened."""
    global _failed
    _failed = reason


@cache
def _probe() -> tuple[str | None, tuple[Gpu, ...]]:
    """Return the reason why no GPU can be used, if there is one, and the devices."""
    if not sources.are_installed():
        return "the CUDA sources are not installed; this is a build without compiled code", ()
    driver = _driver_version()
    if find_spec("cupy") is None:
        return _no_cupy(driver), ()
    if driver is None:
        return "there is no NVIDIA driver (libcuda.so.1 cannot be loaded)", ()
    try:
        module = cupy()
    except Exception as cause:
        return f"CuPy cannot be imported: {_brief(cause)}", ()
    reason = _unfit(module, driver)
    return (reason, ()) if reason is not None else _listed(module)


def _unfit(module: Any, driver: int) -> str | None:
    """Return why this CuPy and this driver do not work together."""
    if module.cuda.runtime.is_hip:
        return "CuPy is built for ROCm; the kernels need CUDA"
    built = module.cuda.driver.get_build_version() // 1000
    if driver // 1000 < built:
        served = f"{driver // 1000}.{driver % 1000 // 10}"
        newer = f"to {_DRIVERS[built]} or newer" if built in _DRIVERS else ""
        other = f", or pip install {_extra(driver)} in CuPy's place" if driver >= 12000 else ""
        return (
            f"CuPy is built for CUDA {built}, the driver serves CUDA {served}: update the driver "
            f"{newer}{other}"
        )
    try:
        module.cuda.nvrtc.getVersion()
        headers = importlib.import_module("cuda.pathfinder").find_nvidia_header_directory
        found = headers("cudart") is not None
    except ImportError:  # a CuPy that looks for headers in another way says so when it compiles
        found = True
    except Exception:
        found = False
    if not found:
        return f"CUDA's compiler or headers are missing: pip install 'quasim-backend[cuda{built}]'"
    return None


def _listed(module: Any) -> tuple[str | None, tuple[Gpu, ...]]:
    """Return the devices, and why none of them can be used."""
    global _process
    runtime = module.cuda.runtime
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hint = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible!r})"
    try:
        found = []
        for number in range(runtime.getDeviceCount()):
            properties = runtime.getDeviceProperties(number)
            capability = (properties["major"], properties["minor"])
            total = int(properties["totalGlobalMem"])
            found.append(Gpu(number, properties["name"].decode(), capability, total))
    except runtime.CUDARuntimeError as cause:
        return f"{_brief(cause)}{hint}", ()
    _process = os.getpid()
    if not found:
        return f"CUDA shows no device{hint}", ()
    if all(gpu.capability < _CAPABILITY for gpu in found):
        return "; ".join(_too_old(gpu) for gpu in found), tuple(found)
    return None, tuple(found)


def _too_old(gpu: Gpu) -> str:
    return (
        f"{gpu.name} has compute capability {gpu.capability[0]}.{gpu.capability[1]}; "
        f"{_CAPABILITY[0]}.{_CAPABILITY[1]} (Turing) or newer is needed"
    )


def _no_cupy(driver: int | None) -> str:
    if driver is None:
        return "there is no NVIDIA driver (libcuda.so.1 cannot be loaded), and no CuPy"
    if driver < 12000:
        return f"the NVIDIA driver is too old; install {_DRIVERS[12]} or newer, then CuPy"
    return f"CuPy is not installed: pip install {_extra(driver)}"


def _extra(driver: int) -> str:
    """Return the extra that fits a driver."""
    return f"'quasim-backend[cuda{min(driver // 1000, max(_DRIVERS))}]'"


def _driver_version() -> int | None:
    """Return the CUDA version the driver serves, such as 12080; None if there is no driver."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    return version.value if library.cuDriverGetVersion(ctypes.byref(version)) == 0 else None


def _brief(cause: Exception) -> str:
    """Return the first line of an error that says something."""
    lines = [line.strip() for line in str(cause).splitlines()]
    said = [line for line in lines if line.strip("=- ")]
    return (said[0] if said else type(cause).__name__).rstrip(".")

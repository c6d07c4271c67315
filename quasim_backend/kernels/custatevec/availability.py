"""Whether cuStateVec can be used here, and if not, why."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["is_available"]

_DISTRIBUTIONS = ("cuquantum-python-cu13", "cuquantum-python-cu12")
_OLDEST = (26, 9)
_OLDEST_LIBRARY = 11500
"""cuStateVec 1.15.0, in the library's own way to count; the version of cuQuantum 26.9."""
_OLDEST_CARD = 75
"""Compute capability 7.5: the first that cuStateVec runs on."""


def is_available(device_id: int = 0) -> str | None:
    """Return ``None`` if cuStateVec can run on a GPU of this machine, else the reason why not.

    Cheap answers come first: nothing is imported where cuQuantum is not installed.

    Args:
        device_id: Number of the GPU.
    """
    return _package() or _card(device_id) or _library()


def _package() -> str | None:
    for name in _DISTRIBUTIONS:
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        numbers = tuple(int(n) for n in re.findall(r"\d+", found)[:2])
        if numbers >= _OLDEST:
            return None
        return f"{name} is {found}; 26.9 or newer is needed: pip install -U {name}"
    return "cuQuantum is not installed: pip install 'quasim-backend[cuquantum13]' or [cuquantum12]"


def _card(device_id: int) -> str | None:
    try:
        cupy: Any = importlib.import_module("cupy")
    except Exception as cause:  # a broken installation fails in ways of its own
        return f"CuPy cannot be imported: {cause}"
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as cause:
        return f"No CUDA driver or GPU: {cause}"
    if device_id >= count:
        return f"There is no GPU number {device_id}; GPUs found: {count}"
    capability = str(cupy.cuda.Device(device_id).compute_capability)
    if int(capability) < _OLDEST_CARD:
        return f"The GPU has compute capability {capability}; cuStateVec needs {_OLDEST_CARD}"
    return None


def _library() -> str | None:
    try:
        library: Any = importlib.import_module("cuquantum.bindings.custatevec")
        found = int(library.get_version())
    except Exception as cause:  # loads shared libraries, whose loader has errors of its own
        return f"cuStateVec cannot be loaded: {' '.join(str(cause).split())}"
    if found < _OLDEST_LIBRARY:
        return f"The cuStateVec library is version {found}; {_OLDEST_LIBRARY} or newer is needed"
    return None

"""Arrays of other libraries: whether they are in a GPU's memory, and how they get to the host."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from quasim_backend.errors import UnsupportedError

__all__ = ["is_on_device", "on_host"]

_CUDA = (2, 13)
"""DLPack's kinds of devices whose memory the host cannot read: CUDA, and CUDA's managed memory."""

_PLAIN = (np.ndarray, float, int, complex, str, list, tuple, dict, type(None))


def is_on_device(value: object) -> bool:
    """Return whether something is an array in a GPU's memory."""
    if isinstance(value, _PLAIN):
        return False
    where = getattr(value, "__dlpack_device__", None)
    if where is not None:
        return int(where()[0]) in _CUDA
    return hasattr(value, "__cuda_array_interface__")


def on_host(value: Any) -> Any:
    """Return a device array as a NumPy array, and anything else as it is.

    Raises:
        UnsupportedError: If nobody here can copy it.
    """
    if not is_on_device(value):
        return value
    by_dlpack = hasattr(value, "__dlpack__")
    if by_dlpack:
        try:
            return np.from_dlpack(value, device="cpu")
        except (TypeError, BufferError, RuntimeError, ValueError):
            pass  # NumPy before 2.1, or an owner that copies nothing
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        kind = type(value)
        raise UnsupportedError(
            f"An array of the type {kind.__module__}.{kind.__qualname__} is in a GPU's memory, and "
            f"without CuPy it cannot be read there. Install CuPy, or give a NumPy array."
        ) from None
    return cupy.asnumpy(cupy.from_dlpack(value) if by_dlpack else cupy.asarray(value))

"""The kernel set on a device."""

from __future__ import annotations

from quasim_backend.kernels.cuda.device import Device
from quasim_backend.kernels.reference import ReferenceKernels

__all__ = ["CudaKernels"]


class CudaKernels(ReferenceKernels):
    """A stand-in until the kernels are there: the reference kernels, for the host only."""

    def __init__(self, device: Device, name: str) -> None:
        """Take a device."""
        self.name = name
        self.device = device

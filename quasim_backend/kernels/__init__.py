"""Kernel sets: array routines for state vectors, one module a kind of device."""

from __future__ import annotations

from quasim_backend.kernels.base import CancelToken as CancelToken
from quasim_backend.kernels.base import KernelSet as KernelSet

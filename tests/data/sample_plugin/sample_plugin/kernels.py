"""A kernel set: the reference one, under another name."""

from __future__ import annotations

from quasim_backend.kernels.reference import ReferenceKernels


class SampleKernels(ReferenceKernels):
    """NumPy, once more."""

    name = "sample_numpy"

"""Qiskit's primitives on QuASIM."""

from __future__ import annotations

from quasim_qiskit.estimator import EstimatorV2 as EstimatorV2
from quasim_qiskit.sampler import SamplerV2 as SamplerV2

__all__ = ["EstimatorV2", "SamplerV2"]

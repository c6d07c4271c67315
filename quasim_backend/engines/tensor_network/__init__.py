"""Circuits as tensor networks: exact answers where little is asked of wide, shallow circuits."""

from quasim_backend.engines.tensor_network.engine import TensorNetworkEngine

__all__ = ["TensorNetworkEngine"]

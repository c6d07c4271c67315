"""Clifford circuits with few other gates; start reading at `reduction`, then `engine`."""

from quasim_backend.engines.extended_stabilizer.engine import ExtendedStabilizerEngine

__all__ = ["ExtendedStabilizerEngine"]

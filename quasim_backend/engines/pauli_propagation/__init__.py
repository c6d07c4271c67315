"""Expectation values by Pauli propagation; start reading at `engine`."""

from quasim_backend.engines.pauli_propagation.engine import PauliPropagationEngine

__all__ = ["PauliPropagationEngine"]

"""What engines are called elsewhere, for hints in messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from quasim_backend.errors import near_matches

__all__ = ["SHORT_NAMES", "engine_hint"]

SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "sv": "statevector",
        "state": "statevector",
        "state_vector": "statevector",
        "schroedinger": "statevector",
        "schrodinger": "statevector",
        "dm": "density_matrix",
        "density": "density_matrix",
        "mixed": "density_matrix",
        "mcwf": "trajectories",
        "trajectory": "trajectories",
        "monte_carlo": "trajectories",
        "clifford": "stabilizer",
        "tableau": "stabilizer",
        "stim": "stabilizer",
        "chp": "stabilizer",
        "ch_form": "extended_stabilizer",
        "near_clifford": "extended_stabilizer",
        "mps": "matrix_product_state",
        "tn": "tensor_network",
        "pauli": "pauli_propagation",
        "pp": "pauli_propagation",
        "superoperator": "superop",
    }
)
"""Engines by names that they do not have, but that are well known; none of them is accepted."""


def engine_hint(name: str, known: Collection[str]) -> str:
    """Return what may have been meant, and what is possible; see `near_matches`."""
    meant = SHORT_NAMES.get(name.lower().replace("-", "_").replace(" ", "_"))
    if meant is None or meant not in known:
        return near_matches(name, known)
    return f"Did you mean '{meant}'? {near_matches('', known)}"

"""Circuits that pytket wrote to JSON. Imports pytket only for what is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quasim_backend.errors import CircuitError, UnsupportedError
from quasim_backend.ir import Circuit

__all__ = ["read", "read_file"]

_KEYS = {"bits", "commands", "implicit_permutation", "phase", "qubits"}
"""Keys that `Circuit.to_dict` of pytket always writes."""


def read_file(path: Path) -> Circuit | None:
    """Translate the circuit in a ``.json`` file; None if the file holds something else.

    Raises:
        UnsupportedError: If pytket is not installed, or something has no translation.
        CircuitError: If pytket cannot read it.
    """
    if path.suffix.lower() != ".json":
        return None
    try:
        written = json.loads(path.read_bytes())
    except ValueError:
        return None
    return read(written) if isinstance(written, dict) else None


def read(written: Mapping[str, Any]) -> Circuit | None:
    """Translate what `Circuit.to_dict` of pytket returned; None if it is something else.

    Raises:
        UnsupportedError: If pytket is not installed, or something has no translation.
        CircuitError: If pytket cannot read it.
    """
    if not written.keys() >= _KEYS:
        return None
    try:
        from pytket.circuit import Circuit as TketCircuit
    except ImportError as cause:
        raise UnsupportedError(
            "This is a pytket circuit; reading it needs pytket: pip install "
            "'quasim-backend[pytket]'."
        ) from cause
    from quasim_pytket.translate import translate

    try:
        circuit = TketCircuit.from_dict(dict(written))
    except (LookupError, RuntimeError, TypeError, ValueError) as cause:
        raise CircuitError(f"pytket cannot read this circuit: {cause}") from cause
    return translate(circuit)

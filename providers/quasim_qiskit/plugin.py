"""The plug-in: lets QuASIM's own API take Qiskit circuits. Imports Qiskit only for its objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quasim_backend.plugins import hookimpl

if TYPE_CHECKING:
    from quasim_backend.ir import Circuit

__all__ = ["quasim_translate_circuit"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a Qiskit circuit, or the one in a ``.qpy`` file; return None for anything else."""
    if isinstance(circuit, Path):
        if circuit.suffix.lower() != ".qpy":
            return None
        from quasim_qiskit.files import read_file

        return read_file(circuit)
    # A subclass of a Qiskit circuit lives in its own module, hence all base classes.
    if not any(base.__module__.partition(".")[0] == "qiskit" for base in type(circuit).__mro__):
        return None
    from qiskit.circuit import QuantumCircuit

    from quasim_qiskit.translate import translate_circuit

    return translate_circuit(circuit) if isinstance(circuit, QuantumCircuit) else None

"""Circuits that Qiskit wrote to QPY files."""

from __future__ import annotations

from pathlib import Path

from quasim_backend.errors import CircuitError, UnsupportedError
from quasim_backend.ir import Circuit

__all__ = ["read_file"]


def read_file(path: Path) -> Circuit:
    """Translate the circuit in a QPY file.

    Raises:
        UnsupportedError: If Qiskit is not installed.
        CircuitError: If Qiskit cannot read the file, or it does not hold exactly one circuit.
        QuasimQiskitError: If an instruction is not supported; it is named.
    """
    try:
        from qiskit import qpy
        from qiskit.exceptions import QiskitError
    except ImportError as cause:
        raise UnsupportedError(
            "Reading a QPY file needs Qiskit: pip install 'quasim-backend[qiskit]'."
        ) from cause
    from quasim_qiskit.translate import translate_circuit

    with path.open("rb") as file:
        try:
            circuits = qpy.load(file)
        except (QiskitError, ValueError, OSError, LookupError) as cause:
            raise CircuitError(f"Qiskit cannot read '{path}': {cause}") from cause
    if len(circuits) != 1:
        raise CircuitError(f"'{path}' holds {len(circuits)} circuits; write one to a file.")
    return translate_circuit(circuits[0])

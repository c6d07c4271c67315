"""What users of `NoiseModel` give: instructions, errors and qubits, checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qiskit.circuit import Instruction
from qiskit.circuit.library import get_standard_gate_name_mapping

from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.quantum_error import QuantumError
from quasim_qiskit.noise.readout_error import ReadoutError

__all__ = [
    "STANDARD_GATES",
    "as_quantum_error",
    "as_readout_error",
    "check_width",
    "checked_qubits",
    "following",
    "named",
]

STANDARD_GATES = get_standard_gate_name_mapping()
"""Qiskit's standard gates by name."""


def named(instructions: Any) -> Iterator[tuple[str, str]]:
    """Yield name and label of one or several instructions; the label of a name is the name."""
    for given in instructions if isinstance(instructions, list | tuple | set) else [instructions]:
        if isinstance(given, str):
            yield given, given
        elif isinstance(given, Instruction):
            yield given.name, getattr(given, "label", None) or given.name
        else:
            raise NoiseError(f"An instruction is a name or an Instruction; got {given!r}.")


def as_quantum_error(error: Any) -> Any:
    """Return an error as it is, of Qiskit Aer too, or the `QuantumError` it makes."""
    if hasattr(error, "ideal") and hasattr(error, "num_qubits") and hasattr(error, "to_dict"):
        return error
    return QuantumError(error)


def as_readout_error(error: Any) -> Any:
    """Return a readout error as it is, or the one that a matrix makes."""
    return error if hasattr(error, "number_of_qubits") else ReadoutError(error)


def following(before: Any, error: Any) -> Any:
    """Return an error that follows another one, if there is one."""
    if before is None:
        return error
    if type(before) is not type(error):
        before, error = (
            e.to_quantum_error() if hasattr(e, "to_quantum_error") else e for e in (before, error)
        )
    return before.compose(error)


def checked_qubits(qubits: Any) -> tuple[int, ...]:
    """Return qubits as a tuple.

    Raises:
        NoiseError: If they are no different integers from 0.
    """
    try:
        places = tuple(int(q) for q in qubits)
    except (TypeError, ValueError):
        raise NoiseError(f"Qubits must be a list of integers; got {qubits!r}.") from None
    if len({*places}) != len(places) or min(places, default=0) < 0:
        raise NoiseError(f"Qubits must be different numbers from 0; got {places}.")
    return places


def check_width(error: Any, name: str) -> None:
    """Refuse an error that is not as wide as a standard gate.

    Raises:
        NoiseError: As described.
    """
    gate = STANDARD_GATES.get(name)
    if gate is not None and gate.num_qubits != error.num_qubits:
        raise NoiseError(
            f"An error on {error.num_qubits} qubits does not fit '{name}', which acts on "
            f"{gate.num_qubits}."
        )

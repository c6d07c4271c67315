"""Everything a session accepts as a circuit, turned into a `Circuit`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import CircuitError, QubitError, ShapeError, UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.numbering import whole_numbers
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.session.arrays import on_host

__all__ = ["FORMS", "to_circuit", "width_of"]

FORMS = """A circuit can be given as:
  - quasim_backend.Circuit, or what Runtime.compile returned
  - OpenQASM 2 or 3 text, or the path of a file with it
  - a circuit of an SDK whose adapter is installed (`quasim info` lists them)
  - a list of (matrix, qubits): [(np.array([[0, 1], [1, 0]]), [0]), ...]; qubits[0] is the lowest
    bit of the matrix index
  - one unitary: an array of the shape (2**n, 2**n)"""


def to_circuit(source: object, plugins: PluginManager) -> Circuit | CompiledCircuit:
    """Turn any accepted form into a circuit; ours and compiled ones are returned as they are.

    Raises:
        CircuitError: If text, a path or a list is no circuit.
        ShapeError: If an array is ragged, not square or not unitary.
        UnsupportedError: If no installed plug-in knows the object.
    """
    if isinstance(source, Circuit | CompiledCircuit):
        return source
    if isinstance(source, str):
        return _from_text(source)
    if isinstance(source, os.PathLike):
        return _from_file(Path(source))
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, list | tuple):
        return _from_list(source)
    translated = plugins.translate_circuit(source)
    if translated is not None:
        return translated
    source = on_host(source)
    if hasattr(source, "__array__"):  # tensors of JAX, PyTorch, ...
        return _from_array(np.asarray(source))
    raise UnsupportedError(_unknown(source, plugins))


def width_of(circuit: Circuit | CompiledCircuit) -> int:
    """Return the number of qubits of a circuit as it was given, idle ones included."""
    return circuit.num_qubits if isinstance(circuit, Circuit) else circuit.original_qubits


def _from_text(text: str) -> Circuit:
    if not any(mark in text for mark in (";", "\n")):
        path = Path(text)
        if path.is_file():
            return _from_file(path)
        raise CircuitError(f"{text!r} is neither OpenQASM text nor a file.\n{FORMS}")
    from quasim_backend.ir import openqasm

    return openqasm.loads(text)


def _from_file(path: Path) -> Circuit:
    from quasim_backend.ir import openqasm

    if not path.is_file():
        raise CircuitError(f"There is no file '{path}'.")
    return openqasm.load(path)


def _from_list(items: Sequence[Any]) -> Circuit:
    if not items:
        raise CircuitError(f"An empty list has no number of qubits.\n{FORMS}")
    if not all(_is_placed_matrix(item) for item in items):
        return _from_array(items)
    placed = [
        (matrix, whole_numbers(np.atleast_1d(qubits).tolist(), "qubits", "a matrix", QubitError))
        for matrix, qubits in items
    ]
    lowest = min((q for _, qubits in placed for q in qubits), default=0)
    highest = max((q for _, qubits in placed for q in qubits), default=-1)
    if lowest < 0:
        raise CircuitError(f"Qubits are numbered from 0; got {lowest}.")
    circuit = Circuit(highest + 1)
    for number, (matrix, qubits) in enumerate(placed):
        try:
            circuit.unitary(_complex_array(matrix), qubits)
        except (CircuitError, ShapeError) as error:
            raise type(error)(f"Entry {number} of the list: {error}") from error
    return circuit


def _is_placed_matrix(item: object) -> bool:
    if not isinstance(item, list | tuple) or len(item) != 2:
        return False
    matrix, qubits = item
    numbers = [qubits] if np.isscalar(qubits) else qubits
    if not isinstance(numbers, list | tuple | range | np.ndarray):
        return False
    whole = all(isinstance(q, int | np.integer) and not isinstance(q, bool) for q in numbers)
    # A number or a row of numbers is part of one nested list; what is wrong inside a matrix is
    # said where the matrix is read.
    try:
        return whole and np.ndim(matrix) == 2
    except ValueError:
        return whole


def _from_array(array: object) -> Circuit:
    matrix = _complex_array(array)
    size = len(matrix) if matrix.ndim else 0
    if matrix.ndim != 2 or matrix.shape != (size, size) or size < 1 or size & (size - 1):
        raise ShapeError(f"An array of the shape {matrix.shape} is no circuit.\n{FORMS}")
    width = size.bit_length() - 1
    return Circuit(width, name="unitary").unitary(matrix, range(width))


def _complex_array(array: object) -> np.ndarray[Any, np.dtype[np.complex128]]:
    try:
        found = np.asarray(array)
        if found.dtype != object:
            return found.astype(np.complex128)
    except (TypeError, ValueError):
        pass
    raise ShapeError(f"A ragged array, or one that holds no numbers, is no circuit.\n{FORMS}")


def _unknown(source: object, plugins: PluginManager) -> str:
    kind = type(source)
    lines = [f"No plug-in knows circuits of the type {kind.__module__}.{kind.__qualname__}."]
    translators = [p.name for p in plugins.plugins if "quasim_translate_circuit" in p.hooks]
    lines.append(f"Plug-ins that translate circuits: {', '.join(translators) or 'none'}.")
    lines += [str(failure) for failure in plugins.failures]
    return "\n".join([*lines, FORMS])

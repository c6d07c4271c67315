"""One quantum error as a channel: from circuits with probabilities, or rates of Pauli generators.

The form is that of ``QuantumError.to_dict()``: under ``instructions`` a list of circuits, each a
list of ``{"name", "qubits", "params"}``, and under ``probabilities`` how likely each is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel, Gate
from quasim_backend.noise import from_superoperator, pauli_lindblad
from quasim_backend.noise.representations import pauli_matrix
from quasim_backend.noise.rules import gate_key
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["error_channel", "generators", "wire_form", "wire_matrix", "wire_width"]

Matrix = NDArray[np.complex128]

Part: TypeAlias = tuple[str, tuple[Any, ...], tuple[int, ...]]
"""Name, parameters and qubits of an instruction; of a matrix, its size and its bytes."""

_MATRICES = ("kraus", "superop", "unitary")
"""Instructions whose parameters are matrices."""

_SMALL = 2
"""Superoperators of instructions are remembered for errors on up to this many qubits."""

_RESET: tuple[Matrix, ...] = (
    np.array([[1, 0], [0, 0]], complex),
    np.array([[0, 1], [0, 0]], complex),
)


def wire_form(error: Any) -> Mapping[str, Any]:
    """Return an error object, or what its ``to_dict`` returned, as the latter."""
    if isinstance(error, Mapping):
        data: Any = error
    elif hasattr(error, "_circs"):  # Aer's, read in a quarter of the time that its to_dict takes
        terms = [_wire_circuit(circuit) for circuit in error._circs]
        return {"type": "qerror", "instructions": terms, "probabilities": error.probabilities}
    else:
        data = error.to_dict()
    if not isinstance(data, Mapping) or "type" not in data:
        raise QuasimQiskitError(
            f"{type(error).__name__} is no error of a noise model: its dictionary has no 'type'."
        )
    return data


def _wire_circuit(circuit: QuantumCircuit) -> list[dict[str, Any]]:
    number = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    return [
        {
            "name": part.name,
            # Matrices are with the operation alone, which takes a while to make.
            "params": (part.operation if part.name in _MATRICES else part).params,
            "qubits": [number[q] for q in part.qubits],
        }
        for part in circuit.data
    ]


def wire_width(data: Mapping[str, Any]) -> int:
    """Return on how many qubits the error of a dictionary acts."""
    qubits = [q for term in data["instructions"] for part in term for q in part["qubits"]]
    return 1 + max(qubits, default=0)


def wire_matrix(entry: Any) -> Matrix:
    """Return a matrix, or its form in JSON: nested lists of pairs ``[real, imaginary]``."""
    array = np.asarray(entry)
    if array.ndim == 3 and array.shape[-1] == 2:
        array = array[..., 0] + 1j * array[..., 1]
    return np.asarray(array, np.complex128)


def error_channel(error: Any, num_qubits: int | None = None) -> Channel:
    """Return a quantum error as a channel; qubit 0 of the error is the lowest index bit.

    Errors whose circuits are unitary become mixtures, all others Kraus operators.

    Args:
        error: An error object with ``to_dict``, or its dictionary.
        num_qubits: Its width; None for the object's own, or for that of its instructions.

    Raises:
        QuasimQiskitError: If an instruction has no meaning in an error, or the map is not trace
            preserving.
    """
    data = wire_form(error)
    width = num_qubits or getattr(error, "num_qubits", None) or wire_width(data)
    try:
        if data["type"] == "plerror":
            return pauli_lindblad(generators(data))
        if data["type"] != "qerror":
            raise QuasimQiskitError(
                f"An error of type '{data['type']}' is no channel; 'qerror' and 'plerror' are."
            )
        return _mixed(data["probabilities"], data["instructions"], width)
    except QuasimQiskitError:
        raise
    except QuasimError as cause:
        raise QuasimQiskitError(
            f"A noise model has an error that is no channel: {cause}"
        ) from cause


def generators(data: Mapping[str, Any]) -> dict[str, float]:
    """Return the rates of a Pauli-Lindblad error by label, the leftmost letter the last qubit."""
    rates: dict[str, float] = {}
    for term, rate in zip(data["instructions"], data["rates"], strict=True):
        label = str(term[0]["params"][0])
        rates[label] = rates.get(label, 0.0) + float(rate)
    return rates


def _mixed(probabilities: Sequence[float], terms: Sequence[Any], width: int) -> Channel:
    pairs = [
        (float(weight), tuple(_part(part) for part in term))
        for weight, term in zip(probabilities, terms, strict=True)
        if weight > 0
    ]
    if all(len(_operators(part, width)) == 1 for _, parts in pairs for part in parts):
        one = np.eye(1 << width, dtype=complex)
        unitaries = [
            reduce(lambda u, part: _operators(part, width)[0] @ u, parts, one) for _, parts in pairs
        ]
        return _unitaries([weight for weight, _ in pairs], unitaries)
    return from_superoperator(_summed(pairs, width), "qerror")


def _summed(pairs: Sequence[tuple[float, tuple[Part, ...]]], width: int) -> Matrix:
    """Return the superoperator of circuits of which each acts with a probability.

    Circuits with the same last instruction are summed up before it: errors of devices are
    products of a few choices, written out.
    """
    total: Matrix = np.zeros((4**width, 4**width), complex)
    before: dict[Part, list[tuple[float, tuple[Part, ...]]]] = {}
    for weight, parts in pairs:
        if parts:
            before.setdefault(parts[-1], []).append((weight, parts[:-1]))
        else:
            total += weight * np.eye(4**width)
    for last, rest in before.items():
        if any(parts for _, parts in rest):
            total += _map(last, width) @ _summed(rest, width)
        else:
            total += sum(weight for weight, _ in rest) * _map(last, width)
    return total


def _part(part: Mapping[str, Any]) -> Part:
    """Return an instruction as values that can be compared."""
    name, params = part["name"], part.get("params", ())
    if name in _MATRICES:
        arrays = [wire_matrix(entry) for entry in params]
        values: tuple[Any, ...] = tuple((len(a), a.tobytes()) for a in arrays)
    else:
        values = tuple(str(p) if name == "pauli" else float(p) for p in params)
    return name, values, tuple(part["qubits"])


def _map(part: Part, width: int) -> Matrix:
    """Return an instruction's superoperator."""
    if width > _SMALL:
        return _superoperator(_operators(part, width))
    return _small_map(part, width)


@lru_cache(maxsize=4096)
def _small_map(part: Part, width: int) -> Matrix:
    return _superoperator(_operators(part, width))


# The errors of a device are thousands of circuits of the same few Paulis and resets.
@lru_cache(maxsize=4096)
def _operators(part: Part, width: int) -> tuple[Matrix, ...]:
    """Return the Kraus operators of one instruction on all of the error's qubits.

    Raises:
        QuasimQiskitError: If it has no meaning in an error.
    """
    name, params, qubits = part
    operators: Sequence[Matrix]
    if name in _MATRICES:
        operators = [np.frombuffer(data, complex).reshape(size, -1) for size, data in params]
        if name == "superop":
            operators = from_superoperator(operators[0]).operators
    elif name == "pauli":
        operators = (pauli_matrix(params[0]),)
    elif name == "reset" and len(qubits) == 1:
        operators = _RESET
    elif gate_key(name) is not None:
        operators = (Gate.named(name, *params).matrix(),)
    else:
        raise QuasimQiskitError(
            f"A quantum error has the instruction '{name}' on {len(qubits)} qubits. Possible are "
            f"standard gates, pauli, unitary, kraus, superop and reset."
        )
    return tuple(_spread(k, qubits, width) for k in operators)


def _spread(matrix: Matrix, qubits: tuple[int, ...], width: int) -> Matrix:
    """Return an operator on some of ``width`` qubits as one on all of them."""
    if qubits == tuple(range(width)):
        return matrix
    place = _places(qubits, width)
    wide = np.kron(np.eye(1 << width - len(qubits)), matrix)
    return np.ascontiguousarray(wide[np.ix_(place, place)])


@lru_cache(maxsize=256)
def _places(qubits: tuple[int, ...], width: int) -> NDArray[np.int64]:
    """Return each index with the bits of ``qubits`` moved to the lowest places."""
    order = (*qubits, *(q for q in range(width) if q not in qubits))
    index = np.arange(1 << width)
    place = np.zeros_like(index)
    for i, q in enumerate(order):
        place |= (index >> q & 1) << i
    return place


def _superoperator(operators: Sequence[Matrix]) -> Matrix:
    """Return ``sum conj(K) (x) K``."""
    stacked = np.stack(operators)
    size = stacked.shape[1] ** 2
    product: Matrix = np.einsum("kab,kcd->acbd", stacked.conj(), stacked)
    return product.reshape(size, size)


def _unitaries(weights: Sequence[float], unitaries: Sequence[Matrix]) -> Channel:
    """Return a mixture in which every unitary is there once, up to its phase."""
    found: dict[bytes, tuple[float, Matrix]] = {}
    for weight, unitary in zip(weights, unitaries, strict=True):
        flat = unitary.reshape(-1)
        pivot = flat[np.argmax(np.abs(flat) > 1e-6)]
        key = (np.round(unitary * (pivot.conjugate() / abs(pivot)), 11) + 0.0).tobytes()
        before = found.get(key, (0.0, unitary))
        found[key] = (before[0] + weight, before[1])
    total = sum(weight for weight, _ in found.values())
    return Channel.mixture(
        [weight / total for weight, _ in found.values()], [u for _, u in found.values()], "qerror"
    )

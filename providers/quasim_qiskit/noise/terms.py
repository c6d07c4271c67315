"""One quantum error as a channel: from circuits with probabilities, or rates of Pauli generators.

The form is that of ``QuantumError.to_dict()``: under ``instructions`` a list of circuits, each a
list of ``{"name", "qubits", "params"}``, and under ``probabilities`` how likely each is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel, Gate
from quasim_backend.noise import from_superoperator, pauli_lindblad
from quasim_backend.noise.representations import pauli_matrix
from quasim_backend.noise.rules import gate_key
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["error_channel", "generators", "wire_form", "wire_width", "wire_matrix"]

Matrix = NDArray[np.complex128]

_RESET = (np.array([[1, 0], [0, 0]], complex), np.array([[0, 1], [0, 0]], complex))


def wire_form(error: Any) -> Mapping[str, Any]:
    """Return an error object, or what its ``to_dict`` returned, as the latter."""
    data = error if isinstance(error, Mapping) else error.to_dict()
    if not isinstance(data, Mapping) or "type" not in data:
        raise QuasimQiskitError(
            f"{type(error).__name__} is no error of a noise model: its dictionary has no 'type'."
        )
    return data


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
        raise QuasimQiskitError(f"A noise model has an error that is no channel: {cause}") from cause


def generators(data: Mapping[str, Any]) -> dict[str, float]:
    """Return the rates of a Pauli-Lindblad error by label, the leftmost letter the last qubit."""
    rates: dict[str, float] = {}
    for term, rate in zip(data["instructions"], data["rates"], strict=True):
        label = str(term[0]["params"][0])
        rates[label] = rates.get(label, 0.0) + float(rate)
    return rates


def _mixed(probabilities: Sequence[float], terms: Sequence[Any], width: int) -> Channel:
    weights: list[float] = []
    maps: list[list[Matrix]] = []
    for weight, term in zip(probabilities, terms, strict=True):
        if weight > 0:
            weights.append(float(weight))
            maps.append(_product(term, width))
    if all(len(operators) == 1 for operators in maps):
        return _unitaries(weights, [operators[0] for operators in maps])
    scaled = [np.sqrt(w) * k for w, ks in zip(weights, maps, strict=True) for k in ks]
    return from_superoperator(_superoperator(scaled), "qerror")


def _product(term: Sequence[Any], width: int) -> list[Matrix]:
    """Return the Kraus operators of one circuit, ``(2**width, 2**width)`` each."""
    operators: list[Matrix] = [np.eye(1 << width, dtype=complex)]
    for part in term:
        step = [_spread(k, tuple(part["qubits"]), width) for k in _operators(part)]
        operators = [k @ o for k in step for o in operators]
        if len(operators) > 4**width:
            operators = list(from_superoperator(_superoperator(operators)).operators)
    return operators


def _operators(part: Mapping[str, Any]) -> Sequence[Matrix]:
    name, params = part["name"], part.get("params", ())
    if name == "reset":
        if len(part["qubits"]) == 1:
            return _RESET
    elif name == "kraus":
        return [wire_matrix(k) for k in params]
    elif name == "superop":
        return from_superoperator(wire_matrix(params[0])).operators
    elif name == "unitary":
        return (wire_matrix(params[0]),)
    elif name == "pauli":
        return (_pauli(str(params[0])),)
    elif gate_key(name) is not None:
        return (_gate(name, tuple(float(p) for p in params)),)
    raise QuasimQiskitError(
        f"A quantum error has the instruction '{name}' on {len(part['qubits'])} qubits. Possible "
        f"are standard gates, pauli, unitary, kraus, superop and reset."
    )


_pauli = lru_cache(maxsize=1024)(pauli_matrix)


@lru_cache(maxsize=256)
def _gate(name: str, params: tuple[float, ...]) -> Matrix:
    return Gate.named(name, *params).matrix()


def _spread(matrix: Matrix, qubits: tuple[int, ...], width: int) -> Matrix:
    """Return an operator on some of ``width`` qubits as one on all of them."""
    if qubits == tuple(range(width)):
        return matrix
    order = (*qubits, *(q for q in range(width) if q not in qubits))
    index = np.arange(1 << width)
    place = sum((index >> q & 1) << i for i, q in enumerate(order))
    wide = np.kron(np.eye(1 << width - len(qubits)), matrix)
    return np.ascontiguousarray(wide[np.ix_(place, place)])


def _superoperator(operators: Sequence[Matrix]) -> Matrix:
    """Return ``sum conj(K) (x) K``."""
    stacked = np.stack(operators)
    size = stacked.shape[1] ** 2
    return np.einsum("kab,kcd->acbd", stacked.conj(), stacked).reshape(size, size)


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

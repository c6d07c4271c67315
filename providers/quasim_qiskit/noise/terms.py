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

__all__ = ["error_channel", "generators", "wire_form", "wire_matrix", "wire_width"]

Matrix = NDArray[np.complex128]

_RESET: tuple[Matrix, ...] = (
    np.array([[1, 0], [0, 0]], complex),
    np.array([[0, 1], [0, 0]], complex),
)


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
        operators = [k @ o for k in _operators(part, width) for o in operators]
        if len(operators) > 4**width:
            operators = list(from_superoperator(_superoperator(operators)).operators)
    return operators


def _operators(part: Mapping[str, Any], width: int) -> Sequence[Matrix]:
    """Return the Kraus operators of one instruction on all of the error's qubits."""
    name, params, qubits = part["name"], part.get("params", ()), tuple(part["qubits"])
    if name == "kraus":
        return [_spread(wire_matrix(k), qubits, width) for k in params]
    if name == "superop":
        operators = from_superoperator(wire_matrix(params[0])).operators
        return [_spread(k, qubits, width) for k in operators]
    if name == "unitary":
        return [_spread(wire_matrix(params[0]), qubits, width)]
    if name == "pauli":
        return _known_operators(name, (str(params[0]),), qubits, width)
    if gate_key(name) is not None or (name == "reset" and len(qubits) == 1):
        return _known_operators(name, tuple(float(p) for p in params), qubits, width)
    raise QuasimQiskitError(
        f"A quantum error has the instruction '{name}' on {len(qubits)} qubits. Possible are "
        f"standard gates, pauli, unitary, kraus, superop and reset."
    )


# The errors of a device are thousands of circuits of the same few Paulis and resets.
@lru_cache(maxsize=4096)
def _known_operators(
    name: str, params: tuple[Any, ...], qubits: tuple[int, ...], width: int
) -> tuple[Matrix, ...]:
    if name == "reset":
        operators = _RESET
    elif name == "pauli":
        operators = (pauli_matrix(params[0]),)
    else:
        operators = (Gate.named(name, *params).matrix(),)
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

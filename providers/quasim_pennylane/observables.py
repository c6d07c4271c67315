"""Observables: as Pauli sums where they are one, else applied to a state on the host."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from quasim_backend.ir import PauliString, PauliSum
from quasim_pennylane.gates import decompose_matrix
from quasim_pennylane.translate import Places

__all__ = ["ObservableCache", "apply_observable", "pauli_terms", "project"]

_DENSE_WIRES = 3
"""Widest observable given by a matrix that is written as a Pauli sum; wider ones are applied."""
_CACHED = 32


def pauli_terms(sentence: Any, places: Places) -> PauliSum:
    """Return PennyLane's Pauli sentence as ours."""
    terms = []
    for word, weight in sentence.items():
        x = z = 0
        for wire, letter in word.items():
            qubit = 1 << places.qubits((wire,))[0]
            x |= qubit if letter in "XY" else 0
            z |= qubit if letter in "ZY" else 0
        number = complex(np.asarray(weight))
        terms.append((number if number.imag else number.real, PauliString(x, z)))
    return PauliSum(tuple(terms))


class ObservableCache:
    """Observables as Pauli sums, remembered as long as PennyLane uses the same objects."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: OrderedDict[Any, tuple[Any, tuple[Any, ...], PauliSum | None]] = OrderedDict()

    def __call__(self, obs: Any, places: Places) -> PauliSum | None:
        """Return the observable as a sum of Pauli strings with real weights, or None."""
        key = (id(obs), places.order)
        data = _numbers(obs)
        found = self._known.get(key)
        # The object is kept, so that its number is not given to another one; numbers inside it may
        # have been exchanged.
        if found is not None and found[0] is obs and found[1] == data:
            self._known.move_to_end(key)
            return found[2]
        result = _pauli_sum(obs, places)
        self._known[key] = (obs, data, result)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return result


def _numbers(obs: Any) -> tuple[Any, ...]:
    """Return the values of an observable's numbers, to notice when they are exchanged."""
    return tuple(d if isinstance(d, float) else np.asarray(d).tobytes() for d in obs.data)


def _pauli_sum(obs: Any, places: Places) -> PauliSum | None:
    sentence = obs.pauli_rep
    if sentence is not None:
        result = pauli_terms(sentence, places)
    elif obs.has_matrix and len(obs.wires) <= _DENSE_WIRES:
        matrix = np.asarray(qml.matrix(obs, wire_order=obs.wires), np.complex128)
        words = decompose_matrix(matrix)
        qubits = places.lowest_first(obs.wires.labels)
        result = PauliSum(
            tuple(
                (w if abs(w.imag) > 1e-12 else w.real, _string(word, qubits)) for word, w in words
            )
        )
    else:
        return None
    return None if result.weights().imag.any() else result


def _string(word: str, qubits: tuple[int, ...]) -> PauliString:
    return PauliString.from_letters(dict(zip(qubits, reversed(word), strict=True)))


def apply_observable(obs: Any, state: NDArray[Any], places: Places) -> NDArray[Any]:
    """Return ``O @ psi`` for any observable: ``(2**n,)``, first wire most significant."""
    if isinstance(obs, qml.ops.SProd):
        scaled: NDArray[Any] = np.asarray(obs.scalar) * apply_observable(obs.base, state, places)
        return scaled
    if isinstance(obs, qml.ops.LinearCombination):
        total = np.zeros_like(state)
        for weight, part in zip(*obs.terms(), strict=True):
            total = total + np.asarray(weight) * apply_observable(part, state, places)
        return total
    if isinstance(obs, qml.ops.Sum):
        parts = [apply_observable(o, state, places) for o in obs.operands]
        return np.sum(parts, axis=0)  # type: ignore[no-any-return]
    if isinstance(obs, qml.ops.Prod):
        for factor in reversed(obs.operands):
            state = apply_observable(factor, state, places)
        return state
    if isinstance(obs, qml.Projector):
        return project(obs, state, places)
    if not obs.has_matrix and obs.has_sparse_matrix:
        wires = qml.wires.Wires(places.order)
        product: NDArray[Any] = obs.sparse_matrix(wire_order=wires) @ state
        return product
    matrix = np.asarray(qml.matrix(obs, wire_order=obs.wires))
    return _apply_matrix(matrix, obs.wires, state, places)


def project(obs: Any, state: NDArray[Any], places: Places) -> NDArray[Any]:
    """Return a projector applied to a state, not normalised: ``(2**n,)``."""
    data = np.asarray(obs.data[0])
    if not isinstance(obs, qml.ops.qubit.observables.BasisStateProjector):
        vector = data.reshape(-1)
        return _apply_matrix(np.outer(vector, vector.conj()), obs.wires, state, places)
    index: list[Any] = [slice(None)] * places.num_qubits
    for wire, bit in zip(obs.wires.labels, data.astype(int).tolist(), strict=True):
        index[places.num_qubits - 1 - places.qubits((wire,))[0]] = bit
    shape = (2,) * places.num_qubits
    result = np.zeros(shape, state.dtype)
    result[tuple(index)] = state.reshape(shape)[tuple(index)]
    return result.reshape(-1)


def _apply_matrix(
    matrix: NDArray[Any], wires: Any, state: NDArray[Any], places: Places
) -> NDArray[Any]:
    n, k = places.num_qubits, len(wires)
    axes = [n - 1 - q for q in places.qubits(wires.labels)]
    tensor = np.tensordot(
        matrix.reshape((2,) * (2 * k)), state.reshape((2,) * n), axes=(list(range(k, 2 * k)), axes)
    )
    result: NDArray[Any] = np.moveaxis(tensor, list(range(k)), axes).reshape(-1)
    return result

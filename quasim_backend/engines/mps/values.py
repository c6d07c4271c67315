"""What save points ask of a matrix product state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps import environments, sampling
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.ir.array_observables import (
    AnyObservable,
    ArrayObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
    listed,
)
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = ["canonical_form", "saved_value"]


def saved_value(state: MatrixProductState, save: Save) -> Any:
    """Return the value of a save point; only the state's centre moves.

    A ``mps`` is what `canonical_form` returns; the other kinds are as for amplitudes, see
    `quasim_backend.engines.saves.save_value`.
    """
    every = tuple(range(len(state)))
    match save.kind:
        case "statevector":
            return sampling.vector(state)
        case "density_matrix":
            return environments.reduced_density_matrix(state, save.qubits or every)
        case "probabilities":
            return environments.probabilities(state, save.qubits or every)
        case "amplitudes":
            return sampling.amplitudes(state, save.indices)
        case "mps":
            return canonical_form(state)
    observable: AnyObservable = save.observable or PauliSum(())
    every_one = listed(observable)
    means = _expectations(state, every_one)
    if save.kind == "expectation":
        found: Any = means if isinstance(observable, ObservableList) else means[0]
        return found.real if observable.hermitian else found
    squared = [o.squared() for o in every_one]  # sparse ones are refused
    squares = _expectations(state, squared).real
    spread = squares - np.abs(means) ** 2
    return spread if isinstance(observable, ObservableList) else float(spread[0])


def canonical_form(
    state: MatrixProductState,
) -> tuple[list[tuple[NDArray[Any], NDArray[Any]]], list[NDArray[np.float64]]]:
    """Return Vidal's form: ``Gamma[0] lambda[0] Gamma[1] ...``.

    Returns:
        For each qubit the matrices ``(left, right)`` of 0 and of 1, and the Schmidt values of each
        bond, descending. G. Vidal, Phys. Rev. Lett. 91 (2003) 147902.
    """
    copy = state.copy()
    last = len(copy) - 1
    copy.move_centre(last)
    values: list[NDArray[np.float64]] = [np.ones(1)]
    tensors: list[NDArray[Any]] = []
    for site in range(last, 0, -1):
        tensor = copy.tensors[site]
        left, _, right = tensor.shape
        u, s, vh = np.linalg.svd(tensor.reshape(left, 2 * right), full_matrices=False)
        rank = max(1, int((s > 4 * np.finfo(s.dtype).eps * s[0]).sum()))
        tensors.insert(0, vh[:rank].reshape(rank, 2, right))
        values.insert(0, s[:rank].astype(np.float64))
        copy.tensors[site - 1] = copy.tensors[site - 1] @ (u[:, :rank] * s[:rank])
    tensors.insert(0, copy.tensors[0])
    # A right isometry is Gamma times the Schmidt values on its right.
    gammas = [t / v[None, None, :] for t, v in zip(tensors, values, strict=True)]
    return [(g[:, 0], g[:, 1]) for g in gammas], values[:-1]


def _expectations(
    state: MatrixProductState, observables: Sequence[PauliSum | ArrayObservable]
) -> NDArray[np.complex128]:
    """Return ``<O>`` of each; equal Pauli strings are contracted once."""
    numbers: dict[PauliString, int] = {}
    for observable in observables:
        if isinstance(observable, PauliSum):
            for _, string in observable.terms:
                numbers.setdefault(string, len(numbers))
    values = environments.pauli_expectations(state, list(numbers))
    result = np.empty(len(observables), np.complex128)
    for place, observable in enumerate(observables):
        if isinstance(observable, PauliSum):
            own = values[[numbers[string] for _, string in observable.terms]]
            result[place] = np.dot(observable.weights(), own)
        elif isinstance(observable, MatrixObservable):
            if not observable.qubits:
                result[place] = observable.matrix[0, 0]
                continue
            rho = environments.reduced_density_matrix(state, observable.qubits)
            result[place] = np.sum(observable.matrix * rho.T)
        elif isinstance(observable, DiagonalObservable):
            if not observable.qubits:
                result[place] = observable.values[0]
                continue
            weights = environments.probabilities(state, observable.qubits)
            result[place] = np.dot(observable.values, weights)
        else:
            result[place] = _sparse(sampling.vector(state), observable)
    return result


def _sparse(amplitudes: NDArray[Any], observable: Any) -> complex:
    rows = np.repeat(np.arange(len(amplitudes)), np.diff(observable.indptr))
    products = amplitudes[rows].conj() * observable.data * amplitudes[observable.indices]
    return complex(products.sum())

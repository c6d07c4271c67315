"""Expectation values and variances of all kinds of observables in a state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.array_observables import (
    AnyObservable,
    ArrayObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
)
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.base import KernelSet, State

__all__ = [
    "expectation",
    "expectations",
    "squares_and_means",
    "variance",
    "variance_copies_state",
    "variance_of",
]

_SQUARED_TERMS = 6
"""Pauli sums up to here are squared term by term; longer ones are applied to a second state."""


def expectation(
    kernels: KernelSet, state: State, observable: AnyObservable
) -> complex | NDArray[np.complex128]:
    """Return ``<state|O|state>``, an array for a list; the state is not normalised first."""
    if isinstance(observable, ObservableList):
        return expectations(kernels, state, observable.observables)
    return complex(expectations(kernels, state, [observable])[0])


def expectations(
    kernels: KernelSet, state: State, observables: Sequence[PauliSum | ArrayObservable]
) -> NDArray[np.complex128]:
    """Return ``<state|O|state>`` of each: complex128 ``(len(observables),)``.

    All Pauli strings of all sums are taken in one call of the kernels, equal ones once.
    """
    numbers: dict[PauliString, int] = {}
    for observable in observables:
        if isinstance(observable, PauliSum):
            for _, string in observable.terms:
                numbers.setdefault(string, len(numbers))
    strings = PauliSum(tuple((1.0, string) for string in numbers))
    values = kernels.pauli_expectations(state, *strings.masks()) if numbers else np.zeros(0)
    result = np.empty(len(observables), np.complex128)
    for place, observable in enumerate(observables):
        if isinstance(observable, PauliSum):
            own = values[[numbers[string] for _, string in observable.terms]]
            result[place] = np.dot(observable.weights(), own)
        elif isinstance(observable, MatrixObservable):
            rho = kernels.reduced_density_matrix(state, observable.qubits)
            result[place] = np.sum(observable.matrix * rho.T)
        elif isinstance(observable, DiagonalObservable):
            result[place] = np.dot(
                observable.values, kernels.probabilities(state, observable.qubits)
            )
        else:
            result[place], _ = kernels.sparse_moments(
                state, observable.data, observable.indices, observable.indptr
            )
    return result


def variance(
    kernels: KernelSet, state: State, observable: AnyObservable
) -> float | NDArray[np.float64]:
    """Return ``<O^dagger O> - |<O>|**2``, an array for a list; the state has norm 1."""
    return variance_of(squares_and_means(kernels, state, observable))


def variance_of(moments: NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Return ``<O^dagger O> - |<O>|**2`` of what `squares_and_means` returns."""
    values = moments[..., 0] - moments[..., 1] ** 2 - moments[..., 2] ** 2
    return values if moments.ndim > 1 else float(values)


def squares_and_means(
    kernels: KernelSet, state: State, observable: AnyObservable
) -> NDArray[np.float64]:
    """Return ``<O^dagger O>``, and real and imaginary part of ``<O>``: float64 ``(3,)``.

    Of a list ``(len(observables), 3)``. They are linear in the state's density matrix, so their
    averages are those of the average state.
    """
    if isinstance(observable, ObservableList):
        found = [squares_and_means(kernels, state, o) for o in observable.observables]
        return np.array(found, np.float64).reshape(-1, 3)
    if isinstance(observable, PauliSum):
        mean = expectations(kernels, state, [observable])[0]
        if len(observable.terms) <= _SQUARED_TERMS:
            square = expectations(kernels, state, [observable.squared()])[0].real
        else:
            product = kernels.apply_pauli_sum(state, *observable.masks(), observable.weights())
            square = kernels.norm_squared(product)
    elif isinstance(observable, MatrixObservable):
        rho = kernels.reduced_density_matrix(state, observable.qubits)
        mean = np.sum(observable.matrix * rho.T)
        square = np.sum(observable.squared().matrix * rho.T).real
    elif isinstance(observable, DiagonalObservable):
        weights = kernels.probabilities(state, observable.qubits)
        mean = np.dot(observable.values, weights)
        square = np.dot(observable.values**2, weights)
    else:
        mean, square = kernels.sparse_moments(
            state, observable.data, observable.indices, observable.indptr
        )
    return np.array([square, mean.real, mean.imag], np.float64)


def variance_copies_state(observable: AnyObservable | None) -> bool:
    """Return whether `variance` needs memory for a second state."""
    if isinstance(observable, ObservableList):
        return any(variance_copies_state(o) for o in observable.observables)
    return isinstance(observable, PauliSum) and len(observable.terms) > _SQUARED_TERMS

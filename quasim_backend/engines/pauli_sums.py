"""Save points as sums of Pauli strings: which are asked for, and what their values make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_images import spread
from quasim_backend.engines.walsh import signed_sums
from quasim_backend.ir.array_observables import (
    ArrayObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
    SparseObservable,
    listed,
)
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = ["SavedSums", "Terms", "matrix_of", "refused_save"]

Terms: TypeAlias = dict[PauliString, complex]

_DIAGONAL_QUBITS = 12
"""Qubits of a distribution: ``2**k`` strings."""
_MATRIX_QUBITS = 6
"""Qubits of a matrix: ``4**k`` strings."""


def refused_save(save: Save, num_qubits: int) -> str | None:
    """Return why a save point cannot be had from Pauli strings, or None."""
    width = len(save.qubits) or num_qubits
    match save.kind:
        case "probabilities" if width > _DIAGONAL_QUBITS:
            return f"'probabilities' of {width} qubits; possible are up to {_DIAGONAL_QUBITS}"
        case "density_matrix" if width > _MATRIX_QUBITS:
            return f"'density_matrix' of {width} qubits; possible are up to {_MATRIX_QUBITS}"
        case "probabilities" | "density_matrix":
            return None
        case "expectation" | "variance":
            refusals = (
                _refused_observable(o, save.kind) for o in listed(save.observable or PauliSum(()))
            )
            return next((r for r in refusals if r is not None), None)
    return f"'{save.kind}': strings of operators have no amplitudes"


def _refused_observable(observable: PauliSum | ArrayObservable, kind: str) -> str | None:
    if isinstance(observable, PauliSum):
        real = kind == "expectation" or observable.hermitian
        return None if real else "the variance of a Pauli sum with complex weights"
    most = {MatrixObservable: _MATRIX_QUBITS, DiagonalObservable: _DIAGONAL_QUBITS}
    limit = most.get(type(observable))
    name = type(observable).__name__
    if limit is None:
        return f"a {name}; write it as a PauliSum"
    width = len(observable.support(0))
    return f"a {name} on {width} qubits; possible are up to {limit}" if width > limit else None


@dataclass(eq=False)
class SavedSums:
    """The sums that a save point needs.

    Attributes:
        save: The save point, on simulated qubits.
        sums: The sums, in the order of the values that `value` takes.
    """

    save: Save
    sums: list[Terms] = field(default_factory=list)

    @staticmethod
    def of(save: Save, num_qubits: int) -> SavedSums:
        """Write a save point as sums of strings."""
        result = SavedSums(save)
        qubits = save.qubits or tuple(range(num_qubits))
        if save.kind in ("probabilities", "density_matrix"):
            x_values = range(1 << len(qubits) if save.kind == "density_matrix" else 1)
            result.sums = [
                {PauliString(spread(x, qubits), spread(z, qubits)): 1.0}
                for x in x_values
                for z in range(1 << len(qubits))
            ]
            return result
        for observable in listed(save.observable or PauliSum(())):
            result.sums.append(_terms(observable))
            if save.kind == "variance":
                assert not isinstance(observable, SparseObservable), "others are refused"
                result.sums.append(_terms(observable.squared()))
        return result

    def value(
        self, values: NDArray[np.complex128], errors: NDArray[np.float64]
    ) -> tuple[Any, float]:
        """Return the value for a `SaveSink`, and a bound on the error of each number it keeps.

        Args:
            values: complex128 ``(len(sums),)``.
            errors: Bounds on their errors, float64 ``(len(sums),)``.
        """
        save = self.save
        if save.kind == "probabilities":
            return signed_sums(values.real) / len(values), float(errors.mean())
        if save.kind == "density_matrix":
            size = round(len(values) ** 0.5)
            strings = values.reshape(size, size)
            # An entry takes the strings of one x mask.
            bound = float(errors.reshape(size, size).sum(axis=1).max()) / size
            return matrix_of(strings), bound
        single = not isinstance(save.observable, ObservableList)
        if save.kind == "variance":
            means, squares = values[::2], values[1::2].real
            # |a|**2 - |b|**2 <= |a - b| (2 |b| + |a - b|)
            bounds = errors[1::2] + errors[::2] * (2 * np.abs(means) + errors[::2])
            found: NDArray[Any] = squares - np.abs(means) ** 2
            if save.subtype == "average":  # see `quasim_backend.engines.averages`
                found = np.stack([squares, means.real, means.imag], axis=1)
        else:
            bounds = errors
            hermitian = save.observable is None or save.observable.hermitian
            found = values.real if hermitian else values
        worst = float(bounds.max(initial=0.0))
        if not single:
            return found, worst
        return (found[0].item() if found.ndim == 1 else found[0]), worst


def _terms(observable: PauliSum | ArrayObservable) -> Terms:
    if isinstance(observable, PauliSum):
        return _collected(observable)
    if isinstance(observable, DiagonalObservable):
        weights = signed_sums(observable.values) / len(observable.values)
        own = observable.qubits
        return {PauliString(0, spread(z, own)): float(w) for z, w in enumerate(weights) if w}
    assert isinstance(observable, MatrixObservable), "others are refused"
    own, size = observable.qubits, len(observable.matrix)
    columns = np.arange(size)
    terms: Terms = {}
    for x in range(size):
        # Tr(P M): P takes column c to row c ^ x with i**|x&z| (-1)**(z.c).
        sums = signed_sums(observable.matrix[columns, columns ^ x]) / size
        for z, weight in enumerate(sums * 1j ** np.bitwise_count(x & columns)):
            if weight:
                terms[PauliString(spread(x, own), spread(z, own))] = complex(weight)
    return terms


def _collected(observable: PauliSum) -> Terms:
    terms: Terms = {}
    for weight, string in observable.terms:
        terms[string] = terms.get(string, 0) + weight
    return {string: weight for string, weight in terms.items() if weight}


def matrix_of(strings: NDArray[Any]) -> NDArray[np.complex128]:
    """Return ``rho = sum_P <P> P / 2**k`` of values ``[x, z]``."""
    size = len(strings)
    columns = np.arange(size)
    rows = columns[:, None]
    rho = np.empty((size, size), np.complex128)
    # P takes column c to row c ^ x with i**|x&z| (-1)**(z.c).
    rho[rows ^ columns, columns] = signed_sums(strings * 1j ** np.bitwise_count(rows & columns))
    return rho / size

"""Observables as users give them: read, checked, moved to the qubits that are simulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import CircuitError, UnsupportedError
from quasim_backend.ir.array_observables import (
    ArrayObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
    SparseObservable,
)
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = [
    "Observable",
    "ObservableTerms",
    "PauliObservable",
    "check_observables",
    "check_pauli_sums",
    "flipped_qubits",
    "on_simulated",
]

PauliObservable: TypeAlias = str | PauliString | PauliSum | Mapping[str, complex]
Observable: TypeAlias = PauliObservable | ArrayObservable

ObservableT = TypeVar("ObservableT", PauliSum, ObservableList)

_ONE_OBSERVABLE = (
    str,
    PauliString,
    PauliSum,
    Mapping,
    MatrixObservable,
    DiagonalObservable,
    SparseObservable,
)


def on_simulated(compiled: CompiledCircuit, observable: ObservableT) -> ObservableT:
    """Move an observable to the simulated qubits, given that idle ones are in ``|0>``."""
    if compiled.num_qubits == compiled.original_qubits:
        return observable
    return observable.on({q: i for i, q in enumerate(compiled.qubits)})


def flipped_qubits(observables: Sequence[PauliSum | ArrayObservable]) -> frozenset[int]:
    """Return the qubits that observables may take out of ``|0>``; of matrices, all they act on."""
    flips, qubits = 0, set[int]()
    for observable in observables:
        if isinstance(observable, PauliSum):
            for _, string in observable.terms:
                flips |= string.x
        elif isinstance(observable, MatrixObservable):
            qubits.update(observable.qubits)
    return frozenset(qubits | {q for q in range(flips.bit_length()) if flips >> q & 1})


def check_pauli_sum(value: PauliObservable, num_qubits: int) -> PauliSum:
    """Read a sum of Pauli strings; a label must have one letter for each qubit."""
    if isinstance(value, MatrixObservable | DiagonalObservable | SparseObservable):
        raise UnsupportedError(
            f"Gradients take sums of Pauli strings; {type(value).__name__} has expectation values "
            f"and variances only. Write it as a PauliSum."
        )
    labels = [value] if isinstance(value, str) else value if isinstance(value, Mapping) else ()
    for label in labels:
        if len(label) != num_qubits:
            raise CircuitError(
                f"The Pauli label {label!r} has {len(label)} letters; the circuit has "
                f"{num_qubits} qubits. Write one letter for each, 'I' where nothing is measured; "
                f"the leftmost is for the highest qubit."
            )
    observable = PauliSum.of(value)
    observable.check(num_qubits)
    return observable


def check_pauli_sums(
    given: PauliObservable | Sequence[PauliObservable], num_qubits: int
) -> list[PauliSum]:
    """Read one sum of Pauli strings or several; see `check_pauli_sum`."""
    return [check_pauli_sum(o, num_qubits) for o in _several(given)]


def check_observables(
    given: Observable | Sequence[Observable], num_qubits: int
) -> list[PauliSum | ArrayObservable]:
    """Read one observable of any kind or several; see `check_pauli_sum`."""
    checked: list[PauliSum | ArrayObservable] = []
    for observable in _several(given):
        if isinstance(observable, MatrixObservable | DiagonalObservable | SparseObservable):
            observable.check(num_qubits)
            checked.append(observable)
        else:
            checked.append(check_pauli_sum(observable, num_qubits))
    return checked


def _several(given: Any) -> Iterable[Any]:
    """Return observables as they were given, one or several.

    Raises:
        CircuitError: If it is nothing that holds observables.
    """
    if isinstance(given, _ONE_OBSERVABLE):
        return (given,)
    if not isinstance(given, Iterable):
        return (PauliSum.of(given),)  # which says what an observable is
    return given


@dataclass(frozen=True, eq=False)
class ObservableTerms:
    """The strings of several observables as one list.

    Attributes:
        x_masks: uint64 ``(terms,)``.
        z_masks: uint64 ``(terms,)``.
        weights: complex128 ``(terms,)``.
        start: Observable ``i`` is the terms ``start[i]`` to ``start[i + 1]``.
    """

    x_masks: NDArray[np.uint64]
    z_masks: NDArray[np.uint64]
    weights: NDArray[np.complex128]
    start: tuple[int, ...]

    @classmethod
    def of(cls, observables: Sequence[PauliSum]) -> ObservableTerms:
        """Put the observables' strings one after the other."""
        masks = [observable.masks() for observable in observables]
        start = np.cumsum([0, *(len(x) for x, _ in masks)]).tolist()
        none = np.empty(0, np.uint64)
        return cls(
            np.concatenate([none, *(x for x, _ in masks)]),
            np.concatenate([none, *(z for _, z in masks)]),
            np.concatenate([np.empty(0, np.complex128), *(o.weights() for o in observables)]),
            tuple(start),
        )

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Add up strings' values.

        Args:
            values: float64 ``(..., terms)``.

        Returns:
            complex128 ``(..., observables)``; each row of a batch as it would come out alone.
        """
        weighted = values * self.weights
        result = np.empty((*values.shape[:-1], len(self.start) - 1), np.complex128)
        for i, (first, last) in enumerate(zip(self.start, self.start[1:], strict=False)):
            # A sum over contiguous rows adds in the same order whatever the number of rows.
            result[..., i] = np.ascontiguousarray(weighted[..., first:last]).sum(axis=-1)
        return result

"""Observables as users give them: read, checked, moved to the qubits that are simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

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
    "PauliObservable",
    "check_observables",
    "check_pauli_sums",
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
    several = [given] if isinstance(given, _ONE_OBSERVABLE) else given
    return [check_pauli_sum(o, num_qubits) for o in several]


def check_observables(
    given: Observable | Sequence[Observable], num_qubits: int
) -> list[PauliSum | ArrayObservable]:
    """Read one observable of any kind or several; see `check_pauli_sum`."""
    several = [given] if isinstance(given, _ONE_OBSERVABLE) else given
    checked: list[PauliSum | ArrayObservable] = []
    for observable in several:
        if isinstance(observable, MatrixObservable | DiagonalObservable | SparseObservable):
            observable.check(num_qubits)
            checked.append(observable)
        else:
            checked.append(check_pauli_sum(observable, num_qubits))
    return checked

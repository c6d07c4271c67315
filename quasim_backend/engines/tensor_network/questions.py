"""What a run wants to know, as questions that one network each answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.wires import Wires
from quasim_backend.ir.array_observables import (
    AnyObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
    listed,
)
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = [
    "Answers",
    "Question",
    "amplitude_groups",
    "amplitudes_question",
    "density_matrix",
    "expectation",
    "observable_refusal",
    "probabilities",
    "state",
]

_TOGETHER = 5
"""Qubits up to which terms with one support are one operator."""
_TOGETHER_DIAGONAL = 10
"""The same for terms of Z only."""
_OPEN = 14
"""Qubits that are left open where several amplitudes are wanted."""
_MATRIX = 8
"""Widest matrix observable."""


@dataclass(frozen=True, eq=False)
class Question:
    """A network, described.

    Attributes:
        key: Equal for questions with the same answer.
        events: It is about the state after so many events.
        doubled: Whether it is about the density matrix; else about amplitudes.
        ask: Puts it to the wires at that time.
        again: Whether it is put more than once, with other bits.
    """

    key: Hashable
    events: int
    doubled: bool
    ask: Callable[[Wires], None]
    again: bool = False


Answers: TypeAlias = Callable[[Question, Sequence[int]], Array]
"""Returns the answer to a question, given the bits that it leaves to be given."""


# --- states and distributions -------------------------------------------------------------------


def state(num_qubits: int, events: int) -> Question:
    """All amplitudes: ``(2,) * n``, highest qubit first."""

    def ask(wires: Wires) -> None:
        wires.network.open = wires.ask_diagonal(range(num_qubits))[::-1]

    return Question(("state", events), events, False, ask)


def probabilities(qubits: tuple[int, ...], events: int) -> Question:
    """The distribution of some qubits: ``(2,) * k``, last of them first."""

    def ask(wires: Wires) -> None:
        wires.network.open = wires.ask_diagonal(qubits)[::-1]

    return Question(("probabilities", qubits, events), events, True, ask)


def density_matrix(qubits: tuple[int, ...], events: int) -> Question:
    """The reduced density matrix: ``(2,) * 2k``, rows first, last qubit first."""
    count = len(qubits)

    def ask(wires: Wires) -> None:
        indices = wires.ask_matrix(qubits)
        wires.network.open = (*indices[:count][::-1], *indices[count:][::-1])

    return Question(("density_matrix", qubits, events), events, True, ask)


def amplitudes_question(
    num_qubits: int, open_mask: int, events: int, *, again: bool = False
) -> Question:
    """Amplitudes ``(2,) * k`` over the qubits of a mask, highest first; the others' bits given."""

    def ask(wires: Wires) -> None:
        indices = wires.ask_diagonal(range(num_qubits))
        opened = [i for q, i in enumerate(indices) if open_mask >> q & 1]
        wires.network.open = tuple(reversed(opened))
        wires.network.bits = tuple(i for q, i in enumerate(indices) if not open_mask >> q & 1)

    return Question(("amplitudes", open_mask, events), events, False, ask, again)


def amplitude_groups(indices: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Put basis states into groups that differ in few qubits.

    Returns:
        For each group the mask of the qubits in which its members differ, and the positions of
        its members in ``indices``.
    """
    order = sorted(range(len(indices)), key=lambda k: indices[k])
    groups: list[tuple[int, list[int]]] = []
    for k in order:
        if groups:
            mask, members = groups[-1]
            wider = mask | (indices[members[0]] ^ indices[k])
            # Open qubits that double the work must be worth it.
            width = wider.bit_count()
            if width <= _OPEN and 1 << width <= 64 * (len(members) + 1):
                groups[-1] = (wider, [*members, k])
                continue
        groups.append((0, [k]))
    return groups


# --- observables --------------------------------------------------------------------------------


def observable_refusal(observable: AnyObservable | None) -> str | None:
    """Return why an observable's mean cannot be had from a network, or None."""
    if isinstance(observable, ObservableList):
        reasons = [observable_refusal(o) for o in observable.observables]
        return next((r for r in reasons if r), None)
    if isinstance(observable, MatrixObservable | DiagonalObservable):
        width = len(observable.qubits)
        most = _MATRIX if isinstance(observable, MatrixObservable) else 2 * _MATRIX
        if width > most:
            return (
                f"{type(observable).__name__} on {width} qubits; tensor networks take at most "
                f"{most}. Write it as a PauliSum"
            )
        return None
    if observable is None or isinstance(observable, PauliSum):
        return None
    return f"{type(observable).__name__} is for state vectors; write it as a PauliSum"


def expectation(observable: AnyObservable, events: int) -> list[list[tuple[complex, Question]]]:
    """Return, for each observable of a list or the only one, weighted questions to add up."""
    return [_mean(o, events) for o in listed(observable)]


def _mean(observable: Any, events: int) -> list[tuple[complex, Question]]:
    if isinstance(observable, PauliSum):
        return _pauli_sum(observable, events)
    if isinstance(observable, DiagonalObservable):
        values = observable.values.astype(complex)
        return [(1.0, _diagonal(observable.qubits, values, events))]
    assert isinstance(observable, MatrixObservable)
    return [(1.0, _operator(observable.qubits, observable.matrix, events))]


def _pauli_sum(observable: PauliSum, events: int) -> list[tuple[complex, Question]]:
    """Terms with one support have one light cone: they are one question."""
    supports: dict[int, dict[PauliString, complex]] = {}
    for weight, string in observable.terms:
        group = supports.setdefault(string.x | string.z, {})
        group[string] = group.get(string, 0) + weight
    questions: list[tuple[complex, Question]] = []
    for mask, terms in supports.items():
        qubits = tuple(q for q in range(mask.bit_length()) if mask >> q & 1)
        diagonal = not any(string.x for string in terms)
        if len(terms) > 1 and diagonal and len(qubits) <= _TOGETHER_DIAGONAL:
            values = _matrix_diagonal(terms, qubits)
            questions.append((1.0, _diagonal(qubits, values, events)))
        elif len(terms) > 1 and len(qubits) <= _TOGETHER:
            questions.append((1.0, _operator(qubits, _dense(terms, qubits), events)))
        else:
            questions += [(w, _string(string, events)) for string, w in terms.items()]
    return questions


def _string(string: PauliString, events: int) -> Question:
    return Question(("pauli", string, events), events, True, lambda w: w.ask_pauli(string))


def _diagonal(qubits: tuple[int, ...], values: NDArray[Any], events: int) -> Question:
    """A diagonal operator ``(2**k,)``, first qubit lowest."""
    tensor = values.reshape((2,) * len(qubits)).transpose()

    def ask(wires: Wires) -> None:
        wires.ask_diagonal(qubits, tensor)

    return Question(("diagonal", qubits, values.tobytes(), events), events, True, ask)


def _operator(qubits: tuple[int, ...], matrix: NDArray[Any], events: int) -> Question:
    def ask(wires: Wires) -> None:
        wires.ask_matrix(qubits, matrix)

    return Question(("operator", qubits, matrix.tobytes(), events), events, True, ask)


def _matrix_diagonal(
    terms: dict[PauliString, complex], qubits: tuple[int, ...]
) -> NDArray[np.complex128]:
    index = np.arange(1 << len(qubits))
    values = np.zeros(len(index), complex)
    for string, weight in terms.items():
        parity = np.zeros(len(index), np.int64)
        for place, q in enumerate(qubits):
            if string.z >> q & 1:
                parity ^= index >> place & 1
        values += weight * (1 - 2 * parity)
    return values


def _dense(terms: dict[PauliString, complex], qubits: tuple[int, ...]) -> NDArray[np.complex128]:
    index = np.arange(1 << len(qubits))
    matrix = np.zeros((len(index),) * 2, complex)
    for string, weight in terms.items():
        x = sum(1 << place for place, q in enumerate(qubits) if string.x >> q & 1)
        z = PauliString(0, string.z)
        signs = _matrix_diagonal({z: 1.0}, qubits)
        matrix[index ^ x, index] += weight * 1j ** (string.x & string.z).bit_count() * signs
    return matrix

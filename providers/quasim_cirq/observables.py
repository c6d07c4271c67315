"""Cirq's observables as Pauli sums of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cirq

from quasim_backend.ir import PauliString, PauliSum

__all__ = ["lower_observables"]

_LETTERS = {cirq.X: "X", cirq.Y: "Y", cirq.Z: "Z"}


def lower_observables(
    observables: Sequence[Any], index: Mapping[cirq.Qid, int]
) -> list[PauliSum] | None:
    """Translate observables.

    Args:
        observables: What `cirq.PauliSum.wrap` takes.
        index: Our qubit of each of Cirq's.

    Returns:
        The sums; None where Cirq has to say what is wrong with one: it is not Hermitian, or it acts
        on a qubit that is not there.
    """
    found: list[PauliSum] = []
    for observable in observables:
        terms: list[tuple[complex, PauliString]] = []
        for term in cirq.PauliSum.wrap(observable):
            coefficient = complex(term.coefficient)
            if abs(coefficient.imag) > 1e-4 or any(q not in index for q in term.qubits):
                return None
            letters = {index[q]: _LETTERS[pauli] for q, pauli in term.items()}
            terms.append((coefficient, PauliString.from_letters(letters)))
        found.append(PauliSum(tuple(terms)))
    return found

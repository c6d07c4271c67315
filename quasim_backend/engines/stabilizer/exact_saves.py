"""Save points of straight circuits, as exact averages over outcomes and noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_sums import matrix_of
from quasim_backend.engines.stabilizer.heisenberg import string_values
from quasim_backend.engines.stabilizer.trace import Event
from quasim_backend.engines.walsh import signed_sums
from quasim_backend.ir.array_observables import ObservableList, listed
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.base import CancelToken

__all__ = ["assembled", "exact_value", "num_strings", "save_problem", "strings_of"]

_MOST_STRINGS = 1 << 20
"""Pauli strings of one save."""


def save_problem(save: Save, num_qubits: int) -> str | None:
    """Return why a save point is not for stabilizer states, or None."""
    if save.kind in ("expectation", "variance"):
        if not all(isinstance(o, PauliSum) for o in _observables(save)):
            return (
                f"expectation values here are of Pauli strings, and save '{save.label}' has an "
                f"observable given as an array; write it as a PauliSum"
            )
        return None
    width = len(save.qubits) or num_qubits
    count = {"probabilities": 1, "density_matrix": 2}.get(save.kind, 0) * width
    if count > _MOST_STRINGS.bit_length() - 1:
        return (
            f"save '{save.label}' asks for the {save.kind} of {width} qubits; possible are "
            f"{20 if save.kind == 'probabilities' else 10}"
        )
    return None


def _observables(save: Save) -> tuple[Any, ...]:
    return listed(save.observable or PauliSum(()))


def num_strings(save: Save, num_qubits: int) -> int:
    """Return about how many strings `strings_of` gives; never fewer."""
    width = len(save.qubits) or num_qubits
    if save.kind in ("probabilities", "density_matrix"):
        return 1 << min(width * (1 if save.kind == "probabilities" else 2), 62)
    terms = [len(o.terms) for o in _observables(save) if isinstance(o, PauliSum)]
    return sum(terms) + (sum(t * t for t in terms) if save.kind == "variance" else 0)


def strings_of(save: Save, num_qubits: int) -> list[PauliString]:
    """Return the strings that `exact_value` needs the values of."""
    qubits = save.qubits or tuple(range(num_qubits))
    if save.kind == "probabilities":
        return [PauliString(0, z) for z in _spread(qubits)]
    if save.kind == "density_matrix":
        masks = _spread(qubits)
        return [PauliString(x, z) for x, z in product(masks, masks)]
    sums = _observables(save)
    if save.kind == "variance":
        sums = (*sums, *(o.squared() for o in sums))
    return list(dict.fromkeys(string for o in sums for _, string in o.terms))


def _spread(qubits: Sequence[int]) -> list[int]:
    """Return the masks of all subsets of qubits; bit ``i`` of the position is ``qubits[i]``."""
    masks = [0]
    for q in qubits:
        masks += [mask | 1 << q for mask in masks]
    return masks


def exact_value(save: Save, num_qubits: int, events: Sequence[Event], cancel: CancelToken) -> Any:
    """Return the value of a save point after the events, as an exact average.

    Args:
        save: Of one of `quasim_backend.ir.instructions.VALUE_KINDS`.
        num_qubits: Simulated qubits.
        events: What happens before it.
        cancel: Stops the work.

    Raises:
        Cancelled: If the token was set.
    """
    strings = strings_of(save, num_qubits)
    return assembled(save, num_qubits, strings, string_values(strings, num_qubits, events, cancel))


def assembled(
    save: Save, num_qubits: int, strings: Sequence[PauliString], values: NDArray[np.float64]
) -> Any:
    """Put the values of strings, which are `strings_of` the save, together."""
    width = len(save.qubits) or num_qubits
    if save.kind == "probabilities":
        return np.maximum(signed_sums(values) / 2**width, 0.0)
    if save.kind == "density_matrix":
        return matrix_of(values.reshape(1 << width, 1 << width))
    number = {string: i for i, string in enumerate(strings)}

    def mean(observable: PauliSum) -> complex:
        own = values[[number[string] for _, string in observable.terms]]
        return complex(np.dot(observable.weights(), own))

    sums = _observables(save)
    means = np.array([mean(o) for o in sums], np.complex128)
    found: Any = means
    if save.kind == "variance":
        squares = np.array([mean(o.squared()).real for o in sums])
        found = squares - np.abs(means) ** 2
    elif save.observable is None or save.observable.hermitian:
        found = means.real
    if isinstance(save.observable, ObservableList):
        return found
    return found[0].item()

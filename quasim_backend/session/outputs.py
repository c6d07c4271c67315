"""What is read off a run: observables on simulated qubits, saves and measurements at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import CircuitError, OptionError, near_matches
from quasim_backend.ir.instructions import Measure, Save
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = [
    "Observable",
    "as_saves",
    "check_observable",
    "check_observables",
    "measure_all",
    "on_simulated",
]

Observable: TypeAlias = str | PauliString | PauliSum | Mapping[str, complex]

_PLAIN_SAVES = ("statevector", "density_matrix", "probabilities")


def on_simulated(compiled: CompiledCircuit, observable: PauliSum) -> PauliSum:
    """Move an observable to the simulated qubits, given that idle ones are in ``|0>``."""
    if compiled.num_qubits == compiled.original_qubits:
        return observable
    place = {q: i for i, q in enumerate(compiled.qubits)}
    kept = sum(1 << q for q in compiled.qubits)
    return PauliSum(
        tuple(
            (weight, PauliString(string.x, string.z & kept).on(place))
            for weight, string in observable.terms
            if not string.x & ~kept  # <0|X|0> = <0|Y|0> = 0, and <0|Z|0> = 1
        )
    )


def check_observable(value: Observable, num_qubits: int) -> PauliSum:
    """Read an observable; a label must have one letter for each qubit."""
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


def check_observables(given: Observable | Sequence[Observable], num_qubits: int) -> list[PauliSum]:
    """Read one observable or several; see `check_observable`."""
    several = [given] if isinstance(given, str | PauliString | PauliSum | Mapping) else given
    return [check_observable(o, num_qubits) for o in several]


def as_saves(save: str | Save | Sequence[str | Save]) -> tuple[Save, ...]:
    """Read the ``save`` argument of a run."""
    items = [save] if isinstance(save, str | Save) else list(save)
    return tuple(item if isinstance(item, Save) else _plain_save(item) for item in items)


@cache
def _plain_save(kind: str) -> Save:
    # One record a kind, so that the compiler recognises the circuit when it comes again.
    if kind not in _PLAIN_SAVES:
        raise OptionError(
            f"save={kind!r} is not possible by name. {near_matches(str(kind), _PLAIN_SAVES)} For "
            f"other kinds give a quasim_backend.Save."
        )
    return Save(kind, kind)


@cache
def measure_all(num_qubits: int) -> Measure:
    """Return the measurement of every qubit into the bit of its number; one record a width."""
    return Measure(tuple(range(num_qubits)), tuple(range(num_qubits)))

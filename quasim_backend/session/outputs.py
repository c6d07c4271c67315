"""What a run adds to the end of a circuit: saves, and a measurement of every qubit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from quasim_backend.errors import OptionError, near_matches
from quasim_backend.ir.instructions import Measure, Save

__all__ = ["as_saves", "measure_all"]

_PLAIN_SAVES = ("statevector", "density_matrix", "probabilities")


def as_saves(save: str | Save | Sequence[str | Save]) -> tuple[Save, ...]:
    """Read the ``save`` argument of a run.

    Raises:
        OptionError: If it is nothing to save, or a name that does not say enough.
    """
    items = [save] if isinstance(save, str | Save) else save
    if not isinstance(items, Iterable):
        raise _impossible(save)
    return tuple(item if isinstance(item, Save) else _by_name(item) for item in items)


def _by_name(item: object) -> Save:
    if not isinstance(item, str):
        raise _impossible(item)
    return _plain_save(item)


def _impossible(save: object) -> OptionError:
    return OptionError(
        f"save={save!r} is not possible. Give one of {', '.join(map(repr, _PLAIN_SAVES))}, a "
        f"quasim_backend.Save for other kinds, or a sequence of these."
    )


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

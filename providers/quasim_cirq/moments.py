"""Cirq's moments in a list of instructions, where a moment is as early as it can be.

Noise of moments and of time depends on which operations are at the same time. Cirq says it; in our
circuits it follows from the order, and a barrier is put where Cirq's moment begins later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cirq

from quasim_cirq.parameters import NeedsValues

__all__ = ["MomentClock", "nanoseconds"]


class MomentClock:
    """Follows moments: which one each qubit has reached, were there no barriers but those told."""

    def __init__(self) -> None:
        """Start before the first moment."""
        self._number = 0
        self._aligned = 0
        self._reached: dict[int, int] = {}

    def must_wait(self, operations: Iterable[Sequence[int]], *, aligns: bool = False) -> bool:
        """Take the next moment; return whether a barrier has to be put before it.

        Args:
            operations: The qubits of each operation in it. Without any it is no moment.
            aligns: Whether something in it makes all qubits wait for each other.
        """
        groups = [tuple(qubits) for qubits in operations]
        if not groups:
            return False
        starts = [max(self._reached.get(q, self._aligned) for q in g) for g in groups if g]
        waits = any(start < self._number for start in starts)
        if waits:
            self._aligned = self._number
            self._reached.clear()
        self._number += 1
        self._reached.update({q: self._number for group in groups for q in group})
        if aligns:
            self._aligned = self._number
            self._reached.clear()
        return waits


def nanoseconds(gate: Any) -> float:
    """Return how long a `cirq.WaitGate` waits.

    Raises:
        NeedsValues: If it waits for as long as a symbol says.
    """
    found = gate.duration.total_nanos()
    if cirq.is_parameterized(found):
        raise NeedsValues
    return float(found)

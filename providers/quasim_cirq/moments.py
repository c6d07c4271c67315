"""Cirq's moments in a list of instructions, where a moment is as early as it can be.

Noise of moments and of time depends on which operations are at the same time. Cirq says it; in our
circuits it follows from the order, and a barrier is put where Cirq's moment begins later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cirq

from quasim_backend.ir import Gate
from quasim_backend.ir.instructions import Barrier, Delay, GateOp, If, Instruction, Measure, Reset
from quasim_cirq.parameters import NeedsValues

__all__ = ["MomentClock", "as_moment", "nanoseconds"]


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


def as_moment(
    layer: Iterable[cirq.Operation],
    instructions: list[Instruction],
    index: dict[cirq.Qid, int],
    clock: MomentClock,
) -> list[Instruction]:
    """Return the instructions of a moment with what else keeps it a moment.

    What does nothing becomes a delay or an identity, and a barrier goes first where needed.

    Args:
        layer: Cirq's operations.
        instructions: Their translation.
        index: Our qubit of each of Cirq's.
        clock: Follows the moments of the circuit; it is moved on.
    """
    placed = [i for i in instructions if isinstance(i, GateOp | Measure | Reset)]
    touched = {q for i in instructions if not isinstance(i, If) for q in i.qubits}  # type: ignore[union-attr]
    waits: list[Instruction] = []
    operations = list(layer)
    for operation in operations:
        places = tuple([index[q] for q in operation.qubits])
        if places and touched.isdisjoint(places) and not operation.classical_controls:
            waits.append(_waiting(operation, places))
    if not operations and index:
        waits.append(Delay(tuple(index.values()), 0.0))
    groups = [i.qubits for i in (*placed, *waits)]  # type: ignore[union-attr]
    aligns = any(isinstance(i, If) for i in instructions)
    barrier = [Barrier(())] if clock.must_wait(groups, aligns=aligns) else []
    return [*barrier, *instructions, *waits]


def _waiting(operation: cirq.Operation, places: tuple[int, ...]) -> Instruction:
    """Return what stands for an operation that does nothing to the state."""
    gate = operation.gate
    if isinstance(gate, cirq.IdentityGate) and len(places) == 1:
        return GateOp(Gate.named("id"), places)
    seconds = nanoseconds(gate) * 1e-9 if isinstance(gate, cirq.WaitGate) else 0.0
    return Delay(places, seconds)


def nanoseconds(gate: Any) -> float:
    """Return how long a `cirq.WaitGate` waits.

    Raises:
        NeedsValues: If it waits for as long as a symbol says.
    """
    found = gate.duration.total_nanos()
    if cirq.is_parameterized(found):
        raise NeedsValues
    return float(found)

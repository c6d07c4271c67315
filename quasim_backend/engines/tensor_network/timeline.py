"""Gate code as a history of events that a network can go back over, with its save points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from quasim_backend.compile.code import (
    AssignStep,
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
)
from quasim_backend.engines.doubled_circuit import reads_outcomes
from quasim_backend.engines.tensor_network.pieces import MAX_RANK, pieces_of
from quasim_backend.engines.tensor_network.wires import Outcome, Wires
from quasim_backend.errors import QuasimError
from quasim_backend.ir.instructions import ChannelOp, Save

__all__ = ["EVENTS", "Event", "Timeline", "refusal_of"]

Event: TypeAlias = GatesStep | InitializeStep | MeasureStep | ResetStep | SampleStep | SetStateStep
_OTHERS = "Use 'statevector' or 'matrix_product_state'"
EVENTS = (GatesStep, InitializeStep, MeasureStep, ResetStep, SetStateStep)


@dataclass(eq=False)
class Timeline:
    """What happens in a circuit whose course depends on nothing measured.

    Attributes:
        num_qubits: Simulated qubits.
        events: In the order they act; samples are one only where something is saved after them.
        pure: For each number of events, whether the state after them is a state vector.
        saves: Save points, with the number of events before each, and the memory's value.
        outcomes: What is measured, in order; no outcome twice.
        memory: Classical bits that do not depend on chance, as an integer.
    """

    num_qubits: int
    events: list[Event] = field(default_factory=list)
    pure: list[bool] = field(default_factory=lambda: [True])
    saves: list[tuple[Save, int, int]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    memory: int = 0

    @classmethod
    def of(cls, code: CompiledCircuit) -> Timeline:
        """Read gate code that `refusal_of` has nothing against; the code keeps what was read."""
        known: Timeline | None = code.cache.get("timeline")
        if known is not None:
            return known
        timeline = cls(len(code.qubits))
        variables: list[Any] = list(code.initial_variables)
        prepares = any(isinstance(step, InitializeStep) for step in code.steps)
        fresh = set(range(len(code.qubits))) if code.starts_at_zero and prepares else set()
        drawn: SampleStep | None = None
        for step in code.steps:
            if isinstance(step, SaveStep):
                if drawn is not None:  # an average over outcomes, of a state without coherences
                    timeline._append(drawn, fresh)
                    drawn = None
                timeline.saves.append((step.save, len(timeline.events), timeline.memory))
            elif isinstance(step, SampleStep):
                timeline._measure(step.qubits)
                drawn = step
            elif isinstance(step, AssignStep):
                value = step.value(timeline.memory, variables)
                if step.slot >= 0:
                    variables[step.slot] = value
                else:
                    for i, c in enumerate(step.clbits):
                        bit = int(value) >> i & 1
                        timeline.memory = timeline.memory & ~(1 << c) | bit << c
            elif isinstance(step, EVENTS):
                timeline._append(step, fresh)
        code.cache["timeline"] = timeline
        return timeline

    def _append(self, step: Event, fresh: set[int]) -> None:
        pure = self.pure[-1]
        if isinstance(step, MeasureStep):
            self._measure(step.qubits)
        if isinstance(step, SetStateStep):
            pure = True
            fresh.clear()
        elif isinstance(step, GatesStep):
            pure &= not step.has_channels
            if fresh:
                fresh.difference_update(*(o.qubits for o in step.operations))
        else:
            pure &= isinstance(step, InitializeStep) and fresh.issuperset(step.qubits)
            fresh.difference_update(step.qubits)
        self.events.append(step)
        self.pure.append(pure)

    def _measure(self, qubits: Iterable[int]) -> None:
        self.outcomes += [(len(self.events), q) for q in sorted(set(qubits))]

    def go_back(self, wires: Wires, count: int, initial_state: Any = None) -> None:
        """Take wires from after ``count`` events back to the start."""
        for number in reversed(range(count)):
            event = self.events[number]
            if isinstance(event, GatesStep):
                wires.sources = event.sources
                wires.before(event.operations)
            elif isinstance(event, ResetStep):
                wires.before_reset(event.qubits)
            elif isinstance(event, MeasureStep | SampleStep):
                wires.before_measurement(event.qubits, number)
            elif isinstance(event, InitializeStep):
                wires.before_state(event.qubits, event.amplitudes)
            else:
                wires.before_state(range(self.num_qubits), event.amplitudes)
                if not wires.looks_for_outcomes:
                    return
        if initial_state is not None:
            wires.before_state(range(self.num_qubits), initial_state)


def refusal_of(code: CompiledCircuit, shots: int) -> str | None:
    """Return why code cannot be read as a timeline, or None."""
    first = 0
    measured = False
    for step in code.steps:
        if isinstance(step, GatesStep):
            reason = _gates_refusal(step, first)
            if reason is not None:
                return reason
            first += len(step.operations)
        elif isinstance(step, MeasureStep):
            measured = True
            if reads_outcomes(code):
                return (
                    f"what is done after qubits {step.qubits} are measured depends on the outcome, "
                    f"and a tensor network has one course only. {_OTHERS}"
                )
        elif isinstance(step, AssignStep):
            if measured and step.slot >= 0 and step.reads != ():
                return f"a variable stores what was measured before the end. {_OTHERS}"
        elif isinstance(step, SaveStep):
            if measured and shots and step.save.subtype != "average":
                return (
                    f"save '{step.save.label}' is of single shots after a measurement, and a "
                    f"tensor network averages over the outcomes; use subtype='average'"
                )
        elif not isinstance(step, (SampleStep, *EVENTS)):
            return (
                f"the circuit has control flow, and a tensor network has one course only. {_OTHERS}"
            )
    return None


def _gates_refusal(step: GatesStep, first: int) -> str | None:
    if any(source < 0 for source in step.sources.values()):
        return "a gate depends on the number of a loop's round"
    seen: set[int] = set()
    for number, operation in enumerate(step.operations):
        if isinstance(operation, ChannelOp):
            if 4 * len(operation.qubits) > MAX_RANK:
                return (
                    f"channel '{operation.channel.name}' (operation {first + number}) acts on "
                    f"{len(operation.qubits)} qubits; possible are {MAX_RANK // 4}"
                )
            continue
        gate = operation.gate
        if id(gate) in seen or (gate.data is None and gate.num_qubits <= MAX_RANK // 2):
            continue
        seen.add(id(gate))
        try:
            pieces_of(gate)
        except QuasimError as error:
            return f"gate '{gate.name}' (operation {first + number}): {error}"
    return None

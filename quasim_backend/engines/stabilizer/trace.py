"""What a circuit does, written out: loops unrolled, measured bits as numbers of their records.

That is possible where no outcome decides the further course other than by Paulis: for straight
code, loops with a known number of rounds, and Paulis conditioned on the parity of measured bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    AssignStep,
    BranchStep,
    CompiledCircuit,
    ForStep,
    Function,
    GatesStep,
    JumpStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    Step,
    SwitchStep,
)
from quasim_backend.engines.stabilizer.clifford import CliffordForm, clifford_form
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.expr import Value
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, Save
from quasim_backend.ir.parameters import Parameter

__all__ = ["Event", "Gates", "Measured", "Pauli", "Reset", "Saved", "Trace", "trace_of"]

_MOST_STEPS = 1_000_000
_MOST_OPERATIONS = 10_000_000
"""Loops are written out up to here."""
_MOST_READ = 6
"""Bits of a condition whose table of values is looked at."""


@dataclass(frozen=True, eq=False, slots=True)
class Gates:
    """Gates and channels, with values for the gates' parameters."""

    step: GatesStep
    values: dict[Parameter, float]

    def form(self, gate: Gate) -> CliffordForm:
        """Return the form of a gate that is known to be Clifford."""
        form = clifford_form(gate.bound(self.values) if gate.parameters else gate)
        assert form is not None, "the engine refuses other gates"
        return form


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """Qubits measured in the Z basis, and the probability that each record is the opposite.

    The records are numbered on from those before.
    """

    qubits: tuple[int, ...]
    flips: tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Reset:
    """Qubits brought to ``|0>``."""

    qubits: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Pauli:
    """X, Y or Z on a qubit where the parity of records is 1; without records, always."""

    letter: str
    qubit: int
    records: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Saved:
    """A save point."""

    save: Save


Event: TypeAlias = Gates | Measured | Reset | Pauli | Saved


@dataclass(frozen=True, eq=False)
class Trace:
    """All that happens, in order, and what classical memory holds in the end.

    Attributes:
        events: What happens to the qubits.
        memory: Classical memory, with 0 for measured bits.
        records: Record of each measured bit, by bit.
        num_records: Records of a shot.
        confused: Records that are read with an error that is no `Measured.flips`, and the error.
        num_operations: Gates, channels, and measured and reset qubits.
    """

    events: tuple[Event, ...]
    memory: int
    records: dict[int, int]
    num_records: int
    confused: tuple[tuple[tuple[int, ...], ReadoutError], ...]
    num_operations: int


class _NotStraight(Exception):
    """What a shot does depends on what it measures, other than by Paulis."""


def trace_of(code: CompiledCircuit, parameters: NDArray[np.float64]) -> Trace | None:
    """Return what gate code does; None if shots may part ways.

    Args:
        code: Gate code, whose gates are Clifford.
        parameters: float64 ``(P,)``.
    """
    walk = _Walk(code, parameters)
    try:
        walk.run()
    except _NotStraight:
        return None
    return Trace(
        tuple(walk.events),
        walk.memory,
        dict(sorted(walk.records.items())),
        walk.count,
        tuple(walk.confused),
        walk.operations,
    )


class _Walk:
    """A walk over the code. A classical bit is known, in ``memory``, or one of ``records``."""

    def __init__(self, code: CompiledCircuit, parameters: NDArray[np.float64]) -> None:
        self.code = code
        self.parameters = parameters
        self.events: list[Event] = []
        self.variables: list[Value] = list(code.initial_variables)
        self.memory = 0
        self.records: dict[int, int] = {}
        self.count = 0
        self.operations = 0
        self.confused: list[tuple[tuple[int, ...], ReadoutError]] = []
        self.unreadable: set[int] = set()  # records with an error that is drawn later

    def run(self) -> None:
        steps, pc = self.code.steps, 0
        for _ in range(_MOST_STEPS):
            if pc == len(steps):
                return
            pc = self.step(steps[pc], pc)
        raise _NotStraight

    # --- steps --------------------------------------------------------------------------------

    def step(self, step: Step, pc: int) -> int:
        """Follow a step and return the number of the next."""
        match step:
            case GatesStep():
                self.gates(step)
            case MeasureStep(qubits, clbits, readout):
                readouts = () if readout is None else ((tuple(range(len(qubits))), readout),)
                self.measure(qubits, clbits, readouts)
            case SampleStep(qubits, clbits, readouts):
                self.measure(qubits, clbits, readouts)
            case ResetStep(qubits):
                self.events.append(Reset(qubits))
                self.operations += len(qubits)
            case SaveStep(save):
                self.events.append(Saved(save))
            case AssignStep():
                self.assign(step)
            case JumpStep(target):
                if target <= pc and self.operations > _MOST_OPERATIONS:
                    raise _NotStraight
                return target
            case ForStep(counter, value, values, exit_):
                rounds = int(self.variables[counter])
                if rounds == len(values):
                    self.variables[counter] = 0
                    return exit_
                self.variables[counter] = rounds + 1
                if value >= 0:
                    self.variables[value] = values[rounds]
            case SwitchStep(subject, targets, default, reads):
                return targets.get(int(self.known(subject, reads)), default)
            case BranchStep():
                return self.branch(step, pc)
            case _:
                raise _NotStraight
        return pc + 1

    def gates(self, step: GatesStep) -> None:
        self.events.append(Gates(step, self.values(step)))
        self.operations += len(step.operations)

    def values(self, step: GatesStep) -> dict[Parameter, float]:
        return step.values(self.parameters, self.variables)

    def measure(
        self,
        qubits: Sequence[int],
        clbits: Sequence[int],
        readouts: Sequence[tuple[tuple[int, ...], ReadoutError]],
    ) -> None:
        flips: dict[int, float] = {}
        others: list[tuple[tuple[int, ...], ReadoutError]] = []
        for positions, readout in readouts:
            if len(positions) == 1 and readout.matrix[0, 1] == readout.matrix[1, 0]:
                flips[positions[0]] = float(readout.matrix[0, 1])
            else:
                others.append((positions, readout))
        # In the order of the bits, so that records need not be moved.
        order = sorted(range(len(qubits)), key=lambda i: clbits[i])
        self.events.append(
            Measured(tuple(qubits[i] for i in order), tuple(flips.get(i, 0.0) for i in order))
        )
        record_of = {position: self.count + i for i, position in enumerate(order)}
        self.count += len(qubits)
        for position, clbit in enumerate(clbits):
            self.memory &= ~(1 << clbit)
            self.records[clbit] = record_of[position]
        for positions, readout in others:
            records = tuple(record_of[p] for p in positions)
            self.unreadable.update(records)
            self.confused.append((records, readout))
        self.operations += len(qubits)

    # --- classical memory ---------------------------------------------------------------------

    def known(self, value: Function, reads: tuple[int, ...] | None) -> Value:
        """Return the value of an expression that no measured bit decides."""
        if reads is None or any(c in self.records for c in reads):
            raise _NotStraight
        return value(self.memory, self.variables)

    def parity(
        self, value: Function, reads: tuple[int, ...] | None, read: Callable[[Value], int]
    ) -> tuple[int, list[int]]:
        """Return a constant and records whose parity is what is read of an expression's value."""
        if reads is None:
            raise _NotStraight
        open_ = [c for c in reads if c in self.records]
        if len(open_) > _MOST_READ or any(self.records[c] in self.unreadable for c in open_):
            raise _NotStraight
        table = {}
        for bits in product((0, 1), repeat=len(open_)):
            memory = self.memory | sum(b << c for b, c in zip(bits, open_, strict=True))
            table[bits] = read(value(memory, self.variables))
        constant = table[(0,) * len(open_)]
        unit = [tuple(int(i == j) for i in range(len(open_))) for j in range(len(open_))]
        turned = [table[u] != constant for u in unit]
        for bits, truth in table.items():
            if truth != constant ^ sum(b for b, t in zip(bits, turned, strict=True) if t) & 1:
                raise _NotStraight
        return constant, [self.records[c] for c, t in zip(open_, turned, strict=True) if t]

    def assign(self, step: AssignStep) -> None:
        if step.slot >= 0:
            self.variables[step.slot] = self.known(step.value, step.reads)
            return
        if len(step.clbits) == 1 and step.reads:
            constant, records = self.parity(step.value, step.reads, lambda v: int(v) & 1)
            if records and (constant or len(records) > 1):
                raise _NotStraight
            self.store(step.clbits[0], constant)
            if records:
                self.records[step.clbits[0]] = records[0]
            return
        value = int(self.known(step.value, step.reads))
        for i, clbit in enumerate(step.clbits):
            self.store(clbit, value >> i & 1)

    def store(self, clbit: int, bit: int) -> None:
        self.records.pop(clbit, None)
        self.memory = self.memory & ~(1 << clbit) | bit << clbit

    # --- conditions ---------------------------------------------------------------------------

    def branch(self, step: BranchStep, pc: int) -> int:
        constant, records = self.parity(step.condition, step.reads, lambda v: int(bool(v)))
        if not records:
            return pc + 1 if constant else step.otherwise
        steps, end = self.code.steps, step.otherwise
        body, orelse = [*steps[pc + 1 : end]], []
        if body and isinstance(body[-1], JumpStep):
            end = body[-1].target
            if end < step.otherwise:
                raise _NotStraight
            body, orelse = body[:-1], [*steps[step.otherwise : end]]
        for block, turned in ((body, constant), (orelse, constant ^ 1)):
            for inner in block:
                if not isinstance(inner, GatesStep):
                    raise _NotStraight
                self.conditional(inner, turned, tuple(records))
        return end

    def conditional(self, step: GatesStep, constant: int, records: tuple[int, ...]) -> None:
        """Follow Paulis that act where the parity of a constant and records is 1."""
        values = self.values(step)
        for operation in step.operations:
            if isinstance(operation, ChannelOp):
                raise _NotStraight
            gate = operation.gate
            form = clifford_form(gate.bound(values) if gate.parameters else gate)
            if form is None or not form.is_pauli:
                raise _NotStraight
            for letter, (place,) in form.steps:
                qubit = operation.qubits[place]
                if constant:
                    self.events.append(Pauli(letter, qubit, ()))
                self.events.append(Pauli(letter, qubit, records))
            self.operations += 1

"""From the tree of instructions to linear code with jumps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from quasim_backend.compile.analysis import final_measurements
from quasim_backend.compile.code import (
    AssignStep,
    BranchStep,
    ForStep,
    Function,
    GatesStep,
    InitializeStep,
    JumpStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SegmentStep,
    SetStateStep,
    Site,
    Step,
    SwitchStep,
)
from quasim_backend.compile.lowering import lower
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.errors import CircuitError
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.expr import (
    BOOL,
    Bit,
    Bits,
    Expr,
    Value,
    Var,
    bits_read,
    compile_expression,
    variables_read,
)
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Block,
    Break,
    ChannelOp,
    Continue,
    Delay,
    For,
    GateOp,
    If,
    Initialize,
    Instruction,
    Measure,
    Reset,
    Save,
    SetState,
    Switch,
    While,
)
from quasim_backend.ir.parameters import Parameter

__all__ = ["Lineariser"]

_UNROLL_LIMIT = 4096
"""Gates that a loop may unroll to: longer loops stay loops."""


class Lineariser:
    """Collects steps; gates gather in a pending segment that every other step flushes."""

    def __init__(
        self,
        num_qubits: int,
        qubits: Mapping[int, int],
        parameters: Sequence[Parameter],
        plan_options: PlanOptions,
        *,
        starts_at_zero: bool,
        holds_gates: bool = False,
    ) -> None:
        """Start empty.

        Args:
            num_qubits: Simulated qubits.
            qubits: Simulated qubit of each active qubit of the circuit, ascending.
            parameters: Order of the run's parameter vector.
            plan_options: For the planner.
            starts_at_zero: Whether the run starts in ``|0...0>``, so that a first reset is nothing.
            holds_gates: Leave gates as they are; see `GatesStep`.
        """
        self.num_qubits = num_qubits
        self.steps: list[Step] = []
        self.slots: dict[Var, int] = {}
        self.initial_variables: list[Value] = []
        self.branches = False
        self.measured = False
        self._qubits = qubits
        self._renaming = None if all(q == i for q, i in qubits.items()) else qubits
        self._plan_options = plan_options
        self._holds_gates = holds_gates
        self._pending: list[GateOp] = []
        self._channels: list[tuple[ChannelOp, int]] = []  # with the number of gates before it
        self._sources: dict[Parameter, int] = {p: i for i, p in enumerate(parameters)}
        self._loops: list[tuple[int, list[int]]] = []
        self._fresh: set[int] = set(range(num_qubits)) if starts_at_zero else set()

    # --- entry --------------------------------------------------------------------------------

    def circuit(self, instructions: Sequence[Instruction]) -> None:
        """Compile a whole circuit; measurements that can wait are sampled together at the end."""
        final = final_measurements(instructions)
        waiting: list[Measure] = []
        gates = self._pending
        for position, instruction in enumerate(instructions):
            if type(instruction) is GateOp:  # as in _instruction, without the call
                if instruction.gate.name != "id":
                    gates.append(instruction)
            elif position in final and isinstance(instruction, Measure):
                self.measured = True
                kept = self._without_idle(instruction)
                if kept is not None:
                    waiting.append(kept)
            else:
                self._instruction(instruction)
        self._flush()
        if waiting:
            self._sample(waiting)

    def _sample(self, waiting: Sequence[Measure]) -> None:
        qubits: list[int] = []
        clbits: list[int] = []
        readouts: list[tuple[tuple[int, ...], ReadoutError]] = []
        for measure in waiting:
            first = len(qubits)
            qubits += [self._qubits[q] for q in measure.qubits]
            clbits += measure.clbits
            if measure.readout is not None:
                readouts.append((tuple(range(first, len(qubits))), measure.readout))
        self.steps.append(SampleStep(tuple(qubits), tuple(clbits), tuple(readouts)))

    # --- one instruction ----------------------------------------------------------------------

    def _block(self, block: Block) -> None:
        for instruction in block:
            self._instruction(instruction)
        self._flush()

    def _instruction(self, instruction: Instruction) -> None:
        if isinstance(instruction, GateOp):
            if instruction.gate.name != "id":
                self._pending.append(instruction)
            return
        if isinstance(instruction, ChannelOp):
            self._channels.append((instruction, len(self._pending)))
            return
        if isinstance(instruction, Barrier | Delay):
            return
        if isinstance(instruction, For) and self._unroll(instruction):
            return
        self._flush()
        match instruction:
            case Measure():
                self._measure(instruction)
            case Reset(qubits):
                self._reset(qubits)
            case Initialize():
                self._initialize(instruction)
            case SetState(amplitudes):
                self._fresh.clear()
                self.steps.append(SetStateStep(amplitudes))
            case Save():
                self.steps.append(SaveStep(self._placed_save(instruction)))
            case Assign(target, value):
                self._assign(target, value)
            case If():
                self._if(instruction)
            case Switch():
                self._switch(instruction)
            case For():
                self._for(instruction)
            case While():
                self._while(instruction)
            case Break() | Continue():
                self._leave(instruction)
            case _:
                raise CircuitError(f"Not an instruction: {instruction!r}.")

    def _measure(self, measure: Measure) -> None:
        self.measured = True
        kept = self._without_idle(measure)
        if kept is None:
            return
        self.branches = True
        places = self._places(kept.qubits)
        self._fresh.difference_update(places)
        self.steps.append(MeasureStep(places, kept.clbits, kept.readout))

    def _without_idle(self, measure: Measure) -> Measure | None:
        """Write 0 for measured qubits that are not simulated; return what is left."""
        if all(q in self._qubits for q in measure.qubits):
            return measure
        pairs = list(zip(measure.qubits, measure.clbits, strict=True))
        idle = tuple(c for q, c in pairs if q not in self._qubits)
        self.steps.append(AssignStep(-1, idle, lambda m, v: 0, ()))
        rest = [(q, c) for q, c in pairs if q in self._qubits]
        if not rest:
            return None
        return Measure(tuple(q for q, _ in rest), tuple(c for _, c in rest))

    def _reset(self, qubits: Sequence[int]) -> None:
        places = tuple(
            self._qubits[q]
            for q in qubits
            if q in self._qubits and self._qubits[q] not in self._fresh
        )
        if places:
            self.branches = True
            self.steps.append(ResetStep(places))

    def _initialize(self, instruction: Initialize) -> None:
        places = self._places(instruction.qubits)
        amplitudes = instruction.amplitudes
        if len(places) == self.num_qubits:
            axes = [places.index(q) for q in range(self.num_qubits)]
            width = self.num_qubits
            tensor = amplitudes.reshape((2,) * width)
            order = [width - 1 - axes[q] for q in reversed(range(width))]
            self.steps.append(SetStateStep(tensor.transpose(order).reshape(-1)))
        else:
            self.branches |= not self._fresh.issuperset(places)
            self.steps.append(InitializeStep(amplitudes, places))
        self._fresh.difference_update(places)

    def _assign(self, target: Var | Bit | Bits, value: Expr) -> None:
        function, reads = self._compile(value)
        if isinstance(target, Var):
            self.steps.append(AssignStep(self._slot(target), (), function, reads))
        else:
            bits = (target.index,) if isinstance(target, Bit) else target.indices
            self.steps.append(AssignStep(-1, bits, function, reads))

    # --- control flow -------------------------------------------------------------------------

    def _if(self, instruction: If) -> None:
        branch = self._hole()
        self._branch_block(instruction.body)
        if instruction.orelse:
            jump = self._hole()
            otherwise = len(self.steps)
            self._branch_block(instruction.orelse)
            self.steps[jump] = JumpStep(len(self.steps))
        else:
            otherwise = len(self.steps)
        condition, reads = self._compile(instruction.condition)
        self.steps[branch] = BranchStep(condition, otherwise, reads)

    def _switch(self, instruction: Switch) -> None:
        switch = self._hole()
        targets: dict[int, int] = {}
        default: int | None = None
        ends: list[int] = []
        for values, block in instruction.cases:
            here = len(self.steps)
            if values is None:
                default = here if default is None else default
            else:
                for value in values:
                    targets.setdefault(int(value), here)
            self._branch_block(block)
            ends.append(self._hole())
            if values is None:
                break
        end = len(self.steps)
        for hole in ends:
            self.steps[hole] = JumpStep(end)
        subject, reads = self._compile(instruction.subject)
        self.steps[switch] = SwitchStep(
            subject, targets, end if default is None else default, reads
        )

    def _for(self, instruction: For) -> None:
        counter = self._new_slot(0)
        value = -1
        if instruction.variable is not None:
            value = self._slot(instruction.variable)
        outer = None
        if instruction.parameter is not None:
            if value < 0:
                value = self._new_slot(0)
            outer = self._sources.get(instruction.parameter)
            self._sources[instruction.parameter] = -1 - value
        start, leaves = self._loop_body(instruction.body)
        # A break lands here: the counter must return to zero for the loop's next execution.
        rewind = len(self.steps)
        if leaves:
            self.steps.append(AssignStep(counter, (), lambda m, v: 0, ()))
        end = len(self.steps)
        self.steps[start] = ForStep(counter, value, instruction.values, end)
        for leave in leaves:
            self.steps[leave] = JumpStep(rewind)
        if instruction.parameter is not None:
            if outer is None:
                del self._sources[instruction.parameter]
            else:
                self._sources[instruction.parameter] = outer

    def _unroll(self, loop: For) -> bool:
        """Write a loop over gates out, so that its rounds fuse; False if it cannot be."""
        if len(loop.values) * len(loop.body) > _UNROLL_LIMIT:
            return False
        if not all(isinstance(i, GateOp | Barrier | Delay) for i in loop.body):
            return False
        if loop.variable is not None:
            return False
        for value in loop.values:
            for inner in loop.body:
                if isinstance(inner, GateOp) and loop.parameter is not None:
                    gate = inner.gate.bound({loop.parameter: float(value)})
                    self._instruction(GateOp(gate, inner.qubits))
                else:
                    self._instruction(inner)
        return True

    def _while(self, instruction: While) -> None:
        start, leaves = self._loop_body(instruction.body)
        end = len(self.steps)
        condition, reads = self._compile(instruction.condition)
        self.steps[start] = BranchStep(condition, end, reads)
        for leave in leaves:
            self.steps[leave] = JumpStep(end)

    def _loop_body(self, body: Block) -> tuple[int, list[int]]:
        """Write a hole for the loop's head, the body and the jump back.

        Returns:
            The places of the hole and of every break, which the caller fills.
        """
        self._fresh.clear()
        start = self._hole()
        leaves: list[int] = []
        self._loops.append((start, leaves))
        self._block(body)
        self._loops.pop()
        self.steps.append(JumpStep(start))
        return start, leaves

    def _leave(self, instruction: Break | Continue) -> None:
        if not self._loops:
            raise CircuitError("'break' and 'continue' belong inside a loop.")
        start, leaves = self._loops[-1]
        if isinstance(instruction, Continue):
            self.steps.append(JumpStep(start))
        else:
            leaves.append(self._hole())

    def _branch_block(self, block: Block) -> None:
        """Compile a block that may be skipped: qubits it touches are no longer surely zero."""
        before = set(self._fresh)
        self._block(block)
        self._fresh &= before

    # --- pieces -------------------------------------------------------------------------------

    def _flush(self) -> None:
        if not self._pending and not self._channels:
            return
        operations: Iterable[GateOp | ChannelOp] = (*self._pending, *(c for c, _ in self._channels))
        for operation in operations:
            if not self._fresh:
                break
            self._fresh.difference_update(self._places(operation.qubits))
        if self._holds_gates:
            self._flush_gates()
            return
        starts: list[int] = []
        program = lower(self._pending, self.num_qubits, (), self._renaming, starts=starts)
        starts.append(len(program))
        sources = tuple(self._source(p) for p in program.parameters)
        if self._channels:
            self.branches = True
            sites = tuple(
                Site(operation.channel, self._places(operation.qubits), starts[gates])
                for operation, gates in self._channels
            )
            self.steps.append(NoisyStep(program, sources, sites, self._plan_options))
        else:
            self.steps.append(SegmentStep(plan(program, self._plan_options), sources))
        self._pending.clear()
        self._channels.clear()

    def _flush_gates(self) -> None:
        """Put gates and channels in the order they act."""
        self.branches |= bool(self._channels)
        operations: list[GateOp | ChannelOp] = []
        done = 0
        for channel, gates in self._channels:
            operations += self._pending[done:gates]
            operations.append(channel)
            done = gates
        operations += self._pending[done:]
        if self._renaming is not None:
            operations = [
                GateOp(o.gate, self._places(o.qubits))
                if isinstance(o, GateOp)
                else ChannelOp(o.channel, self._places(o.qubits))
                for o in operations
            ]
        distinct = {operation.gate for operation in self._pending}  # few: equal ones are shared
        parameters = {p for gate in distinct if gate.params for p in gate.parameters}
        sources = {p: self._source(p) for p in parameters}
        self.steps.append(GatesStep(tuple(operations), sources))
        self._pending.clear()
        self._channels.clear()

    def _source(self, parameter: Parameter) -> int:
        source = self._sources.get(parameter)
        if source is None:
            raise CircuitError(
                f"Parameter {parameter.name} is not among the run's parameters "
                f"({', '.join(p.name for p in self._sources) or 'none'})."
            )
        return source

    def _hole(self) -> int:
        """Leave room for a jump that is filled in later."""
        self._flush()
        self.steps.append(JumpStep(-1))
        return len(self.steps) - 1

    def _compile(self, expr: Expr) -> tuple[Function, tuple[int, ...]]:
        """Return the function of an expression and the classical bits it reads."""
        for variable in variables_read(expr):
            self._slot(variable)
        return compile_expression(expr, self.slots), tuple(sorted(bits_read(expr)))

    def _slot(self, variable: Var) -> int:
        if variable not in self.slots:
            self.slots[variable] = self._new_slot(False if variable.type == BOOL else 0)
        return self.slots[variable]

    def _new_slot(self, value: Value) -> int:
        self.initial_variables.append(value)
        return len(self.initial_variables) - 1

    def _places(self, qubits: Iterable[int]) -> tuple[int, ...]:
        return tuple(self._qubits[q] for q in qubits)

    def _placed_save(self, save: Save) -> Save:
        observable = save.observable
        if observable is not None:
            observable = observable.on(self._qubits)
        return replace(save, qubits=self._places(save.qubits), observable=observable)

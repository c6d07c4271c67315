"""Reading blocks of a Qiskit circuit: the loop over instructions and what each becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qiskit.circuit import Barrier as QiskitBarrier
from qiskit.circuit import Clbit, QuantumCircuit
from qiskit.circuit import Delay as QiskitDelay
from qiskit.circuit import Measure as QiskitMeasure
from qiskit.circuit import Reset as QiskitReset
from qiskit.circuit import Store as QiskitStore
from qiskit.circuit.controlflow import BreakLoopOp, ContinueLoopOp, ControlFlowOp
from qiskit.circuit.library import Initialize as QiskitInitialize
from qiskit.circuit.library import StatePreparation

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Circuit, Gate
from quasim_backend.ir.expr import Var
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Delay,
    GateOp,
    Instruction,
    Measure,
    Reset,
    SetState,
    Switch,
)
from quasim_qiskit.control_flow import control_flow
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.expressions import ClassicalScope, Variables
from quasim_qiskit.gates import CONTROLLED, PLAIN, GateReader
from quasim_qiskit.noise.naming import Naming
from quasim_qiskit.nonunitary import (
    channel,
    delay_seconds,
    initialize,
    matrix_product_state,
    stabilizer_state,
)
from quasim_qiskit.parameters import NotAffineInLoopError, ParameterTable, Scope
from quasim_qiskit.saves import MAPS, SAVE_NAMES, SET_NAMES, SavedItem, read_save

__all__ = ["BlockReader", "Place"]

_SET = ("set_statevector", "set_stabilizer", "set_matrix_product_state")
_CHANNELS = ("kraus", "superop", "quantum_channel", "quantum_error")


@dataclass(frozen=True)
class Place:
    """Where a block's bits are in the circuit, and what enclosing loops define.

    Attributes:
        qubits: Qubit ``i`` of the block is qubit ``qubits[i]`` of the circuit.
        clbits: Place of each classical bit of the block.
        scope: Parameters of enclosing loops.
        depth: Number of enclosing blocks that may run other than once.
    """

    qubits: tuple[int, ...]
    clbits: Mapping[Clbit, int]
    scope: Scope
    depth: int = 0

    def inner(self, block: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int]) -> Place:
        """Return the place of a block that acts on these bits of the circuit."""
        bits = dict(zip(block.clbits, clbits, strict=True))
        # Conditions of a block may name bits of outer blocks directly.
        return replace(self, qubits=tuple(qubits), clbits={**self.clbits, **bits})


@dataclass
class BlockReader:
    """Reads blocks of one circuit into lists of IR instructions.

    Attributes:
        circuit: Gets the instructions.
        method: Simulation method, which decides what ``save_state`` saves.
        starts_at_zero: Whether state preparations may become initialisations.
        naming: What gates are called in a noise model of Qiskit; None without one.
        dt: Seconds in the unit ``dt`` of delays, or None.
        timed: Whether the length of delays matters.
    """

    circuit: Circuit
    method: str
    starts_at_zero: bool
    naming: Naming | None = None
    dt: float | None = None
    timed: bool = False
    parameters: ParameterTable = field(default_factory=ParameterTable)
    variables: Variables = field(default_factory=Variables)
    saves: list[SavedItem] = field(default_factory=list)
    maps: list[tuple[SavedItem, int]] = field(default_factory=list)
    measured: bool = False
    loops: int = 0
    picked: set[Var] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Set up what is shared by all blocks."""
        self._gates = GateReader(self.parameters)
        # Definitions by object: a composite gate used a thousand times is unrolled once. The
        # object is kept, so that its id stays its own.
        self._unrolled: dict[int, tuple[Any, list[GateOp]]] = {}

    def read(self, block: QuantumCircuit, place: Place, out: list[Instruction]) -> None:
        """Append a block's instructions to ``out``."""
        phase = block.global_phase
        if not isinstance(phase, float | int) or phase:
            self._append(out, "global_phase", (phase,), (), place)
        outer = place.qubits
        index = dict(zip(block.qubits, outer, strict=True)).__getitem__
        append = out.append
        naming = self.naming
        # This loop runs once a gate: it touches `.operation`, which builds a Python object,
        # only where a gate is not one of Qiskit's standard gates.
        for instruction in block.data:
            if not instruction.is_standard_gate():
                self._other(instruction, tuple(map(index, instruction.qubits)), place, out)
                continue
            name = instruction.name
            gate = PLAIN.get(name)
            if gate is None:
                known = CONTROLLED.get(name)
                params = instruction.params
                if known is None:
                    self._other(instruction, tuple(map(index, instruction.qubits)), place, out)
                    continue
                for value in params:
                    if type(value) is not float or value - value != 0.0:
                        qubits = tuple(map(index, instruction.qubits))
                        self._append(out, name, params, qubits, place, instruction.label)
                        break
                else:
                    gate = Gate.trusted(known[0], tuple(params), known[1], known[2])
            if gate is not None:
                label = instruction.label
                if label is None and naming is not None:
                    label = naming.label(name, gate)
                if label is not None:
                    gate = replace(gate, label=label)
                append(GateOp(gate, tuple(map(index, instruction.qubits))))

    def _append(
        self,
        out: list[Instruction],
        name: str,
        params: Sequence[Any],
        qubits: tuple[int, ...],
        place: Place,
        label: str | None = None,
    ) -> None:
        """Append a standard gate whose angles have to be looked at."""
        try:
            gate = self._gates.standard(name, params, place.scope)
        except NotAffineInLoopError as found:
            self._pick_round(
                found,
                place,
                out,
                lambda inner, body: self._append(body, name, params, qubits, inner, label),
            )
            return
        if label is None and self.naming is not None:
            label = self.naming.label(name, gate)
        out.append(GateOp(gate if label is None else replace(gate, label=label), qubits))

    def _pick_round(
        self, found: NotAffineInLoopError, place: Place, out: list[Instruction], emit: Any
    ) -> None:
        """Choose among one block for each value of a loop's parameter."""
        self.picked.add(found.loop.variable)
        cases = []
        for value in dict.fromkeys(found.loop.values):
            inner = replace(place, scope={**place.scope, found.parameter: float(value)})
            body: list[Instruction] = []
            emit(inner, body)
            cases.append(((value,), tuple(body)))
        out.append(Switch(found.loop.variable, tuple(cases)))

    def _other(
        self, instruction: Any, qubits: tuple[int, ...], place: Place, out: list[Instruction]
    ) -> None:
        """Append anything that is not a standard gate."""
        operation = instruction.operation
        try:
            if not self._simple(operation, instruction, qubits, place, out):
                self._composite(operation, instruction, qubits, place, out)
        except NotAffineInLoopError as found:
            self._pick_round(
                found,
                place,
                out,
                lambda inner, body: self._other(instruction, qubits, inner, body),
            )
        except QuasimError as cause:
            raise QuasimQiskitError(f"Instruction '{operation.name}': {cause}") from cause

    def _simple(
        self,
        operation: Any,
        instruction: Any,
        qubits: tuple[int, ...],
        place: Place,
        out: list[Instruction],
    ) -> bool:
        """Append an instruction that is not a gate; return whether it was one of ours."""
        name = operation.name
        if isinstance(operation, QiskitMeasure):
            self.measured = True
            out.append(Measure(qubits, tuple([place.clbits[c] for c in instruction.clbits])))
        elif isinstance(operation, QiskitReset):
            out.append(Reset(qubits))
        elif isinstance(operation, QiskitBarrier):
            out.append(Barrier(qubits))
        elif isinstance(operation, QiskitDelay):
            out.append(Delay(qubits, delay_seconds(operation, self.dt, self.timed)))
        elif isinstance(operation, QiskitInitialize) or self._prepares(operation, qubits, out):
            out += initialize(operation, qubits)
        elif isinstance(operation, QiskitStore):
            scope = ClassicalScope(place.clbits, self.variables)
            written, value = scope.store(operation.lvalue, operation.rvalue)
            out.append(Assign(written, value))
            self.measured |= not isinstance(written, Var)
        elif isinstance(operation, ControlFlowOp | BreakLoopOp | ContinueLoopOp):
            bits = [place.clbits[c] for c in instruction.clbits]
            control_flow(self, operation, qubits, bits, place, out)
        elif name in _CHANNELS:
            out.append(channel(operation, qubits))
        elif name in SAVE_NAMES:
            self._save(operation, qubits, place, out)
        elif name in SET_NAMES:
            out += self._set(operation, qubits)
        else:
            return False
        return True

    def _prepares(self, operation: Any, qubits: tuple[int, ...], out: list[Instruction]) -> bool:
        """Return whether an operation prepares a state on qubits that are still zero."""
        if not self.starts_at_zero or operation.name != "state_preparation":
            return False
        if not isinstance(operation, StatePreparation) or out is not self.circuit.instructions:
            return False
        touched: set[int] = set()
        for earlier in out:
            touched.update(getattr(earlier, "qubits", range(self.circuit.num_qubits)))
        return touched.isdisjoint(qubits)

    def _save(
        self, operation: Any, qubits: tuple[int, ...], place: Place, out: list[Instruction]
    ) -> None:
        saves, item = read_save(operation, qubits, self.circuit.num_qubits, self.method)
        if any(item.label == other.label for other in self.saves):
            raise QuasimQiskitError(
                f"Duplicate key '{item.label}' in save instructions; give each its own label."
            )
        self.saves.append(item)
        if item.name in MAPS:
            if place.depth or out is not self.circuit.instructions:
                raise QuasimQiskitError(f"'{item.name}' cannot be inside control flow.")
            self.maps.append((item, len(out)))
        out += saves

    def _set(self, operation: Any, qubits: tuple[int, ...]) -> list[Instruction]:
        if operation.name not in _SET:
            raise QuasimQiskitError(
                f"'{operation.name}' is not supported; {', '.join(map(repr, _SET))} and "
                f"'initialize' are."
            )
        if len(qubits) != self.circuit.num_qubits:
            raise QuasimQiskitError(
                f"'{operation.name}' sets all {self.circuit.num_qubits} qubits; got {len(qubits)}."
            )
        if operation.name == "set_stabilizer":
            return stabilizer_state(operation.params[0], qubits)
        if operation.name == "set_matrix_product_state":
            return matrix_product_state(operation.params, qubits)
        state = Circuit(len(qubits)).set_state(operation.params[0]).instructions[0]
        assert isinstance(state, SetState)
        return [state]

    def _composite(
        self,
        operation: Any,
        instruction: Any,
        qubits: tuple[int, ...],
        place: Place,
        out: list[Instruction],
    ) -> None:
        """Append a gate that is not standard, or the parts of a composite instruction."""
        cached = self._unrolled.get(id(operation))
        if cached is None or place.scope:
            placed = self._gates.native(operation, place.scope)
            if placed is not None:
                parts: list[Instruction] = [GateOp(gate, local) for gate, local in placed]
            else:
                parts = self._define(operation, instruction, qubits, place, out)
                if not parts:
                    return
            gates = [part for part in parts if isinstance(part, GateOp)]
            cached = (operation, gates)
            if not place.scope:
                self._unrolled[id(operation)] = cached
        label = getattr(operation, "label", None)
        gates = [GateOp(p.gate, tuple([qubits[q] for q in p.qubits])) for p in cached[1]]
        if self.naming is not None:
            out += self.naming.written(operation, gates, qubits)
        elif label is not None and len(gates) == 1 and gates[0].qubits == qubits:
            out.append(GateOp(replace(gates[0].gate, label=label), qubits))
        else:
            out += gates

    def _define(
        self,
        operation: Any,
        instruction: Any,
        qubits: tuple[int, ...],
        place: Place,
        out: list[Instruction],
    ) -> list[Instruction]:
        """Read a definition; return its gates on its own qubits, or append it and return none."""
        definition = getattr(operation, "definition", None)
        if definition is None:
            placed = self._gates.read(operation, place.scope)
            if placed is None:
                raise QuasimQiskitError(
                    f"unknown instruction: '{operation.name}' has no definition. Gates with a "
                    f"definition or a matrix, measure, reset, initialize, control flow, channels "
                    f"and save instructions are supported."
                )
            return [GateOp(gate, local) for gate, local in placed]
        # In a noise model's own names errors may depend on where in the circuit an operation is.
        if definition.num_clbits == 0 and self.naming is None:
            local: list[Instruction] = []
            own = replace(place, qubits=tuple(range(definition.num_qubits)))
            if not definition.num_vars and _holds_gates_only(definition):
                self.read(definition, own, local)
                if local and all(isinstance(part, GateOp | Barrier) for part in local):
                    return local
        clbits = [place.clbits[c] for c in instruction.clbits]
        self.read(definition, place.inner(definition, qubits, clbits), out)
        return []


def _holds_gates_only(definition: QuantumCircuit) -> bool:
    """Return whether a definition's own instructions are gates, composite ones included."""
    return all(
        item.is_standard_gate() or hasattr(item.operation, "to_matrix") or item.name == "barrier"
        for item in definition.data
    )

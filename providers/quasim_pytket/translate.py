"""pytket circuits as circuits of the IR. The only place of the adapter that knows bit order.

pytket's first qubit is the highest bit of an index. Position ``i`` of ``n`` sorted qubits becomes
our qubit ``n - 1 - i``, so that amplitudes keep their places; position ``i`` of the sorted bits is
our classical bit ``i``.

Commands name wires by the qubit they start at; an implicit permutation says at which qubit each
wire ends. A wire is placed where it ends from the start, after swaps that bring the qubits there,
which a circuit that starts in zeros does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pytket.circuit import Circuit as TketCircuit
from pytket.circuit import Op, OpType, Qubit

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir import Channel, Circuit, Gate
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    GateOp,
    If,
    Initialize,
    Instruction,
    Measure,
    Reset,
)
from quasim_pytket.boxes import DIRECT, Inner
from quasim_pytket.classical import CLASSICAL_TYPES, lower_classical, lower_condition
from quasim_pytket.gates import ANGLED, COMPOSED, CONTROLLED, FIXED, GATE_TYPES
from quasim_pytket.symbols import lower_value

__all__ = ["qubit_numbers", "translate"]

_MATRIX_QUBITS = 6
"""Largest operation that is read as a matrix when it is nothing else."""

_SWAP = Gate.named("swap")
_DEPHASING = Channel.mixture((0.5, 0.5), (np.eye(2), np.diag([1, -1])), "collapse")


def translate(circuit: TketCircuit, *, starts_at_zero: bool = False) -> Circuit:
    """Translate a circuit; symbols become parameters of their names.

    Args:
        circuit: The circuit; it is not changed.
        starts_at_zero: Whether it will be run from ``|0...0>`` only, which saves the swaps of an
            implicit permutation and the synthesis of state preparations.

    Raises:
        UnsupportedError: If an operation has no translation; it is named.
        ParameterError: If an angle is no sum of multiples of symbols.
    """
    target = Circuit(circuit.n_qubits, circuit.n_bits, circuit.name or "circuit")
    registers = tuple((register.name, register.size) for register in circuit.c_registers)
    if sum(size for _, size in registers) == circuit.n_bits:
        target.registers = registers
    reader = _Reader(target.instructions, starts_at_zero)
    qubits = tuple(qubit_numbers(circuit).values())
    reader.circuit(circuit, (*qubits, *range(circuit.n_bits)), _Scope(target.instructions))
    # The first qubit is our highest; noise rules go by pytket's order.
    target.rule_qubits = {q: circuit.n_qubits - 1 - q for q in range(circuit.n_qubits)}
    return target


def qubit_numbers(circuit: TketCircuit) -> dict[Qubit, int]:
    """Return our number of each of a circuit's qubits, in sorted order."""
    last = circuit.n_qubits - 1
    return {qubit: last - place for place, qubit in enumerate(circuit.qubits)}


@dataclass(frozen=True, eq=False, slots=True)
class _Scope:
    """Where instructions go, and the controls that all gates get."""

    out: list[Instruction]
    controls: tuple[int, ...] = ()
    control_state: int = 0

    def add(self, gate: Gate, qubits: tuple[int, ...]) -> None:
        """Append a gate."""
        if self.controls:
            gate = gate.controlled(len(self.controls), self.control_state)
            qubits = self.controls + qubits
        self.out.append(GateOp(gate, qubits))

    def controlled(self, controls: tuple[int, ...], state: int) -> _Scope:
        """Return a scope with more controls."""
        joined = self.control_state | state << len(self.controls)
        return _Scope(self.out, self.controls + controls, joined)


class _Reader:
    """Reads circuits and operations. Arguments are our numbers of qubits, then of bits."""

    def __init__(self, top: list[Instruction], starts_at_zero: bool) -> None:
        self._top = top
        self._starts_at_zero = starts_at_zero
        self._other: dict[OpType, Callable[[Any, tuple[int, ...], _Scope], None]] = {
            OpType.Measure: self._measure,
            OpType.Reset: self._reset,
            OpType.Collapse: self._collapse,
            OpType.Barrier: self._barrier,
            OpType.Conditional: self._conditional,
            OpType.StatePreparationBox: self._prepare,
            **dict.fromkeys(CLASSICAL_TYPES, self._classical),
            **dict.fromkeys(DIRECT, self._direct),
        }

    def circuit(self, circuit: TketCircuit, args: Sequence[int], scope: _Scope) -> None:
        """Read a circuit whose sorted qubits, then bits, are ours of these numbers."""
        count = circuit.n_qubits
        wires = list(args[:count])
        if circuit.has_implicit_wireswaps:
            wires = self._permuted(circuit, wires, scope)
        if circuit.phase:
            self._gate(OpType.Phase, (circuit.phase,), (), scope)
        place_of: dict[Any, int] = dict(zip(circuit.qubits, wires, strict=True))
        place_of |= zip(circuit.bits, args[count:], strict=True)
        numbered = _is_numbered(circuit)
        for command in circuit.get_commands():
            op = command.op
            kind = op.type
            if numbered and kind in GATE_TYPES:
                # Half the time of looking the qubits up.
                qubits = tuple([wires[unit.index[0]] for unit in command.args])
                self._gate(kind, op.params, qubits, scope)
            else:
                # What has no place is the wire of a device's own, of an operation not known here.
                places = tuple([place_of.get(unit, -1) for unit in command.args])
                self.operation(op, places, scope)

    def operation(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        """Read one operation.

        Raises:
            UnsupportedError: If it has no translation.
        """
        kind = op.type
        if kind in GATE_TYPES:
            self._gate(kind, op.params, args, scope)
        elif kind in self._other:
            self._other[kind](op, args, scope)
        elif hasattr(op, "get_circuit"):
            self.circuit(op.get_circuit(), args, scope)
        elif op.n_qubits <= _MATRIX_QUBITS:
            self._dense(op, args, scope)
        else:
            raise _unsupported(op)

    def _gate(
        self, kind: OpType, params: Sequence[Any], qubits: tuple[int, ...], scope: _Scope
    ) -> None:
        gate = FIXED.get(kind)
        if gate is not None:
            scope.add(gate, qubits)
            return
        try:
            values = [lower_value(value) for value in params]
        except ParameterError as cause:
            raise ParameterError(f"Gate {kind.name}: {cause}") from cause
        known = ANGLED.get(kind)
        if known is not None:
            name, controls, factor = known
            angles = [value * factor for value in values]
            scope.add(Gate.named(name, angles, controls=controls), qubits)
        elif kind in CONTROLLED:
            angles = [value * np.pi for value in values]
            gate = Gate.named(CONTROLLED[kind], angles, controls=len(qubits) - 1)
            scope.add(gate, qubits)
        elif kind in COMPOSED:
            for gate, places in COMPOSED[kind](values, len(qubits)):
                scope.add(gate, tuple(qubits[place] for place in places))

    # --- boxes --------------------------------------------------------------------------------

    def _direct(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        for part in DIRECT[op.type](op):
            self._inner(part, args, scope)

    def _inner(self, part: Inner, args: tuple[int, ...], scope: _Scope) -> None:
        qubits = tuple(args[place] for place in part.places)
        if part.controls:
            controls = tuple(args[place] for place in part.controls)
            scope = scope.controlled(controls, part.control_state)
        if isinstance(part.what, Gate):
            scope.add(part.what, qubits)
        elif isinstance(part.what, TketCircuit):
            self.circuit(part.what, qubits, scope)
        else:
            self.operation(part.what, qubits, scope)

    def _prepare(self, op: Any, args: tuple[int, ...], scope: _Scope) -> None:
        """Prepare a state; on fresh qubits, or after resets, without synthesis."""
        fresh = scope.out is self._top and self._starts_at_zero and self._untouched(args)
        if not scope.controls and not op.is_inverse() and (fresh or op.with_initial_reset()):
            scope.out.append(Initialize(np.asarray(op.get_statevector(), complex), args[::-1]))
        else:
            self.circuit(op.get_circuit(), args, scope)

    def _untouched(self, qubits: tuple[int, ...]) -> bool:
        return all(
            set(qubits).isdisjoint(getattr(instruction, "qubits", qubits))
            for instruction in self._top
        )

    def _dense(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        try:
            matrix = op.get_unitary()
        except RuntimeError as cause:
            raise _unsupported(op) from cause
        scope.add(Gate.unitary(matrix), args[::-1])

    def _permuted(self, circuit: TketCircuit, wires: list[int], scope: _Scope) -> list[int]:
        """Return where each wire ends, after swaps that bring it there."""
        ends = circuit.implicit_qubit_permutation()
        place_of = dict(zip(circuit.qubits, wires, strict=True))
        if not (scope.out is self._top and self._starts_at_zero and not scope.out):
            left = {start for start, end in ends.items() if start != end}
            while left:
                first = start = left.pop()
                while (end := ends[start]) != first:
                    scope.add(_SWAP, (place_of[first], place_of[end]))
                    left.discard(end)
                    start = end
        return [place_of[ends[qubit]] for qubit in circuit.qubits]

    # --- what is no gate ----------------------------------------------------------------------

    def _measure(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        _uncontrolled(op, scope).append(Measure(args[:1], args[1:]))

    def _reset(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        _uncontrolled(op, scope).append(Reset(args))

    def _collapse(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        _uncontrolled(op, scope).append(ChannelOp(_DEPHASING, args))

    def _barrier(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        scope.out.append(Barrier(args[: op.n_qubits]))

    def _classical(self, op: Op, args: tuple[int, ...], scope: _Scope) -> None:
        _uncontrolled(op, scope).extend(lower_classical(op, args))

    def _conditional(self, op: Any, args: tuple[int, ...], scope: _Scope) -> None:
        condition = lower_condition(op, args[: op.width])
        out = _uncontrolled(op, scope)
        if condition is None:
            self.operation(op.op, args, scope)
            return
        body: list[Instruction] = []
        self.operation(op.op, args[op.width :], _Scope(body))
        out.append(If(condition, tuple(body)))


def _is_numbered(circuit: TketCircuit) -> bool:
    """Return whether a qubit's index is its place among the sorted qubits."""
    count = circuit.n_qubits
    return circuit.is_simple and count > 0 and circuit.qubits[-1] == Qubit(count - 1)


def _uncontrolled(op: Op, scope: _Scope) -> list[Instruction]:
    """Return where an operation goes that cannot have quantum controls."""
    if scope.controls:
        raise UnsupportedError(f"{op.type.name} cannot be controlled by qubits.")
    return scope.out


def _unsupported(op: Op) -> UnsupportedError:
    return UnsupportedError(
        f"QuASIM has no translation of {op.type.name}: it has neither a matrix of at most "
        f"{_MATRIX_QUBITS} qubits nor a circuit inside. Take it out or replace it with gates."
    )

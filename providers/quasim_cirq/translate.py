"""Cirq circuits to ours, and the only place where bit order is converted.

Cirq's first qubit is the most significant bit of an index. Position ``i`` of ``n`` qubits in Cirq's
order becomes our qubit ``n - 1 - i``, so that amplitudes keep their places; arrays and Pauli labels
of a gate are read with their targets last first; and a measurement's bits are laid down last qubit
lowest, so that a key's bits read as Cirq's integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import cirq
import numpy as np

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel, Circuit, Gate
from quasim_backend.ir.expr import Binary, Expr
from quasim_backend.ir.instructions import (
    ChannelOp,
    GateOp,
    If,
    Instruction,
    Measure,
    Reset,
)
from quasim_cirq.channels import is_channel, lower_channel, lower_confusion
from quasim_cirq.conditions import Record, lower_condition
from quasim_cirq.gates import add_controls, lower_gate
from quasim_cirq.moments import MomentClock, as_moment
from quasim_cirq.parameters import NeedsValues, Symbols, UnsupportedOperationError
from quasim_cirq.translation import Join, Measurement, Translation

__all__ = ["oriented", "translate"]


def translate(
    layers: Iterable[Iterable[cirq.Operation]],
    qubits: Sequence[cirq.Qid],
    resolver: cirq.ParamResolver | None = None,
    *,
    keep_moments: bool = False,
) -> Translation:
    """Translate a circuit.

    Args:
        layers: The operations, in order: a circuit, or moments with noise put in.
        qubits: All its qubits, and possibly more, in the order wanted.
        resolver: If given, gates get the values of their symbols at once.
        keep_moments: Whether noise of moments and of time may come later: what does nothing is
            kept as a delay, and barriers part moments where they are not as early as can be.

    Raises:
        NeedsValues: If a gate can only be translated once its symbols have values.
        UnsupportedOperationError: If something has no translation; the message names it.
    """
    walker = _Walker(tuple(qubits), Symbols(resolver))
    instructions = walker.result.circuit.instructions
    clock = MomentClock()
    for layer in layers:
        first = len(instructions)
        walker.operations(layer, instructions, top=True)
        if keep_moments:
            instructions[first:] = as_moment(layer, instructions[first:], walker.index, clock)
    return walker.finished()


_NOT_UNITARY = (cirq.MeasurementGate, cirq.ResetChannel)


@dataclass(eq=False, slots=True)  # not frozen: one is made a gate, and freezing costs 1 us
class _Known:
    """A gate that was met before; keeping the gate keeps its id its own.

    ``parts`` holds our gates with their positions, None for all of the operation's qubits in order.
    """

    gate: cirq.Gate
    parts: tuple[tuple[Gate, tuple[int, ...] | None], ...] | None
    joins: bool = True
    is_swap: bool = False


class _Walker:
    """Walks operations, appending instructions."""

    def __init__(self, qubits: tuple[cirq.Qid, ...], symbols: Symbols) -> None:
        if any(q.dimension != 2 for q in qubits):
            raise UnsupportedOperationError("qudits")
        self.result = Translation(Circuit(len(qubits), 0, "cirq"), qubits, symbols)
        self.index = {q: len(qubits) - 1 - i for i, q in enumerate(qubits)}
        self.result.index = self.index
        self._memo: dict[int, _Known] = {}
        self._channels: dict[int, tuple[Any, Channel]] = {}
        self._records: dict[str, list[Record]] = {}
        self._measured: set[int] = set()

    def finished(self) -> Translation:
        result = self.result
        result.is_terminal &= bool(result.measurements)
        return result

    def operations(
        self, operations: Iterable[cirq.Operation], block: list[Instruction], *, top: bool = False
    ) -> None:
        """Translate operations into a block."""
        index, memo, joins = self.index, self._memo, self.result.joins
        measured = self._measured
        for operation in operations:
            gate = operation.gate
            if gate is None:
                self._special(operation, block)
                continue
            known = memo.get(id(gate))
            if known is None:
                known = memo[id(gate)] = self._known(gate, len(operation.qubits))
            if known.parts is None:
                self._not_unitary(operation, gate, block, top=top)
                continue
            try:
                places = tuple([index[q] for q in operation.qubits])
            except KeyError as cause:
                raise UnsupportedOperationError(f"{operation} acts on ancilla qubits") from cause
            if measured and not measured.isdisjoint(places):
                self.result.is_terminal = False
            if known.joins and len(places) > 1:
                joins.append(Join(places, known.is_swap, len(block)))
            for part, positions in known.parts:
                block.append(
                    GateOp(
                        part,
                        places if positions is None else tuple([places[p] for p in positions]),
                    )
                )

    def _places(self, operation: cirq.Operation) -> tuple[int, ...]:
        places = tuple([self.index[q] for q in operation.qubits])
        if not self._measured.isdisjoint(places):
            self.result.is_terminal = False
        return places

    def _known(self, gate: cirq.Gate, width: int) -> _Known:
        """Translate a gate on ``width`` qubits once, its positions ready for use."""
        if type(gate) in _NOT_UNITARY:
            return _Known(gate, None)
        try:
            parts = lower_gate(gate, self.result.symbols)
        except QuasimError as cause:
            raise UnsupportedOperationError(str(cause)) from cause
        if parts is None:
            return _Known(gate, None)
        plain = tuple(range(width))
        return _Known(
            gate,
            tuple(
                [
                    (part, None if (own := oriented(part, positions)) == plain else own)
                    for part, positions in parts
                ]
            ),
            type(gate) is not cirq.IdentityGate,
            width == 2 and _is_swap(gate),
        )

    # --- what is not a gate -------------------------------------------------------------------

    def _not_unitary(
        self, operation: cirq.Operation, gate: cirq.Gate, block: list[Instruction], *, top: bool
    ) -> None:
        if isinstance(gate, cirq.MeasurementGate):
            self._measure(operation, gate, block, top=top)
        elif isinstance(gate, cirq.ResetChannel):
            self.result.is_unitary = self.result.is_terminal = False
            self.result.is_static &= block is self.result.circuit.instructions
            for place in self._places(operation):
                block.append(Reset((place,)))
                self.result.draws.append("reset")
        else:
            self._decompose(operation, gate, block)

    def _decompose(
        self, operation: cirq.Operation, definition: Any, block: list[Instruction]
    ) -> None:
        """Translate what is neither unitary, measurement nor reset, in Cirq's order."""
        if hasattr(definition, "_act_on_"):
            raise UnsupportedOperationError(f"{operation}, which defines how it acts on a state")
        if is_channel(definition):
            self._channel(operation, block)
            return
        parts = cirq.decompose_once(operation, None)
        if parts is None:
            raise UnsupportedOperationError(f"{operation!r}")
        self.operations(parts, block)

    def _channel(self, operation: cirq.Operation, block: list[Instruction]) -> None:
        if cirq.is_parameterized(operation):
            raise NeedsValues
        key = id(operation.gate)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = (operation.gate, lower_channel(operation))
        result = self.result
        result.is_unitary = result.is_terminal = False
        result.is_static &= block is result.circuit.instructions
        places = self._places(operation)
        block.append(ChannelOp(channel[1], places[::-1]))
        result.draws.append("channel")
        if len(places) > 1:
            result.joins.append(Join(places, is_swap=False, at=len(block) - 1))

    def _measure(
        self,
        operation: cirq.Operation,
        gate: cirq.MeasurementGate,
        block: list[Instruction],
        *,
        top: bool,
    ) -> None:
        result = self.result
        circuit = result.circuit
        if block is not circuit.instructions:
            raise UnsupportedOperationError("a measurement under classical control")
        places = tuple(self.index[q] for q in operation.qubits)
        width = len(places)
        flips = sum(1 << width - 1 - i for i, flip in enumerate(gate.full_invert_mask()) if flip)
        record = Record(circuit.num_clbits, width, flips)
        key = cirq.measurement_key_name(gate)
        known = self._records.setdefault(key, [])
        if known and known[-1].width != width:
            raise UnsupportedOperationError(f"key {key} measures different numbers of qubits")
        known.append(record)
        confusion = tuple(
            (tuple(k), np.array(m, np.float64)) for k, m in gate.confusion_map.items()
        )
        result.measurements.append(Measurement(key, places, record, confusion))
        result.draws += ["measure"] + ["confuse"] * len(confusion)
        circuit.num_clbits += width
        block.append(
            Measure(
                places[::-1],
                tuple(range(record.first, record.first + width)),
                lower_confusion(confusion, width) if confusion else None,
            )
        )
        result.is_unitary = False
        result.is_terminal &= top
        self._measured.update(places)

    def _special(self, operation: cirq.Operation, block: list[Instruction]) -> None:
        """Translate an operation that is not a gate on qubits."""
        kind = type(operation)
        if isinstance(operation, cirq.ControlledOperation):
            self._controlled(operation, block)
        elif kind is cirq.TaggedOperation:
            self.operations((operation.untagged,), block)
        elif kind is cirq.ClassicallyControlledOperation:
            self._classically_controlled(operation, block)
        elif kind is cirq.CircuitOperation:
            self.operations(_unrolled(operation), block)
        else:
            self._unknown(operation, block)

    def _classically_controlled(self, operation: cirq.Operation, block: list[Instruction]) -> None:
        self.result.is_unitary = self.result.is_terminal = False
        conditions: list[Expr] = [
            lower_condition(c, self._records) for c in sorted(operation.classical_controls, key=str)
        ]
        body: list[Instruction] = []
        self.operations((operation.without_classical_controls(),), body)
        if body:
            condition = reduce(lambda left, right: Binary("and", left, right), conditions)
            block.append(If(condition, tuple(body)))

    def _controlled(self, operation: cirq.ControlledOperation, block: list[Instruction]) -> None:
        body: list[Instruction] = []
        self.operations((operation.sub_operation,), body)
        controls = self._places(operation)[: len(operation.controls)]
        for instruction in body:
            if not isinstance(instruction, GateOp):
                raise UnsupportedOperationError(f"{operation!r}")
            gate, targets = instruction.gate, instruction.qubits
            places = (*controls, *targets)
            inner = ((gate, tuple(range(len(targets)))),)
            for part, positions in add_controls(operation.control_values, inner):
                block.append(GateOp(part, tuple(places[p] for p in positions)))
        joined = tuple(self.index[q] for q in operation.qubits)
        self.result.joins.append(Join(joined, is_swap=False, at=len(block)))

    def _unknown(self, operation: cirq.Operation, block: list[Instruction]) -> None:
        if hasattr(operation, "_act_on_"):
            raise UnsupportedOperationError(f"{type(operation).__name__} defines how it acts")
        if cirq.is_parameterized(operation):
            raise NeedsValues
        parts = cirq.decompose_once(operation, None)
        matrix = cirq.unitary(operation, None) if len(operation.qubits) <= 6 else None
        if matrix is not None:
            self.operations((cirq.MatrixGate(matrix).on(*operation.qubits),), block)
        elif parts is not None:
            self._decompose(operation, operation, block)
        else:
            raise UnsupportedOperationError(f"{operation!r}")


def oriented(gate: Gate, positions: tuple[int, ...]) -> tuple[int, ...]:
    """Turn positions round where the gate's array or label has Cirq's order."""
    if gate.data is None and gate.masks is None:
        return positions
    controls, targets = positions[: gate.num_controls], positions[gate.num_controls :]
    return (*controls, *targets[::-1])


def _is_swap(gate: Any) -> bool:
    return (
        cirq.SwapPowGate in type(gate).__mro__  # isinstance is slow on Cirq's abstract classes
        and gate.global_shift == 0
        and not cirq.is_parameterized(gate)
        and gate.exponent % 2 == 1
    )


def _unrolled(operation: Any) -> Iterable[cirq.Operation]:
    """Return the operations of a subcircuit, all repetitions in order."""
    if operation.repeat_until is not None:
        raise UnsupportedOperationError("a subcircuit that repeats until a condition holds")
    if cirq.is_parameterized(operation.repetitions):
        raise NeedsValues
    inner: cirq.Circuit = operation.mapped_circuit(deep=False)
    return inner.all_operations()

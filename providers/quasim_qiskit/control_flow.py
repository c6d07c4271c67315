"""Qiskit's structured control flow as blocks of the IR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit.circuit import CASE_DEFAULT, Parameter, QuantumCircuit
from qiskit.circuit.classical import expr as qexpr
from qiskit.circuit.controlflow import (
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)

from quasim_backend.ir import Parameter as IrParameter
from quasim_backend.ir.expr import uint
from quasim_backend.ir.instructions import (
    Block,
    Break,
    Continue,
    For,
    If,
    Instruction,
    Switch,
    While,
)
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.expressions import ClassicalScope
from quasim_qiskit.parameters import LoopParameter

if TYPE_CHECKING:
    from quasim_qiskit.blocks import BlockReader, Place

__all__ = ["control_flow"]


def control_flow(
    reader: BlockReader,
    operation: Any,
    qubits: Sequence[int],
    clbits: Sequence[int],
    place: Place,
    out: list[Instruction],
) -> None:
    """Append a control-flow operation.

    Args:
        reader: Reads the blocks.
        operation: The operation.
        qubits: Qubits of the circuit its blocks act on.
        clbits: Classical bits of the circuit its blocks act on.
        place: Place of the block that holds the operation.
        out: Where to append.

    Raises:
        QuasimQiskitError: If the kind of control flow is not known.
    """
    scope = ClassicalScope(place.clbits, reader.variables)

    def block(body: QuantumCircuit, at: Place = place) -> Block:
        inner = replace(at.inner(body, qubits, clbits), depth=at.depth + 1)
        result: list[Instruction] = []
        reader.read(body, inner, result)
        return tuple(result)

    if isinstance(operation, IfElseOp):
        bodies = operation.blocks
        orelse = block(bodies[1]) if len(bodies) > 1 else ()
        out.append(If(scope.condition(operation.condition), block(bodies[0]), orelse))
    elif isinstance(operation, WhileLoopOp):
        out.append(While(scope.condition(operation.condition), block(operation.blocks[0])))
    elif isinstance(operation, ForLoopOp):
        out.append(_for(reader, operation, scope, place, block))
    elif isinstance(operation, SwitchCaseOp):
        cases: list[tuple[tuple[int, ...] | None, Block]] = []
        for labels, body in operation.cases_specifier():
            default = any(label is CASE_DEFAULT for label in labels)
            values = None if default else tuple(int(label) for label in labels)
            cases.append((values, block(body)))
        out.append(Switch(scope.subject(operation.target), tuple(cases)))
    elif isinstance(operation, BoxOp):
        body = operation.blocks[0]
        reader.read(body, place.inner(body, qubits, clbits), out)
    elif isinstance(operation, BreakLoopOp):
        out.append(Break())
    elif isinstance(operation, ContinueLoopOp):
        out.append(Continue())
    else:
        raise QuasimQiskitError(
            f"Control flow '{operation.name}' is not supported; if_else, for_loop, while_loop, "
            f"switch_case, break_loop, continue_loop and box are."
        )


def _for(
    reader: BlockReader, operation: ForLoopOp, scope: ClassicalScope, place: Place, block: Any
) -> For:
    indices, parameter, body = operation.params
    values = tuple(int(i) for i in indices)
    if isinstance(parameter, qexpr.Var):
        return For(values, block(body), None, scope.variable(parameter))
    if not isinstance(parameter, Parameter):
        return For(values, block(body))
    reader.loops += 1
    loop = LoopParameter(
        IrParameter(f"{parameter.name} [loop {reader.loops}]"),
        reader.variables.fresh(parameter.name, uint(64)),
        values,
    )
    inner = replace(place, scope={**place.scope, parameter: loop})
    instructions = block(body, inner)
    variable = loop.variable if loop.variable in reader.picked else None
    return For(values, instructions, loop.parameter, variable)

"""Which variables and parameters instructions use, and what nothing uses."""

from __future__ import annotations

from collections.abc import Iterable

from quasim_backend.ir.expr import Const, Expr, Var, variables_read
from quasim_backend.ir.instructions import (
    Assign,
    For,
    GateOp,
    If,
    Instruction,
    Switch,
    While,
    blocks_of,
)
from quasim_backend.ir.parameters import Parameter

__all__ = ["variables_used", "without_unread"]


def variables_used(instructions: Iterable[Instruction]) -> tuple[set[Var], set[Parameter]]:
    """Return the variables that instructions read and the parameters in their gates."""
    variables: set[Var] = set()
    parameters: set[Parameter] = set()
    waiting = list(instructions)
    while waiting:
        instruction = waiting.pop()
        expr: Expr | None = None
        if isinstance(instruction, GateOp):
            if instruction.gate.params:
                parameters.update(instruction.gate.parameters)
        elif isinstance(instruction, Assign):
            expr = instruction.value
        elif isinstance(instruction, If | While):
            expr = instruction.condition
        elif isinstance(instruction, Switch):
            expr = instruction.subject
        if expr is not None:
            variables |= variables_read(expr)
        for block in blocks_of(instruction):
            waiting += block
    return variables, parameters


def without_unread(instructions: list[Instruction]) -> list[Instruction]:
    """Leave out constants stored in variables that nothing reads: their value was put in place."""
    if not any(isinstance(i, Assign | If | For | While | Switch) for i in instructions):
        return instructions
    used, _ = variables_used(instructions)
    return list(_kept(instructions, used))


def _kept(instructions: Iterable[Instruction], used: set[Var]) -> Iterable[Instruction]:
    for instruction in instructions:
        match instruction:
            case Assign(Var() as var, Const()) if var not in used:
                continue
            case If(condition, body, orelse):
                yield If(condition, tuple(_kept(body, used)), tuple(_kept(orelse, used)))
            case While(condition, body):
                yield While(condition, tuple(_kept(body, used)))
            case For(values, body, parameter, variable):
                yield For(values, tuple(_kept(body, used)), parameter, variable)
            case Switch(subject, cases):
                yield Switch(subject, tuple((v, tuple(_kept(b, used))) for v, b in cases))
            case _:
                yield instruction

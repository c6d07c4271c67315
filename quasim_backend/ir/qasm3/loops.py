"""Reads loops.

A ``for`` stays a loop of the circuit where its variable stands only in angles and
in classical expressions; where it selects a qubit or the like, the loop is written out.
"""

from __future__ import annotations

from dataclasses import dataclass

from quasim_backend.ir.expr import Var, uint
from quasim_backend.ir.instructions import (
    Block,
    Break,
    Continue,
    For,
    Switch,
    While,
)
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.qasm3.branches import read_block, read_condition
from quasim_backend.ir.qasm3.faults import NeedsValue
from quasim_backend.ir.qasm3.lexer import Cursor
from quasim_backend.ir.qasm3.loop_values import LoopHead, read_loop_values
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.scope import Variable
from quasim_backend.ir.qasm3.skipping import assigned_names, leaves_loop, skip_statement
from quasim_backend.ir.qasm3.usage import variables_used
from quasim_backend.ir.qasm3.values import Value, expression_of

__all__ = ["read_for", "read_leave", "read_while"]


@dataclass(frozen=True, slots=True)
class _Span:
    """The tokens of a loop's body, and the variables it may assign to."""

    first: int
    last: int
    assigned: tuple[Var, ...]
    leaves: bool


def _look_ahead(program: Program, cursor: Cursor) -> _Span:
    first = cursor.at
    skip_statement(cursor)
    last, cursor.at = cursor.at, first
    named = (program.scope.names.get(name) for name in assigned_names(cursor, first, last))
    assigned = tuple(thing.var for thing in named if isinstance(thing, Variable))
    return _Span(first, last, assigned, leaves_loop(cursor, first, last))


def _forget(program: Program, span: _Span) -> None:
    for var in span.assigned:
        program.scope.known.pop(var, None)


def read_while(program: Program, cursor: Cursor) -> None:
    """Read ``while (condition) ...``."""
    start = cursor.at
    span = _look_ahead(program, cursor)
    _forget(program, span)
    cursor.at += 1
    condition = expression_of(read_condition(program, cursor, "while"))
    body = _loop_body(program, cursor)
    _forget(program, span)
    program.emit(cursor, start, [While(condition, body)], 1)


def _loop_body(program: Program, cursor: Cursor) -> Block:
    program.loops += 1
    try:
        return read_block(program, cursor)
    finally:
        program.loops -= 1


def read_leave(program: Program, cursor: Cursor) -> None:
    """Read ``break;`` or ``continue;``."""
    start = cursor.at
    word = cursor.take_name("'break' or 'continue'")
    if not program.loops:
        raise cursor.error(f"'{word}' belongs inside a loop.", start)
    cursor.take_symbol(";", f"after '{word}'")
    program.emit(cursor, start, [Break() if word == "break" else Continue()], 1)


def read_for(program: Program, cursor: Cursor) -> None:
    """Read ``for int i in [0:3] ...``."""
    start = cursor.at
    head = read_loop_values(cursor, program.scope)
    span = _look_ahead(program, cursor)
    program.count(cursor, start, len(head.values))
    place = (id(cursor), start)
    if len(head.values) > 1 and head.type.is_whole and place not in program.unrolled:
        before = dict(program.scope.known)
        bits = program.num_clbits, len(program.registers)
        try:
            loop = _rolled(program, cursor, head, span)
        except NeedsValue:
            program.unrolled.add(place)
            program.scope.known = before
            program.num_clbits = bits[0]
            del program.registers[bits[1] :]
        else:
            program.emit(cursor, start, [loop], 1)
            return
    if span.leaves and len(head.values):
        program.emit(cursor, start, [_chosen(program, cursor, head, span)], 1)
        return
    for value in head.values:
        program.count_round(cursor, start)
        cursor.at = span.first
        program.emit(cursor, start, _round(program, cursor, head.name, value), 1)
    cursor.at = span.last


def _rolled(program: Program, cursor: Cursor, head: LoopHead, span: _Span) -> For:
    """Read the body once, with a variable that has a new value in each round."""
    cursor.at = span.first
    _forget(program, span)
    variable = program.variable(head.name, head.type).var
    parameter = Parameter(f"{variable.name} [loop]")
    affine = Affine(0.0, ((parameter, 1.0),))
    value = Value(head.type, expr=variable, affine=affine, name=head.name)
    body = _round(program, cursor, head.name, value)
    _forget(program, span)
    used, angles = variables_used(body)
    return For(
        tuple(int(v.constant or 0) for v in head.values),
        body,
        parameter if parameter in angles else None,
        variable if variable in used else None,
    )


def _round(program: Program, cursor: Cursor, name: str, value: Value) -> Block:
    program.scope.enter()
    try:
        program.scope.declare(name, value)
        return _loop_body(program, cursor)
    finally:
        program.scope.leave()


def _chosen(program: Program, cursor: Cursor, head: LoopHead, span: _Span) -> For:
    """Write a loop out that can be left early: as a loop over the written-out bodies."""
    _forget(program, span)
    count = len(head.values)
    number = Var(program.variable(head.name, head.type).var.name, uint(max(count.bit_length(), 1)))
    cases: list[tuple[tuple[int, ...] | None, Block]] = []
    for k, value in enumerate(head.values):
        program.count_round(cursor, span.first)
        cursor.at = span.first
        cases.append(((k,), _round(program, cursor, head.name, value)))
        _forget(program, span)
    return For(tuple(range(count)), (Switch(number, tuple(cases)),), None, number)

"""Reads what branches: if, switch; and blocks as such."""

from __future__ import annotations

from collections.abc import Sequence

from quasim_backend.ir.expr import Var
from quasim_backend.ir.instructions import Block, If, Switch
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, Cursor
from quasim_backend.ir.qasm3.measurements import read_duration
from quasim_backend.ir.qasm3.operators import truth
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.skipping import skip_statement
from quasim_backend.ir.qasm3.values import Value, expression_of, integer_of

__all__ = ["read_block", "read_box", "read_condition", "read_if", "read_switch"]


def read_block(program: Program, cursor: Cursor) -> Block:
    """Read ``{ ... }`` or one statement into a block of its own."""
    with program.block(cursor) as out:
        if cursor.symbol() != "{":
            program.read_statement(program, cursor)
        else:
            start = cursor.at
            cursor.at += 1
            while cursor.symbol() != "}":
                if cursor.at_end():
                    raise cursor.error("There is no '}' for this '{'.", start)
                program.read_statement(program, cursor)
            cursor.at += 1
    return tuple(out)


def read_condition(program: Program, cursor: Cursor, word: str) -> Value:
    """Read ``(condition)`` as a truth value."""
    cursor.take_symbol("(", f"after '{word}'")
    start = cursor.at
    if cursor.tokens[start][NAME] == "measure":
        raise cursor.error("Measure into a bit first, and test the bit.")
    value = read(cursor, program.scope)
    cursor.take_symbol(")", "after the condition")
    try:
        value = truth(value)
        if value.constant is None:
            expression_of(value)
        return value
    except ValueError as cause:
        raise checked(cursor, start, cause) from None


def read_if(program: Program, cursor: Cursor) -> None:
    """Read ``if (condition) ... else ...``; a branch that is never taken is not looked at."""
    start = cursor.at
    cursor.at += 1
    condition = read_condition(program, cursor, "if")
    scope = program.scope
    if condition.constant is not None:
        body = _taken(program, cursor, bool(condition.constant))
        orelse: Block = ()
        if cursor.tokens[cursor.at][NAME] == "else":
            cursor.at += 1
            orelse = _taken(program, cursor, not condition.constant)
        program.emit(cursor, start, body + orelse, 1)
        return
    before = dict(scope.known)
    body = read_block(program, cursor)
    after, scope.known = scope.known, before
    orelse = ()
    if cursor.tokens[cursor.at][NAME] == "else":
        cursor.at += 1
        orelse = read_block(program, cursor)
    _join(program, [after, scope.known])
    program.emit(cursor, start, [If(expression_of(condition), body, orelse)], 1)


def _taken(program: Program, cursor: Cursor, taken: bool) -> Block:
    if taken:
        return read_block(program, cursor)
    skip_statement(cursor)
    return ()


def _join(program: Program, paths: Sequence[dict[Var, Value]]) -> None:
    """Keep what is known on every path."""
    first, *others = paths
    program.scope.known = {
        var: value
        for var, value in first.items()
        if all(var in path and path[var] == value for path in others)
    }


def read_switch(program: Program, cursor: Cursor) -> None:
    """Read ``switch (subject) { case 1, 2 { ... } default { ... } }``."""
    start = cursor.at
    cursor.at += 1
    cursor.take_symbol("(", "after 'switch'")
    at = cursor.at
    subject = read(cursor, program.scope)
    if not subject.type.is_whole:
        raise cursor.error(f"A switch needs a whole number; got a {subject.type}.", at)
    cursor.take_symbol(")", "after the subject of a switch")
    cursor.take_symbol("{", "before the cases")
    known = subject.constant
    before = program.scope.known
    cases: list[tuple[tuple[int, ...] | None, Block]] = []
    ends: list[dict[Var, Value]] = []
    seen: set[int] = set()
    default = found = False
    while cursor.symbol() != "}":
        place = cursor.at
        labels = _labels(program, cursor)
        if default or len(seen | set(labels or ())) < len(seen) + len(labels or ()):
            why = "'default' comes last" if default else "A case appears twice"
            raise cursor.error(f"{why} in a switch.", place)
        default = labels is None
        seen.update(labels or ())
        program.scope.known = dict(before)
        if known is None:
            cases.append((labels, read_block(program, cursor)))
            ends.append(program.scope.known)
        elif not found and (labels is None or int(known) in labels):
            found = True
            cases.append((None, read_block(program, cursor)))
            ends.append(program.scope.known)
        else:
            skip_statement(cursor)
    cursor.at += 1
    if not default and not found:
        ends.append(before)
    _join(program, ends)
    if known is not None:
        program.emit(cursor, start, [i for _, block in cases for i in block], 1)
        return
    try:
        switch = Switch(expression_of(subject), tuple(cases))
    except ValueError as cause:
        raise checked(cursor, at, cause) from None
    program.emit(cursor, start, [switch], 1)


def _labels(program: Program, cursor: Cursor) -> tuple[int, ...] | None:
    """Read ``case 1, 2`` or ``default``."""
    word = cursor.tokens[cursor.at][NAME]
    cursor.at += 1
    labels: list[int] = []
    if word == "case":
        while True:
            at = cursor.at
            value = read(cursor, program.scope)
            try:
                labels.append(integer_of(value, "A case"))
            except ValueError as cause:
                raise checked(cursor, at, cause) from None
            if cursor.symbol() != ",":
                break
            cursor.at += 1
    elif word != "default":
        cursor.at -= 1
        raise cursor.error(f"Expected 'case', 'default' or '}}', found {cursor.seen()}.")
    if cursor.symbol() != "{":
        raise cursor.error(f"Expected '{{' after '{word}', found {cursor.seen()}.")
    return tuple(labels) if word == "case" else None


def read_box(program: Program, cursor: Cursor) -> None:
    """Read ``box { ... }``: timing aside, its statements."""
    start = cursor.at
    token = cursor.tokens[cursor.at]
    if token[INDEX]:
        raise cursor.error("Expected a duration such as box[100ns].")
    cursor.at += 1
    if cursor.symbol() == "[":
        read_duration(program, cursor)
    if cursor.symbol() != "{":
        raise cursor.error(f"Expected '{{' after 'box', found {cursor.seen()}.")
    program.emit(cursor, start, read_block(program, cursor), 1)

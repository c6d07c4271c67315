"""Reads the head of a loop, ``for int i in [0:2:6]``."""

from __future__ import annotations

from dataclasses import dataclass

from quasim_backend.errors import near_matches
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.indices import (
    TYPE_NAMES,
    read_list,
    read_nested,
    read_range,
    read_type,
)
from quasim_backend.ir.qasm3.kinds import INT, Type
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, Cursor
from quasim_backend.ir.qasm3.scope import Array, Scope
from quasim_backend.ir.qasm3.values import Unknown, Value, constant, converted

__all__ = ["LoopHead", "read_loop_values"]

_MOST_ROUNDS = 1 << 20


@dataclass(frozen=True, slots=True)
class LoopHead:
    """The head of a ``for`` loop: its variable and the values it takes."""

    name: str
    type: Type
    values: list[Value]


def read_loop_values(cursor: Cursor, scope: Scope) -> LoopHead:
    """Read ``for type name in values``, the cursor being on ``for``.

    Raises:
        QasmError: If the values are not known, or too many.
    """
    cursor.at += 1
    # Older writers leave the type out.
    kind = read_type(cursor, scope) if cursor.tokens[cursor.at][NAME] in TYPE_NAMES else INT
    name = cursor.take_name("the name of the loop's variable")
    if cursor.tokens[cursor.at][NAME] != "in":
        raise cursor.error(f"Expected 'in' after the loop's variable, found {cursor.seen()}.")
    token = cursor.tokens[cursor.at]
    if token[INDEX]:
        raise cursor.error("A loop runs over a range [first:last]; this one has no ':'.")
    cursor.at += 1
    start = cursor.at
    try:
        values = [converted(v, kind) for v in _values(cursor, scope, kind)]
        unknown = next((v for v in values if v.constant is None), None)
        if unknown is not None:
            raise Unknown(f"The values of a loop must be known; '{unknown.name}' is not.")
    except ValueError as cause:
        raise checked(cursor, start, cause) from None
    if len(values) > _MOST_ROUNDS:
        raise cursor.error(f"A loop has at most {_MOST_ROUNDS} rounds.", start)
    return LoopHead(name, kind, values)


def _values(cursor: Cursor, scope: Scope, kind: Type) -> list[Value]:
    if cursor.symbol() == "{":
        return [value for value, _ in read_list(cursor, scope)]
    if cursor.symbol() == "[":
        cursor.at += 1
        first = read_nested(cursor, scope)
        if cursor.symbol() != ":":
            raise cursor.error(f"Expected ':' in the range of a loop, found {cursor.seen()}.")
        numbers = read_range(cursor, scope, first, 0)
        cursor.take_symbol("]", "after the range of a loop")
        if len(numbers) > _MOST_ROUNDS:
            raise cursor.error(f"A loop has at most {_MOST_ROUNDS} rounds.")
        return [constant(number, kind) for number in numbers]
    name = cursor.take_name("a range, a set or an array to loop over")
    thing = scope.names.get(name)
    if isinstance(thing, Array):
        return list(thing.values)
    arrays = [n for n, t in scope.names.items() if isinstance(t, Array)]
    raise cursor.error(
        f"A loop runs over a range, a set or an array of constants; '{name}' is none. "
        f"{near_matches(name, arrays)}",
        cursor.at - 1,
    )

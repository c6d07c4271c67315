"""Reads what stands in brackets and braces: ``[2]``, ``[i]``, ``[0:2:6]``, ``{0, 3}``, widths."""

from __future__ import annotations

from collections.abc import Sequence

# The two modules need each other: an index is an expression, and an expression may hold an index.
from quasim_backend.ir.qasm3 import expressions
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.kinds import (
    ANGLE_WIDTH,
    BOOLEAN,
    DURATION,
    INT,
    MAX_WIDTH,
    REAL,
    Type,
    bits,
)
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, Cursor
from quasim_backend.ir.qasm3.scope import Scope
from quasim_backend.ir.qasm3.values import Value, integer_of

__all__ = [
    "MAX_RANGE",
    "TYPE_NAMES",
    "read_index_list",
    "read_integer",
    "read_list",
    "read_nested",
    "read_range",
    "read_set",
    "read_type",
]

MAX_RANGE = 1 << 24
"""Most numbers a range may span."""

TYPE_NAMES = frozenset({"bool", "bit", "uint", "int", "float", "angle", "duration"})
"""Words a type begins with."""

_MOST_NESTED = 30


def read_nested(cursor: Cursor, scope: Scope) -> Value:
    """Read an expression inside brackets or braces."""
    scope.depth += 1
    try:
        if scope.depth > _MOST_NESTED:
            raise cursor.error(f"Indices are nested more than {_MOST_NESTED} levels deep.")
        return expressions.read(cursor, scope)
    finally:
        scope.depth -= 1


def read_index_list(
    cursor: Cursor, scope: Scope, size: int, name: str
) -> tuple[Sequence[int], bool] | Value:
    """Read ``name[2]``, ``name[0:2:6]`` or ``name[{0, 3}]``, the cursor being on the name.

    Returns:
        The positions and whether it was a single index, or the index itself where it is known only
        while the circuit runs.

    Raises:
        QasmError: If a position does not exist.
    """
    start = cursor.at
    token = cursor.tokens[start]
    cursor.at += 1
    single = True
    wanted: Sequence[int]
    if token[INDEX]:
        wanted = (int(token[INDEX]),)
    else:
        cursor.take_symbol("[", f"after '{name}'")
        if cursor.symbol() == "{":
            wanted, single = read_set(cursor, scope), False
        else:
            index = None if cursor.symbol() == ":" else read_nested(cursor, scope)
            if index is None or cursor.symbol() == ":":
                wanted, single = read_range(cursor, scope, index, size), False
            elif index.constant is None:
                cursor.take_symbol("]", "after an index")
                return index
            else:
                wanted = (_now(cursor, index, "An index", start),)
        cursor.take_symbol("]", "after an index")
    found = [p + size if p < 0 else p for p in wanted]
    for given, place in zip(wanted, found, strict=True):
        if not 0 <= place < size:
            raise cursor.error(
                f"{name}[{given}] is out of range: the register has {size} bits.", start
            )
    return found, single


def _now(cursor: Cursor, value: Value, what: str, at: int) -> int:
    try:
        return integer_of(value, what)
    except ValueError as cause:
        raise checked(cursor, at, cause) from None


def read_integer(cursor: Cursor, scope: Scope, what: str) -> int:
    """Read a whole number that must be known before the run."""
    start = cursor.at
    return _now(cursor, read_nested(cursor, scope), what, start)


def read_set(cursor: Cursor, scope: Scope) -> list[int]:
    """Read ``{1, 5, 2}``."""
    return [
        _now(cursor, value, "An element of a set", at) for value, at in read_list(cursor, scope)
    ]


def read_list(cursor: Cursor, scope: Scope) -> list[tuple[Value, int]]:
    """Read ``{1, 5, 2}``: values and where they start."""
    cursor.take_symbol("{", "before a list of values")
    found: list[tuple[Value, int]] = []
    while cursor.symbol() != "}":
        start = cursor.at
        found.append((read_nested(cursor, scope), start))
        if cursor.symbol() != ",":
            break
        cursor.at += 1
    cursor.take_symbol("}", "after a list of values")
    return found


def read_range(cursor: Cursor, scope: Scope, first: Value | None, size: int) -> range:
    """Read ``:last`` or ``:step:last`` behind the first bound; both bounds belong to the range.

    Args:
        cursor: On the colon.
        scope: Names.
        first: The bound before the colon; None if it is left out.
        size: What missing and negative bounds refer to; 0 for the range of a loop, where none may
            be missing.
    """
    start = cursor.at
    parts: list[int | None] = [None if first is None else _now(cursor, first, "A bound", start)]
    while cursor.symbol() == ":":
        if len(parts) == 3:
            raise cursor.error("A range has at most two colons: [first:step:last].")
        cursor.at += 1
        if cursor.symbol() in (":", "]"):
            parts.append(None)
        else:
            parts.append(read_integer(cursor, scope, "A bound"))
    low, high = parts[0], parts[-1]
    step = parts[1] if len(parts) == 3 and parts[1] is not None else 1
    if step == 0:
        raise cursor.error("The step of a range cannot be 0.", start)
    if size:
        low = (0 if step > 0 else size - 1) if low is None else low + size if low < 0 else low
        high = (size - 1 if step > 0 else 0) if high is None else high + size if high < 0 else high
    if low is None or high is None:
        raise cursor.error("Both bounds of this range must be given: [first:last].", start)
    if abs(high - low) > MAX_RANGE:
        raise cursor.error(f"A range spans at most {MAX_RANGE} numbers.", start)
    return range(low, high + (1 if step > 0 else -1), step)


def read_type(cursor: Cursor, scope: Scope) -> Type:
    """Read a classical type such as ``uint[8]``; a register of bits is an unsigned number."""
    token = cursor.tokens[cursor.at]
    name = token[NAME]
    width: int | None = int(token[INDEX]) if token[INDEX] else None
    start = cursor.at
    cursor.at += 1
    if width is None and cursor.symbol() == "[":
        cursor.at += 1
        width = read_integer(cursor, scope, f"The width of '{name}'")
        cursor.take_symbol("]", f"after the width of '{name}'")
    if width is not None and not 1 <= width <= MAX_WIDTH:
        raise cursor.error(f"A width of 1 to {MAX_WIDTH} bits is possible; got {width}.", start)
    if width is not None and name in ("bool", "duration"):
        raise cursor.error(f"'{name}' has no width.", start)
    if name == "bool" or (name == "bit" and width is None):
        return BOOLEAN
    if name == "duration":
        return DURATION
    if name == "float":
        return REAL
    if name == "bit":
        return bits(width or 1)
    return INT if name == "int" and width is None else Type(name, width or ANGLE_WIDTH)

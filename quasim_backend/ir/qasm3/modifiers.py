"""Reads gate modifiers: ``ctrl(2) @ inv @``."""

from __future__ import annotations

import math

from quasim_backend.ir.qasm3.definitions import Modifier
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, Cursor
from quasim_backend.ir.qasm3.scope import Scope
from quasim_backend.ir.qasm3.values import Unknown, integer_of

__all__ = ["MODIFIERS", "read_modifiers"]

MODIFIERS = frozenset({"ctrl", "negctrl", "inv", "pow"})
_MOST_CONTROLS = 1 << 12
_LARGEST_POWER = 1e9


def read_modifiers(cursor: Cursor, scope: Scope) -> tuple[tuple[Modifier, ...], int]:
    """Read modifiers, if there are any.

    Returns:
        The modifiers, the outermost first, and the number of control qubits they add.

    Raises:
        QasmError: If a number is missing or impossible.
    """
    found: list[Modifier] = []
    controls = 0
    while (token := cursor.tokens[cursor.at])[NAME] in MODIFIERS and not token[INDEX]:
        kind = token[NAME]
        cursor.at += 1
        number = 1.0
        if cursor.symbol() == "(" and kind != "inv":
            cursor.at += 1
            number = _number(cursor, scope, kind)
            cursor.take_symbol(")", f"after the number of '{kind}'")
        elif kind == "pow":
            raise cursor.error("'pow' needs an exponent: pow(2) @ x q;")
        cursor.take_symbol("@", f"after the modifier '{kind}'")
        if kind in ("ctrl", "negctrl"):
            controls += int(number)
            if controls > _MOST_CONTROLS:
                raise cursor.error(f"A gate has at most {_MOST_CONTROLS} controls.")
        found.append(Modifier(kind, number))
    return tuple(found), controls


def _number(cursor: Cursor, scope: Scope, kind: str) -> float:
    start = cursor.at
    value = read(cursor, scope)
    try:
        if kind != "pow":
            number = integer_of(value, "A number of controls")
            if number < 1:
                raise ValueError(f"'{kind}' takes 1 control or more; got {number}.")
            return number
        if value.constant is None:
            raise Unknown(f"An exponent must be known before the run; '{value.name}' is not.")
        exponent = float(value.constant)
        if not math.isfinite(exponent) or abs(exponent) > _LARGEST_POWER:
            raise ValueError(f"An exponent is at most {_LARGEST_POWER:g}.")
        return exponent
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, start, cause) from None

"""Reads parameters of gates; most are products of numbers and pi, which are read fast."""

from __future__ import annotations

import math

from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, NUMBER, SYMBOL, Cursor
from quasim_backend.ir.qasm3.scope import Scope
from quasim_backend.ir.qasm3.values import angle_of

__all__ = ["read_angle", "read_angles"]

_SIMPLE = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau}


def read_angles(cursor: Cursor, scope: Scope) -> list[float | Affine]:
    """Read ``(angle, ...)``, the cursor being on the opening parenthesis."""
    tokens = cursor.tokens
    cursor.at += 1
    found: list[float | Affine] = []
    if tokens[cursor.at][SYMBOL] == ")":
        cursor.at += 1
        return found
    while True:
        found.append(read_angle(cursor, scope))
        symbol = tokens[cursor.at][SYMBOL]
        if symbol == ")":
            cursor.at += 1
            return found
        if symbol != ",":
            raise cursor.error(
                f"Expected an operator, ',' or ')' in the parameters, found {cursor.seen()}."
            )
        cursor.at += 1


def read_angle(cursor: Cursor, scope: Scope) -> float | Affine:
    """Read a parameter of a gate."""
    start = cursor.at
    found = _simple_angle(cursor)
    if found is not None:
        return found
    cursor.at = start
    value = read(cursor, scope)
    try:
        return angle_of(value)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, start, cause) from None


def _simple_angle(cursor: Cursor) -> float | None:
    """Read products and quotients of numbers and pi, which most parameters are; None for others.

    A parameter takes a few microseconds this way and some tens by the general one.
    """
    tokens = cursor.tokens
    at = cursor.at
    sign = 1.0
    if tokens[at][SYMBOL] == "-":
        sign = -1.0
        at += 1
    result = 1.0
    operator = "*"
    exact = True  # whole numbers only, so far
    while True:
        token = tokens[at]
        if token[NUMBER]:
            text = token[NUMBER]
            if text.isdigit() and len(text) < 16:
                number = float(text)
                if operator == "/" and exact:
                    return None
            elif text[:2].isdigit() or "." in text:
                try:
                    number = float(text)
                except ValueError:
                    return None
                exact = False
            else:
                return None
        else:
            known = _SIMPLE.get(token[NAME])
            if known is None or token[INDEX]:
                return None
            number = known
            exact = False
        if operator == "*":
            result *= number
        elif number == 0.0:
            return None
        else:
            result /= number
        operator = tokens[at + 1][SYMBOL]
        if operator == "," or operator == ")":
            cursor.at = at + 1
            return sign * result if result - result == 0.0 else None
        if operator != "*" and operator != "/":
            return None
        at += 2

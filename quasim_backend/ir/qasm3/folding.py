"""Operators on constants."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from quasim_backend.ir.qasm3.kinds import BOOLEAN, DURATION, LITERAL, MAX_WIDTH, RATIO, Type
from quasim_backend.ir.qasm3.promotion import BITWISE, COMPARISONS, common_type
from quasim_backend.ir.qasm3.values import (
    Value,
    constant,
    converted,
    expression_of,
    integer_of,
    real,
)

__all__ = ["folded"]

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def folded(op: str, left: Value, right: Value) -> Value:
    """Apply an operator to two constants.

    Raises:
        ValueError: If the types have no such operator, or the result is no finite number.
        ZeroDivisionError: If it divides by zero.
    """
    a, b = left.constant, right.constant
    assert a is not None
    assert b is not None
    if op == "&&":
        return Value(BOOLEAN, bool(a) and bool(b))
    if op == "||":
        return Value(BOOLEAN, bool(a) or bool(b))
    if "ratio" in (left.type.kind, right.type.kind):
        expression_of(left if isinstance(a, Fraction) else right)
    if "duration" in (left.type.kind, right.type.kind):
        return _folded_duration(op, left, right)
    if op in ("<<", ">>"):
        return _folded_shift(op, left, right)
    kind = common_type(op, left, right)
    if left.type == right.type == LITERAL and op not in COMPARISONS:
        return _folded_literals(op, int(a), int(b))
    if kind != LITERAL:
        left, right = converted(left, kind), converted(right, kind)
        a, b = left.constant, right.constant
    if op in COMPARISONS:
        return Value(BOOLEAN, COMPARISONS[op](a, b))
    if kind.kind == "float":
        return real(_real(op, float(a), float(b)))  # type: ignore[arg-type]
    if kind.kind == "bool":
        return Value(BOOLEAN, bool(BITWISE[op](a, b)))
    result = constant(_whole(op, int(a), int(b), kind), kind)  # type: ignore[arg-type]
    if op == "/" and kind.kind == "angle":
        return Value(Type("uint", kind.width), result.constant)
    return result


def _folded_duration(op: str, left: Value, right: Value) -> Value:
    a, b = left.constant, right.constant
    both = left.type.kind == right.type.kind
    if both and op in COMPARISONS:
        return Value(BOOLEAN, COMPARISONS[op](a, b))
    if both and op == "/":
        return real(_real(op, float(a), float(b)))  # type: ignore[arg-type]
    divided = op == "/" and left.type.kind == "duration"
    if (both and op in ("+", "-")) or (not both and (op == "*" or divided)):
        return Value(DURATION, _real(op, float(a), float(b)))  # type: ignore[arg-type]
    raise ValueError(f"'{op}' cannot be applied to the types {left.type} and {right.type}.")


def _folded_shift(op: str, left: Value, right: Value) -> Value:
    if not right.type.is_whole or left.type.kind == "float":
        raise ValueError(
            f"'{op}' shifts bits by a whole number; got the types {left.type} and {right.type}."
        )
    number, amount = int(left.constant or 0), integer_of(right, "A shift")
    if amount < 0:
        raise ValueError("Bits cannot be shifted by a negative number.")
    kind = LITERAL if left.type.kind == "bool" else left.type
    if op == ">>":
        return constant(number >> amount, kind)
    if kind != LITERAL:
        return constant(number << amount if amount < kind.width else 0, kind)
    return Value(LITERAL, _sized(number << amount) if amount <= MAX_WIDTH else _sized(1 << 9999))


def _folded_literals(op: str, a: int, b: int) -> Value:
    if op == "/":
        quotient = Fraction(a, b)
        if quotient.denominator == 1:
            return Value(LITERAL, int(quotient))
        return Value(RATIO, quotient)
    if op == "**" and b < 0:
        return real(_real(op, float(a), float(b)))
    return Value(LITERAL, _sized(_whole(op, a, b, LITERAL)))


def _sized(number: int) -> int:
    if number.bit_length() > MAX_WIDTH:
        raise ValueError(f"A whole number has more than {MAX_WIDTH} bits.")
    return number


def _whole(op: str, a: int, b: int, kind: Type) -> int:
    if op in _ARITHMETIC:
        return int(_ARITHMETIC[op](a, b))
    if op in BITWISE:
        return int(BITWISE[op](a, b))
    if op in ("/", "%"):
        quotient = abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)
        return quotient if op == "/" else a - quotient * b
    if b < 0:
        raise ValueError(f"A whole number of type {kind} has no negative power.")
    if kind != LITERAL:
        return pow(a, b, 1 << kind.width)
    if abs(a) > 1 and a.bit_length() * b > 2 * MAX_WIDTH:
        raise ValueError(f"A whole number has more than {MAX_WIDTH} bits.")
    return int(a**b) if abs(a) > 1 else int(a ** (b % 2 if a < 0 else min(b, 1)))


def _real(op: str, a: float, b: float) -> float:
    if op == "/":
        result = a / b
    elif op == "%":
        result = a % b
    elif op == "**":
        result = math.pow(a, b)
    else:
        result = _ARITHMETIC[op](a, b)
    if not math.isfinite(result):
        raise OverflowError(f"'{a:g} {op} {b:g}' is not a finite real number.")
    return result

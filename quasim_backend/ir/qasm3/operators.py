"""Operators on values: computed now where possible, else written as an expression of the IR.

Whole numbers follow C as OpenQASM 3 asks: they wrap to their width, division rounds towards zero,
and of two operands the narrower takes the type of the wider, unsigned winning over signed of the
same width. Comparisons alone compare the numbers as they are. A whole number in the text takes the
type of what it meets.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from quasim_backend.ir.expr import Binary, Cast, Const, Expr, Index, Unary, uint
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm3.kinds import (
    BOOLEAN,
    DURATION,
    INT,
    LITERAL,
    MAX_WIDTH,
    RATIO,
    REAL,
    Type,
    fits,
)
from quasim_backend.ir.qasm3.values import (
    Unknown,
    Value,
    constant,
    converted,
    expression_of,
    integer_of,
    real,
    runtime,
)

__all__ = ["COMPARISONS", "binary", "bit_of", "truth", "unary"]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BITWISE: dict[str, Callable[[Any, Any], Any]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def truth(value: Value) -> Value:
    """Return a value as a truth value, as conditions and logic do."""
    return converted(value, BOOLEAN)


def unary(op: str, value: Value) -> Value:
    """Apply ``!``, ``~``, ``-`` or ``+``.

    Raises:
        ValueError: If the type has no such operator.
    """
    if op == "!":
        value = truth(value)
        if value.constant is not None:
            return Value(BOOLEAN, not value.constant)
        return runtime(Unary("not", expression_of(value)), BOOLEAN, value)
    kind = value.type
    if op == "+":
        return value
    if op == "~":
        if kind.kind in ("float", "duration", "ratio"):
            raise ValueError(f"'~' works on bits; got a value of type {kind}.")
        if kind.kind == "bool":
            return unary("!", value)
        if value.constant is not None:
            return constant(~int(value.constant), kind)
        return runtime(Unary("~", expression_of(value)), kind, value)
    if kind.kind == "bool":
        value, kind = converted(value, INT), INT
    if value.constant is not None:
        return constant(-value.constant, kind)
    affine = None
    if value.affine is not None and kind.kind in ("float", "int"):
        affine = -value.affine
        if value.expr is None:
            return replace(value, affine=affine)
    return replace(runtime(Unary("-", expression_of(value)), kind, value), affine=affine)


def binary(op: str, left: Value, right: Value) -> Value:
    """Apply an operator with two operands.

    Raises:
        ValueError: If the types have no such operator, or the result is no finite number.
        ZeroDivisionError: If a constant is divided by zero.
    """
    if left.constant is not None and right.constant is not None:
        return _folded(op, left, right)
    if op in ("&&", "||"):
        left, right = truth(left), truth(right)
        for known, other in ((left, right), (right, left)):
            if known.constant is not None:
                return other if bool(known.constant) == (op == "&&") else known
        word = "and" if op == "&&" else "or"
        expr = Binary(word, expression_of(left), expression_of(right))
        return runtime(expr, BOOLEAN, left, right)
    affine = _affine(op, left, right)
    if affine is not None and any(v.expr is None and v.constant is None for v in (left, right)):
        return Value(REAL, affine=affine, name=left.name or right.name)
    if op in ("<<", ">>"):
        return _shifted(op, left, right)
    kind = _common(op, left, right)
    left_expr, right_expr = _as(left, kind), _as(right, kind)
    if op in COMPARISONS:
        return runtime(Binary(op, left_expr, right_expr), BOOLEAN, left, right)
    value = runtime(Binary(op, left_expr, right_expr), kind, left, right)
    if op == "/" and left.type.kind == right.type.kind == "angle":
        value = replace(value, type=Type("uint", kind.width))
    return value if affine is None else replace(value, affine=affine)


def bit_of(value: Value, index: Value) -> Value:
    """Return one bit of a whole number or an angle."""
    if value.type.kind not in ("uint", "int", "angle"):
        raise ValueError(f"A value of type {value.type} has no bits to index.")
    if index.constant is not None:
        number = integer_of(index, "An index")
        number += value.type.width if number < 0 else 0
        if not 0 <= number < value.type.width:
            raise ValueError(
                f"Bit {integer_of(index, 'An index')} does not exist: a value of type {value.type} "
                f"has the bits 0..{value.type.width - 1}."
            )
        if value.constant is not None:
            return Value(BOOLEAN, bool(int(value.constant) >> number & 1))
        index = constant(number, Type("uint", max(number.bit_length(), 1)))
    elif index.type.kind == "bool":
        index = converted(index, Type("uint"))
    elif index.type.kind not in ("uint", "int"):
        raise ValueError(f"An index must be a whole number; got a value of type {index.type}.")
    return runtime(Index(expression_of(value), expression_of(index)), BOOLEAN, value, index)


# --- while the circuit runs -------------------------------------------------------------------


def _as(value: Value, kind: Type) -> Expr:
    """Return a value as an expression of a type; comparisons of whole numbers keep theirs."""
    if kind == LITERAL:
        return expression_of(value)
    return expression_of(converted(value, kind))


def _common(op: str, left: Value, right: Value) -> Type:
    """Return the type both operands take; `LITERAL` where each keeps its own."""
    a, b = left.type, right.type
    kinds = {a.kind, b.kind}
    if "ratio" in kinds:
        expression_of(left if a.kind == "ratio" else right)  # says what is wrong with it
    if "duration" in kinds:
        raise Unknown(
            f"A duration must be known before the run; '{left.name or right.name}' is not."
        )
    if "float" in kinds:
        if op in _BITWISE:
            raise ValueError(f"'{op}' works on bits; got values of the types {a} and {b}.")
        if "angle" in kinds and left.constant is None and right.constant is None:
            raise ValueError("An angle and a float do not mix while the circuit runs; cast one.")
        return REAL if "angle" not in kinds else a if a.kind == "angle" else b
    if op in COMPARISONS and "angle" not in kinds:
        return LITERAL
    if "angle" in kinds:
        return a if a.kind == "angle" and (b.kind != "angle" or a.width >= b.width) else b
    if kinds == {"bool"}:
        return BOOLEAN if op in _BITWISE else INT
    if kinds == {"bool", "literal"}:
        return INT
    if "literal" in kinds:
        number, other = (left, b) if a.kind == "literal" else (right, a)
        return _widened(int(number.constant or 0), other)
    if "bool" in kinds:
        return b if a.kind == "bool" else a
    width = max(a.width, b.width)
    if a.kind == b.kind:
        return Type(a.kind, width)
    unsigned = a if a.kind == "uint" else b
    return Type("uint" if unsigned.width == width else "int", width)


def _widened(number: int, kind: Type) -> Type:
    """Return a type with room for a number of the text, if it is not negative."""
    if fits(number, kind) or number < 0:
        return kind
    return Type(kind.kind, number.bit_length() + (kind.kind == "int"))


def _shifted(op: str, left: Value, right: Value) -> Value:
    if not right.type.is_whole or left.type.kind in ("float", "duration", "ratio"):
        raise ValueError(
            f"'{op}' shifts bits by a whole number; got the types {left.type} and {right.type}."
        )
    if left.type.kind in ("bool", "literal"):
        left = converted(left, Type("uint", 64))
    amount = expression_of(right)
    if right.constant is not None:
        amount = Const(number := integer_of(right, "A shift"), uint(max(number.bit_length(), 1)))
        if number < 0:
            raise ValueError("Bits cannot be shifted by a negative number.")
    elif right.type.kind == "int":
        amount = Cast(uint(right.type.width), amount)
    return runtime(Binary(op, expression_of(left), amount), left.type, left, right)


def _affine(op: str, left: Value, right: Value) -> Affine | None:
    """Return the result as an angle, where it is a sum of multiples of what is symbolic."""
    if (left.affine is None and right.affine is None) or not _exact(op, left, right):
        return None
    a, b = _term(left), _term(right)
    if a is None or b is None:
        return None
    if op == "+":
        return a + b if isinstance(a, Affine) else b + a if isinstance(b, Affine) else None
    if op == "-":
        return a - b if isinstance(a, Affine) else -b + a if isinstance(b, Affine) else None
    if op == "*" and isinstance(a, Affine):
        return None if isinstance(b, Affine) else a * b
    if op == "*" and isinstance(b, Affine):
        return None if isinstance(a, Affine) else b * a
    if op == "/" and isinstance(a, Affine) and not isinstance(b, Affine) and b:
        return a / b
    return None


def _term(value: Value) -> Affine | float | None:
    if value.affine is not None:
        return value.affine
    if value.constant is None or value.type.kind in ("ratio", "angle", "duration"):
        return None
    return float(value.constant)


def _exact(op: str, left: Value, right: Value) -> bool:
    """Return whether arithmetic on real numbers gives the same: nothing wraps or is rounded."""
    kinds = {left.type.kind, right.type.kind}
    if "float" in kinds:
        return True
    if op == "/" or any(
        v.type.kind in ("int", "uint") and v.type.width < 32 for v in (left, right)
    ):
        return False
    if "uint" in kinds:
        constants = [v.constant for v in (left, right) if v.constant is not None]
        return op != "-" and all(number >= 0 for number in constants)
    return True


# --- now --------------------------------------------------------------------------------------


def _folded(op: str, left: Value, right: Value) -> Value:
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
    kind = _common(op, left, right)
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
        return Value(BOOLEAN, bool(_BITWISE[op](a, b)))
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
    if op in _BITWISE:
        return int(_BITWISE[op](a, b))
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

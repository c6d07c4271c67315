"""Operators on values: computed now where possible, else written as an expression of the IR.

Whole numbers follow C, as OpenQASM 3 asks: they wrap to their width, and division rounds towards
zero.
"""

from __future__ import annotations

from dataclasses import replace

from quasim_backend.ir.expr import Binary, Cast, Const, Expr, Index, Unary, uint
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm3.folding import folded
from quasim_backend.ir.qasm3.kinds import (
    BOOLEAN,
    INT,
    LITERAL,
    REAL,
    Type,
)
from quasim_backend.ir.qasm3.promotion import COMPARISONS, common_type
from quasim_backend.ir.qasm3.values import (
    Value,
    constant,
    converted,
    expression_of,
    integer_of,
    runtime,
)

__all__ = ["binary", "bit_of", "truth", "unary"]


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
        return folded(op, left, right)
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
    kind = common_type(op, left, right)
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


def _as(value: Value, kind: Type) -> Expr:
    """Return a value as an expression of a type; comparisons of whole numbers keep theirs."""
    if kind == LITERAL:
        return expression_of(value)
    return expression_of(converted(value, kind))


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

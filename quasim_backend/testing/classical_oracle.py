"""Classical expressions evaluated node by node, independent of their compilation to Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from quasim_backend.ir.expr import (
    BOOL,
    FLOAT,
    Binary,
    Bit,
    Bits,
    Cast,
    ClassicalType,
    Const,
    Expr,
    Index,
    Unary,
    Value,
    Var,
)

__all__ = ["evaluate"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda a, b: bool(a) and bool(b),
    "or": lambda a, b: bool(a) or bool(b),
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "**": operator.pow,
    "%": operator.mod,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def evaluate(expr: Expr, bits: int, variables: Iterable[tuple[Var, Value]]) -> Value:
    """Return the value of an expression.

    Args:
        expr: The expression.
        bits: Classical bits as one integer, bit 0 lowest.
        variables: Values of the variables that were assigned; all others are zero.
    """
    known = dict(variables)

    def value(node: Expr) -> Value:
        match node:
            case Const(raw, kind):
                return _converted(raw, kind)
            case Bit(index):
                return bool(bits >> index & 1)
            case Bits(indices):
                return sum((bits >> index & 1) << place for place, index in enumerate(indices))
            case Var():
                return known.get(node, _converted(0, node.type))
            case Cast(to, operand):
                return _converted(value(operand), to)
            case Index(operand, index):
                return bool(int(value(operand)) >> int(value(index)) & 1)
            case Unary(op, operand):
                return _unary(op, value(operand), operand.type)
            case Binary(op, left, right):
                if op in ("/", "%") and node.type.kind == "int":
                    return _signed_division(op, int(value(left)), int(value(right)), node.type)
                if op == "/" and node.type != FLOAT:
                    return int(value(left)) // int(value(right))
                if op == "/":
                    return float(value(left)) / float(value(right))
                return _converted(_OPERATORS[op](value(left), value(right)), node.type)
        raise TypeError(f"Not a classical expression: {node!r}.")

    return value(expr)


def _unary(op: str, value: Value, kind: ClassicalType) -> Value:
    if op == "not" or kind == BOOL:
        return not value
    if kind == FLOAT:
        return -float(value)
    return _converted(~int(value) if op == "~" else -int(value), kind)


def _converted(value: Value, kind: ClassicalType) -> Value:
    if kind == BOOL:
        return bool(value)
    if kind == FLOAT:
        return float(value)
    low = int(value) % (1 << kind.width)
    return low - (1 << kind.width) if kind.kind == "int" and low >= 1 << (kind.width - 1) else low


def _signed_division(op: str, left: int, right: int, kind: ClassicalType) -> Value:
    """Divide as C does: towards zero, the remainder with the sign of the dividend."""
    whole = int(Fraction(left, right))
    return _converted(whole if op == "/" else left - whole * right, kind)

"""Writes classical expressions so that the same types come out when they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from quasim_backend.errors import UnsupportedError
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
    Var,
)

__all__ = ["BitTexts", "expression_text", "type_text"]

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LOGIC = {"and": "&&", "or": "||"}
_MOST_NESTED = 80


class BitTexts(Protocol):
    """Says how bits are written."""

    def bit(self, index: int) -> str:
        """Return the name of one bit."""

    def bits(self, indices: Sequence[int]) -> str:
        """Return the name of several bits, as one number."""


def type_text(kind: ClassicalType) -> str:
    """Spell a type."""
    return "float[64]" if kind == FLOAT else str(kind)


def expression_text(
    expr: Expr, bits: BitTexts, variables: Mapping[Var, str], depth: int = 0
) -> str:
    """Write an expression; every operator stands in parentheses.

    Raises:
        UnsupportedError: If it is nested too deeply, or a number is not finite.
    """
    if depth > _MOST_NESTED:
        raise UnsupportedError(
            f"A classical expression is nested more than {_MOST_NESTED} levels deep; store parts "
            f"of it in variables."
        )

    def text(part: Expr) -> str:
        return expression_text(part, bits, variables, depth + 1)

    match expr:
        case Const():
            return _constant(expr)
        case Bit(index):
            return bits.bit(index)
        case Bits(indices):
            return bits.bits(indices)
        case Var():
            return variables[expr]
        case Cast(to, operand):
            return f"{type_text(to)}({text(operand)})"
        case Unary(op, operand):
            if op == "not":
                return f"(!{text(operand)})"
            if op == "-" and operand.type == BOOL:
                return text(operand)
            return f"({op}{text(operand)})"
        case Index(operand, index):
            return _index(operand, index, text(operand), text(index))
        case Binary():
            return _binary(expr, text(expr.left), text(expr.right))


def _constant(constant: Const) -> str:
    kind = constant.type
    if kind == BOOL:
        return "true" if constant.value else "false"
    if kind == FLOAT:
        if not math.isfinite(constant.value):
            raise UnsupportedError(f"OpenQASM 3 has no literal for {constant.value}.")
        return repr(float(constant.value)) if constant.value >= 0 else f"({constant.value!r})"
    return f"{kind}({int(constant.value)})"


def _index(operand: Expr, index: Expr, value: str, place: str) -> str:
    if isinstance(index, Const):
        number = int(index.value)
        if number >= operand.type.width:
            return "false"  # what the IR reads there
        if isinstance(operand, Var) and operand.type != BOOL:
            return f"{value}[{number}]"
        place = str(number)
    elif isinstance(operand, Var) and operand.type != BOOL:
        return f"{value}[{place}]"
    whole = f"uint[1]({value})" if operand.type == BOOL else value
    return f"bool(({whole} >> {place}) & {operand.type}(1))".replace("& bool(1)", "& uint[1](1)")


def _binary(expr: Binary, left: str, right: str) -> str:
    op = expr.op
    a, b = expr.left.type, expr.right.type
    if op in _LOGIC:
        return f"({left} {_LOGIC[op]} {right})"
    if op in _COMPARISONS:
        # A literal needs no type here: numbers are compared as they are.
        left, right = _bare(expr.left, left), _bare(expr.right, right)
        return f"({left} {op} {right})"
    if op in ("<<", ">>"):
        if a == BOOL:
            return left if op == "<<" else f"bool(uint[1]({left}) >> {right})"
        return f"({left} {op} {_bare(expr.right, right)})"
    if expr.type == BOOL and not (a == b and op in ("&", "|", "^")):
        return f"bool(uint[2]({left}) {op} uint[2]({right}))"
    if op in ("/", "%", "**") and {a.kind, b.kind} == {"int", "uint"}:
        raise UnsupportedError(
            f"'{op}' between {a} and {b} has no counterpart in OpenQASM 3; cast one to the other's "
            f"type."
        )
    if FLOAT not in (a, b) and expr.type != BOOL:
        # Both in the type of the result, for the language has rules of its own for mixtures.
        left = left if a in (expr.type, BOOL) else f"{type_text(expr.type)}({left})"
        right = right if b in (expr.type, BOOL) else f"{type_text(expr.type)}({right})"
    return f"({left} {op} {right})"


def _bare(expr: Expr, text: str) -> str:
    if isinstance(expr, Const) and expr.type not in (BOOL, FLOAT):
        return str(_held(int(expr.value), expr.type))
    return text


def _held(value: int, kind: ClassicalType) -> int:
    """Return a whole number as its type holds it."""
    value &= (1 << kind.width) - 1
    return value - (1 << kind.width) if kind.kind == "int" and value >> (kind.width - 1) else value

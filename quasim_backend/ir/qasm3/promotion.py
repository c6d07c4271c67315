"""Which type two operands take before an operator is applied.

Whole numbers follow C as OpenQASM 3 asks: of two operands the narrower takes the type of the wider,
unsigned winning over signed of the same width. Comparisons alone compare the numbers as they are. A
whole number in the text takes the type of what it meets.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from quasim_backend.ir.qasm3.kinds import BOOLEAN, INT, LITERAL, REAL, Type, fits
from quasim_backend.ir.qasm3.values import Unknown, Value, expression_of

__all__ = ["BITWISE", "COMPARISONS", "common_type"]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
BITWISE: dict[str, Callable[[Any, Any], Any]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def common_type(op: str, left: Value, right: Value) -> Type:
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
        if op in BITWISE:
            raise ValueError(f"'{op}' works on bits; got values of the types {a} and {b}.")
        if "angle" in kinds and left.constant is None and right.constant is None:
            raise ValueError("An angle and a float do not mix while the circuit runs; cast one.")
        return REAL if "angle" not in kinds else a if a.kind == "angle" else b
    if op in COMPARISONS and "angle" not in kinds:
        return LITERAL
    if "angle" in kinds:
        return a if a.kind == "angle" and (b.kind != "angle" or a.width >= b.width) else b
    if kinds == {"bool"}:
        return BOOLEAN if op in BITWISE else INT
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

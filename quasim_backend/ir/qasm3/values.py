"""Values of expressions: known now, known while the circuit runs, or symbolic angles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from quasim_backend.ir.expr import BOOL, FLOAT, Binary, Cast, Const, Expr, sint, uint
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm3.kinds import BOOLEAN, LITERAL, REAL, Type, turned, wrapped

__all__ = [
    "MAX_DEPTH",
    "Constant",
    "Unknown",
    "Value",
    "angle_of",
    "constant",
    "converted",
    "expression_of",
    "integer_of",
    "number_of_seconds",
    "real",
    "runtime",
    "whole",
]

Constant: TypeAlias = bool | int | float | Fraction

MAX_DEPTH = 100
"""Deepest expression of values that are only known while the circuit runs."""


class Unknown(ValueError):
    """A number is needed before the run, and the value is known only while the circuit runs."""


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression stands for.

    Attributes:
        type: Its type.
        constant: The value, if it is known now; angles as whole numbers of steps.
        expr: How to compute it while the circuit runs; None for a constant and for an input that
            is a parameter of the circuit.
        affine: The value as an angle, where it depends on inputs or a loop variable.
        depth: Depth of ``expr``.
        name: What the value depends on, for messages.
    """

    type: Type
    constant: Constant | None = None
    expr: Expr | None = None
    affine: Affine | None = None
    depth: int = 1
    name: str = ""


def whole(number: int) -> Value:
    """Return a whole number without a type of its own."""
    return Value(LITERAL, number)


def real(number: float) -> Value:
    """Return a constant float."""
    return Value(REAL, number)


def constant(number: Constant, kind: Type) -> Value:
    """Return a constant of a type; whole numbers wrap to its width."""
    return Value(kind, wrapped(number, kind) if isinstance(number, int) else number)


def runtime(expr: Expr, kind: Type, *parts: Value) -> Value:
    """Return a value computed from ``parts`` while the circuit runs.

    Raises:
        ValueError: If the expression becomes too deep.
    """
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise ValueError(
            f"The expression is nested more than {MAX_DEPTH} levels deep; store parts of it in "
            f"variables."
        )
    name = next((part.name for part in parts if part.name), "")
    return Value(kind, expr=expr, depth=depth, name=name)


def expression_of(value: Value) -> Expr:
    """Return a value as an expression of the IR.

    Raises:
        ValueError: If it is an input without a value, or a fraction.
    """
    if value.expr is not None:
        return value.expr
    number = value.constant
    if number is None:
        raise Unknown(
            f"'{value.name}' has no value here: it stays a parameter of the circuit, which can "
            f"stand only in sums of multiples, as angles of gates. Give an input a value: "
            f"loads(text, inputs={{'{value.name}': 0.5}})."
        )
    if value.type.kind == "literal":
        size = int(number).bit_length()
        return Const(int(number), sint(size + 1) if number < 0 else uint(max(size, 1)))
    if isinstance(number, Fraction):
        raise ValueError(_ratio(number))
    return Const(number, value.type.ir)


def integer_of(value: Value, what: str) -> int:
    """Return a whole number that must be known now.

    Raises:
        Unknown: If it is known only while the circuit runs.
        ValueError: If it is no whole number.
    """
    number = value.constant
    if number is None:
        raise Unknown(
            f"{what} must be known before the circuit runs; '{value.name}' is not. Use a number, a "
            f"'const', or the variable of a 'for' loop."
        )
    if isinstance(number, Fraction):
        return int(number)
    if isinstance(number, float) or value.type.kind in ("angle", "duration"):
        raise ValueError(f"{what} must be a whole number; got a value of type {value.type}.")
    return int(number)


def angle_of(value: Value) -> float | Affine:
    """Return the parameter of a gate.

    Raises:
        Unknown: If it is known only while the circuit runs.
        ValueError: If it is a fraction of whole numbers or no number.
    """
    number = value.constant
    if type(number) is float:
        return number
    if number is None:
        if value.affine is not None:
            return value.affine
        raise Unknown(
            f"The parameter of a gate must be known before the circuit runs, or be a sum of "
            f"multiples of inputs and loop variables; '{value.name}' is neither. Use 'if' or "
            f"'switch' around gates with constant parameters."
        )
    if isinstance(number, Fraction):
        raise ValueError(_ratio(number))
    if value.type.kind == "angle":
        return math.ldexp(int(number), -value.type.width) * math.tau
    return float(number)


def number_of_seconds(value: Value) -> float:
    """Return a duration that must be known now.

    Raises:
        ValueError: If it is not known, no duration or negative.
    """
    if value.type.kind != "duration":
        if value.constant == 0:
            return 0.0
        raise ValueError(f"Expected a duration such as 100ns; got a value of type {value.type}.")
    if value.constant is None:
        raise Unknown(f"A duration must be known before the circuit runs; '{value.name}' is not.")
    if value.constant < 0:
        raise ValueError("A duration cannot be negative.")
    return float(value.constant)


def _ratio(number: Fraction) -> str:
    text = f"{number.numerator}/{number.denominator}"
    return (
        f"{text} divides whole numbers, which OpenQASM 3 rounds to {int(number)}. Write "
        f"{number.numerator}.0/{number.denominator} for the fraction, or {int(number)}."
    )


def converted(value: Value, to: Type) -> Value:
    """Convert a value as a cast or an assignment does.

    Raises:
        ValueError: If OpenQASM 3 has no such conversion.
    """
    source = value.type
    if source == to:
        return value
    if "duration" in (source.kind, to.kind):
        raise ValueError(f"A value of type {source} cannot become {to}.")
    if value.constant is not None:
        return _constant_converted(value, to)
    if to.kind == "float" and source.is_whole and value.affine is not None:
        return replace(value, type=to, expr=Cast(FLOAT, expression_of(value)))
    if value.expr is None:
        if to.kind in ("float", "angle"):
            return value  # an input stays symbolic, whatever it is called
        expression_of(value)
    inner = expression_of(value)
    if to.kind == "bool":
        return runtime(Cast(BOOL, inner), to, value)
    if source.kind == "angle" and to.kind == "float":
        step = Const(math.ldexp(math.tau, -source.width), FLOAT)
        return runtime(Binary("*", Cast(FLOAT, inner), step), to, value)
    if source.kind == "float" and to.kind == "angle":
        raise Unknown(
            f"A float must be known before the run to become an angle; '{value.name}' is not."
        )
    if source.kind == to.kind == "angle":
        return _resized_angle(value, inner, to)
    return runtime(Cast(to.ir, inner), to, value)


def _resized_angle(value: Value, inner: Expr, to: Type) -> Value:
    """Keep the high bits of an angle: they are the coarse ones."""
    shift = to.width - value.type.width
    amount = Const(abs(shift), uint(max(abs(shift).bit_length(), 1)))
    if shift > 0:
        return runtime(Binary("<<", Cast(to.ir, inner), amount), to, value)
    return runtime(Cast(to.ir, Binary(">>", inner, amount)), to, value)


def _constant_converted(value: Value, to: Type) -> Value:
    number = value.constant
    assert number is not None
    source = value.type
    if to.kind == "bool":
        return Value(BOOLEAN, bool(number != 0))
    if source.kind == "angle" and to.kind == "angle":
        shift = to.width - source.width
        return constant(int(number) << shift if shift > 0 else int(number) >> -shift, to)
    if to.kind == "angle":
        if isinstance(number, Fraction):
            raise ValueError(_ratio(number))
        if source.kind in ("float", "literal"):
            return Value(to, turned(float(number), to.width))
        return constant(int(number), to)
    if to.kind == "float":
        angle = angle_of(value)
        assert isinstance(angle, float)
        return real(angle)
    return constant(int(number), to)

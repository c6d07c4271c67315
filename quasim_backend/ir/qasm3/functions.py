"""Functions of OpenQASM 3; all of them need values that are known before the circuit runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from quasim_backend.ir.qasm3.kinds import BOOLEAN, LITERAL
from quasim_backend.ir.qasm3.operators import binary
from quasim_backend.ir.qasm3.values import (
    Unknown,
    Value,
    angle_of,
    constant,
    integer_of,
    real,
    whole,
)

__all__ = ["CONSTANTS", "FUNCTIONS", "call"]

CONSTANTS: dict[str, Value] = {
    **{name: real(math.pi) for name in ("pi", "π")},
    **{name: real(math.tau) for name in ("tau", "τ")},
    **{name: real(math.e) for name in ("euler", "ℇ")},
    "true": Value(BOOLEAN, True),
    "false": Value(BOOLEAN, False),
}

_REAL: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    # Names SDKs write instead.
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "ln": math.log,
}
_ROUNDING: dict[str, Callable[[float], int]] = {
    "ceiling": math.ceil,
    "floor": math.floor,
}
FUNCTIONS = frozenset({*_REAL, *_ROUNDING, "abs", "mod", "pow", "popcount", "rotl", "rotr"})


def call(name: str, arguments: Sequence[Value]) -> Value:
    """Apply a function.

    Raises:
        Unknown: If an argument is known only while the circuit runs.
        ValueError: If the arguments are wrong, or the result is no finite number.
    """
    wanted = 2 if name in ("mod", "pow", "rotl", "rotr") else 1
    if len(arguments) != wanted:
        raise ValueError(f"'{name}' takes {wanted} argument(s); got {len(arguments)}.")
    for value in arguments:
        if value.constant is None:
            raise Unknown(
                f"'{name}' is computed before the circuit runs; '{value.name}' has no value then."
            )
    first = arguments[0]
    if name in ("mod", "pow"):
        return binary("%" if name == "mod" else "**", first, arguments[1])
    if name == "abs":
        return binary("*", first, whole(-1)) if (first.constant or 0) < 0 else first
    if name == "popcount":
        return Value(LITERAL, _raw(first).bit_count())
    if name in ("rotl", "rotr"):
        return _rotated(
            first, integer_of(arguments[1], "A rotation") * (1 if name == "rotl" else -1)
        )
    number = first.constant
    argument = float(number) if isinstance(number, Fraction) else angle_of(first)
    assert isinstance(argument, float)
    if name in _ROUNDING:
        return whole(_ROUNDING[name](argument))
    try:
        return real(_REAL[name](argument))
    except (ArithmeticError, ValueError):
        raise ValueError(f"'{name}({argument:g})' is not a finite real number.") from None


def _raw(value: Value) -> int:
    number = integer_of(value, "The argument of 'popcount'") if value.type.kind != "angle" else 0
    if value.type.kind == "angle":
        number = int(value.constant or 0)
    if number < 0 and value.type.kind == "int":
        number &= (1 << value.type.width) - 1
    return abs(number)


def _rotated(value: Value, left: int) -> Value:
    kind = value.type
    if kind.kind not in ("uint", "angle"):
        raise ValueError(f"Bits of a 'bit', 'uint' or 'angle' can be rotated; got {kind}.")
    number, shift = int(value.constant or 0), left % kind.width
    return constant(number << shift | number >> (kind.width - shift), kind)

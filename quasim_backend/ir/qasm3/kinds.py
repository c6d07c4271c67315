"""Types of OpenQASM 3 as the reader knows them, and how they become types of the IR."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quasim_backend.ir.expr import BOOL, FLOAT, ClassicalType, sint, uint

__all__ = [
    "ANGLE_WIDTH",
    "BOOLEAN",
    "DURATION",
    "INT",
    "LITERAL",
    "MAX_WIDTH",
    "RATIO",
    "REAL",
    "Type",
    "bits",
    "fits",
    "turned",
    "wrapped",
]

ANGLE_WIDTH = 64
"""Bits of an ``angle``, and of an ``int`` or ``uint``, without a width of its own."""

MAX_WIDTH = 4096
"""Most bits of a whole number."""


@dataclass(frozen=True, slots=True)
class Type:
    """A classical type.

    Attributes:
        kind: ``bool``, ``uint``, ``int``, ``float``, ``angle``, ``duration``; ``literal`` for a
            whole number that takes the type of what it meets, ``ratio`` for the quotient of two
            such numbers. Single bits are ``bool`` and registers ``uint``.
        width: Number of bits; 64 for floats and durations.
    """

    kind: str
    width: int = 1

    def __str__(self) -> str:
        """Spell the type for messages."""
        if self.kind in ("uint", "int", "angle"):
            return f"{self.kind}[{self.width}]"
        return {"literal": "int", "ratio": "fraction"}.get(self.kind, self.kind)

    @property
    def is_whole(self) -> bool:
        """Whether values are whole numbers or truth values."""
        return self.kind in ("bool", "uint", "int", "literal")

    @property
    def ir(self) -> ClassicalType:
        """How values of the type are stored while a circuit runs: angles as whole numbers."""
        if self.kind == "bool":
            return BOOL
        if self.kind == "int":
            return sint(self.width)
        if self.kind in ("uint", "angle"):
            return uint(self.width)
        return FLOAT


BOOLEAN = Type("bool")
REAL = Type("float", 64)
DURATION = Type("duration", 64)
INT = Type("int", 64)
LITERAL = Type("literal", 64)
RATIO = Type("ratio", 64)


def bits(width: int) -> Type:
    """Return the type of ``width`` bits, an unsigned number."""
    return Type("uint", width)


def wrapped(value: int, kind: Type) -> int:
    """Bring a whole number into the range of a type, dropping high bits."""
    if kind.kind not in ("uint", "int", "angle"):
        return value
    value &= (1 << kind.width) - 1
    negative = kind.kind == "int" and value >> (kind.width - 1)
    return value - (1 << kind.width) if negative else value


def fits(value: int, kind: Type) -> bool:
    """Return whether a type holds a whole number as it is."""
    return wrapped(value, kind) == value


def turned(radians: float, width: int) -> int:
    """Return an angle as a number of steps of ``2 pi / 2**width``, rounded and reduced."""
    return round(math.ldexp(math.remainder(radians / math.tau, 1.0), width)) % (1 << width)

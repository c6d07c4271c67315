"""Classical expressions over classical memory: bits, registers, typed variables, constants.

An expression is a small tree of frozen nodes with a type each. `compile_expression` turns it, once,
into a Python function of a node's classical memory ``(bits, variables)``: ``bits`` is one integer
whose bit ``i`` is classical bit ``i`` (arbitrary width), ``variables`` a sequence of values by
slot.

Whole-number arithmetic wraps to the width of the result, as in Qiskit and OpenQASM 3. Signed
numbers are two's complement; their division rounds towards zero and the remainder has the sign of
the dividend, as in C.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from quasim_backend.errors import CircuitError

__all__ = [
    "BOOL",
    "FLOAT",
    "Binary",
    "Bit",
    "Bits",
    "Cast",
    "ClassicalType",
    "Const",
    "Expr",
    "Index",
    "Unary",
    "Value",
    "Var",
    "bits_read",
    "compile_expression",
    "sint",
    "uint",
    "variables_read",
]

Value: TypeAlias = bool | int | float


@dataclass(frozen=True, slots=True)
class ClassicalType:
    """``bool``, ``uint`` or ``int`` of a width, or ``float`` (64 bits)."""

    kind: str
    width: int = 1

    def __str__(self) -> str:
        return f"{self.kind}[{self.width}]" if self.kind in ("uint", "int") else self.kind


BOOL = ClassicalType("bool")
FLOAT = ClassicalType("float", 64)


def uint(width: int) -> ClassicalType:
    """Return the type of unsigned integers of ``width`` bits."""
    if width < 1:
        raise CircuitError(f"An unsigned integer has at least 1 bit; got {width}.")
    return ClassicalType("uint", width)


def sint(width: int) -> ClassicalType:
    """Return the type of signed integers of ``width`` bits, sign included."""
    if width < 1:
        raise CircuitError(f"A signed integer has at least 1 bit; got {width}.")
    return ClassicalType("int", width)


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    value: Value
    type: ClassicalType


@dataclass(frozen=True, slots=True)
class Bit:
    """One classical bit, as a bool."""

    index: int

    @property
    def type(self) -> ClassicalType:
        """Always `BOOL`."""
        return BOOL


@dataclass(frozen=True, slots=True)
class Bits:
    """Several classical bits as an unsigned integer; ``indices[0]`` is its lowest bit."""

    indices: tuple[int, ...]

    @property
    def type(self) -> ClassicalType:
        """Unsigned, one bit an index."""
        return uint(len(self.indices))


@dataclass(frozen=True, slots=True)
class Var:
    """A typed variable; equal name and type is the same variable. Starts at zero."""

    name: str
    type: ClassicalType


@dataclass(frozen=True, slots=True)
class Unary:
    """``not a`` (logical), ``~a`` (bits) or ``-a``."""

    op: str
    operand: Expr

    @property
    def type(self) -> ClassicalType:
        """Bool for ``not``, else the operand's type."""
        return BOOL if self.op == "not" else self.operand.type


@dataclass(frozen=True, slots=True)
class Binary:
    """``a op b`` with ``op`` one of the keys of `_BINARY`."""

    op: str
    left: Expr
    right: Expr

    @property
    def type(self) -> ClassicalType:
        """Bool for comparisons and logic; else the wider operand's type."""
        if self.op in _TO_BOOL:
            return BOOL
        left, right = self.left.type, self.right.type
        if self.op in ("<<", ">>"):
            return left
        if FLOAT in (left, right):
            return FLOAT
        if left == BOOL and right == BOOL:
            return BOOL
        return left if left.width >= right.width else right


@dataclass(frozen=True, slots=True)
class Cast:
    """Convert to another type: to bool by ``!= 0``, to integers without fraction and high bits."""

    to: ClassicalType
    operand: Expr

    @property
    def type(self) -> ClassicalType:
        """The target type."""
        return self.to


@dataclass(frozen=True, slots=True)
class Index:
    """Bit ``index`` of an integer, as a bool."""

    operand: Expr
    index: Expr

    @property
    def type(self) -> ClassicalType:
        """Always `BOOL`."""
        return BOOL


Expr: TypeAlias = Const | Bit | Bits | Var | Unary | Binary | Cast | Index

_TO_BOOL = frozenset({"==", "!=", "<", "<=", ">", ">=", "and", "or"})
_BINARY = _TO_BOOL | {"+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^"}
_UNARY = frozenset({"not", "~", "-"})


def _children(expr: Expr) -> tuple[Expr, ...]:
    if isinstance(expr, Unary | Cast):
        return (expr.operand,)
    if isinstance(expr, Binary):
        return (expr.left, expr.right)
    if isinstance(expr, Index):
        return (expr.operand, expr.index)
    return ()


def _walk(expr: Expr) -> Iterator[Expr]:
    waiting = [expr]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _children(node)


def bits_read(expr: Expr) -> frozenset[int]:
    """Return the classical bits an expression reads."""
    found: set[int] = set()
    for node in _walk(expr):
        if isinstance(node, Bit):
            found.add(node.index)
        elif isinstance(node, Bits):
            found.update(node.indices)
    return frozenset(found)


def variables_read(expr: Expr) -> frozenset[Var]:
    """Return the variables an expression reads."""
    return frozenset(node for node in _walk(expr) if isinstance(node, Var))


def compile_expression(
    expr: Expr, slots: Mapping[Var, int]
) -> Callable[[int, Sequence[Value]], Value]:
    """Compile an expression to a function of ``(bits, variables)``.

    Args:
        expr: The expression.
        slots: Position of each variable in the sequence the function gets.

    Raises:
        CircuitError: If an operator or a variable is unknown, or the tree is too deep. The function
            itself raises it for a division by zero.
    """
    names = {
        **{"bool": bool, "int": int, "float": float, "pow": pow},
        **{"divided": _divided, "quotient": _quotient, "power": _power, "real": _real},
    }
    try:
        function: Callable[[int, Sequence[Value]], Value] = eval(
            f"lambda m, v: {_Source(slots).of(expr)}", {"__builtins__": names}
        )
    except (RecursionError, MemoryError, SyntaxError) as cause:
        raise CircuitError(
            "A classical expression is nested too deeply; store parts of it in variables."
        ) from cause
    return function


_SPILL = 40
"""Depth at which a part gets a name of its own: Python's parser takes 200 nested parentheses."""


class _Source:
    """Writes an expression as Python; what it prints are numbers, never the user's text."""

    def __init__(self, slots: Mapping[Var, int]) -> None:
        self._slots = slots
        self._parts: list[str] = []

    def of(self, expr: Expr) -> str:
        """Return source in terms of ``m`` (bits) and ``v`` (variables)."""
        source, _ = self._node(expr)
        return f"({', '.join(self._parts)}, {source})[-1]" if self._parts else source

    def _node(self, expr: Expr) -> tuple[str, int]:
        """Return source and its depth; a deep part becomes an assignment that runs before."""
        inner = [self._node(child) for child in _children(expr)]
        depth = 1 + max((d for _, d in inner), default=0)
        source = self._written(expr, [text for text, _ in inner])
        if depth < _SPILL:
            return source, depth
        name = f"t{len(self._parts)}"
        self._parts.append(f"{name} := {source}")
        return name, 0

    def _written(self, expr: Expr, inner: list[str]) -> str:
        match expr:
            case Const(value, kind):
                if kind == BOOL:
                    return str(bool(value))
                return f"({float(value)!r})" if kind == FLOAT else f"({_plain(int(value), kind)})"
            case Bit(index):
                return f"bool(m >> {int(index)} & 1)"
            case Bits(indices):
                return _bits_source(indices)
            case Var():
                if expr not in self._slots:
                    raise CircuitError(f"Variable '{expr.name}' is used but not declared.")
                return f"v[{int(self._slots[expr])}]"
            case Unary(op, operand):
                return _unary_source(op, operand, inner[0])
            case Binary():
                return _binary_source(expr, *inner)
            case Cast(to, _):
                if to == BOOL:
                    return f"({inner[0]} != 0)"
                if to == FLOAT:
                    return f"float({inner[0]})"
                return _wrapped(f"int({inner[0]})", to)
            case Index():
                return f"bool({inner[0]} >> {inner[1]} & 1)"
        raise CircuitError(f"Not a classical expression: {expr!r}.")


def _bits_source(indices: tuple[int, ...]) -> str:
    first = int(indices[0])
    if list(indices) == list(range(first, first + len(indices))):
        return f"(m >> {first} & {(1 << len(indices)) - 1})"
    terms = (f"(m >> {int(b)} & 1) << {i}" for i, b in enumerate(indices))
    return f"({' | '.join(terms)})"


def _divided(left: int, right: int, remainder: bool) -> int:
    if right == 0:
        raise CircuitError("A classical expression divides by zero.")
    return left % right if remainder else left // right


def _quotient(left: int, right: int, remainder: bool) -> int:
    """Divide signed numbers, rounding towards zero."""
    if right == 0:
        raise CircuitError("A classical expression divides by zero.")
    whole = abs(left) // abs(right) * (-1 if (left < 0) != (right < 0) else 1)
    return left - whole * right if remainder else whole


def _power(left: int, right: int, modulus: int) -> int:
    if right < 0:
        raise CircuitError(f"A whole number has no negative power: {left} ** {right}.")
    return pow(left, right, modulus)


_REAL: dict[str, Callable[[float, float], float]] = {
    "/": operator.truediv,
    "%": operator.mod,
    "**": math.pow,
}
"""Operations on floats that may have no value."""


def _real(op: str, left: float, right: float) -> float:
    try:
        return _REAL[op](left, right)
    except (ArithmeticError, ValueError) as cause:
        raise CircuitError(
            f"A classical expression has no real value: {left} {op} {right}."
        ) from cause


def _mask(kind: ClassicalType) -> int:
    return (1 << kind.width) - 1


def _wrapped(source: str, kind: ClassicalType) -> str:
    """Return source that brings a whole number into the range of its type."""
    if kind.kind == "int":
        sign = 1 << (kind.width - 1)
        return f"(({source} & {_mask(kind)} ^ {sign}) - {sign})"
    return f"({source} & {_mask(kind)})"


def _plain(value: int, kind: ClassicalType) -> int:
    """Return a whole number as its type holds it."""
    value &= _mask(kind)
    return value - (1 << kind.width) if kind.kind == "int" and value >> (kind.width - 1) else value


def _unary_source(op: str, operand: Expr, inner: str) -> str:
    if op not in _UNARY:
        raise CircuitError(f"Unknown unary operator '{op}'; known: {', '.join(sorted(_UNARY))}.")
    if op == "not" or (op == "~" and operand.type == BOOL):
        return f"(not {inner})"
    if operand.type == FLOAT:
        return f"(-{inner})"
    return _wrapped(f"{op}{inner}", operand.type)


def _binary_source(expr: Binary, left: str, right: str) -> str:
    op = expr.op
    if op not in _BINARY:
        raise CircuitError(f"Unknown operator '{op}'; known: {', '.join(sorted(_BINARY))}.")
    if op in ("and", "or"):
        return f"bool({left} {op} {right})"
    if op in _TO_BOOL:
        return f"({left} {op} {right})"
    if expr.type == BOOL:
        return f"bool({left} {op} {right})"
    if expr.type == FLOAT:
        return f"real({op!r}, {left}, {right})" if op in _REAL else f"({left} {op} {right})"
    if op == "<<":
        # An enormous shift would build an enormous integer before the mask drops it.
        shifted = _wrapped(f"{left} << {right}", expr.type)
        return f"({shifted} if {right} < {expr.type.width} else 0)"
    if op == "**":
        power = f"power({left}, {right}, {_mask(expr.type) + 1})"
        return _wrapped(power, expr.type) if expr.type.kind == "int" else power
    if op in ("/", "%"):
        function = "quotient" if expr.type.kind == "int" else "divided"
        return _wrapped(f"{function}({left}, {right}, {op == '%'})", expr.type)
    # | and ^ bind less tightly than the mask's &.
    inner = f"{left} {op} {right}"
    return _wrapped(f"({inner})" if op in "|^" else inner, expr.type)


def literal(value: Any) -> Const:
    """Return a Python bool, int or float as a `Const` of the narrowest type."""
    if isinstance(value, bool):
        return Const(value, BOOL)
    if isinstance(value, int):
        return Const(value, uint(max(1, value.bit_length())))
    return Const(float(value), FLOAT)

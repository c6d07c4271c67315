"""Classical expressions over classical memory: bits, registers, typed variables, constants.

An expression is a small tree of frozen nodes with a type each. `compile_expression` turns it, once,
into a Python function of a node's classical memory ``(bits, variables)``: ``bits`` is one integer
whose bit ``i`` is classical bit ``i`` (arbitrary width), ``variables`` a sequence of values by
slot.

Unsigned arithmetic wraps to the width of the result, as in Qiskit and OpenQASM 3.
"""

from __future__ import annotations

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
    "uint",
    "variables_read",
]

Value: TypeAlias = bool | int | float


@dataclass(frozen=True, slots=True)
class ClassicalType:
    """``bool``, ``uint`` of a width, or ``float`` (64 bits)."""

    kind: str
    width: int = 1

    def __str__(self) -> str:
        return f"uint[{self.width}]" if self.kind == "uint" else self.kind


BOOL = ClassicalType("bool")
FLOAT = ClassicalType("float", 64)


def uint(width: int) -> ClassicalType:
    """Return the type of unsigned integers of ``width`` bits."""
    if width < 1:
        raise CircuitError(f"An unsigned integer has at least 1 bit; got {width}.")
    return ClassicalType("uint", width)


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
    """Convert to another type: to bool by ``!= 0``, to uint by dropping high bits or fractions."""

    to: ClassicalType
    operand: Expr

    @property
    def type(self) -> ClassicalType:
        """The target type."""
        return self.to


@dataclass(frozen=True, slots=True)
class Index:
    """Bit ``index`` of an unsigned integer, as a bool."""

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
    yield expr
    for child in _children(expr):
        yield from _walk(child)


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
        CircuitError: If an operator or a variable is unknown.
    """
    source = _source(expr, slots)
    function: Callable[[int, Sequence[Value]], Value] = eval(
        f"lambda m, v: {source}", {"__builtins__": {"bool": bool, "int": int, "float": float}}
    )
    return function


def _source(expr: Expr, slots: Mapping[Var, int]) -> str:
    """Write an expression as Python; every value printed is a number, never user text."""
    match expr:
        case Const(value, kind):
            if kind == BOOL:
                return str(bool(value))
            return f"({float(value)!r})" if kind == FLOAT else str(int(value) & _mask(kind))
        case Bit(index):
            return f"bool(m >> {int(index)} & 1)"
        case Bits(indices):
            first = int(indices[0])
            if list(indices) == list(range(first, first + len(indices))):
                return f"(m >> {first} & {(1 << len(indices)) - 1})"
            terms = (f"(m >> {int(b)} & 1) << {i}" for i, b in enumerate(indices))
            return f"({' | '.join(terms)})"
        case Var():
            if expr not in slots:
                raise CircuitError(f"Variable '{expr.name}' is used but not declared.")
            return f"v[{slots[expr]}]"
        case Unary(op, operand):
            return _unary_source(op, operand, _source(operand, slots))
        case Binary():
            return _binary_source(expr, _source(expr.left, slots), _source(expr.right, slots))
        case Cast(to, operand):
            inner = _source(operand, slots)
            if to == BOOL:
                return f"({inner} != 0)"
            return f"float({inner})" if to == FLOAT else f"(int({inner}) & {_mask(to)})"
        case Index(operand, index):
            return f"bool({_source(operand, slots)} >> {_source(index, slots)} & 1)"
    raise CircuitError(f"Not a classical expression: {expr!r}.")


def _mask(kind: ClassicalType) -> int:
    return (1 << kind.width) - 1


def _unary_source(op: str, operand: Expr, inner: str) -> str:
    if op not in _UNARY:
        raise CircuitError(f"Unknown unary operator '{op}'; known: {', '.join(sorted(_UNARY))}.")
    if op == "not" or (op == "~" and operand.type == BOOL):
        return f"(not {inner})"
    if operand.type == FLOAT:
        return f"(-{inner})"
    return f"({op}{inner} & {_mask(operand.type)})"


def _binary_source(expr: Binary, left: str, right: str) -> str:
    op = expr.op
    if op not in _BINARY:
        raise CircuitError(f"Unknown operator '{op}'; known: {', '.join(sorted(_BINARY))}.")
    if op in _TO_BOOL:
        return f"({left} {op} {right})"
    if expr.type == BOOL:
        return f"bool({left} {op} {right})"
    if expr.type == FLOAT:
        return f"({left} {op} {right})"
    if op == "<<":
        # An enormous shift would build an enormous integer before the mask drops it.
        return f"(({left} << {right} & {_mask(expr.type)}) if {right} < {expr.type.width} else 0)"
    python_op = "//" if op == "/" else op
    return f"({left} {python_op} {right} & {_mask(expr.type)})"


def literal(value: Any) -> Const:
    """Return a Python bool, int or float as a `Const` of the narrowest type."""
    if isinstance(value, bool):
        return Const(value, BOOL)
    if isinstance(value, int):
        return Const(value, uint(max(1, value.bit_length())))
    return Const(float(value), FLOAT)

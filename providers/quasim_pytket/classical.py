"""pytket's classical operations and conditions as assignments and expressions of the IR.

In all of them the first bit is the lowest: of a condition's value, of a register, of the index of a
truth table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from pytket.circuit import (
    Circuit,
    ClBitVar,
    ClExpr,
    ClOp,
    ClRegVar,
    Conditional,
    OpType,
    WiredClExpr,
)

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.expr import (
    BOOL,
    Binary,
    Bit,
    Bits,
    Cast,
    Const,
    Expr,
    Index,
    Unary,
    uint,
)
from quasim_backend.ir.instructions import Assign

__all__ = ["CLASSICAL_TYPES", "lower_classical", "lower_condition"]

_REGISTER_WIDTH = 64
"""Registers are computed as unsigned integers of so many bits, or as many as the widest has."""

_LARGEST_TABLE = 1 << 13
"""Bits of the largest truth table."""

_FOLDED = {
    ClOp.BitAnd: "and",
    ClOp.BitOr: "or",
    ClOp.BitXor: "!=",
    ClOp.BitEq: "==",
    ClOp.BitNeq: "!=",
    ClOp.RegAnd: "&",
    ClOp.RegOr: "|",
    ClOp.RegXor: "^",
    ClOp.RegEq: "==",
    ClOp.RegNeq: "!=",
    ClOp.RegLt: "<",
    ClOp.RegGt: ">",
    ClOp.RegLeq: "<=",
    ClOp.RegGeq: ">=",
    ClOp.RegAdd: "+",
    ClOp.RegSub: "-",
    ClOp.RegMul: "*",
    ClOp.RegDiv: "/",
    ClOp.RegPow: "**",
    ClOp.RegLsh: "<<",
    ClOp.RegRsh: ">>",
}
# pytket's negation of a LogicExp arrives as a difference of one term.
_UNARY = {ClOp.BitNot: "not", ClOp.RegNot: "~", ClOp.RegNeg: "-", ClOp.RegSub: "-"}


def lower_condition(op: Conditional, bits: Sequence[int]) -> Expr | None:
    """Return the condition of an operation; None if it always holds.

    Args:
        op: The conditional operation.
        bits: Our numbers of the bits it depends on.
    """
    if not bits:
        return None
    if len(bits) == 1:
        return Bit(bits[0]) if op.value else Unary("not", Bit(bits[0]))
    return Binary("==", Bits(tuple(bits)), Const(op.value, uint(len(bits))))


def lower_classical(op: Any, bits: Sequence[int]) -> list[Assign]:
    """Return the assignments a classical operation makes.

    Args:
        op: One of `CLASSICAL_TYPES`.
        bits: Our numbers of its bits, in its order.

    Raises:
        UnsupportedError: If an expression holds something unknown.
    """
    return _LOWER[op.type](op, tuple(bits))


def _set_bits(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    value = sum(1 << place for place, is_set in enumerate(op.values) if is_set)
    return [Assign(Bits(bits), Const(value, uint(len(bits))))] if bits else []


def _copy_bits(_: Any, bits: tuple[int, ...]) -> list[Assign]:
    half = len(bits) // 2
    return [Assign(Bits(bits[half:]), Bits(bits[:half]))] if bits else []


def _multi_bit(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    step = len(bits) // op.multiplier
    chunks = (bits[start : start + step] for start in range(0, len(bits), step))
    return [assign for chunk in chunks for assign in lower_classical(op.basic_op, chunk)]


def _range_predicate(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    *inputs, target = bits
    if not inputs:
        return [Assign(Bit(target), Const(op.lower <= 0 <= op.upper, BOOL))]
    # Bounds are 64 bits wide and may lie beyond the register.
    wide = uint(max(_REGISTER_WIDTH, len(inputs)))
    value = Cast(wide, Bits(tuple(inputs)))
    lowest = Binary(">=", value, Const(op.lower, wide))
    highest = Binary("<=", value, Const(op.upper, wide))
    return [Assign(Bit(target), Binary("and", lowest, highest))]


def _truth_table(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    """Look the last bit up in a table by the others, and by itself if it is an input too."""
    inputs = bits if op.type == OpType.ExplicitModifier else bits[:-1]
    return [Assign(Bit(bits[-1]), _entry(_written(op, len(bits))["values"], inputs))]


def _transform(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    width = len(bits)
    values = _written(op, width)["values"]
    _check_table(op, width << width)
    table = Const(sum(v << place * width for place, v in enumerate(values)), uint(width << width))
    place = Binary("*", Cast(uint(_REGISTER_WIDTH), Bits(bits)), Const(width, uint(8)))
    return [Assign(Bits(bits), Cast(uint(width), Binary(">>", table, place)))]


def _entry(values: Sequence[bool], bits: tuple[int, ...]) -> Expr:
    if not bits:
        return Const(bool(values[0]), BOOL)
    _check_table("A truth table", len(values))
    table = sum(1 << place for place, is_set in enumerate(values) if is_set)
    return Index(Const(table, uint(len(values))), Bits(bits))


def _check_table(op: object, size: int) -> None:
    if size > _LARGEST_TABLE:
        raise UnsupportedError(
            f"{op} with {size} entries is too large; possible is {_LARGEST_TABLE}. Write it as an "
            f"expression of its bits."
        )


def _written(op: Any, count: int) -> dict[str, Any]:
    """Return what pytket writes to a file about an operation: the only place a table is shown."""
    circuit = Circuit(0, count).add_gate(op, list(range(count)))
    written: dict[str, Any] = circuit.to_dict()["commands"][0]["op"]["classical"]
    return written


def _expression(op: Any, bits: tuple[int, ...]) -> list[Assign]:
    wired: WiredClExpr = op.expr
    outputs = tuple(bits[place] for place in wired.output_posn)
    value = _Wires(wired, bits).value(wired.expr)
    if len(outputs) == 1:
        return [Assign(Bit(outputs[0]), _as_bit(value))]
    return [Assign(Bits(outputs), Cast(uint(len(outputs)), value))]


class _Wires:
    """Reads an expression whose variables are wired to bits."""

    def __init__(self, wired: WiredClExpr, bits: tuple[int, ...]) -> None:
        self._bits = {index: bits[place] for index, place in wired.bit_posn.items()}
        self._registers = {
            index: tuple(bits[place] for place in places)
            for index, places in wired.reg_posn.items()
        }
        widths = [len(register) for register in self._registers.values()]
        self._type = uint(max([_REGISTER_WIDTH, len(wired.output_posn), *widths]))

    def value(self, node: Any) -> Expr:
        """Return an expression, a variable or a number."""
        if isinstance(node, ClExpr):
            return self._operation(node)
        if isinstance(node, ClBitVar):
            return Bit(self._bits[node.index])
        if isinstance(node, ClRegVar):
            return Cast(self._type, Bits(self._registers[node.index]))
        return Const(node, self._type)

    def _operation(self, node: ClExpr) -> Expr:
        op = node.op
        on_bits = op.name.startswith("Bit")
        operands = [
            _as_bit(part) if on_bits else self._as_register(part)
            for part in map(self.value, node.args)
        ]
        if op in (ClOp.BitZero, ClOp.BitOne):
            return Const(op == ClOp.BitOne, BOOL)
        if op in (ClOp.RegZero, ClOp.RegOne):
            return Const(0 if op == ClOp.RegZero else (1 << self._type.width) - 1, self._type)
        if op in _UNARY and len(operands) == 1:
            return Unary(_UNARY[op], operands[0])
        if op in _FOLDED and len(operands) > 1:
            symbol = _FOLDED[op]
            return reduce(lambda left, right: Binary(symbol, left, right), operands)
        raise UnsupportedError(f"QuASIM does not know the classical operation '{node}'.")

    def _as_register(self, value: Expr) -> Expr:
        return Cast(self._type, value) if value.type == BOOL else value


def _as_bit(value: Expr) -> Expr:
    """Return the lowest bit of a number; what is a bit stays one."""
    return value if value.type == BOOL else Index(value, Const(0, uint(1)))


_LOWER: dict[OpType, Callable[[Any, tuple[int, ...]], list[Assign]]] = {
    OpType.SetBits: _set_bits,
    OpType.CopyBits: _copy_bits,
    OpType.MultiBit: _multi_bit,
    OpType.RangePredicate: _range_predicate,
    OpType.ExplicitPredicate: _truth_table,
    OpType.ExplicitModifier: _truth_table,
    OpType.ClassicalTransform: _transform,
    OpType.ClExpr: _expression,
}

CLASSICAL_TYPES = frozenset(_LOWER)
"""Classical operations that are known; those of WebAssembly and of random numbers are not."""

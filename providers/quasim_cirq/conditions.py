"""Cirq's classical conditions as expressions over classical bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import cirq
import sympy

from quasim_backend.ir.expr import BOOL, FLOAT, Binary, Bit, Bits, Cast, Const, Expr, Unary, uint
from quasim_cirq.parameters import UnsupportedOperationError

__all__ = ["Record", "lower_condition"]

_EXACT_BITS = 52
"""Integers up to this width are exact as floats, which is how Sympy's arithmetic is done."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where one instance of a measurement key is kept.

    The bits are those of Cirq's integer: the key's last qubit is the lowest bit, at ``first``.

    Attributes:
        first: Lowest classical bit.
        width: Number of bits.
        flips: Mask of bits to invert on reading (Cirq's invert mask).
    """

    first: int
    width: int
    flips: int

    def integer(self) -> Expr:
        """Return the value Cirq's ``get_int`` gives."""
        bits = Bits(tuple(range(self.first, self.first + self.width)))
        if not self.flips:
            return bits
        return Binary("^", bits, Const(self.flips, uint(self.width)))

    def digit(self, position: int) -> Expr:
        """Return the bit of the qubit at ``position``, counted as Cirq counts, as a bool."""
        place = range(self.width - 1, -1, -1)[position]
        bit = Bit(self.first + place)
        return Unary("not", bit) if self.flips >> place & 1 else bit


Records = Mapping[str, Sequence[Record]]


def lower_condition(condition: cirq.Condition, records: Records) -> Expr:
    """Translate a condition.

    Args:
        condition: Cirq's condition.
        records: Instances of each key so far, oldest first.

    Raises:
        UnsupportedOperationError: If a key is missing or the condition has no form of ours.
    """
    if type(condition) is cirq.KeyCondition:
        value = _instance(records, str(condition.key), condition.index).integer()
        return Cast(BOOL, value)
    if type(condition) is cirq.BitMaskKeyCondition:
        return _bit_mask(condition, records)
    if type(condition) is cirq.SympyCondition:
        return _truth(condition.expr, records)
    raise UnsupportedOperationError(f"condition {condition!r}")


def _instance(records: Records, key: str, index: int = -1) -> Record:
    try:
        record = records[key][index]
    except (KeyError, IndexError) as cause:
        raise UnsupportedOperationError(f"condition on the missing key {key}[{index}]") from cause
    if not record.width:
        raise UnsupportedOperationError(f"condition on the empty key {key}")
    return record


def _bit_mask(condition: cirq.BitMaskKeyCondition, records: Records) -> Expr:
    value = _instance(records, str(condition.key), condition.index).integer()
    mask, target = condition.bitmask, condition.target_value
    if target < 0 or (mask is not None and mask < 0):
        raise UnsupportedOperationError("a negative bit mask")
    if mask is not None:
        value = Binary("&", value, _literal(mask))
    return Binary("==" if condition.equal_target else "!=", value, _literal(target))


def _literal(value: int) -> Const:
    return Const(value, uint(max(1, value.bit_length())))


# --- Sympy --------------------------------------------------------------------------------------

_RELATIONS: dict[type[sympy.Basic], str] = {
    sympy.Eq: "==",
    sympy.Ne: "!=",
    sympy.StrictLessThan: "<",
    sympy.LessThan: "<=",
    sympy.StrictGreaterThan: ">",
    sympy.GreaterThan: ">=",
}
_LOGIC: dict[type[sympy.Basic], str] = {sympy.And: "and", sympy.Or: "or", sympy.Xor: "!="}
_ARITHMETIC: dict[type[sympy.Basic], str] = {sympy.Add: "+", sympy.Mul: "*"}


def _truth(node: Any, records: Records) -> Expr:
    """Translate an expression to a bool, as Python's ``bool`` does."""
    kind = type(node)
    if node is sympy.true or node is sympy.false:
        return Const(bool(node), BOOL)
    if kind in _RELATIONS:
        left, right = (_value(a, records) for a in node.args)
        return Binary(_RELATIONS[kind], left, right)
    if kind in _LOGIC:
        return reduce(
            lambda left, right: Binary(_LOGIC[kind], left, right),
            [_operand(a, records) for a in node.args],
        )
    if kind is sympy.Not:
        return Unary("not", _operand(node.args[0], records))
    if kind is sympy.Indexed:
        return _digit(node, records)
    return Binary("!=", _value(node, records), Const(0.0, FLOAT))


def _operand(node: Any, records: Records) -> Expr:
    """Translate an operand of a logical operator: something that can only be true or false."""
    if isinstance(node, sympy.logic.boolalg.Boolean) and not isinstance(node, sympy.Symbol):
        return _truth(node, records)
    if isinstance(node, sympy.Indexed):
        return _digit(node, records)
    raise UnsupportedOperationError(f"{node} as an operand of a logical operator")


def _digit(node: sympy.Indexed, records: Records) -> Expr:
    # An indexed symbol stands for digits of the latest instance of its key.
    record = _instance(records, str(node.base.name))
    if len(node.indices) != 1 or not isinstance(node.indices[0], sympy.Integer):
        raise UnsupportedOperationError(f"the index of {node}")
    try:
        return record.digit(int(node.indices[0]))
    except IndexError as cause:
        raise UnsupportedOperationError(f"the index of {node}") from cause


def _value(node: Any, records: Records) -> Expr:
    """Translate an expression to a float."""
    kind = type(node)
    if isinstance(node, sympy.Integer | sympy.Float):
        return Const(float(node), FLOAT)
    if kind is sympy.Symbol:
        record = _instance(records, node.name)
        if record.width > _EXACT_BITS:
            raise UnsupportedOperationError(f"arithmetic with the {record.width} bits of {node}")
        return Cast(FLOAT, record.integer())
    if kind is sympy.Indexed:
        return Cast(FLOAT, _digit(node, records))
    if kind in _ARITHMETIC:
        return reduce(
            lambda left, right: Binary(_ARITHMETIC[kind], left, right),
            [_value(a, records) for a in node.args],
        )
    if kind is sympy.Mod:
        return Binary("%", _value(node.args[0], records), _value(node.args[1], records))
    raise UnsupportedOperationError(f"{node} in a classical condition")

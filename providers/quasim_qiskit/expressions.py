"""Qiskit's classical expressions and conditions as IR expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr as qexpr
from qiskit.circuit.classical import types as qtypes

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
    uint,
)
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["ClassicalScope", "Variables"]

_BINARY = {
    "BIT_AND": "&",
    "BIT_OR": "|",
    "BIT_XOR": "^",
    "LOGIC_AND": "and",
    "LOGIC_OR": "or",
    "EQUAL": "==",
    "NOT_EQUAL": "!=",
    "LESS": "<",
    "LESS_EQUAL": "<=",
    "GREATER": ">",
    "GREATER_EQUAL": ">=",
    "SHIFT_LEFT": "<<",
    "SHIFT_RIGHT": ">>",
    "ADD": "+",
    "SUB": "-",
    "MUL": "*",
    "DIV": "/",
}
_UNARY = {"BIT_NOT": "~", "LOGIC_NOT": "not", "NEGATE": "-"}


class Variables:
    """IR variables of the typed variables of one circuit; those of inner scopes stay apart."""

    def __init__(self) -> None:
        """Start without variables."""
        self._known: dict[qexpr.Var, Var] = {}

    def of(self, variable: qexpr.Var) -> Var:
        """Return the IR variable, the same for the same variable."""
        found = self._known.get(variable)
        if found is None:
            found = Var(f"{variable.name} [{len(self._known)}]", classical_type(variable.type))
            self._known[variable] = found
        return found

    def fresh(self, name: str, kind: ClassicalType) -> Var:
        """Return a variable that no Qiskit variable stands for."""
        key = qexpr.Var.new(name, qtypes.Bool())
        found = self._known[key] = Var(f"{name} [{len(self._known)}]", kind)
        return found


def classical_type(kind: Any) -> ClassicalType:
    """Translate a type; durations are floats, in seconds."""
    if isinstance(kind, qtypes.Bool):
        return BOOL
    if isinstance(kind, qtypes.Uint):
        return uint(kind.width)
    if isinstance(kind, qtypes.Float | qtypes.Duration):
        return FLOAT
    raise QuasimQiskitError(f"Classical values of type {kind} cannot be simulated.")


class ClassicalScope:
    """Translates expressions inside one block, whose classical bits have places in the circuit."""

    def __init__(self, bits: Mapping[Clbit, int], variables: Variables) -> None:
        """Take the place of each bit of the block, and the variables of the whole circuit."""
        self._bits = bits
        self._variables = variables

    def variable(self, variable: qexpr.Var) -> Var:
        """Return the IR variable of a typed variable."""
        return self._variables.of(variable)

    def condition(self, condition: Any) -> Expr:
        """Translate the condition of ``if`` or ``while``: an expression or ``(bits, value)``."""
        if isinstance(condition, qexpr.Expr):
            return self.expression(condition)
        subject, value = condition
        if isinstance(subject, Clbit):
            bit = self.place(subject)
            return bit if value else Unary("not", bit)
        width = max(len(subject), int(value).bit_length(), 1)
        return Binary("==", self.place(subject), Const(int(value), uint(width)))

    def subject(self, target: Any) -> Expr:
        """Translate the target of a switch."""
        return self.expression(target) if isinstance(target, qexpr.Expr) else self.place(target)

    def place(self, target: Clbit | ClassicalRegister) -> Bit | Bits:
        """Return the place of a bit or a register in classical memory."""
        if isinstance(target, Clbit):
            return Bit(self._bit(target))
        return Bits(tuple(self._bit(bit) for bit in target))

    def _bit(self, bit: Clbit) -> int:
        try:
            return self._bits[bit]
        except KeyError:
            raise QuasimQiskitError(
                f"A classical expression reads {bit}, which is not in the circuit."
            ) from None

    def expression(self, node: Any) -> Expr:
        """Translate an expression tree.

        Raises:
            QuasimQiskitError: If it holds something without a value, such as a stretch.
        """
        if isinstance(node, qexpr.Var):
            if isinstance(node.var, Clbit | ClassicalRegister):
                return self.place(node.var)
            return self._variables.of(node)
        if isinstance(node, qexpr.Value):
            return Const(_plain_value(node), classical_type(node.type))
        if isinstance(node, qexpr.Cast):
            return Cast(classical_type(node.type), self.expression(node.operand))
        if isinstance(node, qexpr.Unary):
            return Unary(_UNARY[node.op.name], self.expression(node.operand))
        if isinstance(node, qexpr.Binary):
            operator = _BINARY[node.op.name]
            return Binary(operator, self.expression(node.left), self.expression(node.right))
        if isinstance(node, qexpr.Index):
            return Index(self.expression(node.target), self.expression(node.index))
        raise QuasimQiskitError(
            f"The classical expression {node!r} has no value in a simulation. Values, variables, "
            f"bits, registers, casts, indexing and all operators are supported; stretches are not."
        )

    def store(self, lvalue: Any, rvalue: Any) -> tuple[Var | Bit | Bits, Expr]:
        """Translate a store to the place that is written and the expression written to it."""
        value = self.expression(rvalue)
        if isinstance(lvalue, qexpr.Index):
            return self._store_indexed(lvalue, value)
        target = self.expression(lvalue)
        if not isinstance(target, Var | Bit | Bits):
            raise QuasimQiskitError(f"Nothing can be stored in {lvalue!r}.")
        return target, value

    def _store_indexed(self, lvalue: Any, value: Expr) -> tuple[Var | Bit | Bits, Expr]:
        whole = self.expression(lvalue.target)
        index = self.expression(lvalue.index)
        if isinstance(whole, Bits) and isinstance(index, Const):
            return Bit(whole.indices[int(index.value)]), value
        if not isinstance(whole, Var | Bits):
            raise QuasimQiskitError(f"Nothing can be stored in {lvalue!r}.")
        kind = whole.type
        one = Binary("<<", Const(1, kind), index)
        cleared = Binary("&", whole, Unary("~", one))
        return whole, Binary("|", cleared, Binary("<<", Cast(kind, value), index))


def _plain_value(node: Any) -> bool | int | float:
    """Return a literal as a Python number, durations in seconds."""
    if not isinstance(node.type, qtypes.Duration):
        value: bool | int | float = node.value
        return value
    duration = node.value
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}.get(duration.unit())
    if scale is None:
        raise QuasimQiskitError(
            "A duration in 'dt' inside a classical expression has no length in seconds; write it "
            "in s, ms, us, ns or ps."
        )
    return float(duration.value()) * scale

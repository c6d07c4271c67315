"""What names mean at a place of the text, and what is known about variables there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from quasim_backend.errors import near_matches
from quasim_backend.ir.expr import Bit, Bits, Var
from quasim_backend.ir.qasm3.kinds import BOOLEAN, LITERAL, Type, bits
from quasim_backend.ir.qasm3.lexer import Token
from quasim_backend.ir.qasm3.values import Value

__all__ = ["Array", "Named", "Register", "Scope", "Variable", "value_of_bits"]


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """Qubits or classical bits under one name.

    Attributes:
        places: Their numbers in the circuit.
        quantum: Whether they are qubits.
        single: Whether it was declared without a size, so that it cannot be indexed.
    """

    places: Sequence[int]
    quantum: bool
    single: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A typed variable that exists while the circuit runs."""

    type: Type
    var: Var


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array of constants."""

    values: tuple[Value, ...]


Named: TypeAlias = Register | Variable | Array | Value
"""What a name stands for: constants, inputs and loop variables are values."""


class Scope:
    """All names in force; inner ones hide outer ones until `leave`.

    Attributes:
        names: Meaning of each name.
        known: Variables whose value is the same on every path to this place.
        qubits: Operands seen before, so that ``q[3]`` is looked up once; forgotten when names
            change.
        depth: Nesting of indices inside indices.
    """

    def __init__(self) -> None:
        """Start with no names."""
        self.names: dict[str, Named] = {}
        self.known: dict[Var, Value] = {}
        self.qubits: dict[Token, int] = {}
        self.depth = 0
        self._hidden: list[dict[str, Named | None]] = [{}]

    def declare(self, name: str, thing: Named) -> None:
        """Give a name a meaning until the scope is left."""
        mine = self._hidden[-1]
        if name not in mine:
            mine[name] = self.names.get(name)
        self.names[name] = thing
        self.qubits.clear()

    def declared_here(self, name: str) -> bool:
        """Return whether the innermost scope declared a name."""
        return name in self._hidden[-1]

    @property
    def level(self) -> int:
        """How many scopes are open; 0 outside of all blocks."""
        return len(self._hidden) - 1

    def enter(self) -> None:
        """Open a scope."""
        self._hidden.append({})

    def leave(self) -> None:
        """Close the innermost scope: its names are forgotten, hidden ones are back."""
        for name, thing in self._hidden.pop().items():
            if thing is None:
                del self.names[name]
            else:
                self.names[name] = thing
        self.qubits.clear()

    def value(self, name: str) -> Value:
        """Return the value of a name in an expression.

        Raises:
            ValueError: If the name is unknown or has no value; says which names have one.
        """
        thing = self.names.get(name)
        if isinstance(thing, Value):
            return thing
        if isinstance(thing, Variable):
            known = self.known.get(thing.var)
            return Value(thing.type, expr=thing.var, name=name) if known is None else known
        if isinstance(thing, Register) and not thing.quantum:
            return value_of_bits(thing.places, name, thing.single)
        if isinstance(thing, Register):
            raise ValueError(f"'{name}' is a qubit; measure it into a bit and use the bit.")
        if isinstance(thing, Array):
            raise ValueError(f"'{name}' is an array; take an element, such as {name}[0].")
        classical = [
            n for n, t in self.names.items() if not (isinstance(t, Register) and t.quantum)
        ]
        raise ValueError(f"Unknown name '{name}' in an expression. {near_matches(name, classical)}")


def value_of_bits(places: Sequence[int], name: str, single: bool) -> Value:
    """Return classical bits as a truth value or as an unsigned number, the first bit lowest."""
    if single:
        return Value(BOOLEAN, expr=Bit(places[0]), name=name)
    if not len(places):
        return Value(LITERAL, 0)
    return Value(bits(len(places)), expr=Bits(tuple(places)), name=name)

"""Reads declarations: registers, variables, constants, arrays and inputs."""

from __future__ import annotations

import math

from quasim_backend.ir.expr import Bit, Bits, Expr
from quasim_backend.ir.instructions import Assign
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.indices import read_integer, read_list, read_type
from quasim_backend.ir.qasm3.kinds import BOOLEAN, REAL, Type, bits
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, SYMBOL, Cursor
from quasim_backend.ir.qasm3.measurements import read_measure_source, store_measurement
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.scope import Array
from quasim_backend.ir.qasm3.values import (
    Unknown,
    Value,
    constant,
    converted,
    expression_of,
    real,
    whole,
)

__all__ = [
    "read_array",
    "read_bit",
    "read_constant",
    "read_input",
    "read_register",
    "read_variable",
]


def read_register(program: Program, cursor: Cursor) -> None:
    """Read ``qubit[3] q;``, ``qubit q;``, ``qreg q[3];`` or ``creg c[3];``."""
    token = cursor.tokens[cursor.at]
    word = token[NAME]
    if word in ("qreg", "creg"):
        cursor.at += 1
        at, token = cursor.at, cursor.tokens[cursor.at]
        name, size = token[NAME], _size(program, cursor, word)
    else:
        size = _size(program, cursor, word)
        at = cursor.at
        name = cursor.take_name("the name of a register")
    if not name:
        raise cursor.error("Expected the name of a register.", at)
    program.declare_bits(cursor, name, size, at, quantum=word != "creg")
    cursor.take_symbol(";", "after a register")


def _size(program: Program, cursor: Cursor, word: str) -> int | None:
    """Read the size behind the next name; None if there is none."""
    token = cursor.tokens[cursor.at]
    cursor.at += 1
    if token[INDEX]:
        return int(token[INDEX])
    if cursor.symbol() != "[":
        return None
    cursor.at += 1
    size = read_integer(cursor, program.scope, f"The size of a '{word}'")
    cursor.take_symbol("]", "after a size")
    return size


def read_bit(program: Program, cursor: Cursor) -> None:
    """Read ``bit[2] c;``, with ``= "01"``, ``= 3`` or ``= measure q`` where given."""
    size = _size(program, cursor, "bit")
    at = cursor.at
    name = cursor.take_name("the name of a register")
    if cursor.symbol() != "=":
        program.declare_bits(cursor, name, size, at, quantum=False)
        cursor.take_symbol(";", "after a register")
        return
    cursor.at += 1
    if cursor.tokens[cursor.at][NAME] == "measure":
        source = read_measure_source(program, cursor)
        register = program.declare_bits(cursor, name, size, at, quantum=False)
        cursor.take_symbol(";", "after a measurement")
        store_measurement(program, cursor, at, source, (register.places, register.single))
        return
    start = cursor.at
    value = read(cursor, program.scope)
    register = program.declare_bits(cursor, name, size, at, quantum=False)
    cursor.take_symbol(";", "after a declaration")
    kind = BOOLEAN if size is None else bits(max(size, 1))
    stored = _converted(cursor, start, value, kind)
    # At the start of a circuit all bits are 0.
    if size != 0 and not (stored.constant == 0 and not program.scope.level):
        target = Bit(register.places[0]) if size is None else Bits(tuple(register.places))
        program.emit(cursor, start, [Assign(target, _expr(cursor, start, stored))], 1)


def _converted(cursor: Cursor, at: int, value: Value, kind: Type) -> Value:
    try:
        return converted(value, kind)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, at, cause) from None


def _expr(cursor: Cursor, at: int, value: Value) -> Expr:
    try:
        return expression_of(value)
    except ValueError as cause:
        raise checked(cursor, at, cause) from None


def read_variable(program: Program, cursor: Cursor) -> None:
    """Read ``uint[8] a;`` or ``float f = 0.5;``."""
    kind = read_type(cursor, program.scope)
    at = cursor.at
    name = cursor.take_name("the name of a variable")
    program.check_name(cursor, name, at)
    initial: Value | None = None
    if cursor.symbol() == "=":
        cursor.at += 1
        if cursor.tokens[cursor.at][NAME] == "measure":
            raise cursor.error(
                f"A measurement is stored in bits; declare 'bit {name}' and cast it where needed."
            )
        start = cursor.at
        initial = _converted(cursor, start, read(cursor, program.scope), kind)
    cursor.take_symbol(";", "after a declaration")
    variable = program.variable(name, kind)
    program.scope.declare(name, variable)
    if initial is None:
        return
    fresh = not program.scope.level and initial.constant == 0
    if initial.constant is not None:
        program.scope.known[variable.var] = initial
    if not fresh:
        expr = _expr(cursor, at, initial)
        program.emit(cursor, at, [Assign(variable.var, expr)], 1)


def read_constant(program: Program, cursor: Cursor) -> None:
    """Read ``const uint n = 3;``, also for bits and arrays."""
    cursor.at += 1
    word = cursor.tokens[cursor.at][NAME]
    if word == "array":
        return read_array(program, cursor)
    # The first drafts of the language left the type out.
    untyped = cursor.tokens[cursor.at + 1][SYMBOL] == "="
    kind = None if untyped else read_type(cursor, program.scope)
    at = cursor.at
    name = cursor.take_name("the name of a constant")
    cursor.take_symbol("=", "after the name of a constant")
    start = cursor.at
    value = read(cursor, program.scope)
    value = value if kind is None else _converted(cursor, start, value, kind)
    if value.constant is None:
        raise checked(
            cursor,
            start,
            Unknown(f"The value of the constant '{name}' depends on '{value.name}'."),
        )
    cursor.take_symbol(";", "after a constant")
    program.declare(cursor, name, value, at)
    return None


def read_array(program: Program, cursor: Cursor) -> None:
    """Read ``array[int[8], 3] a = {1, 2, 3};``: arrays of constants."""
    cursor.at += 1
    cursor.take_symbol("[", "after 'array'")
    kind = read_type(cursor, program.scope)
    cursor.take_symbol(",", "after the type of an array")
    start = cursor.at
    size = read_integer(cursor, program.scope, "The size of an array")
    if cursor.symbol() == ",":
        raise cursor.error("Arrays of one dimension are possible; declare one for each row.")
    cursor.take_symbol("]", "after the size of an array")
    at = cursor.at
    name = cursor.take_name("the name of an array")
    cursor.take_symbol("=", "after the name of an array: its values must be given")
    given = [_converted(cursor, place, v, kind) for v, place in read_list(cursor, program.scope)]
    cursor.take_symbol(";", "after an array")
    if len(given) != size:
        raise cursor.error(f"'{name}' has {size} element(s), and {len(given)} are given.", start)
    if any(value.constant is None for value in given):
        raise cursor.error(f"The elements of the array '{name}' must be constants.", at)
    program.declare(cursor, name, Array(tuple(given)), at)


def read_input(program: Program, cursor: Cursor) -> None:
    """Read ``input float theta;``: a parameter of the circuit, or the value that was given."""
    cursor.at += 1
    if cursor.tokens[cursor.at][NAME] == "array":
        raise cursor.error("An input is one number; declare one input for each element.")
    kind = read_type(cursor, program.scope)
    at = cursor.at
    name = cursor.take_name("the name of an input")
    cursor.take_symbol(";", "after an input")
    given = program.inputs.pop(name, None)
    if given is not None:
        value = _converted(cursor, at, _given(cursor, at, name, given), kind)
    elif kind.kind in ("float", "angle"):
        value = Value(REAL, affine=Affine(0.0, ((Parameter(name), 1.0),)), name=name)
    else:
        raise cursor.error(
            f"The input '{name}' of type {kind} needs a value: "
            f"loads(text, inputs={{'{name}': 1}}). Inputs of the types float and angle may stay "
            f"parameters of the circuit.",
            at,
        )
    program.declare(cursor, name, value, at)


def _given(cursor: Cursor, at: int, name: str, given: float | int | bool) -> Value:
    if isinstance(given, bool):
        return constant(given, BOOLEAN)
    if isinstance(given, int):
        return whole(given)
    if not isinstance(given, float) or not math.isfinite(given):
        raise cursor.error(f"The input '{name}' must be a finite number; got {given!r}.", at)
    return real(given)

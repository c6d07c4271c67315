"""Reads assignments: ``a = a + 1;``, ``c[0] ^= 1;``, ``c = measure q;``."""

from __future__ import annotations

from quasim_backend.errors import near_matches
from quasim_backend.ir.expr import Binary, Bit, Bits, Cast, Const, Expr, Unary, Var
from quasim_backend.ir.instructions import Assign
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import NeedsValue, checked
from quasim_backend.ir.qasm3.indices import read_index_list
from quasim_backend.ir.qasm3.kinds import BOOLEAN, Type, bits
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, SYMBOL, Cursor
from quasim_backend.ir.qasm3.measurements import read_measure_source, store_measurement
from quasim_backend.ir.qasm3.operators import binary, bit_of
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.scope import Array, Register, Variable, value_of_bits
from quasim_backend.ir.qasm3.values import Value, constant, converted, expression_of

__all__ = ["ASSIGNING", "read_assignment"]

ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="})


def read_assignment(program: Program, cursor: Cursor) -> None:
    """Read an assignment, the cursor being on the name that is assigned to.

    Raises:
        QasmError: If the name cannot be assigned to, or the value does not convert to its type.
    """
    name = cursor.tokens[cursor.at][NAME]
    thing = program.scope.names[name]
    if isinstance(thing, Register):
        if thing.quantum:
            raise cursor.error(f"Expected a gate, found the qubit '{name}'.")
        _assign_bits(program, cursor, thing, name)
    elif isinstance(thing, Variable):
        _assign_variable(program, cursor, thing, name)
    else:
        what = "an array, and arrays are constant" if isinstance(thing, Array) else "constant"
        changing = [n for n, t in program.scope.names.items() if isinstance(t, Variable | Register)]
        raise cursor.error(f"'{name}' is {what}. {near_matches(name, changing)}")


def _operator(cursor: Cursor) -> str:
    symbol = cursor.symbol()
    if symbol not in ASSIGNING:
        raise cursor.error(f"Expected '=' or another assignment, found {cursor.seen()}.")
    cursor.at += 1
    return symbol[:-1]


def _value(program: Program, cursor: Cursor, operator: str, current: Value, kind: Type) -> Value:
    """Read the right side and return what is stored."""
    start = cursor.at
    value = read(cursor, program.scope)
    cursor.take_symbol(";", "after an assignment")
    try:
        if operator:
            value = binary(operator, current, value)
        value = converted(value, kind)
        if value.constant is None:
            expression_of(value)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, start, cause) from None
    return value


def _assign_bits(program: Program, cursor: Cursor, register: Register, name: str) -> None:
    start = cursor.at
    places, single = register.places, register.single
    if cursor.tokens[start][INDEX] or cursor.tokens[start + 1][SYMBOL] == "[":
        if single:
            raise cursor.error(f"'{name}' is a single bit and has no index.")
        found = read_index_list(cursor, program.scope, len(places), name)
        if isinstance(found, Value):
            whole = Bits(tuple(places))
            return _assign_bit(program, cursor, whole, bits(len(places)), found, name)
        chosen, single = found
        places = [places[k] for k in chosen]
    else:
        cursor.at += 1
    operator = _operator(cursor)
    if not operator and cursor.tokens[cursor.at][NAME] == "measure":
        source = read_measure_source(program, cursor)
        cursor.take_symbol(";", "after a measurement")
        return store_measurement(program, cursor, start, source, (places, single))
    kind = BOOLEAN if single else bits(max(len(places), 1))
    value = _value(program, cursor, operator, value_of_bits(places, name, single), kind)
    if len(places):
        target = Bit(places[0]) if single else Bits(tuple(places))
        if len(set(places)) != len(places):
            raise cursor.error("A bit appears twice on the left of an assignment.", start)
        program.emit(cursor, start, [Assign(target, expression_of(value))], 1)
    return None


def _assign_variable(program: Program, cursor: Cursor, variable: Variable, name: str) -> None:
    start = cursor.at
    scope = program.scope
    current = scope.known.get(variable.var) or Value(variable.type, expr=variable.var, name=name)
    if cursor.tokens[start][INDEX] or cursor.tokens[start + 1][SYMBOL] == "[":
        found = read_index_list(cursor, scope, variable.type.width, name)
        if not isinstance(found, Value):
            positions, single = found
            if not single:
                raise cursor.error(f"One bit of '{name}' can be assigned at a time.", start)
            width = max(positions[0].bit_length(), 1)
            found = constant(positions[0], Type("uint", width))
        scope.known.pop(variable.var, None)
        return _assign_bit(program, cursor, variable.var, variable.type, found, name)
    cursor.at += 1
    operator = _operator(cursor)
    if not operator and cursor.tokens[cursor.at][NAME] == "measure":
        raise cursor.error(f"A measurement is stored in bits; '{name}' is a {variable.type}.")
    value = _value(program, cursor, operator, current, variable.type)
    if value.constant is None:
        scope.known.pop(variable.var, None)
    else:
        scope.known[variable.var] = value
    program.emit(cursor, start, [Assign(variable.var, expression_of(value))], 1)
    return None


def _assign_bit(
    program: Program, cursor: Cursor, whole: Var | Bits, kind: Type, index: Value, name: str
) -> None:
    """Write one bit of a number or a register whose index may be known only during the run."""
    start = cursor.at
    current = Value(kind, expr=whole, name=name)
    try:
        old = bit_of(current, index)  # refuses types without bits
        place = expression_of(index)
    except ValueError as cause:
        raise checked(cursor, start, cause) from None
    operator = _operator(cursor)
    if cursor.tokens[cursor.at][NAME] == "measure":
        message = (
            f"A measurement is stored in a bit that is known before the run; '{index.name}' is not."
        )
        raise NeedsValue(message, cursor, start)
    value = _value(program, cursor, operator, old, BOOLEAN)
    one: Expr = Binary("<<", Const(1, kind.ir), place)
    cleared = Binary("&", whole, Unary("~", one))
    stored = Binary("|", cleared, Binary("<<", Cast(kind.ir, expression_of(value)), place))
    program.emit(cursor, start, [Assign(whole, stored)], 1)

"""Reads expressions by operator precedence (Dijkstra's shunting yard), computing as it goes.

Nothing recurses with the length of an expression or the depth of its parentheses; indices inside
indices do, and their depth is bounded.
"""

from __future__ import annotations

from typing import TypeAlias

from quasim_backend.errors import near_matches
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.functions import CONSTANTS, FUNCTIONS, call
from quasim_backend.ir.qasm3.indices import TYPE_NAMES, read_index_list, read_nested, read_type
from quasim_backend.ir.qasm3.kinds import DURATION, MAX_WIDTH, Type, bits
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, NUMBER, STRING, SYMBOL, Cursor, number_of
from quasim_backend.ir.qasm3.operators import binary, bit_of, unary
from quasim_backend.ir.qasm3.scope import Array, Register, Scope, value_of_bits
from quasim_backend.ir.qasm3.values import Value, converted, integer_of, real, whole

__all__ = ["read"]

_UNITS = {"ns": 1e9, "us": 1e6, "µs": 1e6, "μs": 1e6, "ms": 1e3, "s": 1.0}
"""How many of a unit are a second."""

_PRECEDENCE = {
    **{"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6},
    **{"<": 7, "<=": 7, ">": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9},
    **{"*": 10, "/": 10, "%": 10, "**": 12},
}
_PREFIX = {"!": 11, "~": 11, "-": 11, "+": 11}
_Waiting: TypeAlias = tuple[str, int, int, object, int]
"""An operator that waits for its right operand: symbol, precedence, token, and for a parenthesis
the function or type in front of it and the number of values before it."""


def read(cursor: Cursor, scope: Scope) -> Value:
    """Read one expression; the cursor is left behind it.

    Raises:
        QasmError: If it is no expression, or has no value; points at the operator.
    """
    tokens = cursor.tokens
    values: list[Value] = []
    waiting: list[_Waiting] = []
    opened = 0
    operand_next = True
    while True:
        token = tokens[cursor.at]
        symbol = token[SYMBOL]
        if operand_next:
            if symbol == "(":
                waiting.append(("(", 0, cursor.at, None, len(values)))
                opened += 1
                cursor.at += 1
            elif symbol in _PREFIX:
                waiting.append((symbol, _PREFIX[symbol], cursor.at, unary, 0))
                cursor.at += 1
            elif (target := _called(cursor, scope)) is not None:
                waiting.append(("(", 0, cursor.at, target, len(values)))
                cursor.take_symbol("(", "after a function or a type")
                opened += 1
                if tokens[cursor.at][SYMBOL] == ")":
                    raise cursor.error("Expected an argument before ')'.")
            else:
                values.append(_operand(cursor, scope))
                operand_next = False
        elif symbol in _PRECEDENCE:
            rank = _PRECEDENCE[symbol]
            while waiting and (
                waiting[-1][1] > rank or (waiting[-1][1] == rank and symbol != "**")
            ):
                _apply(cursor, waiting.pop(), values)
            waiting.append((symbol, rank, cursor.at, binary, 0))
            operand_next = True
            cursor.at += 1
        elif symbol == ")" and opened:
            while waiting[-1][0] != "(":
                _apply(cursor, waiting.pop(), values)
            _close(cursor, waiting.pop(), values)
            opened -= 1
            cursor.at += 1
            while tokens[cursor.at][SYMBOL] == "[":
                values[-1] = _bit(cursor, scope, values[-1])
        elif symbol == "," and opened:
            while waiting[-1][0] != "(":
                _apply(cursor, waiting.pop(), values)
            if waiting[-1][3] is None:
                raise cursor.error("Expected an operator or ')', found ','.")
            operand_next = True
            cursor.at += 1
        else:
            break
    if opened:
        raise cursor.error(f"Expected an operator or ')', found {cursor.seen()}.")
    while waiting:
        _apply(cursor, waiting.pop(), values)
    return values[0]


def _apply(cursor: Cursor, operator: _Waiting, values: list[Value]) -> None:
    """Replace the last values by the result of an operator."""
    symbol, _, at, function, _ = operator
    try:
        if function is unary:
            values[-1] = unary(symbol, values[-1])
        else:
            right = values.pop()
            values[-1] = binary(symbol, values[-1], right)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, at, cause) from None


def _close(cursor: Cursor, opening: _Waiting, values: list[Value]) -> None:
    """Apply the function or the cast in front of a closed parenthesis, if there is one."""
    _, _, at, target, first = opening
    if target is None:
        return
    arguments = values[first:]
    try:
        if isinstance(target, Type):
            if len(arguments) != 1:
                raise ValueError(f"A cast to {target} takes one value; got {len(arguments)}.")
            result = converted(arguments[0], target)
        else:
            result = call(str(target), arguments)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, at - 1, cause) from None
    del values[first:]
    values.append(result)


def _called(cursor: Cursor, scope: Scope) -> object | None:
    """Return the function or type the next token names; the cursor is then on its parenthesis."""
    token = cursor.tokens[cursor.at]
    name = token[NAME]
    if name in TYPE_NAMES:
        return read_type(cursor, scope)
    if name in FUNCTIONS and not token[INDEX] and name not in scope.names:
        cursor.at += 1
        return name
    return None


def _operand(cursor: Cursor, scope: Scope) -> Value:
    token = cursor.tokens[cursor.at]
    try:
        if token[NUMBER]:
            return _number(cursor, token[NUMBER])
        if token[STRING]:
            digits = token[STRING].strip('"').replace("_", "")
            if not digits or set(digits) - {"0", "1"} or len(digits) > MAX_WIDTH:
                raise ValueError(f'Expected bits such as "0101", found {cursor.seen()}.')
            cursor.at += 1
            return Value(bits(len(digits)), int(digits, 2))
        name = token[NAME]
        if not name:
            raise ValueError(
                f"Expected a number, a name, a function or '(', found {cursor.seen()}."
            )
        if not token[INDEX] and cursor.tokens[cursor.at + 1][SYMBOL] not in ("[", "("):
            found = CONSTANTS.get(name)
            found = scope.value(name) if found is None or name in scope.names else found
            cursor.at += 1
            return found
        return _indexed(cursor, scope, name)
    except (ValueError, ArithmeticError) as cause:
        raise checked(cursor, cursor.at, cause) from None


def _number(cursor: Cursor, text: str) -> Value:
    number = number_of(text)
    unit = cursor.tokens[cursor.at + 1]
    cursor.at += 1
    if unit[NAME] in _UNITS and not unit[INDEX]:
        cursor.at += 1
        return Value(DURATION, float(number) / _UNITS[unit[NAME]])
    if unit[NAME] == "dt":
        if number:
            raise ValueError(
                "A duration in 'dt' counts samples of a device, and a simulator has none. Write it "
                "in s, ms, us or ns."
            )
        cursor.at += 1
        return Value(DURATION, 0.0)
    if unit[NAME] == "im":
        raise ValueError("Complex numbers cannot be simulated; write real and imaginary part.")
    return whole(number) if isinstance(number, int) else real(number)


# --- indices ----------------------------------------------------------------------------------


def _indexed(cursor: Cursor, scope: Scope, name: str) -> Value:
    """Read ``name[...]`` in an expression."""
    thing = scope.names.get(name)
    if cursor.tokens[cursor.at + 1][SYMBOL] == "(":
        raise ValueError(f"Unknown function '{name}'. {near_matches(name, FUNCTIONS)}")
    if isinstance(thing, Register) and not thing.quantum:
        start = cursor.at
        if thing.single:
            raise ValueError(f"'{name}' is a single bit and has no index.")
        found = read_index_list(cursor, scope, len(thing.places), name)
        if isinstance(found, Value):
            try:
                return bit_of(value_of_bits(thing.places, name, single=False), found)
            except ValueError as cause:
                raise checked(cursor, start, cause) from None
        places, single = found
        return value_of_bits([thing.places[p] for p in places], name, single)
    if isinstance(thing, Array):
        return _element(cursor, scope, thing, name)
    value = scope.value(name)
    token = cursor.tokens[cursor.at]
    if token[INDEX]:
        value = bit_of(value, whole(int(token[INDEX])))
        cursor.at += 1
        return value
    cursor.at += 1
    return _bit(cursor, scope, value)


def _element(cursor: Cursor, scope: Scope, array: Array, name: str) -> Value:
    start = cursor.at
    found = read_index_list(cursor, scope, len(array.values), name)
    if isinstance(found, Value):
        try:
            integer_of(found, "The index of an array")
        except ValueError as cause:
            raise checked(cursor, start, cause) from None
    elif found[1]:
        return array.values[found[0][0]]
    raise cursor.error(f"Take one element of the array '{name}' at a time.", start)


def _bit(cursor: Cursor, scope: Scope, value: Value) -> Value:
    """Read ``[index]`` behind a value."""
    start = cursor.at
    cursor.take_symbol("[", "before an index")
    index = read_nested(cursor, scope)
    cursor.take_symbol("]", "after an index; slices are possible for registers")
    try:
        return bit_of(value, index)
    except ValueError as cause:
        raise checked(cursor, start, cause) from None

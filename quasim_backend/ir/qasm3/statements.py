"""What each statement begins with, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.qasm3 import branches, loops
from quasim_backend.ir.qasm3.angles import read_angles
from quasim_backend.ir.qasm3.application import expand
from quasim_backend.ir.qasm3.assignments import ASSIGNING, read_assignment
from quasim_backend.ir.qasm3.declarations import (
    read_array,
    read_bit,
    read_constant,
    read_input,
    read_register,
    read_variable,
)
from quasim_backend.ir.qasm3.definitions import Call, Definition
from quasim_backend.ir.qasm3.gate_bodies import check_counts, read_definition, unknown_gate
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, SYMBOL, Cursor
from quasim_backend.ir.qasm3.measurements import (
    read_barrier,
    read_delay,
    read_measure,
    read_reset,
)
from quasim_backend.ir.qasm3.modifiers import MODIFIERS, read_modifiers
from quasim_backend.ir.qasm3.operands import broadcast, read_alias, read_qubits
from quasim_backend.ir.qasm3.program import MAX_OPERATIONS, Program
from quasim_backend.ir.qasm3.recognition import recognised

__all__ = ["read_statement"]

_AFTER_VARIABLE = ASSIGNING | {"["}
_REFUSED = {
    "def": "Subroutines cannot be read; write the gates out, or define a 'gate'.",
    "extern": "External functions cannot be called; write the computation with operators.",
    "cal": "Pulses cannot be simulated; describe what they do as gates.",
    "defcal": "Pulses cannot be simulated; delete the calibration or define a 'gate'.",
    "defcalgrammar": "Pulses cannot be simulated; delete the calibrations.",
    "return": "Only subroutines return, and they cannot be read; 'end' stops a program.",
    "stretch": "A stretch has no length before a device schedules it; use a duration.",
    "complex": "Complex numbers cannot be read; use two floats.",
    "opaque": "OpenQASM 3 has no opaque gates; define it with 'gate'.",
}


def read_statement(program: Program, cursor: Cursor) -> None:
    """Read one statement.

    Raises:
        QasmError: If it is not legal, or cannot be simulated.
    """
    token = cursor.tokens[cursor.at]
    name = token[NAME]
    reader = _STATEMENTS.get(name)
    if reader is not None:
        reader(program, cursor)
    elif name:
        _operation(program, cursor, name)
    elif token[SYMBOL] == ";":
        cursor.at += 1
    else:
        raise cursor.error(f"Expected a statement, found {cursor.seen()}.")


def _operation(program: Program, cursor: Cursor, name: str) -> None:
    """Read a gate or an assignment."""
    tokens = cursor.tokens
    start = cursor.at
    definition = program.gates.get(name)
    # A variable may hide a gate: what follows the name says which of the two is meant.
    if definition is None or tokens[start][INDEX] or tokens[start + 1][SYMBOL] in _AFTER_VARIABLE:
        if name in program.scope.names:
            return read_assignment(program, cursor)
        if name in MODIFIERS:
            return _modified(program, cursor)
        if name in _REFUSED:
            raise cursor.error(f"'{name}': {_REFUSED[name]}")
        if tokens[start + 1][SYMBOL] in ASSIGNING:
            raise cursor.error(f"'{name}' is not declared; begin with its type: uint[8] {name};")
        raise unknown_gate(cursor, program.gates)
    return _gate(program, cursor, definition)


def _modified(program: Program, cursor: Cursor) -> None:
    start = cursor.at
    modifiers, controls = read_modifiers(cursor, program.scope)
    definition = program.gates.get(cursor.tokens[cursor.at][NAME])
    if definition is None or cursor.tokens[cursor.at][INDEX]:
        raise unknown_gate(cursor, program.gates, " after a modifier")
    name_at = cursor.at
    cursor.at += 1
    parameters = read_angles(cursor, program.scope) if cursor.symbol() == "(" else []
    operands = read_qubits(program, cursor) if cursor.symbol() != ";" else []
    check_counts(cursor, name_at, definition, len(parameters), len(operands), controls)
    cursor.take_symbol(";", f"after the operands of '{definition.name}'")
    places = tuple(range(len(operands)))
    call = Call(definition, tuple(parameters), places, modifiers)
    _apply(program, cursor, start, call, broadcast(cursor, start, operands, definition.name))


def _gate(program: Program, cursor: Cursor, definition: Definition) -> None:
    """Read a gate without modifiers: nearly every line of a large file."""
    tokens = cursor.tokens
    start = cursor.at
    cursor.at += 1
    symbol = tokens[cursor.at][SYMBOL]
    parameters = []
    if symbol == "(":
        parameters = read_angles(cursor, program.scope)
        symbol = tokens[cursor.at][SYMBOL]
    operands = read_qubits(program, cursor) if symbol != ";" else []
    if len(parameters) != len(definition.parameters) or len(operands) != definition.num_qubits:
        check_counts(cursor, start, definition, len(parameters), len(operands), 0)
    if tokens[cursor.at][SYMBOL] != ";":
        cursor.take_symbol(";", f"after the operands of '{definition.name}'")
    cursor.at += 1
    applications = broadcast(cursor, start, operands, definition.name)
    gate = definition.gate
    if gate is None and definition.record is not None:
        name, controls = definition.record
        gate = Gate(name, tuple(parameters), controls, (1 << controls) - 1)
    if gate is not None:
        placed = [GateOp(gate, qubits) for qubits in applications]
        program.emit(cursor, start, placed, len(placed))
    else:
        call = Call(definition, tuple(parameters), tuple(range(len(operands))))
        _apply(program, cursor, start, call, applications)


def _apply(
    program: Program,
    cursor: Cursor,
    start: int,
    call: Call,
    applications: Iterable[tuple[int, ...]],
) -> None:
    size = call.size
    for qubits in applications:
        program.count(cursor, start, size)
        try:
            program.out.extend(expand(call, (), qubits))
        except ValueError as cause:
            name = "" if call.callee is None else call.callee.name
            raise cursor.error(f"In gate '{name}': {cause}", start) from None


def _define(program: Program, cursor: Cursor) -> None:
    start = cursor.at
    if program.scope.level:
        raise cursor.error("Gates are defined outside of blocks.")
    definition = read_definition(cursor, program.scope, program.gates)
    name = definition.name
    if name in program.own or name in program.closed or name in program.scope.names:
        where = "by stdgates.inc" if name in program.closed else "in this text"
        raise cursor.error(f"'{name}' is already defined {where}; use another name.", start + 1)
    definition = replace(definition, size=min(definition.size, MAX_OPERATIONS + 1))
    program.own.add(name)
    program.gates[name] = recognised(definition)


def _output(program: Program, cursor: Cursor) -> None:
    """Read ``output bit[2] c;``: bits are what a run returns anyway."""
    cursor.at += 1
    if cursor.tokens[cursor.at][NAME] != "bit":
        raise cursor.error("A run returns bits; assign the value to an 'output bit[n]'.")
    read_bit(program, cursor)


def _nop(program: Program, cursor: Cursor) -> None:
    cursor.at += 1
    if cursor.symbol() != ";":
        read_qubits(program, cursor)
    cursor.take_symbol(";", "after 'nop'")


def _end(program: Program, cursor: Cursor) -> None:
    start = cursor.at
    cursor.at += 1
    cursor.take_symbol(";", "after 'end'")
    if program.loops or program.scope.level or not cursor.at_end():
        raise cursor.error(
            "'end' is possible as the last statement of a text; put what it would skip into the "
            "'else' of an 'if'.",
            start,
        )


def _version(program: Program, cursor: Cursor) -> None:
    raise cursor.error("'OPENQASM' belongs in the first statement of a text, and only there.")


_Reader = Callable[[Program, Cursor], None]
_STATEMENTS: dict[str, _Reader] = {
    **{word: read_register for word in ("qubit", "qreg", "creg")},
    **{word: read_variable for word in ("bool", "uint", "int", "float", "angle", "duration")},
    "OPENQASM": _version,
    "array": read_array,
    "barrier": read_barrier,
    "bit": read_bit,
    "box": branches.read_box,
    "break": loops.read_leave,
    "const": read_constant,
    "continue": loops.read_leave,
    "delay": read_delay,
    "end": _end,
    "for": loops.read_for,
    "gate": _define,
    "if": branches.read_if,
    "input": read_input,
    "let": read_alias,
    "measure": read_measure,
    "nop": _nop,
    "output": _output,
    "reset": read_reset,
    "switch": branches.read_switch,
    "while": loops.read_while,
}

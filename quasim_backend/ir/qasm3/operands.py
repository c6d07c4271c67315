"""Reads operands: qubits and bits, single, sliced, concatenated or by another name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from quasim_backend.errors import near_matches
from quasim_backend.ir.qasm3.faults import NeedsValue, checked
from quasim_backend.ir.qasm3.indices import read_index_list
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, SYMBOL, Cursor
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.scope import Register
from quasim_backend.ir.qasm3.values import Value, integer_of

__all__ = ["Operand", "broadcast", "read_alias", "read_operand", "read_qubits"]

Operand = tuple[Sequence[int], bool]
"""Places in the circuit, and whether it is a single one."""


def read_operand(program: Program, cursor: Cursor, *, quantum: bool) -> Operand:
    """Read ``q``, ``q[2]``, ``q[0:2]``, ``q[{0, 3}]`` or ``$3``.

    Raises:
        QasmError: If there is no such bit, or an index is not known now.
    """
    start = cursor.at
    token = cursor.tokens[start]
    name = token[NAME]
    thing = program.scope.names.get(name)
    if not isinstance(thing, Register) or thing.quantum != quantum:
        kind = "quantum" if quantum else "classical"
        if not name:
            raise cursor.error(f"Expected a {kind} register or bit, found {cursor.seen()}.")
        if quantum and name.startswith("$") and not token[INDEX]:
            number = program.physical_qubit(cursor, name)
            cursor.at += 1
            return (number,), True
        raise cursor.error(program.unknown(cursor, name, quantum=quantum))
    if not token[INDEX] and cursor.tokens[start + 1][SYMBOL] != "[":
        cursor.at += 1
        return thing.places, thing.single
    if thing.single:
        raise cursor.error(f"'{name}' is a single bit and has no index.")
    found = read_index_list(cursor, program.scope, len(thing.places), name)
    if isinstance(found, Value):
        try:
            integer_of(found, f"The index of '{name}'")
        except ValueError as cause:
            raise checked(cursor, start, cause) from None
        raise NeedsValue("An index is not known.", cursor, start)
    places, single = found
    return [thing.places[p] for p in places], single


def read_qubits(program: Program, cursor: Cursor) -> list[Operand]:
    """Read operands of a gate, separated by commas."""
    tokens = cursor.tokens
    cache = program.scope.qubits
    found: list[Operand] = []
    while True:
        token = tokens[cursor.at]
        qubit = cache.get(token)
        if qubit is not None:
            found.append(((qubit,), True))
            cursor.at += 1
        else:
            operand = read_operand(program, cursor, quantum=True)
            found.append(operand)
            if operand[1] and token[INDEX]:
                cache[token] = operand[0][0]
        if tokens[cursor.at][SYMBOL] != ",":
            return found
        cursor.at += 1


def broadcast(
    cursor: Cursor, start: int, operands: Sequence[Operand], name: str
) -> Iterable[tuple[int, ...]]:
    """Return the qubits of each application of a gate; registers run in step.

    Raises:
        QasmError: If registers differ in size, or a qubit is used twice at once.
    """
    sizes = {len(places) for places, single in operands if not single}
    if not sizes:
        applications = [tuple([places[0] for places, _ in operands])]
    elif len(sizes) > 1:
        raise cursor.error(
            f"The registers have different sizes ({', '.join(map(str, sorted(sizes)))}); a gate "
            f"runs over registers of one size.",
            start,
        )
    else:
        count = max(sizes)
        applications = list(
            zip(
                *(
                    itertools.repeat(places[0], count) if single else places
                    for places, single in operands
                ),
                strict=True,
            )
        )
    for qubits in applications:
        if len(set(qubits)) != len(qubits):
            raise cursor.error(f"Gate '{name}' gets a qubit twice.", start)
    return applications


def read_alias(program: Program, cursor: Cursor) -> None:
    """Read ``let name = a[0:1] ++ b;``, the cursor being on ``let``.

    Qiskit writes ``let name = {a, b};``.
    """
    cursor.at += 1
    at = cursor.at
    name = cursor.take_name("a new name")
    cursor.take_symbol("=", "after the name")
    separator = "," if cursor.symbol() == "{" else "++"
    cursor.at += separator == ","
    first = program.scope.names.get(cursor.tokens[cursor.at][NAME])
    if isinstance(first, Register):
        quantum = first.quantum
    elif cursor.tokens[cursor.at][NAME].startswith("$"):
        quantum = True
    else:
        known = [n for n, t in program.scope.names.items() if isinstance(t, Register)]
        raise cursor.error(
            f"Expected a register, found {cursor.seen()}. "
            f"{near_matches(cursor.tokens[cursor.at][NAME], known)}"
        )
    start = cursor.at
    places, single = read_operand(program, cursor, quantum=quantum)
    joined = list(places)
    while cursor.symbol() == separator:
        cursor.at += 1
        joined += read_operand(program, cursor, quantum=quantum)[0]
        single = False
    if separator == ",":
        cursor.take_symbol("}", "after the parts of an alias")
        single = False
    cursor.take_symbol(";", "after an alias")
    if len(set(joined)) != len(joined):
        raise cursor.error(f"A bit appears twice in '{name}'.", start)
    program.declare(cursor, name, Register(joined, quantum, single), at)

"""Reads what acts on qubits without being a gate: measure, reset, barrier, delay."""

from __future__ import annotations

import numpy as np

from quasim_backend.ir.channels import Channel
from quasim_backend.ir.instructions import Barrier, ChannelOp, Delay, Instruction, Measure, Reset
from quasim_backend.ir.qasm3.expressions import read
from quasim_backend.ir.qasm3.faults import checked
from quasim_backend.ir.qasm3.lexer import INDEX, Cursor
from quasim_backend.ir.qasm3.operands import Operand, read_operand, read_qubits
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.values import number_of_seconds

__all__ = [
    "FORGOTTEN",
    "read_barrier",
    "read_delay",
    "read_duration",
    "read_measure",
    "read_measure_source",
    "read_reset",
    "store_measurement",
]

FORGOTTEN = Channel.mixture([0.5, 0.5], [np.eye(2), np.diag([1.0, -1.0])])
"""A measurement whose result nobody keeps."""


def read_measure(program: Program, cursor: Cursor) -> None:
    """Read ``measure q -> c;``, or ``measure q;``, which forgets the result."""
    start = cursor.at
    source = read_measure_source(program, cursor)
    if cursor.symbol() == ";":
        cursor.at += 1
        forgotten: list[Instruction] = [ChannelOp(FORGOTTEN, (q,)) for q in source[0]]
        program.emit(cursor, start, forgotten, len(forgotten))
        return
    cursor.take_symbol("->", "between the qubit and the bit of a measurement")
    target = read_operand(program, cursor, quantum=False)
    cursor.take_symbol(";", "after a measurement")
    store_measurement(program, cursor, start, source, target)


def read_measure_source(program: Program, cursor: Cursor) -> Operand:
    """Read ``measure q``."""
    cursor.at += 1
    return read_operand(program, cursor, quantum=True)


def store_measurement(
    program: Program, cursor: Cursor, start: int, source: Operand, target: Operand
) -> None:
    """Emit a measurement.

    Raises:
        QasmError: If there are not as many bits as qubits.
    """
    (qubits, _), (clbits, _) = source, target
    if len(qubits) != len(clbits):
        raise cursor.error(
            f"Cannot measure {len(qubits)} qubit(s) into {len(clbits)} bit(s): give two bits, or "
            f"two registers of one size.",
            start,
        )
    if len(set(clbits)) != len(clbits) or len(set(qubits)) != len(qubits):
        raise cursor.error("A bit or a qubit appears twice in a measurement.", start)
    if len(qubits):
        program.emit(cursor, start, [Measure(tuple(qubits), tuple(clbits))], len(qubits))


def read_reset(program: Program, cursor: Cursor) -> None:
    """Read ``reset q;``."""
    start = cursor.at
    cursor.at += 1
    qubits = _distinct(program, cursor)
    cursor.take_symbol(";", "after a reset")
    if qubits:
        program.emit(cursor, start, [Reset(qubits)], len(qubits))


def read_barrier(program: Program, cursor: Cursor) -> None:
    """Read ``barrier;`` or ``barrier q, r[0];``."""
    start = cursor.at
    cursor.at += 1
    every = cursor.symbol() == ";"
    qubits = tuple(range(program.num_qubits)) if every else _distinct(program, cursor)
    cursor.take_symbol(";", "after 'barrier'")
    program.emit(cursor, start, [Barrier(qubits)], max(1, len(qubits)))


def read_delay(program: Program, cursor: Cursor) -> None:
    """Read ``delay[100ns] q;``."""
    start = cursor.at
    if cursor.tokens[start][INDEX]:
        raise cursor.error("Expected a duration with its unit, such as delay[100ns].")
    cursor.at += 1
    seconds = read_duration(program, cursor)
    every = cursor.symbol() == ";"
    qubits = tuple(range(program.num_qubits)) if every else _distinct(program, cursor)
    cursor.take_symbol(";", "after 'delay'")
    if qubits:
        program.emit(cursor, start, [Delay(qubits, seconds)], len(qubits))


def read_duration(program: Program, cursor: Cursor) -> float:
    """Read ``[100ns]`` in seconds."""
    cursor.take_symbol("[", "before a duration")
    start = cursor.at
    try:
        seconds = number_of_seconds(read(cursor, program.scope))
    except ValueError as cause:
        raise checked(cursor, start, cause) from None
    cursor.take_symbol("]", "after a duration")
    return seconds


def _distinct(program: Program, cursor: Cursor) -> tuple[int, ...]:
    """Read operands and return their qubits, each once."""
    return tuple(dict.fromkeys(q for places, _ in read_qubits(program, cursor) for q in places))

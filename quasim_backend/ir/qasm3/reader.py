"""Reads OpenQASM 3: from text to `Circuit`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quasim_backend.errors import QasmError, near_matches
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.qasm3.definitions import KNOWN, STANDARD_NAMES
from quasim_backend.ir.qasm3.faults import NeedsValue
from quasim_backend.ir.qasm3.lexer import NAME, NUMBER, STRING, Cursor
from quasim_backend.ir.qasm3.program import Program
from quasim_backend.ir.qasm3.statements import read_statement
from quasim_backend.ir.qasm3.usage import without_unread

__all__ = ["load", "loads"]

_LIBRARIES = ("stdgates.inc", "qelib1.inc")


def loads(
    text: str,
    source: str = "<qasm>",
    *,
    inputs: Mapping[str, float | int | bool] | None = None,
) -> Circuit:
    """Read a circuit from OpenQASM 3 text.

    Args:
        text: The program. Only ``stdgates.inc`` can be included; see `load` for files.
        source: Name of the text in errors.
        inputs: Values of ``input`` declarations. A ``float`` or ``angle`` without a value becomes a
            parameter of the circuit.

    Raises:
        QasmError: If the text is no legal program, or holds what cannot be simulated; the message
            has line and column.
    """
    return _read(text, source, None, inputs or {})


def load(path: str | Path, *, inputs: Mapping[str, float | int | bool] | None = None) -> Circuit:
    """Read a circuit from an OpenQASM 3 file; it may include files of its own folder.

    Args:
        path: The file.
        inputs: Values of ``input`` declarations, as for `loads`.

    Raises:
        QasmError: If the text is no legal program; the message has line and column.
        OSError: If the file cannot be read.
    """
    file = Path(path)
    return _read(_text_of(file), str(file), file.parent, inputs or {})


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _read(
    text: str, source: str, folder: Path | None, inputs: Mapping[str, float | int | bool]
) -> Circuit:
    program = Program(source, folder, inputs, read_statement)
    try:
        _statements(program, Cursor(text, source))
    except NeedsValue as cause:
        raise cause.error() from None
    if program.inputs:
        name = next(iter(program.inputs))
        known = [n for n in inputs if n not in program.inputs]
        raise QasmError(
            f"The text has no input '{name}'. {near_matches(name, known)}", 1, 1, source
        )
    circuit = Circuit(program.num_qubits, program.num_clbits, Path(source).stem or "qasm")
    circuit.instructions = without_unread(program.out)
    circuit.qregisters = tuple(program.qregisters)
    circuit.registers = tuple(program.registers)
    return circuit


def _statements(program: Program, cursor: Cursor) -> None:
    program.cursors.append(cursor)
    if cursor.tokens[0][NAME] == "OPENQASM":
        _version(cursor)
    while cursor.at < cursor.end:
        if cursor.tokens[cursor.at][NAME] == "include":
            _include(program, cursor)
        else:
            read_statement(program, cursor)


def _version(cursor: Cursor) -> None:
    cursor.at += 1
    version = cursor.tokens[cursor.at][NUMBER]
    if version.split(".")[0] != "3":
        raise cursor.error(
            f"Expected the version 3.0, found {cursor.seen()}. OpenQASM 2 is read by "
            f"quasim_backend.ir.qasm2."
        )
    cursor.at += 1
    cursor.take_symbol(";", "after the version")


def _include(program: Program, cursor: Cursor) -> None:
    cursor.at += 1
    place = cursor.at
    name = cursor.tokens[place][STRING].strip('"')
    if not name:
        raise cursor.error(f'Expected a file name such as "stdgates.inc", found {cursor.seen()}.')
    cursor.at += 1
    cursor.take_symbol(";", "after the file name")
    if name in _LIBRARIES:
        clash = sorted(program.own & STANDARD_NAMES)
        if clash:
            raise cursor.error(f"{name} defines '{clash[0]}' again; include it first.", place)
        program.gates = {**KNOWN, **program.gates}
        program.closed = STANDARD_NAMES
    elif program.folder is None:
        raise cursor.error(
            f"Cannot include {name!r}: text from memory can include 'stdgates.inc' only. Use "
            f"quasim_backend.ir.qasm3.load(path) to include files of the same folder.",
            place,
        )
    else:
        _include_file(program, cursor, name, place, program.folder)


def _include_file(program: Program, cursor: Cursor, name: str, place: int, folder: Path) -> None:
    if Path(name).name != name or name in (".", ".."):
        raise cursor.error(f"An included file must be in the same folder; got {name!r}.", place)
    if name in program.including or len(program.including) > 50:
        raise cursor.error(f"{name!r} includes itself.", place)
    try:
        text = _text_of(folder / name)
    except (OSError, ValueError) as cause:
        raise cursor.error(f"Cannot include {name!r}: {cause}.", place) from cause
    program.including.append(name)
    _statements(program, Cursor(text, str(folder / name)))
    program.including.pop()

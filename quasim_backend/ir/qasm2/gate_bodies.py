"""Reads gate definitions, ``gate name(parameters) qubits { ... }``, and names their mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Set

from quasim_backend.errors import QasmError, near_matches
from quasim_backend.ir.qasm2.definitions import KNOWN, Call, Definition
from quasim_backend.ir.qasm2.expressions import Code, read_arguments
from quasim_backend.ir.qasm2.lexer import INDEX, NAME, SYMBOL, Cursor

__all__ = [
    "KEYWORDS",
    "check_counts",
    "read_body",
    "read_formals",
    "read_signature",
    "unknown_gate",
]

KEYWORDS = frozenset(
    {
        *("OPENQASM", "include", "qreg", "creg", "gate", "opaque"),
        *("measure", "reset", "barrier", "if", "U", "CX", "pi"),
    }
)
"""Words nothing else can be named."""


def read_signature(cursor: Cursor) -> tuple[str, dict[str, int], dict[str, int]]:
    """Read ``gate name(parameters) qubits``, the cursor being on ``gate`` or ``opaque``.

    Returns:
        The gate's name, and the position of each parameter and of each qubit by name.
    """
    cursor.at += 1
    start = cursor.at
    name = cursor.take_name("the name of a gate")
    if name in KEYWORDS:
        raise cursor.error(f"'{name}' is a word of the language; rename the gate.", start)
    parameters: dict[str, int] = {}
    if cursor.tokens[cursor.at][SYMBOL] == "(":
        cursor.at += 1
        if cursor.tokens[cursor.at][SYMBOL] != ")":
            parameters = read_formals(cursor, "parameter", KEYWORDS)
        cursor.take_symbol(")", "after the parameters")
    return name, parameters, read_formals(cursor, "qubit", KEYWORDS)


def read_formals(cursor: Cursor, what: str, keywords: Set[str]) -> dict[str, int]:
    """Read ``name, name, ...`` and return the position of each.

    Args:
        cursor: Left behind the last name.
        what: What is named, for errors.
        keywords: Words nothing can be named.

    Raises:
        QasmError: If a name is missing, a keyword or there twice.
    """
    found: dict[str, int] = {}
    while True:
        place = cursor.at
        name = cursor.take_name(f"the name of a {what}")
        if name in found or name in keywords:
            why = "is named twice" if name in found else "is a word of the language"
            raise cursor.error(f"The {what} '{name}' {why}.", place)
        found[name] = len(found)
        if cursor.tokens[cursor.at][SYMBOL] != ",":
            return found
        cursor.at += 1


def read_body(
    cursor: Cursor,
    name: str,
    gates: Mapping[str, Definition],
    parameters: Mapping[str, int],
    qubits: Mapping[str, int],
) -> tuple[Call, ...]:
    """Read ``{ ... }``; a gate can use only what was defined before it, so nothing recurses."""
    cursor.take_symbol("{", f"before the body of gate '{name}'")
    body: list[Call] = []
    while cursor.tokens[cursor.at][SYMBOL] != "}":
        if cursor.tokens[cursor.at][SYMBOL] == ";":
            cursor.at += 1
        else:
            body.append(_call(cursor, gates, parameters, qubits))
    cursor.at += 1
    return tuple(body)


def _call(
    cursor: Cursor,
    gates: Mapping[str, Definition],
    parameters: Mapping[str, int],
    qubits: Mapping[str, int],
) -> Call:
    start = cursor.at
    token = cursor.tokens[start]
    callee = gates.get(token[NAME])
    if token[INDEX] or (callee is None and token[NAME] != "barrier"):
        raise unknown_gate(cursor, gates, " in the body of a gate")
    cursor.at += 1
    arguments: list[Code] = []
    if callee is not None and cursor.tokens[cursor.at][SYMBOL] == "(":
        arguments = read_arguments(cursor, parameters)
    if callee is None and cursor.tokens[cursor.at][SYMBOL] == ";":
        places = list(qubits.values())
    else:
        places = _places(cursor, qubits)
    cursor.take_symbol(";", "after the operands")
    if len(set(places)) != len(places):
        raise cursor.error(f"'{token[NAME]}' gets a qubit twice.", start)
    if callee is not None:
        check_counts(cursor, start, callee, len(arguments), len(places))
        if callee.opaque:
            raise cursor.error(f"The opaque gate '{callee.name}' has no definition.", start)
    return Call(callee, tuple(arguments), tuple(places))


def _places(cursor: Cursor, qubits: Mapping[str, int]) -> list[int]:
    """Read the operands of a line of a body: names of the gate's qubits."""
    places: list[int] = []
    while True:
        place = cursor.at
        name = cursor.take_name(f"one of the gate's qubits ({', '.join(qubits)})")
        if name not in qubits:
            raise cursor.error(
                f"'{name}' is no qubit of the gate. {near_matches(name, qubits)}", place
            )
        places.append(qubits[name])
        if cursor.tokens[cursor.at][SYMBOL] != ",":
            return places
        cursor.at += 1


def check_counts(
    cursor: Cursor, start: int, definition: Definition, parameters: int, qubits: int
) -> None:
    """Refuse a wrong number of parameters or qubits; the error points at token ``start``."""
    if parameters != definition.num_parameters:
        raise cursor.error(
            f"Gate '{definition.name}' takes {definition.num_parameters} parameter(s); got "
            f"{parameters}.",
            start,
        )
    if qubits != definition.num_qubits:
        raise cursor.error(
            f"Gate '{definition.name}' acts on {definition.num_qubits} qubit(s); got {qubits}.",
            start,
        )


def unknown_gate(cursor: Cursor, known: Mapping[str, Definition], where: str = "") -> QasmError:
    """Make the error for a next token that names no gate."""
    name = cursor.tokens[cursor.at][NAME]
    if not name:
        return cursor.error(f"Expected a statement{where}, found {cursor.seen()}.")
    if name in known or name in ("measure", "reset"):
        return cursor.error(f"Expected a gate{where}, found {cursor.seen()}.")
    if name in KNOWN:
        return cursor.error(
            f"Gate '{name}' is not defined{where}. Add the line: include \"qelib1.inc\";"
        )
    return cursor.error(f"Unknown gate '{name}'{where}. {near_matches(name, known)}")

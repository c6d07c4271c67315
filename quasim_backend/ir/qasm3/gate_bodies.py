"""Reads gate definitions, ``gate name(parameters) qubits { ... }``, and names their mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quasim_backend.errors import QasmError, near_matches
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm2.gate_bodies import read_formals
from quasim_backend.ir.qasm3.angles import read_angle
from quasim_backend.ir.qasm3.application import FORMALS
from quasim_backend.ir.qasm3.definitions import KNOWN, Argument, Call, Deferred, Definition
from quasim_backend.ir.qasm3.faults import NeedsValue
from quasim_backend.ir.qasm3.kinds import REAL
from quasim_backend.ir.qasm3.lexer import INDEX, NAME, Cursor
from quasim_backend.ir.qasm3.loop_values import read_loop_values
from quasim_backend.ir.qasm3.modifiers import read_modifiers
from quasim_backend.ir.qasm3.scope import Scope
from quasim_backend.ir.qasm3.values import Value

__all__ = ["KEYWORDS", "check_counts", "read_definition", "unknown_gate"]

KEYWORDS = frozenset(
    {
        *("OPENQASM", "include", "defcalgrammar", "def", "cal", "defcal", "gate", "extern", "box"),
        *("let", "break", "continue", "if", "else", "end", "return", "for", "while", "in"),
        *("switch", "case", "default", "pragma", "input", "output", "const", "readonly"),
        *("mutable", "qreg", "qubit", "creg", "bool", "bit", "int", "uint", "float", "angle"),
        *("complex", "array", "void", "duration", "stretch", "gphase", "inv", "pow", "ctrl"),
        *("negctrl", "durationof", "delay", "reset", "measure", "barrier", "true", "false", "U"),
        *("pi", "π", "tau", "τ", "euler", "ℇ", "im"),
    }
)
"""Words nothing else can be named."""

_MOST_CALLS = 1_000_000


def read_definition(cursor: Cursor, scope: Scope, gates: Mapping[str, Definition]) -> Definition:
    """Read a definition, the cursor being on ``gate``.

    A gate can use only what was defined before it, so that nothing recurses.

    Raises:
        QasmError: If it is no legal definition.
    """
    cursor.at += 1
    start = cursor.at
    name = cursor.take_name("the name of a gate")
    if name in KEYWORDS:
        raise cursor.error(f"'{name}' is a word of the language; rename the gate.", start)
    parameters: dict[str, int] = {}
    if cursor.symbol() == "(":
        cursor.at += 1
        if cursor.symbol() != ")":
            parameters = read_formals(cursor, "parameter", KEYWORDS)
        cursor.take_symbol(")", "after the parameters")
        if len(parameters) > len(FORMALS):
            raise cursor.error(f"A gate takes at most {len(FORMALS)} parameters.", start)
    qubits = {} if cursor.symbol() == "{" else read_formals(cursor, "qubit", KEYWORDS)
    scope.enter()
    try:
        for formal, number in parameters.items():
            affine = Affine(0.0, ((FORMALS[number], 1.0),))
            scope.declare(formal, Value(REAL, affine=affine, name=formal))
        cursor.take_symbol("{", f"before the body of gate '{name}'")
        body = list(_Body(cursor, scope, gates, qubits).calls())
    except NeedsValue as cause:
        raise cause.error() from None
    finally:
        scope.leave()
    size = max(1, sum(call.size for call in body))
    return Definition(name, tuple(parameters), len(qubits), body=tuple(body), size=size)


class _Body:
    """Reads the statements of one body."""

    def __init__(
        self,
        cursor: Cursor,
        scope: Scope,
        gates: Mapping[str, Definition],
        qubits: Mapping[str, int],
    ) -> None:
        self.cursor = cursor
        self.scope = scope
        self.gates = gates
        self.qubits = qubits
        self.count = 0
        self.nested = 0

    def calls(self) -> Iterator[Call]:
        """Yield the calls up to the closing brace, and step over it."""
        cursor = self.cursor
        while (symbol := cursor.symbol()) != "}":
            if symbol == ";":
                cursor.at += 1
            elif cursor.tokens[cursor.at][NAME] == "for":
                yield from self._loop()
            else:
                self.count += 1
                if self.count > _MOST_CALLS:
                    raise cursor.error(f"The body of a gate has more than {_MOST_CALLS} lines.")
                yield self._call()
        cursor.at += 1

    def _loop(self) -> Iterator[Call]:
        """Write a loop out: its bounds are known."""
        cursor = self.cursor
        start = cursor.at
        self.nested += 1
        if self.nested > 50:
            raise cursor.error("Loops are nested more than 50 levels deep.")
        loop = read_loop_values(cursor, self.scope)
        body = cursor.at
        end = body
        for value in loop.values:
            cursor.at = body
            self.scope.enter()
            self.scope.declare(loop.name, value)
            try:
                if cursor.symbol() == "{":
                    cursor.at += 1
                    yield from self.calls()
                else:
                    yield self._call()
            finally:
                self.scope.leave()
            end = cursor.at
        if not loop.values:
            raise cursor.error("A loop in the body of a gate must run at least once.", start)
        cursor.at = end
        self.nested -= 1

    def _call(self) -> Call:
        cursor = self.cursor
        modifiers, controls = read_modifiers(cursor, self.scope)
        start = cursor.at
        token = cursor.tokens[start]
        callee = self.gates.get(token[NAME])
        if token[INDEX] or (callee is None and token[NAME] != "barrier"):
            raise unknown_gate(cursor, self.gates, " in the body of a gate")
        cursor.at += 1
        arguments: list[Argument] = []
        if callee is not None and cursor.symbol() == "(":
            arguments = self._arguments()
        if cursor.symbol() != ";":
            places = self._places()
        else:
            places = list(self.qubits.values()) if callee is None else []
        cursor.take_symbol(";", "after the operands")
        if len(set(places)) != len(places):
            raise cursor.error(f"'{token[NAME]}' gets a qubit twice.", start)
        if callee is not None:
            check_counts(cursor, start, callee, len(arguments), len(places), controls)
        elif modifiers:
            raise cursor.error("A barrier takes no modifiers.", start)
        return Call(callee, tuple(arguments), tuple(places), modifiers)

    def _arguments(self) -> list[Argument]:
        cursor = self.cursor
        cursor.at += 1
        found: list[Argument] = []
        while cursor.symbol() != ")":
            start = cursor.at
            try:
                found.append(read_angle(cursor, self.scope))
            except NeedsValue:
                found.append(Deferred(cursor, start, dict(self.scope.names)))
                cursor.at = start
                _skip_argument(cursor)
            if cursor.symbol() == ",":
                cursor.at += 1
            elif cursor.symbol() != ")":
                raise cursor.error(
                    f"Expected an operator, ',' or ')' in the parameters, found {cursor.seen()}."
                )
        cursor.at += 1
        return found

    def _places(self) -> list[int]:
        """Read operands: names of the gate's qubits."""
        cursor = self.cursor
        places: list[int] = []
        while True:
            place = cursor.at
            name = cursor.take_name(f"one of the gate's qubits ({', '.join(self.qubits)})")
            if name not in self.qubits:
                raise cursor.error(
                    f"'{name}' is no qubit of the gate. {near_matches(name, self.qubits)}", place
                )
            places.append(self.qubits[name])
            if cursor.symbol() != ",":
                return places
            cursor.at += 1


def _skip_argument(cursor: Cursor) -> None:
    """Step to the comma or parenthesis that ends a parameter."""
    opened = 0
    while not cursor.at_end():
        symbol = cursor.symbol()
        if symbol in (",", ")") and not opened:
            return
        opened += (symbol in ("(", "[", "{")) - (symbol in (")", "]", "}"))
        cursor.at += 1


def check_counts(
    cursor: Cursor, start: int, definition: Definition, parameters: int, qubits: int, controls: int
) -> None:
    """Refuse a wrong number of parameters or qubits; the error points at token ``start``."""
    wanted = len(definition.parameters)
    if parameters != wanted:
        names = f" ({', '.join(definition.parameters)})" if wanted else ""
        raise cursor.error(
            f"Gate '{definition.name}' takes {wanted} parameter(s){names}; got {parameters}.", start
        )
    if qubits != definition.num_qubits + controls:
        more = f" and {controls} control(s)" if controls else ""
        raise cursor.error(
            f"Gate '{definition.name}' acts on {definition.num_qubits} qubit(s){more}; got "
            f"{qubits}.",
            start,
        )


def unknown_gate(cursor: Cursor, known: Mapping[str, Definition], where: str = "") -> QasmError:
    """Make the error for a next token that names no gate."""
    token = cursor.tokens[cursor.at]
    name = token[NAME]
    if not name or (name in known) or name in ("measure", "reset", "ctrl", "inv"):
        return cursor.error(f"Expected a statement{where}, found {cursor.seen()}.")
    if name in KNOWN:
        return cursor.error(
            f"Gate '{name}' is not defined{where}. Add the line: include \"stdgates.inc\";"
        )
    if name in KEYWORDS:
        return cursor.error(f"'{name}' is not possible here{where}.")
    return cursor.error(f"Unknown gate '{name}'{where}. {near_matches(name, known)}")

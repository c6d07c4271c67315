"""Reads OpenQASM 2: one method a kind of statement."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from quasim_backend.errors import QasmError, near_matches
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Binary, Bits, Const, Expr, uint
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import Barrier, GateOp, If, Instruction, Measure, Reset
from quasim_backend.ir.qasm2.definitions import (
    KNOWN,
    PAPER_NAMES,
    PRIMITIVES,
    Definition,
    expand,
)
from quasim_backend.ir.qasm2.expressions import Code, read_arguments
from quasim_backend.ir.qasm2.gate_bodies import (
    KEYWORDS,
    check_counts,
    read_body,
    read_signature,
    unknown_gate,
)
from quasim_backend.ir.qasm2.lexer import INDEX, NAME, NUMBER, STRING, SYMBOL, Cursor

__all__ = ["MAX_BITS", "MAX_OPERATIONS", "load", "loads"]

MAX_BITS = 1 << 20
"""Most qubits, and most classical bits, a text may declare."""

MAX_OPERATIONS = 10_000_000
"""Most operations a text may expand to: a few nested definitions can stand for billions."""


def loads(text: str, source: str = "<qasm>") -> Circuit:
    """Read a circuit from OpenQASM 2 text.

    Args:
        text: The program. Only ``qelib1.inc`` can be included; see `load` for files.
        source: Name of the text in errors.

    Raises:
        QasmError: If the text is no legal program; the message has line and column.
    """
    return _Reader(source, None).circuit_of(text)


def load(path: str | Path) -> Circuit:
    """Read a circuit from an OpenQASM 2 file; it may include files of its own folder.

    Raises:
        QasmError: If the text is no legal program; the message has line and column.
        OSError: If the file cannot be read.
    """
    file = Path(path)
    return _Reader(str(file), file.parent).circuit_of(_text_of(file))


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


class _Reader:
    """The state of one read: what is declared and what was emitted."""

    def __init__(self, source: str, folder: Path | None) -> None:
        self.source = source
        self.folder = folder
        self.including: list[str] = []
        self.gates: dict[str, Definition] = dict(PRIMITIVES)
        self.own: set[str] = set()
        self.closed_names: frozenset[str] = frozenset()
        self.qubits: dict[str, range] = {}
        self.clbits: dict[str, range] = {}
        self.num_qubits = 0
        self.num_clbits = 0
        self.condition: Expr | None = None
        self.operations = 0
        self.out: list[Instruction] = []

    def circuit_of(self, text: str) -> Circuit:
        """Read a whole text."""
        self._program(Cursor(text, self.source))
        circuit = Circuit(self.num_qubits, self.num_clbits, Path(self.source).stem or "qasm")
        circuit.instructions = self.out
        circuit.qregisters = tuple((name, len(bits)) for name, bits in self.qubits.items())
        circuit.registers = tuple((name, len(bits)) for name, bits in self.clbits.items())
        return circuit

    # --- statements ---------------------------------------------------------------------------

    def _program(self, cursor: Cursor) -> None:
        statements: dict[str, Callable[[Cursor], None]] = {
            "include": self._include,
            "qreg": self._register,
            "creg": self._register,
            "gate": self._gate,
            "opaque": self._opaque,
            "if": self._if,
            "barrier": self._barrier,
            "OPENQASM": self._misplaced_version,
        }
        tokens = cursor.tokens
        if tokens[0][NAME] == "OPENQASM":
            self._version(cursor)
        last = len(tokens) - 1
        while cursor.at < last:
            statement = statements.get(tokens[cursor.at][NAME])
            if statement is not None:
                statement(cursor)
            elif tokens[cursor.at][SYMBOL] == ";":
                cursor.at += 1
            else:
                self._operation(cursor)

    def _version(self, cursor: Cursor) -> None:
        cursor.at += 1
        version = cursor.tokens[cursor.at][NUMBER]
        if version.split(".")[0] == "3":
            raise cursor.error(
                "This is OpenQASM 3; this reader takes OpenQASM 2.0. Load it with "
                "quasim_backend.ir.qasm3.loads."
            )
        if version not in ("2", "2.0"):
            raise cursor.error(f"Expected the version 2.0, found {cursor.seen()}.")
        cursor.at += 1
        cursor.take_symbol(";", "after the version")

    def _misplaced_version(self, cursor: Cursor) -> None:
        raise cursor.error("'OPENQASM' belongs in the first statement of a text, and only there.")

    def _include(self, cursor: Cursor) -> None:
        cursor.at += 1
        place = cursor.at
        name = cursor.tokens[place][STRING].strip('"')
        if not name:
            raise cursor.error(f'Expected a file name such as "qelib1.inc", found {cursor.seen()}.')
        cursor.at += 1
        cursor.take_symbol(";", "after the file name")
        if name == "qelib1.inc":
            self.gates = {**KNOWN, **self.gates}
            self.closed_names = PAPER_NAMES
        elif self.folder is None:
            raise cursor.error(
                f"Cannot include {name!r}: text from memory can include 'qelib1.inc' only. Use "
                f"quasim_backend.ir.qasm2.load(path) to include files of the same folder.",
                place,
            )
        else:
            self._include_file(cursor, name, place)

    def _include_file(self, cursor: Cursor, name: str, place: int) -> None:
        if Path(name).name != name or name in (".", ".."):
            raise cursor.error(f"An included file must be in the same folder; got {name!r}.", place)
        if name in self.including:
            raise cursor.error(f"{name!r} includes itself.", place)
        assert self.folder is not None
        try:
            text = _text_of(self.folder / name)
        except (OSError, ValueError) as cause:
            raise cursor.error(f"Cannot include {name!r}: {cause}.", place) from cause
        self.including.append(name)
        self._program(Cursor(text, str(self.folder / name)))
        self.including.pop()

    def _register(self, cursor: Cursor) -> None:
        quantum = cursor.tokens[cursor.at][NAME] == "qreg"
        cursor.at += 1
        token = cursor.tokens[cursor.at]
        if not token[NAME] or not token[INDEX]:
            raise cursor.error(
                f"Expected a register and its size, such as 'q[4]', found {cursor.seen()}."
            )
        name, size = token[NAME], int(token[INDEX])
        if name in KEYWORDS:
            raise cursor.error(f"'{name}' is a word of the language; rename the register.")
        if name in self.qubits or name in self.clbits:
            raise cursor.error(f"The register '{name}' is declared twice.")
        registers = self.qubits if quantum else self.clbits
        start = self.num_qubits if quantum else self.num_clbits
        if start + size > MAX_BITS:
            raise cursor.error(f"The registers hold more than {MAX_BITS} bits.")
        registers[name] = range(start, start + size)
        if quantum:
            self.num_qubits += size
        else:
            self.num_clbits += size
        cursor.at += 1
        cursor.take_symbol(";", "after a register")

    def _if(self, cursor: Cursor) -> None:
        cursor.at += 1
        cursor.take_symbol("(", "after 'if'")
        token = cursor.tokens[cursor.at]
        bits = self.clbits.get(token[NAME])
        if bits is None or token[INDEX]:
            raise cursor.error(
                f"Expected a classical register, found {cursor.seen()}. OpenQASM 2 compares whole "
                f"registers with '=='. {near_matches(token[NAME], self.clbits)}"
            )
        cursor.at += 1
        cursor.take_symbol("==", "in the condition; OpenQASM 2 has no other comparison")
        number = cursor.tokens[cursor.at][NUMBER]
        if not number.isdigit() or len(number) > 4000:
            raise cursor.error(f"Expected a whole number, found {cursor.seen()}.")
        cursor.at += 1
        cursor.take_symbol(")", "after the condition")
        value = int(number)
        constant = Const(value, uint(max(len(bits), value.bit_length(), 1)))
        register: Expr = Bits(tuple(bits)) if len(bits) else Const(0, uint(1))
        word = cursor.tokens[cursor.at][NAME]
        if not word or word in ("if", "barrier", "qreg", "creg", "gate", "opaque", "include"):
            raise cursor.error(
                f"Expected a gate, 'measure' or 'reset' after the condition, found {cursor.seen()}."
            )
        self.condition = Binary("==", register, constant)
        self._operation(cursor)
        self.condition = None

    def _barrier(self, cursor: Cursor) -> None:
        cursor.at += 1
        qubits: dict[int, None] = {}
        if cursor.tokens[cursor.at][SYMBOL] == ";":
            qubits = dict.fromkeys(range(self.num_qubits))
        else:
            for operand, _ in self._operands(cursor):
                qubits.update(dict.fromkeys(operand))
        cursor.take_symbol(";", "after 'barrier'")
        self._emit(cursor, cursor.at - 1, [Barrier(tuple(qubits))], max(1, len(qubits)))

    # --- operations ---------------------------------------------------------------------------

    def _operation(self, cursor: Cursor) -> None:
        """Read a gate application, a measurement or a reset."""
        tokens = cursor.tokens
        start = cursor.at
        name = tokens[start][NAME]
        definition = self.gates.get(name)
        if definition is None or tokens[start][INDEX]:
            if name == "measure":
                return self._measure(cursor)
            if name == "reset":
                return self._reset(cursor)
            if name == "gphase":
                return self._global_phase(cursor)
            raise unknown_gate(cursor, self.gates)
        cursor.at += 1
        parameters: Sequence[Code] = ()
        if tokens[cursor.at][SYMBOL] == "(":
            parameters = read_arguments(cursor, {})
        operands = self._operands(cursor)
        check_counts(cursor, start, definition, len(parameters), len(operands))
        if definition.opaque:
            raise cursor.error(
                f"The opaque gate '{name}' has no definition, so it cannot be simulated. Replace "
                f"'opaque' by 'gate {name} ... {{ ... }}'.",
                start,
            )
        cursor.take_symbol(";", f"after the operands of '{name}'")
        values = [p for p in parameters if isinstance(p, float)]
        for qubits in self._broadcast(cursor, start, operands):
            if len(set(qubits)) != len(qubits):
                raise cursor.error(f"Gate '{name}' gets a qubit twice.", start)
            try:
                self._emit(cursor, start, expand(definition, values, qubits), definition.size)
            except ValueError as cause:
                if isinstance(cause, QasmError):
                    raise
                raise cursor.error(str(cause), start) from None
        return None

    def _measure(self, cursor: Cursor) -> None:
        start = cursor.at
        cursor.at += 1
        qubits, whole = self._operand(cursor, self.qubits, "quantum")
        cursor.take_symbol("->", "between the qubit and the bit of a measurement")
        clbits, whole_register = self._operand(cursor, self.clbits, "classical")
        cursor.take_symbol(";", "after a measurement")
        if whole != whole_register or len(qubits) != len(clbits):
            raise cursor.error(
                f"Cannot measure {len(qubits)} qubit(s) into {len(clbits)} bit(s): give two bits, "
                f"or two registers of one size.",
                start,
            )
        if self.condition is None:
            if len(qubits):
                self._emit(cursor, start, [Measure(tuple(qubits), tuple(clbits))], len(qubits))
            return
        for q, c in zip(qubits, clbits, strict=True):
            self._emit(cursor, start, [Measure((q,), (c,))], 1)

    def _reset(self, cursor: Cursor) -> None:
        start = cursor.at
        cursor.at += 1
        qubits, _ = self._operand(cursor, self.qubits, "quantum")
        cursor.take_symbol(";", "after a reset")
        if len(qubits):
            self._emit(cursor, start, [Reset(tuple(qubits))], len(qubits))

    def _global_phase(self, cursor: Cursor) -> None:
        """Read ``gphase(angle) q[0];``, which the language does not have and PennyLane writes.

        It is PennyLane's GlobalPhase, ``exp(-i angle)``; its qubits, if any, mean nothing.
        """
        start = cursor.at
        cursor.at += 1
        parameters: Sequence[Code] = ()
        if cursor.tokens[cursor.at][SYMBOL] == "(":
            parameters = read_arguments(cursor, {})
        if len(parameters) != 1 or not isinstance(parameters[0], float):
            raise cursor.error(f"'gphase' takes 1 parameter; got {len(parameters)}.", start)
        if cursor.tokens[cursor.at][SYMBOL] != ";":
            self._operands(cursor)
        cursor.take_symbol(";", "after 'gphase'")
        gate = Gate.named("gphase", (-parameters[0],))
        self._emit(cursor, start, [GateOp(gate, ())], 1)

    def _emit(
        self, cursor: Cursor, start: int, operations: Iterable[Instruction], size: int
    ) -> None:
        """Append operations, under the condition in force.

        A condition on a whole-register operation is tested before each of its parts, as in Qiskit.
        """
        self.operations += size
        if self.operations > MAX_OPERATIONS:
            raise cursor.error(
                f"The program expands to more than {MAX_OPERATIONS} operations.", start
            )
        if self.condition is None:
            self.out.extend(operations)
        else:
            self.out.append(If(self.condition, tuple(operations)))

    # --- operands -----------------------------------------------------------------------------

    def _operands(self, cursor: Cursor) -> list[tuple[range, bool]]:
        """Read ``a[0], b, ...``; each as its qubits and whether it is a whole register."""
        tokens = cursor.tokens
        found = [self._operand(cursor, self.qubits, "quantum")]
        while tokens[cursor.at][SYMBOL] == ",":
            cursor.at += 1
            found.append(self._operand(cursor, self.qubits, "quantum"))
        return found

    def _operand(
        self, cursor: Cursor, registers: dict[str, range], kind: str
    ) -> tuple[range, bool]:
        token = cursor.tokens[cursor.at]
        bits = registers.get(token[NAME])
        if bits is None:
            if not token[NAME]:
                raise cursor.error(f"Expected a {kind} register or bit, found {cursor.seen()}.")
            raise cursor.error(
                f"'{token[NAME]}' is no {kind} register. {near_matches(token[NAME], registers)}"
            )
        index = token[INDEX]
        if not index:
            cursor.at += 1
            return bits, True
        number = int(index)
        if number >= len(bits):
            raise cursor.error(
                f"{token[NAME]}[{number}] is out of range: the register has {len(bits)} bits."
            )
        cursor.at += 1
        place = bits.start + number
        return range(place, place + 1), False

    def _broadcast(
        self, cursor: Cursor, start: int, operands: list[tuple[range, bool]]
    ) -> Iterable[tuple[int, ...]]:
        """Yield the qubits of each application; whole registers run in step."""
        sizes = {len(bits) for bits, whole in operands if whole}
        if not sizes:
            return (tuple([bits.start for bits, _ in operands]),)
        if len(sizes) > 1:
            raise cursor.error(
                f"The registers have different sizes ({', '.join(map(str, sorted(sizes)))}); a "
                f"gate runs over registers of one size.",
                start,
            )
        return zip(
            *(
                bits if whole else itertools.repeat(bits.start, max(sizes))
                for bits, whole in operands
            ),
            strict=True,
        )

    # --- definitions --------------------------------------------------------------------------

    def _define(self, cursor: Cursor, start: int, definition: Definition) -> None:
        if definition.name in self.own or definition.name in self.closed_names:
            where = "in this text" if definition.name in self.own else "by qelib1.inc"
            raise cursor.error(
                f"Gate '{definition.name}' is already defined {where}; give it another name.", start
            )
        self.own.add(definition.name)
        self.gates[definition.name] = definition

    def _opaque(self, cursor: Cursor) -> None:
        start = cursor.at + 1
        name, parameters, qubits = read_signature(cursor)
        cursor.take_symbol(";", "after an opaque gate")
        known = KNOWN.get(name)
        counts = (len(parameters), len(qubits))
        if known is None or counts != (known.num_parameters, known.num_qubits):
            self._define(cursor, start, Definition(name, *counts, opaque=True))
        elif name not in self.own:
            self.gates[name] = known

    def _gate(self, cursor: Cursor) -> None:
        start = cursor.at + 1
        name, parameters, qubits = read_signature(cursor)
        body = read_body(cursor, name, self.gates, parameters, qubits)
        size = sum(call.callee.size if call.callee is not None else 1 for call in body)
        size = min(max(size, 1), MAX_OPERATIONS + 1)
        self._define(
            cursor, start, Definition(name, len(parameters), len(qubits), body=body, size=size)
        )

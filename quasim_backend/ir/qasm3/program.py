"""The state of one read: what is declared, and what was emitted so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from quasim_backend.errors import near_matches
from quasim_backend.ir.expr import Var
from quasim_backend.ir.instructions import Instruction
from quasim_backend.ir.qasm3.definitions import BUILT_IN, Definition
from quasim_backend.ir.qasm3.gate_bodies import KEYWORDS
from quasim_backend.ir.qasm3.kinds import Type
from quasim_backend.ir.qasm3.lexer import Cursor
from quasim_backend.ir.qasm3.scope import Named, Register, Scope, Variable

__all__ = ["MAX_BITS", "MAX_OPERATIONS", "Program"]

MAX_BITS = 1 << 20
"""Most qubits, and most classical bits, a text may declare."""

MAX_OPERATIONS = 10_000_000
"""Most operations a text may expand to: a few loops can stand for billions."""

_MOST_BLOCKS = 60
_MOST_ROUNDS = 65_536


class Program:
    """What is declared and emitted.

    Attributes:
        source: Name of the text in errors.
        folder: Where included files are; None where there are none.
        read_statement: Reads one statement; blocks are made of them.
        inputs: Values of inputs, by name; taken out as they are declared.
        scope: Names in force.
        gates: Gate names.
        out: Where instructions go: the circuit, or the block that is being read.
        loops: How many loops are around the place.
        unrolled: Loops known to need unrolling, by text and token.
    """

    def __init__(
        self,
        source: str,
        folder: Path | None,
        inputs: Mapping[str, float | int | bool],
        read_statement: Callable[[Program, Cursor], None],
    ) -> None:
        """Start with an empty program."""
        self.source = source
        self.folder = folder
        self.inputs = dict(inputs)
        self.read_statement = read_statement
        self.scope = Scope()
        self.gates: dict[str, Definition] = dict(BUILT_IN)
        self.own: set[str] = set()
        self.closed: frozenset[str] = frozenset()
        self.including: list[str] = []
        self.cursors: list[Cursor] = []  # kept, so that no two ever have one id
        self.num_qubits = 0
        self.num_clbits = 0
        self.physical: int | None = None
        self.qregisters: list[tuple[str, int]] = []
        self.registers: list[tuple[str, int]] = []
        self.out: list[Instruction] = []
        self.loops = 0
        self.unrolled: set[tuple[int, int]] = set()
        self.operations = 0
        self._blocks = 0
        self._rounds = 0
        self._variables: dict[str, int] = {}

    # --- names --------------------------------------------------------------------------------

    def check_name(self, cursor: Cursor, name: str, at: int) -> None:
        """Refuse a name that cannot be declared here."""
        if name in KEYWORDS or name.startswith("$"):
            raise cursor.error(f"'{name}' is a word of the language; use another name.", at)
        if self.scope.declared_here(name):
            raise cursor.error(f"'{name}' is declared twice.", at)
        if name in self.own:
            raise cursor.error(f"'{name}' is a gate; use another name.", at)

    def declare_bits(
        self, cursor: Cursor, name: str, size: int | None, at: int, *, quantum: bool
    ) -> Register:
        """Declare qubits or classical bits; ``size`` None is a single one."""
        self.check_name(cursor, name, at)
        count = 1 if size is None else size
        start = self.num_qubits if quantum else self.num_clbits
        if not 0 <= count <= MAX_BITS - start:
            raise cursor.error(f"A circuit has at most {MAX_BITS} bits; '{name}' has {count}.", at)
        if quantum:
            if self.physical is not None:
                raise cursor.error("A text uses '$0' or declared qubits, not both.", at)
            if self.scope.level:
                raise cursor.error("Qubits are declared outside of blocks.", at)
            self.num_qubits += count
            self.qregisters.append((name, count))
        else:
            self.num_clbits += count
            taken = {n for n, _ in self.registers}
            number, shown = 1, name
            while shown in taken:
                number += 1
                shown = f"{name}_{number}"
            self.registers.append((shown, count))
        register = Register(range(start, start + count), quantum, size is None)
        self.scope.declare(name, register)
        return register

    def declare(self, cursor: Cursor, name: str, thing: Named, at: int) -> None:
        """Declare any other name."""
        self.check_name(cursor, name, at)
        self.scope.declare(name, thing)

    def variable(self, name: str, kind: Type) -> Variable:
        """Return a new variable; one that hides or follows another of its name stays apart."""
        number = self._variables[name] = self._variables.get(name, 0) + 1
        return Variable(kind, Var(name if number == 1 else f"{name}_{number}", kind.ir))

    def physical_qubit(self, cursor: Cursor, name: str) -> int:
        """Return the number of a qubit ``$3`` of a device."""
        number = int(name[1:]) if len(name) < 10 else MAX_BITS
        if number >= MAX_BITS:
            raise cursor.error(f"A circuit has at most {MAX_BITS} qubits.")
        if self.qregisters:
            raise cursor.error("A text uses '$0' or declared qubits, not both.")
        self.physical = max(number, -1 if self.physical is None else self.physical)
        self.num_qubits = self.physical + 1
        return number

    def unknown(self, cursor: Cursor, name: str, *, quantum: bool) -> str:
        """Describe a name that is no register of a kind."""
        known = [
            n
            for n, t in self.scope.names.items()
            if isinstance(t, Register) and t.quantum == quantum
        ]
        kind = "quantum" if quantum else "classical"
        return f"'{name}' is no {kind} register. {near_matches(name, known)}"

    # --- instructions -------------------------------------------------------------------------

    def emit(
        self, cursor: Cursor, start: int, operations: Iterable[Instruction], size: int
    ) -> None:
        """Append instructions."""
        self.count(cursor, start, size)
        self.out.extend(operations)

    def count(self, cursor: Cursor, start: int, size: int = 1) -> None:
        """Count operations, so that a short text cannot expand to billions."""
        self.operations += size
        if self.operations > MAX_OPERATIONS:
            raise cursor.error(
                f"The program expands to more than {MAX_OPERATIONS} operations.", start
            )

    def count_round(self, cursor: Cursor, start: int) -> None:
        """Count a round of a loop that is written out, for that takes longer than other work."""
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise cursor.error(
                f"More than {_MOST_ROUNDS} rounds of loops have to be written out, because their "
                f"variables select qubits or the like. Use fewer rounds.",
                start,
            )

    @contextmanager
    def block(self, cursor: Cursor) -> Iterator[list[Instruction]]:
        """Read into a list of its own, with names of its own."""
        outer, self.out = self.out, []
        self._blocks += 1
        level = self.scope.level
        self.scope.enter()
        try:
            if self._blocks > _MOST_BLOCKS:
                raise cursor.error(f"Blocks are nested more than {_MOST_BLOCKS} levels deep.")
            yield self.out
        finally:
            while self.scope.level > level:
                self.scope.leave()
            self._blocks -= 1
            self.out = outer

"""Writes OpenQASM 3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import BOOL, Bit, Bits, Expr, Var, variables_read
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Block,
    Break,
    ChannelOp,
    Continue,
    Delay,
    For,
    GateOp,
    If,
    Instruction,
    Measure,
    Reset,
    Switch,
    While,
)
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.qasm3.expression_writer import expression_text, type_text
from quasim_backend.ir.qasm3.gate_writer import GateWriter
from quasim_backend.ir.qasm3.measurements import FORGOTTEN
from quasim_backend.ir.qasm3.naming import Names, bit_names

__all__ = ["dumps"]

_SECONDS = (("ns", 1e9), ("us", 1e6), ("ms", 1e3))


def dumps(circuit: Circuit) -> str:
    """Write a circuit as OpenQASM 3 text that includes ``stdgates.inc``.

    Reading the text gives the same circuit: gates, classical variables, control flow and global
    phase. Labels of gates, which only noise models see, are left out.

    Raises:
        UnsupportedError: If OpenQASM 3 cannot say it: channels, readout errors, saved states,
            initial states, matrices on several qubits; what is possible is named.
    """
    return _Writer(circuit).text()


class _Writer:
    """The parts of a text, and what everything in it is called."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.names = Names()
        quantum, self.qubits, self.qregisters = bit_names(
            "qubit", circuit.qregisters, circuit.num_qubits, "q", self.names
        )
        classical, self.clbits, self.registers = bit_names(
            "bit", circuit.registers, circuit.num_clbits, "c", self.names
        )
        self.declarations = [*classical, *quantum]
        self.parameters: dict[Parameter, str] = {
            p: self.names.new(p.name, "parameter") for p in circuit.parameters
        }
        self.variables: dict[Var, str] = {}
        self.aliases: dict[tuple[int, ...], str] = {}
        self.gates = GateWriter(self.names)
        self.body: list[str] = []
        self.indent = ""

    def text(self) -> str:
        """Write everything."""
        for variable in _variables(self.circuit):
            name = self.variables[variable] = self.names.new(variable.name, "variable")
            zero = "false" if variable.type == BOOL else "0"
            self.declarations.append(f"{type_text(variable.type)} {name} = {zero};")
        for instruction in self.circuit.instructions:
            self.instruction(instruction)
        lines = [
            "OPENQASM 3.0;",
            'include "stdgates.inc";',
            *(f"input float[64] {name};" for name in self.parameters.values()),
            *self.gates.definitions,
            *self.declarations,
            *self.body,
        ]
        return "\n".join(lines) + "\n"

    # --- bits ---------------------------------------------------------------------------------

    def bit(self, index: int) -> str:
        """Return the name of one classical bit."""
        return self.clbits[index]

    def bits(self, indices: Sequence[int]) -> str:
        """Return the name of several classical bits: a register, a part of one, or an alias."""
        wanted = tuple(indices)
        start = 0
        for name, size in self.registers:
            if wanted == tuple(range(start, start + size)):
                return name
            first, last = wanted[0] - start, wanted[-1] - start
            if 0 <= first <= last < size and wanted == tuple(range(wanted[0], wanted[-1] + 1)):
                return f"{name}[{first}:{last}]"
            start += size
        if wanted not in self.aliases:
            name = self.aliases[wanted] = self.names.new("bits", "bits")
            joined = " ++ ".join(self.clbits[i] for i in wanted)
            self.declarations.append(f"let {name} = {joined};")
        return self.aliases[wanted]

    def expression(self, expr: Expr) -> str:
        """Write an expression without the outermost parentheses."""
        text = expression_text(expr, self, self.variables)
        return text[1:-1] if _is_wrapped(text) else text

    # --- instructions -------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Append a line."""
        self.body.append(self.indent + text)

    def block(self, head: str, block: Block, first: str | None = None) -> None:
        """Append ``head { ... }``."""
        self.line(f"{head} {{")
        outer, self.indent = self.indent, self.indent + "  "
        if first is not None:
            self.line(first)
        for instruction in block:
            self.instruction(instruction)
        self.indent = outer
        self.line("}")

    def instruction(self, instruction: Instruction) -> None:
        """Append one instruction."""
        match instruction:
            case GateOp(gate, qubits):
                names = [self.qubits[q] for q in qubits]
                for line in self.gates.lines(gate, names, self.parameters):
                    self.line(line)
            case Measure(qubits, clbits, None):
                self._measure(qubits, clbits)
            case Reset(qubits):
                for q in qubits:
                    self.line(f"reset {self.qubits[q]};")
            case Barrier(qubits):
                if qubits:
                    self.line(f"barrier {', '.join(self.qubits[q] for q in qubits)};")
            case Delay(qubits, duration):
                if qubits:
                    names = [self.qubits[q] for q in qubits]
                    self.line(f"delay[{_duration(duration)}] {', '.join(names)};")
            case ChannelOp(channel, (qubit,)) if channel is FORGOTTEN:
                self.line(f"measure {self.qubits[qubit]};")
            case Assign(target, value):
                self._assign(target, value)
            case If(condition, body, orelse):
                self.block(f"if ({self.expression(condition)})", body)
                if orelse:
                    self.body[-1] += " else {"
                    self._else(orelse)
            case Switch(subject, cases):
                self._switch(subject, cases)
            case For():
                self._for(instruction)
            case While(condition, body):
                self.block(f"while ({self.expression(condition)})", body)
            case Break():
                self.line("break;")
            case Continue():
                self.line("continue;")
            case _:
                self._refuse(instruction)

    def _else(self, block: Block) -> None:
        outer, self.indent = self.indent, self.indent + "  "
        for instruction in block:
            self.instruction(instruction)
        self.indent = outer
        self.line("}")

    def _measure(self, qubits: Sequence[int], clbits: Sequence[int]) -> None:
        whole_qubits = _whole(qubits, self.qregisters)
        whole_bits = _whole(clbits, self.registers)
        if whole_qubits and whole_bits:
            self.line(f"{whole_bits} = measure {whole_qubits};")
            return
        for q, c in zip(qubits, clbits, strict=True):
            self.line(f"{self.clbits[c]} = measure {self.qubits[q]};")

    def _assign(self, target: Var | Bit | Bits, value: Expr) -> None:
        text = self.expression(value)
        if isinstance(target, Var):
            self.line(f"{self.variables[target]} = {text};")
        elif isinstance(target, Bits):
            self.line(f"{self.bits(target.indices)} = {text};")
        elif value.type == BOOL:
            self.line(f"{self.bit(target.index)} = {text};")
        else:  # the IR stores the lowest bit, the language whether the number is not 0
            lowest = f"uint[1]({text})"
            self.line(f"{self.bit(target.index)} = bool({lowest});")

    def _switch(self, subject: Expr, cases: Sequence[tuple[tuple[int, ...] | None, Block]]) -> None:
        self.line(f"switch ({self.expression(subject)}) {{")
        outer, self.indent = self.indent, self.indent + "  "
        seen: set[int] = set()
        for values, block in cases:
            # The first case that matches runs: later ones of the same value never do.
            labels = None if values is None else [v for v in dict.fromkeys(values) if v not in seen]
            if labels is None:
                self.block("default", block)
                break
            seen.update(labels)
            if labels:
                self.block(f"case {', '.join(map(str, labels))}", block)
        self.indent = outer
        self.line("}")

    def _for(self, loop: For) -> None:
        if not loop.values:
            return
        wanted = loop.parameter.name if loop.parameter is not None else "i"
        name = self.names.new(wanted.removesuffix(" [loop]"), "i")
        before = dict(self.parameters)
        if loop.parameter is not None:
            self.parameters[loop.parameter] = name
        first = None if loop.variable is None else f"{self.variables[loop.variable]} = {name};"
        self.block(f"for int {name} in {_values(loop.values)}", loop.body, first)
        self.parameters = before

    def _refuse(self, instruction: Instruction) -> None:
        what = type(instruction).__name__
        if isinstance(instruction, Measure):
            what = "Measure with a readout error"
        elif isinstance(instruction, ChannelOp):
            what = f"the channel '{instruction.channel.name}'"
        raise UnsupportedError(
            f"OpenQASM 3 cannot say '{what}'. It has gates, measurements, resets, barriers, "
            f"delays, classical variables and control flow."
        )


def _is_wrapped(text: str) -> bool:
    """Return whether one pair of parentheses surrounds a text."""
    if not text.startswith("(") or not text.endswith(")"):
        return False
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place == len(text) - 1
    return False


def _whole(places: Sequence[int], registers: Sequence[tuple[str, int]]) -> str | None:
    start = 0
    for name, size in registers:
        if tuple(places) == tuple(range(start, start + size)):
            return name
        start += size
    return None


def _values(values: Sequence[int]) -> str:
    step = values[1] - values[0] if len(values) > 1 else 1
    if (
        step
        and len(values) > 2
        and list(values) == list(range(values[0], values[-1] + (1 if step > 0 else -1), step))
    ):
        middle = "" if step == 1 else f"{step}:"
        return f"[{values[0]}:{middle}{values[-1]}]"
    return f"{{{', '.join(map(str, values))}}}"


def _duration(seconds: float) -> str:
    """Write a duration that reads back equal, in the unit that suits it."""
    for unit, scale in _SECONDS:
        number = round(seconds * scale, 9)
        if 1 <= number < 1000 and number / scale == seconds:
            return f"{number!r}{unit}"
    return f"{seconds!r}s"


def _variables(circuit: Circuit) -> Iterable[Var]:
    """Return all variables, in the order they appear."""
    found: dict[Var, None] = {}
    for instruction in circuit.walk():
        match instruction:
            case Assign(target, value):
                if isinstance(target, Var):
                    found[target] = None
                read = variables_read(value)
            case If(condition) | While(condition):
                read = variables_read(condition)
            case Switch(subject):
                read = variables_read(subject)
            case For(variable=Var() as variable):
                found[variable] = None
                continue
            case _:
                continue
        found.update(dict.fromkeys(sorted(read, key=lambda v: (v.name, str(v.type)))))
    return found

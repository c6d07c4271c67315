"""Writes OpenQASM 2."""

from __future__ import annotations

import re
from collections.abc import Sequence

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import BOOL, Binary, Bit, Bits, Const, Expr, Unary
from quasim_backend.ir.instructions import (
    Barrier,
    Block,
    GateOp,
    If,
    Instruction,
    Measure,
    Reset,
)
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm2.definitions import LIBRARY_NAMES
from quasim_backend.ir.qasm2.gate_bodies import KEYWORDS
from quasim_backend.ir.qasm2.spelling import spell

__all__ = ["dumps"]

_NAME = re.compile(r"[a-z][A-Za-z0-9_]*", re.ASCII)
_RESERVED = KEYWORDS | LIBRARY_NAMES


def dumps(circuit: Circuit) -> str:
    """Write a circuit as OpenQASM 2 text that includes ``qelib1.inc``.

    Gates without a name in ``qelib1.inc`` are written as gates that have one. The global phase is
    lost, for OpenQASM 2 has none; phases of controlled gates are kept.

    Raises:
        UnsupportedError: If OpenQASM 2 cannot say it: channels, loops, saved states, initial
            states, classical variables, matrices on several qubits; what is possible is named.
        ParameterError: If a parameter is not bound.
    """
    writer = _Writer(circuit)
    for instruction in circuit.instructions:
        writer.instruction(instruction)
    return "\n".join(writer.lines) + "\n"


class _Writer:
    """The lines so far, and what each qubit and bit is called."""

    def __init__(self, circuit: Circuit) -> None:
        self.lines = ["OPENQASM 2.0;", 'include "qelib1.inc";']
        taken: set[str] = set()
        self.qubits = self._declare("qreg", circuit.qregisters, circuit.num_qubits, "q", taken)
        first = len(self.lines)
        self.clbits = self._declare("creg", circuit.registers, circuit.num_clbits, "c", taken)
        self.registers: dict[tuple[int, ...], str] = {}
        start = 0
        for line in self.lines[first:]:
            name, size = line.removeprefix("creg ").rstrip("];").split("[")
            self.registers[tuple(range(start, start + int(size)))] = name
            start += int(size)

    def _declare(
        self,
        word: str,
        registers: Sequence[tuple[str, int]],
        total: int,
        default: str,
        taken: set[str],
    ) -> list[str]:
        """Write declarations for ``total`` bits and return the name of each bit."""
        missing = total - sum(size for _, size in registers)
        if missing < 0:
            raise UnsupportedError(
                f"The registers {tuple(registers)} hold more than the circuit's {total} bits."
            )
        bits: list[str] = []
        for name, size in [*registers, (default, missing)]:
            if not size:
                continue
            number, free = 0, name
            while not _NAME.fullmatch(free) or free in taken or free in _RESERVED:
                free, number = f"{default}{number}", number + 1
            taken.add(free)
            self.lines.append(f"{word} {free}[{size}];")
            bits += [f"{free}[{k}]" for k in range(size)]
        return bits

    def instruction(self, instruction: Instruction, prefix: str = "") -> None:
        """Write one instruction, each of its lines after ``prefix``."""
        match instruction:
            case GateOp(gate, qubits):
                for name, parameters, places in spell(gate):
                    numbers = f"({','.join(map(_number, parameters))})" if parameters else ""
                    operands = ",".join(self.qubits[qubits[p]] for p in places)
                    self.lines.append(f"{prefix}{name}{numbers} {operands};")
            case Measure(qubits, clbits, None):
                for q, c in zip(qubits, clbits, strict=True):
                    self.lines.append(f"{prefix}measure {self.qubits[q]} -> {self.clbits[c]};")
            case Reset(qubits):
                self.lines += [f"{prefix}reset {self.qubits[q]};" for q in qubits]
            case Barrier(qubits):
                if qubits and not prefix:  # OpenQASM 2 has no conditional barrier
                    self.lines.append(f"barrier {','.join(self.qubits[q] for q in qubits)};")
            case If(condition, body, orelse) if not prefix:
                self._if(condition, body, orelse)
            case _:
                what = type(instruction).__name__
                if isinstance(instruction, Measure):
                    what = "Measure with a readout error"
                elif isinstance(instruction, If):
                    what = "If inside an If"
                raise UnsupportedError(
                    f"OpenQASM 2 cannot say '{what}'. It has gates, measurements, resets, barriers "
                    f"and 'if (register == number)' around one operation."
                )

    def _if(self, condition: Expr, body: Block, orelse: Block) -> None:
        bits, value = _compared(condition)
        register = self.registers.get(bits)
        if register is None:
            raise UnsupportedError(
                f"OpenQASM 2 conditions compare a whole classical register with a number; bits "
                f"{bits} are no register. Registers are circuit.registers: "
                f"{', '.join(self.registers.values()) or 'none'}."
            )
        if orelse and (len(bits) > 1 or value > 1):
            raise UnsupportedError(
                "OpenQASM 2 has no 'else'; it is written only for a register of one bit."
            )
        self._check_unchanged(body, orelse, bits, register)
        for block, number in ((body, value), (orelse, 1 - value)):
            for instruction in block:
                self.instruction(instruction, f"if({register}=={number}) ")

    def _check_unchanged(
        self, body: Block, orelse: Block, bits: tuple[int, ...], register: str
    ) -> None:
        """Refuse a block that changes the register its later lines are tested against."""
        blocks = (*body, *orelse)
        for number, instruction in enumerate(blocks, 1):
            if isinstance(instruction, Measure) and set(instruction.clbits) & set(bits):
                if number == len(blocks) and len(instruction.clbits) == 1:
                    continue
                raise UnsupportedError(
                    f"A block under a condition on '{register}' measures into '{register}'. "
                    f"OpenQASM 2 tests the condition before each line; measure into another "
                    f"register."
                )


def _compared(condition: Expr) -> tuple[tuple[int, ...], int]:
    """Return the bits and the number a condition compares."""
    match condition:
        case Bit(index):
            return (index,), 1
        case Unary("not", Bit(index)):
            return (index,), 0
        case Binary("==", Bits(indices), Const() as constant) | Binary(
            "==", Const() as constant, Bits(indices)
        ):
            return indices, _value(constant)
        case Binary("==", Bit(index), Const() as constant) | Binary(
            "==", Const() as constant, Bit(index)
        ):
            return (index,), _value(constant)
    raise UnsupportedError(f"OpenQASM 2 conditions are 'register == number'; got {condition!r}.")


def _value(constant: Const) -> int:
    """Return the number a constant stands for: its type drops higher bits."""
    if constant.type == BOOL:
        return int(bool(constant.value))
    return int(constant.value) & ((1 << constant.type.width) - 1)


def _number(value: float | Affine) -> str:
    """Write a number that reads back equal; the language wants a dot before an exponent."""
    assert not isinstance(value, Affine)  # `spell` refuses what is not bound
    text = repr(float(value))
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return text

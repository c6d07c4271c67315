"""What a legal circuit is. Adapters build trusted circuits fast; this checks everything."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import CircuitError, QubitError, near_matches
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Bit, Bits, Expr, bits_read, compile_expression, variables_read
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import (
    SAVE_KINDS,
    SAVE_SUBTYPES,
    Assign,
    Barrier,
    Break,
    ChannelOp,
    Continue,
    Delay,
    For,
    GateOp,
    If,
    Initialize,
    Instruction,
    Measure,
    Reset,
    Save,
    SetState,
    Switch,
    While,
)
from quasim_backend.ir.numbering import whole_numbers

__all__ = ["check_save", "validate"]


def validate(circuit: Circuit) -> None:
    """Check that a circuit is legal.

    Raises:
        QubitError: If a qubit repeats, is out of range, or a gate has the wrong number of them.
        CircuitError: If a classical bit, a label, an expression or a ``break`` is wrong; the
            message gives the instruction's number.
    """
    _check_block(circuit, circuit.instructions, _Seen(), in_loop=False, place="")


class _Seen:
    """What was met so far.

    Attributes:
        labels: Of saves.
        placed: Name, number of controls and qubits of gates of the table that were right. They
            repeat in most circuits, and nothing else decides.
    """

    __slots__ = ("labels", "placed")

    def __init__(self) -> None:
        self.labels: set[str] = set()
        self.placed: set[tuple[str, int, tuple[int, ...]]] = set()


def check_save(save: Save, num_qubits: int) -> None:
    """Check one save point against a circuit's width.

    Raises:
        CircuitError: If kind, subtype or a required field is wrong.
        QubitError: If it names qubits or basis states that do not exist.
    """
    if save.kind not in SAVE_KINDS:
        raise CircuitError(f"Unknown save '{save.kind}'. {near_matches(save.kind, SAVE_KINDS)}")
    if save.subtype not in SAVE_SUBTYPES:
        raise CircuitError(
            f"Unknown save subtype '{save.subtype}'. {near_matches(save.subtype, SAVE_SUBTYPES)}"
        )
    if save.kind in ("expectation", "variance"):
        if save.observable is None:
            raise CircuitError(f"A save of kind '{save.kind}' needs an observable.")
        save.observable.check(num_qubits)
    if save.kind == "amplitudes" and not save.indices:
        raise CircuitError("A save of kind 'amplitudes' needs the indices of basis states.")
    for index in save.indices:
        if not 0 <= index < 1 << num_qubits:
            raise QubitError(f"Basis state {index} does not exist on {num_qubits} qubits.")


def _check_block(
    circuit: Circuit,
    block: Iterable[Instruction],
    seen: _Seen,
    *,
    in_loop: bool,
    place: str,
) -> None:
    placed = seen.placed
    for number, instruction in enumerate(block):
        if type(instruction) is GateOp:
            gate, qubits = instruction.gate, tuple(instruction.qubits)
            key = (gate.name, gate.num_controls, qubits)
            if key in placed:
                continue
            if _fits(gate, qubits, circuit.num_qubits):
                if gate.data is None and gate.masks is None:
                    placed.add(key)
                continue
        here = f"{place}{number}"
        try:
            _check(circuit, instruction, seen, in_loop=in_loop, here=here)
        except (CircuitError, QubitError) as error:
            if str(error).startswith("Instruction "):
                raise
            name = type(instruction).__name__
            raise type(error)(f"Instruction {here} ({name}): {error}") from error


def _fits(gate: Gate, qubits: tuple[int, ...], num_qubits: int) -> bool:
    """Return whether a gate can be where it is; `_check` says why not."""
    count = len(qubits)
    try:
        return (
            count == gate.num_qubits
            and len(set(qubits)) == count
            and (not count or (min(qubits) >= 0 and max(qubits) < num_qubits))
        )
    except TypeError:  # these are no numbers
        return False


def _check(
    circuit: Circuit, instruction: Instruction, seen: _Seen, *, in_loop: bool, here: str
) -> None:
    match instruction:
        case GateOp(gate, qubits):
            _check_qubits(circuit, qubits)
            if len(qubits) != gate.num_qubits:
                raise QubitError(
                    f"Gate '{gate.name}' acts on {gate.num_qubits} qubits; got {qubits}."
                )
        case ChannelOp(channel, qubits):
            _check_qubits(circuit, qubits)
            if len(qubits) != channel.num_qubits:
                raise QubitError(f"A {channel.num_qubits}-qubit channel got {qubits}.")
        case Measure(qubits, clbits, readout):
            _check_qubits(circuit, qubits)
            _check_bits(circuit, clbits)
            if len(qubits) != len(clbits):
                raise CircuitError(f"{len(qubits)} qubits measured into {len(clbits)} bits.")
            if len(set(clbits)) != len(clbits):
                raise CircuitError(f"A classical bit repeats: {clbits}.")
            if readout is not None and len(readout.matrix) != 1 << len(qubits):
                raise CircuitError(
                    f"The readout error has shape {readout.matrix.shape}; {len(qubits)} qubits "
                    f"need {(1 << len(qubits),) * 2}."
                )
        case Reset(qubits) | Barrier(qubits):
            _check_qubits(circuit, qubits)
        case Delay(qubits, duration):
            _check_qubits(circuit, qubits)
            if not 0 <= duration < math.inf:
                raise CircuitError(f"A delay lasts 0 seconds or more; got {duration}.")
        case Initialize(amplitudes, qubits):
            _check_qubits(circuit, qubits)
            _check_amplitudes(amplitudes, len(qubits))
        case SetState(amplitudes):
            _check_amplitudes(amplitudes, circuit.num_qubits)
        case Save():
            _check_qubits(circuit, instruction.qubits)
            check_save(instruction, circuit.num_qubits)
            if instruction.label in seen.labels:
                raise CircuitError(
                    f"The label '{instruction.label}' is used twice; give each save its own."
                )
            seen.labels.add(instruction.label)
        case Assign(target, value):
            if isinstance(target, Bit):
                _check_bits(circuit, (target.index,))
            elif isinstance(target, Bits):
                _check_bits(circuit, target.indices)
            _check_expression(circuit, value)
        case If(condition, body, orelse):
            _check_expression(circuit, condition)
            _check_block(circuit, body, seen, in_loop=in_loop, place=f"{here}.if.")
            _check_block(circuit, orelse, seen, in_loop=in_loop, place=f"{here}.else.")
        case Switch(subject, cases):
            _check_expression(circuit, subject)
            for index, (_, body) in enumerate(cases):
                _check_block(circuit, body, seen, in_loop=in_loop, place=f"{here}.case{index}.")
        case For(_, body):
            _check_block(circuit, body, seen, in_loop=True, place=f"{here}.for.")
        case While(condition, body):
            _check_expression(circuit, condition)
            _check_block(circuit, body, seen, in_loop=True, place=f"{here}.while.")
        case Break() | Continue():
            if not in_loop:
                raise CircuitError("'break' and 'continue' belong inside a loop.")
        case _:
            raise CircuitError(f"Not an instruction: {instruction!r}.")


def _check_qubits(circuit: Circuit, qubits: tuple[int, ...]) -> None:
    for q in whole_numbers(qubits, "qubits", "an instruction", QubitError):
        if not 0 <= q < circuit.num_qubits:
            raise QubitError(
                f"Qubit {q} is out of range: the circuit has {circuit.num_qubits} qubits."
            )
    if len(set(qubits)) != len(qubits):
        raise QubitError(f"A qubit repeats: {qubits}.")


def _check_bits(circuit: Circuit, bits: Iterable[int]) -> None:
    for bit in whole_numbers(bits, "classical bits", "an instruction", CircuitError):
        if not 0 <= bit < circuit.num_clbits:
            raise CircuitError(
                f"Classical bit {bit} is out of range: the circuit has {circuit.num_clbits}."
            )


def _check_amplitudes(amplitudes: NDArray[np.complex128], num_qubits: int) -> None:
    if amplitudes.shape != (1 << num_qubits,):
        raise CircuitError(
            f"{num_qubits} qubits have {1 << num_qubits} amplitudes; got {amplitudes.shape}."
        )
    norm = float(np.linalg.norm(amplitudes))
    if not abs(norm - 1) < 1e-6:
        raise CircuitError(f"Amplitudes must have norm 1; got {norm:.9g}.")


def _check_expression(circuit: Circuit, expr: Expr) -> None:
    _check_bits(circuit, bits_read(expr))
    compile_expression(expr, {v: i for i, v in enumerate(sorted(variables_read(expr), key=str))})

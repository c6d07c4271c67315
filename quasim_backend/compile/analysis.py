"""Facts about a circuit that decide how it is compiled: idle qubits, final measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Bit, Bits, bits_read
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Break,
    ChannelOp,
    Continue,
    Delay,
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
    blocks_of,
)

__all__ = ["active_qubits", "final_measurements", "live_bits"]

_WHOLE_STATE = (
    *("statevector", "density_matrix", "probabilities", "amplitudes"),
    *("stabilizer", "ch_form", "mps"),
)


def active_qubits(circuit: Circuit) -> tuple[int, ...]:
    """Return the qubits that must be simulated, ascending.

    A qubit that only ever sees identities, measurements without readout error and resets stays in
    ``|0>``. A save of the whole state keeps every qubit.
    """
    active: set[int] = set()
    for instruction in circuit.walk():
        if isinstance(instruction, GateOp):
            if instruction.gate.name != "id":
                active.update(instruction.qubits)
                if len(active) == circuit.num_qubits:
                    break
            continue
        match instruction:
            case ChannelOp(_, qubits) | Initialize(_, qubits):
                active.update(qubits)
            case Measure(qubits, _, readout):
                if readout is not None:
                    active.update(qubits)
            case SetState():
                return tuple(range(circuit.num_qubits))
            case Save():
                if instruction.kind in _WHOLE_STATE and not instruction.qubits:
                    return tuple(range(circuit.num_qubits))
                active.update(instruction.qubits)
                if instruction.observable is not None:
                    active.update(instruction.observable.support(circuit.num_qubits))
    return tuple(sorted(active))


def live_bits(circuit: Circuit) -> frozenset[int]:
    """Return the classical bits that some expression or conditional save reads."""
    live: set[int] = set()
    for instruction in circuit.walk():
        live |= _reads(instruction)
        if isinstance(instruction, Save) and instruction.conditional:
            return frozenset(range(circuit.num_clbits))
    return frozenset(live)


def final_measurements(instructions: Sequence[Instruction]) -> frozenset[int]:
    """Return the positions of top-level measurements that may all be sampled at the very end.

    Such a measurement's qubits see no later operation, and its bits are neither read nor written
    later; so sampling the final state gives the same joint distribution.
    """
    touched: set[int] = set()
    bits: set[int] = set()
    everything = False
    found: set[int] = set()
    first = next((i for i, step in enumerate(instructions) if isinstance(step, Measure)), None)
    if first is None:
        return frozenset()
    for position in range(len(instructions) - 1, first - 1, -1):
        instruction = instructions[position]
        if isinstance(instruction, GateOp):
            if instruction.gate.name != "id":
                touched.update(instruction.qubits)
            continue
        if isinstance(instruction, Measure):
            free = not touched & set(instruction.qubits) and not bits & set(instruction.clbits)
            if free and not everything:
                found.add(position)
            bits |= set(instruction.clbits)
            continue
        for inner in _flatten((instruction,)):
            touched |= _touches(inner)
            bits |= _reads(inner) | _writes(inner)
            # A save looks at the collapsed state; a break may skip what follows.
            everything |= isinstance(inner, Save | SetState | Break | Continue)
    return frozenset(found)


def _flatten(block: Iterable[Instruction]) -> Iterable[Instruction]:
    for instruction in block:
        yield instruction
        for inner in blocks_of(instruction):
            yield from _flatten(inner)


def _touches(instruction: Instruction) -> set[int]:
    if isinstance(instruction, GateOp) and instruction.gate.name == "id":
        return set()
    if isinstance(instruction, GateOp | ChannelOp | Reset | Initialize | Measure):
        return set(instruction.qubits)
    return set()


def _writes(instruction: Instruction) -> set[int]:
    if isinstance(instruction, Measure):
        return set(instruction.clbits)
    if isinstance(instruction, Assign):
        if isinstance(instruction.target, Bit):
            return {instruction.target.index}
        if isinstance(instruction.target, Bits):
            return set(instruction.target.indices)
    return set()


def _reads(instruction: Instruction) -> frozenset[int]:
    match instruction:
        case If(condition) | While(condition):
            return bits_read(condition)
        case Switch(subject):
            return bits_read(subject)
        case Assign(_, value):
            return bits_read(value)
        case Barrier() | Delay():
            return frozenset()
    return frozenset()

"""Which of Cirq's random choices an engine makes, so that each gets the number Cirq gives it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
)
from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import ChannelOp, GateOp, Instruction, Measure, Reset
from quasim_cirq.translation import Translation

__all__ = ["all_choices", "choices_made", "without_dead_ends"]


def without_dead_ends(circuit: Circuit) -> Circuit:
    """Leave out what no measurement can see: noise after the last measurement, mostly."""
    seen: set[int] = set()
    kept: list[Instruction] = []
    for instruction in reversed(circuit.instructions):
        if isinstance(instruction, GateOp | ChannelOp | Reset):
            if seen.isdisjoint(instruction.qubits):
                continue
            seen.update(instruction.qubits)
        elif isinstance(instruction, Measure):
            seen.update(instruction.qubits)
        else:
            seen.update(range(circuit.num_qubits))
        kept.append(instruction)
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    result.instructions = kept[::-1]
    return result


def all_choices(translation: Translation) -> NDArray[np.intp]:
    """Return the choices an engine makes that skips none: one number for any confusion."""
    found = [
        number
        for number, draw in enumerate(translation.draws)
        if draw != "confuse" or translation.draws[number - 1] != "confuse"
    ]
    return np.array(found, np.intp)


def choices_made(
    translation: Translation, circuit: Circuit, compiled: CompiledCircuit
) -> NDArray[np.intp]:
    """Return which of Cirq's choices the compiled code makes, in its order.

    Some instructions of the translation may be left out of ``circuit``. The compiler leaves out
    resets of qubits that are still zero and measurements of idle qubits, and joins final
    measurements.
    """
    if not translation.is_static:
        return all_choices(translation)
    number_of = _numbers(translation)
    measured: dict[int, int] = {}
    resets: dict[int, list[int]] = {}
    channels: list[int] = []
    for instruction in circuit.instructions:
        if isinstance(instruction, Measure):
            measured.update(dict.fromkeys(instruction.clbits, number_of[id(instruction)]))
        elif isinstance(instruction, Reset):
            resets.setdefault(instruction.qubits[0], []).append(number_of[id(instruction)])
        elif isinstance(instruction, ChannelOp):
            channels.append(number_of[id(instruction)])
    done = [compiled.qubits[s.qubits[0]] for s in compiled.steps if isinstance(s, ResetStep)]
    # The resets that the compiler leaves out are a qubit's first ones.
    waiting = {q: iter(numbers[-done.count(q) :]) for q, numbers in resets.items() if q in done}
    drawn = iter(channels)
    columns: list[int] = []
    for step in compiled.steps:
        if isinstance(step, ResetStep):
            columns.append(next(waiting[compiled.qubits[step.qubits[0]]]))
        elif isinstance(step, NoisyStep):
            columns += [next(drawn) for _ in step.sites]
        elif isinstance(step, GatesStep):  # of circuits too wide for amplitudes
            columns += [next(drawn) for o in step.operations if isinstance(o, ChannelOp)]
        elif isinstance(step, MeasureStep):
            number = measured[step.clbits[0]]
            columns += [number] if step.readout is None else [number, number + 1]
        elif isinstance(step, SampleStep):
            columns.append(measured[step.clbits[0]])
            columns += [measured[step.clbits[places[0]]] + 1 for places, _ in step.readouts]
    return np.array(columns, np.intp)


def _numbers(translation: Translation) -> dict[int, int]:
    """Return for each instruction, by id, the number of the first choice Cirq makes in it."""
    widths = {m.record.first: 1 + len(m.confusion) for m in translation.measurements}
    numbers: dict[int, int] = {}
    count = 0
    for instruction in translation.circuit.instructions:
        if isinstance(instruction, Measure | Reset | ChannelOp):
            numbers[id(instruction)] = count
            count += widths[instruction.clbits[0]] if isinstance(instruction, Measure) else 1
    return numbers

"""What a run on stabilizers takes: bytes, and seconds on one core."""

from __future__ import annotations

from collections.abc import Iterator

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
)
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.stabilizer.channels import channel_form
from quasim_backend.engines.stabilizer.exact_saves import num_strings
from quasim_backend.engines.stabilizer.state import PHASED_KINDS
from quasim_backend.engines.statevector import result_bytes
from quasim_backend.ir.instructions import VALUE_KINDS, ChannelOp

__all__ = ["memory_bytes", "predicted_seconds"]

# Seconds, measured on one core of the reference machine.
_WRITTEN = 1.5e-6
"""To recognise and write a gate for Stim, and for Stim to read it."""
_TABLEAU_GATE = 0.5e-6
_TABLEAU_WORD = 3e-9
"""A gate of a tableau, and more for each 64 qubits."""
_TABLEAU_MEASURED = 1e-12
"""A measured qubit, for each pair of qubits: a collapse is a row of additions."""
_FRAME_GATE = 1.4e-10
"""A gate, in one shot of many."""
_FRAME_ERROR = 15e-9
"""An error that happens, in one shot."""
_FRAME_MEASURED = 0.7e-9
"""A measured or reset qubit, in one shot, random bits and packing included."""
_STRINGS_GATE = 1.2e-6
_STRINGS_WORD = 2e-9
"""A gate on all Pauli strings, and more for each 64 of them."""
_STRINGS_CHANNEL = 15e-6
_STRINGS_FACTOR = 20e-9
"""A channel on all strings, and more for each."""
_PHASE_GATE = 1e-6
_PHASE_QUBIT = 0.3e-6
"""A gate of the CH form, and more for each qubit: one gate in three is a Hadamard."""
_TREE_GATE = 2e-6
"""A gate in the tree, beside what the tableau takes: it is written for Stim anew."""
_NODE = 100e-6
"""A split of the tree."""
_AMPLITUDE = 80e-9
"""An amplitude of a whole state."""
_START = 400e-6
_TEXT = 160
"""Bytes of a gate's line, as text and as Stim keeps it."""
_BLOCK = 4096


def memory_bytes(compiled: CompiledCircuit, request: EngineRequest, *, tree: bool) -> int:
    """Return the bytes of code, tableaus, frames or strings, saved data and samples.

    Args:
        compiled: What is run; a loop's body is counted once.
        request: What is asked for.
        tree: Whether it is run as a tree of shots.
    """
    width = compiled.num_qubits
    padded = -(-width // 256) * 256
    tableau = padded * padded // 2
    operations, measured = _sizes(compiled)
    total = _TEXT * operations + 4 * tableau + result_bytes(compiled, request)
    saves = [step.save for step in compiled.steps if isinstance(step, SaveStep)]
    strings = max((num_strings(save, width) for save in saves), default=0)
    total += strings * (2 * width // 8 + 200)
    if request.want_state or any(save.kind == "statevector" for save in saves):
        total += 96 << width
    if not tree:
        return total + (_BLOCK * (2 * padded // 8 + 4 * measured) if request.shots else 0)
    phased = request.want_state or any(save.kind in PHASED_KINDS for save in saves)
    state = tableau + (3 * width * (width // 8 + 40) if phased else 0)
    total += min(request.workspace_bytes, request.shots * state) + 2 * state
    if any(isinstance(step, SampleStep) for step in compiled.steps):
        total += 24 * compiled.num_clbits * request.shots
    return total


def predicted_seconds(code: CompiledCircuit, request: EngineRequest, *, tree: bool) -> float:
    """Return about how many seconds a run takes; a loop's body is counted once.

    Args:
        code: Gate code.
        request: What is asked for.
        tree: Whether it is run as a tree of shots.
    """
    width, shots = code.num_qubits, max(request.shots, 1)
    words = width / 64
    operations, measured = _sizes(code)
    errors = [*_error_rates(code)]
    tableau = operations * (_TABLEAU_GATE + _TABLEAU_WORD * words)
    tableau += measured * width * width * _TABLEAU_MEASURED
    saves = [step.save for step in code.steps if isinstance(step, SaveStep)]
    total = _START + operations * _WRITTEN
    if not tree:
        if request.shots:
            drawn = -(-shots // _BLOCK) * _BLOCK
            total += tableau + drawn * (operations * _FRAME_GATE + measured * _FRAME_MEASURED)
            total += drawn * sum(errors) * _FRAME_ERROR
        for save in saves:
            strings = num_strings(save, width)
            total += operations * (_STRINGS_GATE + _STRINGS_WORD * strings / 64)
            total += len(errors) * (_STRINGS_CHANNEL + _STRINGS_FACTOR * strings)
        return total
    if request.want_state or any(save.kind in PHASED_KINDS for save in saves):
        tableau += operations * (_PHASE_GATE + width * _PHASE_QUBIT)
    if request.want_state or any(save.kind == "statevector" for save in saves):
        total += _AMPLITUDE * 2.0**width
    # Every shot on its own after some fair coins, or sooner by errors.
    coins = sum(1 for step in code.steps if isinstance(step, MeasureStep | ResetStep))
    courses = min(shots, 2.0 ** min(coins, 60) * (1 + shots * sum(errors)))
    total += courses * (tableau + operations * _TREE_GATE + coins * _NODE)
    total += sum(4e-6 * num_strings(save, width) for save in saves if save.kind in VALUE_KINDS)
    return total


def _sizes(code: CompiledCircuit) -> tuple[int, int]:
    """Return the number of gates and channels, and of measured and reset qubits."""
    operations = measured = 0
    for step in code.steps:
        if isinstance(step, GatesStep):
            operations += len(step.operations)
        elif isinstance(step, MeasureStep | ResetStep | SampleStep):
            measured += len(step.qubits)
    return operations, measured


def _error_rates(code: CompiledCircuit) -> Iterator[float]:
    """Yield how likely each channel does something."""
    for step in code.steps:
        if not isinstance(step, GatesStep):
            continue
        for operation in step.operations:
            if isinstance(operation, ChannelOp):
                form = channel_form(operation.channel)
                mixture = None if form is None else form.probabilities
                yield 1.0 if mixture is None else 1.0 - float(mixture[0])

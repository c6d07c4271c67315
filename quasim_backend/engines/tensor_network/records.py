"""From outcomes of measurements to the classical memory of all shots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import AssignStep, CompiledCircuit, MeasureStep, SampleStep
from quasim_backend.engines.classical_memory import PackedMemory, confuse
from quasim_backend.engines.tensor_network.timeline import EVENTS
from quasim_backend.engines.tensor_network.wires import Outcome
from quasim_backend.ir.channels import ReadoutError

__all__ = ["count_readouts", "memory_of"]


def memory_of(
    code: CompiledCircuit,
    rows: Mapping[Outcome, NDArray[np.uint64]],
    shots: int,
    draw: Callable[[], NDArray[np.float64]],
) -> NDArray[np.uint64]:
    """Go through code and write what was measured, step by step.

    Args:
        code: Gate code that `quasim_backend.engines.tensor_network.timeline.refusal_of` has
            nothing against.
        rows: uint64 0 or 1 ``(shots,)`` for each outcome; not overwritten.
        shots: Number of shots.
        draw: Returns the next uniforms ``(shots,)``, one call for each readout error.

    Returns:
        uint64 ``(shots, words)``, as `PackedMemory` has them.
    """
    memory = PackedMemory(shots, code.num_clbits)
    every = np.arange(shots)
    variables: list[Any] = list(code.initial_variables)
    events = 0
    for step in code.steps:
        if isinstance(step, MeasureStep | SampleStep):
            values = np.array([rows[events, q] for q in step.qubits], np.uint64)
            for positions, readout in _readouts(step):
                confuse(values, positions, readout, draw())
            memory.write_bits(every, step.clbits, values)
        elif isinstance(step, AssignStep):
            if step.slot >= 0:
                variables[step.slot] = step.value(_as_integer(memory.words[0]), variables)
            else:
                _assign(memory, step, variables)
        events += isinstance(step, EVENTS)
    return memory.words


def count_readouts(code: CompiledCircuit) -> int:
    """Return how many uniforms a shot draws for errors of reading."""
    reading = (s for s in code.steps if isinstance(s, MeasureStep | SampleStep))
    return sum(len(_readouts(step)) for step in reading)


def _readouts(step: MeasureStep | SampleStep) -> Sequence[tuple[Sequence[int], ReadoutError]]:
    if isinstance(step, SampleStep):
        return step.readouts
    return () if step.readout is None else ((range(len(step.qubits)), step.readout),)


def _assign(memory: PackedMemory, step: AssignStep, variables: list[Any]) -> None:
    """Store a value in classical bits, computed once for all shots whose memory is the same."""
    if step.reads == ():
        distinct, members = memory.words[:1], np.zeros(len(memory.words), np.int64)
    else:
        distinct, members = np.unique(memory.words, axis=0, return_inverse=True)
    values = [int(step.value(_as_integer(row), variables)) for row in distinct]
    bits = [[value >> place & 1 for value in values] for place in range(len(step.clbits))]
    table = np.array(bits, np.uint64).reshape(len(step.clbits), len(values))
    memory.write_bits(np.arange(len(memory.words)), step.clbits, table[:, members.reshape(-1)])


def _as_integer(row: NDArray[np.uint64]) -> int:
    return sum(int(word) << 64 * place for place, word in enumerate(row))

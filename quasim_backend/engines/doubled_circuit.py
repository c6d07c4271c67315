"""A compiled circuit as one that acts on density matrices: resets and channels branch no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    AssignStep,
    BranchStep,
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SegmentStep,
    Step,
    SwitchStep,
)
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.compile.superoperators import append_superoperator, noisy_program
from quasim_backend.ir.doubled import doubled
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray, Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained

__all__ = ["doubled_circuit", "reads_outcomes"]

_RESET = np.zeros((4, 4), np.complex128)
_RESET[0, [0, 3]] = 1
_DEPHASE = np.diag(np.array([1, 0, 0, 1], np.complex128))


def reads_outcomes(compiled: CompiledCircuit) -> bool:
    """Return whether outcomes of measurements may decide anything but the classical bits."""
    conditional = any(isinstance(s, SaveStep) and s.save.conditional for s in compiled.steps)
    choices = any(isinstance(s, BranchStep | SwitchStep) for s in compiled.steps)
    stored = any(isinstance(s, AssignStep) and s.slot >= 0 for s in compiled.steps)
    looped = any(
        isinstance(s, SegmentStep | NoisyStep) and any(i < 0 for i in s.sources)
        for s in compiled.steps
    ) or any(
        isinstance(s, GatesStep) and any(i < 0 for i in s.sources.values()) for s in compiled.steps
    )
    return compiled.measured and (conditional or choices or (stored and looped))


def doubled_circuit(
    compiled: CompiledCircuit, dtype: np.dtype[Any], *, dephase: bool
) -> CompiledCircuit:
    """Return code for states of ``2n`` bits, step by step, so that jumps keep their targets.

    Args:
        compiled: Code on ``n`` qubits; plans are kept in the steps' caches.
        dtype: What is computed in.
        dephase: Measure without writing outcomes: the state becomes the average over them.

    Returns:
        Code with ``num_qubits = 2n``; measured and saved qubits are still numbers below ``n``.

    Raises:
        UnsupportedError: If ``2n`` exceeds `quasim_backend.ir.program.MAX_QUBITS`.
    """
    width = compiled.num_qubits
    steps = tuple(_doubled_step(s, width, dtype.itemsize, dephase) for s in compiled.steps)
    branches = any(isinstance(step, MeasureStep) for step in steps)
    return replace(compiled, num_qubits=2 * width, steps=steps, branches=branches, source=None)


def _doubled_step(step: Step, width: int, itemsize: int, dephase: bool) -> Step:
    match step:
        case SegmentStep():
            return SegmentStep(_segment_plan(step.plan, itemsize), step.sources)
        case NoisyStep():
            key = f"density:{itemsize}"
            found = step.cache.get(key)
            if found is None:
                found = step.cache[key] = _planned(noisy_program(step), itemsize)
            return SegmentStep(found, step.sources)
        case ResetStep(qubits):
            return SegmentStep(_planned(_on_each(_RESET, qubits, width), itemsize), ())
        case InitializeStep(amplitudes, qubits):
            reset = _on_each(_RESET, qubits, width)
            prepared = doubled(_preparation(amplitudes, qubits, width))
            return SegmentStep(_planned(chained([reset, prepared]), itemsize), ())
        case MeasureStep(qubits) | SampleStep(qubits) if dephase:
            return SegmentStep(_planned(_on_each(_DEPHASE, qubits, width), itemsize), ())
        case SaveStep(save) if not save.qubits:
            return SaveStep(replace(save, qubits=tuple(range(width))))
    return step


def _segment_plan(single: ExecutionPlan, itemsize: int) -> ExecutionPlan:
    key = f"density:{itemsize}"
    found: ExecutionPlan | None = single.cache.get(key)
    if found is None:
        found = single.cache[key] = _planned(doubled(single.program), itemsize)
    return found


def _planned(program: Program, itemsize: int) -> ExecutionPlan:
    return plan(program, PlanOptions(amplitude_bytes=itemsize))


def _on_each(matrix: NDArray[np.complex128], qubits: tuple[int, ...], width: int) -> Program:
    """Return a one-qubit superoperator on each of some qubits."""
    builder = ProgramBuilder(2 * width)
    for q in qubits:
        append_superoperator(builder, matrix, (q,))
    return builder.build()


def _preparation(amplitudes: ComplexArray, qubits: tuple[int, ...], width: int) -> Program:
    """Return gates that bring ``qubits`` from ``|0...0>`` to ``amplitudes`` ``(2**k,)``.

    The norm is split bit by bit, the highest first: one 2 x 2 matrix for each value of the bits
    above; those of the lowest bit have the phases.
    """
    builder = ProgramBuilder(width)
    for level in reversed(range(len(qubits))):
        above = sum(1 << q for q in qubits[level + 1 :])
        pairs = np.asarray(amplitudes, np.complex128).reshape(-1, 2, 1 << level)
        halves = pairs[:, :, 0] if level == 0 else np.linalg.norm(pairs, axis=2)
        norms = np.linalg.norm(halves, axis=1)
        for value in np.flatnonzero(norms).tolist():
            a, b = halves[value] / norms[value]
            matrix = np.array([[a, -np.conj(b)], [b, np.conj(a)]], np.complex128)
            control = sum(1 << q for i, q in enumerate(qubits[level + 1 :]) if value >> i & 1)
            builder.matrix((qubits[level],), matrix, above, control)
    return builder.build()

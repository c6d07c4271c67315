"""One gate after the other on slices of an array, as one would write it: CuPy, PyTorch or NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpu.circuits import NO_PARAMETERS, plan_of
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.kernels.custatevec.operations import (
    Diagonal,
    Operation,
    operations_of,
    target_matrix,
)


def gates(family: str, n: int) -> list[tuple[Operation, np.ndarray]]:
    """Return a family's operations, each with the diagonal or matrix on its targets."""
    plan = plan_of(family, n, PlanOptions(fuse=False))
    made = operations_of(plan, plan.program.angles(NO_PARAMETERS))
    return [(op, op.entries if isinstance(op, Diagonal) else target_matrix(op)) for op in made]


def run(state: Any, n: int, circuit: list[tuple[Operation, np.ndarray]]) -> None:
    """Apply the gates, overwriting ``state``, ``(2**n,)`` of any array library."""
    for op, numbers in circuit:
        held = dict(zip(op.controls, op.values, strict=True))
        values = range(1 << len(op.targets))
        parts = [
            _part(state, n, held | {t: value >> k & 1 for k, t in enumerate(op.targets)})
            for value in values
        ]
        if numbers.ndim == 1:
            for part, factor in zip(parts, numbers.tolist(), strict=True):
                if factor != 1:
                    part *= factor
            continue
        rows = numbers.tolist()
        new = [
            sum(entry * part for entry, part in zip(row, parts, strict=True) if entry != 0)
            for row in rows
        ]
        for part, amplitudes in zip(parts, new, strict=True):
            part[...] = amplitudes


def _part(state: Any, n: int, bits: dict[int, int]) -> Any:
    """Return a view of the amplitudes whose qubits have the values given."""
    shape: list[int] = []
    index: list[Any] = []
    above = n
    for qubit in sorted(bits, reverse=True):
        if above - qubit > 1:
            shape.append(1 << (above - qubit - 1))
            index.append(slice(None))
        shape.append(2)
        index.append(bits[qubit])
        above = qubit
    if above > 0:
        shape.append(1 << above)
        index.append(slice(None))
    return state.reshape(shape)[(*index, ...)]

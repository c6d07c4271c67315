"""The inverse of a unitary plan: what un-computes a state."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import PrimitiveKind, Program

__all__ = ["inverse_plan", "inverse_program"]

Scalar = TypeVar("Scalar", bound=np.generic)


def inverse_program(program: Program) -> Program:
    """Invert every primitive in its place: entry ``i`` is the inverse of primitive ``i``.

    The order is unchanged, so this is not the inverse circuit; `inverse_plan` turns the order.
    Matrices are trusted to be unitary.
    """
    data = program.data.conj()
    table = program.table.copy()
    for i in np.flatnonzero(program.kind == PrimitiveKind.MATRIX).tolist():
        block = slice(int(program.data_start[i]), int(program.data_start[i + 1]))
        size = 1 << int(program.target_start[i + 1] - program.target_start[i])
        data[block] = data[block].reshape(size, size).T.reshape(-1)
    for i in np.flatnonzero(program.kind == PrimitiveKind.PERMUTATION).tolist():
        block = slice(int(program.table_start[i]), int(program.table_start[i + 1]))
        table[block] = np.argsort(table[block])
    return replace(
        program,
        data=_frozen(data),
        table=_frozen(table),
        angle_offset=_frozen(-program.angle_offset),
        term_weight=_frozen(-program.term_weight),
    )


def inverse_plan(plan: ExecutionPlan) -> ExecutionPlan:
    """Return the plan that undoes ``plan``: its operations inverted, in reverse order.

    Primitives keep their numbers, and it is made once for each plan.
    """
    known = plan.cache.get("inverse")
    if known is not None:
        return known  # type: ignore[no-any-return]
    members, member_start = _reversed_groups(plan.op_members[::-1], plan.op_member_start)
    qubits, qubit_start = _reversed_blocks(plan.op_qubits, plan.op_qubit_start)
    local, local_start = _reversed_blocks(plan.stage_qubits, plan.stage_qubit_start)
    _, stage_start = _reversed_groups(plan.op_kind, plan.stage_start)
    result = ExecutionPlan(
        program=inverse_program(plan.program),
        op_kind=_frozen(plan.op_kind[::-1]),
        op_member_start=member_start,
        op_members=members,
        op_qubit_start=qubit_start,
        op_qubits=qubits,
        stage_start=stage_start,
        stage_qubit_start=local_start,
        stage_qubits=local,
        stage_fma=_frozen(plan.stage_fma[::-1]),
        planner=plan.planner,
    )
    return plan.cache.setdefault("inverse", result)  # type: ignore[no-any-return]


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    result = np.ascontiguousarray(array)
    result.setflags(write=False)
    return result


def _reversed_groups(
    values: NDArray[Scalar], start: NDArray[np.int32]
) -> tuple[NDArray[Scalar], NDArray[np.int32]]:
    """Return values that are reversed already, and the starts of the groups in reverse order."""
    return _frozen(values), _frozen((start[-1] - start)[::-1])


def _reversed_blocks(
    values: NDArray[np.int32], start: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Put blocks in reverse order; each keeps its own order."""
    blocks = [values[start[i] : start[i + 1]] for i in reversed(range(len(start) - 1))]
    joined = np.concatenate([values[:0], *blocks])
    return _frozen(joined), _frozen((start[-1] - start)[::-1])

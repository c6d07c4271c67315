"""The execution plan: which primitives run together, in which order. A value, made by `compile`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.program import PrimitiveKind, Program

__all__ = ["ExecutionPlan", "OpKind"]


class OpKind(IntEnum):
    """How a fused operation runs; the numbers are shared with the C++ kernels."""

    DENSE = 0
    """Members multiplied into one dense matrix on ``qubits`` (at most 3)."""
    DIAGONAL = 1
    """Members multiplied into one diagonal on ``qubits``."""
    SINGLE = 2
    """One member, run as its own primitive (permutation, wide matrix, Pauli rotation, phase)."""


@dataclass(frozen=True, eq=False)
class ExecutionPlan:
    """A schedule for one `Program`. It depends on the structure only, never on parameter values.

    The program's primitives are grouped into ``f`` fused operations, and those into ``s`` stages.
    In one stage every non-diagonal, non-control qubit lies in the stage's local qubits, so the
    stage runs tile by tile with one pass over memory.

    Attributes:
        program: The primitives.
        op_kind: uint8 ``(f,)``, values of `OpKind`.
        op_member_start: int32 ``(f + 1,)`` into ``op_members``.
        op_members: int32; primitive indices in the order they act. Primitives that cancelled are
            absent.
        op_qubit_start: int32 ``(f + 1,)`` into ``op_qubits``.
        op_qubits: int32; qubits of the fused matrix or diagonal, lowest index bit first. For
            SINGLE: every qubit the primitive touches, controls included.
        stage_start: int32 ``(s + 1,)`` into the operations.
        stage_qubit_start: int32 ``(s + 1,)`` into ``stage_qubits``.
        stage_qubits: int32; local qubits of each stage, ascending.
        stage_fma: float64 ``(s,)``; predicted real fused multiply-adds per amplitude.
        planner: Name of the planner that made it.
    """

    program: Program
    op_kind: NDArray[np.uint8]
    op_member_start: NDArray[np.int32]
    op_members: NDArray[np.int32]
    op_qubit_start: NDArray[np.int32]
    op_qubits: NDArray[np.int32]
    stage_start: NDArray[np.int32]
    stage_qubit_start: NDArray[np.int32]
    stage_qubits: NDArray[np.int32]
    stage_fma: NDArray[np.float64]
    planner: str
    cache: dict[str, Any] = field(default_factory=dict, repr=False)
    """Kernel sets keep their own form of the plan here; never part of its meaning."""

    @property
    def num_qubits(self) -> int:
        """Width of the program."""
        return self.program.num_qubits

    @property
    def num_ops(self) -> int:
        """Number of fused operations."""
        return len(self.op_kind)

    @property
    def num_stages(self) -> int:
        """Number of stages, that is, passes over memory."""
        return len(self.stage_start) - 1

    def members(self, op: int) -> NDArray[np.int32]:
        """Return the primitive indices of fused operation ``op``."""
        return self.op_members[self.op_member_start[op] : self.op_member_start[op + 1]]

    def qubits(self, op: int) -> NDArray[np.int32]:
        """Return the qubits of fused operation ``op``."""
        return self.op_qubits[self.op_qubit_start[op] : self.op_qubit_start[op + 1]]

    def bytes_moved(self, itemsize: int) -> int:
        """Predict the bytes read and written: one read and one write of the state a stage."""
        return self.num_stages * 2 * itemsize << self.num_qubits

    def explain(
        self, itemsize: int = 16, *, bandwidth: float = 20e9, fma_rate: float = 80e9
    ) -> str:
        """Describe the plan: stages, their local qubits, operations, FMAs, bytes and time.

        A stage takes the longer of two times: that of reading and writing the state, and that of
        the arithmetic. Times are predictions for a machine with the rates given, by default those
        of two cores of a server; states that fit a cache are faster.

        Args:
            itemsize: Bytes an amplitude: 8 for complex64, 16 for complex128.
            bandwidth: Bytes a second that are read and written together.
            fma_rate: Real fused multiply-adds a second in complex64; half in complex128.
        """
        size = float(2**self.num_qubits)
        pass_bytes = 2 * itemsize * size
        memory = pass_bytes / bandwidth
        rate = fma_rate * 8 / itemsize
        times = [max(memory, float(fma) * size / rate) for fma in self.stage_fma]
        lines = [
            f"{len(self.program)} primitives on {self.num_qubits} qubits -> {self.num_ops} "
            f"operations in {self.num_stages} stages (planner: {self.planner}), "
            f"{self.bytes_moved(itemsize) / 1e6:.3g} MB moved, about {sum(times) * 1e3:.3g} ms at "
            f"{bandwidth / 1e9:.3g} GB/s and {rate / 1e9:.3g} GFMA/s"
        ]
        for stage in range(self.num_stages):
            first, last = int(self.stage_start[stage]), int(self.stage_start[stage + 1])
            local = self.stage_qubits[
                self.stage_qubit_start[stage] : self.stage_qubit_start[stage + 1]
            ]
            limit = "memory" if times[stage] <= memory else "arithmetic"
            lines.append(
                f"stage {stage}: {last - first} operations that mix amplitudes of the local qubits "
                f"{local.tolist()} only, {self.stage_fma[stage]:.3g} FMA per amplitude, "
                f"{pass_bytes / 1e6:.3g} MB, about {times[stage] * 1e3:.3g} ms, bound by {limit}"
            )
            for op in range(first, last):
                kind = OpKind(int(self.op_kind[op]))
                members = self.members(op)
                what = ", ".join(
                    PrimitiveKind(int(self.program.kind[m])).name.lower() for m in members[:6]
                )
                more = f", +{len(members) - 6}" if len(members) > 6 else ""
                lines.append(
                    f"  {kind.name.lower()} on {self.qubits(op).tolist()}: "
                    f"{len(members)} ({what}{more})"
                )
        return "\n".join(lines)

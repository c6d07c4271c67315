"""The unitary engine: the matrix of a circuit, as one state of twice the width.

The circuit acts on the lower ``n`` qubits of ``sum_c |c>|c>``; the upper ``n`` number the columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, SegmentStep
from quasim_backend.compile.planner import plan
from quasim_backend.engines.base import EngineOutput, EngineRequest

__all__ = ["UnitaryEngine"]


class UnitaryEngine:
    """Gives the unitary of a circuit that holds gates only."""

    name = "unitary"

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        for step in compiled.steps:
            if not isinstance(step, SegmentStep):
                name = type(step).__name__.removesuffix("Step").lower()
                return f"a unitary needs a circuit of gates only; this one has a '{name}' step"
        if request.want_superop:
            return "the unitary engine gives no superoperators; use method='superop'"
        if request.shots or request.want_state or request.initial_state is not None:
            return "the unitary engine gives the circuit's matrix only: no shots and no states"
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the matrix and the copy that is handed out, in bytes."""
        return 2 * (request.dtype.itemsize << 2 * compiled.num_qubits)

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Compute the unitary, complex ``(2**n, 2**n)``, row = output.

        Raises:
            Cancelled: If the request's token was set.
        """
        width, kernels = compiled.num_qubits, request.kernels
        size = 1 << width
        start = np.eye(size, dtype=request.dtype).reshape(-1)
        state = kernels.from_host(start, request.dtype)
        segments = 0
        for step in compiled.steps:
            if isinstance(step, SegmentStep):
                wide = plan(replace(step.plan.program, num_qubits=2 * width))
                values = np.array([request.parameters[s] for s in step.sources], np.float64)
                kernels.run(wide, state, values, request.cancel)
                segments += 1
        matrix = kernels.to_host(state).reshape(size, size).T
        return EngineOutput(
            unitary=np.ascontiguousarray(matrix), metadata={"segments": segments, "nodes": 1}
        )

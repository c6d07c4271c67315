"""The superoperator engine: the matrix of a noisy circuit on vectors of density matrices.

The circuit acts on the lower ``2n`` qubits of ``sum_c |c>|c>``; the upper ``2n`` number the
columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quasim_backend.compile.code import (
    CompiledCircuit,
    InitializeStep,
    NoisyStep,
    ResetStep,
    SegmentStep,
)
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.doubled_circuit import doubled_circuit
from quasim_backend.ir.program import MAX_QUBITS

__all__ = ["SuperopEngine"]


class SuperopEngine:
    """Gives the superoperator of a circuit of gates, channels, resets and preparations."""

    name = "superop"

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if not request.want_superop:
            return "the superoperator engine gives the circuit's superoperator only"
        if compiled.num_qubits > MAX_QUBITS // 4:
            return (
                f"a superoperator has at most {MAX_QUBITS // 4} qubits; this circuit has "
                f"{compiled.num_qubits}"
            )
        for step in compiled.steps:
            if not isinstance(step, SegmentStep | NoisyStep | ResetStep | InitializeStep):
                name = type(step).__name__.removesuffix("Step").lower()
                return (
                    f"a superoperator needs a circuit of gates, channels and resets; this one has "
                    f"a '{name}' step"
                )
        if request.shots or request.want_state or request.initial_state is not None:
            return "the superoperator engine gives a matrix only: no shots and no states"
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the matrix and the copy that is handed out, in bytes."""
        return 2 * (request.dtype.itemsize << 4 * compiled.num_qubits)

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Compute the superoperator, complex ``(4**n, 4**n)``, row = output.

        Raises:
            Cancelled: If the request's token was set.
        """
        kernels, size = request.kernels, 4**compiled.num_qubits
        options = PlanOptions(amplitude_bytes=request.dtype.itemsize)
        start = np.eye(size, dtype=request.dtype).reshape(-1)
        state = kernels.from_host(start, request.dtype)
        for step in doubled_circuit(compiled, request.dtype, dephase=False).steps:
            assert isinstance(step, SegmentStep)
            wide = replace(step.plan.program, num_qubits=4 * compiled.num_qubits)
            values = np.array([request.parameters[s] for s in step.sources], np.float64)
            kernels.run(plan(wide, options), state, values, request.cancel)
        matrix = kernels.to_host(state).reshape(size, size).T
        return EngineOutput(superop=np.ascontiguousarray(matrix))

"""An engine that walks the code itself and understands straight-line circuits only."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, SegmentStep
from quasim_backend.engines.base import EngineOutput, EngineRequest


class SampleEngine:
    """Runs gates, gives states."""

    name = "sample"

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if not all(isinstance(step, SegmentStep) for step in compiled.steps):
            return "the sample engine knows gates only"
        return None if request.want_state else "the sample engine gives states only"

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the state's bytes."""
        return request.dtype.itemsize << compiled.num_qubits

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit."""
        kernels = request.kernels
        state = kernels.zero_state(compiled.num_qubits, request.dtype)
        for step in compiled.steps:
            request.cancel.check()
            values = np.array([request.parameters[s] for s in step.sources], np.float64)
            kernels.run(step.plan, state, values, request.cancel)
        return EngineOutput(state=kernels.to_host(state), metadata={"sample_engine": True})

"""The density-matrix engine: channels and resets exactly, without sampling them.

The state is a vector of ``2n`` bits, which the kernels for state vectors run on. Only measurements
branch, and not even those where no shots are asked for and nothing depends on what they read.
"""

from __future__ import annotations

from dataclasses import replace

from quasim_backend.compile.code import CompiledCircuit, MeasureStep, SaveStep, SegmentStep
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.density_kernels import density_kernels
from quasim_backend.engines.doubled_circuit import doubled_circuit, reads_outcomes
from quasim_backend.engines.moments import variance_copies_state
from quasim_backend.engines.plan_seconds import STEP_SECONDS, pass_seconds, plan_seconds
from quasim_backend.engines.shot_tree import ShotTree
from quasim_backend.engines.statevector import drawing_bytes, result_bytes
from quasim_backend.ir.program import MAX_QUBITS
from quasim_backend.kernels.base import passes_of

__all__ = ["DensityMatrixEngine"]


class DensityMatrixEngine:
    """Runs any circuit on the ``4**n`` entries of its density matrix."""

    name = "density_matrix"
    averages = True
    """Without shots, saved values are averages over everything that depends on chance."""

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if compiled.num_qubits > MAX_QUBITS // 2:
            return (
                f"a density matrix has at most {MAX_QUBITS // 2} qubits; this circuit has "
                f"{compiled.num_qubits}"
            )
        if request.want_state:
            return "a density matrix is no state vector; save 'density_matrix' instead"
        if request.want_unitary:
            return "the density-matrix engine gives no unitaries; use method='unitary'"
        if request.want_superop:
            return "the density-matrix engine gives no superoperators; use method='superop'"
        if request.exact and not request.shots and reads_outcomes(compiled):
            return "what it does depends on the outcomes, which are averaged over shots only"
        for step in compiled.steps:
            if isinstance(step, SaveStep) and step.save.kind in ("statevector", "amplitudes"):
                return (
                    f"a density matrix has no amplitudes to save as '{step.save.kind}'; save "
                    f"'density_matrix' or 'probabilities' instead"
                )
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return state, snapshots within the workspace, saved data and samples, in bytes."""
        state = request.dtype.itemsize << 2 * compiled.num_qubits
        total = state
        dephases = _dephases(compiled, request)
        if not dephases and any(isinstance(step, MeasureStep) for step in compiled.steps):
            # One working copy beside the snapshots, which respect the workspace limit.
            total += state + min(request.workspace_bytes // state, 64) * state
        for step in compiled.steps:
            if isinstance(step, SaveStep) and step.save.kind == "variance":
                total += 2 * state * variance_copies_state(step.save.observable)
        total += drawing_bytes(request, branches=not dephases and compiled.measured)
        return total + result_bytes(compiled, request)

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        doubled = doubled_circuit(compiled, request.dtype, dephase=_dephases(compiled, request))
        # Kernels and widths belong together: the tree sees a circuit of 2n qubits.
        wrapped = density_kernels(request.kernels, compiled.num_qubits)
        output = ShotTree(doubled, replace(request, kernels=wrapped)).run()
        plans = [step.plan for step in doubled.steps if isinstance(step, SegmentStep)]
        stages = sum(passes_of(request.kernels, plan, request.dtype) for plan in plans)
        moved = stages * 2 * request.dtype.itemsize << doubled.num_qubits
        output.metadata |= {"stages": stages, "bytes": moved}
        return output

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes on two cores.

        For plans see `plan_seconds`; steps cost something however small the state is. From a
        measurement that branches on, everything is done once for each outcome, of which there are
        at most as many as shots. A loop's body is counted once.
        """
        doubled = doubled_circuit(compiled, request.dtype, dephase=_dephases(compiled, request))
        itemsize = request.dtype.itemsize
        nodes, total = 1, 0.0
        for step in doubled.steps:
            total += nodes * STEP_SECONDS
            if isinstance(step, SegmentStep):
                total += nodes * plan_seconds(step.plan, itemsize)
            elif isinstance(step, MeasureStep):
                nodes = min(nodes << len(step.qubits), max(request.shots, 1))
                total += nodes * pass_seconds(doubled.num_qubits, itemsize)
        return total


def _dephases(compiled: CompiledCircuit, request: EngineRequest) -> bool:
    """Return whether measurements average over their outcomes: nobody would see them."""
    return not request.shots and not reads_outcomes(compiled)

"""The state-vector engine: exact amplitudes, outcomes walked as a tree."""

from __future__ import annotations

from quasim_backend.compile.code import (
    CompiledCircuit,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SegmentStep,
)
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.moments import variance_copies_state
from quasim_backend.engines.pauli_frames import PauliFrames
from quasim_backend.engines.plan_seconds import STEP_SECONDS, pass_seconds, plan_seconds
from quasim_backend.engines.shot_tree import ShotTree
from quasim_backend.ir.array_observables import AnyObservable, ObservableList
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.kernels.base import DeviceKernels

__all__ = ["StateVectorEngine", "drawing_bytes", "result_bytes"]


_SHOT_SECONDS = 1e-7
"""To draw and keep the sample of one shot."""
_DEVICE_SPEED = 100
"""How many times as fast a GPU is: an H100's memory, as its maker states it, against two cores."""


def drawing_bytes(request: EngineRequest, *, branches: bool) -> int:
    """Return the bytes that drawing shots takes besides their samples: numbers, indices, places.

    Args:
        request: Gives the number of shots.
        branches: Whether shots part ways, and are sorted by what they have met.
    """
    return request.shots * (88 if branches else 32)


def result_bytes(compiled: CompiledCircuit, request: EngineRequest) -> int:
    """Return the bytes of samples, saved arrays and a unitary, which are kept by the host.

    They are part of what an engine's ``memory_bytes`` counts.
    """
    state = request.dtype.itemsize << compiled.num_qubits
    total = request.shots * 8 * max(1, -(-compiled.num_clbits // 64))
    if request.want_superop:
        total += request.dtype.itemsize << 4 * compiled.num_qubits
    if request.want_unitary:
        total += request.dtype.itemsize << 2 * compiled.num_qubits
    for step in compiled.steps:
        if isinstance(step, SaveStep):
            kept = len(step.save.qubits) or compiled.num_qubits
            if step.save.kind == "density_matrix":
                total += 2 * (16 << 2 * kept)
            elif step.save.kind == "statevector":
                total += state * (request.shots if step.save.subtype == "list" else 1)
            elif step.save.kind == "probabilities":
                total += 8 << kept
    return total


class StateVectorEngine:
    """Runs any circuit on ``2**n`` amplitudes."""

    name = "statevector"

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if request.want_unitary:
            return "the state-vector engine gives states, not unitaries; use method='unitary'"
        if request.want_superop:
            return "the state-vector engine gives no superoperators; use method='superop'"
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return state, snapshots within the workspace, saved data and samples, in bytes."""
        state = request.dtype.itemsize << compiled.num_qubits
        total = state
        if compiled.branches:
            # One working copy beside the snapshots, which respect the workspace limit.
            total += state + min(request.workspace_bytes // state, 64) * state
        for step in compiled.steps:
            if isinstance(step, SaveStep) and step.save.kind == "variance":
                total += state * variance_copies_state(step.save.observable)
            elif isinstance(step, SaveStep) and step.save.kind == "density_matrix":
                # Averages over shots: of the next value the distance, its square, sums of both.
                kept = len(step.save.qubits) or compiled.num_qubits
                total += compiled.branches * (64 << 2 * kept)
        total += drawing_bytes(request, branches=compiled.branches)
        return total + result_bytes(compiled, request)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run without channels takes.

        From a measurement or reset on, everything is done once for each outcome, of which there
        are at most as many as shots. A loop's body is counted once.
        """
        width, itemsize = compiled.num_qubits, request.dtype.itemsize
        one_pass = pass_seconds(width, itemsize)
        nodes, total = 1, one_pass
        for step in compiled.steps:
            total += nodes * STEP_SECONDS
            if isinstance(step, SegmentStep):
                total += nodes * plan_seconds(step.plan, itemsize)
            elif isinstance(step, MeasureStep | ResetStep):
                nodes = min(nodes << len(step.qubits), max(request.shots, 1))
                total += nodes * one_pass
            elif isinstance(step, SampleStep):
                total += one_pass + request.shots * _SHOT_SECONDS
            elif isinstance(step, SaveStep):
                total += nodes * one_pass * _passes_of_save(step.save)
        if isinstance(request.kernels, DeviceKernels):
            total /= _DEVICE_SPEED
        return total

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        if PauliFrames.fits(compiled, request):
            return PauliFrames(compiled, request).run()
        return ShotTree(compiled, request).run()


def _passes_of_save(save: Save) -> int:
    """Return how often a save point reads the state: Pauli strings by their flipped qubits."""
    if save.observable is None:
        return 1
    flips: set[int] = set()
    listed: tuple[AnyObservable, ...] = (save.observable,)
    if isinstance(save.observable, ObservableList):
        listed = save.observable.observables
    for observable in listed:
        if isinstance(observable, PauliSum):
            flips |= {string.x for _, string in observable.terms}
    return max(1, len(flips))

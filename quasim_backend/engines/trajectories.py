"""Noisy circuits shot by shot, on state vectors: what it would cost, and an engine of that name."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile.code import (
    CompiledCircuit,
    NoisyStep,
    SampleStep,
    SaveStep,
    SegmentStep,
)
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.default_choices import DefaultChoices
from quasim_backend.engines.pauli_frames import PauliFrames
from quasim_backend.engines.statevector import StateVectorEngine

__all__ = ["TrajectoriesEngine", "expected_trajectories", "predicted_seconds"]

# Fitted to random circuits of 8 to 12 qubits in complex128 on two cores of a server: predictions
# came out at 0.5 to 1.6 times what was measured. docs/performance.md has the table.
_PER_AMPLITUDE = {8: 1.7e-10, 16: 5e-10}
"""Seconds to run one primitive of a fused circuit on one amplitude, by its bytes."""
_PER_EVENT = 8e-5
"""Seconds for drawing an operator, copying a state and calling kernels, besides amplitudes."""
_PER_DRAW = 1e-8
"""Seconds to draw one uniform and look at it."""


class TrajectoriesEngine(StateVectorEngine):
    """The state-vector engine by the name that noise goes by.

    Its metadata say how many ``trajectories`` were run where Pauli errors could be moved to the
    end, and else how many ``nodes`` the tree of outcomes had.
    """

    name = "trajectories"

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        for step in compiled.steps:
            save = step.save if isinstance(step, SaveStep) else None
            if save and save.kind == "density_matrix" and save.subtype != "average":
                return (
                    f"the save point '{save.label}' would hold the density matrix of one shot; "
                    f"give it subtype='average', or use another method"
                )
        return super().refuses(compiled, request)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes; see `predicted_seconds`."""
        return predicted_seconds(compiled, request)


def expected_trajectories(compiled: CompiledCircuit, shots: int) -> float:
    """Return about how many different courses ``shots`` shots take.

    One that goes by default everywhere, and one for each shot that does not; measurements and
    resets inside are not counted.
    """
    log_quiet = 0.0
    for step in compiled.steps:
        if isinstance(step, NoisyStep):
            quiet = _choices(step).high - _choices(step).low
            log_quiet += float(np.log(np.maximum(quiet, 1e-300)).sum())
    return 1.0 + shots * -float(np.expm1(log_quiet)) if log_quiet else 1.0


def predicted_seconds(compiled: CompiledCircuit, request: EngineRequest) -> float:
    """Predict the time of a run, planning left out.

    The default course is run once. Every other shot runs from its first event on, half of the
    circuit on average. Each event costs a few calls besides, unless errors are moved to the end.
    Loops and branches count once.
    """
    shots = max(request.shots, 1)
    gates = events = draws = 0.0
    for step in compiled.steps:
        if isinstance(step, SegmentStep):
            gates += len(step.plan.program)
        elif isinstance(step, NoisyStep):
            gates += len(step.program)
            choices = _choices(step)
            events += float((1.0 - (choices.high - choices.low)).sum())
            draws += len(choices)
    rate = _PER_AMPLITUDE[request.dtype.itemsize]
    state = rate * gates * (1 << compiled.num_qubits)
    others = expected_trajectories(compiled, shots) - 1.0
    if PauliFrames.fits(compiled, request):
        return _PER_DRAW * shots * 2 * (events + 1) + state * (1.0 + 0.5 * others)
    seconds = _PER_DRAW * shots * draws
    if others and not isinstance(compiled.steps[-1], SampleStep):
        others = max(others, shots / 2)  # measurements inside keep shots apart
    return seconds + state * (1.0 + 0.5 * others) + _PER_EVENT * shots * events


def _choices(step: NoisyStep) -> DefaultChoices:
    found: DefaultChoices | None = step.cache.get("choices")
    if found is None:
        found = step.cache["choices"] = DefaultChoices(step.sites)
    return found

"""Final states of a tape: the parts of a prepared tape run in turn, projections between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend import Runtime
from quasim_pennylane.observables import project
from quasim_pennylane.programs import Prepared
from quasim_pennylane.translate import Places

__all__ = ["FinalState", "final_state"]


@dataclass(frozen=True, eq=False)
class FinalState:
    """A final state and how likely the projections on the way to it were.

    Attributes:
        run: A `DifferentiableRun`, which holds the state; where there is none, an `EngineRun`.
        places: Qubits of the wires.
        probability: Of all projections; 0 means that there is no state: every result is NaN.
    """

    run: Any
    places: Places
    probability: float

    @property
    def amplitudes(self) -> NDArray[Any]:
        """``(2**n,)``, the first wire most significant; not to be overwritten."""
        state: NDArray[Any] = self.run.state
        return state


def final_state(prepared: Prepared, runtime: Runtime, entry: int | None = None) -> FinalState:
    """Run a tape without chance.

    Args:
        prepared: The tape.
        runtime: What runs it.
        entry: Which entry of a batch.
    """
    state = prepared.initial_state(entry)
    probability = 1.0
    for number, part in enumerate(prepared.parts):
        run = runtime.differentiate(
            part.program.ready(runtime, from_zero=state is None),
            parameters=part.vector(entry),
            initial_state=state,
            keep_idle=True,
        )
        if number == len(prepared.projections):
            break
        projected = project(prepared.projections[number], run.state, prepared.places)
        weight = float(np.vdot(projected, projected).real)
        if weight < 1e-24:  # rounding of amplitudes of size one
            return FinalState(run, prepared.places, 0.0)
        probability *= weight
        state = (projected / np.sqrt(weight)).astype(np.complex128)
    return FinalState(run, prepared.places, probability)

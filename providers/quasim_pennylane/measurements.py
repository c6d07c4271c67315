"""Exact measurements of a final state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.measurements import ExpectationMP, ProbabilityMP, VarianceMP

from quasim_backend import Runtime
from quasim_pennylane.observables import ObservableCache, apply_observable
from quasim_pennylane.programs import ProgramCache
from quasim_pennylane.states import FinalState

__all__ = ["Analyst"]


class Analyst:
    """Takes measurements exactly; keeps what it learned about observables."""

    def __init__(self, runtime: Runtime, programs: ProgramCache) -> None:
        """Take what runs circuits and what remembers them."""
        self.observables = ObservableCache()
        self._runtime = runtime
        self._programs = programs
        single = runtime.config.simulation_precision != "fp64"
        self._complex = np.complex64 if single else np.complex128

    def measure(self, measurements: Sequence[Any], final: FinalState) -> list[Any]:
        """Return the result of each measurement, as PennyLane shapes it."""
        if final.probability == 0.0:
            return [_undefined(mp, final) for mp in measurements]
        results: list[Any] = [None] * len(measurements)
        sums = []
        for number, mp in enumerate(measurements):
            if isinstance(mp, ExpectationMP) and mp.obs is not None:
                found = self.observables(mp.obs, final.places)
                if found is not None:
                    sums.append((number, found))
                    continue
            results[number] = self._one(mp, final)
        # All strings of all sums in one pass over the state for each X mask.
        values = final.run.expectations([s for _, s in sums]).real
        for (number, _), value in zip(sums, values, strict=True):
            results[number] = np.float64(value)
        return results

    def _one(self, mp: Any, final: FinalState) -> Any:
        places = final.places
        if mp.obs is not None and isinstance(mp, ExpectationMP | VarianceMP):
            product = self.applied(mp.obs, final)
            mean = float(np.vdot(final.amplitudes, product).real)
            if isinstance(mp, ExpectationMP):
                return np.float64(mean)
            return np.float64(max(float(np.vdot(product, product).real) - mean**2, 0.0))
        if isinstance(mp, ProbabilityMP) and mp.obs is None and mp.mv is None:
            wires = mp.wires.labels or places.order
            return final.run.probabilities(places.lowest_first(wires))
        order = qml.wires.Wires(places.order)
        if mp.obs is not None:
            final = self._rotated(mp.diagonalizing_gates(), final)
        elif mp.mv is None:
            # Entropies take wires for axes of the state, whatever order they are told.
            mp = mp.map_wires({wire: axis for axis, wire in enumerate(order)})
            order = qml.wires.Wires(range(len(order)))
        result = mp.process_state(final.amplitudes, order)
        if np.iscomplexobj(result):
            # A small state may have been computed in double precision; users get what they asked.
            result = np.array(result, self._complex)
        return result

    def applied(self, obs: Any, final: FinalState) -> NDArray[Any]:
        """Return ``O @ psi``: ``(2**n,)``, the first wire most significant."""
        found = self.observables(obs, final.places)
        if found is not None:
            product: NDArray[Any] = final.run.apply(found)
            return product
        return apply_observable(obs, final.amplitudes, final.places)

    def applied_to(self, obs: Any, amplitudes: NDArray[Any], final: FinalState) -> NDArray[Any]:
        """Return ``O @ amplitudes`` for amplitudes that need not be normalised."""
        norm = float(np.linalg.norm(amplitudes))
        if norm == 0.0:
            return amplitudes
        run = self._runtime.differentiate(
            self._programs.fixed([], final.places),
            initial_state=amplitudes / norm,
            keep_idle=True,
        )
        return norm * self.applied(obs, FinalState(run, final.places, 1.0))

    def _rotated(self, gates: Sequence[Any], final: FinalState) -> FinalState:
        """Return the state with gates applied."""
        if not gates:
            return final
        circuit = self._programs.fixed(gates, final.places)
        run = self._runtime.differentiate(circuit, initial_state=final.amplitudes, keep_idle=True)
        return FinalState(run, final.places, final.probability)


def _undefined(mp: Any, final: FinalState) -> Any:
    """Return a result full of NaN: the postselected outcome cannot occur."""
    shape = mp.shape(shots=None, num_device_wires=final.places.num_qubits)
    kind = np.complex128 if mp.numeric_type is complex else np.float64
    return np.full(shape, np.nan, kind)[()]

"""Exact measurements of Clifford tapes of any width, without amplitudes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pennylane.exceptions import DeviceError
from pennylane.measurements import ExpectationMP, ProbabilityMP, VarianceMP

from quasim_backend import Runtime
from quasim_backend.ir import PauliSum
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.observables import ObservableCache
from quasim_pennylane.programs import Prepared

__all__ = ["Stabilizers"]


class Stabilizers:
    """Measures through a session with ``method="stabilizer"``."""

    def __init__(
        self, runtime: Runtime, observables: ObservableCache, noise: DeviceNoise | None
    ) -> None:
        """Take what runs circuits, what reads observables, and the noise of the device."""
        self._runtime = runtime
        self._observables = observables
        self._noise = noise

    def measure(
        self, measurements: Sequence[Any], prepared: Prepared, entry: int | None
    ) -> list[Any]:
        """Return the result of each measurement, as PennyLane shapes it.

        Args:
            measurements: PennyLane's measurement processes.
            prepared: A tape without mid-circuit measurements.
            entry: Which entry of a batch.

        Raises:
            DeviceError: If one of them needs amplitudes, or the tape starts in given ones.
            QuasimError: If a gate is no Clifford gate.
        """
        if prepared.projections or prepared.initial_state(entry) is not None:
            raise DeviceError(
                "method='stabilizer' starts in |0...0> and takes gates and channels; prepare the "
                "state by gates, or use method='auto'."
            )
        if self._noise is not None and self._noise.readout(prepared.places) is not None:
            raise DeviceError(
                "With readout errors method='stabilizer' needs shots; set them (qml.set_shots)."
            )
        return [self._one(mp, prepared, entry) for mp in measurements]

    def _one(self, mp: Any, prepared: Prepared, entry: int | None) -> Any:
        part, places = prepared.parts[0], prepared.places
        circuit, values = part.program.circuit, part.vector(entry)
        if isinstance(mp, ProbabilityMP) and mp.obs is None and mp.mv is None:
            wires = mp.wires.labels or places.order
            qubits = places.lowest_first(wires)
            return self._runtime.probabilities(circuit, qubits, parameters=values)
        observable: PauliSum | None = None
        if isinstance(mp, ExpectationMP | VarianceMP) and mp.obs is not None:
            observable = self._observables(mp.obs, places)
        if observable is None:
            raise DeviceError(
                f"{mp} needs amplitudes, which method='stabilizer' does not have. Possible are "
                f"expval and var of Pauli operators, probs of some wires, and anything with shots; "
                f"method='auto' has amplitudes."
            )
        if isinstance(mp, VarianceMP):
            return np.float64(self._runtime.variances(circuit, observable, parameters=values)[0])
        found = self._runtime.expectations(circuit, [observable], parameters=values)
        return np.float64(found[0].real)

"""Exact measurements of tapes of any width, by methods that have no amplitudes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.exceptions import DeviceError
from pennylane.measurements import ExpectationMP, ProbabilityMP, VarianceMP

from quasim_backend import Runtime
from quasim_backend.ir import PauliSum
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.observables import ObservableCache
from quasim_pennylane.programs import Prepared

__all__ = ["METHODS", "EngineRun", "WithoutStates", "has_derivatives"]

METHODS = {
    "stabilizer": "stabilizer",
    "matrix_product_state": "mps",
    "tensor_network": "tn",
    "pauli_propagation": "pauli_propagation",
    "extended_stabilizer": "extended_stabilizer",
}
"""Engines that keep no amplitudes, and what the device calls them."""
_DIFFERENTIATES = "tensor_network"


def has_derivatives(method: str, tape: Any = None) -> bool:
    """Return whether a method, one of `METHODS`, has derivatives, if given a tape, of that one."""
    if method != _DIFFERENTIATES:
        return False
    return tape is None or all(
        isinstance(mp, ExpectationMP) and mp.obs is not None and mp.obs.pauli_rep is not None
        for mp in tape.measurements
    )


class EngineRun:
    """Derivatives of a tape by an engine that gives them itself, in place of a final state's."""

    def __init__(self, runtime: Runtime, prepared: Prepared, entry: int | None) -> None:
        """Take a tape without mid-circuit measurements and what differentiates it."""
        if prepared.projections or prepared.initial_state(entry) is not None:
            raise DeviceError(
                "Derivatives of tensor networks start in |0...0>; prepare the state by gates, or "
                "use diff_method='parameter-shift'."
            )
        self._runtime = runtime
        self._circuit = prepared.parts[0].program.circuit
        self._values = prepared.parts[0].vector(entry)

    @property
    def state(self) -> NDArray[Any]:
        """Refuse to give amplitudes.

        Raises:
            DeviceError: Always.
        """
        raise DeviceError(
            "Without amplitudes there are derivatives of expectation values of Pauli operators "
            "only; use diff_method='parameter-shift', or method='auto' on fewer wires."
        )

    def tangent(self, direction: NDArray[np.float64]) -> NDArray[Any]:
        """Refuse to go forward.

        Raises:
            DeviceError: Always.
        """
        raise DeviceError(
            "Without amplitudes there are no Jacobian-vector products; ask for the Jacobian or "
            "for vector-Jacobian products."
        )

    def vjp(
        self, observables: Sequence[PauliSum], cotangents: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return ``cotangents @ jacobian``: float64 ``(number of compiled parameters,)``."""
        return self._runtime.vjp(self._circuit, observables, cotangents, self._values)[1]


class WithoutStates:
    """Measures through a session whose method is one of `METHODS`, or ``auto`` where it is wide."""

    def __init__(
        self, runtime: Runtime, observables: ObservableCache, noise: DeviceNoise | None
    ) -> None:
        """Take what runs circuits, what reads observables, and the noise of the device."""
        self._runtime = runtime
        self._observables = observables
        self._noise = noise
        self._name = METHODS.get(runtime.config.method, runtime.config.method)

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
            QuasimError: If the method cannot do the run.
        """
        if prepared.projections or prepared.initial_state(entry) is not None:
            raise DeviceError(
                f"method='{self._name}' starts in |0...0> and takes gates and channels; prepare "
                "the state by gates, or use method='auto' on fewer wires."
            )
        if self._noise is not None and self._noise.readout(prepared.places) is not None:
            raise DeviceError(
                f"With readout errors method='{self._name}' needs shots; set them (qml.set_shots)."
            )
        part = prepared.parts[0]
        sums = {
            number: found
            for number, mp in enumerate(measurements)
            if isinstance(mp, ExpectationMP) and mp.obs is not None
            if (found := self._observables(mp.obs, prepared.places)) is not None
        }
        values = dict[int, Any]()
        if sums:
            circuit, vector = part.program.circuit, part.vector(entry)
            means = self._runtime.expectations(circuit, [*sums.values()], parameters=vector)
            values = {n: np.float64(mean.real) for n, mean in zip(sums, means, strict=True)}
        return [
            values[number] if number in values else self._one(mp, prepared, entry)
            for number, mp in enumerate(measurements)
        ]

    def _one(self, mp: Any, prepared: Prepared, entry: int | None) -> Any:
        part, places = prepared.parts[0], prepared.places
        circuit, values = part.program.circuit, part.vector(entry)
        if isinstance(mp, ProbabilityMP) and mp.obs is None and mp.mv is None:
            wires = mp.wires.labels or places.order
            qubits = places.lowest_first(wires)
            return self._runtime.probabilities(circuit, qubits, parameters=values)
        observable: PauliSum | None = None
        if isinstance(mp, VarianceMP) and mp.obs is not None:
            observable = self._observables(mp.obs, places)
        if observable is None:
            raise DeviceError(
                f"{mp} needs amplitudes, which method='{self._name}' does not have for "
                f"{len(places.order)} wires. Possible are expval and var of Pauli operators, probs "
                f"of some wires, and anything with shots; method='auto' has those of few wires."
            )
        return np.float64(self._runtime.variances(circuit, observable, parameters=values)[0])

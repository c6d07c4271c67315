"""A trial result that makes Cirq's own state object only when someone asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import cirq
import numpy as np
from numpy.typing import NDArray

__all__ = ["TrialResult"]

SimulationState = cirq.SimulationStateBase[cirq.StateVectorSimulationState]


class TrialResult(cirq.StateVectorTrialResult):
    """Cirq's result of a simulation, around an array of amplitudes.

    It behaves as `cirq.StateVectorTrialResult`, compares equal to one, and is pickled as one.
    """

    def __init__(
        self,
        params: cirq.ParamResolver,
        measurements: dict[str, NDArray[Any]],
        amplitudes: NDArray[Any],
        qubits: Sequence[cirq.Qid],
        replay: Callable[[], SimulationState | None] | None = None,
    ) -> None:
        """Wrap a final state; Cirq's constructor is not called, since it wants a state object.

        Args:
            params: The parameters of this trial.
            measurements: Latest outcome of each key.
            amplitudes: complex ``(2**n,)``, first qubit most significant; kept, not copied, and
                normalised in place when the state vector is asked for first.
            qubits: The qubits in order.
            replay: Repeats the trial in Cirq, for a state object with untangled qubits apart; None
                where one state of all qubits will do.
        """
        self._params = params
        self._measurements = measurements
        self._amplitudes = amplitudes
        self._qubits = tuple(qubits)
        self._qubit_map = {q: i for i, q in enumerate(self._qubits)}
        self._qid_shape = (2,) * len(self._qubits)
        self._merged_sim_state_cache = None
        self._replay = replay

    @property
    def qubit_map(self) -> Mapping[cirq.Qid, int]:
        """Position of each qubit in the order of the state."""
        return self._qubit_map

    @cached_property
    def _final_simulator_state(self) -> SimulationState:  # type: ignore[override]
        replayed = self._replay() if self._replay is not None else None
        return self._whole_state() if replayed is None else replayed

    def _get_merged_sim_state(self) -> cirq.StateVectorSimulationState:
        if self._merged_sim_state_cache is None:
            self._merged_sim_state_cache = self._whole_state()
        return self._merged_sim_state_cache

    def _whole_state(self) -> cirq.StateVectorSimulationState:
        data = cirq.ClassicalDataDictionaryStore(
            _records={
                cirq.MeasurementKey.parse_serialized(key): [tuple(bits.tolist())]
                for key, bits in self._measurements.items()
            }
        )
        return cirq.StateVectorSimulationState(
            initial_state=self._amplitudes,
            qubits=self._qubits,
            dtype=self._amplitudes.dtype.type,
            classical_data=data,
        )

    @cached_property
    def final_state_vector(self) -> NDArray[Any]:
        """The final amplitudes, normalised where that brings the norm closer to 1."""
        state = self._amplitudes
        norm = float(np.sqrt(np.vdot(state, state).real))
        eps = float(np.finfo(state.dtype).eps)
        if abs(norm - 1) > np.sqrt(eps):
            warnings.warn(
                f"final state vector's norm={norm} is too far from 1, {abs(norm - 1)} > "
                f"{np.sqrt(eps)}. It is returned as it is, not normalised.",
                stacklevel=2,
            )
            return state
        # A difference of a few rounding errors is not worth a pass over the state.
        if abs(norm - 1) <= 4 * eps:
            return state
        if self._merged_sim_state_cache is None and "_final_simulator_state" not in vars(self):
            # Nobody has seen the amplitudes: new memory would take longer than the division.
            state *= state.real.dtype.type(1 / norm)
            return state
        normalised: NDArray[Any] = state / state.dtype.type(norm)
        return normalised

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as Cirq's own result."""
        return (
            cirq.StateVectorTrialResult,
            (self._params, self._measurements, self._final_simulator_state),
        )

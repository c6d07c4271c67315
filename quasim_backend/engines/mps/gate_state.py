"""A matrix product state as `quasim_backend.engines.gate_tree.GateTree` uses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.digits import Digits
from quasim_backend.engines.mps import environments, sampling
from quasim_backend.engines.mps.chains import Chain, chain_of_matrix, chain_of_vector
from quasim_backend.engines.mps.schedule import Schedule
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.engines.mps.values import saved_value
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import Save
from quasim_backend.kernels.base import CancelToken

__all__ = ["MpsState"]


class MpsState:
    """A state and the gates that wait for it; whoever looks at the state has them applied first."""

    def __init__(
        self,
        state: MatrixProductState,
        cancel: CancelToken,
        applied: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Wrap a state, which is changed.

        Args:
            state: The state.
            cancel: Stops the application of gates.
            applied: How many of the gates to come are applied already.
            progress: Told which fraction of the gates that wait is applied.
        """
        self._state = state
        self._cancel = cancel
        self._applied = applied
        self._schedule = Schedule(cancel, progress)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return self._settled().nbytes

    def apply(self, gate: Gate, qubits: tuple[int, ...]) -> None:
        """Let a gate wait."""
        if self._applied:
            self._applied -= 1
            return
        self._schedule.add(gate, qubits, self._state)

    def channel_weights(self, channel: Channel, qubits: tuple[int, ...]) -> NDArray[np.float64]:
        """Return ``<K^dagger K>`` of each operator."""
        rho = environments.reduced_density_matrix(self._settled(), qubits)
        effects = [k.conj().T @ k for k in channel.operators]
        return np.array([np.sum(effect * rho.T).real for effect in effects])

    def apply_operator(self, channel: Channel, number: int, qubits: tuple[int, ...]) -> None:
        """Apply one operator of a channel; a mixture's unitary waits like a gate."""
        operator = channel.operators[number]
        if channel.probabilities is not None:
            if not np.array_equal(operator, np.eye(len(operator))):
                self.apply(Gate("unitary", data=operator), qubits)
        elif len(qubits) == 1:
            self._settled().apply_local(operator, qubits[0])
        else:
            self._settled().apply_chain(chain_of_matrix(operator, qubits))

    def probability_of_one(self, qubit: int) -> float:
        """Return the probability to read 1."""
        return float(environments.probabilities(self._settled(), (qubit,))[1])

    def project(self, qubit: int, outcome: int) -> None:
        """Project a qubit onto an outcome."""
        projector = np.diag([1.0 - outcome, outcome])
        self._settled().apply_local(projector, qubit)

    def prepare(self, amplitudes: NDArray[np.complex128], qubits: tuple[int, ...]) -> None:
        """Bring qubits in ``|0...0>`` to some amplitudes, by the operator ``|amplitudes><0|``."""
        sites, tensors = chain_of_vector(amplitudes, qubits)
        from_zero = np.array([1.0, 0.0])
        operators = tuple(t[:, :, None, :] * from_zero[None, None, :, None] for t in tensors)
        self._settled().apply_chain(Chain(sites, operators))

    def set_state(self, amplitudes: NDArray[np.complex128]) -> None:
        """Replace the whole state."""
        self._schedule = Schedule(self._cancel)
        self._state.set_vector(amplitudes)

    def copy(self) -> MpsState:
        """Return an independent copy."""
        return MpsState(self._settled().copy(), self._cancel)

    def sample(self, qubits: Sequence[int], digits: Digits) -> NDArray[np.uint8]:
        """Measure qubits for each shot; the state stays as it is."""
        return sampling.sample(self._settled(), qubits, digits)

    def value(self, save: Save) -> Any:
        """Return what a save point asks for."""
        return saved_value(self._settled(), save)

    def _settled(self) -> MatrixProductState:
        self._schedule.flush(self._state)
        return self._state

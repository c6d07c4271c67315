"""The GPU engine's kernel set: CUDA kernels on a device, or the same ones emulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.inverse import inverse_plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import CancelToken, Collapse, State, Tally
from quasim_backend.kernels.cuda import circuits, moments, paulis, sampling
from quasim_backend.kernels.cuda.device import MAX_MEMBERS, Array, Device
from quasim_backend.kernels.cuda.probabilities import probabilities
from quasim_backend.kernels.cuda.program import program_for

__all__ = ["CudaKernels"]


class CudaKernels:
    """A `KernelSet` on a `Device`; states are its arrays, CuPy's on a GPU.

    Work is queued; what returns numbers to the host waits for it. A token is polled between
    launches. Results do not depend on how blocks are scheduled: the same call gives the same bits.

    Args:
        device: Where states are.
        name: Of the kernel set.
    """

    def __init__(self, device: Device, name: str = "cuda") -> None:
        """Take a device."""
        self.device = device
        self.name = name

    # --- states -------------------------------------------------------------------------------

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate ``|0...0>``, shape ``(2**num_qubits,)``.

        Raises:
            MemoryLimitError: If it does not fit into the device's memory.
        """
        return self.zero_states(1, num_qubits, dtype)[0]

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate a batch of ``|0...0>``, shape ``(batch, 2**num_qubits)``.

        Raises:
            MemoryLimitError: If they do not fit into the device's memory.
        """
        states = self.device.empty((batch, 1 << num_qubits), np.dtype(dtype))
        for members in _portions(batch):
            circuits.prepare_zero(self.device, states[members])
        return states

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> State:
        """Copy host amplitudes into a new state of the given dtype."""
        return self.device.upload(np.ascontiguousarray(amplitudes, dtype))

    def to_host(self, state: State) -> ComplexArray:
        """Return a state, or a batch of them, as a NumPy array; emulated, it is the state."""
        return self.device.download(state)

    def copy(self, state: State) -> State:
        """Return an independent copy."""
        return self.device.copy(state)

    def free_bytes(self) -> int | None:
        """Return the memory that can still be allocated, or None if it is the host's."""
        return self.device.free_bytes()

    def computing(self) -> AbstractContextManager[None]:
        """Make the device current for arrays' own operators; see `ArrayKernels`."""
        return self.device.computing()

    def from_device(self, array: Any, dtype: np.dtype[Any]) -> State:
        """Copy a device array of any library into a new state, or a batch, of the given dtype."""
        return self.device.take(array, dtype)

    def to_device(self, state: State) -> State:
        """Return a state, or a batch of them, as it is: CuPy's array, or NumPy's if emulated."""
        return state

    # --- circuits -----------------------------------------------------------------------------

    def run(
        self,
        plan: ExecutionPlan,
        state: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        collapse: Collapse | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Run a whole straight-line plan, overwriting ``state``.

        One pass over the state a stage.

        Args:
            plan: The schedule.
            state: Overwritten; undefined after `Cancelled`.
            parameters: float64 ``(P,)``.
            cancel: Polled before every launch.
            collapse: Done first.
            tally: Counted in the pass of the last stage, one for `sample` as an array that stays
                on the device. Where no stage ends the plan, qubits that are named take a pass of
                their own, and blocks are not counted.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if collapse is not None:
            self.collapse(state, *collapse)
        self._run(plan, state, parameters, cancel, tally)

    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> State:
        """Return what a plan makes of ``|0...0>``; stages skip what nothing has reached yet.

        ``tally`` as for `run`.

        Raises:
            Cancelled: If ``cancel`` was set.
            MemoryLimitError: If the state does not fit into the device's memory.
        """
        if cancel is not None:
            cancel.check()
        state = self.zero_state(plan.num_qubits, dtype)
        self._run(plan, state, parameters, cancel, tally, from_zero=True)
        return state

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan on every state of a batch, each with its own parameters.

        One launch a stage for the whole batch; a state that is one tile stays in shared memory.

        Args:
            plan: The schedule.
            states: ``(batch, 2**n)``; overwritten.
            parameters: float64 ``(batch, P)``, on the host or on the device.
            cancel: Polled before every launch.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if cancel is not None:
            cancel.check()
        for members in _portions(len(states)):
            circuits.run(self.device, plan, states[members], parameters[members], cancel)

    def passes(self, plan: ExecutionPlan, dtype: np.dtype[Any]) -> int:
        """Return how often running a plan reads and writes the state."""
        return program_for(plan, dtype, self.device).passes

    def _run(
        self,
        plan: ExecutionPlan,
        state: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None,
        tally: Tally | None,
        *,
        from_zero: bool = False,
    ) -> None:
        counted: Sequence[int] | None = None
        if tally is not None:
            counted = tally.qubits
            if counted is None:
                counted = sampling.block_qubits(plan.num_qubits)
        rows = np.asarray(parameters)[None]
        sums = circuits.run(
            self.device, plan, state[None], rows, cancel, from_zero=from_zero, counted=counted
        )
        if tally is None:
            return
        if tally.qubits is None:
            tally.sums = None if sums is None else sums[0]
        elif sums is None:
            tally.sums = self.probabilities(state, tally.qubits)
        else:
            tally.sums = self.device.download(sums[0])

    # --- measuring ----------------------------------------------------------------------------

    def norm_squared(self, state: State) -> float:
        """Return ``sum |a|**2``, accumulated in float64."""
        return float(self.probabilities(state, ())[0])

    def probabilities(self, state: State, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``."""
        return self.device.download(probabilities(self.device, state[None], qubits)[0])

    def collapse(self, state: State, qubits: Sequence[int], outcome: int, scale: float) -> None:
        """Zero every amplitude whose ``qubits`` differ from ``outcome``; multiply the rest."""
        circuits.collapse(self.device, state, qubits, outcome, scale)

    def sample(
        self, state: State, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Draw basis states by inverse transform: one index for each uniform, in its order.

        One pass over the state, which a ``tally`` that the run has counted spares.

        Raises:
            ValueError: If the state's norm is zero or not finite, or a uniform is out of range.
        """
        drawn: NDArray[np.uint64]
        if tally is None or tally.sums is None or not uniforms.size:
            drawn = self.sample_batch(state[None], uniforms[None])[0]
        else:
            sums: Array = tally.sums
            result = sampling.sample(self.device, state[None], uniforms[None], sums[None])
            drawn = self.device.download(result)[0]
        return drawn

    def sample_batch(self, states: State, uniforms: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Draw from every state of a batch as `sample` does: uint64 ``(batch, shots)``."""
        result = np.empty(uniforms.shape, np.uint64)
        for members in _portions(len(states) if uniforms.size else 0):
            drawn = sampling.sample(self.device, states[members], uniforms[members])
            result[members] = self.device.download(drawn)
        return result

    def pauli_expectations(
        self, state: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for each Hermitian Pauli string: float64 ``(terms,)``."""
        values: NDArray[np.float64] = self.pauli_expectations_batch(state[None], x_masks, z_masks)[
            0
        ]
        return values

    def pauli_expectations_batch(
        self, states: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for every state and string: float64 ``(batch, terms)``."""
        result = np.empty((len(states), len(x_masks)))
        for members in _portions(len(states)):
            result[members] = paulis.pauli_expectations(
                self.device, states[members], x_masks, z_masks
            )
        return result

    def inner(self, left: State, right: State) -> complex:
        """Return ``<left|right>``, accumulated in double precision."""
        return moments.inner(self.device, left, right)

    def reduced_density_matrix(self, state: State, qubits: Sequence[int]) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``."""
        return self.device.download(moments.reduced_density_matrix(self.device, state, qubits))

    def sparse_moments(
        self,
        state: State,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix."""
        return moments.sparse_moments(self.device, state, values, columns, row_start)

    def apply_pauli_sum(
        self,
        state: State,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> State:
        """Return ``sum(weights[t] * P_t) @ state`` as a new state of the same dtype."""
        return paulis.apply_pauli_sum(self.device, state[None], x_masks, z_masks, weights)[0]

    # --- derivatives --------------------------------------------------------------------------

    def adjoint(
        self,
        plan: ExecutionPlan,
        state: State,
        bra: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        discard: bool = False,
    ) -> NDArray[np.float64]:
        """Un-compute two states through a unitary plan, and differentiate on the way.

        Both states are in a tile at the same time: one pass over the two a stage.

        Returns:
            float64 ``(len(plan.program),)``: the derivative of ``2 * Re <bra|state>`` with respect
            to the angle of each primitive that depends on a parameter.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        mode = "pruned adjoint" if discard else "adjoint"
        undo = inverse_plan(plan)
        return circuits.run_pair(
            self.device, undo, mode, state, bra, np.asarray(parameters), cancel=cancel
        )

    def tangent(
        self,
        plan: ExecutionPlan,
        state: State,
        derivative: State,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run a plan on a state and on its derivative along a direction, overwriting both.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        values, rates = np.asarray(parameters), np.asarray(direction)
        circuits.run_pair(self.device, plan, "tangent", state, derivative, values, rates, cancel)


def _portions(batch: int) -> Iterator[slice]:
    """Yield the members of a batch, as many as a launch can take at a time."""
    for first in range(0, batch, MAX_MEMBERS):
        yield slice(first, min(first + MAX_MEMBERS, batch))

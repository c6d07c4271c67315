"""The null kernel set: computes nothing and counts everything.

It lets planning, memory limits and the course of a run be tested at any width: a state is a small
handle, never an array of ``2**n`` amplitudes. Every state passes for ``|0...0>``.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import CancelToken, Collapse, Tally

__all__ = ["NullKernels", "NullState"]


class NullState:
    """A handle that stands for ``2**num_qubits`` amplitudes, or for a batch of such states."""

    __slots__ = ("__weakref__", "batch", "dtype", "num_qubits")

    def __init__(self, num_qubits: int, dtype: np.dtype[Any], batch: int | None = None) -> None:
        """Make a handle; nothing is allocated."""
        self.num_qubits = num_qubits
        self.dtype = np.dtype(dtype)
        self.batch = batch

    @property
    def nbytes(self) -> int:
        """Bytes the state would take."""
        one = self.dtype.itemsize << self.num_qubits
        return one if self.batch is None else self.batch * one


class NullKernels:
    """A `KernelSet` that counts.

    Attributes:
        calls: Number of calls by method name.
        stages: Stages of all plans run, that is, passes over memory.
        primitives: Primitives of all plans run; those that cancelled are left out.
        bytes_moved: Bytes that all plans run would have read and written.
        live_bytes: Bytes of all states that exist now.
        peak_bytes: Largest value ``live_bytes`` has had.
    """

    name = "null"

    def __init__(self) -> None:
        """Start with all counters at zero."""
        self.calls: Counter[str] = Counter()
        self.stages = 0
        self.primitives = 0
        self.bytes_moved = 0
        self.live_bytes = 0
        self.peak_bytes = 0

    @staticmethod
    def is_available() -> str | None:
        """Return None: counting is always possible."""
        return None

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> NullState:
        """Return a handle for ``|0...0>``."""
        self.calls["zero_state"] += 1
        return self._new(num_qubits, dtype)

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> NullState:
        """Return a handle of the amplitudes' width; their values are not kept."""
        self.calls["from_host"] += 1
        return self._new(len(amplitudes).bit_length() - 1, dtype)

    def to_host(self, state: NullState) -> ComplexArray:
        """Return a read-only view of one zero, ``(2**n,)`` or ``(batch, 2**n)``, without memory."""
        self.calls["to_host"] += 1
        rows = () if state.batch is None else (state.batch,)
        return np.broadcast_to(np.zeros((), state.dtype), (*rows, 1 << state.num_qubits))

    def copy(self, state: NullState) -> NullState:
        """Return another handle."""
        self.calls["copy"] += 1
        return self._new(state.num_qubits, state.dtype)

    def run(
        self,
        plan: ExecutionPlan,
        state: NullState,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        collapse: Collapse | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Count a plan's stages, primitives and bytes.

        Raises:
            ParameterError: If ``parameters`` does not fit the plan.
            Cancelled: If ``cancel`` was set.
        """
        if collapse is not None:
            self.collapse(state, *collapse)
        self.calls["run"] += 1
        plan.program.check_parameters(parameters)
        if cancel is not None:
            cancel.check()
        self.stages += plan.num_stages
        self.primitives += len(plan.op_members)
        self.bytes_moved += plan.bytes_moved(state.dtype.itemsize)

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> NullState:
        """Return a handle for a batch of ``|0...0>``."""
        self.calls["zero_states"] += 1
        return self._new(num_qubits, dtype, batch)

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: NullState,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Count the plan's stages, primitives and bytes once for each member.

        Raises:
            ParameterError: If a row of ``parameters`` does not fit the plan.
            Cancelled: If ``cancel`` was set.
        """
        self.calls["run_batch"] += 1
        if cancel is not None:
            cancel.check()
        for values in parameters:
            self.run(plan, states, values, cancel)
            self.calls["run"] -= 1

    def sample_batch(self, states: NullState, uniforms: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Return index 0 for each uniform."""
        self.calls["sample_batch"] += 1
        return np.zeros(uniforms.shape, np.uint64)

    def pauli_expectations_batch(
        self, states: NullState, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return the values in ``|0...0>`` for every member."""
        self.calls["pauli_expectations_batch"] += 1
        values = (x_masks == 0).astype(np.float64)
        return np.tile(values, (states.batch or 0, 1))

    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> NullState:
        """Return what a plan makes of ``|0...0>``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        state = self.zero_state(plan.num_qubits, dtype)
        self.run(plan, state, parameters, cancel, tally=tally)
        return state

    def norm_squared(self, state: NullState) -> float:
        """Return 1."""
        self.calls["norm_squared"] += 1
        return 1.0

    def probabilities(self, state: NullState, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return certainty of outcome 0: float64 ``(2**k,)``."""
        self.calls["probabilities"] += 1
        result = np.zeros(1 << len(qubits))
        result[0] = 1
        return result

    def collapse(self, state: NullState, qubits: Sequence[int], outcome: int, scale: float) -> None:
        """Count the call."""
        self.calls["collapse"] += 1

    def sample(
        self, state: NullState, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Return index 0 for each uniform."""
        self.calls["sample"] += 1
        return np.zeros(len(uniforms), np.uint64)

    def pauli_expectations(
        self, state: NullState, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return the values in ``|0...0>``: 1 for strings of I and Z, else 0."""
        self.calls["pauli_expectations"] += 1
        values: NDArray[np.float64] = (x_masks == 0).astype(np.float64)
        return values

    def inner(self, left: NullState, right: NullState) -> complex:
        """Return 1."""
        self.calls["inner"] += 1
        return 1.0 + 0.0j

    def reduced_density_matrix(
        self, state: NullState, qubits: Sequence[int]
    ) -> NDArray[np.complex128]:
        """Return the density matrix of ``|0...0>``: complex128 ``(2**k, 2**k)``."""
        self.calls["reduced_density_matrix"] += 1
        matrix = np.zeros((1 << len(qubits), 1 << len(qubits)), np.complex128)
        matrix[0, 0] = 1
        return matrix

    def sparse_moments(
        self,
        state: NullState,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return the moments in ``|0...0>``, from the matrix's first column."""
        self.calls["sparse_moments"] += 1
        first = columns == 0
        top = int(row_start[1])
        column_norm = float(np.sum(np.abs(values[first]) ** 2))
        return complex(values[:top][first[:top]].sum()), column_norm

    def apply_pauli_sum(
        self,
        state: NullState,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> NullState:
        """Return another handle."""
        self.calls["apply_pauli_sum"] += 1
        return self._new(state.num_qubits, state.dtype)

    def adjoint(
        self,
        plan: ExecutionPlan,
        state: NullState,
        bra: NullState,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        discard: bool = False,
    ) -> NDArray[np.float64]:
        """Count both passes of the plan; return zeros ``(len(plan.program),)``.

        Raises:
            ParameterError: If ``parameters`` does not fit the plan.
            Cancelled: If ``cancel`` was set.
        """
        self.calls["adjoint"] += 1
        for undone in (state, bra):
            self.run(plan, undone, parameters, cancel)
        self.calls["run"] -= 2
        return np.zeros(len(plan.program))

    def tangent(
        self,
        plan: ExecutionPlan,
        state: NullState,
        derivative: NullState,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Count a pass of the plan over each state.

        Raises:
            ParameterError: If ``parameters`` or ``direction`` does not fit the plan.
            Cancelled: If ``cancel`` was set.
        """
        self.calls["tangent"] += 1
        plan.program.check_parameters(direction)
        for carried in (state, derivative):
            self.run(plan, carried, parameters, cancel)
        self.calls["run"] -= 2

    def _new(self, num_qubits: int, dtype: np.dtype[Any], batch: int | None = None) -> NullState:
        state = NullState(num_qubits, dtype, batch)
        self.live_bytes += state.nbytes
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(state, self._release, state.nbytes)
        return state

    def _release(self, nbytes: int) -> None:
        self.live_bytes -= nbytes

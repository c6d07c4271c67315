"""The reference kernel set: NumPy, slow and obvious. Every other kernel set must agree with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.inverse import inverse_plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray, PrimitiveKind, Program
from quasim_backend.kernels.base import CancelToken, Collapse, Tally

__all__ = ["ReferenceKernels"]


class ReferenceKernels:
    """A `KernelSet` that runs every plan primitive by primitive, in the plan's order.

    A state is a NumPy array ``(2**n,)``. Sums are taken in double precision.
    """

    name = "reference"

    @staticmethod
    def is_available() -> str | None:
        """Return None: NumPy is always there."""
        return None

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> ComplexArray:
        """Allocate ``|0...0>``, shape ``(2**num_qubits,)``."""
        state = np.zeros(1 << num_qubits, dtype)
        state[0] = 1
        return state

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> ComplexArray:
        """Copy host amplitudes into a new state of the given dtype."""
        return np.array(amplitudes, dtype=dtype)

    def to_host(self, state: ComplexArray) -> ComplexArray:
        """Return the state itself."""
        return state

    def copy(self, state: ComplexArray) -> ComplexArray:
        """Return an independent copy."""
        return state.copy()

    def run(
        self,
        plan: ExecutionPlan,
        state: ComplexArray,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        collapse: Collapse | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Run a whole straight-line plan, overwriting ``state``.

        Args:
            plan: The schedule; ``plan.num_qubits`` matches the state.
            state: Overwritten; undefined after `Cancelled`.
            parameters: float64 ``(len(plan.program.parameters),)``.
            cancel: Polled before every stage.
            collapse: Done first.
            tally: Counted if it names qubits.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if collapse is not None:
            self.collapse(state, *collapse)
        angles = plan.program.angles(parameters)
        for stage in range(plan.num_stages):
            if cancel is not None:
                cancel.check()
            for op in range(int(plan.stage_start[stage]), int(plan.stage_start[stage + 1])):
                for member in plan.members(op).tolist():
                    _apply(plan.program, member, float(angles[member]), state)
        if tally is not None and tally.qubits is not None:
            tally.sums = self.probabilities(state, tally.qubits)

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> ComplexArray:
        """Allocate a batch of ``|0...0>``, shape ``(batch, 2**num_qubits)``."""
        states = np.zeros((batch, 1 << num_qubits), dtype)
        states[:, 0] = 1
        return states

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: ComplexArray,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan on every state of a batch, one after the other, overwriting ``states``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if cancel is not None:
            cancel.check()
        for state, values in zip(states, parameters, strict=True):
            self.run(plan, state, values, cancel)

    def sample_batch(
        self, states: ComplexArray, uniforms: NDArray[np.float64]
    ) -> NDArray[np.uint64]:
        """Draw from every state of a batch: uint64 ``(batch, shots)``."""
        result = np.empty(uniforms.shape, np.uint64)
        for row, (state, own) in enumerate(zip(states, uniforms, strict=True)):
            result[row] = self.sample(state, own)
        return result

    def pauli_expectations_batch(
        self, states: ComplexArray, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for every state and string: float64 ``(batch, terms)``."""
        result = np.empty((len(states), len(x_masks)), np.float64)
        for row, state in enumerate(states):
            result[row] = self.pauli_expectations(state, x_masks, z_masks)
        return result

    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> ComplexArray:
        """Return what a plan makes of ``|0...0>``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        state = self.zero_state(plan.num_qubits, dtype)
        self.run(plan, state, parameters, cancel, tally=tally)
        return state

    def norm_squared(self, state: ComplexArray) -> float:
        """Return ``sum |a|**2``, accumulated in float64."""
        return float(_weights(state).sum())

    def probabilities(self, state: ComplexArray, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``."""
        outcomes = _extract(_indices(state), qubits).astype(np.int64)
        result = np.zeros(1 << len(qubits))
        np.add.at(result, outcomes, _weights(state))
        return result

    def collapse(
        self, state: ComplexArray, qubits: Sequence[int], outcome: int, scale: float
    ) -> None:
        """Zero every amplitude whose ``qubits`` differ from ``outcome``; multiply the rest."""
        kept = _extract(_indices(state), qubits) == np.uint64(outcome)
        state[~kept] = 0
        state[kept] *= scale

    def sample(
        self, state: ComplexArray, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Draw basis states by inverse transform: one index for each uniform, in its order."""
        cdf = np.cumsum(_weights(state))
        drawn = np.searchsorted(cdf, uniforms * cdf[-1], side="right")
        last = np.searchsorted(cdf, cdf[-1], side="left")
        indices: NDArray[np.uint64] = np.minimum(drawn, last).astype(np.uint64)
        return indices

    def pauli_expectations(
        self, state: ComplexArray, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for each Hermitian Pauli string: float64 ``(terms,)``."""
        wide = state.astype(np.complex128)
        return np.array(
            [
                np.vdot(wide, _pauli_product(wide, int(x), int(z))).real
                for x, z in zip(x_masks, z_masks, strict=True)
            ],
            np.float64,
        )

    def inner(self, left: ComplexArray, right: ComplexArray) -> complex:
        """Return ``<left|right>``, accumulated in double precision."""
        return complex(np.vdot(left.astype(np.complex128), right.astype(np.complex128)))

    def reduced_density_matrix(
        self, state: ComplexArray, qubits: Sequence[int]
    ) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``."""
        index = _indices(state)
        base = index[_extract(index, qubits) == 0]
        rows = state[_deposit(1 << len(qubits), qubits)[:, None] | base].astype(np.complex128)
        matrix: NDArray[np.complex128] = rows @ rows.conj().T
        return matrix

    def sparse_moments(
        self,
        state: ComplexArray,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix."""
        wide = state.astype(np.complex128)
        product = np.zeros(len(wide), np.complex128)
        np.add.at(
            product, np.repeat(np.arange(len(wide)), np.diff(row_start)), values * wide[columns]
        )
        return complex(np.vdot(wide, product)), float(np.vdot(product, product).real)

    def apply_pauli_sum(
        self,
        state: ComplexArray,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> ComplexArray:
        """Return ``sum(weights[t] * P_t) @ state`` as a new state of the same dtype."""
        total = np.zeros(len(state), np.complex128)
        for x, z, weight in zip(x_masks, z_masks, weights, strict=True):
            total += weight * _pauli_product(state.astype(np.complex128), int(x), int(z))
        return total.astype(state.dtype)

    def adjoint(
        self,
        plan: ExecutionPlan,
        state: ComplexArray,
        bra: ComplexArray,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        discard: bool = False,
    ) -> NDArray[np.float64]:
        """Un-compute two states through a unitary plan, and differentiate on the way.

        Returns:
            float64 ``(len(plan.program),)``: the derivative of ``2 * Re <bra|state>`` with respect
            to the angle of each primitive that depends on a parameter.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        undo = inverse_plan(plan)
        program = undo.program
        angles = program.angles(parameters)
        parametric = np.diff(program.term_start) > 0
        derivatives = np.zeros(len(program))
        for member in undo.op_members.tolist():
            if cancel is not None:
                cancel.check()
            if parametric[member]:
                derivatives[member] = _derivative(program, member, state, bra)
            _apply(program, member, float(angles[member]), state)
            _apply(program, member, float(angles[member]), bra)
        return derivatives

    def tangent(
        self,
        plan: ExecutionPlan,
        state: ComplexArray,
        derivative: ComplexArray,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run a plan on a state and on its derivative along a direction, overwriting both.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        program = plan.program
        angles = program.angles(parameters)
        rates = program.angles(direction) - program.angles(np.zeros_like(direction))
        for member in plan.op_members.tolist():
            if cancel is not None:
                cancel.check()
            _apply(program, member, float(angles[member]), state)
            _apply(program, member, float(angles[member]), derivative)
            if rates[member]:
                derivative += rates[member] * _generated(program, member, state)


def _indices(state: ComplexArray) -> NDArray[np.uint64]:
    return np.arange(len(state), dtype=np.uint64)


def _weights(state: ComplexArray) -> NDArray[np.float64]:
    return state.real.astype(np.float64) ** 2 + state.imag.astype(np.float64) ** 2


def _extract(index: NDArray[np.uint64], qubits: Sequence[int]) -> NDArray[np.uint64]:
    """Return the value of ``qubits`` in each index, ``qubits[0]`` lowest."""
    value = np.zeros_like(index)
    for place, qubit in enumerate(qubits):
        value |= (index >> np.uint64(qubit) & np.uint64(1)) << np.uint64(place)
    return value


def _deposit(size: int, qubits: Sequence[int]) -> NDArray[np.uint64]:
    """Return, for each value ``0..size-1``, the index that has it in ``qubits``."""
    value = np.arange(size, dtype=np.uint64)
    index = np.zeros_like(value)
    for place, qubit in enumerate(qubits):
        index |= (value >> np.uint64(place) & np.uint64(1)) << np.uint64(qubit)
    return index


def _pauli_product(state: ComplexArray, x_mask: int, z_mask: int) -> ComplexArray:
    """Return ``P @ state`` with ``P|i> = i**|x & z| * (-1)**|i & z| |i ^ x>``."""
    source = _indices(state) ^ np.uint64(x_mask)
    sign = 1 - 2 * (np.bitwise_count(source & np.uint64(z_mask)) & 1).astype(np.int8)
    product: ComplexArray = 1j ** ((x_mask & z_mask).bit_count() % 4) * sign * state[source]
    return product


def _apply(program: Program, number: int, angle: float, state: ComplexArray) -> None:
    """Apply one primitive, overwriting ``state``."""
    mask = program.control_mask[number]
    index = _indices(state)
    active = index[(index & mask) == program.control_value[number]]
    targets = program.targets[program.target_start[number] : program.target_start[number + 1]]
    data = program.data[program.data_start[number] : program.data_start[number + 1]]
    kind = PrimitiveKind(int(program.kind[number]))

    if kind is PrimitiveKind.PHASE:
        state[active] *= np.exp(1j * angle)
    elif kind is PrimitiveKind.ROTATION:
        product = _pauli_product(state, int(program.x_mask[number]), int(program.z_mask[number]))
        cosine, sine = np.cos(angle / 2), np.sin(angle / 2)
        state[active] = cosine * state[active] - 1j * sine * product[active]
    elif kind is PrimitiveKind.DIAGONAL:
        state[active] *= data[_extract(active, targets.tolist())]
    else:
        # One row for each setting of the other qubits, one column for each value of the targets.
        columns = _deposit(1 << len(targets), targets.tolist())
        rows = active[_extract(active, targets.tolist()) == 0][:, None] | columns
        if kind is PrimitiveKind.MATRIX:
            state[rows] = state[rows] @ data.reshape(len(columns), len(columns)).T
        else:
            table = program.table[program.table_start[number] : program.table_start[number + 1]]
            state[rows[:, table]] = state[rows]


def _derivative(program: Program, number: int, state: ComplexArray, bra: ComplexArray) -> float:
    """Differentiate ``2 * Re <bra|state>`` by the angle of the primitive that acted last."""
    change = _generated(program, number, state.astype(np.complex128))
    return float(2 * np.vdot(bra.astype(np.complex128), change).real)


def _generated(program: Program, number: int, state: ComplexArray) -> ComplexArray:
    """Return the derivative of ``state`` by the angle of the primitive that acted last."""
    active = (_indices(state) & program.control_mask[number]) == program.control_value[number]
    if PrimitiveKind(int(program.kind[number])) is PrimitiveKind.PHASE:
        return np.where(active, 1j * state, 0)
    product = _pauli_product(state, int(program.x_mask[number]), int(program.z_mask[number]))
    return np.where(active, -0.5j * product, 0)

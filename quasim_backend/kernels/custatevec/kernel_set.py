"""cuStateVec as a `KernelSet`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import OptionError
from quasim_backend.ir.inverse import inverse_plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray, PrimitiveKind, Program
from quasim_backend.kernels.base import CancelToken, Collapse, Tally
from quasim_backend.kernels.custatevec.calls import ALIGNMENT, Array, Calls
from quasim_backend.kernels.custatevec.fusion import fused
from quasim_backend.kernels.custatevec.operations import (
    Operation,
    Rotation,
    controls_of,
    operations_of,
    primitive,
    string_of,
)

__all__ = ["CuStateVecKernels"]

_CHUNK = 1 << 24
"""Amplitudes that are widened to double precision at one time: 256 MiB."""

Method = TypeVar("Method", bound=Callable[..., Any])


def _in_place(method: Method) -> Method:
    """Make a method run on the kernel set's GPU, with errors as QuASIM's."""

    @wraps(method)
    def call(self: CuStateVecKernels, *args: Any, **kwargs: Any) -> Any:
        with self._calls.active():
            return method(self, *args, **kwargs)

    return cast("Method", call)


class CuStateVecKernels:
    """`KernelSet` whose states are CuPy arrays, by calls of cuStateVec.

    Every method but `zero_state` and `from_host` trusts its states to be its own. Members of a
    batch run one after the other.
    """

    name = "custatevec"

    def __init__(
        self, max_qubits: int = 5, *, device_id: int = 0, calls: Calls | None = None
    ) -> None:
        """Open the library.

        Args:
            max_qubits: Widest matrix that neighbouring operations of a plan are multiplied into,
                1 to 10; 1 leaves the plan's operations as they are.
            device_id: Number of the GPU.
            calls: How to reach the library; None for the GPU.

        Raises:
            OptionError: If ``max_qubits`` is out of range.
            DeviceError: If cuStateVec cannot be used; the message says why.
        """
        if not 1 <= max_qubits <= 10:
            raise OptionError(f"max_qubits is {max_qubits}; give an integer from 1 to 10.")
        if calls is None:
            from quasim_backend.kernels.custatevec.gpu import GpuCalls

            calls = GpuCalls(device_id)
        self._calls = calls
        self._max_qubits = max_qubits

    # --- states -------------------------------------------------------------------------------

    @_in_place
    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> Array:
        """Allocate ``|0...0>``, shape ``(2**num_qubits,)``."""
        state = self._calls.arrays.zeros(1 << num_qubits, dtype)
        state[0] = 1
        return state

    @_in_place
    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> Array:
        """Allocate a batch of ``|0...0>``, shape ``(batch, 2**num_qubits)``."""
        states = self._calls.arrays.zeros((batch, 1 << num_qubits), dtype)
        states[:, 0] = 1
        return states

    @_in_place
    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> Array:
        """Copy host amplitudes into a new state of the given dtype."""
        return self._calls.arrays.array(amplitudes, dtype)

    @_in_place
    def to_host(self, state: Array) -> ComplexArray:
        """Copy a state, or a batch of them, into a NumPy array."""
        return self._calls.download(state)

    def computing(self) -> AbstractContextManager[None]:
        """Make the GPU current for arrays' own operators; see `ArrayKernels`."""
        return self._calls.active()

    @_in_place
    def from_device(self, array: Any, dtype: np.dtype[Any]) -> Array:
        """Copy a device array of any library into a new state, or a batch, of the given dtype.

        Args:
            array: Amplitudes, with ``__dlpack__`` or ``__cuda_array_interface__``.
            dtype: complex64 or complex128.
        """
        xp = self._calls.arrays
        if not hasattr(array, "__cuda_array_interface__"):
            array = xp.from_dlpack(array)
        return xp.array(array, dtype)

    def to_device(self, state: Array) -> Array:
        """Return a state, or a batch of them: a CuPy array."""
        return state

    @_in_place
    def free_bytes(self) -> int | None:
        """Return the memory of the GPU that can still be allocated."""
        return self._calls.free_bytes()

    @_in_place
    def copy(self, state: Array) -> Array:
        """Return an independent copy."""
        return state.copy()

    # --- plans --------------------------------------------------------------------------------

    @_in_place
    def run(
        self,
        plan: ExecutionPlan,
        state: Array,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        collapse: Collapse | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Run a whole straight-line plan, overwriting ``state``; one call an operation.

        The operations of the last parameters are kept in ``plan.cache``, on the GPU.

        Raises:
            Cancelled: If ``cancel`` was set; polled before every call.
        """
        if collapse is not None:
            self.collapse(state, *collapse)
        for operation in self.operations(plan, parameters):
            if cancel is not None:
                cancel.check()
            self._calls.apply(operation, state)
        if tally is not None and tally.qubits is not None:
            tally.sums = self.probabilities(state, tally.qubits)

    @_in_place
    def operations(self, plan: ExecutionPlan, parameters: NDArray[np.float64]) -> list[Operation]:
        """Return the calls that a plan takes, each a pass over the state."""
        key, known = f"custatevec {self._max_qubits}", parameters.tobytes()
        cached = plan.cache.get(key)
        if cached is not None and cached[0] is self._calls and cached[1] == known:
            kept: list[Operation] = cached[2]
            return kept
        made = list(operations_of(plan, plan.program.angles(parameters)))
        if self._max_qubits > 1:
            made = fused(made, self._max_qubits)
        made = [self._calls.resident(operation) for operation in made]
        plan.cache[key] = (self._calls, known, made)
        return made

    @_in_place
    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> Array:
        """Return what a plan makes of ``|0...0>``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        state = self.zero_state(plan.num_qubits, dtype)
        self.run(plan, state, parameters, cancel, tally=tally)
        return state

    @_in_place
    def run_batch(
        self,
        plan: ExecutionPlan,
        states: Array,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan on every state of a batch, one after the other, overwriting ``states``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if cancel is not None:
            cancel.check()
        for member, (state, values) in enumerate(zip(_members(states), parameters, strict=True)):
            self.run(plan, state, values, cancel)
            if not _is_aligned(states):
                states[member] = state

    # --- measurement --------------------------------------------------------------------------

    @_in_place
    def norm_squared(self, state: Array) -> float:
        """Return ``sum |a|**2``."""
        return float(self.probabilities(state, ())[0])

    @_in_place
    def probabilities(self, state: Array, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``."""
        if len(state) == 1:
            return np.abs(self._calls.download(state).astype(np.complex128)) ** 2
        return self._calls.squared_norms(state, [int(q) for q in qubits])

    @_in_place
    def collapse(self, state: Array, qubits: Sequence[int], outcome: int, scale: float) -> None:
        """Zero every amplitude whose ``qubits`` differ from ``outcome``; multiply the rest."""
        bits = [outcome >> k & 1 for k in range(len(qubits))]
        by_norm = len(bits) > 0 and scale > 0
        if bits:
            norm = scale**-2 if by_norm else 1.0
            self._calls.collapse(state, [int(q) for q in qubits], bits, norm)
        if not by_norm:
            state *= state.dtype.type(scale)

    @_in_place
    def sample(
        self, state: Array, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Draw basis states by inverse transform: uint64 ``(shots,)``, in the uniforms' order."""
        if len(state) == 1 or len(uniforms) == 0:
            return np.zeros(len(uniforms), np.uint64)
        return self._calls.sample(state, uniforms).astype(np.uint64)

    @_in_place
    def sample_batch(self, states: Array, uniforms: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Draw from every state of a batch: uint64 ``(batch, shots)``."""
        result = np.empty(uniforms.shape, np.uint64)
        for row, (state, own) in enumerate(zip(_members(states), uniforms, strict=True)):
            result[row] = self.sample(state, own)
        return result

    # --- observables --------------------------------------------------------------------------

    @_in_place
    def pauli_expectations(
        self, state: Array, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for each Hermitian Pauli string: float64 ``(terms,)``."""
        if len(x_masks) == 0 or len(state) == 1:
            return np.full(len(x_masks), self.norm_squared(state))
        return self._calls.pauli_expectations(state, x_masks, z_masks)

    @_in_place
    def pauli_expectations_batch(
        self, states: Array, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return the same for every state of a batch: float64 ``(batch, terms)``."""
        result = np.empty((len(states), len(x_masks)), np.float64)
        for row, state in enumerate(_members(states)):
            result[row] = self.pauli_expectations(state, x_masks, z_masks)
        return result

    @_in_place
    def inner(self, left: Array, right: Array) -> complex:
        """Return ``<left|right>``, accumulated in double precision."""
        total = 0j
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            wide = (a[part].astype(np.complex128) for a in (left, right))
            total += complex(self._calls.arrays.vdot(*wide))
        return total

    @_in_place
    def reduced_density_matrix(self, state: Array, qubits: Sequence[int]) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``."""
        matrix: Any = 0
        for rows in _rows(state, [int(q) for q in qubits]):
            matrix = matrix + rows @ rows.conj().T
        return self._calls.download(matrix)

    @_in_place
    def sparse_moments(
        self,
        state: Array,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix."""
        product = self._calls.sparse_product(values, columns, row_start, state)
        return self.inner(state, product), self.inner(product, product).real

    @_in_place
    def apply_pauli_sum(
        self,
        state: Array,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> Array:
        """Return ``sum(weights[t] * P_t) @ state`` as a new state of the same dtype.

        Needs a copy of the state and the sum in complex128 beside it.
        """
        total = self._calls.arrays.zeros(len(state), np.complex128)
        for x, z, weight in zip(x_masks, z_masks, weights, strict=True):
            factor, product = self._string_product(state.copy(), int(x), int(z))
            total += complex(weight) * factor * product
        return total.astype(state.dtype)

    # --- derivatives --------------------------------------------------------------------------

    @_in_place
    def adjoint(
        self,
        plan: ExecutionPlan,
        state: Array,
        bra: Array,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        discard: bool = False,
    ) -> NDArray[np.float64]:
        """Un-compute two states through a unitary plan, and differentiate on the way.

        Primitive by primitive: one call on each state, and for every angle that depends on a
        parameter a third state and an inner product.

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
                factor, change = self._generated(program, member, state)
                derivatives[member] = 2 * (factor * self.inner(bra, change)).real
            step = self._calls.resident(primitive(program, member, float(angles[member])))
            self._calls.apply(step, state)
            self._calls.apply(step, bra)
        return derivatives

    @_in_place
    def tangent(
        self,
        plan: ExecutionPlan,
        state: Array,
        derivative: Array,
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
            step = self._calls.resident(primitive(program, member, float(angles[member])))
            self._calls.apply(step, state)
            self._calls.apply(step, derivative)
            if rates[member]:
                factor, change = self._generated(program, member, state)
                derivative += state.dtype.type(rates[member] * factor) * change

    def _generated(self, program: Program, number: int, state: Array) -> tuple[complex, Array]:
        """Return the derivative of ``state`` by the angle of the primitive that acted last.

        Returns:
            A factor and a new state, whose product it is.
        """
        controls, values = controls_of(program, number)
        change = state.copy()
        if controls:
            self._calls.collapse(change, controls, values, 1.0)
        if PrimitiveKind(int(program.kind[number])) is PrimitiveKind.PHASE:
            return 1j, change
        x, z = int(program.x_mask[number]), int(program.z_mask[number])
        factor, product = self._string_product(change, x, z)
        return -0.5j * factor, product

    def _string_product(self, state: Array, x_mask: int, z_mask: int) -> tuple[complex, Array]:
        """Return a factor and a state whose product is ``P @ state``; overwrites ``state``.

        A rotation by pi is ``-i * P``.
        """
        paulis, targets = string_of(x_mask, z_mask)
        if not targets:
            return 1.0, state
        self._calls.apply(Rotation(targets, (), (), paulis, np.pi), state)
        return 1j, state


def _is_aligned(states: Array) -> bool:
    return bool(states.shape[1] * states.dtype.itemsize % ALIGNMENT == 0)


def _members(states: Array) -> Iterator[Array]:
    """Yield the states of a batch; copies where the library would find them misaligned."""
    for state in states:
        yield state if _is_aligned(states) else state.copy()


def _rows(state: Array, qubits: Sequence[int]) -> Iterator[Array]:
    """Yield complex128 ``(2**k, columns)``: amplitudes by the value of ``qubits``, in shares.

    Every amplitude is in one share; ``qubits[0]`` is the lowest bit of the row.
    """
    width = len(state).bit_length() - 1
    kept = set(qubits)
    # Axes of the state seen as a tensor, highest qubit first: one for each kept qubit, one for each
    # run of others, so that there are far fewer than arrays may have.
    shape: list[int] = []
    axis: dict[int, int] = {}
    for qubit in reversed(range(width)):
        if qubit in kept:
            axis[qubit] = len(shape)
            shape.append(2)
        elif shape and qubit + 1 not in kept and qubit + 1 < width:
            shape[-1] *= 2
        else:
            shape.append(2)
    rest = [a for a in range(len(shape)) if a not in axis.values()]
    order = [axis[q] for q in reversed(qubits)] + rest
    tensor = state.reshape(shape).transpose(order) if shape else state
    longest = max((shape[a] for a in rest), default=1)
    share = max(1, min(longest, longest * _CHUNK // len(state)))
    cut = order.index(next(a for a in rest if shape[a] == longest)) if rest else None
    for start in range(0, longest, share):
        where = [slice(None)] * len(shape)
        if cut is not None:
            where[cut] = slice(start, start + share)
        piece = tensor[tuple(where)] if shape else tensor
        yield piece.astype(np.complex128).reshape(1 << len(qubits), -1)

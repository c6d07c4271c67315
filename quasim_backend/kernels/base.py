"""The contract of a kernel set: array routines for state vectors on one kind of device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import Cancelled
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray

__all__ = [
    "ArrayKernels",
    "CancelToken",
    "Collapse",
    "DeviceKernels",
    "KernelSet",
    "State",
    "Tally",
    "as_dtype",
    "handed_out",
    "passes_of",
    "state_of",
]

State = Any
"""A kernel set's own array of ``2**n`` amplitudes; NumPy for CPU sets. Opaque to engines."""


class CancelToken:
    """A flag that another thread sets to stop a run; kernels poll ``flag[0]`` between stages."""

    def __init__(self) -> None:
        """Create an unset token."""
        self.flag: NDArray[np.uint8] = np.zeros(1, np.uint8)

    def cancel(self) -> None:
        """Ask the run to stop; it raises `Cancelled` at its next poll."""
        self.flag[0] = 1

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return bool(self.flag[0])

    def check(self) -> None:
        """Raise `Cancelled` if the token is set."""
        if self.flag[0]:
            raise Cancelled("The run was cancelled before it finished.")


class Collapse(NamedTuple):
    """What is left of a state after a measurement; see `KernelSet.collapse`."""

    qubits: tuple[int, ...]
    outcome: int
    scale: float


@dataclass(eq=False, slots=True)
class Tally:
    """A wish for probabilities after a run, which a kernel set may grant in the run's last pass.

    Attributes:
        qubits: What `KernelSet.probabilities` would be asked for; None for whatever
            `KernelSet.sample` of the kernel set can make use of.
        sums: Set by the run; stays None where the kernel set has not counted.
    """

    qubits: tuple[int, ...] | None
    sums: NDArray[np.float64] | None = None


@runtime_checkable
class KernelSet(Protocol):
    """Array routines on amplitudes, shape ``(2**n,)``, complex64 or complex128, little-endian.

    A kernel set knows arrays and integers, not circuits. It trusts its arguments: engines check
    them at the door. Methods that overwrite ``state`` say so.
    """

    name: str

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate ``|0...0>``, shape ``(2**num_qubits,)``."""
        ...

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> State:
        """Copy host amplitudes into a new state of the given dtype."""
        ...

    def to_host(self, state: State) -> ComplexArray:
        """Return a state, or a batch of them, as a NumPy array; may alias it on a CPU set."""
        ...

    def copy(self, state: State) -> State:
        """Return an independent copy."""
        ...

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

        Args:
            plan: The schedule; ``plan.num_qubits`` matches the state.
            state: Overwritten; undefined after `Cancelled`.
            parameters: float64 ``(len(plan.program.parameters),)``.
            cancel: Polled at least between stages.
            collapse: Done first, as by `collapse`.
            tally: A wish; its ``sums`` may be set.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        ...

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate a batch of ``|0...0>``, shape ``(batch, 2**num_qubits)``."""
        ...

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan on every state of a batch, each with its own parameters.

        Every member comes out as from `run`.

        Args:
            plan: The schedule; ``plan.num_qubits`` matches the states.
            states: ``(batch, 2**n)``; overwritten; undefined after `Cancelled`.
            parameters: float64 ``(batch, len(plan.program.parameters))``.
            cancel: Polled at least between members.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        ...

    def sample_batch(self, states: State, uniforms: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Draw from every state of a batch as `sample` does, each with its own uniforms.

        Args:
            states: ``(batch, 2**n)``.
            uniforms: float64 ``(batch, shots)`` in ``[0, 1)``.

        Returns:
            uint64 ``(batch, shots)``.
        """
        ...

    def pauli_expectations_batch(
        self, states: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return what `pauli_expectations` does for every state of a batch: ``(batch, terms)``."""
        ...

    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> State:
        """Return what a plan makes of ``|0...0>``: `zero_state`, then `run`, in one call.

        A kernel set may leave out what the plan has not reached yet.

        Args:
            plan: As for `run`.
            dtype: complex64 or complex128.
            parameters: As for `run`.
            cancel: As for `run`.
            tally: As for `run`.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        ...

    def norm_squared(self, state: State) -> float:
        """Return ``sum |a|**2``, accumulated in float64."""
        ...

    def probabilities(self, state: State, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``.

        ``qubits[0]`` is the lowest bit of the result's index. Not normalised.
        """
        ...

    def collapse(self, state: State, qubits: Sequence[int], outcome: int, scale: float) -> None:
        """Zero every amplitude whose ``qubits`` differ from ``outcome``; multiply the rest.

        Args:
            state: Overwritten.
            qubits: Measured qubits; ``qubits[0]`` is the lowest bit of ``outcome``.
            outcome: Value to keep.
            scale: Factor for the kept amplitudes, usually ``1 / sqrt(probability)``.
        """
        ...

    def sample(
        self, state: State, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Draw basis states by inverse transform: one index for each uniform, in its order.

        Index ``i`` is drawn for ``u`` when ``cdf(i - 1) <= u * total < cdf(i)``; an index with
        probability zero is never drawn.

        Args:
            state: Amplitudes; need not be normalised.
            uniforms: float64 ``(shots,)`` in ``[0, 1)``.
            tally: One with ``qubits`` None that was given to the run that made this state.

        Returns:
            uint64 ``(shots,)``.
        """
        ...

    def pauli_expectations(
        self, state: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for each Hermitian Pauli string: float64 ``(terms,)``.

        Masks as in `quasim_backend.ir.program`: a qubit in both carries Y. Not normalised.
        """
        ...

    def inner(self, left: State, right: State) -> complex:
        """Return ``<left|right>``, accumulated in double precision."""
        ...

    def reduced_density_matrix(self, state: State, qubits: Sequence[int]) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``.

        ``qubits[0]`` is the lowest bit of the result's indices. Not normalised.
        """
        ...

    def sparse_moments(
        self,
        state: State,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix.

        Row ``i`` of ``M`` holds ``values[e]`` in column ``columns[e]`` for ``e`` from
        ``row_start[i]`` to ``row_start[i + 1]``. Not normalised.

        Args:
            state: Amplitudes ``(2**n,)``.
            values: complex128 ``(nnz,)``.
            columns: int64 ``(nnz,)``, below ``2**n``.
            row_start: int64 ``(2**n + 1,)``, ascending.
        """
        ...

    def apply_pauli_sum(
        self,
        state: State,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> State:
        """Return ``sum(weights[t] * P_t) @ state`` as a new state of the same dtype."""
        ...

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

        With ``U`` the plan, ``state = U @ initial`` and a fixed ``bra``, entry ``i`` of the result
        is the derivative of ``2 * Re <bra|state>`` with respect to the angle of primitive ``i``,
        for primitives whose angle depends on a parameter; the others get 0.

        Args:
            plan: A plan of unitary primitives.
            state: The state after the plan; overwritten by the one before it.
            bra: Amplitudes, same dtype; overwritten by ``U^dagger @ bra``.
            parameters: float64 ``(len(plan.program.parameters),)``.
            cancel: Polled at least between stages; both states are undefined after `Cancelled`.
            discard: The caller needs neither state afterwards; both may be left undefined.

        Returns:
            float64 ``(len(plan.program),)``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        ...

    def tangent(
        self,
        plan: ExecutionPlan,
        state: State,
        derivative: State,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run a plan on a state and on its derivative along a direction of the parameters.

        Args:
            plan: A plan of unitary primitives.
            state: Overwritten by ``U @ state``.
            derivative: Amplitudes, same dtype; overwritten by ``U @ derivative`` plus
                ``sum(direction[k] * dU/dp_k) @ state``, with the ``state`` given.
            parameters: float64 ``(len(plan.program.parameters),)``.
            direction: float64, the same shape.
            cancel: Polled at least between stages; both states are undefined after `Cancelled`.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        ...


@runtime_checkable
class DeviceKernels(Protocol):
    """What a `KernelSet` has besides if its states are in a memory of their own, a GPU's."""

    def free_bytes(self) -> int | None:
        """Return the memory that can still be allocated there, or None if it is the host's."""
        ...

    def from_device(self, array: Any, dtype: np.dtype[Any]) -> State:
        """Copy a device array of any library into a new state, or a batch, of the given dtype.

        Args:
            array: Amplitudes, with ``__dlpack__`` or ``__cuda_array_interface__``.
            dtype: complex64 or complex128.
        """
        ...

    def to_device(self, state: State) -> Any:
        """Return a state, or a batch of them, as an array on the device that may alias it.

        It has ``shape``, ``dtype`` and ``__dlpack__``.
        """
        ...


@runtime_checkable
class ArrayKernels(DeviceKernels, Protocol):
    """A set of `DeviceKernels` whose device arrays compute by themselves, as NumPy's do.

    What `DeviceKernels.to_device` returns has the operators ``@``, ``*`` and ``+``, also in place,
    indices, and the methods ``reshape``, ``transpose``, ``swapaxes`` and ``copy``.
    """

    def computing(self) -> AbstractContextManager[None]:
        """Make the device the current one for such work.

        Raises:
            MemoryLimitError: On the way, if the device's memory does not suffice.
            DeviceError: If the device fails.
        """
        ...

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> State:
        """As `KernelSet.from_host`; the array may have any length."""
        ...

    def to_host(self, state: State) -> ComplexArray:
        """As `KernelSet.to_host`; an array of any shape and order of axes."""
        ...


def passes_of(kernels: KernelSet, plan: ExecutionPlan, dtype: np.dtype[Any]) -> int:
    """Return how often running a plan reads and writes the state.

    As often as the plan has stages, unless the kernel set has a method ``passes`` that says other.
    """
    count = getattr(kernels, "passes", None)
    return plan.num_stages if count is None else int(count(plan, dtype))


def state_of(kernels: KernelSet, amplitudes: Any, dtype: np.dtype[Any]) -> State:
    """Copy amplitudes into a new state: a NumPy array's, or a device array's where it can be."""
    if isinstance(amplitudes, np.ndarray):
        return kernels.from_host(amplitudes, dtype)
    assert isinstance(kernels, DeviceKernels)
    return kernels.from_device(amplitudes, dtype)


def handed_out(kernels: KernelSet, state: State, *, on_device: bool = False) -> Any:
    """Return a state as an array: NumPy's, or the device's if it is to stay there."""
    if on_device and isinstance(kernels, DeviceKernels):
        return kernels.to_device(state)
    return kernels.to_host(state)


def as_dtype(kernels: KernelSet, amplitudes: Any, dtype: np.dtype[Any]) -> Any:
    """Return what `handed_out` returned in a dtype; a device array is converted on its device."""
    if isinstance(amplitudes, np.ndarray):
        return amplitudes.astype(dtype, copy=False)
    if amplitudes.dtype == dtype:
        return amplitudes
    assert isinstance(kernels, DeviceKernels)
    return kernels.to_device(kernels.from_device(amplitudes, dtype))

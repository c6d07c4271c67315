"""The native kernel set: C++ kernels for the CPU, chosen by instruction set at import."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import OptionError, UnsupportedError
from quasim_backend.ir.inverse import inverse_plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import CancelToken, Collapse, Tally

__all__ = [
    "NativeInfo",
    "NativeKernels",
    "available_isas",
    "get_num_threads",
    "info",
    "is_available",
    "select_isa",
    "set_num_threads",
]


class NativeInfo(TypedDict):
    """What the native kernels run on."""

    isa: str
    available_isas: list[str]
    threads: int


def _load() -> tuple[Any, str | None]:
    try:
        return importlib.import_module("quasim_backend.kernels._cpu"), None
    except ImportError as error:
        return None, f"The native kernels are not built: {error}"


_cpu, _reason = _load()


def is_available() -> str | None:
    """Return ``None`` if the native kernels can be used, else the reason why not."""
    return _reason


def _module() -> Any:
    if _cpu is None:
        raise UnsupportedError(f"{_reason} Use the reference kernels instead.")
    return _cpu


def select_isa(name: str) -> None:
    """Use the kernels of one instruction set; not to be called while a run is in progress.

    Args:
        name: One of `available_isas`.

    Raises:
        OptionError: If this CPU cannot run it; the message names what it can.
        UnsupportedError: If the native kernels are not built.
    """
    try:
        _module().select_isa(name)
    except ValueError as error:
        raise OptionError(str(error)) from None


def available_isas() -> list[str]:
    """Return the instruction sets this CPU can run, slowest first.

    Raises:
        UnsupportedError: If the native kernels are not built.
    """
    names: list[str] = _module().available_isas()
    return names


def get_num_threads() -> int:
    """Return the number of threads a call may use.

    It starts as ``QUASIM_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the CPUs this process may
    use by affinity and container quota.

    Raises:
        OptionError: If ``QUASIM_NUM_THREADS`` is not a number of threads.
        UnsupportedError: If the native kernels are not built.
    """
    try:
        return int(_module().thread_limit())
    except ValueError as error:
        raise OptionError(str(error)) from None


def set_num_threads(threads: int) -> None:
    """Set the number of threads a call may use, for the whole process.

    Raises:
        OptionError: If ``threads`` is not from 1 to 1024.
        UnsupportedError: If the native kernels are not built.
    """
    try:
        _module().set_thread_limit(threads)
    except ValueError as error:
        raise OptionError(str(error)) from None


def info() -> NativeInfo:
    """Return the instruction set and the number of threads in use.

    Raises:
        UnsupportedError: If the native kernels are not built.
        OptionError: If ``QUASIM_NUM_THREADS`` is not a number of threads.
    """
    return {
        "isa": _module().isa(),
        "available_isas": available_isas(),
        "threads": get_num_threads(),
    }


_PAIR_TILE = 13
_PAIR_INNER = 10
_PAIR_LOW = 5
"""Qubits of the tiles that hold two states, of those in the first cache, and of contiguous runs."""

_environment_error: OptionError | None = None
if _cpu is not None and os.environ.get("QUASIM_ISA"):
    try:
        select_isa(os.environ["QUASIM_ISA"])
    except OptionError as _error:
        # Raised when kernels are asked for: importing the package must not fail.
        _environment_error = OptionError(
            f"QUASIM_ISA: {_error} Set one of these, or unset it to get the fastest."
        )


class NativeKernels:
    """`KernelSet` on NumPy arrays, in C++, in place, on several threads.

    States are 64-byte aligned; below ``2**14`` amplitudes one thread runs. Long calls release the
    GIL, and Ctrl-C in the main thread stops them with ``KeyboardInterrupt``.
    """

    name = "native"

    def __init__(self, threads: int | None = None) -> None:
        """Make a kernel set.

        Args:
            threads: At most this many threads a call; ``None`` for the process's limit.

        Raises:
            UnsupportedError: If the native kernels are not built.
            OptionError: If ``threads``, ``QUASIM_ISA`` or ``QUASIM_NUM_THREADS`` is impossible.
        """
        self._cpu = _module()
        if _environment_error is not None:
            raise _environment_error
        get_num_threads()
        if threads is not None and not 1 <= threads <= 1024:
            raise OptionError(f"threads is {threads}; give an integer from 1 to 1024.")
        self._threads = threads or 0

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> ComplexArray:
        """Allocate ``|0...0>``, shape ``(2**num_qubits,)``.

        Raises:
            MemoryError: If the allocation fails.
        """
        make = self._cpu.zero_state_c64 if _is_single(dtype) else self._cpu.zero_state_c128
        state: ComplexArray = make(num_qubits)
        return state

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> ComplexArray:
        """Copy host amplitudes into a new aligned state of the given dtype.

        Raises:
            MemoryError: If the allocation fails.
        """
        if amplitudes.dtype not in (np.complex64, np.complex128):
            amplitudes = amplitudes.astype(dtype)
        make = self._cpu.copy_c64 if _is_single(dtype) else self._cpu.copy_c128
        state: ComplexArray = make(np.ascontiguousarray(amplitudes))
        return state

    def to_host(self, state: ComplexArray) -> ComplexArray:
        """Return the state itself: it is a NumPy array."""
        return state

    def copy(self, state: ComplexArray) -> ComplexArray:
        """Return an independent copy.

        Raises:
            MemoryError: If the allocation fails.
        """
        return self.from_host(state, state.dtype)

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
            plan: The schedule; its native form is made at first use and kept in ``plan.cache``.
            state: Contiguous complex64 or complex128, ``(2**n,)``; overwritten. Undefined after
                `Cancelled` or ``KeyboardInterrupt``.
            parameters: float64 ``(len(plan.program.parameters),)``.
            cancel: Polled between stages and every few milliseconds inside one.
            collapse: Done first, in the pass of the first stage.
            tally: Counted in the pass of the last stage; one for `sample` only where that stage
                has tiles, and at least ``2**13`` amplitudes.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        native = self._native(plan)
        if collapse is None and tally is None:
            native.run(state, parameters, _flag(cancel), self._threads)
            return
        mask, value = (0, 0) if collapse is None else _masks(collapse.qubits, collapse.outcome)
        scale = 1.0 if collapse is None else collapse.scale
        wish = self._wish(tally, plan.num_qubits)
        sums = native.run(
            state, parameters, _flag(cancel), self._threads, mask, value, scale, *wish
        )
        if tally is not None:
            tally.sums = sums

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> ComplexArray:
        """Allocate a batch of ``|0...0>``, shape ``(batch, 2**num_qubits)``.

        Raises:
            MemoryError: If the allocation fails.
        """
        make = self._cpu.zero_states_c64 if _is_single(dtype) else self._cpu.zero_states_c128
        states: ComplexArray = make(batch, num_qubits)
        return states

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: ComplexArray,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan on every state of a batch, each with its own parameters.

        Up to 14 qubits the members are spread over the threads; wider ones run one after the
        other, each on all threads. The same bits as from `run`, for any number of threads.

        Args:
            plan: As for `run`.
            states: Contiguous ``(batch, 2**n)``; overwritten. Undefined after `Cancelled` or
                ``KeyboardInterrupt``.
            parameters: float64 ``(batch, len(plan.program.parameters))``, contiguous.
            cancel: Polled while members run.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        self._native(plan).run_batch(states, parameters, _flag(cancel), self._threads)

    def sample_batch(
        self,
        states: ComplexArray,
        uniforms: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> NDArray[np.uint64]:
        """Draw from every state of a batch as `sample` does: uint64 ``(batch, shots)``.

        Args:
            states: Contiguous ``(batch, 2**n)``.
            uniforms: float64 ``(batch, shots)`` in ``[0, 1)``.
            cancel: Polled while drawing.

        Raises:
            ValueError: If a state's norm is zero or not finite, or a uniform is out of range.
            Cancelled: If ``cancel`` was set.
        """
        result: NDArray[np.uint64] = self._cpu.sample_batch(
            states, np.ascontiguousarray(uniforms, np.float64), _flag(cancel), self._threads
        )
        return result

    def pauli_expectations_batch(
        self,
        states: ComplexArray,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        cancel: CancelToken | None = None,
    ) -> NDArray[np.float64]:
        """Return what `pauli_expectations` does for every state: float64 ``(batch, terms)``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        result: NDArray[np.float64] = self._cpu.pauli_expectations_batch(
            states,
            np.ascontiguousarray(x_masks, np.uint64),
            np.ascontiguousarray(z_masks, np.uint64),
            _flag(cancel),
            self._threads,
        )
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
        """Return what a plan makes of ``|0...0>``, aligned, shape ``(2**n,)``.

        The first stages visit only the tiles that can hold anything but zeros yet. ``tally`` as
        for `run`.

        Raises:
            Cancelled: If ``cancel`` was set.
            MemoryError: If the allocation fails.
        """
        native = self._native(plan)
        begin = native.start_c64 if _is_single(dtype) else native.start_c128
        wish = self._wish(tally, plan.num_qubits)
        made: tuple[ComplexArray, NDArray[np.float64] | None]
        made = begin(parameters, _flag(cancel), self._threads, *wish)
        state, sums = made
        if tally is not None:
            tally.sums = sums
        return state

    def _wish(self, tally: Tally | None, num_qubits: int) -> tuple[NDArray[np.int32] | None, bool]:
        """Return the qubits to count, and whether to leave that out where it costs a pass."""
        if tally is None:
            return None, False
        if tally.qubits is not None:
            return np.array(tally.qubits, np.int32), False
        above = np.arange(self._cpu.sample_block_bits(num_qubits), num_qubits, dtype=np.int32)
        return (above, True) if len(above) else (None, False)

    def sweeps(self, plan: ExecutionPlan, dtype: np.dtype[Any]) -> list[list[str]]:
        """Describe what each stage does to a tile: one line a sweep over it.

        Args:
            plan: The schedule.
            dtype: complex64 or complex128; the sweeps also depend on the instruction set.
        """
        native = self._native(plan)
        lines: list[list[str]] = native.sweeps_c64() if _is_single(dtype) else native.sweeps_c128()
        return lines

    def norm_squared(self, state: ComplexArray) -> float:
        """Return ``sum |a|**2``, accumulated in float64."""
        return float(self._cpu.norm_squared(state, self._threads))

    def probabilities(self, state: ComplexArray, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``.

        ``qubits[0]`` is the lowest bit of the result's index. Not normalised.
        """
        result: NDArray[np.float64] = self._cpu.probabilities(
            state, np.asarray(qubits, np.int32), self._threads
        )
        return result

    def collapse(
        self, state: ComplexArray, qubits: Sequence[int], outcome: int, scale: float
    ) -> None:
        """Zero every amplitude whose ``qubits`` differ from ``outcome``; multiply the rest.

        Args:
            state: Overwritten.
            qubits: Measured qubits; ``qubits[0]`` is the lowest bit of ``outcome``.
            outcome: Value to keep.
            scale: Factor for the kept amplitudes, usually ``1 / sqrt(probability)``.
        """
        mask, value = _masks(qubits, outcome)
        self._cpu.collapse(state, mask, value, scale, self._threads)

    def sample(
        self,
        state: ComplexArray,
        uniforms: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> NDArray[np.uint64]:
        """Draw basis states by inverse transform: one index for each uniform, in its order.

        Index ``i`` is drawn for ``u`` when ``cdf(i - 1) <= u * total < cdf(i)``; an index with
        probability zero is never drawn. One pass over the state, a second over the blocks that are
        hit, and no table of ``2**n`` entries. The same for any number of threads.

        Args:
            state: Amplitudes; need not be normalised.
            uniforms: float64 ``(shots,)`` in ``[0, 1)``.
            cancel: Polled while drawing.
            tally: One with ``qubits`` None that was given to the run that made this state; spares
                the first pass if it was counted.

        Returns:
            uint64 ``(shots,)``.

        Raises:
            ValueError: If the state's norm is zero or not finite, or a uniform is out of range.
            Cancelled: If ``cancel`` was set.
        """
        result: NDArray[np.uint64] = self._cpu.sample(
            state,
            np.ascontiguousarray(uniforms, np.float64),
            _flag(cancel),
            self._threads,
            None if tally is None else tally.sums,
        )
        return result

    def pauli_expectations(
        self,
        state: ComplexArray,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        cancel: CancelToken | None = None,
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` for each Hermitian Pauli string: float64 ``(terms,)``.

        Masks as in `quasim_backend.ir.program`: a qubit in both carries Y. Not normalised. One
        pass over the state serves several X masks. Tiles are summed in the state's precision, and
        added up in float64.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        result: NDArray[np.float64] = self._cpu.pauli_expectations(
            state,
            np.ascontiguousarray(x_masks, np.uint64),
            np.ascontiguousarray(z_masks, np.uint64),
            _flag(cancel),
            self._threads,
        )
        return result

    def inner(self, left: ComplexArray, right: ComplexArray) -> complex:
        """Return ``<left|right>``, accumulated in double precision."""
        return complex(self._cpu.inner(left, right, self._threads))

    def reduced_density_matrix(
        self, state: ComplexArray, qubits: Sequence[int], cancel: CancelToken | None = None
    ) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``.

        ``qubits[0]`` is the lowest bit of the result's indices. Not normalised. Takes
        ``2**(n + k)`` complex multiplications, half of the matrix being mirrored.

        Raises:
            MemoryError: If the allocation fails.
            Cancelled: If ``cancel`` was set.
        """
        flat: NDArray[np.complex128] = self._cpu.reduced_density_matrix(
            state, np.asarray(qubits, np.int32), _flag(cancel), self._threads
        )
        return flat.reshape(1 << len(qubits), -1)

    def sparse_moments(
        self,
        state: ComplexArray,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
        cancel: CancelToken | None = None,
    ) -> tuple[complex, float]:
        """Return ``<state|M|state>`` and ``<state|M^dagger M|state>`` of a sparse matrix.

        Args:
            state: Amplitudes ``(2**n,)``.
            values: complex128 ``(nnz,)``, row by row.
            columns: int64 ``(nnz,)``, below ``2**n``.
            row_start: int64 ``(2**n + 1,)``: where each row starts in ``values``, and the end.
            cancel: Polled between blocks of rows.

        Raises:
            ValueError: If the arrays do not fit each other or the state.
            Cancelled: If ``cancel`` was set.
        """
        mean, squared = self._cpu.sparse_moments(
            state, values, columns, row_start, _flag(cancel), self._threads
        )
        return complex(mean), float(squared)

    def apply_pauli_sum(
        self,
        state: ComplexArray,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> ComplexArray:
        """Return ``sum(weights[t] * P_t) @ state`` as a new state of the same dtype.

        Reads the state once for each distinct X mask and writes the result once.

        Raises:
            MemoryError: If the allocation fails.
        """
        result: ComplexArray = self._cpu.apply_pauli_sum(
            state,
            np.ascontiguousarray(x_masks, np.uint64),
            np.ascontiguousarray(z_masks, np.uint64),
            np.ascontiguousarray(weights, np.complex128),
            self._threads,
        )
        return result

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

        The primitives are scheduled anew, for two states: one pass over both for each stage, about
        6 real multiply-adds an amplitude for a Pauli rotation with its derivative. Rotations of
        several qubits share a sweep over a tile, and so do phases, with all their derivatives. The
        same for any number of threads.

        Args:
            plan: A plan of unitary primitives; the schedule is made at first use and kept.
            state: The state after the plan; overwritten by the one before it.
            bra: Amplitudes, same dtype; overwritten by ``U^dagger @ bra``.
            parameters: float64 ``(len(plan.program.parameters),)``.
            cancel: Polled between tiles; both states are undefined after `Cancelled`.
            discard: Both states may be left undefined: gates that no derivative sees, such as those
                before the first parameter, are left out.

        Returns:
            float64 ``(len(plan.program),)``: the derivative of ``2 * Re <bra|state>`` with respect
            to the angle of each primitive that depends on a parameter; 0 for the others.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        pairs = self._pairs(inverse_plan(plan), "pruned pairs" if discard else "pairs")
        result: NDArray[np.float64] = pairs.adjoint(
            state, bra, parameters, _flag(cancel), self._threads
        )
        return result

    def tangent(
        self,
        plan: ExecutionPlan,
        state: ComplexArray,
        derivative: ComplexArray,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run a plan on a state and on its derivative along a direction of the parameters.

        Args:
            plan: A plan of unitary primitives; the schedule is made at first use and kept.
            state: Overwritten by ``U @ state``.
            derivative: Amplitudes, same dtype; overwritten by ``U @ derivative`` plus the
                derivative of ``U`` along ``direction`` applied to the ``state`` given.
            parameters: float64 ``(len(plan.program.parameters),)``.
            direction: float64, the same shape.
            cancel: Polled between tiles; both states are undefined after `Cancelled`.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        self._pairs(plan, "pairs").tangent(
            state, derivative, parameters, direction, _flag(cancel), self._threads
        )

    def _pairs(self, plan: ExecutionPlan, name: str) -> Any:
        known = plan.cache.get(name)
        if known is not None:
            return known
        # Tiles that were forced small are kept; a plan's own may be a qubit smaller than these.
        tile = int(np.diff(plan.stage_qubit_start).max(initial=0))
        if tile == 0 or tile >= _PAIR_TILE - 1:
            tile = _PAIR_TILE
        inner = min(_PAIR_INNER, max(1, tile - 2))
        pairs = self._cpu.PairPlan(plan, tile, inner, min(_PAIR_LOW, tile), name != "pairs")
        return plan.cache.setdefault(name, pairs)

    def _native(self, plan: ExecutionPlan) -> Any:
        native = plan.cache.get("native")
        return native or plan.cache.setdefault("native", self._cpu.Plan(plan))


def _is_single(dtype: np.dtype[Any]) -> bool:
    return np.dtype(dtype) == np.complex64


def _masks(qubits: Sequence[int], outcome: int) -> tuple[int, int]:
    """Return the mask of some qubits and the bits of an outcome in it."""
    mask = sum(1 << int(q) for q in qubits)
    value = sum((outcome >> k & 1) << int(q) for k, q in enumerate(qubits))
    return mask, value


def _flag(cancel: CancelToken | None) -> NDArray[np.uint8] | None:
    return None if cancel is None else cancel.flag

"""Runs plans on states of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import PrimitiveKind
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.program import DeviceProgram, StepKind, program_for
from quasim_backend.kernels.cuda.reductions import add_splits, largest_power, places_of, real_of

__all__ = ["Bound", "bind", "collapse", "prepare_zero", "run", "run_pair"]

_REGISTERS = 4
_EACH = 16
_THREADS = 256
_MAX_BLOCKS = (1 << 31) - 1
_EVERYWHERE = (1 << 63) - 1
_WARP = 32
_MEASURING_BLOCKS = 1024
"""Blocks that measure derivatives: each keeps sums of its own for all of them."""
_SUM_BYTES = 17 * 8
_COUNTING_BLOCKS = 8192
"""Blocks that count probabilities, if so many are not needed for the values outside of a tile."""
_MAX_PARTIAL = 1 << 22
"""Partial sums of what is counted, at most: 32 MiB."""
_SPARED_BITS = 2
"""Uncounted qubits of a tile from which on adding its sums to a row costs less than a pass."""
_SCRATCH_AMPLITUDES = 1 << 22
"""Amplitudes that wide primitives are given at a time."""


class Bound:
    """The numbers of a program at some parameters, on the device.

    Attributes:
        numbers: Reals of the states' precision, ``(batch, num_numbers)``.
        turns: Angles as fractions of a turn, uint32 or uint64 ``(batch, num_turns)``.
    """

    __slots__ = ("numbers", "turns")

    def __init__(self, numbers: Array, turns: Array) -> None:
        """Keep them."""
        self.numbers = numbers
        self.turns = turns


def bind(
    device: Device,
    program: DeviceProgram,
    dtype: np.dtype[Any],
    parameters: Array,
    direction: Array | None = None,
) -> Bound:
    """Make the numbers of a program.

    Args:
        device: Where.
        program: What for.
        dtype: Of the amplitudes.
        parameters: float64 ``(batch, P)`` on the device.
        direction: float64 ``(P,)`` on the device, for programs of mode ``"tangent"``.
    """
    real = real_of(dtype)
    batch, width = parameters.shape
    numbers = device.empty((batch, max(program.num_numbers, 1)), real)
    turns = device.empty(
        (batch, max(program.num_turns, 1)), np.uint32 if real is np.float32 else np.uint64
    )
    arguments = (
        program.data, parameters, width, direction, numbers, numbers.shape[1], turns, turns.shape[1]
    )  # fmt: skip
    blocks = -(-program.num_bindings // _THREADS)
    device.launch("bind", real, blocks, _THREADS, arguments, members=batch)
    return Bound(numbers, turns)


def prepare_zero(device: Device, states: Array) -> None:
    """Overwrite every state of a batch ``(batch, 2**n)`` with ``|0...0>``."""
    batch, size = states.shape
    blocks = -(-size // (_THREADS * _EACH))
    arguments = (states, size.bit_length() - 1)
    device.launch("prepare_zero", real_of(states.dtype), blocks, _THREADS, arguments, members=batch)


def collapse(
    device: Device, state: Array, qubits: Sequence[int], outcome: int, scale: float
) -> None:
    """Zero amplitudes whose ``qubits``, the first lowest, are not ``outcome``; scale the rest."""
    mask = sum(1 << int(q) for q in qubits)
    value = sum((outcome >> k & 1) << int(q) for k, q in enumerate(qubits))
    blocks = -(-len(state) // (_THREADS * _EACH))
    arguments = (state, len(state).bit_length() - 1, mask, value, float(scale))
    device.launch("collapse", real_of(state.dtype), blocks, _THREADS, arguments)


def run(
    device: Device,
    plan: ExecutionPlan,
    states: Array,
    parameters: NDArray[np.float64] | Array,
    cancel: CancelToken | None = None,
    *,
    from_zero: bool = False,
    counted: Sequence[int] | None = None,
) -> Array | None:
    """Run a plan on every state of a batch, each with its own parameters.

    Args:
        device: Where.
        plan: The schedule.
        states: ``(batch, 2**n)``; overwritten.
        parameters: float64 ``(batch, P)``, on the host or the device.
        cancel: Polled before every launch.
        from_zero: The states are ``|0...0>``: tiles that nothing has reached are left out.
        counted: Qubits whose joint probabilities the last stage is to add up as it writes the
            states. It cannot if a primitive of its own ends the plan; it does not if a tile has
            nearly as many sums as amplitudes.

    Returns:
        What `probabilities` of ``counted`` returns, float64 ``(batch, 2**k)`` on the device, or
        None where that takes a pass of its own.

    Raises:
        Cancelled: If ``cancel`` was set.
    """
    if cancel is not None:
        cancel.check()
    if len(states) == 0:
        return None
    program = program_for(plan, states.dtype, device)
    bound = bind(device, program, states.dtype, _on_device(device, parameters))
    launcher = _Launcher(device, plan, program, bound)
    live = 0 if from_zero else _EVERYWHERE
    last = len(program.kind) - 1
    if counted is not None and last >= 0 and program.kind[last] == StepKind.SWAPS:
        # The stage before it counts the qubits that are to come to these places.
        source = {a: b for pair in program.exchanges for a, b in (pair, pair[::-1])}
        counted = [source.get(int(q), int(q)) for q in counted]
        last -= 1
    sums = None
    for step in range(len(program.kind)):
        if cancel is not None:
            cancel.check()
        if program.kind[step] == StepKind.STAGE:
            if counted is not None and step == last:
                sums = launcher.counting_tile(step, states, counted, live=live)
            else:
                launcher.tile(step, states, live=live)
            live |= _EVERYWHERE & ~int(program.outside[step])
            continue
        if program.kind[step] == StepKind.SWAPS:
            launcher.swaps(step, states)
        else:
            for state in states:
                launcher.wide(step, state)
        live = _EVERYWHERE
    return sums


def run_pair(
    device: Device,
    plan: ExecutionPlan,
    mode: str,
    state: Array,
    other: Array,
    parameters: NDArray[np.float64],
    direction: NDArray[np.float64] | None = None,
    cancel: CancelToken | None = None,
) -> NDArray[np.float64]:
    """Run a plan on two states side by side, one gate after the other.

    Args:
        device: Where.
        plan: Its order is what counts.
        mode: ``"adjoint"`` or ``"pruned adjoint"``, to measure before each gate the derivative of
            ``2 * Re <other|state>`` by its angle; pruned, gates after the last such are left out.
            ``"tangent"`` to add after each gate to ``other`` the derivative along ``direction``.
        state: Amplitudes ``(2**n,)``; overwritten.
        other: Amplitudes, same dtype; overwritten.
        parameters: float64 ``(P,)``.
        direction: float64 ``(P,)``, for ``"tangent"``.
        cancel: Polled before every launch.

    Returns:
        float64 ``(len(plan.program),)``: what was measured, by primitive.

    Raises:
        Cancelled: If ``cancel`` was set.
    """
    program = program_for(plan, state.dtype, device, mode)
    rates = None if direction is None else _on_device(device, direction)
    bound = bind(device, program, state.dtype, _on_device(device, parameters[None]), rates)
    launcher = _Launcher(device, plan, program, bound)
    slots = len(program.slot_primitive)
    totals: list[Array] = []
    for step in range(len(program.kind)):
        if cancel is not None:
            cancel.check()
        if program.kind[step] == StepKind.WIDE:
            launcher.wide(step, state)
            launcher.wide(step, other)
        else:
            slopes = launcher.pair_tile(step, state, other, slots)
            if slopes is not None:
                total = device.empty(slots, np.float64)
                device.launch(
                    "add_rows", np.float64, slots, _THREADS, (slopes, len(slopes), slots, total),
                    shared_bytes=_SUM_BYTES,
                )  # fmt: skip
                totals.append(total)
    # Read at the end: the launches need not wait for the host.
    measured = sum((device.download(total) for total in totals), np.zeros(slots))
    result = np.zeros(len(plan.program))
    np.add.at(result, program.slot_primitive, measured * program.slot_scale)
    return result


def _on_device(device: Device, values: NDArray[np.float64] | Array) -> Array:
    if isinstance(values, np.ndarray):
        return device.upload(np.ascontiguousarray(values, np.float64))
    return values


class _Launcher:
    """Launches the steps of one run."""

    def __init__(
        self, device: Device, plan: ExecutionPlan, program: DeviceProgram, bound: Bound
    ) -> None:
        self.device = device
        self.plan = plan
        self.program = program
        self.bound = bound

    def tile(self, step: int, states: Array, *, live: int = _EVERYWHERE) -> None:
        """Run a stage."""
        tiles = 1 << (int(self.program.outside[step]) & live).bit_count()
        self._launch_tile("tile", step, states, min(tiles, _MAX_BLOCKS), live)

    def pair_tile(self, step: int, state: Array, other: Array, slots: int) -> Array | None:
        """Run a stage on two states; return what the warps have measured, ``(warps, slots)``."""
        program = self.program
        blocks = min(1 << int(program.outside[step]).bit_count(), _MAX_BLOCKS)
        slopes = None
        if slots:
            warps = max(1, (1 << int(program.thread_bits[step])) // _WARP)
            most = self.device.workspace_bytes // (8 * warps * slots)
            blocks = min(blocks, _MEASURING_BLOCKS, max(most, 1))
            slopes = self.device.zeros((blocks * warps, slots), np.float64)
        more = (other, slopes, slots)
        self._launch_tile("pair_tile", step, state[None], blocks, _EVERYWHERE, more)
        return slopes

    def counting_tile(
        self, step: int, states: Array, qubits: Sequence[int], *, live: int = _EVERYWHERE
    ) -> Array | None:
        """Run a stage; return ``sum |a|**2`` by the value of ``qubits``: ``(batch, 2**k)``.

        A block goes through tiles of one value of the qubits outside of them. Splits share these
        tiles out, by their lowest bits, as far as that keeps the partial sums few. None is returned
        where another pass would cost less.
        """
        batch, outcomes = len(states), 1 << len(qubits)
        counted = sum(1 << int(q) for q in qubits)
        outside = int(self.program.outside[step])
        values = 1 << (outside & live & counted).bit_count()
        free = outside & live & ~counted
        splits = min(
            1 << free.bit_count(),
            largest_power(_COUNTING_BLOCKS // (batch * values)),
            largest_power(_MAX_PARTIAL // (batch * outcomes)),
        )
        in_tile = (counted & ~outside).bit_count()
        tile_bits = int(self.program.thread_bits[step]) + _REGISTERS
        if splits < 1 << free.bit_count() and in_tile > tile_bits - _SPARED_BITS:
            self.tile(step, states, live=live)
            return None
        inner, rest = 0, free
        while inner.bit_count() < splits.bit_length() - 1:
            inner |= rest & -rest
            rest &= rest - 1
        # Values that nothing has reached are written by nobody.
        make = self.device.zeros if outside & counted & ~live else self.device.empty
        sums = make((batch, splits, outcomes), np.float64)
        places = places_of([int(q) for q in qubits])
        order = None if places is None else self.device.upload(places)
        tally = (sums, order, counted, inner)
        self._launch_tile("counting_tile", step, states, splits * values, live, tally)
        return add_splits(self.device, sums, real_of(states.dtype))

    def _launch_tile(
        self,
        kernel: str,
        step: int,
        states: Array,
        blocks: int,
        live: int,
        more: tuple[object, ...] = (),
    ) -> None:
        program, bound = self.program, self.bound
        threads = 1 << int(program.thread_bits[step])
        arguments = (
            states, program.data, int(program.number[step]), bound.numbers, bound.turns,
            bound.numbers.shape[1], bound.turns.shape[1], live, *more,
        )  # fmt: skip
        self.device.launch(
            kernel,
            real_of(states.dtype),
            blocks,
            threads,
            arguments,
            members=len(states),
            shared_bytes=(threads << _REGISTERS) * states.dtype.itemsize,
        )

    def swaps(self, step: int, states: Array) -> None:
        """Exchange qubits; a block does two tiles."""
        program = self.program
        threads = 1 << int(program.thread_bits[step])
        blocks = min(1 << int(program.outside[step]).bit_count(), _MAX_BLOCKS)
        self.device.launch(
            "exchange_qubits",
            real_of(states.dtype),
            blocks,
            threads,
            (states, program.data, int(program.number[step])),
            members=len(states),
            shared_bytes=(threads << _REGISTERS) * states.dtype.itemsize,
        )

    def wide(self, step: int, state: Array) -> None:
        """Run a primitive of its own on a state ``(2**n,)``."""
        source, number = self.plan.program, int(self.program.number[step])
        kind = PrimitiveKind(int(source.kind[number]))
        span = slice(source.target_start[number], source.target_start[number + 1])
        targets = source.targets[span]
        width, mask = len(targets), int(source.control_mask[number])
        taken = mask | sum(1 << int(q) for q in targets)
        free, fixed = len(state) - 1 & ~taken, int(source.control_value[number])
        count = 1 << free.bit_count()
        most = min(_SCRATCH_AMPLITUDES, self.device.workspace_bytes // state.dtype.itemsize)
        share = max(1, min(count, most >> width))
        scratch = self.device.empty(share << width, state.dtype)
        places = self.device.upload(np.ascontiguousarray(targets, np.int32))
        real = real_of(state.dtype)
        starts = source.data_start if kind is PrimitiveKind.MATRIX else source.table_start
        name = "multiply_groups" if kind is PrimitiveKind.MATRIX else "permute_groups"
        for first in range(0, count, share):
            groups = min(share, count - first)
            blocks = -(-(groups << width) // (_THREADS * _EACH))
            where = (state, places, width, free, fixed, first, groups, scratch)
            self.device.launch("gather_groups", real, blocks, _THREADS, where)
            rest = (self.program.data, int(starts[number]))
            self.device.launch(name, real, blocks, _THREADS, (*where, *rest))

"""Runs plans on states of a device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.cuda.device import Array, Device
from quasim_backend.kernels.cuda.program import DeviceProgram, program_for

__all__ = ["Bound", "bind", "prepare_zero", "real_of", "run"]

_REGISTERS = 4
_EACH = 16
_THREADS = 256
_MAX_BLOCKS = (1 << 31) - 1
_EVERYWHERE = (1 << 63) - 1


def real_of(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the type of the parts of complex64 or complex128."""
    return np.float32 if np.dtype(dtype) == np.complex64 else np.float64


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


def run(
    device: Device,
    plan: ExecutionPlan,
    states: Array,
    parameters: NDArray[np.float64] | Array,
    cancel: CancelToken | None = None,
    *,
    from_zero: bool = False,
) -> None:
    """Run a plan on every state of a batch, each with its own parameters.

    Args:
        device: Where.
        plan: The schedule.
        states: ``(batch, 2**n)``; overwritten.
        parameters: float64 ``(batch, P)``, on the host or the device.
        cancel: Polled before every launch.
        from_zero: The states are ``|0...0>``: tiles that nothing has reached are left out.

    Raises:
        Cancelled: If ``cancel`` was set.
    """
    if cancel is not None:
        cancel.check()
    if len(states) == 0:
        return
    program = program_for(plan, states.dtype, device)
    if isinstance(parameters, np.ndarray):
        parameters = device.upload(np.ascontiguousarray(parameters, np.float64))
    bound = bind(device, program, states.dtype, parameters)
    live = 0 if from_zero else _EVERYWHERE
    real = real_of(states.dtype)
    for step in range(len(program.wide)):
        if cancel is not None:
            cancel.check()
        if program.wide[step]:
            raise NotImplementedError
        outside = int(program.outside[step])
        threads = 1 << int(program.thread_bits[step])
        blocks = min(1 << (outside & live).bit_count(), _MAX_BLOCKS)
        arguments = (
            states, None, program.data, int(program.number[step]), bound.numbers, bound.turns,
            bound.numbers.shape[1], bound.turns.shape[1], live, None, 0,
        )  # fmt: skip
        shared = (threads << _REGISTERS) * states.dtype.itemsize
        device.launch(
            "tile", real, blocks, threads, arguments, members=len(states), shared_bytes=shared
        )
        live |= _EVERYWHERE & ~outside

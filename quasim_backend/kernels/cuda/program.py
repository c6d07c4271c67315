"""Plans as programs for the tile kernel, and what it takes to launch them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.cuda.device import Array, Device

__all__ = [
    "DeviceProgram",
    "StepKind",
    "TileShape",
    "is_available",
    "make_program",
    "program_for",
    "tile_shape",
]


def _load() -> tuple[Any, str | None]:
    try:
        return importlib.import_module("quasim_backend.kernels._device"), None
    except ImportError as error:
        return None, f"The planner for GPU kernels is not built: {error}"


_device, _reason = _load()


def is_available() -> str | None:
    """Return ``None`` if programs can be made, else the reason why not."""
    return _reason


class StepKind(IntEnum):
    """What a step launches; the numbers are those of ``kernels/device/program.hpp``."""

    STAGE = 0
    WIDE = 1
    """A primitive on more qubits than a thread's registers hold."""
    SWAPS = 2
    """Exchanges of qubits that end a circuit."""


@dataclass(frozen=True)
class TileShape:
    """How a state is cut for the tile kernel.

    Attributes:
        qubits: Of a tile: 16 amplitudes a thread.
        low_qubits: Lowest qubits that warps read as one run of 128 bytes.
        bank_bits: Amplitudes that shared memory serves at once, as a power of two.
    """

    qubits: int
    low_qubits: int
    bank_bits: int


# Of the dtype of amplitudes: 32 KiB of shared memory a tile, so that several run beside each other.
_SHAPES = {8: TileShape(12, 4, 4), 16: TileShape(11, 3, 3)}


def tile_shape(dtype: np.dtype[Any]) -> TileShape:
    """Return the shape of tiles of one state, complex64 or complex128."""
    return _SHAPES[np.dtype(dtype).itemsize]


@dataclass(frozen=True, eq=False)
class DeviceProgram:
    """What the kernels read, and the launches in order.

    Attributes:
        data: uint8, on the device or, as it is made, on the host (``kernels/cuda/program.cuh``).
        kind: uint8 ``(k,)``, values of `StepKind`.
        number: int32 ``(k,)``; of the stage, the primitive or the exchanges.
        thread_bits: int32 ``(k,)``; threads of a block as a power of two.
        phases: int32 ``(k,)``; of the stage.
        outside: uint64 ``(k,)``; qubits that are the same in a whole tile.
        fma: float64 ``(k,)``; predicted instructions an amplitude, most of them multiply-adds.
        slot_primitive: int32 ``(slots,)``; primitive of each derivative.
        slot_scale: float64 ``(slots,)``; what it is multiplied by.
        num_numbers: Reals that binding makes.
        num_turns: Angles that binding makes.
        num_bindings: Threads of the kernel that binds.
        exchanges: Pairs of qubits that change places in the step of kind ``SWAPS``, if there is
            one.
    """

    data: Array
    kind: NDArray[np.uint8]
    number: NDArray[np.int32]
    thread_bits: NDArray[np.int32]
    phases: NDArray[np.int32]
    outside: NDArray[np.uint64]
    fma: NDArray[np.float64]
    slot_primitive: NDArray[np.int32]
    slot_scale: NDArray[np.float64]
    num_numbers: int
    num_turns: int
    num_bindings: int
    exchanges: tuple[tuple[int, int], ...]

    @property
    def passes(self) -> int:
        """How often the state is read and written; a wide primitive is copied besides."""
        return len(self.kind) + int(np.count_nonzero(self.kind == StepKind.WIDE))


_RECIPE_THREADS = 16
_HEADER_SWAPS, _HEADER_BOUNDS, _HEADER_RECIPES = 6, 7, 9
"""Places in the program's header, in words of 64 bits; the last one of the number of recipes."""


def program_for(
    plan: ExecutionPlan, dtype: np.dtype[Any], device: Device, mode: str = "run"
) -> DeviceProgram:
    """Return the program of a plan on a device, made at first use and kept with the plan.

    Args:
        plan: The schedule.
        dtype: complex64 or complex128.
        device: Where it runs.
        mode: ``"run"`` for one state; ``"adjoint"`` and ``"tangent"`` for two, with derivatives.

    Raises:
        UnsupportedError: If the native modules are not built.
    """
    key = f"device programs: {mode}, {np.dtype(dtype).name}"
    programs: WeakKeyDictionary[Device, DeviceProgram]
    programs = plan.cache.setdefault(key, WeakKeyDictionary())
    known = programs.get(device)
    if known is not None:
        return known
    made = make_program(plan, dtype, mode)
    made = replace(made, data=device.upload(made.data))
    device.synchronize()  # other threads may launch in streams of their own
    return programs.setdefault(device, made)


def make_program(plan: ExecutionPlan, dtype: np.dtype[Any], mode: str = "run") -> DeviceProgram:
    """Make the program of a plan, with its data on the host; needs no device.

    Args:
        plan: The schedule.
        dtype: complex64 or complex128.
        mode: As in `program_for`.

    Raises:
        UnsupportedError: If the native modules are not built, or tables are too large.
    """
    if _device is None:
        raise UnsupportedError(f"{_reason}.")
    shape = tile_shape(dtype)
    qubits = shape.qubits if mode == "run" else shape.qubits - 1
    try:
        parts = _device.make_program(plan, mode, qubits, shape.low_qubits, shape.bank_bits)
    except ValueError as cause:
        raise UnsupportedError(f"The GPU kernels cannot run this circuit: {cause}.") from None
    header = parts["data"][: 8 * (_HEADER_RECIPES + 1)].view(np.int64)
    bindings = int(header[_HEADER_RECIPES]) * _RECIPE_THREADS + int(parts["num_turns"])
    exchanges = _exchanges(parts["data"], header) if StepKind.SWAPS in parts["kind"] else ()
    return DeviceProgram(num_bindings=bindings, exchanges=exchanges, **parts)


def _exchanges(data: NDArray[np.uint8], header: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Read the pairs of the program's only record of ``Swaps``, whose last words bound them."""
    record = data[header[_HEADER_SWAPS] :][:24].view(np.int32)
    pairs = data[header[_HEADER_BOUNDS] :][: 4 * record[5]].view(np.int32)[record[4] :]
    return tuple((int(a), int(b)) for a, b in pairs.reshape(-1, 2))

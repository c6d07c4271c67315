"""Plans programs: asks the native planner, or makes the trivial plan without it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, fields
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import OptionError
from quasim_backend.ir.plan import ExecutionPlan, OpKind
from quasim_backend.ir.program import PrimitiveKind, Program

__all__ = ["PlanOptions", "is_available", "plan", "tile_shape", "trivial_plan"]

_LIMITS = {
    "max_fused": (1, 3),
    "max_diagonal": (1, 16),
    "tile_qubits": (1, 30),
    "low_qubits": (0, 30),
    "amplitude_bytes": (8, 16),
}

# Tile and low qubits, by the bytes of an amplitude.
_NARROW = {8: (13, 5), 16: (12, 4)}
_SHALLOW = {8: (13, 5), 16: (13, 4)}
_DEEP = {8: (14, 3), 16: (13, 3)}
_WIDE_FROM = 18
"""Qubits from which tiles of 128 KiB are enough for many threads."""
_DEEP_FROM = 18
"""Primitives a qubit from which arithmetic takes longer than reading and writing the state."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the planner may do.

    Attributes:
        max_fused: Widest dense fusion, 1 to 3 qubits.
        max_diagonal: Widest diagonal fusion, 1 to 16 qubits.
        tile_qubits: Local qubits of a stage, 1 to 30. None: `tile_shape` chooses.
        low_qubits: Lowest qubits that are local in every stage, 0 to ``tile_qubits``; a tile is
            made of runs of ``2**low_qubits`` contiguous amplitudes or longer. None: `tile_shape`
            chooses.
        amplitude_bytes: What `tile_shape` chooses for: 8 for complex64, 16 for complex128. A
            session puts that of its precision here.
        fuse: ``False`` for the trivial plan: one primitive, one operation, one stage.
        split: Fuse for kernels that take operations apart into rotations, phases and moves, as the
            native ones do when they run a circuit; ``False`` for kernels that run each operation
            whole, as un-computing does.

    Raises:
        OptionError: If a value is out of range.
    """

    max_fused: int = 3
    max_diagonal: int = 8
    tile_qubits: int | None = None
    low_qubits: int | None = None
    amplitude_bytes: int = 8
    fuse: bool = True
    split: bool = True

    def __post_init__(self) -> None:
        """Check the ranges."""
        for item in fields(self):
            if item.name not in _LIMITS:
                continue
            least, most = _LIMITS[item.name]
            value = getattr(self, item.name)
            if value is not None and not least <= value <= most:
                raise OptionError(
                    f"PlanOptions.{item.name} is {value}; give an integer from {least} to {most}."
                )
        if self.amplitude_bytes not in _SHALLOW:
            raise OptionError(
                f"PlanOptions.amplitude_bytes is {self.amplitude_bytes}; give 8 or 16."
            )
        tile, low = self.tile_qubits, self.low_qubits
        if tile is not None and low is not None and low > tile:
            raise OptionError(
                f"PlanOptions.low_qubits is {low}, more than tile_qubits={tile}; low qubits are "
                f"part of the tile."
            )


def _load() -> tuple[ModuleType | None, str | None]:
    try:
        return importlib.import_module("quasim_backend.compile._planner"), None
    except ImportError as error:
        return None, f"The native planner is not built: {error}"


_native, _reason = _load()


def is_available() -> str | None:
    """Return ``None`` if the native planner can be used, else the reason why not."""
    return _reason


def plan(program: Program, options: PlanOptions | None = None) -> ExecutionPlan:
    """Fuse a program into operations and cut them into stages.

    Depends on the structure of the program only, never on parameter values, and is deterministic.
    ``O(gates)`` for the gates' neighbourhoods; one to two microseconds a gate.

    Args:
        program: The primitives.
        options: Limits; the defaults suit the native kernels.

    Returns:
        The plan; its ``planner`` is ``"native"``, or ``"trivial"`` when ``fuse`` is off or the
        native planner is not built (`is_available` says why).
    """
    options = options or PlanOptions()
    if _native is None or not options.fuse:
        return trivial_plan(program)
    tile_qubits, low_qubits = tile_shape(program, options)
    arrays: dict[str, NDArray[np.generic]] = _native.plan(
        program,
        max_fused=options.max_fused,
        max_diagonal=options.max_diagonal,
        tile_qubits=tile_qubits,
        low_qubits=low_qubits,
        split=options.split,
    )
    return _freeze(program, arrays, "native")


def tile_shape(program: Program, options: PlanOptions) -> tuple[int, int]:
    """Return the tile and low qubits to plan a program with, chosen where the options do not say.

    Few gates a qubit are done sooner than their state is read and written: they take long runs.
    Many gates take shorter runs and larger tiles, which need fewer stages and sweeps.
    """
    if program.num_qubits < _WIDE_FROM:
        shapes = _NARROW
    else:
        shapes = _DEEP if len(program) >= _DEEP_FROM * program.num_qubits else _SHALLOW
    tile, low = shapes[options.amplitude_bytes]
    low = low if options.low_qubits is None else options.low_qubits
    tile = max(tile, low) if options.tile_qubits is None else options.tile_qubits
    return tile, min(tile, low)


def trivial_plan(program: Program) -> ExecutionPlan:
    """Plan without fusion: one primitive, one operation, one stage over all qubits.

    Needs no compiled module.
    """
    count = len(program)
    operations = np.arange(count + 1, dtype=np.int32)
    support = [_qubits(program, i) for i in range(count)]
    everything = np.arange(program.num_qubits, dtype=np.int32)
    arrays: dict[str, NDArray[np.generic]] = {
        "op_kind": np.full(count, OpKind.SINGLE, np.uint8),
        "op_member_start": operations,
        "op_members": operations[:-1].copy(),
        "op_qubit_start": np.cumsum([0, *map(len, support)], dtype=np.int32),
        "op_qubits": np.array([q for qubits in support for q in qubits], np.int32),
        "stage_start": operations.copy(),
        "stage_qubit_start": operations * np.int32(program.num_qubits),
        "stage_qubits": np.tile(everything, count),
        "stage_fma": np.array([_fma(program, i) for i in range(count)], np.float64),
    }
    return _freeze(program, arrays, "trivial")


def _freeze(
    program: Program, arrays: dict[str, NDArray[np.generic]], planner: str
) -> ExecutionPlan:
    for array in arrays.values():
        array.setflags(write=False)
    return ExecutionPlan(program=program, planner=planner, **arrays)  # type: ignore[arg-type]


def _qubits(program: Program, index: int) -> list[int]:
    """Return every qubit a primitive touches, ascending."""
    mask = int(program.control_mask[index] | program.x_mask[index] | program.z_mask[index])
    for target in program.targets[program.target_start[index] : program.target_start[index + 1]]:
        mask |= 1 << int(target)
    return [q for q in range(program.num_qubits) if mask >> q & 1]


def _fma(program: Program, index: int) -> float:
    """Return the real fused multiply-adds per amplitude of a primitive run on its own."""
    share = 0.5 ** int(program.control_mask[index]).bit_count()
    kind = program.kind[index]
    if kind == PrimitiveKind.MATRIX:
        width = int(program.target_start[index + 1] - program.target_start[index])
        return share * 4.0 * 2.0**width
    return share if kind == PrimitiveKind.PERMUTATION else share * 4.0

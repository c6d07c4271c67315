"""Primitives as packed bytes, so that a circuit's arrays are joined rather than filled.

One primitive is a fixed row and three runs of numbers: targets, matrix entries, table entries.
Packed once, it is placed any number of times for the cost of a list append; a thousand gates become
arrays by four joins. Filling lists field by field took four times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTHING", "Packed", "joined", "pack", "unpacked"]

_ROW = struct.Struct("=4Q2qd2B6x")
"""Control mask and value, x and z mask, sizes of data and table, angle, kind, number of targets."""

_TARGETS = [struct.Struct(f"={count}i") for count in range(65)]

_ROWS = np.dtype(
    {
        "names": [
            *("control_mask", "control_value", "x_mask", "z_mask"),
            *("data", "table", "angle", "kind", "targets"),
        ],
        "formats": ["u8", "u8", "u8", "u8", "i8", "i8", "f8", "u1", "u1"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 57],
        "itemsize": _ROW.size,
    }
)


class Packed(NamedTuple):
    """Some primitives.

    Attributes:
        rows: One row each.
        targets: int32.
        data: complex128.
        table: int64.
    """

    rows: bytes
    targets: bytes
    data: bytes
    table: bytes


NOTHING = Packed(b"", b"", b"", b"")


def pack(
    kind: int,
    targets: Sequence[int] = (),
    control_mask: int = 0,
    control_value: int = 0,
    *,
    data: NDArray[Any] | None = None,
    table: NDArray[Any] | None = None,
    x_mask: int = 0,
    z_mask: int = 0,
    angle: float = 0.0,
) -> Packed:
    """Pack one primitive; the fields are those of `quasim_backend.ir.program.Program`."""
    row = _ROW.pack(
        control_mask,
        control_value,
        x_mask,
        z_mask,
        0 if data is None else data.size,
        0 if table is None else table.size,
        angle,
        kind,
        len(targets),
    )
    return Packed(
        row,
        _TARGETS[len(targets)].pack(*targets) if targets else b"",
        b"" if data is None else data.astype(np.complex128, copy=False).tobytes(),
        b"" if table is None else table.astype(np.int64, copy=False).tobytes(),
    )


def joined(parts: Sequence[Packed]) -> Packed:
    """Return primitives one after the other."""
    return Packed(*map(b"".join, zip(*parts, strict=True))) if parts else NOTHING


def unpacked(packed: Packed) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `Program`, without its angles' terms.

    ``angle_offset`` may be written to. For the others see `Program`.
    """
    rows = np.frombuffer(packed.rows, _ROWS)
    return {
        "kind": rows["kind"].copy(),
        "target_start": _starts(rows["targets"], np.int32),
        "targets": np.frombuffer(packed.targets, np.int32),
        "control_mask": rows["control_mask"].copy(),
        "control_value": rows["control_value"].copy(),
        "x_mask": rows["x_mask"].copy(),
        "z_mask": rows["z_mask"].copy(),
        "data_start": _starts(rows["data"], np.int64),
        "data": np.frombuffer(packed.data, np.complex128),
        "table_start": _starts(rows["table"], np.int64),
        "table": np.frombuffer(packed.table, np.int64),
        "angle_offset": rows["angle"].copy(),
    }


def _starts(sizes: NDArray[Any], dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    starts = np.zeros(len(sizes) + 1, dtype)
    np.cumsum(sizes, out=starts[1:])
    return starts

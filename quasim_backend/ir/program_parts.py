"""Programs cut and put together: stretches of one, several in turn, another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.program import Program

__all__ = ["chained", "part", "reordered"]

_RUNS = {
    "target_start": ("targets",),
    "data_start": ("data",),
    "table_start": ("table",),
    "term_start": ("term_parameter", "term_weight"),
}
"""Arrays with a run of entries for each primitive, by the array that says where runs begin."""
_FIELDS = ("kind", "control_mask", "control_value", "x_mask", "z_mask", "angle_offset")
"""Arrays with one entry for each primitive."""


def part(program: Program, first: int, last: int) -> Program:
    """Return the primitives ``first .. last - 1`` with the same parameter vector, as views."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(program, name)[first:last] for name in _FIELDS}
    for starts, runs in _RUNS.items():
        begin = getattr(program, starts)[first : last + 1]
        arrays[starts] = begin - begin[0]
        for name in runs:
            arrays[name] = getattr(program, name)[begin[0] : begin[-1]]
    return replace(program, **_read_only(arrays))


def chained(programs: Sequence[Program]) -> Program:
    """Return programs of one width and one parameter vector as one; the first acts first.

    Programs without parameters may be among them.
    """
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(p, name) for p in programs]) for name in _FIELDS
    }
    for starts, runs in _RUNS.items():
        sizes = np.concatenate([np.diff(getattr(p, starts)) for p in programs])
        begin = np.zeros(len(sizes) + 1, getattr(programs[0], starts).dtype)
        np.cumsum(sizes, out=begin[1:])
        arrays[starts] = begin
        for name in runs:
            arrays[name] = np.concatenate([getattr(p, name) for p in programs])
    parameters = max((p.parameters for p in programs), key=len)
    return replace(programs[0], parameters=parameters, **_read_only(arrays))


def reordered(program: Program, order: NDArray[np.int64]) -> Program:
    """Return the primitives ``order[0], order[1], ...``, each any number of times."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(program, name)[order] for name in _FIELDS}
    for starts, runs in _RUNS.items():
        old = getattr(program, starts)
        sizes = np.diff(old)[order]
        begin = np.zeros(len(order) + 1, old.dtype)
        np.cumsum(sizes, out=begin[1:])
        arrays[starts] = begin
        entries = np.arange(begin[-1]) + np.repeat(old[:-1][order] - begin[:-1], sizes)
        for name in runs:
            arrays[name] = getattr(program, name)[entries]
    return replace(program, **_read_only(arrays))


def _read_only(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    for array in arrays.values():
        array.setflags(write=False)
    return arrays

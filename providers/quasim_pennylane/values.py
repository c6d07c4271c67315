"""Statistics of mid-circuit measurements: of one value computed from outcomes, or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.measurements import CountsMP, ExpectationMP, ProbabilityMP, VarianceMP

from quasim_pennylane.conditions import McmTable

__all__ = ["measure_values"]


def measure_values(mp: Any, bits: NDArray[np.uint8], mcms: McmTable) -> Any:
    """Return a measurement of mid-circuit outcomes.

    Args:
        mp: Its ``mv`` is one measurement value or a list of them.
        bits: uint8 ``(shots, len(mcms))``; at least one shot, unless samples or counts are wanted.
        mcms: Which outcome is which bit.
    """
    if isinstance(mp.mv, Sequence):
        values = np.stack([mcms.values(v, bits) for v in mp.mv], axis=1)
        return _of_columns(mp, values)
    values = mcms.values(mp.mv, bits)
    if isinstance(mp, ExpectationMP):
        return np.float64(values.mean())
    if isinstance(mp, VarianceMP):
        return np.float64(values.var())
    if isinstance(mp, ProbabilityMP):
        if not mp.mv.has_processing:
            return np.bincount(values, minlength=2) / len(values)
        possible = sorted({np.asarray(v).item() for _, v in mp.mv.items()})
        return np.array([(values == v).mean() for v in possible])
    if isinstance(mp, CountsMP):
        found = dict(zip(*(a.tolist() for a in np.unique(values, return_counts=True)), strict=True))
        if mp.all_outcomes:
            found = {np.asarray(v).item(): 0 for _, v in mp.mv.items()} | found
        return found
    return values


def _of_columns(mp: Any, values: NDArray[Any]) -> Any:
    """Return a measurement of several mid-circuit outcomes, one a column."""
    width = values.shape[1]
    if isinstance(mp, ProbabilityMP):
        index = values @ (1 << np.arange(width)[::-1])
        return np.bincount(index, minlength=1 << width) / len(values)
    if isinstance(mp, CountsMP):
        rows, counts = np.unique(values, axis=0, return_counts=True)
        words = ["".join(map(str, row)) for row in rows.tolist()]
        found = dict(zip(words, counts.tolist(), strict=True))
        if mp.all_outcomes:
            found = {format(v, f"0{width}b"): 0 for v in range(1 << width)} | found
        return found
    return values

"""What gates one by one cost, as one would write them with an array library."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from gpu.budget import Budget
from gpu.engines import CUPY, NUMPY, TORCH
from gpu.sections import families
from gpu.setting import Setting

TITLE = "Gate by gate"
SECONDS = 60.0
_USUAL = 26
_STATES = 6.0
"""Arrays of the state's size that a gate's terms take."""
_PASSES = 6000

table = families.table


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure every family in the first dtype."""
    dtype = setting.dtypes[0]
    n = setting.one_width(dtype, _USUAL, _STATES)
    for family in setting.families:
        if budget.allows(_PASSES * setting.pass_seconds(n, dtype)):
            yield families.measure(setting, family, n, dtype, _libraries(setting))


def _libraries(setting: Setting) -> tuple[str, ...]:
    if not setting.place.is_gpu:
        return (NUMPY,)
    if importlib.util.find_spec("torch") is None:
        setting.skipped[TORCH] = "PyTorch is not installed"
        return (CUPY,)
    return CUPY, TORCH

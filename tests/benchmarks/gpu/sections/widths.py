"""A few families at every width that fits into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpu.budget import Budget
from gpu.sections import families
from gpu.setting import Setting

TITLE = "Widths"
SECONDS = 240.0
FAMILIES = ("QFT", "ansatz")
_USUAL = [20, 22, 24, 26, 28, 31, 32, 33]
_PASSES = 600

table = families.table


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure the narrow ones first; nothing where widths were asked for: `families` has them."""
    if setting.qubits:
        return
    for n in _USUAL:
        for dtype in setting.dtypes:
            for family in FAMILIES:
                fits = n <= setting.widest(dtype) and family in setting.families
                if fits and budget.allows(_PASSES * setting.pass_seconds(n, dtype)):
                    yield families.measure(setting, family, n, dtype)

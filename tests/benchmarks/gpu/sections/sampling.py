"""A million samples of a wide state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table

from gpu.budget import Budget
from gpu.circuits import NO_PARAMETERS, plan_of
from gpu.engines import CUSTATEVEC
from gpu.place import timed
from gpu.setting import Setting
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.custatevec import CuStateVecKernels

TITLE = "Samples"
SECONDS = 40.0
_USUAL = 30
_FAMILY = "ansatz"
_MISMATCHES = 1e-3
"""Share of samples that sums in another order may move to the next basis state with a weight."""


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure each dtype; all kernel sets draw from the same array with the same uniforms."""
    for dtype in setting.dtypes:
        n = setting.one_width(dtype, _USUAL)
        if budget.allows(200 * setting.pass_seconds(n, dtype)):
            yield _measure(setting, n, dtype)


def _measure(setting: Setting, n: int, dtype: str) -> dict[str, Any]:
    uniforms = np.random.default_rng(7).random(setting.shots)
    plan = plan_of(_FAMILY, n, setting.options(dtype))
    state = setting.kernels.start(plan, np.dtype(dtype), NO_PARAMETERS)
    sets: dict[str, tuple[KernelSet, Any]] = {setting.name: (setting.kernels, state)}
    if setting.calls is not None and hasattr(setting.kernels, "to_device"):
        theirs = CuStateVecKernels(calls=setting.calls)
        sets[CUSTATEVEC] = theirs, setting.kernels.to_device(state)
    seconds: dict[str, float] = {}
    drawn: dict[str, np.ndarray] = {}
    for name, (kernels, where) in sets.items():
        drawn[name] = kernels.sample(where, uniforms)
        seconds[name], _ = timed(
            setting.place, lambda k=kernels, w=where: k.sample(w, uniforms), setting.repeats
        )
    first = drawn[setting.name]
    mismatches = {name: float(np.mean(found != first)) for name, found in drawn.items()}
    row: dict[str, Any] = {
        "family": _FAMILY,
        "qubits": n,
        "dtype": dtype,
        "shots": setting.shots,
        "mismatches": mismatches,
        "pass_seconds": setting.pass_seconds(n, dtype),
    }
    if max(mismatches.values()) > _MISMATCHES:
        return row | {"error": f"samples differ: {mismatches}"}
    return row | {"seconds": seconds}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("seconds", {})))
    header = ["qubits", "dtype", "shots", "a pass, ms", *(f"{name}, ms" for name in names)]
    body = []
    for row in rows:
        cells = [str(row["qubits"]), row["dtype"], f"{row['shots']:,}"]
        cells.append(milliseconds(row["pass_seconds"]))
        if "error" in row:
            cells += [row["error"], *[""] * (len(names) - 1)]
        else:
            cells += [milliseconds(row["seconds"].get(name)) for name in names]
        body.append(cells)
    worst = max((m for row in rows for m in row["mismatches"].values()), default=0.0)
    note = f"Share of samples that differ between engines: at most {number(worst)}."
    return f"{markdown_table(header, body)}\n\n{note if len(names) > 1 else ''}".rstrip()

"""Many small circuits in one call against one call each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table

from gpu.budget import Budget
from gpu.circuits import parametrized_ansatz, planned
from gpu.compare import TOLERANCE
from gpu.engines import CUSTATEVEC
from gpu.place import timed
from gpu.setting import Setting
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.custatevec import CuStateVecKernels

TITLE = "Batches of small circuits"
SECONDS = 40.0
_QUBITS = 10
_LAYERS = 3
_LONGEST = 8.0
_FEW = 100
"""Circuits that cuStateVec runs, one after the other; its time a circuit is the same for more."""


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure each dtype."""
    n = min(_QUBITS, max(setting.qubits, default=_QUBITS))
    for dtype in setting.dtypes:
        if budget.allows(1.0):
            yield _measure(setting, n, dtype)


def _measure(setting: Setting, n: int, dtype: str) -> dict[str, Any]:
    circuit, values = parametrized_ansatz(n, _LAYERS)
    random = np.random.default_rng(8)
    parameters = values + random.normal(size=(setting.members, len(values)))
    numpy_dtype = np.dtype(dtype)
    plan = planned(circuit, setting.options(dtype))
    kernels = setting.kernels

    def batch(by: KernelSet, schedule: Any, rows: np.ndarray = parameters) -> Any:
        states = by.zero_states(len(rows), n, numpy_dtype)
        by.run_batch(schedule, states, rows)
        return states

    def singles() -> Any:
        state = None
        for row in parameters:
            state = kernels.zero_state(n, numpy_dtype)
            kernels.run(plan, state, row)
        return state

    states = np.array(kernels.to_host(batch(kernels, plan)))
    last = np.array(kernels.to_host(singles()))
    distances = {"one by one": float(np.linalg.norm(states[-1] - last))}
    seconds: dict[str, float] = {}
    starts = {"batch": lambda: batch(kernels, plan), "one by one": singles}
    if setting.calls is not None:
        theirs = CuStateVecKernels(calls=setting.calls)
        other = planned(circuit, PlanOptions(max_fused=2))
        few = parameters[:_FEW]
        there = np.array(theirs.to_host(batch(theirs, other, few)))
        distances[CUSTATEVEC] = float(np.linalg.norm(there - states[: len(few)], axis=1).max())
        starts[CUSTATEVEC] = lambda: batch(theirs, other, few)
    for name, start in starts.items():
        circuits = min(_FEW, setting.members) if name == CUSTATEVEC else setting.members
        seconds[name] = timed(setting.place, start, setting.repeats, _LONGEST)[0] / circuits
    row = {"qubits": n, "dtype": dtype, "members": setting.members, "distances": distances}
    if not max(distances.values()) <= TOLERANCE[dtype]:
        return row | {"error": f"states differ: {distances}"}
    return row | {"seconds": seconds}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("seconds", {})))
    header = ["qubits", "dtype", "circuits", *(f"{name}, µs" for name in names), "gain", "distance"]
    body = []
    for row in rows:
        cells = [str(row["qubits"]), row["dtype"], str(row["members"])]
        if "error" in row:
            body.append([*cells, row["error"], *[""] * (len(header) - 4)])
            continue
        gain = row["seconds"]["one by one"] / row["seconds"]["batch"]
        cells += [milliseconds(1e3 * row["seconds"][name]) for name in names]
        worst = max(row["distances"].values())
        body.append([*cells, f"{number(gain)}x", f"{worst:.1e}"])
    return f"Time a circuit.\n\n{markdown_table(header, body)}"

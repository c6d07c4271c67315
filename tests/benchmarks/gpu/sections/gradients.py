"""The adjoint gradient of a wide state against its forward run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table

from gpu.budget import Budget
from gpu.circuits import parametrized_ansatz, planned
from gpu.engines import CUSTATEVEC
from gpu.place import timed
from gpu.setting import Setting
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.custatevec import CuStateVecKernels

TITLE = "Gradients"
SECONDS = 80.0
_USUAL = 28
_LAYERS = 10
_STATES = 5.0
_TOLERANCE = {"complex64": 1e-3, "complex128": 1e-9}
_PASSES = 15000
"""Of both engines; cuStateVec differentiates gate by gate."""


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure the first dtype."""
    dtype = setting.dtypes[0]
    n = setting.one_width(dtype, _USUAL, _STATES)
    if budget.allows(_PASSES * setting.pass_seconds(n, dtype)):
        yield _measure(setting, n, dtype)


def _measure(setting: Setting, n: int, dtype: str) -> dict[str, Any]:
    circuit, values = parametrized_ansatz(n, _LAYERS)
    masks = 3 << np.arange(n - 1, dtype=np.uint64)  # Z on neighbours
    observable = (np.zeros_like(masks), masks, np.linspace(0.1, 1, n - 1).astype(np.complex128))
    sets: dict[str, tuple[KernelSet, PlanOptions]] = {
        setting.name: (setting.kernels, setting.options(dtype))
    }
    if setting.calls is not None:
        sets[CUSTATEVEC] = CuStateVecKernels(calls=setting.calls), PlanOptions(max_fused=2)
    found: dict[str, np.ndarray] = {}
    times: dict[str, dict[str, float]] = {}
    for name, (kernels, options) in sets.items():
        plan = planned(circuit, options)
        repeats = setting.repeats if name == setting.name else 1
        found[name], times[name] = _one(setting, kernels, plan, values, dtype, observable, repeats)
        setting.place.release()
    first = found[setting.name]
    scale = float(np.abs(first).max())
    errors = {name: float(np.abs(d - first).max()) / scale for name, d in found.items()}
    row = {"qubits": n, "dtype": dtype, "parameters": len(values), "errors": errors}
    if not max(errors.values()) <= _TOLERANCE[dtype]:
        return row | {"error": f"gradients differ: {errors}"}
    return row | {"seconds": times}


def _one(
    setting: Setting,
    kernels: KernelSet,
    plan: ExecutionPlan,
    values: np.ndarray,
    dtype: str,
    observable: tuple[np.ndarray, np.ndarray, np.ndarray],
    repeats: int,
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the gradient, and the seconds of the forward run, of ``H @ state`` and of the rest."""
    state = kernels.start(plan, np.dtype(dtype), values)
    forward, _ = timed(setting.place, lambda: kernels.run(plan, state, values), repeats)
    del state
    state = kernels.start(plan, np.dtype(dtype), values)
    bra = kernels.apply_pauli_sum(state, *observable)
    product, _ = timed(setting.place, lambda: kernels.apply_pauli_sum(state, *observable), repeats)
    by_angle = kernels.adjoint(plan, kernels.copy(state), bra, values)
    # `bra` is un-computed now; any amplitudes do for the clock.
    adjoint, _ = timed(
        setting.place, lambda: kernels.adjoint(plan, state, bra, values, discard=True), repeats
    )
    program = plan.program
    owner = np.repeat(np.arange(len(program)), np.diff(program.term_start))
    gradient = np.zeros(len(values))
    np.add.at(gradient, program.term_parameter, program.term_weight * by_angle[owner])
    return gradient, {"forward": forward, "observable": product, "adjoint": adjoint}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    header = ["qubits", "dtype", "parameters", "engine", "forward, ms", "H, ms", "adjoint, ms"]
    header += ["all / forward", "relative error"]
    body = []
    for row in rows:
        what = [str(row["qubits"]), row["dtype"], str(row["parameters"])]
        if "error" in row:
            body.append([*what, row["error"], *[""] * 5])
            continue
        for name, seconds in row["seconds"].items():
            total = sum(seconds.values()) / seconds["forward"]
            cells = [milliseconds(seconds[k]) for k in ("forward", "observable", "adjoint")]
            body.append([*what, name, *cells, number(total), f"{row['errors'][name]:.1e}"])
    return markdown_table(header, body)

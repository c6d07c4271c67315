"""Every family at one width: ours against cuStateVec, passes and bandwidth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table

from gpu import engines
from gpu.budget import Budget
from gpu.circuits import FAMILIES, itemsize, plan_of
from gpu.compare import Sample, WrongStateError, check
from gpu.engines import CUSTATEVEC, NUMPY, UPDATER, Job
from gpu.place import timed
from gpu.roofline import name_of, predict
from gpu.setting import Setting
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.cuda.kernel_set import CudaKernels
from quasim_backend.kernels.cuda.program import make_program

TITLE = "State vectors"
SECONDS = 300.0
_USUAL = [30]
_PASSES = 600
"""Passes that all engines take for one case, about, with all trials and repeats."""
_LONGEST = 5.0
"""Seconds of one engine's timed runs."""


def run(setting: Setting, budget: Budget) -> Iterator[dict[str, Any]]:
    """Measure every family in every dtype; on the host, beside gates one by one."""
    more = () if setting.place.is_gpu else (NUMPY,)
    for dtype in setting.dtypes:
        for n in setting.widths(dtype, _USUAL):
            for family in setting.families:
                if budget.allows(_PASSES * setting.pass_seconds(n, dtype)):
                    yield measure(setting, family, n, dtype, more)


def measure(
    setting: Setting, family: str, n: int, dtype: str, more: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Run one circuit on every engine that is there, compare the states, and report the times.

    Args:
        setting: The run.
        family: One of `FAMILIES`.
        n: Qubits.
        dtype: complex64 or complex128.
        more: Libraries that run it gate by gate.

    Returns:
        The row; without times, but with ``error``, if engines disagree.
    """
    plan = plan_of(family, n, setting.options(dtype))
    starts: dict[str, Callable[[], Job]] = {
        setting.name: lambda: engines.ours(setting.kernels, setting.place, plan, dtype)
    }
    if setting.calls is not None:
        calls = setting.calls
        starts[CUSTATEVEC] = lambda: engines.custatevec(calls, setting.place, family, n, dtype)
    if UPDATER not in setting.skipped:
        starts[UPDATER] = lambda: engines.updater(family, n, dtype)
    for library in more:
        starts[library] = lambda library=library: engines.naive(library, family, n, dtype)
    row: dict[str, Any] = {
        "family": family,
        "qubits": n,
        "dtype": dtype,
        "gates": len(FAMILIES[family](n)),
        "skipped": {},
    }
    row["predicted"] = _predicted(setting, plan, dtype)
    samples: dict[str, Sample] = {}
    times: dict[str, dict[str, Any]] = {}
    for name, start in starts.items():
        try:
            samples[name], times[name] = _one(setting, start, n, dtype)
        except Exception as cause:  # a peer that fails, in ways of its own, is left out
            if name == setting.name:
                raise
            row["skipped"][name] = f"{type(cause).__name__}: {cause}"
        setting.place.release()
    try:
        row["distance"] = check(samples, dtype, f"{family}, {n} qubits, {dtype}")
    except WrongStateError as cause:
        return row | {"error": str(cause)}
    return row | {"engines": times, "compared": len(samples) > 1}


def _predicted(setting: Setting, plan: ExecutionPlan, dtype: str) -> float | None:
    """Return the seconds predicted for our kernels, where the GPU is known."""
    gpu = name_of(setting.place.describe()["device"])
    if gpu is None or not isinstance(setting.kernels, CudaKernels):
        return None
    program = make_program(plan, np.dtype(dtype))
    return predict(program, plan.num_qubits, gpu, dtype).seconds


def _one(
    setting: Setting, start: Callable[[], Job], n: int, dtype: str
) -> tuple[Sample, dict[str, Any]]:
    """Run an engine once for its state, then time it."""
    job = start()
    try:
        job.run()
        sample = job.sample()
        seconds, joules = timed(setting.place, job.run, setting.repeats, _LONGEST)
    finally:
        job.close()
    moved = None if job.passes is None else job.passes * 2 * itemsize(dtype) << n
    return sample, {
        "seconds": seconds,
        "joules": joules,
        "passes": job.passes,
        "bytes": moved,
        "gb_per_s": None if moved is None else moved / seconds / 1e9,
        "share": None if moved is None else moved / seconds / setting.bandwidth,
        "setting": job.setting,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("engines", {})))
    own, peers = names[:1], names[1:]
    header = [
        "circuit",
        "qubits",
        "dtype",
        "passes",
        "ms",
        "predicted ms",
        "GB/s",
        "of a copy",
        "J",
    ]
    for name in peers:
        header += [f"{name}: passes", "ms", "ratio"]
    body = []
    for row in rows:
        cells = [row["family"], str(row["qubits"]), row["dtype"]]
        if "error" in row:
            body.append([*cells, "wrong states", *[""] * (len(header) - 4)])
            continue
        mine = row["engines"][own[0]]
        cells += [number(mine["passes"]), milliseconds(mine["seconds"])]
        cells += [milliseconds(row["predicted"]), number(mine["gb_per_s"])]
        cells += [f"{100 * mine['share']:.0f} %", number(mine["joules"])]
        for name in peers:
            theirs = row["engines"].get(name)
            if theirs is None:
                cells += ["", "", ""]
                continue
            ratio = theirs["seconds"] / mine["seconds"]
            cells += [number(theirs["passes"]), milliseconds(theirs["seconds"]), f"{ratio:.2f}x"]
        body.append(cells)
    worst: dict[str, float] = {}
    for row in rows:
        for name, found in row.get("distance", {}).items():
            worst[name] = max(worst.get(name, 0.0), found["relative"])
    said = ", ".join(f"{name} {value:.1e}" for name, value in worst.items() if name in peers)
    note = f"Largest relative distance of a state from ours: {said}." if said else NOT_COMPARED
    return f"{markdown_table(header, body)}\n\n{note}"


NOT_COMPARED = "There was no other engine, so no state was compared; only norms were checked."

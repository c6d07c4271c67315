"""The table of predicted times, with measured ones beside them where there are any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table

from gpu.circuits import FAMILIES, NO_PARAMETERS, itemsize, plan_of, plan_options
from gpu.roofline import BANDWIDTH_SHARE, GPUS, ISSUE_SHARE, name_of, predict, predict_dense
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.kernels.cuda.program import make_program
from quasim_backend.kernels.custatevec.fusion import fused
from quasim_backend.kernels.custatevec.operations import operations_of

NOT_MEASURED = "not measured"
_WIDTH = 5
"""Qubits of the matrices that calls of cuStateVec are predicted with."""


def table(
    gpu: str, n: int, dtype: str, tile: int | None, low: int | None, results: Path | None
) -> str:
    """Return the predictions for one GPU as Markdown.

    Args:
        gpu: One of `GPUS`.
        n: Qubits.
        dtype: complex64 or complex128.
        tile: Tile qubits of our plans; None for the usual ones.
        low: Low qubits of our plans; None for the usual ones.
        results: The JSON file of a run, whose times are shown if it ran on that GPU.
    """
    known = _measured(results, gpu, n, dtype)
    header = ["circuit", "passes", "exchanges", "GB", "instructions an amplitude", "memory ms"]
    header += ["instructions ms", "exchanges ms", "predicted ms", "bound by", "measured ms"]
    header += [f"calls of {_WIDTH} qubits", "predicted ms", "ratio"]
    rows = []
    for family in FAMILIES:
        program = make_program(plan_of(family, n, plan_options(dtype, tile, low)), np.dtype(dtype))
        found = predict(program, n, gpu, dtype)
        calls = _calls(family, n)
        theirs = predict_dense(calls, _WIDTH, n, gpu, dtype)
        seconds = known.get(family)
        rows.append(
            [
                family,
                str(found.passes),
                str(found.exchanges),
                number(found.bytes / 1e9),
                number(found.instructions / 2.0**n),
                milliseconds(found.memory_seconds),
                milliseconds(found.issue_seconds),
                milliseconds(found.exchange_seconds),
                milliseconds(found.seconds),
                found.bound,
                NOT_MEASURED if seconds is None else milliseconds(seconds),
                str(calls),
                milliseconds(theirs.seconds),
                f"{theirs.seconds / found.seconds:.2f}x",
            ]
        )
    sheet = GPUS[gpu]
    rate = sheet.issue_rate(itemsize(dtype))
    return (
        f"Predictions for {gpu}, {n} qubits, {dtype}: {BANDWIDTH_SHARE:.0%} of "
        f"{sheet.bandwidth / 1e12:.2f} TB/s; {ISSUE_SHARE:.0%} of {rate / 1e12:.1f} T "
        f"instructions/s and {sheet.shared_bandwidth / 1e12:.1f} TB/s of shared memory at "
        f"{sheet.clock / 1e9:.3f} GHz; in each pass the longer of memory, and instructions and "
        f"exchanges together. Launches are left out.\n\n"
        f"{markdown_table(header, rows)}"
    )


def _calls(family: str, n: int) -> int:
    """Return the calls of cuStateVec that our fuser leaves."""
    fewest = []
    for options in (PlanOptions(fuse=False), PlanOptions(max_fused=2)):
        plan = plan_of(family, n, options)
        made = operations_of(plan, plan.program.angles(NO_PARAMETERS))
        fewest.append(len(fused(made, _WIDTH)))
    return min(fewest)


def _measured(results: Path | None, gpu: str, n: int, dtype: str) -> dict[str, float]:
    """Return measured seconds by family from a result file; empty where there is nothing."""
    if results is None or not results.exists():
        return {}
    result: dict[str, Any] = json.loads(results.read_text())
    if name_of(result["machine"]["device"]) != gpu:
        return {}
    rows = [r for rows in result["sections"].values() for r in rows if "engines" in r]
    return {
        row["family"]: row["engines"][result["kernels"]]["seconds"]
        for row in rows
        if row["qubits"] == n and row["dtype"] == dtype
    }

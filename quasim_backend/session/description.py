"""What a result says of its run: who computed it, why, in what precision, and what it moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, SegmentStep
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.kernels.base import passes_of
from quasim_backend.result import Result
from quasim_backend.session.checks import saves_one_course
from quasim_backend.session.choice import averages
from quasim_backend.session.select import ChosenEngine, ChosenKernels

__all__ = ["description", "description_of_parts", "result_of"]


def description(
    compiled: CompiledCircuit,
    request: EngineRequest,
    chosen: ChosenKernels,
    engine: ChosenEngine,
    returned: np.dtype[Any],
) -> dict[str, Any]:
    """Return the metadata of a run that is about to begin; the engine adds its own.

    Args:
        compiled: What is run.
        request: How; with the session's configuration.
        chosen: The kernels, where they are, and why.
        engine: The engine, and why.
        returned: The dtype of results.
    """
    notes = list(chosen.notes)
    precision = request.config.simulation_precision
    if precision in ("fp8", "fp16"):
        notes.append(f"simulation_precision='{precision}' was computed as 'fp32'.")
        precision = "fp32"
    if request.dtype != returned:
        notes.append(f"Computed in {request.dtype}, which costs nothing at this size.")
    if not request.shots and not averages(engine.engine) and saves_one_course(compiled):
        notes.append(
            "Without shots, what is saved after chance is of one course, drawn by the seed."
        )
    passes = sum(
        passes_of(chosen.kernels, step.plan, request.dtype)
        for step in compiled.steps
        if isinstance(step, SegmentStep)
    )
    return {
        **compiled.notes,
        "engine": engine.engine.name,
        "reason": engine.reason,
        "predicted_seconds": engine.seconds,
        "candidates": [asdict(candidate) for candidate in engine.table],
        "kernels": chosen.kernels.name,
        "device": chosen.device,
        "placement": chosen.reason,
        "dtype": str(request.dtype),
        "precision": precision,
        "bytes": passes * 2 * request.dtype.itemsize << compiled.num_qubits,
        "stages": passes,
        "seed": request.seed,
        "num_qubits": compiled.num_qubits,
        "notes": notes,
    }


def description_of_parts(
    compiled: CompiledCircuit, described: Sequence[dict[str, Any]], seed: int
) -> dict[str, Any]:
    """Return the metadata of a circuit whose parts ran apart, given theirs."""
    return {
        **described[0],
        **compiled.notes,
        "engine": "+".join(dict.fromkeys(m["engine"] for m in described)),
        "reason": f"{len(described)} parts whose qubits never meet, each on its own engine",
        "predicted_seconds": _sum_of(m["predicted_seconds"] for m in described),
        "candidates": [],
        "notes": list(dict.fromkeys(note for m in described for note in m["notes"])),
        "parts": list(described),
        "bytes": sum(m["bytes"] for m in described),
        "stages": sum(m["stages"] for m in described),
        "seed": seed,
        "num_qubits": compiled.num_qubits,
        "time_run": sum(m["time_run"] for m in described),
    }


def result_of(
    compiled: CompiledCircuit,
    shots: int,
    output: EngineOutput,
    metadata: dict[str, Any],
    dtype: np.dtype[Any],
) -> Result:
    """Return the result of a run, its arrays in the dtype of results."""
    state, unitary, superop = output.state, output.unitary, output.superop
    if state is None and isinstance(saved := output.saved.get("statevector"), np.ndarray):
        state = saved.astype(dtype, copy=False)
    if unitary is not None:
        unitary = unitary.astype(dtype, copy=False)
    if superop is not None:
        superop = superop.astype(dtype, copy=False)
    return Result(
        shots,
        compiled.num_clbits,
        output.packed,
        state,
        unitary,
        output.saved,
        metadata,
        superop,
        output.standard_errors,
    )


def _sum_of(seconds: Iterable[float | None]) -> float | None:
    """Return a sum, or None if a part of it is not known."""
    known = list(seconds)
    return None if None in known else sum(s for s in known if s is not None)

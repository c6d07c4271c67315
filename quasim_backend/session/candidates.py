"""Engines that could do a run, with what each would cost: a table to choose from and to show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import Engine, EngineRequest
from quasim_backend.session.memory import format_bytes

__all__ = ["Candidate", "candidate", "table_of"]


_DAY = 86400.0
_TOO_LONG = 30 * _DAY
"""Nobody waits that long; a run that starts all the same has to name its engine."""


@dataclass(frozen=True)
class Candidate:
    """An engine for a run.

    Attributes:
        name: The engine's name.
        seconds: How long the run is predicted to take; None if the engine predicts nothing.
        bytes: What it needs; None if the engine refuses the run.
        refusal: Why it cannot do the run, or None if it can.
    """

    name: str
    seconds: float | None = None
    bytes: int | None = None
    refusal: str | None = None


def candidate(
    engine: Engine,
    compiled: CompiledCircuit,
    request: EngineRequest,
    fits: Callable[[Engine, EngineRequest], bool],
) -> Candidate:
    """Return what a run would cost on an engine.

    Args:
        engine: The engine; one that predicts has a method ``predicted_seconds`` with the
            arguments of ``memory_bytes``.
        compiled: What would be run.
        request: What is asked for, and not refused.
        fits: Whether a run fits into memory.
    """
    size = engine.memory_bytes(compiled, request)
    if not fits(engine, request):
        refusal = f"needs {format_bytes(size)}, more than there is"
        return Candidate(engine.name, bytes=size, refusal=refusal)
    predict = getattr(engine, "predicted_seconds", None)
    if predict is None:
        return Candidate(engine.name, None, size)
    seconds = float(predict(compiled, request))
    if not seconds >= 0:  # a plug-in's: that of no run
        return Candidate(engine.name, None, size)
    if math.isinf(seconds):
        return Candidate(engine.name, None, size, "would outgrow its memory on the way")
    if seconds > _TOO_LONG:
        return Candidate(engine.name, None, size, f"would take about {seconds / _DAY:.2g} days")
    return Candidate(engine.name, seconds, size)


def table_of(candidates: Iterable[Candidate], chosen: str | None) -> Sequence[str]:
    """Return candidates as lines of text, the chosen one marked by an arrow."""
    lines = []
    for each in candidates:
        cells = [
            "-" if each.seconds is None else f"{each.seconds:.2g} s",
            "-" if each.bytes is None else format_bytes(each.bytes),
        ]
        mark = "->" if each.name == chosen else "  "
        line = f"{mark} {each.name:<15} {cells[0]:>10} {cells[1]:>10}"
        lines.append(line if each.refusal is None else f"{line}  {each.refusal}")
    return lines

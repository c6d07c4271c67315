"""How a circuit would run, as text."""

from __future__ import annotations

from typing import Any

from quasim_backend.options import DEFAULT_SHOTS
from quasim_backend.session.candidates import table_of
from quasim_backend.session.checks import check_shots, depends_on_chance
from quasim_backend.session.execution import Executor

__all__ = ["explain"]


def explain(executor: Executor, circuit: object, shots: int | None) -> str:
    """Describe how a circuit would run; see `quasim_backend.Runtime.explain`."""
    compiled = executor.compiled(circuit)
    dtype = executor.dtypes(compiled)[1]
    chosen = executor.kernels(compiled)
    passes: Any = compiled.notes.get("passes", ())
    lines = [
        f"kernels: {chosen.kernels.name} on {chosen.device}, {dtype}",
        f"engine: {executor.config.method}; passes: {', '.join(passes) or 'none'}",
        f"placement: {chosen.reason}",
        *chosen.notes,
    ]
    default = DEFAULT_SHOTS if depends_on_chance(compiled) else 0
    number = default if shots is None else check_shots(shots)
    engine, reason = executor.choice(compiled, number)
    what = f"{number} shots" if number else "exact averages" if default else "no shots"
    lines.append(f"{what}: {engine or 'no engine'}: {reason}")
    lines += table_of(executor.candidates(compiled, number, everyone=True), engine)
    lines.append(compiled.explain(dtype.itemsize))
    return "\n".join(lines)

"""How a circuit would run, as text, and on which engine."""

from __future__ import annotations

from typing import Any

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.instructions import Save
from quasim_backend.options import DEFAULT_SHOTS
from quasim_backend.session.candidates import table_of
from quasim_backend.session.checks import check_shots, depends_on_chance
from quasim_backend.session.execution import Executor

__all__ = ["engine_for", "explain"]


def engine_for(
    executor: Executor, circuit: object, shots: int | None, saves: tuple[Save, ...]
) -> str:
    """Return which engine a run would take; see `quasim_backend.Runtime.engine_for`."""
    compiled = executor.compiled(circuit, saves=saves)
    engine, reason = executor.choice(compiled, _shots_of(compiled, shots))
    if engine is None:
        raise UnsupportedError(reason)
    return engine


def _shots_of(compiled: CompiledCircuit, shots: int | None) -> int:
    if shots is None:
        return DEFAULT_SHOTS if depends_on_chance(compiled) else 0
    return check_shots(shots)


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
    number = _shots_of(compiled, shots)
    engine, reason = executor.choice(compiled, number)
    exact = depends_on_chance(compiled)
    what = f"{number} shots" if number else "exact averages" if exact else "no shots"
    lines.append(f"{what}: {engine or 'no engine'}: {reason}")
    lines += table_of(executor.candidates(compiled, number, everyone=True), engine)
    lines.append(compiled.explain(dtype.itemsize))
    return "\n".join(lines)

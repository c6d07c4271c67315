"""Which engine runs a noisy circuit: the cheapest that gives what is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from quasim_backend.compile.code import CompiledCircuit, NoisyStep, SaveStep
from quasim_backend.engines.base import Engine, EngineRequest

__all__ = ["cheapest_first"]

_PATIENCE = 10
"""How many times as long the density matrix may take where it gives exact averages."""
_SOON = 1.0
"""Seconds that it may take in any case."""
_ENGINES = ("trajectories", "density_matrix")


def cheapest_first(
    compiled: CompiledCircuit,
    request: EngineRequest,
    known: Sequence[str],
    make: Callable[[str], Engine],
    fits: Callable[[Engine], bool],
) -> tuple[list[str], str] | None:
    """Return the engines for a circuit with channels, cheapest first, and the reason.

    A trajectory is one course of the noise, run for as many shots as take it; a density matrix is
    all of them at once, at the price of a state of twice the width. Both give the same
    distribution of samples. What is saved as an average is exact with a density matrix, which is
    worth some time.

    Args:
        compiled: What is run.
        request: What is asked for.
        known: Names of the engines there are.
        make: Returns the engine of a name.
        fits: Whether an engine's run fits into memory.

    Returns:
        None if the circuit has no channels, or if what is asked for leaves no choice: numbers given
        in place of random ones, states, and what is saved in single shots belong to trajectories.
    """
    steps = compiled.steps
    if compiled.holds_gates:
        return None
    if not any(isinstance(step, NoisyStep) for step in steps) or not request.shots:
        return None
    if request.uniforms is not None or request.want_state or request.want_unitary:
        return None
    if any(isinstance(step, SaveStep) and step.save.subtype != "average" for step in steps):
        return None
    seconds: dict[str, float] = {}
    for name in _ENGINES:
        if name not in known:
            continue
        engine = make(name)
        predict = getattr(engine, "predicted_seconds", None)
        if predict is None or engine.refuses(compiled, request) is not None or not fits(engine):
            continue
        seconds[name] = predict(compiled, request)
    if not seconds:
        return None
    ranked = sorted(seconds, key=lambda name: seconds[name])
    averages = any(isinstance(step, SaveStep) for step in steps)
    exact = seconds.get("density_matrix", math.inf)
    if averages and exact <= max(_PATIENCE * seconds[ranked[0]], _SOON):
        ranked.sort(key=lambda name: name != "density_matrix")
        return ranked, f"gives what is saved exactly (predicted {exact:.2g} s)"
    times = ", ".join(f"{name} {seconds[name]:.2g} s" for name in ranked)
    return ranked, f"predicted to be the fastest for this noise ({times})"

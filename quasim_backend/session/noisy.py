"""Which engine runs a noisy circuit: the cheapest that gives what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from quasim_backend.compile.code import CompiledCircuit, NoisyStep, SaveStep
from quasim_backend.engines.base import EngineRequest
from quasim_backend.session.candidates import Candidate

__all__ = ["NOISY_ENGINES", "cheapest_first", "has_channels", "is_free_to_choose", "pays_exactness"]

_PATIENCE = 10
"""How many times as long the density matrix may take where it gives exact averages."""
_SOON = 1.0
"""Seconds that it may take in any case."""
NOISY_ENGINES = ("trajectories", "density_matrix")
"""Engines for circuits with channels that predict how long they take."""


def has_channels(compiled: CompiledCircuit) -> bool:
    """Return whether a circuit has channels."""
    return any(isinstance(step, NoisyStep) for step in compiled.steps)


def is_free_to_choose(compiled: CompiledCircuit, request: EngineRequest) -> bool:
    """Return whether several engines could give what is asked for, of a circuit with channels.

    Numbers given in place of random ones, states, and what is saved in single shots belong to
    trajectories.
    """
    if not has_channels(compiled) or not request.shots:
        return False
    if request.uniforms is not None or request.want_state or request.want_unitary:
        return False
    return all(s.save.subtype == "average" for s in compiled.steps if isinstance(s, SaveStep))


def cheapest_first(
    compiled: CompiledCircuit, candidates: Sequence[Candidate]
) -> tuple[list[str], str] | None:
    """Return the engines for a circuit with channels, cheapest first, and the reason.

    A trajectory is one course of the noise, run for as many shots as take it; a density matrix is
    all of them at once, at the price of a state of twice the width. Both give the same
    distribution of samples. What is saved as an average is exact with a density matrix, which is
    worth some time.

    Args:
        compiled: What is run.
        candidates: Engines there are; those that refuse or predict nothing are left out.

    Returns:
        None if no candidate is left.
    """
    seconds = {c.name: c.seconds for c in candidates if c.seconds is not None}
    if not seconds:
        return None
    ranked = sorted(seconds, key=lambda name: seconds[name])
    averages = any(isinstance(step, SaveStep) for step in compiled.steps)
    exact = seconds.get("density_matrix", math.inf)
    if averages and pays_exactness(exact, seconds[ranked[0]]):
        ranked.sort(key=lambda name: name != "density_matrix")
        return ranked, f"gives what is saved exactly (predicted {exact:.2g} s)"
    times = ", ".join(f"{name} {seconds[name]:.2g} s" for name in ranked)
    return ranked, f"predicted to be the fastest for this noise ({times})"


def pays_exactness(exact: float, sampled: float) -> bool:
    """Return whether exact averages are worth their seconds, given those of sampled ones."""
    return exact <= max(_PATIENCE * sampled, _SOON)

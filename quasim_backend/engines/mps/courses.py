"""How many courses the shots of a circuit take, each of which is a state of its own."""

from __future__ import annotations

import math

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, GatesStep, MeasureStep, ResetStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.instructions import ChannelOp

__all__ = ["expected_courses"]


def expected_courses(compiled: CompiledCircuit, shots: int) -> float:
    """Return about how many different courses some shots take, at least one.

    One of all shots without errors, or one for each outcome of what is measured on the way; and
    one for each shot that has an error. Loops and branches count once.
    """
    if not compiled.branches or shots <= 1:
        return 1.0
    known: tuple[float, int] | None = compiled.cache.get("mps:courses")
    if known is None:
        known = compiled.cache["mps:courses"] = _chances(compiled)
    log_quiet, outcomes = known
    erring = shots * -math.expm1(log_quiet)
    return max(1.0, min(float(shots), 2.0 ** min(outcomes, 60) + erring))


def _chances(compiled: CompiledCircuit) -> tuple[float, int]:
    """Return the logarithm of the probability of no error, and how many outcomes there are."""
    log_quiet, outcomes = 0.0, 0
    weights: dict[Channel, float] = {}
    for step in gate_code(compiled).steps:
        if isinstance(step, MeasureStep | ResetStep):
            outcomes += len(step.qubits)
        for operation in step.operations if isinstance(step, GatesStep) else ():
            if isinstance(operation, ChannelOp):
                channel = operation.channel
                if channel not in weights:
                    weights[channel] = math.log(min(_likeliest(channel), 1.0))
                log_quiet += weights[channel]
    return log_quiet, outcomes


def _likeliest(channel: Channel) -> float:
    """Return the probability of a channel's likeliest operator, that in no particular state."""
    if channel.probabilities is not None:
        return max(channel.probabilities)
    return max(float(np.vdot(k, k).real) / len(k) for k in channel.operators)

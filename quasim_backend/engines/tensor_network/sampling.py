"""Exact samples: groups of measurements one after the other, each given the outcomes before.

``p(b_1 ... b_m) = p(g_1) p(g_2 | g_1) p(g_3 | g_1 g_2) ...`` for groups ``g`` of outcomes (Ferris
and Vidal, Phys. Rev. B 85, 165146 (2012)). Shots that agree so far share a conditional
distribution, and all prefixes of a group share one path.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.questions import Answers, Question
from quasim_backend.engines.tensor_network.wires import Outcome, Wires
from quasim_backend.errors import UnsupportedError

__all__ = ["GROUP", "draw", "sample_questions"]

GROUP = 10
"""Outcomes of a group."""

Uniforms = Callable[[int], NDArray[np.float64]]


def sample_questions(outcomes: Sequence[Outcome], num_qubits: int, *, pure: bool) -> list[Question]:
    """Return a question for each group of outcomes, which are distinct and in the order of time.

    Each leaves open its group and takes the bits of all groups before; it goes back from the last
    of these measurements. The last question is about amplitudes if nothing is left to trace.
    """
    questions: list[Question] = []
    for start in range(0, len(outcomes), GROUP):
        before, group = tuple(outcomes[:start]), tuple(outcomes[start : start + GROUP])
        events = group[-1][0]
        at_once = outcomes[0][0] == events
        whole = pure and at_once and len(before) + len(group) == num_qubits

        def ask(
            wires: Wires,
            before: tuple[Outcome, ...] = before,
            group: tuple[Outcome, ...] = group,
            events: int = events,
        ) -> None:
            wires.ask_outcomes(before, group, events)

        key = ("sample", before, group)
        questions.append(Question(key, events, not whole, ask, bool(before)))
    return questions


def draw(
    questions: Sequence[Question], widths: Sequence[int], shots: int, answer: Answers, u: Uniforms
) -> NDArray[np.uint64]:
    """Draw all outcomes.

    Args:
        questions: As `sample_questions` returns them.
        widths: Number of outcomes of each group.
        shots: How many to draw.
        answer: Gives distributions, times any factor.
        u: Returns the uniforms ``(shots,)`` of a group by its number.

    Returns:
        uint64 ``(outcomes, shots)``, in the order of the questions'.

    Raises:
        UnsupportedError: If probabilities are too small for the precision.
    """
    bits = np.zeros((sum(widths), shots), np.uint64)
    done = 0
    # Shots by what they have drawn so far.
    prefixes: list[tuple[tuple[int, ...], NDArray[np.int64]]] = [((), np.arange(shots))]
    for number, (question, width) in enumerate(zip(questions, widths, strict=True)):
        uniforms = u(number)
        following: list[tuple[tuple[int, ...], NDArray[np.int64]]] = []
        for prefix, members in prefixes:
            found = answer(question, prefix)
            weights = _weights(found, doubled=question.doubled)
            ladder = np.cumsum(weights)
            _check(float(ladder[-1]), found.dtype, done, done + width - 1)
            values = np.searchsorted(ladder, uniforms[members] * ladder[-1], side="right")
            values = np.minimum(values, int(np.flatnonzero(weights)[-1]))
            for place in range(width):
                bits[done + place, members] = values >> place & 1
            if number + 1 < len(questions):
                order = np.argsort(values, kind="stable")
                cuts = np.flatnonzero(np.diff(values[order])) + 1
                for part in np.split(order, cuts):
                    value = int(values[part[0]])
                    chosen = tuple(value >> place & 1 for place in range(width))
                    following.append(((*prefix, *chosen), members[part]))
        prefixes = following
        done += width
    return bits


def _check(total: float, dtype: np.dtype[Any], first: int, last: int) -> None:
    """Refuse weights that precision has left nothing of."""
    limits = np.finfo(dtype)
    if not float(limits.tiny / limits.eps**2) < total < math.inf:
        raise UnsupportedError(
            f"The joint probabilities of outcomes up to number {last} add up to {total:g}, so that "
            f"those from {first} on are not sure in this precision. Try "
            f"simulation_precision='fp64', a larger max_workspace_mb, or "
            f"method='matrix_product_state'."
        )


def _weights(values: Array, *, doubled: bool) -> NDArray[np.float64]:
    flat = values.reshape(-1).astype(np.complex128)
    weights: NDArray[np.float64] = np.maximum(flat.real, 0.0) if doubled else np.abs(flat) ** 2
    return weights

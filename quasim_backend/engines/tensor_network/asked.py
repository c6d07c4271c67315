"""What a run wants to know, as questions, and how many times each is put."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.tensor_network import questions as ask
from quasim_backend.engines.tensor_network.questions import Question
from quasim_backend.engines.tensor_network.sampling import GROUP, sample_questions
from quasim_backend.engines.tensor_network.timeline import Timeline
from quasim_backend.ir.array_observables import listed
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum

__all__ = ["Asked", "is_read_off_state", "questions_of", "questions_of_samples"]


Asked: TypeAlias = Sequence[tuple[Question, int]]
"""Questions, and how many times each is put."""


def questions_of(timeline: Timeline, request: EngineRequest) -> list[tuple[Question, int]]:
    """Return the questions of a run, and how many times each is put."""
    found: list[tuple[Question, int]] = []
    for save, events, _ in timeline.saves:
        found += _questions_of_save(timeline, save, events)
    if request.want_state:
        found.append((ask.state(timeline.num_qubits, len(timeline.events)), 1))
    if request.shots:
        for group, question in enumerate(questions_of_samples(timeline)):
            found.append((question, _expected_prefixes(GROUP * group, request.shots)))
    return found


def questions_of_samples(timeline: Timeline) -> list[Question]:
    """Return the questions of the samples, each of which takes a uniform a shot."""
    outcomes = timeline.outcomes
    # The state that is measured: what comes later may be pure again, or no longer.
    pure = bool(outcomes) and timeline.pure[outcomes[0][0]]
    return sample_questions(outcomes, timeline.num_qubits, pure=pure)


def is_read_off_state(timeline: Timeline, save: Save, events: int) -> bool:
    """Return whether a save of all qubits is read off the state vector."""
    whole = not save.qubits or len(save.qubits) == timeline.num_qubits
    return save.kind in ("probabilities", "density_matrix") and whole and timeline.pure[events]


def _expected_prefixes(bits: int, shots: int) -> int:
    """Return how many different ones that many shots give if all are equally likely."""
    states = 2.0 ** min(bits, 60)
    return max(1, round(-states * math.expm1(-shots / states)))


def _questions_of_save(timeline: Timeline, save: Save, events: int) -> list[tuple[Question, int]]:
    n = timeline.num_qubits
    qubits = save.qubits or tuple(range(n))
    if save.kind == "statevector" or is_read_off_state(timeline, save, events):
        return [(ask.state(n, events), 1)]
    if save.kind == "amplitudes":
        masks = [mask for mask, _ in ask.amplitude_groups(save.indices)]
        return [
            (ask.amplitudes_question(n, mask, events), masks.count(mask))
            for mask in dict.fromkeys(masks)
        ]
    if save.kind == "probabilities":
        return [(ask.probabilities(qubits, events), 1)]
    if save.kind == "density_matrix":
        return [(ask.density_matrix(qubits, events), 1)]
    observable = save.observable or PauliSum(())
    sums = ask.expectation(observable, events)
    if save.kind == "variance":
        for one in listed(observable):
            sums += ask.expectation(one.squared(), events)
    return [(question, 1) for terms in sums for _, question in terms]

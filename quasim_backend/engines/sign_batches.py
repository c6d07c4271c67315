"""Runs of one narrow circuit with different signs of its angles, in batches.

The circuit is cut into a few stages with a plan each. Patterns of signs come sorted; those that
agree up to the end of a stage are one state until then. A batch holds the states of a range of
patterns: before each stage states are copied for the patterns that part ways in it, and where the
batch outgrows a core's cache the second half of the range waits, so it goes depth first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import NoisyStep
from quasim_backend.compile.planner import plan
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.pauli_signs import PauliSigns
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program_parts import part
from quasim_backend.kernels.base import State

__all__ = ["SignBatches"]

_BATCH_BYTES = 1 << 20
"""States of a batch, which fit a core's cache."""

_STAGES = 5
"""Most stages: more share more, but cost calls and copies, and fuse less."""

_DEEP = 4
"""Primitives a qubit that a stage has at least."""

_FEW = 4
"""Samples up to which states draw together."""


class _Batch(NamedTuple):
    """Patterns ``heads[0] .. last - 1`` before a stage; the states belong to the heads.

    A state serves its head and the patterns up to the next head.
    """

    stage: int
    heads: NDArray[np.int64]
    last: int
    states: State


class SignBatches:
    """One run."""

    def __init__(
        self,
        request: EngineRequest,
        signs: PauliSigns,
        angles: NDArray[np.float64],
        turns: NDArray[np.bool_],
        step: NoisyStep,
    ) -> None:
        """Remember what is to be run; as `SignTree`.

        Args:
            request: Kernels and precision.
            signs: The circuit.
            angles: float64 ``(angles,)`` without errors.
            turns: bool ``(patterns, angles)``; which angles each pattern turns. Distinct, sorted.
            step: The step that the circuit comes from; it keeps the stages' plans.
        """
        self._request, self._turns, self._angles = request, turns, angles
        self._width = signs.program.num_qubits
        self._most = max(1, _BATCH_BYTES // (request.dtype.itemsize << self._width))
        key = f"sign stages:{request.dtype.itemsize}"
        if key not in step.cache:
            step.cache[key] = _stages(signs, step, request.dtype.itemsize)
        self._plans, self._ends = step.cache[key]
        # The angle where each pattern parts from the one before it.
        self._parts = np.zeros(len(turns), np.int64)
        if len(turns) > 1:
            self._parts[1:] = (turns[1:] != turns[:-1]).argmax(axis=1)

    def samples(
        self, uniforms: Sequence[NDArray[np.float64]]
    ) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """Yield each pattern's number and the indices drawn from its state with its uniforms.

        Raises:
            Cancelled: If the request's token was set.
        """
        request, kernels = self._request, self._request.kernels
        zero = kernels.zero_states(1, self._width, request.dtype)
        waiting = [_Batch(0, np.zeros(1, np.int64), len(self._turns), zero)]
        while waiting:
            request.cancel.check()
            stage, heads, last, states = waiting.pop()
            if stage == len(self._plans):
                yield from self._drawn(heads, states, uniforms)
                continue
            first = int(heads[0])
            apart = first + 1 + np.flatnonzero(self._parts[first + 1 : last] < self._ends[stage])
            ending = np.concatenate([heads[:1], apart])
            keeps = len(ending) <= self._most
            if not keeps:
                # The second half keeps the states at hand, the first is copied from them.
                middle = int(ending[len(ending) // 2])
                place = int(np.searchsorted(heads, middle, side="right")) - 1
                rest = np.maximum(heads[place:], middle)
                waiting.append(_Batch(stage, rest, last, states[place:]))
                ending, last = ending[: len(ending) // 2], middle
            if not keeps or len(ending) > len(heads):
                states = states[np.searchsorted(heads, ending, side="right") - 1]
            values = np.where(self._turns[ending], -self._angles, self._angles)
            kernels.run_batch(self._plans[stage], states, values, request.cancel)
            waiting.append(_Batch(stage + 1, ending, last, states))

    def _drawn(
        self, heads: NDArray[np.int64], states: State, uniforms: Sequence[NDArray[np.float64]]
    ) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """Yield what the patterns of a batch at the end draw."""
        kernels, numbers = self._request.kernels, heads.tolist()
        wanted = np.zeros((len(numbers), _FEW))
        for row, number in enumerate(numbers):
            drawn = uniforms[number]
            if len(drawn) > _FEW:
                yield number, kernels.sample(states[row], drawn)
            else:
                wanted[row, : len(drawn)] = drawn
        found = kernels.sample_batch(states, wanted)
        for row, number in enumerate(numbers):
            count = len(uniforms[number])
            if count <= _FEW:
                yield number, found[row, :count]


def _stages(
    signs: PauliSigns, step: NoisyStep, amplitude_bytes: int
) -> tuple[list[ExecutionPlan], list[int]]:
    """Return the plans of the stages, and the number of angles up to the end of each."""
    program, options = signs.program, replace(step.plan_options, amplitude_bytes=amplitude_bytes)
    count = min(_STAGES, max(1, len(program) // (_DEEP * program.num_qubits)))
    cuts = [len(program) * stage // count for stage in range(count + 1)]
    plans = [plan(part(program, *ends), options) for ends in pairwise(cuts)]
    return plans, np.searchsorted(signs.places, cuts[1:]).tolist()

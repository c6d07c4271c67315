"""Runs of one narrow circuit with different signs of its angles, in batches.

Patterns of signs come sorted, so that those of a batch agree for long. The circuit is cut into a
few stages with a plan each; a batch starts with one state, and before each stage states are copied
for the patterns that part ways in it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

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

_BATCH_BYTES = 1 << 19
"""States of a batch, which fit a core's cache."""

_STAGES = 5
"""Most stages: more share more, but cost calls and copies, and fuse less."""

_DEEP = 4
"""Primitives a qubit that a stage has at least."""

_FEW = 4
"""Samples up to which states draw together."""


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
        self._stages: list[tuple[ExecutionPlan, int, int]] = step.cache[key]
        # The angle where each pattern parts from the one before it.
        self._parts = np.zeros(len(turns), np.int64)
        if len(turns) > 1:
            self._parts[1:] = (turns[1:] != turns[:-1]).argmax(axis=1)

    def samples(
        self, uniforms: NDArray[np.float64], starts: NDArray[np.int64]
    ) -> NDArray[np.uint64]:
        """Draw from each pattern's state.

        Args:
            uniforms: float64 ``(shots,)``, pattern by pattern.
            starts: int64 ``(patterns + 1,)``; where each pattern's uniforms start, and the end.

        Returns:
            Basis states, uint64 ``(shots,)``, in the order of the uniforms.

        Raises:
            Cancelled: If the request's token was set.
        """
        kernels, count = self._request.kernels, len(self._turns)
        size = min(self._most, count)
        states = kernels.zero_states(size, self._width, self._request.dtype)
        zero = kernels.copy(states[0])
        drawn = np.empty(len(uniforms), np.uint64)
        for first in range(0, count, size):
            states[0] = zero
            patterns = self._run(states, first, min(first + size, count))
            self._draw(patterns, states[: len(patterns)], uniforms, starts, drawn)
        return drawn

    def _run(self, states: State, first: int, last: int) -> NDArray[np.int64]:
        """Run patterns ``first .. last - 1``; return which pattern each state became.

        Args:
            states: ``(rows, 2**n)``, enough for the patterns; row 0 holds ``|0...0>``, overwritten.
            first: The first pattern.
            last: Past the last.
        """
        request = self._request
        parts = self._parts[first:last]
        values = np.where(self._turns[first:last], -self._angles, self._angles)
        members = np.zeros(1, np.int64)
        for plan_, begin, end in self._stages:
            request.cancel.check()
            apart = 1 + np.flatnonzero((begin <= parts[1:]) & (parts[1:] < end))
            if len(apart):
                # A pattern agrees up to here with the nearest before it that has a state.
                order = np.argsort(members)
                nearest = order[np.searchsorted(members[order], apart) - 1]
                for row, source in enumerate(nearest.tolist(), start=len(members)):
                    states[row] = states[source]
                members = np.concatenate([members, apart])
            given = np.ascontiguousarray(values[members, begin:end])
            request.kernels.run_batch(plan_, states[: len(members)], given, request.cancel)
        return first + members

    def _draw(
        self,
        patterns: NDArray[np.int64],
        states: State,
        uniforms: NDArray[np.float64],
        starts: NDArray[np.int64],
        drawn: NDArray[np.uint64],
    ) -> None:
        """Write what patterns draw from their states at the end."""
        kernels, begins, ends = self._request.kernels, starts[patterns], starts[patterns + 1]
        places = begins[:, None] + np.arange(_FEW)
        wanted = (places < ends[:, None]) & (ends - begins <= _FEW)[:, None]
        # Those that want nothing, or have enough for a call of their own, draw what is not kept.
        found = kernels.sample_batch(states, np.where(wanted, uniforms[places * wanted], 0.0))
        drawn[places[wanted]] = found[wanted]
        for row in np.flatnonzero(ends - begins > _FEW).tolist():
            own = slice(begins[row], ends[row])
            drawn[own] = kernels.sample(states[row], uniforms[own])


def _stages(
    signs: PauliSigns, step: NoisyStep, amplitude_bytes: int
) -> list[tuple[ExecutionPlan, int, int]]:
    """Return each stage's plan, whose parameters are angles, and the range of those."""
    program, options = signs.program, replace(step.plan_options, amplitude_bytes=amplitude_bytes)
    count = min(_STAGES, max(1, len(program) // (_DEEP * program.num_qubits)))
    cuts = [len(program) * stage // count for stage in range(count + 1)]
    stages = []
    for first, last in pairwise(cuts):
        begin, end = np.searchsorted(signs.places, [first, last]).tolist()
        piece = part(program, first, last)
        piece = replace(
            piece,
            parameters=program.parameters[begin:end],
            term_parameter=piece.term_parameter - np.int32(begin),
        )
        stages.append((plan(piece, options), begin, end))
    return stages

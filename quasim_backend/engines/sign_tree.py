"""Runs of one circuit with different signs of its angles, what is equal before them run once.

Patterns of signs come sorted: those that agree up to some angle lie side by side. A stretch
of them is run together up to the angle where they part ways; there the state is copied, the
patterns that turn the angle go on with the copy and the others, afterwards, with the state itself.
So few states are held at a time: one for each turn that is not yet decided. Where memory does not
allow one more the state is computed again from the start.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import NoisyStep
from quasim_backend.compile.planner import plan
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.pauli_signs import PauliSigns
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program_parts import part
from quasim_backend.kernels.base import State, Tally

__all__ = ["SignTree"]


class SignTree:
    """One run."""

    def __init__(
        self,
        request: EngineRequest,
        signs: PauliSigns,
        angles: NDArray[np.float64],
        turns: NDArray[np.bool_],
        step: NoisyStep,
    ) -> None:
        """Remember what is to be run.

        Args:
            request: Kernels, precision and workspace.
            signs: The circuit.
            angles: float64 ``(angles,)`` without errors.
            turns: bool ``(patterns, angles)``; which angles each pattern turns. Distinct, sorted.
            step: The step that the circuit comes from.
        """
        self._request, self._signs, self._angles, self._turns = request, signs, angles, turns
        self._options = replace(step.plan_options, amplitude_bytes=request.dtype.itemsize)
        self._plans: dict[tuple[int, int], ExecutionPlan] = {}
        size = request.dtype.itemsize << signs.program.num_qubits
        self._most = request.workspace_bytes // size

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
        request, kernels = self._request, self._request.kernels
        end = len(self._signs.program)
        # Patterns first .. last - 1 agree before the angle; the state is before its primitive, or
        # None if it has to be computed again.
        stack: list[tuple[State, int, int, int]] = []
        held = 0
        drawn = np.empty(len(uniforms), np.uint64)
        state, place, first, last = self._zero(), 0, 0, len(self._turns)
        while True:
            angle = self._parting(first, last)
            stop = end if angle is None else int(self._signs.places[angle])
            tally = Tally(None) if angle is None else None
            self._run(state, first, place, stop, tally)
            if angle is not None:
                column = self._turns[first:last, angle]
                middle = first + int(np.searchsorted(column, True))
                kept = None
                if held < self._most:
                    kept, held = kernels.copy(state), held + 1
                stack.append((kept, stop, first, middle))
                place, first = stop, middle
                continue
            own = slice(starts[first], starts[last])
            drawn[own] = kernels.sample(state, uniforms[own], tally=tally)
            if not stack:
                return drawn
            state, place, first, last = stack.pop()
            if state is None:
                state = self._zero()
                self._run(state, first, 0, place, None)
            else:
                held -= 1
            request.cancel.check()

    def _zero(self) -> State:
        return self._request.kernels.zero_state(self._signs.program.num_qubits, self._request.dtype)

    def _parting(self, first: int, last: int) -> int | None:
        """Return the first angle where sorted patterns differ; None for a single one."""
        if last - first == 1:
            return None
        return int(np.argmax(self._turns[first] != self._turns[last - 1]))

    def _run(self, state: State, member: int, first: int, last: int, tally: Tally | None) -> None:
        """Run primitives with the signs of a pattern, overwriting the state."""
        if first == last:
            return
        key = (first, last)
        if key not in self._plans:
            self._plans[key] = plan(part(self._signs.program, first, last), self._options)
        values = np.where(self._turns[member], -self._angles, self._angles)
        self._request.kernels.run(
            self._plans[key], state, values, self._request.cancel, tally=tally
        )

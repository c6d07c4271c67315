"""Plans for the stretches of a noisy step between two events, each made once.

Element 0 is the gates before the first channel; element ``s + 1`` is an operator of site ``s`` and
the gates from there to the next site. A stretch of elements with default operators is fused like
any circuit. On wide states every stretch has its own plan. On narrow ones planning takes as long
as running, so a stretch is put together from the nodes of a balanced binary tree over the
elements, until it has been asked for often enough to be worth its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from quasim_backend.compile.code import NoisyStep, Site
from quasim_backend.compile.planner import plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray, Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained, part

__all__ = ["IntervalPlans"]

_WIDE = 16
"""Qubits from which running a stretch takes longer than planning it."""

_OFTEN = 3
"""So many times a stretch of a narrow circuit is put together before it gets its own plan."""

_REMEMBERED = 4096
"""Plans that are kept for a step."""


class IntervalPlans:
    """The plans of one `NoisyStep`, for one size of amplitudes."""

    def __init__(self, step: NoisyStep, defaults: Sequence[int], amplitude_bytes: int) -> None:
        """Plan nothing yet.

        Args:
            step: The step.
            defaults: Number of each site's default operator.
            amplitude_bytes: 8 or 16.
        """
        self._step = step
        self._defaults = defaults
        self._options = replace(step.plan_options, amplitude_bytes=amplitude_bytes)
        places = [0, *(s.place for s in step.sites), len(step.program)]
        self._places = places
        self._plans: dict[tuple[int, int], ExecutionPlan | None] = {}
        self._choices: dict[tuple[int, int], ExecutionPlan | None] = {}
        self._asked: dict[tuple[int, int], int] = {}

    def interval(self, first: int, last: int) -> Iterator[ExecutionPlan]:
        """Yield plans that together run the elements ``first .. last - 1`` by default."""
        key = (first, last)
        if key in self._plans:
            own = self._plans[key]
            if own is not None:
                yield own
            return
        asked = self._asked[key] = self._asked.get(key, 0) + 1
        whole = first == 0 and last == len(self._places) - 1
        if whole or asked >= _OFTEN or self._step.program.num_qubits >= _WIDE:
            pieces = [key]
        else:
            pieces = list(_nodes(first, last))
        for piece in pieces:
            found = self._planned(*piece)
            if found is not None:
                yield found

    def choice(self, site: int, operator: int) -> ExecutionPlan | None:
        """Return the plan of an operator of a site and the gates to the next; None for nothing."""
        key = (site, operator)
        if key not in self._choices:
            self._make_room(self._choices)
            self._choices[key] = self._plan([*self._element(site + 1, operator)])
        return self._choices[key]

    def _planned(self, first: int, last: int) -> ExecutionPlan | None:
        key = (first, last)
        if key not in self._plans:
            self._make_room(self._plans)
            programs: list[Program] = []
            for element in range(first, last):
                default = self._defaults[element - 1] if element else -1
                programs += self._element(element, default)
            self._plans[key] = self._plan(programs)
        return self._plans[key]

    def _make_room(self, plans: dict[tuple[int, int], ExecutionPlan | None]) -> None:
        if len(plans) >= _REMEMBERED:
            plans.pop(next(iter(plans)))

    def _plan(self, programs: Sequence[Program]) -> ExecutionPlan | None:
        if not programs:
            return None
        return plan(programs[0] if len(programs) == 1 else chained(programs), self._options)

    def _element(self, element: int, operator: int) -> Iterator[Program]:
        """Yield the programs of an element: an operator that does something, gates if any."""
        program = self._step.program
        if element:
            acting = _operator(program, self._step.sites[element - 1], operator)
            if acting is not None:
                yield acting
        first, last = self._places[element], self._places[element + 1]
        if first < last:
            yield part(program, first, last)


def _nodes(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut an interval into nodes of the binary tree over all elements, in order."""
    while first < last:
        size = first & -first if first else 1 << (last.bit_length())
        while first + size > last:
            size >>= 1
        yield first, first + size
        first += size


def _operator(program: Program, site: Site, number: int) -> Program | None:
    """Return an operator of a channel as a program; None if it only changes the norm."""
    matrix: ComplexArray = site.channel.operators[number]
    diagonal = np.diagonal(matrix)
    builder = ProgramBuilder(program.num_qubits)
    if np.count_nonzero(matrix) > np.count_nonzero(diagonal):
        builder.matrix(site.qubits, matrix)
    elif (diagonal == diagonal[0]).all() and diagonal[0].imag == 0 < diagonal[0].real:
        return None
    else:
        builder.diagonal(site.qubits, diagonal.copy())
    return replace(builder.build(), parameters=program.parameters)

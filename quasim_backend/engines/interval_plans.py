"""Plans for the stretches of a noisy step between two events, each made once.

The step's elements are, in turn, the gates before a channel and the channel: element ``2 * s + 1``
is site ``s``. With the default operator in the place of each channel they are one program, and any
stretch of it is fused like a circuit. On wide states every stretch has its own plan. On narrow ones
planning takes as long as running, so a stretch is put together from the nodes of a balanced binary
tree over the program, until it has been asked for often enough to be worth its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from quasim_backend.compile.code import NoisyStep, Site
from quasim_backend.compile.planner import plan, trivial_plan
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import Program, ProgramBuilder
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
        """Put the program together, and plan nothing yet.

        Args:
            step: The step.
            defaults: Number of each site's default operator.
            amplitude_bytes: 8 or 16.
        """
        self._sites = step.sites
        self._options = replace(step.plan_options, amplitude_bytes=amplitude_bytes)
        self._width = step.program.num_qubits
        self._plans: dict[tuple[int, int], ExecutionPlan] = {}
        self._asked: dict[tuple[int, int], int] = {}
        self._operators: dict[tuple[int, tuple[int, ...], int], ExecutionPlan | None] = {}
        programs: list[Program] = []
        self._ends = [0]  # primitives that come before each element
        place = 0
        for site, default in zip(step.sites, defaults, strict=True):
            gates = part(step.program, place, site.place)
            acting = _operator(self._width, site, default)
            programs += [gates] if acting is None else [gates, acting]
            before = self._ends[-1] + site.place - place
            self._ends += [before, before + (acting is not None)]
            place = site.place
        programs.append(part(step.program, place, len(step.program)))
        self._program = chained(programs)
        self._ends.append(len(self._program))

    def interval(self, first: int, last: int) -> list[ExecutionPlan]:
        """Return plans that together run the elements ``first .. last - 1`` by default."""
        key = self._ends[first], self._ends[last]
        if key[0] == key[1]:
            return []
        asked = self._asked[key] = self._asked.get(key, 0) + 1
        whole = key == (0, len(self._program))
        if whole or asked >= _OFTEN or self._width >= _WIDE or key in self._plans:
            return [self._planned(*key)]
        return [self._planned(*node) for node in _nodes(*key)]

    def operator(self, site: int, number: int) -> ExecutionPlan | None:
        """Return the plan of an operator of a site; None if it does nothing."""
        place = self._sites[site]
        key = (id(place.channel), place.qubits, number)
        if key not in self._operators:
            acting = _operator(self._width, place, number)
            self._operators[key] = None if acting is None else trivial_plan(acting)
        return self._operators[key]

    def _planned(self, first: int, last: int) -> ExecutionPlan:
        key = (first, last)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= _REMEMBERED:
                self._plans.pop(next(iter(self._plans)))
            found = self._plans[key] = plan(part(self._program, first, last), self._options)
        return found


def _nodes(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut an interval into nodes of the binary tree over everything, in order."""
    while first < last:
        size = first & -first if first else 1 << last.bit_length()
        while first + size > last:
            size >>= 1
        yield first, first + size
        first += size


def _operator(width: int, site: Site, number: int) -> Program | None:
    """Return an operator of a channel as a program; None if at most it changes the norm."""
    matrix = site.channel.operators[number]
    diagonal = matrix.diagonal()
    builder = ProgramBuilder(width)
    if (matrix != 0).sum() > (diagonal != 0).sum():
        builder.matrix(site.qubits, matrix)
    elif (diagonal == diagonal[0]).all() and diagonal[0].imag == 0 < diagonal[0].real:
        return None
    else:
        builder.diagonal(site.qubits, diagonal)
    return builder.build()

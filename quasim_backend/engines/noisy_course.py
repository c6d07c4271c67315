"""What a state goes through in a `NoisyStep`: stretches of default operators, others in between.

States are normalised where it counts: what default operators take from the norm is known from
below, and a state is scaled before it gets too small, and when it leaves the step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, NoisyStep, SampleStep
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.default_choices import DefaultChoices
from quasim_backend.engines.interval_plans import IntervalPlans
from quasim_backend.engines.outcomes import Outcome, OutcomeLaw
from quasim_backend.engines.shot_nodes import LEFT, Node
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.plan import ExecutionPlan

__all__ = ["NoisyCourse"]

_LOSS = 20.0
"""Unnormalised states lose no more than ``exp(-20)`` of their norm, which float32 holds."""

_NO_PARAMETERS = np.empty(0, np.float64)


class NoisyCourse:
    """One step in one run.

    Attributes:
        choices: The default operators.
        segments: Number of plans that were run.
    """

    def __init__(
        self,
        compiled: CompiledCircuit,
        position: int,
        request: EngineRequest,
        laws: OutcomeLaw,
        uniforms: ShotUniforms,
    ) -> None:
        """Look at the step at a position of the code; it keeps plans for later runs."""
        step = compiled.steps[position]
        assert isinstance(step, NoisyStep)
        self._steps, self._step, self._next = compiled.steps, step, position + 1
        self._kernels, self._cancel = request.kernels, request.cancel
        self._laws, self._uniforms = laws, uniforms
        key = f"trajectories:{request.dtype.itemsize}"
        if key not in step.cache:
            choices = DefaultChoices(step.sites)
            plans = IntervalPlans(step, choices.operators, request.dtype.itemsize)
            step.cache[key] = (choices, plans)
        self.choices: DefaultChoices
        self._plans: IntervalPlans
        self.choices, self._plans = step.cache[key]
        self._loss: list[float] = self.choices.loss.tolist()
        self._end = 2 * len(self.choices) + 1
        after = compiled.steps[self._next] if self._next < len(compiled.steps) else None
        # Samples need no factor.
        samples = isinstance(after, SampleStep) and not request.want_state
        self._keeps_norm = self.choices.mixed or samples
        self.segments = 0

    def run_to(self, node: Node, last: int, values: NDArray[np.float64]) -> None:
        """Run the elements before number ``last`` with default operators."""
        loss = self._loss
        while node.done < last:
            first, stop = node.done, last
            if loss[last] - loss[first] > node.loss + _LOSS:
                bearable = loss[first] + node.loss + _LOSS
                stop = int(np.searchsorted(self.choices.loss, bearable, side="right")) - 1
                stop = min(max(stop, first + 1), last)
            pieces = self._plans.interval(first, stop)
            for number, piece in enumerate(pieces, start=1):
                counted = stop == self._end and number == len(pieces) and self._keeps_norm
                self._run(piece, node, values, counted=counted)
            node.done = stop
            node.loss -= loss[stop] - loss[first]
            if node.loss < -_LOSS:
                self._normalise(node)

    def take(self, node: Node, site: int, outcome: Outcome) -> None:
        """Apply an operator other than the default at the site the node waits at."""
        node.done += 1
        if node.state is None:
            return
        plan = self._plans.operator(site, outcome.value)
        if plan is not None:
            collapse = node.pending.take()
            self._kernels.run(plan, node.state, _NO_PARAMETERS, collapse=collapse)
        if outcome.scale != 1.0:
            node.loss = -2 * float(np.log(outcome.scale))

    def leave(self, node: Node) -> None:
        """Go on to the next step."""
        if not self._keeps_norm:
            self._normalise(node)
        sites = len(self._step.sites)
        node.follow(LEFT, sites)
        node.draws += sites
        node.pc += 1
        node.done, node.loss, node.events = 0, 0.0, None

    def finish(self, node: Node, values: NDArray[np.float64]) -> None:
        """Run a node of one shot to the end of the step.

        It has no siblings to come, so that nothing need be remembered of its outcomes.
        """
        events, sites, defaults = node.events, self._step.sites, self.choices.operators
        assert events is not None
        while True:
            later = slice(events.cursor, None)
            listed = zip(events.sites[later].tolist(), events.uniforms[later].tolist(), strict=True)
            for site, uniform in listed:
                self._cancel.check()
                self.run_to(node, 2 * site + 1, values)
                outcome = self._laws.draw_one(sites[site], node.state, [uniform], node.pending)
                if outcome.value != defaults[site]:
                    self.take(node, site, outcome)
            if events.known == len(self.choices):
                break
            events = self.choices.events(self._uniforms, node.shots, node.draws, events.known)
        self.run_to(node, self._end, values)
        self.leave(node)

    def _run(
        self, plan: ExecutionPlan, node: Node, values: NDArray[np.float64], *, counted: bool
    ) -> None:
        """Run a plan; ``counted`` says that a tally is for the step after this one."""
        self.segments += 1
        pending = node.pending
        if not pending.waits:
            self._kernels.run(plan, node.state, values, self._cancel)
            return
        collapse = pending.take()
        tally = node.wish(self._steps, self._next) if counted else None
        self._kernels.run(plan, node.state, values, self._cancel, collapse=collapse, tally=tally)

    def _normalise(self, node: Node) -> None:
        node.pending.settle(self._kernels, node.state)
        scale = self._kernels.norm_squared(node.state) ** -0.5
        self._kernels.collapse(node.state, (), 0, scale)
        node.pending.forget()
        node.loss = 0.0

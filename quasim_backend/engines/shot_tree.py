"""Execution of compiled circuits over a tree of outcomes.

A node is a set of shots that have seen the same outcomes, so they share one state and one classical
memory. Where outcomes differ a node splits; the tree is walked depth first. The state before a
split is kept as a snapshot while the workspace allows, and else recomputed by replaying the
outcomes that led there. Shots whose course is the same are simulated once, so a run costs at most
what its shots would cost one by one, plus the snapshots' copies.

Shot ``s`` draws its ``j``-th uniform from Philox(seed, s, j): results do not depend on the order of
the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    AssignStep,
    BranchStep,
    CompiledCircuit,
    ForStep,
    InitializeStep,
    JumpStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SegmentStep,
    SetStateStep,
    SwitchStep,
)
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.classical_memory import PackedMemory, bits_of, confuse
from quasim_backend.engines.collapse import Pending, waits_for
from quasim_backend.engines.default_choices import DefaultChoices, Events
from quasim_backend.engines.interval_plans import IntervalPlans
from quasim_backend.engines.outcomes import Outcome, OutcomeLaw
from quasim_backend.engines.saves import SaveSink, save_value
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.expr import Value
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.base import State, Tally, handed_out, state_of

__all__ = ["ShotTree"]

Shots = NDArray[np.int64]

_LOSS = 20.0
"""Unnormalised states lose no more than ``exp(-20)`` of their norm, which float32 holds."""

_NO_PARAMETERS = np.empty(0, np.float64)

_LEFT = Outcome(-1, 1.0, -1)
"""Stands in a trail where a `NoisyStep` was left."""


@dataclass(eq=False)
class _Snapshot:
    """A state that unfinished siblings, or descendants that must be recomputed, start from."""

    state: State
    users: int = 0


@dataclass(eq=False)
class _Trail:
    """The outcomes that led to a node, newest first."""

    outcome: Outcome
    before: _Trail | None
    length: int
    site: int = -1
    """In a `NoisyStep`, the channel; the number of channels says that the step was left."""


@dataclass(eq=False)
class _Node:
    """Shots that share state and classical memory, at a place in the code."""

    state: State
    pending: Pending
    pc: int
    bits: int
    variables: list[Value]
    shots: Shots
    draws: int
    trail: _Trail | None
    done: int = 0
    """Elements of a `NoisyStep` that were run, see `IntervalPlans`."""
    loss: float = 0.0
    """Lower bound of the logarithm of the state's squared norm."""
    events: Events | None = None
    """Draws of a `NoisyStep` that may not be the default."""

    def fork(self, shots: Shots) -> _Node:
        """Return the same place without the state."""
        pending = self.pending.copy()
        return _Node(
            None,
            pending,
            self.pc,
            self.bits,
            list(self.variables),
            shots,
            self.draws,
            self.trail,
            self.done,
            self.loss,
        )


@dataclass(eq=False)
class _Split:
    """Children of a node that still wait for their turn, and the state they start from."""

    node: _Node
    waiting: list[tuple[Outcome, Shots]]
    snapshot: _Snapshot | None = None
    anchor: tuple[_Node, _Snapshot] | None = None
    ready: _Node | None = None


class ShotTree:
    """One run of a compiled circuit."""

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Prepare a run; nothing is allocated yet."""
        self._compiled = compiled
        self._request = request
        self._kernels = request.kernels
        self._steps = compiled.steps
        self._shots = max(request.shots, 1)
        self._memory = PackedMemory(self._shots, compiled.num_clbits)
        self._sink = SaveSink(sampled=compiled.branches)
        self._laws = OutcomeLaw(request.kernels, compiled.num_qubits)
        self._stack: list[_Split] = []
        self._final: tuple[int, State] | None = None
        self._samples: dict[tuple[SampleStep, int], list[tuple[Shots, NDArray[np.uint64]]]] = {}
        state_bytes = request.dtype.itemsize << compiled.num_qubits
        self._snapshot_limit = request.workspace_bytes // state_bytes
        self._snapshots = 0
        self._parameters: dict[int, NDArray[np.float64]] = {}
        self._uniforms = ShotUniforms(
            request.seed, self._shots, request.uniforms, branches=compiled.branches
        )
        self.counts = {"nodes": 1, "segments": 0, "snapshots": 0, "recomputations": 0}

    # --- the walk -----------------------------------------------------------------------------

    def run(self) -> EngineOutput:
        """Run every shot.

        Raises:
            Cancelled: If the request's token was set.
        """
        root = self._root()
        self._begin(root)
        self._advance(root)
        while self._stack:
            split = self._stack[-1]
            if split.ready is not None:
                child, split.ready = split.ready, None
            elif split.waiting:
                child = self._next_child(split)
            else:
                self._drop(split)
                continue
            self._advance(child)
        self._write_samples()
        request = self._request
        output = EngineOutput(
            saved=self._sink.result(),
            standard_errors=self._sink.standard_errors(),
            metadata=dict(self.counts),
        )
        if output.standard_errors:
            output.metadata["averages"] = "over shots" if self._compiled.branches else "exact"
        if request.shots:
            output.packed = self._memory.words
        if request.want_state and self._final is not None:
            final = self._final[1]
            output.state = handed_out(self._kernels, final, on_device=request.on_device)
        return output

    def _root(self) -> _Node:
        shots = np.arange(self._shots, dtype=np.int64)
        pending = Pending(waits_for(self._compiled.num_qubits))
        return _Node(None, pending, 0, 0, list(self._compiled.initial_variables), shots, 0, None)

    def _begin(self, node: _Node) -> None:
        """Give a node at the start of the code its state."""
        request = self._request
        first = self._steps[0] if self._steps else None
        if request.initial_state is not None:
            node.state = state_of(self._kernels, request.initial_state, request.dtype)
        elif isinstance(first, SegmentStep):
            self.counts["segments"] += 1
            node.state = self._kernels.start(
                first.plan,
                request.dtype,
                self._bound(first, node),
                request.cancel,
                tally=self._wish(node, 1),
            )
            node.pc = 1
        else:
            node.state = self._kernels.zero_state(self._compiled.num_qubits, request.dtype)

    def _advance(self, node: _Node) -> None:
        """Run a node to its end, or to the split that its descendants continue from."""
        steps, cancel = self._steps, self._request.cancel
        while node.pc < len(steps):
            cancel.check()
            step = steps[node.pc]
            if not _ACTIONS[type(step)](self, step, node):
                break
        else:
            self._memory.write_value(node.shots, node.bits)
        if node.pc < len(steps):
            return
        last = int(node.shots[-1])
        if self._request.want_state and (self._final is None or self._final[0] < last):
            node.pending.settle(self._kernels, node.state)
            self._final = (last, node.state)

    # --- splitting ----------------------------------------------------------------------------

    def _branch(self, step: MeasureStep | ResetStep | InitializeStep, node: _Node) -> bool:
        """Draw outcomes; go on in place if all shots agree, else leave a split behind."""
        draws = self._laws.draws(step)
        uniforms = [self._uniforms.draw(node.shots, node.draws + i) for i in range(draws)]
        node.draws += draws
        if len(node.shots) == 1:
            values = [float(u[0]) for u in uniforms]
            outcome = self._laws.draw_one(step, node.state, values, node.pending)
            self._take(step, node, outcome)
            return True
        draw = self._laws.draw(step, node.state, uniforms, node.pending)
        if len(draw) == 1:
            self._take(step, node, draw[0][0])
            return True
        self._split(step, node, [(outcome, node.shots[members]) for outcome, members in draw])
        return False

    def _split(self, step: Any, node: _Node, waiting: list[tuple[Outcome, Shots]]) -> None:
        """Leave the children of a node behind; the last of them is run first."""
        self.counts["nodes"] += len(waiting)
        split = _Split(node, waiting)
        if self._snapshots < self._snapshot_limit:
            split.snapshot = _Snapshot(node.state)
            self._snapshots += 1
            self.counts["snapshots"] += 1
        else:
            split.anchor = self._nearest_anchor()
            if split.anchor is not None:
                split.anchor[1].users += 1
            # The state at hand serves one child; the others recompute it.
            outcome, shots = waiting.pop()
            split.ready = self._child(node, shots)
            split.ready.state = node.state
            self._take(step, split.ready, outcome)
        node.state = None
        self._stack.append(split)

    def _child(self, node: _Node, shots: Shots) -> _Node:
        child = node.fork(shots)
        if node.events is not None:
            child.events = node.events.of(shots, self._shots)
        return child

    def _take(self, step: Any, node: _Node, outcome: Outcome) -> None:
        """Apply an outcome to a node's state and memory, and step on."""
        if isinstance(step, NoisyStep):
            self._take_operator(step, node, outcome)
            return
        if node.state is not None:
            node.state = self._laws.apply(step, node.state, outcome, node.pending)
        if isinstance(step, MeasureStep):
            self._write(node, step.clbits, outcome.read)
        node.trail = _Trail(outcome, node.trail, 1 + _length(node.trail))
        node.pc += 1

    def _next_child(self, split: _Split) -> _Node:
        outcome, shots = split.waiting.pop()
        child = self._child(split.node, shots)
        snapshot = split.snapshot
        if snapshot is None:
            again = self._recompute(split)
            child.state, child.pending, child.loss = again.state, again.pending, again.loss
        elif split.waiting or snapshot.users:
            child.state = self._kernels.copy(snapshot.state)
        else:
            child.state = snapshot.state
            self._release(split)
        self._take(self._steps[split.node.pc], child, outcome)
        return child

    def _release(self, split: _Split) -> None:
        if split.snapshot is not None:
            split.snapshot = None
            self._snapshots -= 1

    def _drop(self, split: _Split) -> None:
        self._release(split)
        if split.anchor is not None:
            split.anchor[1].users -= 1
        self._stack.pop()

    def _nearest_anchor(self) -> tuple[_Node, _Snapshot] | None:
        for split in reversed(self._stack):
            if split.snapshot is not None:
                return split.node, split.snapshot
        return None

    def _recompute(self, split: _Split) -> _Node:
        """Rebuild the node before a split by replaying its outcomes from the nearest snapshot."""
        self.counts["recomputations"] += 1
        if split.anchor is None:
            node = self._root()
            node.shots = node.shots[:0]
            self._begin(node)
        else:
            origin, snapshot = split.anchor
            node = origin.fork(origin.shots[:0])
            node.state = self._kernels.copy(snapshot.state)
        forced = _outcomes(split.node.trail, _length(node.trail))
        while True:
            self._request.cancel.check()
            step: Any = self._steps[node.pc]
            if isinstance(step, MeasureStep | ResetStep | NoisyStep | InitializeStep):
                mark = next(forced, None)
                if isinstance(step, NoisyStep):
                    self._run_to(step, node, split.node.done if mark is None else 2 * mark.site + 1)
                if mark is None:
                    return node
                if isinstance(step, NoisyStep) and mark.site == len(step.sites):
                    self._leave(step, node)
                else:
                    self._take(step, node, mark.outcome)
            elif isinstance(step, SaveStep):
                node.pc += 1
            else:
                _ACTIONS[type(step)](self, step, node)

    # --- steps --------------------------------------------------------------------------------

    def _segment(self, step: SegmentStep, node: _Node) -> bool:
        self.counts["segments"] += 1
        node.pc += 1
        values, cancel = self._bound(step, node), self._request.cancel
        if not node.pending.waits:
            self._kernels.run(step.plan, node.state, values, cancel)
            return True
        collapse = node.pending.take()
        tally = self._wish(node, node.pc)
        self._kernels.run(step.plan, node.state, values, cancel, collapse=collapse, tally=tally)
        return True

    # --- channels -----------------------------------------------------------------------------

    def _noisy(self, step: NoisyStep, node: _Node) -> bool:
        choices = self._form(step)[0]
        if node.events is None:
            node.events = choices.events(self._uniforms, node.shots, node.draws, 0)
        while True:
            site = node.events.next_site()
            if site is None and node.events.known < len(choices):
                known = node.events.known
                node.events = choices.events(self._uniforms, node.shots, node.draws, known)
            elif site is None:
                self._run_to(step, node, 2 * len(choices) + 1)
                self._leave(step, node)
                return True
            else:
                self._run_to(step, node, 2 * site + 1)
                if not self._event(step, node, site):
                    return False

    def _event(self, step: NoisyStep, node: _Node, site: int) -> bool:
        """Draw operators for the shots with an event; as `_branch`."""
        assert node.events is not None
        default = self._form(step)[0].operators[site]
        here = node.events.take(site)
        uniforms, shots = node.events.uniforms[here], node.events.shots[here]
        if len(shots) == 1:
            value = float(uniforms[0])
            one = self._laws.draw_one(step.sites[site], node.state, [value], node.pending)
            draw = [] if one.value == default else [(one, shots)]
        else:
            found = self._laws.draw(step.sites[site], node.state, [uniforms], node.pending)
            draw = [(o, shots[members]) for o, members in found if o.value != default]
        if not draw:
            return True
        if len(draw) == 1 and len(draw[0][1]) == len(node.shots):
            self._take_operator(step, node, draw[0][0])
            return True
        gone = np.concatenate([members for _, members in draw])
        rest = np.delete(node.shots, np.searchsorted(node.shots, gone))
        # The default comes last, so that it inherits the snapshot: one is enough for them all.
        waiting = [(Outcome(default, 1.0, default), rest)] if len(rest) else []
        self._split(step, node, waiting + draw)
        return False

    def _take_operator(self, step: NoisyStep, node: _Node, outcome: Outcome) -> None:
        """Apply an operator at the site a node waits at; the next stretch applies a default."""
        choices, plans = self._form(step)
        site = node.done // 2
        if outcome.value == choices.operators[site]:
            return
        node.trail = _Trail(outcome, node.trail, 1 + _length(node.trail), site)
        node.done += 1
        if node.state is None:
            return
        plan = plans.operator(site, outcome.value)
        if plan is not None:
            collapse = node.pending.take()
            self._kernels.run(plan, node.state, _NO_PARAMETERS, collapse=collapse)
        if outcome.scale != 1.0:
            node.loss = -2 * float(np.log(outcome.scale))

    def _run_to(self, step: NoisyStep, node: _Node, last: int) -> None:
        """Run the elements of a step before number ``last`` with default operators."""
        choices, plans = self._form(step)
        loss, end = choices.loss, 2 * len(choices) + 1
        while node.done < last:
            first, stop = node.done, last
            if not choices.mixed:
                bearable = loss[first] + node.loss + _LOSS
                stop = int(np.searchsorted(loss, bearable, side="right")) - 1
                stop = min(max(stop, first + 1), last)
            pieces = [*plans.interval(first, stop)]
            for number, piece in enumerate(pieces, start=1):
                counted = stop == end and number == len(pieces) and self._keeps_norm(step, node)
                self._run(step, node, piece, node.pc + 1 if counted else None)
            node.done = stop
            node.loss -= float(loss[stop] - loss[first])
            if node.loss < -_LOSS:
                self._normalise(node)

    def _run(
        self, step: NoisyStep, node: _Node, plan: ExecutionPlan, counted: int | None = None
    ) -> None:
        """Run a plan of a step; ``counted`` is the step that a tally is for."""
        self.counts["segments"] += 1
        collapse = node.pending.take()
        tally = None if counted is None else self._wish(node, counted)
        values, cancel = self._bound(step, node), self._request.cancel
        self._kernels.run(plan, node.state, values, cancel, collapse=collapse, tally=tally)

    def _leave(self, step: NoisyStep, node: _Node) -> None:
        if not self._keeps_norm(step, node):
            self._normalise(node)
        sites = len(step.sites)
        node.trail = _Trail(_LEFT, node.trail, 1 + _length(node.trail), sites)
        node.draws += sites
        node.pc += 1
        node.done, node.loss, node.events = 0, 0.0, None

    def _keeps_norm(self, step: NoisyStep, node: _Node) -> bool:
        """Return whether what follows a step needs no factor for the state that it leaves."""
        if self._form(step)[0].mixed:
            return True
        after = self._steps[node.pc + 1] if node.pc + 1 < len(self._steps) else None
        return isinstance(after, SampleStep) and not self._request.want_state

    def _normalise(self, node: _Node) -> None:
        node.pending.settle(self._kernels, node.state)
        scale = self._kernels.norm_squared(node.state) ** -0.5
        self._kernels.collapse(node.state, (), 0, scale)
        node.pending.forget()
        node.loss = 0.0

    def _form(self, step: NoisyStep) -> tuple[DefaultChoices, IntervalPlans]:
        """Return what is known of a step's channels and plans; the step keeps it."""
        key = f"trajectories:{self._request.dtype.itemsize}"
        form: tuple[DefaultChoices, IntervalPlans] | None = step.cache.get(key)
        if form is None:
            choices = DefaultChoices(step.sites)
            plans = IntervalPlans(step, choices.operators, self._request.dtype.itemsize)
            form = step.cache[key] = (choices, plans)
        return form

    def _wish(self, node: _Node, at: int) -> Tally | None:
        """Return what a run is to count for the step at ``at``: nothing where no shot is drawn."""
        return node.pending.wish(self._steps, at) if len(node.shots) else None

    def _bound(self, step: SegmentStep | NoisyStep, node: _Node) -> NDArray[np.float64]:
        """Gather a segment's parameters from the run's vector and the loop variables."""
        known = self._parameters.get(id(step))
        if known is not None:
            return known
        values = np.array(
            [
                self._request.parameters[s] if s >= 0 else float(node.variables[-1 - s])
                for s in step.sources
            ],
            np.float64,
        )
        if all(s >= 0 for s in step.sources):
            self._parameters[id(step)] = values
        return values

    def _sample(self, step: SampleStep, node: _Node) -> bool:
        if self._request.shots:
            node.pending.settle(self._kernels, node.state)
            uniforms = self._uniforms.draw(node.shots, node.draws)
            tally = node.pending.sample_tally()
            indices = self._kernels.sample(node.state, uniforms, tally=tally)
            self._memory.write_value(node.shots, node.bits)
            self._samples.setdefault((step, node.draws), []).append((node.shots, indices))
        node.pc += 1
        return False

    def _write_samples(self) -> None:
        """Write what was sampled; once for all nodes, of which there may be one for each shot."""
        for (step, draws), found in self._samples.items():
            shots, indices = found[0]
            if len(found) > 1:
                shots = np.concatenate([s for s, _ in found])
                order = np.argsort(shots)
                shots, indices = shots[order], np.concatenate([i for _, i in found])[order]
            if step.readouts:
                values = bits_of(indices, step.qubits)
                for number, (positions, readout) in enumerate(step.readouts, start=1):
                    confuse(values, positions, readout, self._uniforms.draw(shots, draws + number))
                self._memory.write_bits(shots, step.clbits, values)
            else:
                self._memory.write_indices(shots, step.clbits, indices, step.qubits)

    def _set_state(self, step: SetStateStep, node: _Node) -> bool:
        node.pending.take()
        node.state = self._kernels.from_host(step.amplitudes, self._request.dtype)
        node.pc += 1
        return True

    def _save(self, step: SaveStep, node: _Node) -> bool:
        if self._sink.wants(step.save, node.shots, node.bits):
            node.pending.settle(self._kernels, node.state)
            last = node.pc + 1 == len(self._steps) and not self._request.want_state
            value = save_value(
                self._kernels, node.state, self._compiled.num_qubits, step.save, last=last
            )
            self._sink.add(step.save, node.shots, node.bits, value)
        node.pc += 1
        return True

    def _assign(self, step: AssignStep, node: _Node) -> bool:
        value = step.value(node.bits, node.variables)
        if step.slot >= 0:
            node.variables[step.slot] = value
        else:
            self._write(node, step.clbits, int(value))
        node.pc += 1
        return True

    def _jump(self, step: JumpStep, node: _Node) -> bool:
        node.pc = step.target
        return True

    def _condition(self, step: BranchStep, node: _Node) -> bool:
        holds = step.condition(node.bits, node.variables)
        node.pc = node.pc + 1 if holds else step.otherwise
        return True

    def _switch(self, step: SwitchStep, node: _Node) -> bool:
        value = int(step.subject(node.bits, node.variables))
        node.pc = step.targets.get(value, step.default)
        return True

    def _for(self, step: ForStep, node: _Node) -> bool:
        rounds = int(node.variables[step.counter])
        if rounds < len(step.values):
            node.variables[step.counter] = rounds + 1
            if step.value >= 0:
                node.variables[step.value] = step.values[rounds]
            node.pc += 1
        else:
            node.variables[step.counter] = 0
            node.pc = step.exit
        return True

    # --- memory and randomness ----------------------------------------------------------------

    def _write(self, node: _Node, clbits: Sequence[int], value: int) -> None:
        for i, c in enumerate(clbits):
            bit = value >> i & 1
            node.bits = (node.bits & ~(1 << c)) | bit << c


# Not in the instance, which would then refer to itself: states would outlive their last user.
_ACTIONS: dict[type, Callable[[ShotTree, Any, _Node], bool]] = {
    SegmentStep: ShotTree._segment,
    MeasureStep: ShotTree._branch,
    ResetStep: ShotTree._branch,
    NoisyStep: ShotTree._noisy,
    InitializeStep: ShotTree._branch,
    SampleStep: ShotTree._sample,
    SetStateStep: ShotTree._set_state,
    SaveStep: ShotTree._save,
    AssignStep: ShotTree._assign,
    JumpStep: ShotTree._jump,
    BranchStep: ShotTree._condition,
    SwitchStep: ShotTree._switch,
    ForStep: ShotTree._for,
}
"""What each kind of step does to a node; whether the node goes on."""


def _length(trail: _Trail | None) -> int:
    return trail.length if trail is not None else 0


def _outcomes(trail: _Trail | None, skip: int) -> Iterator[_Trail]:
    """Yield the marks of a trail, oldest first, without the first ``skip``."""
    found: list[_Trail] = []
    while trail is not None and trail.length > skip:
        found.append(trail)
        trail = trail.before
    return reversed(found)

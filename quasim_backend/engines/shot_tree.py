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

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    InitializeStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SegmentStep,
    SetStateStep,
)
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.classical_memory import PackedMemory, bits_of, confuse
from quasim_backend.engines.classical_steps import CLASSICAL, write
from quasim_backend.engines.collapse import Pending, waits_for
from quasim_backend.engines.noisy_course import NoisyCourse
from quasim_backend.engines.outcomes import Outcome, OutcomeLaw
from quasim_backend.engines.saves import SaveSink, save_value
from quasim_backend.engines.shot_nodes import Node, Shots, Snapshot, Split, length, outcomes
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.kernels.base import State, handed_out, state_of

__all__ = ["ShotTree"]


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
        self._stack: list[Split] = []
        self._final: tuple[int, State] | None = None
        self._samples: dict[tuple[SampleStep, int], list[tuple[Shots, NDArray[np.uint64]]]] = {}
        state_bytes = request.dtype.itemsize << compiled.num_qubits
        self._snapshot_limit = request.workspace_bytes // state_bytes
        self._snapshots = 0
        self._done = 0
        self._parameters: dict[int, NDArray[np.float64]] = {}
        self._courses: dict[int, NoisyCourse] = {}
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
        self.counts["segments"] += sum(course.segments for course in self._courses.values())
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

    def _root(self) -> Node:
        shots = np.arange(self._shots, dtype=np.int64)
        pending = Pending(waits_for(self._compiled.num_qubits))
        return Node(None, pending, 0, 0, list(self._compiled.initial_variables), shots, 0, None)

    def _begin(self, node: Node) -> None:
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
                tally=node.wish(self._steps, 1),
            )
            node.pc = 1
        else:
            node.state = self._kernels.zero_state(self._compiled.num_qubits, request.dtype)

    def _advance(self, node: Node) -> None:
        """Run a node to its end, or to the split that its descendants continue from."""
        steps, cancel = self._steps, self._request.cancel
        while node.pc < len(steps):
            cancel.check()
            step = steps[node.pc]
            if not self._act(step, node):
                break
        else:
            self._memory.write_value(node.shots, node.bits)
        if node.pc < len(steps):
            return
        self._done += len(node.shots)
        self._request.progress.at(self._done / self._shots)
        last = int(node.shots[-1])
        if self._request.want_state and (self._final is None or self._final[0] < last):
            node.pending.settle(self._kernels, node.state)
            self._final = (last, node.state)

    def _act(self, step: Any, node: Node) -> bool:
        """Run one step; return whether the node goes on."""
        classical = CLASSICAL.get(type(step))
        if classical is None:
            return _QUANTUM[type(step)](self, step, node)
        classical(step, node)
        return True

    # --- splitting ----------------------------------------------------------------------------

    def _branch(self, step: MeasureStep | ResetStep | InitializeStep, node: Node) -> bool:
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

    def _split(self, step: Any, node: Node, waiting: list[tuple[Outcome, Shots]]) -> None:
        """Leave the children of a node behind; the last of them is run first."""
        self.counts["nodes"] += len(waiting)
        split = Split(node, waiting)
        if self._snapshots < self._snapshot_limit:
            split.snapshot = Snapshot(node.state)
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

    def _child(self, node: Node, shots: Shots) -> Node:
        child = node.fork(shots)
        if node.events is not None:
            child.events = node.events.of(shots, self._shots)
        return child

    def _take(self, step: Any, node: Node, outcome: Outcome) -> None:
        """Apply an outcome to a node's state and memory, and step on."""
        if isinstance(step, NoisyStep):
            site = node.done // 2
            course = self._course(node.pc)
            if outcome.value != course.choices.operators[site]:
                node.follow(outcome, site)
                course.take(node, site, outcome)
            return
        if node.state is not None:
            node.state = self._laws.apply(step, node.state, outcome, node.pending)
        if isinstance(step, MeasureStep):
            write(node, step.clbits, outcome.read)
        node.follow(outcome)
        node.pc += 1

    def _next_child(self, split: Split) -> Node:
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

    def _release(self, split: Split) -> None:
        if split.snapshot is not None:
            split.snapshot = None
            self._snapshots -= 1

    def _drop(self, split: Split) -> None:
        self._release(split)
        if split.anchor is not None:
            split.anchor[1].users -= 1
        self._stack.pop()

    def _nearest_anchor(self) -> tuple[Node, Snapshot] | None:
        for split in reversed(self._stack):
            if split.snapshot is not None:
                return split.node, split.snapshot
        return None

    def _recompute(self, split: Split) -> Node:
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
        forced = outcomes(split.node.trail, length(node.trail))
        while True:
            self._request.cancel.check()
            step: Any = self._steps[node.pc]
            if isinstance(step, MeasureStep | ResetStep | NoisyStep | InitializeStep):
                mark = next(forced, None)
                if isinstance(step, NoisyStep):
                    last = split.node.done if mark is None else 2 * mark.site + 1
                    self._course(node.pc).run_to(node, last, self._bound(step, node))
                if mark is None:
                    return node
                if isinstance(step, NoisyStep) and mark.site == len(step.sites):
                    self._course(node.pc).leave(node)
                else:
                    self._take(step, node, mark.outcome)
            elif isinstance(step, SaveStep):
                node.pc += 1
            else:
                self._act(step, node)

    # --- steps --------------------------------------------------------------------------------

    def _segment(self, step: SegmentStep, node: Node) -> bool:
        self.counts["segments"] += 1
        node.pc += 1
        values, cancel = self._bound(step, node), self._request.cancel
        if not node.pending.waits:
            self._kernels.run(step.plan, node.state, values, cancel)
            return True
        collapse = node.pending.take()
        tally = node.wish(self._steps, node.pc)
        self._kernels.run(step.plan, node.state, values, cancel, collapse=collapse, tally=tally)
        return True

    # --- channels -----------------------------------------------------------------------------

    def _noisy(self, step: NoisyStep, node: Node) -> bool:
        course, values = self._course(node.pc), self._bound(step, node)
        choices = course.choices
        if node.events is None:
            node.events = choices.events(self._uniforms, node.shots, node.draws, 0)
        if len(node.shots) == 1:
            course.finish(node, values)
            return True
        while True:
            site = node.events.next_site()
            if site is None and node.events.known < len(choices):
                known = node.events.known
                node.events = choices.events(self._uniforms, node.shots, node.draws, known)
            elif site is None:
                course.run_to(node, 2 * len(choices) + 1, values)
                course.leave(node)
                return True
            else:
                course.run_to(node, 2 * site + 1, values)
                if not self._event(step, node, site):
                    return False

    def _event(self, step: NoisyStep, node: Node, site: int) -> bool:
        """Draw operators for the shots with an event; as `_branch`."""
        assert node.events is not None
        default = self._course(node.pc).choices.operators[site]
        shots, uniforms = node.events.take(site)
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
            self._take(step, node, draw[0][0])
            return True
        gone = np.concatenate([members for _, members in draw])
        rest = np.delete(node.shots, np.searchsorted(node.shots, gone))
        if len(draw) == len(gone) and len(rest) and self._snapshots < self._snapshot_limit:
            node.shots = rest
            for outcome, members in draw:
                self._run_alone(step, node, outcome, members)
            return True
        # The default comes last, so that it inherits the snapshot: one is enough for them all.
        waiting = [(Outcome(default, 1.0, default), rest)] if len(rest) else []
        self._split(step, node, waiting + draw)
        return False

    def _run_alone(self, step: NoisyStep, node: Node, outcome: Outcome, shots: Shots) -> None:
        """Run a single shot that leaves a node to the end: it splits no more."""
        assert node.events is not None
        child = node.fork(shots)
        child.events = node.events.split_off(int(shots[0]), self._shots)
        child.state = self._kernels.copy(node.state)
        self._snapshots += 1
        self.counts["nodes"] += 1
        self.counts["snapshots"] += 1
        self._take(step, child, outcome)
        self._advance(child)
        self._snapshots -= 1

    def _course(self, position: int) -> NoisyCourse:
        course = self._courses.get(position)
        if course is None:
            course = self._courses[position] = NoisyCourse(
                self._compiled, position, self._request, self._laws, self._uniforms
            )
        return course

    def _bound(self, step: SegmentStep | NoisyStep, node: Node) -> NDArray[np.float64]:
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

    def _sample(self, step: SampleStep, node: Node) -> bool:
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

    def _set_state(self, step: SetStateStep, node: Node) -> bool:
        node.pending.take()
        node.state = self._kernels.from_host(step.amplitudes, self._request.dtype)
        node.pc += 1
        return True

    def _save(self, step: SaveStep, node: Node) -> bool:
        if self._sink.wants(step.save, node.shots, node.bits):
            node.pending.settle(self._kernels, node.state)
            last = node.pc + 1 == len(self._steps) and not self._request.want_state
            value = save_value(
                self._kernels, node.state, self._compiled.num_qubits, step.save, last=last
            )
            self._sink.add(step.save, node.shots, node.bits, value)
        node.pc += 1
        return True


# Not in the instance, which would then refer to itself: states would outlive their last user.
_QUANTUM: dict[type, Callable[[ShotTree, Any, Node], bool]] = {
    SegmentStep: ShotTree._segment,
    MeasureStep: ShotTree._branch,
    ResetStep: ShotTree._branch,
    NoisyStep: ShotTree._noisy,
    InitializeStep: ShotTree._branch,
    SampleStep: ShotTree._sample,
    SetStateStep: ShotTree._set_state,
    SaveStep: ShotTree._save,
}
"""What a step does to a node; whether the node goes on."""

"""Execution of gate code over a tree of outcomes, on states that are no amplitudes.

As in `quasim_backend.engines.shot_tree`, a node is a set of shots that have seen the same outcomes,
so they share one state and one classical memory, and the tree is walked depth first. Each shot
draws the same uniforms in the same order as there: where both states are exact, both give the same
samples. What a state is, `GateState` says.

A split keeps its state for the children that wait, while the workspace allows; beyond that they
are run again from the start: their uniforms lead them the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
    Step,
)
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.averages import moments_of
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.classical_memory import PackedMemory, confuse
from quasim_backend.engines.classical_steps import CLASSICAL, write
from quasim_backend.engines.digits import Digits
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.expr import Value
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp, Save

__all__ = ["GateState", "GateTree", "bound_operations"]

Shots: TypeAlias = NDArray[np.int64]
_X = Gate.named("x")


class GateState(Protocol):
    """A state that gates, operators and projections change in place. Qubits are simulated ones."""

    @property
    def nbytes(self) -> int:
        """Bytes that a copy takes."""
        ...

    def apply(self, gate: Gate, qubits: tuple[int, ...]) -> None:
        """Apply a gate without unbound parameters: its controls first, then its targets."""
        ...

    def channel_weights(self, channel: Channel, qubits: tuple[int, ...]) -> NDArray[np.float64]:
        """Return ``<K^dagger K>`` for each operator of a Kraus channel, float64 ``(operators,)``.

        Never asked for a mixture, whose operators come by their probabilities.
        """
        ...

    def apply_operator(self, channel: Channel, number: int, qubits: tuple[int, ...]) -> None:
        """Apply one operator of a channel, and normalise."""
        ...

    def probability_of_one(self, qubit: int) -> float:
        """Return the probability to read 1."""
        ...

    def project(self, qubit: int, outcome: int) -> None:
        """Project a qubit onto an outcome of probability above 0, and normalise."""
        ...

    def prepare(self, amplitudes: NDArray[np.complex128], qubits: tuple[int, ...]) -> None:
        """Bring qubits that are surely ``|0...0>`` to ``amplitudes`` ``(2**k,)``, first lowest."""
        ...

    def set_state(self, amplitudes: NDArray[np.complex128]) -> None:
        """Replace the whole state by ``amplitudes`` ``(2**n,)``."""
        ...

    def copy(self) -> GateState:
        """Return an independent copy."""
        ...

    def sample(self, qubits: Sequence[int], digits: Digits) -> NDArray[Any]:
        """Measure qubits for each shot; the state stays as it is.

        Args:
            qubits: What to measure, each once.
            digits: Randomness of the shots. To give the samples that amplitudes would, decide the
                bits of all qubits, the highest first.

        Returns:
            0 or 1, integer or bool ``(len(qubits), shots)``.
        """
        ...

    def value(self, save: Save) -> Any:
        """Return what a save point asks for, as `quasim_backend.engines.saves.save_value`."""
        ...


@dataclass(eq=False)
class _Node:
    """Shots that share state and classical memory, at a place in the code.

    Attributes:
        place: Operations of a `GatesStep`, or qubits of a measured step, that are done.
        value: The outcomes of those qubits.
        digits: What is left of the uniforms that decide them.
        saves: Save points passed.
        muted: Save points whose values an earlier run of these shots has kept.
    """

    state: Any
    shots: Shots
    variables: list[Value]
    pc: int = 0
    bits: int = 0
    draws: int = 0
    place: int = 0
    value: int = 0
    digits: Digits | None = None
    saves: int = 0
    muted: int = 0


@dataclass(eq=False)
class _Split:
    """A node's children that wait: outcomes with the positions of their shots in the node."""

    node: _Node
    waiting: list[tuple[int, NDArray[np.int64]]] = field(default_factory=list)
    kept_bytes: int = 0


class GateTree:
    """One run of a compiled circuit."""

    def __init__(
        self, compiled: CompiledCircuit, request: EngineRequest, start: Callable[[], GateState]
    ) -> None:
        """Prepare a run.

        Args:
            compiled: What to run; its gate code is read.
            request: What is asked for.
            start: Makes ``|0...0>`` on the simulated qubits.
        """
        code = gate_code(compiled)
        self._steps = code.steps
        self._request = request
        self._start = start
        self._initial_variables = code.initial_variables
        self._shots = max(request.shots, 1)
        self._memory = PackedMemory(self._shots, code.num_clbits)
        self._branches = code.branches
        self._sink = SaveSink(sampled=code.branches)
        self._uniforms = ShotUniforms(
            request.seed, self._shots, request.uniforms, branches=code.branches
        )
        self._stack: list[_Split] = []
        self._room = request.workspace_bytes
        self._done = 0
        self._bound: dict[int, tuple[GateOp | ChannelOp, ...]] = {}
        self._final: tuple[int, Any] | None = None
        self.counts = {"nodes": 1, "snapshots": 0, "recomputations": 0, "state_bytes": 0}

    def run(self) -> EngineOutput:
        """Run every shot.

        Raises:
            Cancelled: If the request's token was set.
        """
        self._advance(self._root(np.arange(self._shots, dtype=np.int64)))
        while self._stack:
            self._advance(self._next_child())
        output = EngineOutput(
            saved=self._sink.result(),
            standard_errors=self._sink.standard_errors(),
            metadata=dict(self.counts),
        )
        if output.standard_errors:
            output.metadata["averages"] = "over shots" if self._branches else "exact"
        if self._request.shots:
            output.packed = self._memory.words
        if self._final is not None:
            state = self._final[1].value(Save("statevector", "state"))
            output.state = state.astype(self._request.dtype, copy=False)
        return output

    def _root(self, shots: Shots) -> _Node:
        state = self._start()
        if self._request.initial_state is not None:
            state.set_state(np.asarray(self._request.initial_state, np.complex128))
        return _Node(state, shots, list(self._initial_variables))

    def _advance(self, node: _Node) -> None:
        """Run a node to its end, or to the split that its descendants continue from."""
        while node.pc < len(self._steps):
            self._request.cancel.check()
            step = self._steps[node.pc]
            classical = CLASSICAL.get(type(step))
            if classical is not None:
                classical(step, node)
            elif not _QUANTUM[type(step)](self, step, node):
                break
        else:
            self._memory.write_value(node.shots, node.bits)
        if node.pc < len(self._steps):
            return
        self._done += len(node.shots)
        self._request.progress.at(self._done / self._shots)
        self.counts["state_bytes"] = max(self.counts["state_bytes"], int(node.state.nbytes))
        last = int(node.shots[-1])
        if self._request.want_state and (self._final is None or self._final[0] < last):
            self._final = (last, node.state)

    # --- splitting ----------------------------------------------------------------------------

    def _choose(self, step: Step, node: _Node, outcomes: NDArray[np.int64]) -> bool:
        """Go on in place if all shots agree on an outcome, else leave a split behind."""
        distinct = np.unique(outcomes).tolist()
        if len(distinct) == 1:
            self._take(step, node, distinct[0])
            return True
        self.counts["nodes"] += len(distinct)
        waiting = [(outcome, np.flatnonzero(outcomes == outcome)) for outcome in distinct]
        split = _Split(node, waiting)
        size = int(node.state.nbytes)
        if size <= self._room:
            self._room -= size
            split.kept_bytes = size
            self.counts["snapshots"] += 1
            self._stack.append(split)
            return False
        # The state at hand serves one child; the others begin anew.
        served = waiting.pop()
        rest = np.sort(np.concatenate([members for _, members in waiting]))
        again = _Node(None, node.shots[rest], [], muted=max(node.saves, node.muted))
        self._stack += [_Split(again), _Split(node, [served])]
        return False

    def _child(self, node: _Node, members: NDArray[np.int64]) -> _Node:
        digits = None if node.digits is None else node.digits.of(members)
        return replace(
            node,
            state=None,
            shots=node.shots[members],
            variables=list(node.variables),
            digits=digits,
        )

    def _next_child(self) -> _Node:
        split = self._stack[-1]
        if not split.waiting:
            self._stack.pop()
            self.counts["recomputations"] += 1
            again = self._root(split.node.shots)
            again.muted = split.node.muted
            return again
        outcome, members = split.waiting.pop()
        child = self._child(split.node, members)
        if split.waiting:
            child.state = split.node.state.copy()
        else:
            child.state = split.node.state
            self._room += split.kept_bytes
            self._stack.pop()
        self._take(self._steps[child.pc], child, outcome)
        return child

    def _take(self, step: Any, node: _Node, outcome: int) -> None:
        """Apply an outcome: of a channel, of a qubit, or of the readout of all its qubits."""
        if isinstance(step, GatesStep):
            operation = self._operations(step, node)[node.place]
            node.state.apply_operator(operation.channel, outcome, operation.qubits)
            node.place += 1
        elif node.place < len(step.qubits):
            number = len(step.qubits) - 1 - node.place
            node.state.project(step.qubits[number], outcome)
            node.value |= outcome << number
            node.place += 1
        else:
            write(node, step.clbits, outcome)
            self._leave(node)

    def _leave(self, node: _Node) -> None:
        node.pc += 1
        node.place, node.value, node.digits = 0, 0, None

    # --- gates and channels -------------------------------------------------------------------

    def _gates(self, step: GatesStep, node: _Node) -> bool:
        operations = self._operations(step, node)
        for place in range(node.place, len(operations)):
            operation = operations[place]
            if isinstance(operation, GateOp):
                node.state.apply(operation.gate, operation.qubits)
                continue
            self._request.cancel.check()
            node.place = place
            uniforms = self._uniforms.draw(node.shots, node.draws)
            node.draws += 1
            if not self._choose(step, node, self._operators(operation, node.state, uniforms)):
                return False
        self._leave(node)
        return True

    def _operators(
        self, operation: ChannelOp, state: GateState, uniforms: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Draw an operator of a channel for each shot, by inverse transform."""
        channel = operation.channel
        if channel.probabilities is not None:
            weights = np.array(channel.probabilities)
        else:
            weights = np.maximum(state.channel_weights(channel, operation.qubits), 0.0)
        ladder = np.cumsum(weights)
        chosen = np.searchsorted(ladder, uniforms * ladder[-1], side="right")
        return np.asarray(np.minimum(chosen, np.flatnonzero(weights)[-1]), np.int64)

    def _operations(self, step: GatesStep, node: _Node) -> tuple[Any, ...]:
        """Return a step's operations with numbers for parameters."""
        if not step.sources:
            return step.operations
        known = self._bound.get(id(step))
        if known is not None:
            return known
        bound = bound_operations(step, self._request.parameters, node.variables)
        if all(source >= 0 for source in step.sources.values()):
            self._bound[id(step)] = bound
        return bound

    # --- measurement --------------------------------------------------------------------------

    def _measure(self, step: MeasureStep | ResetStep | InitializeStep, node: _Node) -> bool:
        """Decide qubit by qubit, the last first, then what is read; or reset and prepare."""
        if node.digits is None:
            node.digits = self._digits(node)
            node.draws += 1
        while node.place < len(step.qubits):
            qubit = step.qubits[-1 - node.place]
            outcomes = node.digits.decide(node.state.probability_of_one(qubit))
            if not self._choose(step, node, outcomes.astype(np.int64)):
                return False
        if isinstance(step, MeasureStep):
            return self._read(step, node)
        for number, qubit in enumerate(step.qubits):
            if node.value >> number & 1:
                node.state.apply(_X, (qubit,))
        if isinstance(step, InitializeStep):
            node.state.prepare(step.amplitudes, step.qubits)
        self._leave(node)
        return True

    def _read(self, step: MeasureStep, node: _Node) -> bool:
        if step.readout is None:
            self._take(step, node, node.value)
            return True
        uniforms = self._uniforms.draw(node.shots, node.draws)
        node.draws += 1
        ladder = np.cumsum(step.readout.matrix[node.value])[:-1]
        reads = np.searchsorted(ladder, uniforms, side="right")
        return self._choose(step, node, np.asarray(reads, np.int64))

    def _sample(self, step: SampleStep, node: _Node) -> bool:
        node.pc += 1
        if not self._request.shots:
            return True
        self._memory.write_value(node.shots, node.bits)
        qubits = tuple(dict.fromkeys(step.qubits))
        found = node.state.sample(qubits, self._digits(node))
        rows = dict(zip(qubits, np.asarray(found).astype(np.uint64), strict=True))
        bits = np.array([rows[q] for q in step.qubits])
        for number, (positions, readout) in enumerate(step.readouts, start=1):
            uniforms = self._uniforms.draw(node.shots, node.draws + number)
            confuse(bits, positions, readout, uniforms)
        self._memory.write_bits(node.shots, step.clbits, bits)
        return False

    def _digits(self, node: _Node) -> Digits:
        uniforms = self._uniforms.draw(node.shots, node.draws)
        return Digits(uniforms, self._request.seed, node.shots, node.draws)

    # --- other steps --------------------------------------------------------------------------

    def _set_state(self, step: SetStateStep, node: _Node) -> bool:
        node.state.set_state(step.amplitudes)
        node.pc += 1
        return True

    def _save(self, step: SaveStep, node: _Node) -> bool:
        node.saves += 1
        kept = node.saves <= node.muted
        if not kept and self._sink.wants(step.save, node.shots, node.bits):
            value = _saved_value(node.state, step.save)
            if step.save.kind in ("statevector", "amplitudes"):
                value = value.astype(self._request.dtype, copy=False)
            self._sink.add(step.save, node.shots, node.bits, value)
        node.pc += 1
        return True


_QUANTUM: dict[type, Callable[[GateTree, Any, _Node], bool]] = {
    GatesStep: GateTree._gates,
    MeasureStep: GateTree._measure,
    ResetStep: GateTree._measure,
    InitializeStep: GateTree._measure,
    SampleStep: GateTree._sample,
    SetStateStep: GateTree._set_state,
    SaveStep: GateTree._save,
}
"""What a step does to a node; whether the node goes on."""


def bound_operations(
    step: GatesStep, parameters: NDArray[np.float64], variables: Sequence[Value]
) -> tuple[GateOp | ChannelOp, ...]:
    """Return a step's operations with numbers for parameters; see `GatesStep.values`."""
    if not step.sources:
        return step.operations
    values = step.values(parameters, variables)
    return tuple(
        GateOp(operation.gate.bound(values), operation.qubits)
        if isinstance(operation, GateOp)
        else operation
        for operation in step.operations
    )


def _saved_value(state: GateState, save: Save) -> Any:
    """Return what a save keeps of a state; moments for an average variance, as `SaveSink` adds."""
    value = state.value(save)
    if save.kind != "variance" or save.subtype != "average":
        return value
    return moments_of(value, state.value(replace(save, kind="expectation")))

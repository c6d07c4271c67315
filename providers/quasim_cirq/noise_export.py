"""Our noise model as a `cirq.NoiseModel`: the rules, put into Cirq's moments.

Rules look at what Cirq's operations are called in QuASIM: ``cirq.CNOT`` is ``"cx"``,
``cirq.X**0.5`` is ``"xpow"``. The placement is that of `NoiseModel.applied`; here its channels
become operations of Cirq's, and its readout errors confusion maps of measurements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import cirq
import numpy as np

from quasim_backend import NoiseModel
from quasim_backend.errors import QubitError
from quasim_backend.ir import Channel, Gate, ReadoutError
from quasim_backend.ir.expr import BOOL, Const
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    Delay,
    GateOp,
    If,
    Instruction,
    Measure,
    Reset,
)
from quasim_backend.noise import GateNoise
from quasim_cirq.gates import lower_gate
from quasim_cirq.moments import MomentClock, nanoseconds
from quasim_cirq.parameters import NeedsValues, Symbols, UnsupportedOperationError
from quasim_cirq.translate import oriented

__all__ = ["RuleNoiseModel", "cirq_channel"]

_NO_NAME = Gate("x", power=0.5)
"""Stands for an operation that is no single gate of ours: a power has no name in rules."""

_NOTHING = Channel.mixture([1.0], [np.eye(2)], "nothing")
_ALWAYS = Const(value=True, type=BOOL)


class RuleNoiseModel(cirq.NoiseModel):
    """A `quasim_backend.NoiseModel` for every simulator of Cirq's.

    >>> import cirq, quasim_backend as quasim
    >>> from quasim_backend import noise
    >>> model = quasim.NoiseModel().on_gates(noise.depolarizing(0.01), ["h"])
    >>> print(cirq.Circuit(cirq.H(cirq.LineQubit(0))).with_noise(RuleNoiseModel(model)))
    0: ───H───depolarizing[<virtual>]───

    A tag that is a label of some rule labels its operation. Operations tagged as virtual, and
    channels that are in the circuit, get no noise. A model is not changed after it is made.

    Attributes:
        model: The rules.
        qubits: The rules' qubits in order; None: a `cirq.LineQubit` is its number, and other
            qubits are numbered as the circuit sorts them.
    """

    def __init__(self, model: NoiseModel, qubits: Sequence[cirq.Qid] | None = None) -> None:
        """Wrap a model."""
        self.model = model
        self.qubits = None if qubits is None else tuple(qubits)
        rules = [rule for rule in model.rules if isinstance(rule, GateNoise)]
        self._labels = {label for rule in rules for label in rule.labels}
        self._channels: dict[int, tuple[Channel, cirq.Gate]] = {}

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        if not isinstance(other, RuleNoiseModel):
            return NotImplemented
        return self.model == other.model and self.qubits == other.qubits

    def __hash__(self) -> int:
        """Hash the content."""
        return hash((self.model, self.qubits))

    def __repr__(self) -> str:
        """Name the model."""
        return f"quasim_cirq.RuleNoiseModel({self.model!r})"

    def noisy_moments(
        self, moments: Iterable[cirq.Moment], system_qubits: Sequence[cirq.Qid]
    ) -> Sequence[cirq.OP_TREE]:
        """Return the operations of each moment with their noise.

        Args:
            moments: The circuit.
            system_qubits: All its qubits.

        Raises:
            QubitError: If the rules' qubits do not number all of the circuit's.
        """
        return _Rewriting(self, system_qubits).trees(list(moments))

    def _numbered(self, system_qubits: Sequence[cirq.Qid]) -> dict[cirq.Qid, int]:
        if self.qubits is not None:
            known = {q: number for number, q in enumerate(self.qubits)}
        elif all(isinstance(q, cirq.LineQubit) and q.x >= 0 for q in system_qubits):
            known = {q: q.x for q in system_qubits}  # type: ignore[attr-defined]
        else:
            known = {q: number for number, q in enumerate(sorted(system_qubits))}
        missing = [q for q in system_qubits if q not in known]
        if missing:
            raise QubitError(
                f"The noise model's qubits {list(self.qubits or ())} do not have {missing}. Name "
                f"every qubit of the circuit in qubits=."
            )
        return known

    def _label(self, operation: cirq.Operation) -> str | None:
        return next((t for t in operation.tags if t in self._labels), None)


class _Rewriting:
    """One circuit on its way through the placement: stand-ins in, operations out."""

    def __init__(self, model: RuleNoiseModel, system_qubits: Sequence[cirq.Qid]) -> None:
        self._model = model
        self._number = model._numbered(system_qubits)
        self._qubit = {self._number[q]: q for q in system_qubits}
        self._every = sorted(self._qubit)
        self._moment_of: dict[int, int] = {}
        self._source: dict[int, cirq.Operation] = {}
        # The placement writes resets and delays anew, one a qubit, and measurements in groups.
        self._waiting: dict[tuple[type, int], deque[tuple[int, cirq.Operation]]] = {}
        # By classical bit: moment, measurement, its first bit.
        self._measured: list[tuple[int, cirq.Operation, int]] = []
        self._pending: dict[int, tuple[list[int], dict[tuple[int, ...], Any]]] = {}
        self._kept: list[Instruction] = []

    def trees(self, moments: Sequence[cirq.Moment]) -> list[list[cirq.Operation]]:
        """Return the noisy operations of each moment."""
        clock = MomentClock()
        stand_ins: list[Instruction] = []
        for number, moment in enumerate(moments):
            found = [i for op in moment for i in self._stand_ins(op, number)]
            if not moment.operations and self._every:
                # An empty moment passes, too.
                found = [Delay(tuple(self._every), 0.0)]
            plain = [i.qubits for i in found if not isinstance(i, ChannelOp | If)]  # type: ignore[union-attr]
            if clock.must_wait(plain, aligns=any(isinstance(i, If) for i in found)):
                stand_ins.append(Barrier(()))
            stand_ins += found
        placed = self._model.model.placement.placed(stand_ins, max(self._every, default=-1) + 1)
        trees: list[list[cirq.Operation]] = [[] for _ in moments]
        current = 0
        for instruction in self._only_real(placed):
            for number, operation in self._operations(instruction):
                current = max(current, number)
                trees[current].append(operation)
        return trees

    def _only_real(self, placed: Iterable[Instruction]) -> Iterator[Instruction]:
        """Leave out noise on numbers between the circuit's qubits."""
        for instruction in placed:
            if not isinstance(instruction, ChannelOp) or all(
                q in self._qubit for q in instruction.qubits
            ):
                yield instruction
            elif any(q in self._qubit for q in instruction.qubits):
                raise QubitError(
                    f"Channel '{instruction.channel.name}' acts on the qubits "
                    f"{instruction.qubits}, of which the circuit has only {self._every}."
                )

    # --- operations to stand-ins ----------------------------------------------------------------

    def _stand_ins(self, operation: cirq.Operation, moment: int) -> list[Instruction]:
        places = tuple([self._number[q] for q in operation.qubits])
        plain = operation.without_classical_controls()
        gate = plain.gate
        found: list[Instruction]
        if cirq.VirtualTag() in operation.tags or not places:
            found = [ChannelOp(_NOTHING, places)]
        elif isinstance(gate, cirq.MeasurementGate):
            first = len(self._measured)
            self._measured += [(moment, operation, first)] * len(places)
            clbits = tuple(range(first, first + len(places)))
            # One that has a readout error gets no other.
            own = ReadoutError.of(np.eye(1 << len(places))) if gate.confusion_map else None
            return [Measure(places, clbits, own)]
        elif isinstance(gate, cirq.ResetChannel) and plain is operation:
            return self._one_by_one(Reset(places), places, (moment, operation))
        elif isinstance(gate, cirq.WaitGate) and plain is operation:
            delay = Delay(places, nanoseconds(gate) * 1e-9)
            return self._one_by_one(delay, places, (moment, operation))
        elif cirq.is_measurement(plain) or not cirq.has_unitary(plain):
            found = [ChannelOp(_NOTHING, places)]
        else:
            found = [self._gate(plain, self._model._label(operation))]
        self._kept += found
        for instruction in found:
            self._source[id(instruction)] = operation
            self._moment_of[id(instruction)] = moment
        if plain is not operation:
            found = [If(_ALWAYS, tuple(found))]
        return found

    def _one_by_one(
        self,
        instruction: Instruction,
        places: tuple[int, ...],
        source: tuple[int, cirq.Operation],
    ) -> list[Instruction]:
        for place in places:
            self._waiting.setdefault((type(instruction), place), deque()).append(source)
        return [instruction]

    def _gate(self, operation: cirq.Operation, label: str | None) -> GateOp:
        places = tuple([self._number[q] for q in operation.qubits])
        gate = operation.gate
        if isinstance(gate, cirq.IdentityGate) and len(places) == 1:
            return GateOp(_labelled(Gate.named("id"), label), places)
        try:
            parts = () if gate is None else lower_gate(gate, Symbols()) or ()
        except (NeedsValues, UnsupportedOperationError):
            parts = ()
        acting = [(part, positions) for part, positions in parts if positions]
        if len(acting) == 1 and len(acting[0][1]) == len(places):
            part, positions = acting[0]
            order = tuple([places[p] for p in oriented(part, positions)])
            return GateOp(_labelled(part, label), order)
        return GateOp(_labelled(_NO_NAME, label), places)

    # --- placed instructions to operations ------------------------------------------------------

    def _operations(
        self, instruction: Instruction, controls: Sequence[Any] = ()
    ) -> Iterator[tuple[int, cirq.Operation]]:
        """Return operations with the number of the moment they begin, 0 where they begin none."""
        source = self._source.get(id(instruction))
        if source is not None:
            yield self._moment_of[id(instruction)], source
        elif isinstance(instruction, ChannelOp):
            noise = self._noise(instruction)
            yield 0, noise.with_classical_controls(*controls) if controls else noise
        elif isinstance(instruction, If):
            held = next(i for i in instruction.body if id(i) in self._source)
            conditions = sorted(self._source[id(held)].classical_controls, key=str)
            for inner in instruction.body:
                yield from self._operations(inner, conditions)
        elif isinstance(instruction, Reset | Delay):
            queue = self._waiting.get((type(instruction), instruction.qubits[0]))
            if queue:
                number, operation = queue.popleft()
                if instruction.qubits[0] == self._number[operation.qubits[-1]]:
                    yield number, operation
        elif isinstance(instruction, Measure):
            yield from self._measurement(instruction)

    def _noise(self, instruction: ChannelOp) -> cirq.Operation:
        channel = instruction.channel
        known = self._model._channels.get(id(channel))
        if known is None:  # the channel is kept, so that its id stays its own
            known = self._model._channels[id(channel)] = channel, cirq_channel(channel)
        # The first qubit of our operators is their lowest bit, of Cirq's the highest.
        qubits = [self._qubit[q] for q in reversed(instruction.qubits)]
        return known[1].on(*qubits).with_tags(cirq.VirtualTag())

    def _measurement(self, measure: Measure) -> Iterator[tuple[int, cirq.Operation]]:
        """Gather the groups of one measurement; return it when all its qubits are there."""
        moment, operation, first = self._measured[measure.clbits[0]]
        gate: Any = operation.gate
        seen, confusion = self._pending.setdefault(first, ([], {}))
        positions = [clbit - first for clbit in measure.clbits]
        seen += positions
        if measure.readout is not None and not gate.confusion_map:
            # Cirq counts the bits of a matrix from the highest.
            confusion[tuple(reversed(positions))] = measure.readout.matrix
        if len(seen) < len(operation.qubits):
            return
        if confusion:
            noisy = cirq.MeasurementGate(
                gate.num_qubits(),
                gate.mkey,
                gate.invert_mask,
                confusion_map={k: np.array(v) for k, v in confusion.items()},
            )
            operation = noisy.on(*operation.qubits).with_tags(*operation.tags)
        yield moment, operation


class _Kraus(cirq.KrausChannel):
    """Kraus operators with a short name for diagrams."""

    name = ""

    def _circuit_diagram_info_(self, args: Any) -> tuple[str, ...]:
        return (self.name,) * self.num_qubits()


class _Mixture(cirq.MixedUnitaryChannel):
    """Unitaries at random with a short name for diagrams."""

    name = ""

    def _circuit_diagram_info_(self, args: Any) -> tuple[str, ...]:
        return (self.name,) * self.num_qubits()


def cirq_channel(channel: Channel) -> cirq.Gate:
    """Return a channel as a gate of Cirq's, whose first qubit is the channel's last."""
    gate: Any
    if channel.probabilities is None:
        gate = _Kraus(channel.operators)
    elif len(channel.operators) == 1:
        return cirq.MatrixGate(channel.operators[0], name=channel.name)
    else:
        gate = _Mixture(list(zip(channel.probabilities, channel.operators, strict=True)))
    gate.name = channel.name
    return cast("cirq.Gate", gate)


def _labelled(gate: Gate, label: str | None) -> Gate:
    return gate if label is None else replace(gate, label=label)

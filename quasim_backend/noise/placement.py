"""Noise put into circuits: from rules to channels between the gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Block,
    ChannelOp,
    Delay,
    For,
    GateOp,
    If,
    Initialize,
    Instruction,
    Measure,
    Reset,
    Switch,
    While,
)
from quasim_backend.noise.channels import thermal_relaxation
from quasim_backend.noise.rules import (
    GateKey,
    GateNoise,
    MomentNoise,
    ReadoutNoise,
    Relaxation,
    gate_key,
)

if TYPE_CHECKING:
    from quasim_backend.noise.model import NoiseModel

__all__ = ["Placement"]

_Operation = tuple[GateKey, str | None, tuple[int, ...]]
"""What rules look at: gate key or operation name, label, qubits."""


class Placement:
    """One model's rules, indexed, with what was found for each kind of operation."""

    def __init__(self, model: NoiseModel) -> None:
        """Index the rules by the names they are for."""
        self._gates: dict[object, list[GateNoise]] = {}
        self._any: list[GateNoise] = []
        self._moments: list[MomentNoise] = []
        self._relaxation: list[Relaxation] = []
        self._readout: list[ReadoutNoise] = []
        self._order = {id(rule): number for number, rule in enumerate(model.rules)}
        for rule in model.rules:
            if isinstance(rule, GateNoise):
                keys: set[object] = {gate_key(name) or name for name in rule.gates}
                keys |= {_label(label) for label in rule.labels}
                for key in keys:
                    self._gates.setdefault(key, []).append(rule)
                if not keys:
                    self._any.append(rule)
            elif isinstance(rule, MomentNoise):
                self._moments.append(rule)
            elif isinstance(rule, Relaxation):
                self._relaxation.append(rule)
            else:
                self._readout.append(rule)
        self._looks_ahead = any(r.moments for r in self._relaxation) or any(
            r.measured is not None for r in self._moments
        )
        self._found: dict[_Operation, tuple[tuple[ChannelOp, ...], tuple[ChannelOp, ...]]] = {}
        self._read: dict[tuple[int, ...], tuple[tuple[tuple[int, ...], ReadoutError], ...]] = {}

    def placed(self, instructions: Iterable[Instruction], num_qubits: int) -> list[Instruction]:
        """Return instructions with the noise among them; blocks inside are treated alike."""
        survey = _Survey()
        if self._looks_ahead:
            # What is measured in a moment, and how long it takes, is known at its end.
            instructions = list(instructions)
            _Writer(self, num_qubits, survey).block(instructions)
        return _Writer(self, num_qubits, survey).block(instructions)

    # --- what one operation gets ----------------------------------------------------------------

    def around(self, operation: _Operation) -> tuple[tuple[ChannelOp, ...], tuple[ChannelOp, ...]]:
        """Return the channels before and after an operation."""
        found = self._found.get(operation)
        if found is None:
            found = self._found[operation] = self._search(operation)
        return found

    def matching(self, operation: _Operation) -> list[GateNoise]:
        """Return the rules that place channels at an operation, in the model's order."""
        name, label, qubits = operation
        key: object = name if label is None else _label(label)
        candidates = self._gates.get(key, [])
        if self._any and not isinstance(name, str):
            candidates = sorted([*candidates, *self._any], key=lambda r: self._order[id(r)])
        rules = [
            rule
            for rule in candidates
            if rule.qubits in (None, qubits) and rule.num_qubits in (None, len(qubits))
        ]
        if any(r.qubits is not None and not r.fallback for r in rules):
            rules = [r for r in rules if not r.fallback]
        return rules

    def _search(self, operation: _Operation) -> tuple[tuple[ChannelOp, ...], tuple[ChannelOp, ...]]:
        name, _, qubits = operation
        before: list[ChannelOp] = []
        after: list[ChannelOp] = []
        for rule in self.matching(operation):
            side = before if rule.before or name == "measure" else after
            channel = rule.channel
            if rule.on is not None:
                side.append(ChannelOp(channel, rule.on))
            elif channel.num_qubits == len(qubits):
                side.append(ChannelOp(channel, qubits))
            elif channel.num_qubits == 1:
                side += [ChannelOp(channel, (q,)) for q in qubits]
        return tuple(before), tuple(after)

    def readouts(self, qubits: tuple[int, ...]) -> Sequence[tuple[tuple[int, ...], ReadoutError]]:
        """Return the readout errors of a measurement: (qubits, error) pairs."""
        found = self._read.get(qubits)
        if found is None:
            found = self._read[qubits] = tuple(self._find_readouts(qubits))
        return found

    def _find_readouts(
        self, qubits: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], ReadoutError]]:
        joint = [r for r in self._readout if r.qubits == qubits]
        if joint and len(qubits) > 1:
            yield qubits, _confused(joint)
            return
        for q in qubits:
            rules = [r for r in self._readout if r.qubits in (None, (q,))]
            if any(r.qubits is not None and not r.fallback for r in rules):
                rules = [r for r in rules if not r.fallback]
            if rules:
                yield (q,), _confused(rules)

    @property
    def moments(self) -> Sequence[MomentNoise]:
        """The rules for every moment."""
        return self._moments

    @property
    def counts_moments(self) -> bool:
        """Whether some rule looks at moments."""
        return bool(self._moments) or any(r.moments for r in self._relaxation)

    @property
    def relaxation(self) -> Sequence[Relaxation]:
        """The rules for time."""
        return self._relaxation


class _Survey:
    """What the moments of a circuit hold."""

    def __init__(self) -> None:
        self.measuring: set[int] = set()
        """Numbers of the moments that measure."""
        self.measured: set[tuple[int, int]] = set()
        """(moment, qubit) of each measurement."""
        self.seconds: dict[tuple[int, int], float] = {}
        """By (moment, id of the rule for relaxation), its length."""


class _Writer:
    """Writes one circuit: instructions, and where each qubit is in moments and in time."""

    def __init__(self, placement: Placement, num_qubits: int, survey: _Survey) -> None:
        self._placement = placement
        self._survey = survey
        self._every = tuple(range(num_qubits))
        self._moment = [0] * num_qubits
        self._clock = [0.0] * num_qubits
        self._written: list[Instruction] = []

    def block(self, instructions: Iterable[Instruction]) -> list[Instruction]:
        """Return a block with its noise; qubits wait for each other at both ends."""
        outer, self._written = self._written, []
        for instruction in instructions:
            self._instruction(instruction)
        self._start(self._every)
        inner, self._written = self._written, outer
        return inner

    def _instruction(self, instruction: Instruction) -> None:
        match instruction:
            case GateOp(gate, qubits):
                # A power of a gate has no name of its own.
                name = gate.name if gate.power == 1.0 else ""
                self._operation(instruction, ((name, gate.num_controls), gate.label, qubits))
            case Measure(qubits):
                self._measure(instruction)
            case Reset(qubits):
                for q in qubits:
                    self._operation(Reset((q,)), ("reset", None, (q,)))
            case Initialize(_, qubits):
                self._operation(instruction, ("initialize", None, qubits))
            case Delay(qubits, duration):
                for q in qubits:
                    self._operation(Delay((q,), duration), ("delay", None, (q,)), duration)
            case Barrier(qubits):
                self._start(qubits or self._every)
                self._written.append(instruction)
            case If(condition, body, orelse):
                self._start(self._every)
                self._written.append(If(condition, self._inner(body), self._inner(orelse)))
            case Switch(subject, cases):
                self._start(self._every)
                inner = tuple((values, self._inner(block)) for values, block in cases)
                self._written.append(Switch(subject, inner))
            case For() | While():
                self._start(self._every)
                self._written.append(replace(instruction, body=self._inner(instruction.body)))
            case _:
                if not isinstance(instruction, Assign):  # what looks at the state, or leaves
                    self._start(self._every)
                self._written.append(instruction)

    def _inner(self, block: Block) -> Block:
        return tuple(self.block(block))

    def _measure(self, measure: Measure) -> None:
        qubits = measure.qubits
        before, _ = self._placement.around(("measure", None, qubits))
        if not before:
            # A measurement of several qubits is as many measurements of one.
            single = (self._placement.around(("measure", None, (q,)))[0] for q in qubits)
            before = tuple(op for ops in single for op in ops)
        self._start(qubits)
        for q in qubits:
            self._survey.measuring.add(self._moment[q])
            self._survey.measured.add(self._place(q))
        self._before_moment(qubits)
        self._written += before
        self._spend("measure", qubits)
        readouts = self._placement.readouts(qubits) if measure.readout is None else ()
        bit_of = dict(zip(qubits, measure.clbits, strict=True))
        for group, error in readouts:
            self._written.append(Measure(group, tuple(bit_of.pop(q) for q in group), error))
        if not readouts:
            self._written.append(measure)
        elif bit_of:
            self._written.append(Measure(tuple(bit_of), tuple(bit_of.values())))
        self._after_moment(qubits)

    def _operation(
        self, instruction: Instruction, operation: _Operation, seconds: float | None = None
    ) -> None:
        qubits = operation[2]
        before, after = self._placement.around(operation)
        self._start(qubits)
        self._before_moment(qubits)
        self._written += before
        self._written.append(instruction)
        self._written += after
        self._spend(operation[0], qubits, seconds, operation[1])
        self._after_moment(qubits)

    # --- moments and time -----------------------------------------------------------------------

    def _start(self, qubits: Sequence[int]) -> None:
        """Let qubits wait for the latest of them."""
        if len(qubits) < 2:
            return
        if self._placement.counts_moments:
            latest = max(self._moment[q] for q in qubits)
            for q in qubits:
                while self._moment[q] < latest:
                    self._before_moment((q,))
                    self._after_moment((q,))
        if self._placement.relaxation:
            latest_time = max(self._clock[q] for q in qubits)
            for q in qubits:
                waiting = latest_time - self._clock[q]
                self._clock[q] = latest_time
                for rule in self._placement.relaxation:
                    if rule.idle and not rule.moments:
                        self._relax(rule, q, waiting)

    def _spend(
        self,
        name: GateKey,
        qubits: Sequence[int],
        seconds: float | None = None,
        label: str | None = None,
    ) -> None:
        """Let time pass for an operation; ``seconds`` is that of a delay."""
        longest = 0.0
        for rule in self._placement.relaxation:
            known = seconds
            if known is None:
                known = 0.0 if rule.delays_only else rule.seconds(name, len(qubits), label)
            longest = max(longest, known)
            if rule.moments and qubits:
                place = self._moment[qubits[0]], id(rule)
                self._survey.seconds[place] = max(known, self._survey.seconds.get(place, 0.0))
            elif rule.measured or name != "measure":
                for q in qubits:
                    self._relax(rule, q, known)
        for q in qubits:
            self._clock[q] += longest

    def _before_moment(self, qubits: Sequence[int]) -> None:
        if self._placement.moments:
            for q in qubits:
                self._moment_noise(q, before=True)

    def _after_moment(self, qubits: Sequence[int]) -> None:
        for q in qubits if self._placement.counts_moments else ():
            for rule in self._placement.relaxation:
                if rule.moments and (rule.measured or self._place(q) not in self._survey.measured):
                    self._relax(rule, q, self._survey.seconds.get((self._moment[q], id(rule)), 0.0))
            self._moment_noise(q, before=False)
            self._moment[q] += 1

    def _place(self, qubit: int) -> tuple[int, int]:
        return self._moment[qubit], qubit

    def _moment_noise(self, qubit: int, *, before: bool) -> None:
        measures = self._moment[qubit] in self._survey.measuring
        for rule in self._placement.moments:
            if (
                rule.before == before
                and rule.measured in (None, measures)
                and (rule.qubits is None or qubit in rule.qubits)
            ):
                self._written.append(ChannelOp(rule.channel, (qubit,)))

    def _relax(self, rule: Relaxation, qubit: int, seconds: float) -> None:
        if seconds > 0 and (rule.qubits is None or qubit in rule.qubits):
            channel = _relaxation(rule.t1, rule.t2, seconds, rule.excited)
            self._written.append(ChannelOp(channel, (qubit,)))


@lru_cache(maxsize=4096)
def _relaxation(t1: float, t2: float, seconds: float, excited: float) -> Channel:
    return thermal_relaxation(t1, t2, seconds, excited)


def _label(label: str) -> tuple[str, str]:
    return "label", label


def _confused(rules: Sequence[ReadoutNoise]) -> ReadoutError:
    """Return readout errors one after the other as one."""
    matrix = rules[0].error.matrix
    for rule in rules[1:]:
        matrix = matrix @ rule.error.matrix
    return ReadoutError.of(matrix)

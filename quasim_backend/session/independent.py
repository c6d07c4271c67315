"""Parts of a circuit whose qubits never meet: each is a circuit of its own.

The state is a product all along, so that samples of the parts belong together in any order, and the
expectation value of a Pauli string is the product of the parts' values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.ir.array_observables import ObservableList, listed
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    Delay,
    GateOp,
    Initialize,
    Instruction,
    Measure,
    Reset,
    Save,
)
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.session.checks import depends_on_chance

__all__ = ["IndependentParts", "independent_parts", "part_seed"]

_TOGETHER = 10
"""Qubits that small groups may have together."""


@dataclass(frozen=True, eq=False)
class IndependentParts:
    """A circuit in parts.

    Attributes:
        circuits: One for each part, of the whole circuit's width and classical memory. A part
            saves, for each of the circuit's save points, the strings of `strings`.
        strings: For each save point by its label: its observables, and for each part the strings
            whose values it saves, in its order.
    """

    circuits: tuple[Circuit, ...]
    strings: dict[str, tuple[Save, tuple[tuple[PauliString, ...], ...], tuple[int, ...]]]

    def packed(self, parts: Sequence[NDArray[np.uint64] | None]) -> NDArray[np.uint64] | None:
        """Return the samples of the whole, uint64 ``(shots, words)``, from those of the parts."""
        given = [p for p in parts if p is not None]
        return np.bitwise_or.reduce(given) if given else None

    def saved(self, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the values of the circuit's save points from those of the parts."""
        return {label: self._value(label, parts) for label in self.strings}

    def _value(self, label: str, parts: Sequence[dict[str, Any]]) -> Any:
        save, strings, masks = self.strings[label]
        known = [
            dict(zip(own, np.atleast_1d(part[label]).tolist(), strict=True)) if own else {}
            for own, part in zip(strings, parts, strict=True)
        ]

        def value(observable: PauliSum) -> Any:
            total = sum(
                weight
                * math.prod(
                    values[PauliString(string.x & mask, string.z & mask)]
                    for values, mask in zip(known, masks, strict=True)
                    if (string.x | string.z) & mask
                )
                for weight, string in observable.terms
            )
            return complex(total).real if observable.hermitian else complex(total)

        if isinstance(save.observable, ObservableList):
            return np.array([value(o) for o in save.observable.observables])  # type: ignore[arg-type]
        return value(save.observable)  # type: ignore[arg-type]


def independent_parts(compiled: CompiledCircuit) -> IndependentParts | None:
    """Return the parts of a circuit, or None if it is one or is not known to fall apart.

    Taken apart are gates, channels, resets and measurements; what is saved must be expectation
    values of Pauli sums, in a circuit without chance. Circuits with classical control stay whole.
    """
    if compiled.source is None:
        return None
    saves = [_placed(s.save, compiled) for s in compiled.appended if isinstance(s, SaveStep)]
    if len(saves) != len(compiled.appended):
        return None
    instructions = [*compiled.source.instructions, *saves]
    groups = _groups(instructions, compiled.original_qubits)
    if groups is None:
        return None
    wanted = [i for i in instructions if isinstance(i, Save)]
    if wanted and (depends_on_chance(compiled) or not all(map(_is_product, wanted))):
        return None
    first = _FirstOf(compiled.original_qubits)
    for qubits in groups:
        first.join(qubits)
    if not compiled.branches:  # else outcomes of one would multiply with those of others
        _gather(first, compiled.qubits)
    names = sorted({first.of(q) for q in compiled.qubits})
    if len(names) < 2:
        return None
    masks = {name: 0 for name in names}
    for qubit in compiled.qubits:
        masks[first.of(qubit)] |= 1 << qubit
    # Those not simulated stay in |0> and may be measured: they go with who writes the same bit.
    number_of = {name: number for number, name in enumerate(names)}
    place = {q: number_of.get(first.of(q), 0) for q in range(compiled.original_qubits)}
    strings = {save.label: _strings(save, [*masks.values()]) for save in wanted}
    parts: list[list[Instruction]] = [[] for _ in names]
    for instruction in instructions:
        if isinstance(instruction, Save):
            for part, own in zip(parts, strings[instruction.label][1], strict=True):
                if own:
                    several = ObservableList(tuple(PauliSum.of(string) for string in own))
                    part.append(replace(instruction, observable=several))
        elif isinstance(instruction, Measure | Reset):
            for number, piece in _pieces(instruction, place):
                parts[number].append(piece)
        elif isinstance(instruction, GateOp | ChannelOp | Initialize) and instruction.qubits:
            parts[place[instruction.qubits[0]]].append(instruction)
    circuits = []
    for number, part in enumerate(parts):
        name = f"{compiled.name}, part {number}"
        circuit = Circuit(compiled.original_qubits, compiled.num_clbits, name)
        circuit.instructions = part
        circuits.append(circuit)
    return IndependentParts(tuple(circuits), strings)


def part_seed(seed: int, part: int) -> int:
    """Return the seed of a part: parts draw independent numbers."""
    return int(np.random.SeedSequence([seed, part]).generate_state(1, np.uint64)[0])


class _FirstOf:
    """Disjoint sets of qubits, each named by its first one."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def of(self, qubit: int) -> int:
        above = self._above
        while above[qubit] != qubit:
            above[qubit] = above[above[qubit]]
            qubit = above[qubit]
        return qubit

    def join(self, qubits: Sequence[int]) -> None:
        roots = {self.of(q) for q in qubits}
        least = min(roots, default=0)
        for root in roots:
            self._above[root] = least


def _gather(first: _FirstOf, qubits: Sequence[int]) -> None:
    """Put small groups together: a state of a few more qubits takes less than a run of its own."""
    sizes: dict[int, int] = {}
    for qubit in qubits:
        sizes[first.of(qubit)] = sizes.get(first.of(qubit), 0) + 1
    gathered, size = -1, _TOGETHER
    for name in [name for name in sizes if 2 * sizes[name] <= _TOGETHER]:
        if size + sizes[name] > _TOGETHER:
            gathered, size = name, 0
        first.join((gathered, name))
        size += sizes[name]


def _groups(instructions: Iterable[Instruction], num_qubits: int) -> list[Sequence[int]] | None:
    """Return qubits that belong together, or None if an instruction is of another kind."""
    groups: list[Sequence[int]] = []
    writers: dict[int, list[int]] = {}
    for instruction in instructions:
        match instruction:
            case GateOp(_, qubits) | ChannelOp(_, qubits) | Initialize(_, qubits):
                groups.append(qubits)
            case Measure(qubits, clbits, readout):
                if readout is not None:
                    groups.append(qubits)
                for qubit, clbit in zip(qubits, clbits, strict=True):
                    writers.setdefault(clbit, []).append(qubit)
            case Reset() | Barrier() | Delay() | Save():
                pass
            case _:
                return None
    # A later measurement into the same bit overwrites an earlier one.
    groups += [qubits for qubits in writers.values() if len(set(qubits)) > 1]
    return groups


def _placed(save: Save, compiled: CompiledCircuit) -> Save:
    """Return a save of simulated qubits as one of the circuit's."""
    qubits = dict(enumerate(compiled.qubits))
    observable = save.observable.on(qubits) if save.observable is not None else None
    return replace(save, qubits=tuple(qubits[q] for q in save.qubits), observable=observable)


def _is_product(save: Save) -> bool:
    """Return whether a value is made of the parts' values."""
    if save.kind != "expectation" or save.conditional or save.subtype == "list":
        return False
    observable = save.observable
    if isinstance(observable, ObservableList):
        return all(isinstance(o, PauliSum) for o in observable.observables)
    return isinstance(observable, PauliSum)


def _strings(
    save: Save, masks: Sequence[int]
) -> tuple[Save, tuple[tuple[PauliString, ...], ...], tuple[int, ...]]:
    """Return a save with the strings of each part, in the order they appear."""
    observable = save.observable
    whole = 0
    for mask in masks:
        whole |= mask
    found: list[dict[PauliString, None]] = [{} for _ in masks]
    for one in listed(observable):
        assert isinstance(one, PauliSum)
        for _, string in one.terms:
            for own, mask in zip(found, masks, strict=True):
                if (string.x | string.z) & mask:
                    own[PauliString(string.x & mask, string.z & mask)] = None
    return save, tuple(tuple(own) for own in found), tuple(masks)


def _pieces(
    instruction: Measure | Reset, place: dict[int, int]
) -> Iterable[tuple[int, Instruction]]:
    """Yield what an instruction does in each part it reaches."""
    if isinstance(instruction, Measure) and instruction.readout is not None:
        yield place[instruction.qubits[0]], instruction
        return
    by_part: dict[int, list[int]] = {}
    for position, qubit in enumerate(instruction.qubits):
        by_part.setdefault(place[qubit], []).append(position)
    for number, positions in by_part.items():
        qubits = tuple(instruction.qubits[p] for p in positions)
        if isinstance(instruction, Measure):
            yield number, Measure(qubits, tuple(instruction.clbits[p] for p in positions))
        else:
            yield number, Reset(qubits)

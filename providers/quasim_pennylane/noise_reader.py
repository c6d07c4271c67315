"""PennyLane's noise models as ours: conditions become names of gates and qubits.

Conditions of ``op_eq``, ``op_in``, ``wires_eq``, ``wires_in``, ``meas_eq`` and their ``&``, ``|``,
``^``, ``~`` are worked out to sets: which gates, on which wires. Wire ``q`` is qubit ``q``. Our
models know one kind of measurement, of one qubit: what PennyLane says of expectation values,
samples, counts or probabilities of some wires is said of every measurement of each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from pennylane.noise.conditionals import MeasEq, OpEq, OpIn, WiresEq, WiresIn
from pennylane.tape import make_qscript

from quasim_backend import NoiseModel
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel
from quasim_backend.noise import GateNoise
from quasim_backend.noise.rules import Rule
from quasim_pennylane.channels import channel_of, channel_signature, is_channel, turned
from quasim_pennylane.insertion import is_fixed
from quasim_pennylane.noise_writer import SAMPLED, Inserted, Matches, MeasurementNoise
from quasim_pennylane.operations import gate_names

__all__ = ["read"]

_MAX_PLACES = 10_000
"""Most ordered groups of wires a condition may stand for."""


@dataclass(frozen=True)
class _Clause:
    """Kinds of operators or measurements, and sets of wires; each literal must hold."""

    kinds: frozenset[Any] | None = None
    other_kinds: frozenset[Any] = frozenset()
    wires: tuple[tuple[str, frozenset[Any], bool], ...] = ()

    def also(self, other: _Clause) -> _Clause:
        """Return what holds if both do."""
        kinds = self.kinds if other.kinds is None else other.kinds
        if self.kinds is not None and other.kinds is not None:
            kinds = self.kinds & other.kinds
        return _Clause(kinds, self.other_kinds | other.other_kinds, self.wires + other.wires)

    def places(self, width: int) -> Iterator[tuple[int, ...] | None]:
        """Yield the ordered wires it means, or None for all.

        Raises:
            UnsupportedError: If these are all wires but some, or too many.
        """
        if not self.wires:
            yield None
            return
        bounds = [wires for _, wires, holds in self.wires if holds]
        if not bounds:
            raise UnsupportedError(
                "A condition holds on all wires but some; our rules name the wires they are for. "
                "Write wires_in([...]) with the others."
            )
        among = sorted(frozenset.intersection(*bounds), key=repr)
        if not all(isinstance(w, int) and w >= 0 for w in among):
            raise UnsupportedError(
                f"Wires must be numbers from 0 to become qubits; got {among}. Number them, or give "
                f"the model to the device or to qml.add_noise."
            )
        for count, place in enumerate(permutations(among, width)):
            if count == _MAX_PLACES:
                raise UnsupportedError(
                    f"A condition on {len(among)} wires holds for more than {_MAX_PLACES} orders "
                    f"of {width} of them, each of which would be a rule. Name fewer wires, or give "
                    f"the model to the device or to qml.add_noise."
                )
            found = set(place)
            if all(
                (found == wires if kind == "eq" else found <= wires) == holds
                for kind, wires, holds in self.wires
            ):
                yield place


_Clauses: TypeAlias = list[_Clause]
_Place: TypeAlias = tuple[str, tuple[int, ...] | None]


def read(model: Any) -> NoiseModel:
    """Return a `qml.NoiseModel` as ours.

    Raises:
        UnsupportedError: If a condition or function is none of those described above; it is named.
    """
    rules: list[Rule] = []
    before: list[Rule] = []
    for condition, function in model.model_map.items():
        if isinstance(function, Inserted) and isinstance(condition, Matches):
            earlier = isinstance(function.rule, GateNoise) and function.rule.before
            (before if earlier else rules).append(function.rule)
            continue
        _check_fixed(condition, function)
        rules += _gate_rules(condition, function, model.metadata)
    rules[:0] = reversed(before)  # PennyLane puts each in front of those before it
    for condition, function in model.meas_map.items():
        if isinstance(function, MeasurementNoise):
            rules += [r for r in function.rules if not any(r is known for known in rules)]
            continue
        _check_fixed(condition, function)
        rules += _measurement_rules(condition, function, model.metadata)
    return NoiseModel(tuple(rules))


def _gate_rules(condition: Any, function: Any, metadata: Any) -> Iterator[Rule]:
    known = gate_names()
    found: dict[_Place, Any] = {}
    for clause in _clauses(condition, True):
        if clause.kinds is None:
            raise UnsupportedError(
                f"Condition {condition} holds for all operators but some; our rules name the gates "
                f"they are for. Write op_in([...]) with the others, or give the model to the "
                f"device or to qml.add_noise."
            )
        for kind in clause.kinds - clause.other_kinds:
            if kind not in known:
                name = getattr(kind, "__name__", kind)
                raise UnsupportedError(
                    f"Condition {condition} names {name}, which is no gate of our table. Possible "
                    f"are {', '.join(sorted(k.__name__ for k in known))}."
                )
            for place in clause.places(kind.num_wires):
                found[known[kind], place] = kind
    everywhere = {name for name, place in found if place is None}
    merged: dict[Any, tuple[Channel, list[str], Any, Any]] = {}
    for (name, place), kind in found.items():
        if place is not None and name in everywhere:
            continue
        probe = tuple(range(kind.num_wires)) if place is None else place
        for channel, on, key in _channels(function, probe, place is not None, metadata):
            names = merged.setdefault((key, place), (channel, [], place, on))[1]
            if name not in names:
                names.append(name)
    for channel, names, place, on in merged.values():
        yield GateNoise(channel, tuple(sorted(names)), qubits=place, on=on)


def _measurement_rules(condition: Any, function: Any, metadata: Any) -> Iterator[Rule]:
    places: set[tuple[int, ...] | None] = set()
    for clause in _clauses(condition, True):
        kinds = set(SAMPLED if clause.kinds is None else clause.kinds) - clause.other_kinds
        if not kinds <= set(SAMPLED):
            names = ", ".join(sorted(getattr(k, "__name__", str(k)) for k in kinds - set(SAMPLED)))
            known = ", ".join(sorted(k.__name__ for k in SAMPLED))
            raise UnsupportedError(
                f"Condition {condition} is for {names}, where nothing is read. Measurements with "
                f"noise are {known}."
            )
        if any(kind == "eq" and len(wires) > 1 for kind, wires, _ in clause.wires):
            raise UnsupportedError(
                f"Condition {condition} is for measurements of several wires together; ours are "
                f"of one each. Write wires_in([...])."
            )
        places |= set(clause.places(1))
    for place in sorted(places, key=repr) if None not in places else [None]:
        for channel, _, _ in _channels(function, place or (0,), place is not None, metadata):
            yield GateNoise(channel, ("measure",), qubits=place)


def _channels(
    function: Any, wires: tuple[int, ...], named: bool, metadata: Any
) -> Iterator[tuple[Channel, tuple[int, ...] | None, Any]]:
    """Yield what a function puts on wires: channel, its qubits if not the gate's, its identity.

    A channel on each of several wires is one for each of them.
    """
    probe = SimpleNamespace(wires=qml.wires.Wires(wires))
    inserted = make_qscript(function)(probe, **metadata).operations
    operators = [_turned_channel(op) for op in inserted]
    keys = [key for _, key in operators]
    targets = [op.wires.labels for op in inserted]
    if len(wires) > 1 and len(set(keys)) == 1 and targets == [(w,) for w in wires]:
        yield operators[0][0], None, keys[0]
        return
    for (channel, key), target in zip(operators, targets, strict=True):
        if target == wires:
            yield channel, None, key
        elif named:
            yield channel, tuple(target), (key, target)
        else:
            raise UnsupportedError(
                f"{getattr(function, '__name__', function)} acts on a part of the gate's wires; "
                f"give the wires in the condition, with wires_eq or wires_in."
            )


def _turned_channel(op: Any) -> tuple[Channel, Any]:
    """Return an operator as a channel, its first wire the lowest bit, and its identity."""
    if is_channel(op):
        channel = channel_of(op)
        key = (channel_signature(op)[0], *channel_signature(op)[2:])  # type: ignore[index]
    else:
        matrix = np.asarray(qml.matrix(op, wire_order=op.wires), np.complex128)
        channel = Channel.mixture([1.0], [matrix], op.name)
        key = (op.name, matrix.tobytes())
    operators = tuple(np.ascontiguousarray(turned(k)) for k in channel.operators)
    return Channel(operators, channel.probabilities, channel.name), key


def _clauses(condition: Any, holds: bool) -> _Clauses:
    """Return a condition, or its opposite, as clauses of which one must hold."""
    if isinstance(condition, OpEq | OpIn):
        operands = condition.condition
        made = (op for op in condition._cond if not isinstance(op, type | str))
        if any(getattr(op, "arithmetic_depth", 0) for op in made) or (
            isinstance(condition, OpEq) and len(operands) != 1
        ):
            raise UnsupportedError(
                f"Condition {condition} is for operators made of others, such as products and "
                f"sums; our rules name single gates. Name these, or give the model to the device "
                f"or to qml.add_noise."
            )
        return _of_kinds(operands, holds)
    if isinstance(condition, MeasEq):
        return _of_kinds(
            (k if isinstance(k, type) else type(k) for k in condition.condition), holds
        )
    if isinstance(condition, WiresEq | WiresIn):
        kind = "eq" if isinstance(condition, WiresEq) else "in"
        return [_Clause(wires=((kind, frozenset(condition.condition), holds),))]
    parts: tuple[Any, ...] = getattr(condition, "operands", ())
    name = type(condition).__name__
    if name == "Not":
        return _clauses(parts[0], not holds)
    if name == "Xor":
        a, b = parts
        return [
            x.also(y)
            for first, second in ((True, not holds), (False, holds))
            for x in _clauses(a, first)
            for y in _clauses(b, second)
        ]
    if name not in ("And", "Or"):
        raise UnsupportedError(
            f"Condition {condition} is none of op_eq, op_in, wires_eq, wires_in, meas_eq and "
            f"their &, |, ^, ~; give the model to the device or to qml.add_noise."
        )
    sides = [_clauses(part, holds) for part in parts]
    if (name == "And") == holds:
        return [x.also(y) for x in sides[0] for y in sides[1]]
    return [*sides[0], *sides[1]]


def _of_kinds(kinds: Iterable[Any], holds: bool) -> _Clauses:
    found = frozenset(kinds)
    return [_Clause(kinds=found) if holds else _Clause(other_kinds=found)]


def _check_fixed(condition: Any, function: Any) -> None:
    if not is_fixed(function):
        raise UnsupportedError(
            f"The function {getattr(function, '__name__', function)} of condition {condition} may "
            f"look at the operator. Make it with qml.noise.partial_wires, or give the model to the "
            f"device or to qml.add_noise."
        )

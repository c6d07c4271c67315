"""PennyLane's own noise models on a device: put into tapes as `qml.noise.add_noise` does.

Conditions see operators as the user wrote them, templates opened. For operators whose class and
wires decide everything, what is inserted is found once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pennylane as qml
from pennylane.devices.preprocess import decompose
from pennylane.exceptions import DecompositionUndefinedError
from pennylane.noise.conditionals import OpEq, OpIn, WiresEq, WiresIn
from pennylane.tape import QuantumScript, make_qscript
from pennylane.transforms import transform

__all__ = ["Insertion", "insert", "is_fixed", "open_templates"]

_CACHED = 4096
"""Operators on wires whose noise is remembered."""

_Around = tuple[list[Any], list[Any]]
"""Operators before and after."""


class Insertion:
    """A `qml.NoiseModel`, with what it does to operators that were seen before."""

    def __init__(self, model: Any) -> None:
        """Take a model; what it says now is read at once and counts from now on."""
        self._rules = [
            (condition, make_qscript(function)) for condition, function in model.model_map.items()
        ]
        self._metadata = dict(model.metadata)
        self._at_measurements = (
            qml.NoiseModel({}, dict(model.meas_map), **model.metadata) if model.meas_map else None
        )
        self._keeps = all(map(is_fixed, model.model_map.values())) and all(
            map(_sees_class_and_wires, model.model_map)
        )
        self._known: dict[Hashable, _Around] = {}

    def __call__(self, tape: QuantumScript) -> tuple[Any, Callable[[Any], Any]]:
        """Return tapes with the noise in them, and what joins their results."""
        operations: list[Any] = []
        for op in _opened(tape).operations:
            before, after = self._around(op)
            operations += [*before, op, *after]
        noisy = tape.copy(operations=operations)
        if self._at_measurements is None:
            return (noisy,), _first
        tapes, join = qml.noise.add_noise(noisy, self._at_measurements, level="top")
        return tapes, join

    def _around(self, op: Any) -> _Around:
        if not self._keeps or op.arithmetic_depth or isinstance(op, qml.ops.MidMeasure):
            return self._search(op)
        key = (type(op), op.wires.labels)
        found = self._known.get(key)
        if found is None:
            found = self._search(op)
            if len(self._known) < _CACHED:
                self._known[key] = found
        return found

    def _search(self, op: Any) -> _Around:
        before: list[Any] = []
        after: list[Any] = []
        for condition, function in self._rules:
            if condition(op):
                noise = function(op, **self._metadata).operations
                # A function that lists the operator itself says what comes before it.
                place = next((i for i, o in enumerate(noise) if qml.equal(op, o)), None)
                if place is None:
                    after += noise
                else:
                    before = [*noise[:place], *before]
                    after = [*after, *noise[place + 1 :]]
        return before, after


def is_fixed(function: Any) -> bool:
    """Return whether what a function inserts depends on nothing but the operator's wires."""
    made_by = getattr(function, "__qualname__", "") == "partial_wires.<locals>._partial"
    return made_by or bool(getattr(function, "depends_on_wires_only", False))


def _sees_class_and_wires(condition: Any) -> bool:
    """Return whether a condition depends on nothing but an operator's class and wires."""
    operands = getattr(condition, "operands", None)
    if operands is not None:
        return all(map(_sees_class_and_wires, operands))
    return isinstance(condition, OpEq | OpIn | WiresEq | WiresIn)


@transform
def insert(tape: QuantumScript, insertion: Insertion) -> Any:
    """Put a noise model into a tape."""
    return insertion(tape)


@transform
def open_templates(tape: QuantumScript) -> Any:
    """Decompose templates and adjoints, in whose gates noise models are interested."""
    return (_opened(tape),), _first


def _opened(tape: QuantumScript) -> QuantumScript:
    if not any(_is_template(op) for op in tape.operations):
        return tape
    (opened,), _ = decompose(
        tape,
        stopping_condition=lambda op: not _is_template(op),
        name="the noise model",
        error=DecompositionUndefinedError,
    )
    return opened


def _is_template(op: Any) -> bool:
    if not isinstance(op, qml.operation.Operator) or not op.has_decomposition:
        return False
    return hasattr(qml.templates, op.name) or isinstance(op, qml.ops.Adjoint)


def _first(results: Any) -> Any:
    return results[0]

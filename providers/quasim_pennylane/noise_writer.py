"""Our noise models as PennyLane's.

A rule for named gates of one width becomes ``op_in`` (and ``wires_eq``) with a `QubitChannel`; any
other one a condition of its own class. Wire ``q`` is qubit ``q``. What happens at measurements goes
into ``meas_map``, readout errors as channels; PennyLane puts these before the gates that turn an
observable, so only measurements in the computational basis get them, others are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import (
    CountsMP,
    ExpectationMP,
    ProbabilityMP,
    SampleMP,
    VarianceMP,
)

from quasim_backend import NoiseModel
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel
from quasim_backend.noise import (
    GateNoise,
    MomentNoise,
    ReadoutNoise,
    Relaxation,
    thermal_relaxation,
)
from quasim_backend.noise.rules import Rule
from quasim_pennylane.channels import operator_of
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.operations import classes_of, operations_of
from quasim_pennylane.translate import Places

__all__ = ["SAMPLED", "Inserted", "Matches", "MeasurementNoise", "write"]

SAMPLED = (ExpectationMP, VarianceMP, ProbabilityMP, SampleMP, CountsMP)
"""Measurements that an experiment makes; the others look at the state."""


class Matches(qml.BooleanFn):
    """Whether a rule of a model acts on an operator."""

    def __init__(self, rule: GateNoise | Relaxation, model: NoiseModel) -> None:
        """Take a rule and the model that it is part of."""
        self.rule = rule
        self.condition = rule
        self._model = model
        super().__init__(self._holds, f"Matches({type(rule).__name__})")

    def _holds(self, op: Any) -> bool:
        if not isinstance(op, qml.operation.Operator):
            return False
        return any(_acts(self.rule, operation, self._model) for operation in operations_of(op))


class Inserted:
    """What a rule puts around an operator.

    Attributes:
        rule: The rule.
        depends_on_wires_only: Nothing else of the operator is looked at.
    """

    depends_on_wires_only = True

    def __init__(self, rule: GateNoise | Relaxation, model: NoiseModel) -> None:
        """Take a rule and the model that it is part of."""
        self.rule = rule
        self.__name__ = getattr(getattr(rule, "channel", None), "name", "relaxation")
        self._model = model

    def __call__(self, op: Any, **metadata: Any) -> None:
        """Queue the channels, and the operator itself where they come before it."""
        operation = next(o for o in operations_of(op) if _acts(self.rule, o, self._model))
        name, _, wires = operation
        placed: list[tuple[Channel, tuple[Any, ...]]]
        if isinstance(self.rule, Relaxation):
            rule = self.rule
            seconds = rule.seconds(name, len(wires))
            channel = thermal_relaxation(rule.t1, rule.t2, seconds, rule.excited)
            placed = [(channel, (w,)) for w in wires if rule.qubits is None or w in rule.qubits]
        elif self.rule.on is not None:
            placed = [(self.rule.channel, self.rule.on)]
        elif self.rule.channel.num_qubits == len(wires):
            placed = [(self.rule.channel, wires)]
        elif self.rule.channel.num_qubits == 1:
            placed = [(self.rule.channel, (w,)) for w in wires]
        else:
            placed = []
        for channel, target in placed:
            operator_of(channel, target)
        if name == "measure" or getattr(self.rule, "before", False):
            qml.apply(op)


class MeasurementNoise:
    """The noise of measurements of the computational basis; a condition's function.

    Attributes:
        rules: The rules for measurements.
    """

    depends_on_wires_only = True
    __name__ = "MeasurementNoise"

    def __init__(self, rules: tuple[Rule, ...], model: NoiseModel) -> None:
        """Take the rules for measurements and the model they are part of."""
        self.rules = rules
        self._noise = DeviceNoise(model, None)

    def __call__(self, mp: Any, **metadata: Any) -> None:
        """Queue a channel for each wire.

        Raises:
            UnsupportedError: If the measurement names no wires, or has another basis.
        """
        if not mp.wires:
            raise UnsupportedError(
                f"{mp} names no wires, and PennyLane's noise models see no others. Name them, as "
                f"in qml.probs(wires=[0, 1])."
            )
        sentence = None if mp.obs is None else mp.obs.pauli_rep
        if mp.obs is not None and (
            sentence is None or not all(set(word.values()) <= {"Z"} for word in sentence)
        ):
            raise UnsupportedError(
                f"PennyLane's noise models put readout errors before the gates that turn {mp.obs} "
                f"to Z, where they mean something else. Turn it yourself and measure Z, or give "
                f"the model to a QuASIM device: noise_model=..."
            )
        places = Places(mp.wires.labels)
        at = self._noise.readout(places)
        for place, wire in enumerate(places.order):
            if at is not None:
                with qml.QueuingManager.stop_recording():
                    channel = at(place)
                if channel.name != "Identity":
                    qml.QubitChannel(channel.data, wires=wire)


def write(model: NoiseModel) -> Any:
    """Return a model as a `qml.NoiseModel`.

    Raises:
        UnsupportedError: If noise depends on moments or waiting, which PennyLane's tapes lack.
    """
    gates: dict[Any, Any] = {}
    before: dict[Any, Any] = {}
    relaxation: dict[Any, Any] = {}
    at_measurements: list[Rule] = []
    for rule in model.rules:
        if isinstance(rule, MomentNoise) or (isinstance(rule, Relaxation) and rule.idle):
            raise UnsupportedError(
                "A qml.NoiseModel sees one operator at a time, so it has no noise after every "
                "moment or on waiting qubits. Give the model to a QuASIM device instead: "
                "qml.device('quasim.cpu', noise_model=...)."
            )
        if isinstance(rule, ReadoutNoise):
            at_measurements.append(rule)
        elif isinstance(rule, Relaxation):
            if not rule.delays_only:  # tapes have no delays
                relaxation[Matches(rule, model)] = Inserted(rule, model)
            if not rule.delays_only and rule.seconds("measure", 1) > 0:
                at_measurements.append(rule)
        else:
            if "measure" in rule.gates:
                at_measurements.append(rule)
            condition, function = _native(rule) or (Matches(rule, model), Inserted(rule, model))
            (before if rule.before else gates)[condition] = function
    meas_map = None
    if at_measurements:
        kinds = qml.BooleanFn(lambda mp: isinstance(mp, SAMPLED), "measured")
        meas_map = {kinds: MeasurementNoise(tuple(at_measurements), model)}
    # PennyLane puts what comes before an operator in front of what is there already.
    last_first = dict(reversed(before.items()))
    return qml.NoiseModel({**last_first, **gates, **relaxation}, meas_map=meas_map)


def _native(rule: GateNoise) -> tuple[Any, Any] | None:
    """Return condition and function in PennyLane's own words, or None."""
    kinds = [classes_of(name) for name in rule.gates]
    plain = not (rule.labels or rule.on or rule.before or rule.fallback)
    if not plain or not kinds or not all(kinds):
        return None
    classes = [kind for found in kinds for kind in found]
    width = rule.channel.num_qubits
    if any(kind.num_wires != width for kind in classes) or rule.num_qubits not in (None, width):
        return None
    if rule.qubits is not None and len(rule.qubits) > 1:
        return None  # wires_eq knows no order
    condition = qml.noise.op_in(classes)
    if rule.qubits is not None:
        condition &= qml.noise.wires_eq(rule.qubits[0])
    operators = [np.array(k) for k in operator_of(rule.channel, range(width)).data]
    return condition, qml.noise.partial_wires(qml.QubitChannel, operators)


def _acts(
    rule: Rule, operation: tuple[Any, str | None, tuple[Any, ...]], model: NoiseModel
) -> bool:
    if isinstance(rule, Relaxation):
        name, _, wires = operation
        mine = rule.qubits is None or any(w in rule.qubits for w in wires)
        return mine and rule.seconds(name, len(wires)) > 0
    return any(found is rule for found in model.placement.matching(operation))

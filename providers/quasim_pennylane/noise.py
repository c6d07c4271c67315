"""The noise of a device: a model put on wires, among gates and at measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError

from quasim_backend import NoiseModel
from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.instructions import ChannelOp, Instruction, Measure
from quasim_backend.noise import GateNoise, ReadoutNoise, composed, renumbered
from quasim_backend.noise.renumber import named_qubits
from quasim_pennylane.channels import operator_of
from quasim_pennylane.translate import Places

__all__ = ["DeviceNoise", "with_readout"]


class DeviceNoise:
    """A noise model whose qubit ``q`` is the device's wire number ``q``.

    Gates that diagonalise an observable are no part of the circuit and stay without noise, as on
    ``default.mixed``; what the model says of measurements acts after them.
    """

    def __init__(self, model: NoiseModel, wires: Any) -> None:
        """Take a model and the device's wires; without wires, their labels must be numbers."""
        self.model = model
        self._number = None if wires is None else {w: i for i, w in enumerate(wires.labels)}
        self._on = lru_cache(maxsize=64)(self._renumbered)
        self.measurements = lru_cache(maxsize=256)(self._measurements)

    def among(self, circuit: Circuit, places: Places) -> Circuit:
        """Return a circuit with the noise of its operations in it."""
        return self._on(places).applied(circuit)

    def _renumbered(self, places: Places) -> NoiseModel:
        if not named_qubits(self.model):
            return self.model
        number_of: dict[int, int] = {}
        for wire, qubit in zip(places.order, places.qubits(places.order), strict=True):
            place = wire if self._number is None else self._number[wire]
            if not isinstance(place, int):
                raise DeviceError(
                    f"The noise model names qubits {sorted(named_qubits(self.model))}, but wire "
                    f"{wire!r} has no number. Give the device its wires: wires=[...]."
                )
            number_of[place] = qubit
        return renumbered(self.model, number_of)

    def _measurements(self, places: Places, first_bit: int) -> tuple[Instruction, ...]:
        """Return the noisy measurement of every qubit ``q`` into bit ``first_bit + q``."""
        width = places.num_qubits
        model = self._on(places)
        circuit = Circuit(width, first_bit + width)
        left = list(range(width))
        for group in _joint(model):
            if set(group) <= set(left):
                circuit.measure(group, [first_bit + q for q in group])
                left = [q for q in left if q not in group]
        for qubit in left:
            circuit.measure(qubit, first_bit + qubit)
        return tuple(model.applied(circuit).instructions)

    def readout(self, places: Places) -> Callable[[Any], Any] | None:
        """Return the channel of a wire's measurement as a function of its place, or None.

        What happens before the measurement comes first, then the confusion matrix as the channel
        with operators ``sqrt(matrix[true, read]) |read><true|``: the same distribution.

        Raises:
            DeviceError: If the noise of measurements joins several qubits.
        """
        before: dict[int, list[Channel]] = {}
        measured: set[int] = set()
        for instruction in self.measurements(places, 0):
            if not isinstance(instruction, ChannelOp | Measure):
                continue
            if measured.issuperset(instruction.qubits):
                continue  # what happens to a qubit after its measurement is not seen
            if isinstance(instruction, ChannelOp):
                found = [instruction.channel]
            else:
                measured.update(instruction.qubits)
                if instruction.readout is None:
                    continue
                found = [_confusion(instruction.readout.matrix)]
            if len(instruction.qubits) > 1:
                raise DeviceError(
                    f"Noise that joins the measurements of qubits {instruction.qubits} is not "
                    f"computed exactly on this device; set shots (qml.set_shots)."
                )
            before.setdefault(instruction.qubits[0], []).extend(found)
        if not before:
            return None
        width = places.num_qubits
        channels = {width - 1 - q: composed(*found) for q, found in before.items()}

        def at(wire: int) -> Any:
            channel = channels.get(wire)
            return qml.Identity(wire) if channel is None else operator_of(channel, [wire])

        return at


def with_readout(model: NoiseModel | None, readout: Any, wires: Any) -> NoiseModel | None:
    """Add readout errors to a model.

    Args:
        model: None for none.
        readout: The probability to read a bit wrong, a matrix ``[true, read]`` ``(2, 2)``, a
            mapping from wires to these, or None.
        wires: The device's wires, or None.

    Raises:
        DeviceError: If a value is impossible or a wire unknown.
    """
    if readout is None:
        return model
    model = model or NoiseModel()
    try:
        if not isinstance(readout, Mapping):
            return model.readout(_checked(readout))
        for wire, error in readout.items():
            place = wire if wires is None else wires.index(wire)
            model = model.readout(_checked(error), place)
    except (QuasimError, qml.exceptions.WireError) as cause:
        raise DeviceError(f"readout={readout!r} is not possible: {cause}") from cause
    return model


def _checked(error: Any) -> Any:
    if np.ndim(error) == 0 and not 0 <= float(error) <= 1:
        raise DeviceError(f"A readout error must be a probability in [0, 1]; got {error!r}.")
    return error


def _joint(model: NoiseModel) -> Iterator[tuple[int, ...]]:
    """Yield the groups of qubits whose measurement together has noise of its own."""
    for rule in model.rules:
        joins = isinstance(rule, ReadoutNoise) or (
            isinstance(rule, GateNoise) and "measure" in rule.gates
        )
        if joins and rule.qubits is not None and len(rule.qubits) > 1:
            yield rule.qubits


def _confusion(matrix: Any) -> Channel:
    operators = []
    for true, read in zip(*np.nonzero(matrix), strict=True):
        operator = np.zeros(matrix.shape, complex)
        operator[read, true] = np.sqrt(matrix[true, read])
        operators.append(operator)
    return Channel.kraus(operators, "readout")

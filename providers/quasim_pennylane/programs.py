"""Compiled circuits of a device, recognised by structure, and the values they run with.

A tape is cut where the state is projected (postselection after deferred measurements): each part is
a compiled circuit, a projection lies between two parts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.exceptions import DeviceError

from quasim_backend import CompiledCircuit, Runtime
from quasim_backend.ir import Circuit, Parameter
from quasim_backend.ir.instructions import ChannelOp
from quasim_pennylane.channels import is_channel
from quasim_pennylane.conditions import McmTable, append_conditional, append_measurement
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.translate import (
    Places,
    append_operator,
    has_rule,
    parameters_for,
    signature,
)

__all__ = ["Part", "Prepared", "ProgramCache", "places_of"]

_CACHED = 64
"""Circuit structures a device remembers."""


@dataclass(eq=False)
class Program:
    """A translated circuit.

    Attributes:
        circuit: Its parameters are ``p0``, ``p1``, ...
        order: For each parameter of the compiled circuit, its place among the values.
        random: Whether the circuit measures or has channels.
    """

    circuit: Circuit
    order: NDArray[np.intp]
    random: bool
    compiled: CompiledCircuit | None = None

    def ready(self, runtime: Runtime, *, from_zero: bool) -> Circuit | CompiledCircuit:
        """Return what the runtime takes: compiled if it starts in ``|0...0>``."""
        if not from_zero:
            return self.circuit
        if self.compiled is None:
            self.compiled = runtime.compile(self.circuit, keep_idle=True)
        return self.compiled


@dataclass(eq=False)
class Part:
    """A program with the values of one tape; each value a number or one number a batch entry."""

    program: Program
    values: list[Any]
    slots: list[int]

    def vector(self, entry: int | None) -> NDArray[np.float64]:
        """Return the parameter vector, of one entry of a batch."""
        if entry is None:
            numbers = np.array([_real(v) for v in self.values], np.float64)
        else:
            rows = [np.atleast_1d(np.asarray(_real(v), np.float64)) for v in self.values]
            numbers = np.array([row[entry if len(row) > 1 else 0] for row in rows], np.float64)
        vector: NDArray[np.float64] = numbers[self.program.order]
        return vector


@dataclass(eq=False)
class Prepared:
    """A tape made ready to run.

    Attributes:
        places: Qubits of its wires.
        start: The state preparation it begins with, if its amplitudes are data.
        parts: Programs with their values.
        projections: What lies between the parts, one fewer.
        mcms: The tape's mid-circuit measurements.
    """

    places: Places
    start: Any
    parts: list[Part]
    projections: list[Any] = field(default_factory=list)
    mcms: McmTable = field(default_factory=McmTable)

    @property
    def random(self) -> bool:
        """Whether outcomes of measurements or channels decide the state."""
        return any(part.program.random for part in self.parts)

    def initial_state(self, entry: int | None) -> NDArray[np.complex128] | None:
        """Return the amplitudes to start from, of one entry of a batch; None for ``|0...0>``."""
        if self.start is None:
            return None
        state = self.start.state_vector(wire_order=qml.wires.Wires(self.places.order))
        if hasattr(state, "toarray"):
            state = state.toarray()
        flat = np.asarray(state, np.complex128).reshape(-1, 1 << self.places.num_qubits)
        row: NDArray[np.complex128] = flat[entry if entry is not None and len(flat) > 1 else 0]
        return row


class ProgramCache:
    """Prepares tapes and remembers the structures it has seen."""

    def __init__(self, noise: DeviceNoise | None = None) -> None:
        """Start empty; ``noise`` is put into every tape that is prepared."""
        self._noise = noise
        self._programs: OrderedDict[Hashable, Program] = OrderedDict()

    def prepare(self, operations: Sequence[Any], places: Places) -> Prepared:
        """Make the operations of a tape ready to run.

        Raises:
            DeviceError: If an operator cannot be simulated; the message names it.
        """
        start = None
        first = 0
        if operations and isinstance(operations[0], qml.operation.StatePrepBase):
            start = operations[0]
            first = 1
        offset = len(start.data) if start is not None else 0
        builder = _Builder(places, offset, self._noise)
        # With noise a preparation is no gate that a rule could mean.
        if isinstance(start, qml.BasisState) and self._noise is None:
            builder.basis_state(start)
            start = None
        for op in operations[first:]:
            builder.add(op)
        builder.cut()
        parts = [
            Part(self._program(key, make), values, slots)
            for key, make, values, slots in builder.parts
        ]
        return Prepared(places, start, parts, builder.projections, builder.mcms)

    def fixed(self, gates: Sequence[Any], places: Places) -> Circuit:
        """Return gates as a circuit with their numbers in it, the same object for equal gates."""
        keys: list[Hashable] = []
        for op in gates:
            values: list[Any] = []
            keys.append(signature(op, values, [], 0))
            keys.append(tuple(float(_real(v)) for v in values))

        def make() -> Program:
            circuit = Circuit(places.num_qubits)
            with qml.QueuingManager.stop_recording():
                for op in gates:
                    append_operator(circuit, op, places)
            return Program(circuit, np.zeros(0, np.intp), random=False)

        return self._program(("fixed", places.order, tuple(keys)), make).circuit

    def _program(self, key: Hashable, make: Callable[[], Program]) -> Program:
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = make()
            if len(self._programs) > _CACHED:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return found


class _Builder:
    """Collects signatures and values; circuits are only made for structures that are new."""

    def __init__(self, places: Places, first_slot: int, noise: DeviceNoise | None) -> None:
        self.places = places
        self._noise = noise
        self.parts: list[tuple[Hashable, Callable[[], Program], list[Any], list[int]]] = []
        self.projections: list[Any] = []
        self.mcms = McmTable()
        self._slot = first_slot
        self._begin()

    def _begin(self) -> None:
        self._keys: list[Hashable] = []
        self._ops: list[Any] = []
        self._values: list[Any] = []
        self._slots: list[int] = []

    def basis_state(self, op: Any) -> None:
        """Add the X gates that prepare a basis state of the first wires' values."""
        bits = np.asarray(op.data[0]).astype(int).ravel().tolist()
        for wire, value in zip(op.wires.labels, bits, strict=True):
            if value:
                self._append(qml.X(wire), ("PauliX", (wire,)))

    def add(self, op: Any) -> None:
        """Add one operator of the tape."""
        base = op.base if isinstance(op, qml.ops.Conditional) else op
        if isinstance(op, qml.Projector):
            self.cut()
            self.projections.append(op)
        elif isinstance(op, qml.ops.MidMeasure):
            bit = self.mcms.add(op)
            self._append(op, ("measure", op.wires.labels, op.reset, bit))
        elif not is_channel(base) and _is_unknown(base):
            raise DeviceError(
                f"Operator {base} is not supported on this device: it has neither a rule nor a "
                f"matrix. Decompose it first (qml.decompose)."
            )
        else:
            key = signature(base, self._values, self._slots, self._slot)
            if base is not op:
                key = ("if", self.mcms.condition(op.meas_val), key)
            self._append(op, key)
        self._slot += len(op.data)

    def _append(self, op: Any, key: Hashable) -> None:
        self._ops.append(op)
        self._keys.append(key)

    def cut(self) -> None:
        """End the part."""
        key = (self.places.order, tuple(self._keys))
        ops, places, mcms, noise = self._ops, self.places, self.mcms, self._noise

        def make() -> Program:
            return _translate(ops, places, mcms, noise)

        self.parts.append((key, make, self._values, self._slots))
        self._begin()


def _is_unknown(op: Any) -> bool:
    return not (has_rule(op) or op.has_matrix)


def _translate(
    ops: Sequence[Any], places: Places, mcms: McmTable, noise: DeviceNoise | None
) -> Program:
    """Translate the operators of one part, their parameters symbolic."""
    with qml.QueuingManager.stop_recording():
        circuit = Circuit(places.num_qubits, len(mcms))
        used = 0
        random = False
        for op in ops:
            if isinstance(op, qml.ops.MidMeasure):
                append_measurement(circuit, op, places, mcms)
                random = True
                continue
            base = op.base if isinstance(op, qml.ops.Conditional) else op
            symbols: Sequence[Parameter] | None = None
            if has_rule(base):
                count = len(base.data)
                symbols = parameters_for(used + count)[used:]
                used += count
            if base is not op:
                append_conditional(circuit, op, symbols, places, mcms)
            else:
                random |= is_channel(op)
                append_operator(circuit, op, places, symbols)
        if noise is not None:
            circuit = noise.among(circuit, places)
            random |= any(isinstance(i, ChannelOp) for i in circuit.instructions)
    order = [int(p.name[1:]) for p in circuit.parameters]
    return Program(circuit, np.array(order, np.intp), random)


def places_of(tape: Any) -> Places:
    """Return the places of a tape's wires.

    Wires that are the numbers ``0..n-1`` keep their order; others come in the order in which the
    operations, then the measurements, name them.
    """
    wires = tape.wires.labels
    if set(wires) == set(range(len(wires))):
        return Places(tuple(range(len(wires))))
    operated = qml.wires.Wires.all_wires([op.wires for op in tape.operations])
    return Places((*operated.labels, *(w for w in wires if w not in operated)))


def _real(value: Any) -> Any:
    """Return a parameter as NumPy holds it; a zero imaginary part is dropped."""
    array = value if isinstance(value, float) else np.asarray(value)
    if np.iscomplexobj(array):
        if np.any(np.imag(array)):
            raise DeviceError(f"The angle of a gate must be real; got {value}.")
        return np.real(array)
    return array

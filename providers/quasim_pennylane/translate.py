"""PennyLane operators to IR circuits. Bit order is converted here and nowhere else.

PennyLane's first wire is the most significant bit of a state's index. Wire ``i`` of ``n`` becomes
qubit ``n - 1 - i``, so a little-endian state of ours, read as it lies in memory, is PennyLane's.

A circuit is recognised by its structure (`signature`), which parameter values are no part of.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError

from quasim_backend.ir import Circuit, Gate, Parameter
from quasim_pennylane.channels import channel_of, channel_signature, is_channel
from quasim_pennylane.gates import (
    EXCITATIONS,
    ROWS,
    Placed,
    excitation,
    pauli_rotation,
    projected_phase,
)

__all__ = ["Places", "append_operator", "has_rule", "lower", "signature"]

_NAMED = frozenset(ROWS) | frozenset(EXCITATIONS)
_ROTATIONS = frozenset(
    {"RX", "RY", "RZ", "PhaseShift", "U1", "IsingXX", "IsingYY", "IsingZZ", "IsingXY", "MultiRZ"}
    | {"PauliRot", "GlobalPhase", "CRX", "CRY", "CRZ", "ControlledPhaseShift", "PCPhase"}
    | {"CPhaseShift00", "CPhaseShift01", "CPhaseShift10"}
    | frozenset(EXCITATIONS)
)
"""Operators whose power is the same operator with its angle multiplied."""

_MATRIX_WIRES = 6
"""Widest operator without a rule of its own that runs as a matrix; wider ones are decomposed."""


@dataclass(frozen=True)
class Places:
    """Qubits of wires: the order of the wires, first one most significant."""

    order: tuple[Hashable, ...]

    def __post_init__(self) -> None:
        """Number the wires."""
        highest = len(self.order) - 1
        table = {wire: highest - i for i, wire in enumerate(self.order)}
        object.__setattr__(self, "table", table)

    @property
    def num_qubits(self) -> int:
        """Number of wires."""
        return len(self.order)

    def qubits(self, wires: Iterable[Hashable]) -> tuple[int, ...]:
        """Return the qubit of each wire."""
        table: Mapping[Hashable, int] = self.table  # type: ignore[attr-defined]
        return tuple(table[w] for w in wires)

    def lowest_first(self, wires: Sequence[Hashable]) -> tuple[int, ...]:
        """Return the qubits of wires whose first is the most significant, lowest bit first."""
        return self.qubits(wires)[::-1]


def has_rule(op: Any) -> bool:
    """Return whether an operator is translated gate by gate, differentiable in its parameters."""
    if op.name in _NAMED or isinstance(op, qml.PauliRot | qml.PCPhase):
        return True
    if isinstance(op, qml.ops.Controlled | qml.ops.Adjoint):
        return has_rule(op.base)
    if isinstance(op, qml.ops.Pow):
        if not has_rule(op.base) or not _is_number(op.z):
            return False
        return op.base.name in _ROTATIONS or float(op.z).is_integer()
    return False


def runs_as_matrix(op: Any) -> bool:
    """Return whether an operator without a rule is simulated by its matrix."""
    if isinstance(op, qml.QubitUnitary | qml.DiagonalQubitUnitary):
        return True
    return bool(op.has_matrix) and len(op.wires) <= _MATRIX_WIRES


def signature(op: Any, values: list[Any], slots: list[int], first: int) -> Hashable:
    """Return what an operator is, without the values of its parameters, to recognise it.

    Args:
        op: The operator.
        values: The parameters that stay symbolic are added here.
        slots: Their numbers among the tape's parameters are added here.
        first: Number of the operator's first parameter.
    """
    if not has_rule(op):
        return _data_signature(op)
    values.extend(op.data)
    slots.extend(range(first, first + len(op.data)))
    return _structure(op)


def _structure(op: Any) -> Hashable:
    name = op.name
    if name in _NAMED:
        return (name, op.wires.labels)
    if isinstance(op, qml.PauliRot):
        return (name, op.wires.labels, op.hyperparameters["pauli_word"])
    if isinstance(op, qml.PCPhase):
        return (name, op.wires.labels, _dimension(op))
    if isinstance(op, qml.ops.Controlled):
        values = tuple(bool(v) for v in op.control_values)
        return ("C", op.control_wires.labels, values, _structure(op.base))
    if isinstance(op, qml.ops.Pow):
        return ("Pow", float(op.z), _structure(op.base))
    return ("Adjoint", _structure(op.base))


def _data_signature(op: Any) -> Hashable:
    """Identify an operator by its numbers: they are part of what is compiled."""
    if is_channel(op):
        return channel_signature(op)
    if isinstance(op, qml.DiagonalQubitUnitary):
        return (op.name, op.wires.labels, np.asarray(op.data[0], np.complex128).tobytes())
    matrix = np.asarray(op.matrix(wire_order=op.wires), np.complex128)
    return ("matrix", op.wires.labels, matrix.tobytes())


def append_operator(
    circuit: Circuit, op: Any, places: Places, parameters: Sequence[Any] | None = None
) -> None:
    """Append an operator to a circuit.

    Args:
        circuit: Changed.
        op: A gate, channel or anything with a matrix.
        places: Qubits of the wires.
        parameters: IR angles in the place of the operator's parameters; default: its own numbers.

    Raises:
        DeviceError: If the operator has neither a rule nor a matrix.
    """
    if is_channel(op):
        circuit.channel(channel_of(op), places.lowest_first(op.wires.labels))
        return
    if not has_rule(op):
        circuit.append(*_fixed(op, places))
        return
    angles = list(op.data) if parameters is None else list(parameters)
    qubits = places.qubits(op.wires.labels)
    for gate, wires in lower(op, angles):
        circuit.append(gate, [qubits[w] for w in wires])


def _fixed(op: Any, places: Places) -> tuple[Gate, tuple[int, ...]]:
    qubits = places.lowest_first(op.wires.labels)
    if isinstance(op, qml.DiagonalQubitUnitary):
        return Gate.diagonal(np.asarray(op.data[0])), qubits
    if not op.has_matrix:
        raise DeviceError(
            f"Operator {op} has neither a rule nor a matrix on this device. Decompose it first "
            f"(qml.decompose), or give its class compute_matrix or compute_decomposition."
        )
    matrix = np.asarray(op.matrix(wire_order=op.wires), np.complex128)
    # PennyLane does not insist on unitarity, and single-precision matrices miss our tolerance.
    return Gate.unitary(matrix, check=False, label=op.name), qubits


def lower(op: Any, params: Sequence[Any]) -> list[Placed]:
    """Return an operator with a rule as gates on its own wires, numbered in its own order."""
    name, width = op.name, len(op.wires)
    row = ROWS.get(name)
    if row is not None:
        return row(params, width)
    if name in EXCITATIONS:
        return excitation(name, params[0])
    if isinstance(op, qml.PauliRot):
        return pauli_rotation(op.hyperparameters["pauli_word"], params[0])
    if isinstance(op, qml.PCPhase):
        return projected_phase(params[0], _dimension(op), width)
    if isinstance(op, qml.ops.Controlled):
        return _controlled(op, lower(op.base, params))
    if isinstance(op, qml.ops.Adjoint):
        return _on_base_wires(op, _inverse(lower(op.base, params)))
    exponent = float(op.z)
    if op.base.name in _ROTATIONS:
        return _on_base_wires(op, lower(op.base, [p * exponent for p in params]))
    placed = lower(op.base, params)
    return _on_base_wires(op, (placed if exponent > 0 else _inverse(placed)) * round(abs(exponent)))


def _controlled(op: Any, placed: list[Placed]) -> list[Placed]:
    number = {wire: i for i, wire in enumerate(op.wires.labels)}
    controls = tuple(number[w] for w in op.control_wires.labels)
    base = [number[w] for w in op.base.wires.labels]
    state = sum(1 << i for i, value in enumerate(op.control_values) if value)
    return [
        (gate.controlled(len(controls), state), (*controls, *(base[w] for w in wires)))
        for gate, wires in placed
    ]


def _inverse(placed: list[Placed]) -> list[Placed]:
    return [(gate.inverse(), wires) for gate, wires in reversed(placed)]


def _on_base_wires(op: Any, placed: list[Placed]) -> list[Placed]:
    """Number the wires as the symbolic operator does, should it differ from its base."""
    if op.wires.labels == op.base.wires.labels:
        return placed
    number = {wire: i for i, wire in enumerate(op.wires.labels)}
    base = [number[w] for w in op.base.wires.labels]
    return [(gate, tuple(base[w] for w in wires)) for gate, wires in placed]


def _dimension(op: Any) -> int:
    return int(op.hyperparameters["dimension"][0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not qml.math.requires_grad(
        value
    )


def parameters_for(count: int) -> tuple[Parameter, ...]:
    """Return the IR parameters of a circuit with ``count`` of them."""
    while len(_PARAMETERS) < count:
        _PARAMETERS.append(Parameter(f"p{len(_PARAMETERS)}"))
    return tuple(_PARAMETERS[:count])


_PARAMETERS: list[Parameter] = []

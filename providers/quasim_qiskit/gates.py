"""Qiskit gates as gates of the IR: the standard ones by name, all others by what they are made of.

A gate becomes a list of IR gates on the gate's own qubits. Qiskit's matrices and ours are both
little-endian, controls come first in both, so qubit lists carry over as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    InverseModifier,
    PowerModifier,
)
from qiskit.circuit import Gate as QiskitGate
from qiskit.circuit.library import (
    DiagonalGate,
    PauliEvolutionGate,
    PauliGate,
    PermutationGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.synthesis import ProductFormula

from quasim_backend.errors import QuasimError
from quasim_backend.ir import Gate
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.parameters import ParameterTable, Scope

__all__ = ["CONTROLLED", "PLAIN", "GateReader", "Placed"]

Placed: TypeAlias = list[tuple[Gate, tuple[int, ...]]]
"""Gates in the order they act, each with its qubits."""

_RENAMED = {"global_phase": "gphase"}
_STANDARD = {
    name: _RENAMED.get(name, name)
    for name in get_standard_gate_name_mapping()
    if _RENAMED.get(name, name) in RECORDS or name in ALIASES
}

PLAIN: dict[str, Gate] = {}
"""Standard gates without parameters, by Qiskit's name."""

CONTROLLED: dict[str, tuple[str, int, int]] = {}
"""Standard gates with parameters: Qiskit's name to our record, number of controls, their state."""

for _name, _ours in _STANDARD.items():
    _record, _controls = ALIASES.get(_ours, (_ours, 0))
    if RECORDS[_record].parameters:
        CONTROLLED[_name] = (_record, _controls, (1 << _controls) - 1)
    else:
        PLAIN[_name] = Gate.named(_ours)

_CLASS_NAMES: dict[type, str] = {
    gate.base_class: name
    for name, gate in get_standard_gate_name_mapping().items()
    if name in _STANDARD
}
_MATRIX_QUBITS = 10
"""Widest gate that is multiplied out to a matrix where there is no other way."""


class GateReader:
    """Reads gate objects; parameters of the circuit go through one `ParameterTable`."""

    def __init__(self, parameters: ParameterTable) -> None:
        """Use ``parameters`` for symbolic angles."""
        self._parameters = parameters

    def read(self, operation: Any, scope: Scope) -> Placed | None:
        """Return the IR gates of an operation, or None if it is not unitary.

        Raises:
            QuasimQiskitError: If the operation has neither a definition nor a matrix.
        """
        native = self.native(operation, scope)
        if native is not None:
            return native
        if not isinstance(operation, QiskitGate):
            return None
        definition = operation.definition
        return self._from_array(operation) if definition is None else self._unroll(operation, scope)

    def native(self, operation: Any, scope: Scope) -> Placed | None:
        """Return the IR gates of an operation that needs no unrolling of its definition."""
        if isinstance(operation, ControlledGate):
            return self._controlled(operation, scope)
        if isinstance(operation, AnnotatedOperation):
            return self._annotated(operation, scope)
        if not isinstance(operation, QiskitGate):
            return None
        width = tuple(range(operation.num_qubits))
        name = _CLASS_NAMES.get(operation.base_class)
        if name is not None:
            return [(self.standard(name, operation.params, scope), width)]
        try:
            if isinstance(operation, UnitaryGate):
                return [(Gate.unitary(operation.to_matrix()), width)]
            if isinstance(operation, DiagonalGate):
                return [(Gate.diagonal(operation.params), width)]
        except QuasimError as cause:
            raise QuasimQiskitError(f"Gate '{operation.name}': {cause}") from cause
        if isinstance(operation, PauliGate):
            letters = enumerate(reversed(operation.params[0]))
            return [(PLAIN[c.lower()], (q,)) for q, c in letters if c != "I"]
        if isinstance(operation, PermutationGate):
            return _swaps([int(q) for q in operation.pattern])
        if isinstance(operation, PauliEvolutionGate):
            return self._evolution(operation, scope)
        return None

    def standard(self, name: str, params: Sequence[Any], scope: Scope) -> Gate:
        """Return a standard gate by Qiskit's name."""
        plain = PLAIN.get(name)
        if plain is not None:
            return plain
        record, controls, state = CONTROLLED[name]
        if record == "u" and len(params) == 4:  # base gate of a cu with more controls
            record = "ug"
        angles = tuple(
            p if type(p) is float and p - p == 0.0 else self._parameters.angle(p, scope)
            for p in params
        )
        return Gate.trusted(record, angles, controls, state)

    def _controlled(self, gate: Any, scope: Scope) -> Placed | None:
        count = gate.num_ctrl_qubits
        closed = gate.ctrl_state == (1 << count) - 1
        name = _CLASS_NAMES.get(gate.base_class)
        if name is not None and closed:
            width = tuple(range(gate.num_qubits))
            return [(self.standard(name, gate.params, scope), width)]
        base = gate.base_gate
        if gate.num_qubits != count + base.num_qubits:
            return None  # ancilla qubits: only the definition knows what happens to them
        if name is None and base.definition is not None and base.definition.parameters:
            return None  # values are assigned in the gate's definition, not in its base gate's
        placed = self.read(base, scope)
        return None if placed is None else _with_controls(placed, count, gate.ctrl_state)

    def _annotated(self, operation: Any, scope: Scope) -> Placed | None:
        placed = self.read(operation.base_op, scope)
        if placed is None:
            return None
        width = operation.base_op.num_qubits
        for modifier in operation.modifiers:
            if isinstance(modifier, InverseModifier):
                placed = [(gate.inverse(), qubits) for gate, qubits in reversed(placed)]
            elif isinstance(modifier, ControlModifier):
                placed = _with_controls(placed, modifier.num_ctrl_qubits, modifier.ctrl_state)
                width += modifier.num_ctrl_qubits
            elif isinstance(modifier, PowerModifier):
                placed = _to_power(placed, modifier.power, width, operation.name)
            else:
                raise QuasimQiskitError(
                    f"Modifier {type(modifier).__name__} of '{operation.name}' is not known; "
                    f"inverse, control and power are."
                )
        return placed

    def _evolution(self, gate: Any, scope: Scope) -> Placed | None:
        """Read a Pauli evolution as the rotations its product formula consists of."""
        synthesis = gate.synthesis
        # Where a user's code writes the circuit, only the definition knows what it does.
        if getattr(type(synthesis), "synthesize", None) is not ProductFormula.synthesize:
            return None
        if synthesis.atomic_evolution is not None:
            return None
        placed: Placed = []
        for letters, qubits, coefficient in synthesis.expand(gate):
            if set(letters) - set("IXYZ"):
                return None
            angle = self._parameters.angle(coefficient, scope)
            if letters:
                rotation = Gate.pauli_rotation(letters[::-1], angle)
                placed.append((rotation, tuple(int(q) for q in qubits)))
            else:
                placed.append((Gate("gphase", (angle * -0.5,)), ()))
        return placed

    def _unroll(self, gate: Any, scope: Scope) -> Placed | None:
        circuit = gate.definition
        index = {qubit: i for i, qubit in enumerate(circuit.qubits)}
        result: Placed = []
        if not isinstance(circuit.global_phase, float | int) or circuit.global_phase:
            phase = self._parameters.angle(circuit.global_phase, scope)
            result.append((Gate("gphase", (phase,)), ()))
        for instruction in circuit.data:
            qubits = tuple([index[q] for q in instruction.qubits])
            if instruction.is_standard_gate() and instruction.name in _STANDARD:
                placed_gate = self.standard(instruction.name, instruction.params, scope)
                result.append((placed_gate, qubits))
                continue
            operation = instruction.operation
            if operation.name == "barrier":
                continue
            placed = self.read(operation, scope)
            if placed is None:
                return None
            result += [(inner, tuple([qubits[t] for t in local])) for inner, local in placed]
        return result

    def _from_array(self, gate: Any) -> Placed:
        if gate.num_qubits <= _MATRIX_QUBITS:
            try:
                matrix = np.asarray(gate.to_matrix(), dtype=complex)
                return [(Gate.unitary(matrix), tuple(range(gate.num_qubits)))]
            except QuasimError as cause:
                raise QuasimQiskitError(f"Gate '{gate.name}': {cause}") from cause
            except Exception as cause:
                raise _opaque(gate) from cause
        raise _opaque(gate)


def _opaque(gate: Any) -> QuasimQiskitError:
    return QuasimQiskitError(
        f"unknown instruction: '{gate.name}' on {gate.num_qubits} qubits has neither a definition "
        f"nor a matrix. Set its 'definition' or give it a 'to_matrix' or '__array__' method."
    )


def _swaps(pattern: list[int]) -> Placed:
    """Return the swaps after which qubit ``i`` holds what qubit ``pattern[i]`` held."""
    placed: Placed = []
    where = list(range(len(pattern)))  # the qubit that now holds the content of each qubit
    holds = list(range(len(pattern)))
    for target, content in enumerate(pattern):
        source = where[content]
        if source != target:
            placed.append((PLAIN["swap"], (target, source)))
            moved = holds[target]
            holds[target], holds[source] = content, moved
            where[content], where[moved] = target, source
    return placed


def _with_controls(placed: Placed, count: int, state: int) -> Placed:
    """Control every gate; controlling each of a product's factors controls the product."""
    controls = tuple(range(count))
    return [
        (gate.controlled(count, state), controls + tuple([q + count for q in qubits]))
        for gate, qubits in placed
    ]


def _to_power(placed: Placed, power: float, width: int, name: str) -> Placed:
    if power == int(power):
        if power < 0:
            placed = [(gate.inverse(), qubits) for gate, qubits in reversed(placed)]
        return placed * abs(int(power))
    if len(placed) == 1 and placed[0][1] == tuple(range(width)) and not placed[0][0].num_controls:
        return [(placed[0][0].to_power(power), placed[0][1])]
    if width > _MATRIX_QUBITS or any(gate.parameters for gate, _ in placed):
        raise QuasimQiskitError(
            f"The fractional power {power} of '{name}' needs a matrix; that is possible with bound "
            f"parameters and up to {_MATRIX_QUBITS} qubits."
        )
    return [(Gate.unitary(_matrix(placed, width)).to_power(power), tuple(range(width)))]


def _matrix(placed: Placed, width: int) -> np.ndarray[Any, np.dtype[np.complex128]]:
    """Multiply small gates out, ``(2**width, 2**width)``."""
    total = np.eye(1 << width, dtype=complex).reshape((2,) * width + (1 << width,))
    for gate, qubits in placed:
        size = len(qubits)
        tensor = gate.matrix().reshape((2,) * (2 * size))
        axes = [width - 1 - q for q in reversed(qubits)]
        total = np.tensordot(tensor, total, axes=(range(size, 2 * size), axes))
        total = np.moveaxis(total, range(size), axes)
    return np.ascontiguousarray(total.reshape(1 << width, 1 << width))

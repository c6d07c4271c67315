"""Initialisation, channels and delays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qiskit.circuit import ParameterExpression
from qiskit.circuit.classical.expr import Expr
from qiskit.quantum_info import Clifford, Kraus, StabilizerState, SuperOp

from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.instructions import ChannelOp, GateOp, Instruction
from quasim_backend.ir.mps_preparation import mps_circuit
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.terms import error_channel

__all__ = ["channel", "delay_seconds", "initialize", "matrix_product_state", "stabilizer_state"]

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_LABEL_GATES: dict[str, tuple[str, ...]] = {
    "0": (),
    "1": ("x",),
    "+": ("h",),
    "-": ("x", "h"),
    "r": ("h", "s"),
    "l": ("h", "sdg"),
}


def initialize(operation: Any, qubits: tuple[int, ...]) -> list[Instruction]:
    """Translate an ``initialize``: amplitudes, a label such as ``"01+-"``, or a basis state."""
    params = operation.params
    width = len(qubits)
    circuit = Circuit(max(qubits, default=-1) + 1)
    if params and isinstance(params[0], str):
        circuit.reset(*qubits)
        for qubit, letter in zip(qubits, reversed("".join(params)), strict=True):
            for gate in _LABEL_GATES[letter]:
                circuit.gate(gate, (qubit,))
    elif len(params) == 1 and width:
        circuit.reset(*qubits)
        value = int(np.real(params[0]))
        for place, qubit in enumerate(qubits):
            if value >> place & 1:
                circuit.x(qubit)
    else:
        circuit.initialize(np.asarray(params, dtype=complex), qubits)
    return circuit.instructions


def stabilizer_state(state: Any, qubits: tuple[int, ...]) -> list[Instruction]:
    """Translate a ``set_stabilizer``: a reset, then the gates that prepare the state."""
    if isinstance(state, Mapping):  # as Aer keeps it
        clifford = Clifford.from_dict(state)
    else:
        clifford = state.clifford if isinstance(state, StabilizerState) else Clifford(state)
    circuit = Circuit(max(qubits) + 1).reset(*qubits)
    definition = clifford.to_circuit()
    for item in definition.data:
        places = [qubits[definition.find_bit(q).index] for q in item.qubits]
        circuit.gate(item.operation.name, places)
    return circuit.instructions


def matrix_product_state(params: Any, qubits: tuple[int, ...]) -> list[Instruction]:
    """Translate a ``set_matrix_product_state``: a reset, then one gate a qubit.

    Aer keeps Vidal's form: for each qubit the matrices of 0 and of 1, and each bond's Schmidt
    values between them.
    """
    gammas, values = params[0] if len(params) == 1 else params
    tensors = [np.stack([np.asarray(m, complex) for m in pair], axis=1) for pair in gammas]
    for site, schmidt in enumerate(values):
        tensors[site] = tensors[site] * np.asarray(schmidt, float)
    circuit = Circuit(max(qubits) + 1).reset(*qubits)
    for operation in mps_circuit(tensors).instructions:
        assert isinstance(operation, GateOp)
        circuit.append(operation.gate, [qubits[q] for q in operation.qubits])
    return circuit.instructions


def channel(operation: Any, qubits: tuple[int, ...]) -> Instruction:
    """Translate a channel: Kraus operators, a superoperator, or an error of Qiskit Aer."""
    name = operation.name
    if name == "kraus":
        operators = [np.asarray(p, dtype=complex) for p in operation.params]
    elif name == "superop":
        operators = _kraus(SuperOp(np.asarray(operation.params[0])))
    else:
        error = getattr(operation, "_quantum_error", None)
        if error is None:
            raise QuasimQiskitError(
                f"'{name}' carries no error. It is lost when a circuit goes through QPY; use "
                f"Kraus(error).to_instruction() for circuits that are stored."
            )
        return ChannelOp(error_channel(error, len(qubits)), qubits)
    return ChannelOp(Channel.kraus(operators, name), qubits)


def _kraus(operator: SuperOp) -> list[np.ndarray[Any, np.dtype[np.complex128]]]:
    left, right = Kraus(operator)._data
    if right is not None:
        raise QuasimQiskitError("The channel is not completely positive.")
    return [np.asarray(k, dtype=complex) for k in left]


def delay_seconds(operation: Any, dt: float | None = None, timed: bool = False) -> float:
    """Return how long a delay takes; 0 where nobody knows and it does not matter.

    Args:
        operation: The delay.
        dt: Seconds in the unit ``dt``, or None.
        timed: Whether the length matters.

    Raises:
        QuasimQiskitError: If it matters and is not known.
    """
    duration = operation.params[0]
    scale = dt if operation.unit == "dt" else _SECONDS.get(operation.unit)
    if isinstance(duration, ParameterExpression) and not duration.parameters:
        duration = duration.numeric()
    if scale is None or isinstance(duration, ParameterExpression | Expr):
        if timed:
            raise QuasimQiskitError(
                f"Qubits relax during a delay of {duration} {operation.unit}, whose length in "
                f"seconds is not known. Give delays in seconds, or take the noise model from a "
                f"backend that has a 'dt'."
            )
        return 0.0
    return float(duration) * scale

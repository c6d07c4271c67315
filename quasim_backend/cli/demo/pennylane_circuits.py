"""A circuit of ours as a PennyLane quantum function that returns samples of classical bits."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit, Gate
from quasim_backend.ir.expr import Binary, Bits, Const
from quasim_backend.ir.instructions import Barrier, GateOp, If, Instruction, Measure, Reset

__all__ = ["as_pennylane"]

_NAMES = {
    **{"id": "Identity", "x": "PauliX", "y": "PauliY", "z": "PauliZ", "h": "Hadamard", "s": "S"},
    **{"t": "T", "sx": "SX", "rx": "RX", "ry": "RY", "rz": "RZ", "p": "PhaseShift", "u": "U3"},
    **{"u2": "U2", "swap": "SWAP", "rxx": "IsingXX", "ryy": "IsingYY", "rzz": "IsingZZ"},
}


def as_pennylane(circuit: Circuit) -> tuple[Callable[[], Any], list[int]]:
    """Translate gates, measurements, resets and conditions.

    Returns:
        The quantum function, whose samples have one column for each measured classical bit, and
        those bits, highest first.

    Raises:
        UnsupportedError: If the circuit holds anything else.
    """
    for instruction in circuit.walk():
        if not isinstance(instruction, Barrier | GateOp | Measure | Reset | If):
            raise UnsupportedError(_cannot(instruction))
    measures = [i for i in circuit.walk() if isinstance(i, Measure)]
    bits = sorted({c for m in measures for c in m.clbits}, reverse=True)
    if any(isinstance(i, If | Reset) for i in circuit.walk()):
        return lambda: _dynamic(circuit, bits), bits
    wires = {c: q for m in measures for q, c in zip(m.qubits, m.clbits, strict=True)}
    return lambda: _static(circuit, [wires[c] for c in bits]), bits


def _static(circuit: Circuit, wires: list[int]) -> Any:
    for instruction in circuit.instructions:
        if isinstance(instruction, GateOp):
            _apply(instruction)
    return import_module("pennylane").sample(wires=wires)


def _dynamic(circuit: Circuit, bits: list[int]) -> Any:
    qml = import_module("pennylane")
    values: dict[int, Any] = {}
    for instruction in circuit.instructions:
        match instruction:
            case GateOp():
                _apply(instruction)
            case Measure(qubits, clbits):
                for q, c in zip(qubits, clbits, strict=True):
                    values[c] = qml.measure(q)
            case Reset(qubits):
                for q in qubits:
                    qml.measure(q, reset=True)
            case If(Binary("==", Bits(tested), Const(value)), body, ()):
                # A bit that was never measured reads 0.
                known = [(values[b], 1 << k) for k, b in enumerate(tested) if b in values]
                register = sum(m * weight for m, weight in known)
                for inner in body:
                    if not isinstance(inner, GateOp):
                        raise UnsupportedError(_cannot(inner))
                    qml.cond(register == int(value), _apply)(inner)
            case If():
                raise UnsupportedError(_cannot(instruction))
    return qml.sample([values[c] for c in bits])


def _apply(operation: GateOp) -> None:
    """Queue one gate."""
    qml = import_module("pennylane")
    gate, qubits = operation.gate, operation.qubits
    targets = qubits[gate.num_controls :]
    name = gate.name.removesuffix("dg") if gate.name in ("sdg", "tdg", "sxdg") else gate.name

    def base() -> None:
        if name in _NAMES and gate.power == 1.0:
            made = getattr(qml, _NAMES[name])
            angles = [float(p) for p in gate.params if isinstance(p, float)]
            (qml.adjoint(made) if name != gate.name else made)(*angles, wires=targets)
        else:
            # PennyLane's first wire is the highest bit of a matrix index, ours the lowest.
            plain = Gate(gate.name, gate.params, power=gate.power, data=gate.data, masks=gate.masks)
            qml.QubitUnitary(plain.matrix(), wires=targets[::-1])

    if gate.num_controls:
        values = [gate.control_state >> i & 1 for i in range(gate.num_controls)]
        qml.ctrl(base, qubits[: gate.num_controls], control_values=values)()
    else:
        base()


def _cannot(instruction: Instruction) -> str:
    return f"The demo does not translate '{type(instruction).__name__}' to PennyLane."

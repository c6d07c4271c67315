"""A circuit of ours as a Cirq circuit: Cirq's own reader lacks gates and needs another package."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit, Gate
from quasim_backend.ir.expr import Binary, Bits, Const
from quasim_backend.ir.instructions import Barrier, GateOp, If, Instruction, Measure, Reset

__all__ = ["as_cirq"]


def as_cirq(circuit: Circuit) -> Any:
    """Translate gates, measurements, resets and conditions; bit ``c`` is the key ``c<c>``.

    Raises:
        UnsupportedError: If the circuit holds anything else.
    """
    cirq = import_module("cirq")
    qubits = cirq.LineQubit.range(circuit.num_qubits)
    return cirq.Circuit(_operations(cirq, circuit.instructions, qubits, []))


def _operations(
    cirq: Any, instructions: Any, qubits: list[Any], conditions: list[Any]
) -> list[Any]:
    found: list[Any] = []
    for instruction in instructions:
        match instruction:
            case Barrier():
                continue
            case GateOp(gate, places):
                on = [qubits[q] for q in places]
                operations = [g.on(*on) for g in _gates(cirq, gate)]
            case Measure(places, clbits, None):
                operations = [
                    cirq.measure(qubits[q], key=f"c{c}")
                    for q, c in zip(places, clbits, strict=True)
                ]
            case Reset(places):
                operations = [cirq.reset(qubits[q]) for q in places]
            case If(Binary("==", Bits(bits), Const(value)), body, ()):
                tests = _conditions(bits, int(value))
                operations = _operations(cirq, body, qubits, [*conditions, *tests])
                found += operations
                continue
            case _:
                raise UnsupportedError(_cannot(instruction))
        found += [o.with_classical_controls(*conditions) if conditions else o for o in operations]
    return found


def _conditions(bits: tuple[int, ...], value: int) -> list[Any]:
    sympy = import_module("sympy")
    return [sympy.Eq(sympy.Symbol(f"c{b}"), value >> k & 1) for k, b in enumerate(bits)]


def _gates(cirq: Any, gate: Gate) -> list[Any]:
    """Return Cirq's gates for a gate of ours, in the order they act."""
    if gate.power != 1.0 or gate.control_state != (1 << gate.num_controls) - 1:
        raise UnsupportedError(f"The demo does not translate the gate '{gate.name}' to Cirq.")
    angles = [float(p) for p in gate.params if isinstance(p, float)]
    fixed = {
        **{"id": cirq.I, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H, "swap": cirq.SWAP},
        **{"s": cirq.S, "sdg": cirq.S**-1, "t": cirq.T, "tdg": cirq.T**-1},
    }
    if gate.name in fixed:
        base = fixed[gate.name]
    elif gate.name in ("rx", "ry", "rz"):
        base = getattr(cirq, gate.name)(*angles)
    elif gate.name == "p":
        base = cirq.Z ** (angles[0] / math.pi)
    elif gate.num_targets == 1:
        base = cirq.MatrixGate(Gate.named(gate.name, gate.params).matrix())
    else:
        raise UnsupportedError(f"The demo does not translate the gate '{gate.name}' to Cirq.")
    return [base.controlled(gate.num_controls) if gate.num_controls else base]


def _cannot(instruction: Instruction) -> str:
    return f"The demo does not translate '{type(instruction).__name__}' to Cirq."

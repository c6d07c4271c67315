"""IR circuits as Qiskit circuits, built from Qiskit's own library classes.

Written apart from the adapter, in the other direction, so that a mistake in one shows up against
the other. Both sides are little-endian.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit import AnnotatedOperation, ClassicalRegister, ControlModifier, PowerModifier
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import Pauli

from quasim_backend.ir.expr import Binary, Bit, Bits, Const, Unary
from quasim_backend.ir.instructions import (
    Break,
    Continue,
    For,
    GateOp,
    If,
    Measure,
    Reset,
    Switch,
    While,
)

PLAIN = {
    "id": lib.IGate, "x": lib.XGate, "y": lib.YGate, "z": lib.ZGate, "h": lib.HGate,
    "s": lib.SGate, "sdg": lib.SdgGate, "t": lib.TGate, "tdg": lib.TdgGate, "sx": lib.SXGate,
    "sxdg": lib.SXdgGate, "swap": lib.SwapGate, "iswap": lib.iSwapGate, "dcx": lib.DCXGate,
    "ecr": lib.ECRGate, "rccx": lib.RCCXGate, "rcccx": lib.RC3XGate, "rx": lib.RXGate,
    "ry": lib.RYGate, "rz": lib.RZGate, "rxx": lib.RXXGate, "ryy": lib.RYYGate, "rzz": lib.RZZGate,
    "rzx": lib.RZXGate, "gphase": lib.GlobalPhaseGate, "p": lib.PhaseGate, "r": lib.RGate,
    "u": lib.UGate, "u2": lib.U2Gate, "xx_minus_yy": lib.XXMinusYYGate,
    "xx_plus_yy": lib.XXPlusYYGate,
}  # fmt: skip
CONTROLLED = {
    ("x", 1): lib.CXGate, ("x", 2): lib.CCXGate, ("x", 3): lib.C3XGate, ("x", 4): lib.C4XGate,
    ("y", 1): lib.CYGate, ("z", 1): lib.CZGate, ("z", 2): lib.CCZGate, ("h", 1): lib.CHGate,
    ("s", 1): lib.CSGate, ("sdg", 1): lib.CSdgGate, ("sx", 1): lib.CSXGate,
    ("sx", 3): lib.C3SXGate, ("p", 1): lib.CPhaseGate, ("rx", 1): lib.CRXGate,
    ("ry", 1): lib.CRYGate, ("rz", 1): lib.CRZGate, ("u", 1): lib.CU3Gate, ("ug", 1): lib.CUGate,
    ("swap", 1): lib.CSwapGate,
}  # fmt: skip


def ambiguous_power(gate):
    """Whether a fractional power is a matter of taste: an eigenvalue -1 has two principal roots."""
    if gate.power == round(gate.power):
        return False
    values = np.linalg.eigvals(_bare(gate).matrix())
    return bool((np.abs(values + 1) < 1e-6).any())


def _bare(gate):
    """Return the gate without its controls and power."""
    return dataclasses.replace(gate, num_controls=0, control_state=0, power=1.0)


def qiskit_gate(gate, annotated=True):
    """Return a numeric gate as one of Qiskit's classes, or None if Qiskit has none for it."""
    count, state = gate.num_controls, gate.control_state
    if gate.power == 1.0 and gate.name in PLAIN:
        params = [float(v) for v in gate.params]
        if not count:
            return PLAIN[gate.name](*params)
        known = CONTROLLED.get((gate.name, count))
        if known is not None:
            return known(*params, ctrl_state=state)
        if gate.name == "x":
            return lib.MCXGate(count, ctrl_state=state)
    if count or gate.power != 1.0:
        if not annotated or ambiguous_power(gate):
            return None
        base = qiskit_gate(_bare(gate))
        if base is None or base.num_qubits == 0 or gate.power == 0.0:
            return None
        modifiers = [PowerModifier(gate.power)] if gate.power != 1.0 else []
        if count:
            modifiers.append(ControlModifier(count, state))
        return AnnotatedOperation(base, modifiers)
    if gate.name == "unitary":
        return lib.UnitaryGate(gate.data) if gate.num_targets else None
    if gate.name == "diagonal":
        return lib.DiagonalGate(list(gate.data)) if gate.num_targets else None
    if gate.name == "permutation":
        return lib.UnitaryGate(gate.matrix()) if gate.num_targets else None
    if gate.name == "pauli_rotation" and gate.num_targets:
        x, z, width = gate.masks
        letters = ("IXZY"[(x >> q & 1) | (z >> q & 1) << 1] for q in reversed(range(width)))
        return lib.PauliEvolutionGate(Pauli("".join(letters)), float(gate.params[0]) / 2)
    return None


def to_qiskit(circuit, fenced=False):
    """Return an IR circuit, dynamic or not, as a Qiskit circuit on one classical register.

    With ``fenced``, every block of control flow starts with a barrier on all qubits. That keeps
    the meaning, and no block is then without qubits.
    """
    qubits = QuantumRegister(circuit.num_qubits, "q")
    clbits = ClassicalRegister(circuit.num_clbits, "c")
    result = QuantumCircuit(qubits, clbits)
    _fill(result, circuit.instructions, qubits, clbits, fenced)
    return result


def _fill(result, instructions, qubits, clbits, fenced):
    def block(body):
        if fenced:
            result.barrier(qubits)
        _fill(result, body, qubits, clbits, fenced)

    for instruction in instructions:
        match instruction:
            case GateOp(gate, places):
                operation = qiskit_gate(gate, annotated=False)
                if operation is None and gate.num_qubits:
                    operation = lib.UnitaryGate(gate.matrix())
                if operation is None:
                    operation = lib.GlobalPhaseGate(float(np.angle(gate.matrix()[0, 0])))
                result.append(operation, [qubits[q] for q in places])
            case Measure(places, bits, None):
                result.measure([qubits[q] for q in places], [clbits[b] for b in bits])
            case Reset(places):
                result.reset([qubits[q] for q in places])
            case If(condition, body, orelse):
                condition = _condition(condition, clbits)
                with result.if_test(condition) as otherwise:
                    block(body)
                if orelse:
                    with otherwise:
                        block(orelse)
            case While(condition, body):
                with result.while_loop(_condition(condition, clbits)):
                    block(body)
            case For(values, body, None, None):
                with result.for_loop(values):
                    block(body)
            case Switch(Bits(), cases):
                with result.switch(clbits) as case:
                    for values, body in cases:
                        with case(*((case.DEFAULT,) if values is None else values)):
                            block(body)
            case Break():
                result.break_loop()
            case Continue():
                result.continue_loop()
            case _:
                raise TypeError(f"No Qiskit form of {instruction!r}.")


def _condition(condition, clbits):
    if isinstance(condition, Binary) and condition.op == "==":
        return (clbits, int(condition.right.value))
    return (clbits[condition.index], 1) if isinstance(condition, Bit) else _expr(condition, clbits)


def _expr(node, clbits):
    match node:
        case Bit(index):
            return expr.lift(clbits[index])
        case Bits():
            return expr.lift(clbits)
        case Const(value):
            return expr.lift(int(value), types.Uint(len(clbits)))
        case Unary("not", operand):
            return expr.logic_not(_expr(operand, clbits))
        case Binary(op, left, right):
            build = {
                "and": expr.logic_and, "or": expr.logic_or, "^": expr.bit_xor,
                "!=": expr.not_equal, "<": expr.less, ">=": expr.greater_equal,
            }[op]  # fmt: skip
            return build(_expr(left, clbits), _expr(right, clbits))
    raise TypeError(f"No Qiskit form of {node!r}.")

"""Validation: each fault of a hand-made circuit is found and its place is named."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.errors import CircuitError, QubitError
from quasim_backend.ir import Channel, Circuit, Gate, PauliSum, ReadoutError
from quasim_backend.ir.expr import BOOL, Binary, Bit, Bits, Const, Var, uint
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Break,
    ChannelOp,
    Continue,
    Delay,
    For,
    GateOp,
    If,
    Initialize,
    Measure,
    Reset,
    Save,
    SetState,
    Switch,
    While,
)
from quasim_backend.ir.validate import validate

X = Gate.named("x")
TRUE = Const(True, BOOL)
ONE = np.array([1.0 + 0j, 0])
BAD_X = GateOp(X, (7,))
WORDS = GateOp(Gate.named("cx"), (0, "a"))


def holding(*instructions):
    circuit = Circuit(2, 2)
    circuit.instructions = list(instructions)
    return circuit


def test_a_legal_circuit_passes():
    loop = (Break(), Continue(), If(Bit(0), (Break(),)))
    validate(
        holding(
            GateOp(X, (1,)),
            ChannelOp(Channel.kraus([np.eye(2)]), (0,)),
            Measure((0, 1), (1, 0), ReadoutError.of(np.eye(4))),
            Reset((0,)),
            Barrier(()),
            Delay((0,), 1e-6),
            Initialize(ONE, (0,)),
            SetState(np.eye(4, dtype=complex)[0]),
            Save("statevector", "a"),
            Save("expectation", "b", observable=PauliSum.of("ZZ")),
            Assign(Bits((0, 1)), Const(3, uint(2))),
            Assign(Var("v", BOOL), Binary("and", Bit(0), Bit(1))),
            If(Bit(1), (GateOp(X, (0,)),), (GateOp(X, (1,)),)),
            Switch(Bits((0, 1)), (((1,), ()), (None, ()))),
            For((1, 2), loop),
            While(TRUE, loop),
        )
    )


@pytest.mark.parametrize(
    ("instruction", "error", "words"),
    [
        (GateOp(X, (2,)), QubitError, ["Instruction 1 (GateOp)", "Qubit 2", "2 qubits"]),
        (GateOp(X, (0, 1)), QubitError, ["'x'", "1 qubits", "(0, 1)"]),
        (GateOp(Gate.named("cx"), (1, 1)), QubitError, ["repeats", "(1, 1)"]),
        (ChannelOp(Channel.kraus([np.eye(4)]), (0,)), QubitError, ["2-qubit", "(0,)"]),
        (Measure((0,), (2,)), CircuitError, ["bit 2", "has 2"]),
        (Measure((0, 1), (0,)), CircuitError, ["2 qubits", "1 bits"]),
        (Measure((0, 1), (0, 0)), CircuitError, ["repeats", "(0, 0)"]),
        (Measure((0,), (0,), ReadoutError.of(np.eye(4))), CircuitError, ["(4, 4)", "(2, 2)"]),
        (Reset((-1,)), QubitError, ["Qubit -1"]),
        (Barrier((0, 0)), QubitError, ["repeats"]),
        (Delay((0,), -1.0), CircuitError, ["-1.0", "seconds"]),
        (Initialize(ONE, (0, 1)), CircuitError, ["4 amplitudes", "(2,)"]),
        (Initialize(ONE * 2, (0,)), CircuitError, ["norm 1", "2"]),
        (SetState(ONE), CircuitError, ["4 amplitudes"]),
        (Save("state", "a"), CircuitError, ["'state'", "Did you mean", "statevector"]),
        (Save("statevector", "a", subtype="sum"), CircuitError, ["'sum'", "average"]),
        (Save("expectation", "a"), CircuitError, ["observable"]),
        (Save("probabilities", "a", qubits=(3,)), QubitError, ["Qubit 3"]),
        (Save("statevector", "first"), CircuitError, ["'first'", "twice"]),
        (Assign(Bit(5), TRUE), CircuitError, ["bit 5"]),
        (Assign(Bits((0, 9)), TRUE), CircuitError, ["bit 9"]),
        (Assign(Bit(0), Bit(4)), CircuitError, ["bit 4"]),
        (Assign(Bit(0), Binary("@", TRUE, TRUE)), CircuitError, ["'@'", "known"]),
        (If(Bit(3), ()), CircuitError, ["bit 3"]),
        (WORDS, QubitError, ["Instruction 1 (GateOp)", "whole numbers", "'a'"]),
        (Reset("a"), QubitError, ["Instruction 1 (Reset)", "whole numbers", "'a'"]),
        (Measure((0,), (0.5,)), CircuitError, ["classical bits", "0.5"]),
        (If(TRUE, (BAD_X,)), QubitError, ["Instruction 1.if.0 (GateOp)", "Qubit 7"]),
        (If(TRUE, (), (BAD_X,)), QubitError, ["Instruction 1.else.0"]),
        (Switch(TRUE, ((None, ()), ((1,), (BAD_X,)))), QubitError, ["1.case1.0"]),
        (For((1,), (BAD_X,)), QubitError, ["1.for.0"]),
        (While(TRUE, (If(TRUE, (BAD_X,)),)), QubitError, ["1.while.0.if.0"]),
        (Break(), CircuitError, ["inside a loop"]),
        (If(TRUE, (Continue(),)), CircuitError, ["1.if.0 (Continue)", "inside a loop"]),
        ("x", CircuitError, ["Not an instruction", "'x'"]),
    ],
)
def test_each_fault_is_named_with_its_place(instruction, error, words):
    circuit = holding(Save("statevector", "first"), instruction)
    with pytest.raises(error) as caught:
        validate(circuit)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        GateOp(X.controlled(), (0,)),
        GateOp(X, (0, 1)),
        GateOp(X, (2,)),
        GateOp(Gate.unitary(np.eye(4)), (0,)),
        GateOp(Gate.pauli_rotation("XX", 0.1), (0,)),
    ],
)
def test_a_wrong_gate_among_right_ones_of_its_kind_is_found(wrong):
    right = [
        GateOp(X, (0,)),
        GateOp(X.controlled(), (1, 0)),
        GateOp(Gate.unitary(np.eye(2)), (0,)),
        GateOp(Gate.pauli_rotation("X", 0.1), (0,)),
    ]
    validate(holding(*right, *right))
    with pytest.raises(QubitError, match=r"Instruction 8 \(GateOp\)"):
        validate(holding(*right, *right, wrong))

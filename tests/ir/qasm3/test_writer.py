"""The OpenQASM 3 writer: what it writes is read back as the same circuit, phase included."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel, Circuit, Gate, Parameter, ReadoutError
from quasim_backend.ir.expr import (
    BOOL,
    FLOAT,
    Binary,
    Bit,
    Bits,
    Cast,
    Const,
    Index,
    Unary,
    Var,
    compile_expression,
    sint,
    uint,
    variables_read,
)
from quasim_backend.ir.gate_table import RECORDS
from quasim_backend.ir.instructions import Assign
from quasim_backend.ir.qasm3 import dumps, loads
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.dynamic_generators import DYNAMIC_KINDS, random_dynamic_circuit
from quasim_backend.testing.generators import GATE_KINDS, random_circuit, random_values
from quasim_backend.testing.oracles import dense_unitary


def random_unitary(size, seed):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    return q


def assert_kept(gate, dense):
    """Write a gate on shuffled qubits and read it back."""
    width = max(gate.num_qubits, 1)
    order = np.random.default_rng(gate.num_qubits).permutation(width)[: gate.num_qubits]
    circuit = Circuit(width).append(gate, [int(q) for q in order])
    read = loads(dumps(circuit))
    assert np.abs(dense.circuit(read) - dense.circuit(circuit)).max() < 1e-10


@pytest.mark.parametrize("power", [1, -1, 3, 0.3])
@pytest.mark.parametrize("controls", [0, 1, 3])
@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_gate_of_the_table_is_kept(name, controls, power, dense):
    record = RECORDS[name]
    params = np.random.default_rng(len(name)).uniform(-3, 3, len(record.parameters))
    state = (1 << controls) - 1 if controls < 2 else 0b101
    gate = Gate.named(name, params, controls=controls, control_state=state)
    assert_kept(gate.to_power(power), dense)
    # A gate without a power is read back as the gate it was.
    if power == 1 and name not in ("u", "ug", "u2"):
        circuit = Circuit(gate.num_qubits).append(gate, range(gate.num_qubits))
        (operation,) = loads(dumps(circuit)).instructions
        assert (operation.gate.name, operation.gate.params) == (gate.name, gate.params)


@pytest.mark.parametrize(
    "gate",
    [
        Gate.unitary(random_unitary(2, 1)),
        Gate.unitary(random_unitary(2, 2)).controlled(),
        Gate.unitary(random_unitary(2, 3)).controlled(3, 0b010),
        Gate.unitary(random_unitary(2, 3)).to_power(0.3),
        Gate.unitary([[0, 1j], [1, 0]]),
        Gate.unitary([[1j]]),
        Gate.diagonal([1, 1j]),
        Gate.diagonal(np.exp(1j * np.arange(1, 9) ** 2)),
        Gate.diagonal(np.exp(1j * np.arange(4) ** 2)).controlled(2, 0),
        Gate.permutation([3, 0, 2, 1]),
        Gate.permutation([5, 0, 7, 1, 2, 4, 6, 3]),
        Gate.permutation([3, 0, 2, 1]).controlled(2, 0b01),
        Gate.pauli_rotation("XIYZ", 0.7),
        Gate.pauli_rotation("YX", -1.2).controlled(2),
        Gate.pauli_rotation("III", 0.4).controlled(),
        Gate.pauli_rotation("ZX", 0.4).to_power(2),
        Gate.named("x").to_power(0.3),
        Gate.named("h").to_power(-1.5).controlled(2),
        Gate.named("x", controls=7),
        Gate.named("gphase", (0.3,)),
        Gate.named("gphase", (0.3,), controls=2, control_state=1),
        Gate.named("u", (0.1, 0.2, 0.3), controls=2, control_state=0b10),
    ],
    ids=lambda g: f"{g.name}-{g.num_controls}-{g.power}",
)
def test_other_gates_are_kept(gate, dense):
    assert_kept(gate, dense)


@pytest.mark.parametrize("seed", range(40))
def test_random_circuits_are_kept(seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 4, 8, [k for k in GATE_KINDS if k != "unitary"])
    values = random_values(rng, circuit)
    if any(i.gate.name == "unitary" and i.gate.num_targets > 1 for i in circuit.instructions):
        with pytest.raises(UnsupportedError, match="matrix on"):
            dumps(circuit)
        return
    read = loads(dumps(circuit))
    assert {p.name for p in read.parameters} == {p.name for p in circuit.parameters}
    assert np.abs(dense_unitary(read, values) - dense_unitary(circuit, values)).max() < 1e-10


@pytest.mark.parametrize("seed", range(30))
def test_random_dynamic_circuits_are_kept(seed):
    rng = np.random.default_rng(seed)
    gates = ("named", "alias", "multi_controlled", "pauli_rotation")
    circuit = random_dynamic_circuit(rng, 3, 3, 7, (*DYNAMIC_KINDS, "assign"), gates)
    wanted, got = exact_distribution(circuit), exact_distribution(loads(dumps(circuit)))
    assert all(abs(wanted.get(k, 0) - got.get(k, 0)) < 1e-10 for k in {*wanted, *got})


VARIABLES = (
    *(Var("small", uint(3)), Var("large", uint(8)), Var("signed", sint(8)), Var("tiny", sint(5))),
    *(Var("flag", BOOL), Var("real", FLOAT)),
)
_OPERATORS = (*("==", "!=", "<", "<=", ">", ">=", "and", "or", "+", "-", "*"), *"&|^", "<<", ">>")


def draw(rng, depth=0):
    """Draw an expression that has a value whatever the variables are."""
    form = int(rng.integers(9))
    if depth > 3 or form <= 1:
        leaves = (
            *(*VARIABLES, Bit(2), Bits((0, 1, 2, 3)), Bits((1, 2)), Bits((3, 1)), Bits((2,))),
            *(Const(9, uint(4)), Const(-3, sint(4)), Const(True, BOOL), Const(-1.5, FLOAT)),
        )
        return leaves[rng.integers(len(leaves))]
    if form == 2:
        inner = draw(rng, depth + 1)
        ops = ["not"] if inner.type == BOOL else ["not", "-"] if inner.type == FLOAT else "~-"
        return Unary(str(rng.choice(list(ops))), inner)
    if form == 3:
        kinds = (BOOL, uint(4), uint(9), sint(6), FLOAT)
        return Cast(kinds[rng.integers(5)], draw(rng, depth + 1))
    if form == 4:
        inner = draw(rng, depth + 2)
        index = Const(int(rng.integers(4)), uint(3)) if rng.integers(2) else VARIABLES[0]
        return inner if inner.type == FLOAT else Index(inner, index)
    left, right = draw(rng, depth + 1), draw(rng, depth + 1)
    op = str(rng.choice(_OPERATORS))
    bitwise = op in ("&", "|", "^", "<<", ">>")
    if bitwise and FLOAT in (left.type, right.type):
        op = "*"
    if op in ("<<", ">>") and right.type.kind == "int":
        right = Cast(uint(4), right)
    return Binary(op, left, right)


@pytest.mark.parametrize("seed", range(150))
def test_expressions_keep_their_value_and_type(seed):
    rng = np.random.default_rng(seed)
    while not variables_read(expr := draw(rng)):
        pass  # a constant: its value is known when the text is read
    circuit = Circuit(1, 4)
    for variable in VARIABLES:  # so that their values are not known when the text is read
        circuit.assign(variable, Cast(variable.type, Bits((0, 1, 2, 3))))
    target = Var("target", expr.type)
    circuit.assign(target, expr).assign(Bit(0), Binary("==", target, target))
    read = loads(dumps(circuit))
    stored = [i for i in read.instructions if isinstance(i, Assign) and i.target == target]
    if not stored:
        return  # a constant after all
    for _ in range(5):
        values = {
            **{"small": int(rng.integers(8)), "large": int(rng.integers(256))},
            **{"signed": int(rng.integers(-128, 128)), "tiny": int(rng.integers(-16, 16))},
            **{"flag": bool(rng.integers(2)), "real": float(rng.uniform(-4, 4))},
        }
        memory = int(rng.integers(16))
        results = []
        for found in (expr, stored[0].value):
            slots = sorted(variables_read(found), key=str)
            function = compile_expression(found, {v: k for k, v in enumerate(slots)})
            results.append(function(memory, [values[v.name] for v in slots]))
        assert results[0] == results[1], dumps(circuit)


def test_registers_loops_and_variables_are_written_to_be_read():
    circuit = Circuit(3, 4)
    circuit.qregisters = (("data", 2), ("x", 1))
    circuit.registers = (("c", 2), ("out", 2))
    angle, count = Parameter("angle [loop]"), Var("count", uint(8))
    body = Circuit(3, 4).rx(0.25 * angle + np.pi / 2, 0)
    circuit.for_((0, 2, 4), body, angle).measure([0, 1], [0, 1]).measure([2], [3])
    circuit.assign(count, Binary("+", count, Const(1, uint(8))))
    circuit.if_(Binary("==", Bits((0, 1)), Const(2, uint(2))), Circuit(3).z(1), Circuit(3).s(2))
    circuit.delay(1e-7, 0, 2)
    assert dumps(circuit).splitlines() == [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        "bit[2] c;",
        "bit[2] out;",
        "qubit[2] data;",
        "qubit[1] x_0;",
        "uint[8] count = 0;",
        "for int angle_0 in [0:2:4] {",
        "  rx(0.25*angle_0 + pi/2) data[0];",
        "}",
        "c = measure data;",
        "out[1] = measure x_0[0];",
        "count = count + uint[8](1);",
        "if (c == 2) {",
        "  z data[1];",
        "} else {",
        "  s x_0[0];",
        "}",
        "delay[100.0ns] data[0], x_0[0];",
    ]


def test_numbers_are_kept_exactly():
    values = [1e-7, -3e-300, 1 / 3, 12345678.9, 1e22, -0.0, np.pi / 3, -7 * np.pi / 8, 2 * np.pi]
    circuit = Circuit(1)
    for value in values:
        circuit.rx(value, 0)
    assert [i.gate.params[0] for i in loads(dumps(circuit)).instructions] == values


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (Circuit(2).unitary(random_unitary(4, 0), [0, 1]), "matrix on 2 qubits.*transpile"),
        (Circuit(1).channel(Channel.mixture([0.5, 0.5], [np.eye(2), np.eye(2)]), [0]), "channel"),
        (Circuit(1, 1).measure(0, 0, ReadoutError([[0.9, 0.1], [0, 1]])), "readout error"),
        (Circuit(1).save("statevector"), "'Save'"),
        (Circuit(1).initialize([0, 1], [0]), "'Initialize'"),
        (Circuit(1).set_state([0, 1]), "'SetState'"),
        (Circuit(11).diagonal(np.ones(1 << 11), range(11)), "at most 10 qubits"),
    ],
    ids=["unitary", "channel", "readout", "save", "initialize", "state", "wide"],
)
def test_what_openqasm_3_cannot_say_is_named(circuit, words):
    with pytest.raises(UnsupportedError, match=words):
        dumps(circuit)


def test_names_are_made_legal_and_unique():
    circuit = Circuit(1, 1)
    circuit.registers = (("gate", 1),)
    circuit.rx(Parameter("θ[0]"), 0).rx(Parameter("1st"), 0).rx(Parameter("x"), 0)
    circuit.assign(Var("c d", BOOL), Bit(0)).assign(
        Var("c_d", BOOL), Unary("not", Var("c d", BOOL))
    )
    read = loads(dumps(circuit))
    assert len(read.parameters) == 3
    assert read.registers[0][1] == 1

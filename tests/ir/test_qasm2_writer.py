"""The OpenQASM 2 writer: Qiskit must read what it writes, and read the same circuit."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir import Channel, Circuit, Gate, Parameter, ReadoutError
from quasim_backend.ir.expr import BOOL, Binary, Bit, Bits, Const, Unary, Var, uint
from quasim_backend.ir.gate_table import RECORDS
from quasim_backend.ir.instructions import If
from quasim_backend.ir.qasm2 import dumps, loads


def read_by_qiskit(text):
    qasm2 = pytest.importorskip("qiskit.qasm2")
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def assert_kept(gate, dense):
    """Write a gate on shuffled qubits; Qiskit must read its matrix back, up to a global phase."""
    from qiskit.quantum_info import Operator

    width = max(gate.num_qubits, 1)
    order = np.random.default_rng(gate.num_qubits).permutation(width)[: gate.num_qubits]
    circuit = Circuit(width).append(gate, [int(q) for q in order])
    expected = dense.circuit(circuit)
    read = Operator(read_by_qiskit(dumps(circuit))).data
    assert dense.phase_distance(read, expected) < 1e-9
    assert dense.phase_distance(dense.circuit(loads(dumps(circuit))), expected) < 1e-9


def random_unitary(size, seed):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    return q


@pytest.mark.parametrize("controls", [0, 1, 2, 3])
@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_gate_of_the_table_is_kept(name, controls, dense):
    record = RECORDS[name]
    params = np.random.default_rng(len(name)).uniform(-3, 3, len(record.parameters))
    state = (1 << controls) - 1 if controls < 2 else 1
    assert_kept(Gate.named(name, params, controls=controls, control_state=state), dense)


@pytest.mark.parametrize(
    "gate",
    [
        Gate.unitary(random_unitary(2, 1)),
        Gate.unitary(random_unitary(2, 2)).controlled(),
        Gate.unitary(random_unitary(2, 3)).controlled(3, 0b010),
        Gate.unitary([[0, 1j], [1, 0]]).controlled(2),
        Gate.diagonal(np.exp(1j * np.arange(8) ** 2)),
        Gate.diagonal(np.exp(1j * np.arange(4) ** 2)).controlled(2),
        Gate.permutation([3, 0, 2, 1]),
        Gate.permutation([5, 0, 7, 1, 2, 4, 6, 3]),
        Gate.permutation([3, 0, 2, 1]).controlled(2, 0b01),
        Gate.pauli_rotation("XIYZ", 0.7),
        Gate.pauli_rotation("YX", -1.2).controlled(2),
        Gate.pauli_rotation("III", 0.4).controlled(),
        Gate.named("x").to_power(0.3),
        Gate.named("h").to_power(-1.5).controlled(2),
        Gate.named("iswap").to_power(3),
        Gate.named("x", controls=6),
        Gate.named("u", (0.1, 0.2, 0.3)).to_power(2),
        Gate.named("gphase", (0.3,), controls=1),
    ],
    ids=lambda g: f"{g.name}-{g.num_controls}-{g.power}",
)
def test_other_gates_are_kept(gate, dense):
    assert_kept(gate, dense)


def test_numbers_are_kept_exactly():
    values = [1e-7, -3e-300, 1 / 3, 12345678.9, 1e22, -0.0]
    circuit = Circuit(1)
    for value in values:
        circuit.rx(value, 0)
    assert [i.gate.params[0] for i in loads(dumps(circuit)).instructions] == values
    assert "1.0e-07" in dumps(circuit)
    read = read_by_qiskit(dumps(circuit))
    assert [i.operation.params[0] for i in read.data] == values


def test_registers_and_names_are_kept():
    text = (
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg a[2];\nqreg b[1];\ncreg x1[1];\ncreg r[2];\n'
        "cx a[0],b[0];\nbarrier a[0],a[1];\nmeasure b[0] -> r[1];\nreset a[1];\n"
        "if(r==2) u1(0.5) a[0];\n"
    )
    assert dumps(loads(text)) == text


def test_unusable_register_names_are_replaced():
    circuit = Circuit(3, 2).h(0)
    circuit.qregisters = (("h", 1), ("Über", 1))
    circuit.registers = (("if", 1),)
    text = dumps(circuit)
    read = read_by_qiskit(text)
    assert [r.size for r in read.qregs] == [1, 1, 1]
    assert [r.size for r in read.cregs] == [1, 1]


def conditioned(condition, body, orelse=None):
    circuit = Circuit(2, 3)
    circuit.registers = (("c", 2), ("d", 1))
    return circuit.if_(condition, body, orelse)


def test_conditions_are_written_on_each_line():
    body = Circuit(2, 3).gate("ryy", (0, 1), (0.3,)).reset(0)
    text = dumps(conditioned(Binary("==", Bits((0, 1)), Const(2, uint(2))), body))
    lines = text.splitlines()[5:]
    assert len(lines) > 3
    assert all(line.startswith("if(c==2) ") for line in lines)
    read_by_qiskit(text)


def test_a_one_bit_register_may_have_an_else():
    for condition in (Bit(2), Unary("not", Bit(2)), Binary("==", Const(True, BOOL), Bit(2))):
        circuit = conditioned(condition, Circuit(2).x(0), Circuit(2).x(1))
        tests = sorted(line[:8] for line in dumps(circuit).splitlines()[5:])
        assert tests == ["if(d==0)", "if(d==1)"]


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (Circuit(2).unitary(random_unitary(4, 1), (0, 1)), ["'unitary'", "2 qubits", "u', 'cx"]),
        (Circuit(12).mcx(range(11), 11), ["12 qubits", "at most 10"]),
        (Circuit(1).channel(Channel.kraus([np.eye(2)]), (0,)), ["'ChannelOp'", "measurements"]),
        (Circuit(1).save("statevector"), ["'Save'"]),
        (Circuit(1).delay(1e-6, 0), ["'Delay'"]),
        (Circuit(1).initialize([0, 1], (0,)), ["'Initialize'"]),
        (Circuit(1, 1).measure(0, 0, ReadoutError.of(np.eye(2))), ["readout error"]),
        (conditioned(Bit(0), Circuit(2).x(0)), ["whole classical register", "c, d"]),
        (
            conditioned(Binary("<", Bits((0, 1)), Const(2, uint(2))), Circuit(2).x(0)),
            ["register =="],
        ),
        (conditioned(Var("a", BOOL), Circuit(2).x(0)), ["register == number"]),
        (
            conditioned(
                Binary("==", Bits((0, 1)), Const(1, uint(2))), Circuit(2).x(0), Circuit(2).x(1)
            ),
            ["no 'else'"],
        ),
        (conditioned(Bit(2), Circuit(2, 3).measure(0, 2).x(0)), ["measures into 'd'", "another"]),
        (conditioned(Bit(2), Circuit(2, 3).if_(Bit(2), Circuit(1).x(0))), ["If inside an If"]),
    ],
)
def test_what_openqasm_2_cannot_say_is_an_error_that_names_it(circuit, words):
    with pytest.raises(UnsupportedError) as caught:
        dumps(circuit)
    for word in words:
        assert word in str(caught.value)


def test_a_last_measurement_into_the_tested_register_is_written():
    circuit = conditioned(Bit(2), Circuit(2, 3).x(0).measure(0, 2))
    assert dumps(circuit).endswith("if(d==1) x q[0];\nif(d==1) measure q[0] -> d[0];\n")
    assert all(isinstance(i, If) for i in loads(dumps(circuit)).instructions)


def test_an_unbound_parameter_is_named():
    with pytest.raises(ParameterError, match="'theta'"):
        dumps(Circuit(1).rx(Parameter("theta"), 0))


def test_the_global_phase_is_dropped():
    assert dumps(Circuit(1).global_phase(0.3)) == dumps(Circuit(1))

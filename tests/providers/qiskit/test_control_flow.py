"""Control flow and classical expressions, run to the end."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import CASE_DEFAULT, Parameter
from qiskit.circuit.classical import expr, types
from qiskit.circuit.exceptions import CircuitError

from quasim_qiskit import AerSimulator
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.translate import translate

SHOTS = 4000


def counts(circuit: QuantumCircuit, shots: int = SHOTS, seed: int = 11) -> dict[str, int]:
    return AerSimulator().run(circuit, shots=shots, seed_simulator=seed).result().get_counts()


def only(circuit: QuantumCircuit) -> str:
    """Return the one outcome of a circuit without chance."""
    found = counts(circuit, shots=20)
    assert len(found) == 1, found
    return next(iter(found))


def test_if_else_on_a_bit(chi_square) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(2 * math.asin(math.sqrt(0.3)), 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.ry(2 * math.asin(math.sqrt(0.25)), 1)
    circuit.measure(1, 1)
    expected = {"11": 0.3, "10": 0.7 * 0.25, "00": 0.7 * 0.75}
    chi_square(counts(circuit), expected, SHOTS)


def test_if_on_a_register_with_other_bit_order() -> None:
    qubits, high, low = (
        QuantumRegister(3),
        ClassicalRegister(1, "high"),
        ClassicalRegister(2, "low"),
    )
    circuit = QuantumCircuit(qubits, high, low)
    circuit.x(1)
    circuit.measure(0, low[0])
    circuit.measure(1, low[1])
    with circuit.if_test((low, 2)):
        circuit.x(2)
    circuit.measure(2, high[0])
    assert only(circuit) == "10 1"


def test_teleportation_with_feed_forward() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.u(0.7, 0.4, -1.1, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(2)
    circuit.u(-0.7, 1.1, -0.4, 2)
    circuit.measure(2, 2)
    assert all(key[0] == "0" for key in counts(circuit))


def test_while_loop_until_heads(chi_square) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.x(1)
        circuit.h(0)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    # An even number of tails first: 1/2 + 1/8 + ... = 2/3.
    chi_square(counts(circuit), {"01": 2 / 3, "11": 1 / 3}, SHOTS)


def test_for_loop_with_a_parameter() -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(5), angle):
        circuit.rx(angle * math.pi / 10, 0)
    circuit.measure(0, 0)
    assert only(circuit) == "1"


def test_for_loop_with_an_angle_that_is_not_affine(chi_square) -> None:
    index = Parameter("index")
    body = QuantumCircuit(1, 1)
    body.ry(index * index * 0.1, 0)
    body.measure(0, 0)
    body.reset(0)
    loop = QuantumCircuit(1, 1)
    loop.for_loop((1, -3), index, body, [0], [0])
    probability = math.sin(0.45) ** 2
    chi_square(counts(loop), {"1": probability, "0": 1 - probability}, SHOTS)


def test_for_loop_over_a_variable() -> None:
    circuit = QuantumCircuit(1, 4)
    variable = expr.Var.new("i", types.Uint(4))
    body = QuantumCircuit(circuit.qubits, circuit.clbits, inputs=[variable])
    with body.if_test(expr.equal(variable, 3)):
        body.x(0)
    try:
        circuit.for_loop([1, 3, 5], variable, body, circuit.qubits, circuit.clbits)
    except CircuitError as cause:
        pytest.skip(f"this Qiskit has no loop variables: {cause}")
    circuit.measure(0, 2)
    assert only(circuit) == "0100"


def test_break_and_continue() -> None:
    circuit = QuantumCircuit(3, 3)
    with circuit.for_loop(range(10)):
        circuit.x(0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.continue_loop()
        circuit.x(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.break_loop()
        circuit.x(2)
    circuit.measure(2, 2)
    assert only(circuit) == "010"


def test_switch_with_several_labels_and_default() -> None:
    for value, expected in ((0, "1000"), (1, "1001"), (2, "0010"), (3, "1011")):
        circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(4, "c"))
        for bit in range(2):
            if value >> bit & 1:
                circuit.x(bit)
            circuit.measure(bit, bit)
        register = ClassicalRegister(bits=circuit.clbits[:2], name="low")
        circuit.add_register(register)
        with circuit.switch(register) as case:
            with case(0, 1):
                circuit.x(2)
            with case(2):
                circuit.z(2)
            with case(CASE_DEFAULT):
                circuit.x(2)
        circuit.measure(2, 3)
        result = AerSimulator().run(circuit, shots=10).result()
        assert result.data()["counts"] == {hex(int(expected, 2)): 10}


def test_box_and_composite_instructions_with_bits() -> None:
    inner = QuantumCircuit(2, 1, name="peek")
    inner.x(1)
    inner.measure(1, 0)
    circuit = QuantumCircuit(3, 3)
    with circuit.box():
        circuit.append(inner.to_instruction(), [2, 0], [1])
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.x(2)
    circuit.measure([0, 2], [0, 2])
    assert only(circuit) == "111"


A, B = 0b1101, 0b0110
EXPRESSIONS = {
    "bit_and": (lambda a, b: expr.bit_and(a, b), A & B),
    "bit_or": (lambda a, b: expr.bit_or(a, b), A | B),
    "bit_xor": (lambda a, b: expr.bit_xor(a, b), A ^ B),
    "bit_not": (lambda a, b: expr.bit_not(a), ~A & 15),
    "add": (lambda a, b: expr.add(a, b), (A + B) & 15),
    "sub": (lambda a, b: expr.sub(b, a), (B - A) & 15),
    "mul": (lambda a, b: expr.mul(a, b), A * B & 15),
    "div": (lambda a, b: expr.div(a, b), A // B),
    "shift_left": (lambda a, b: expr.shift_left(a, 1), (A << 1) & 15),
    "shift_right": (lambda a, b: expr.shift_right(a, 2), A >> 2),
    "cast": (lambda a, b: expr.cast(expr.less(b, a), types.Uint(4)), 1),
    "nested": (lambda a, b: expr.add(expr.bit_and(a, 7), expr.shift_right(b, 1)), (A & 7) + 3),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_over_registers_and_variables(name: str) -> None:
    build, expected = EXPRESSIONS[name]
    a, b, out = ClassicalRegister(4, "a"), ClassicalRegister(4, "b"), ClassicalRegister(4, "out")
    circuit = QuantumCircuit(QuantumRegister(4), a, b, out)
    for bit in range(4):
        if A >> bit & 1:
            circuit.x(bit)
    circuit.measure(range(4), a)
    variable = circuit.add_var("v", expr.lift(B, types.Uint(4)))
    circuit.store(b, variable)
    circuit.store(out, build(a, variable))
    assert only(circuit) == f"{expected:04b} {B:04b} {A:04b}"


COMPARISONS = {
    "equal": expr.equal,
    "not_equal": expr.not_equal,
    "less": expr.less,
    "less_equal": expr.less_equal,
    "greater": expr.greater,
    "greater_equal": expr.greater_equal,
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str) -> None:
    import operator

    python = {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le"}
    python |= {"greater": "gt", "greater_equal": "ge"}
    for left in (2, 5):
        circuit = QuantumCircuit(1, 1)
        variable = circuit.add_var("v", expr.lift(left, types.Uint(8)))
        with circuit.if_test(COMPARISONS[name](variable, 3)):
            circuit.x(0)
        circuit.measure(0, 0)
        assert only(circuit) == str(int(getattr(operator, python[name])(left, 3)))


def test_boolean_variables_and_logic() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    yes = circuit.add_var("yes", expr.lift(circuit.clbits[0]))
    no = circuit.add_var("no", expr.logic_not(yes))
    with circuit.if_test(expr.logic_and(yes, expr.logic_or(no, expr.logic_not(no)))):
        circuit.x(1)
    circuit.measure(1, 1)
    assert only(circuit) == "11"


def test_indexing_and_storing_one_bit() -> None:
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(3, "c"))
    register = circuit.cregs[0]
    value = circuit.add_var("value", expr.lift(0b100, types.Uint(3)))
    place = circuit.add_var("place", expr.lift(1, types.Uint(3)))
    circuit.store(expr.index(value, place), expr.lift(True))
    circuit.store(register, value)
    with circuit.if_test(expr.index(register, 2)):
        circuit.x(0)
    circuit.measure(0, register[0])
    circuit.store(expr.index(register, 2), expr.lift(False))
    assert only(circuit) == "011"


def test_floats_in_conditions() -> None:
    circuit = QuantumCircuit(1, 1)
    value = circuit.add_var("value", expr.lift(0.25))
    with circuit.if_test(expr.less(expr.mul(value, 3.0), 0.8)):
        circuit.x(0)
    circuit.measure(0, 0)
    assert only(circuit) == "1"


def test_variables_of_inner_scopes_stay_apart() -> None:
    circuit = QuantumCircuit(1, 2)
    outer = circuit.add_var("v", expr.lift(True))
    with circuit.if_test(expr.lift(True)):
        inner = circuit.add_var("v2", expr.lift(False))
        circuit.store(circuit.clbits[0], inner)
    circuit.store(circuit.clbits[1], outer)
    assert only(circuit) == "10"


def test_input_variables_need_a_value() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.add_input("answer", types.Bool())
    with pytest.raises(QuasimQiskitError, match="answer"):
        translate(circuit)


def _random_dynamic(rng: np.random.Generator) -> QuantumCircuit:
    circuit = QuantumCircuit(4, 4)
    for _ in range(6):
        for qubit in range(4):
            circuit.u(*rng.uniform(-3, 3, 3).tolist(), qubit)
        a, b = rng.choice(4, 2, replace=False).tolist()
        circuit.cx(a, b)
        kind, bit = rng.integers(3), int(rng.integers(4))
        circuit.measure(a, bit)
        if kind == 0:
            with circuit.if_test((circuit.clbits[bit], 1)) as otherwise:
                circuit.ry(0.9, b)
            with otherwise:
                circuit.cz(a, b)
        elif kind == 1:
            with circuit.if_test(expr.bit_xor(circuit.clbits[bit], circuit.clbits[(bit + 1) % 4])):
                circuit.h(b)
        else:
            circuit.reset(a)
            with circuit.for_loop(range(2)):
                circuit.rx(0.4, a)
    circuit.measure(range(4), range(4))
    return circuit


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dynamic_circuits_agree_with_aer(seed: int, same_distribution) -> None:
    aer = pytest.importorskip("qiskit_aer")
    circuit = _random_dynamic(np.random.default_rng(seed))
    reference = aer.AerSimulator(seed_simulator=5, max_parallel_threads=1)
    expected = reference.run(circuit, shots=SHOTS).result().get_counts()
    same_distribution(counts(circuit, seed=seed), expected)


def test_blocks_map_bits_by_position_at_every_depth() -> None:
    from itertools import permutations

    from qiskit.circuit import Clbit, IfElseOp, Qubit

    def block() -> QuantumCircuit:
        return QuantumCircuit([Qubit() for _ in range(3)], [Clbit() for _ in range(3)])

    circuits, answers = [], []
    for outer in permutations(range(3)):
        for inner in permutations(range(3)):
            for tested in range(3):
                circuit = QuantumCircuit(3, 3)
                circuit.x(0)
                circuit.measure(0, 1)  # bit 1 is one, the others zero
                circuit.x(0)
                flip, body = block(), block()
                flip.x(0)
                body.append(IfElseOp((body.clbits[tested], 1), flip), inner, inner)
                circuit.append(IfElseOp((circuit.clbits[1], 1), body), outer, outer)
                circuit.measure([0, 1, 2], [0, 1, 2])
                circuits.append(circuit)
                # Bit `tested` of the body is bit outer[tested] of the circuit, and qubit 0 of the
                # inner block is qubit outer[inner[0]].
                answers.append(1 << outer[inner[0]] if outer[tested] == 1 else 0)
    result = AerSimulator().run(circuits, shots=3).result()
    for number, answer in enumerate(answers):
        assert result.get_counts(number) == {format(answer, "03b"): 3}


@pytest.mark.parametrize("end", ["continue_loop", "break_loop"])
@pytest.mark.parametrize("taken", [False, True])
def test_loops_without_qubits_leave_the_rest_of_the_circuit_alone(end: str, taken: bool) -> None:
    # Aer 0.18 makes such a `continue` or `break` a jump without qubits, moves it up to before the
    # measurement, and skips all between it and the loop.
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 1)
    with circuit.for_loop(range(2)), circuit.if_test((circuit.clbits[0], 0 if taken else 1)):
        getattr(circuit, end)()
    (loop,) = circuit.get_instructions("for_loop")
    assert not loop.qubits
    circuit.x(1)
    circuit.measure(1, 0)
    assert only(circuit) == "11"


def test_loop_without_qubits_after_an_if_inside_an_if(chi_square) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(2 * math.asin(math.sqrt(0.3)), 0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.swap(1, 0)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.ry(2 * math.asin(math.sqrt(0.25)), 0)
            circuit.measure(0, 0)
            circuit.x(1)  # Aer 0.18 loses this gate
    with circuit.for_loop(range(1)), circuit.if_test((circuit.clbits[0], 0)):
        circuit.continue_loop()
    circuit.measure(1, 1)
    # With chance 0.3 bit 1 is one, and so is qubit 1 after the swap. Then bit 0 is one with chance
    # 0.25, and qubit 1 is flipped back to zero.
    chi_square(counts(circuit), {"00": 0.7 + 0.3 * 0.75, "01": 0.3 * 0.25}, SHOTS)

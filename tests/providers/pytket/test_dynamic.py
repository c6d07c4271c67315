"""Measurements in the middle, conditions and classical operations, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pytket")

from pytket.circuit import (
    Bit,
    BitRegister,
    Circuit,
    ClExpr,
    ClOp,
    ClRegVar,
    OpType,
    ProjectorAssertionBox,
    Qubit,
    StabiliserAssertionBox,
    WiredClExpr,
)
from pytket.circuit.logic_exp import (
    BitNot,
    BitWiseOp,
    RegWiseOp,
    create_bit_logic_exp,
    create_reg_logic_exp,
    reg_eq,
    reg_geq,
    reg_gt,
    reg_leq,
    reg_lt,
    reg_neq,
)

from quasim_backend.errors import UnsupportedError
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit
from quasim_pytket import QuasimBackend
from quasim_pytket.translate import translate

SHOTS = 2000


@pytest.fixture(scope="module")
def backend():
    return QuasimBackend()


def encoded(outcome: tuple[int, ...]) -> int:
    return sum(bit << place for place, bit in enumerate(outcome))


def check(backend, circuit, distribution, seed=7) -> None:
    wanted = {encoded(outcome): p for outcome, p in distribution(circuit).items()}
    result = backend.run_circuit(circuit, n_shots=SHOTS, seed=seed)
    counts = {encoded(outcome): n for outcome, n in result.get_counts().items()}
    assert goodness_of_fit(counts, wanted) > FALSE_ALARM


def random_bits(qubits: int, bits: int) -> Circuit:
    """Return a circuit whose first bits are random and correlated."""
    circuit = Circuit(qubits, bits)
    for qubit in range(qubits):
        circuit.Ry(0.3 + 0.21 * qubit, qubit)
        if qubit:
            circuit.CX(qubit - 1, qubit)
        circuit.Measure(qubit, qubit)
    return circuit


def test_random_dynamic_circuits(backend, distribution):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        circuit = Circuit(4, 4)
        measured = 0
        for _ in range(30):
            qubit, other = (int(q) for q in rng.permutation(4)[:2])
            options = {}
            if measured and rng.random() < 0.4:
                width = int(rng.integers(1, 4))
                options["condition_bits"] = [int(b) for b in rng.permutation(4)[:width]]
                options["condition_value"] = int(rng.integers(1 << width))
            match rng.integers(7):
                case 0 | 1:
                    circuit.TK1(*rng.uniform(0, 2, 3), qubit, **options)
                case 2 | 3:
                    circuit.ISWAP(rng.uniform(0, 2), qubit, other, **options)
                case 4 if measured < 5:
                    free = set(range(4)) - set(options.get("condition_bits", ()))
                    measured += 1
                    circuit.Measure(qubit, int(rng.choice(sorted(free))), **options)
                case 5:
                    circuit.Reset(qubit, **options)
                case 6:
                    circuit.add_gate(OpType.Collapse, [qubit])
        circuit.Measure(2, 0)
        check(backend, circuit, distribution, seed)


def test_a_qubit_is_measured_twice(backend, distribution):
    circuit = Circuit(1, 3).H(0).Measure(0, 0).Measure(0, 1).H(0).Measure(0, 2)
    check(backend, circuit, distribution)


def test_conditions_on_several_bits_have_the_first_lowest(backend, distribution):
    circuit = random_bits(3, 4)
    circuit.add_gate(OpType.X, [0], condition_bits=[2, 0, 1], condition_value=0b011)
    circuit.Measure(0, 3)
    check(backend, circuit, distribution)


def test_conditions_of_conditions_and_phases(backend, distribution):
    circuit = random_bits(2, 3)
    circuit.Phase(0.3, condition_bits=[0], condition_value=1)
    circuit.add_barrier([0, 1])
    circuit.Measure(1, 2, condition_bits=[0], condition_value=1)
    circuit.X(1, condition=Bit(0) & BitNot(Bit(2)))
    circuit.Reset(0, condition_bits=[2], condition_value=0)
    circuit.Measure(0, 1)
    check(backend, circuit, distribution)


def test_set_and_copy_bits(backend, distribution):
    circuit = random_bits(3, 6)
    circuit.add_c_setbits([True, False], [3, 0])
    circuit.add_c_copybits([1, 2], [4, 5])
    circuit.add_c_setbits([True], [1], condition_bits=[2], condition_value=1)
    check(backend, circuit, distribution)


def test_truth_tables(backend, distribution):
    rng = np.random.default_rng(3)
    circuit = random_bits(3, 5)
    circuit.add_c_predicate([bool(b) for b in rng.integers(2, size=8)], [2, 0, 1], 3)
    circuit.add_c_modifier([bool(b) for b in rng.integers(2, size=8)], [1, 3], 4)
    circuit.add_c_transform([int(v) for v in rng.permutation(8)], [4, 0, 2])
    circuit.add_c_and(0, 1, 2)
    circuit.add_c_or(1, 3, 3)
    circuit.add_c_xor(0, 4, 4)
    circuit.add_c_not(1, 0)
    check(backend, circuit, distribution)


@pytest.mark.parametrize(("low", "high"), [(2, 5), (0, 3), (5, 2**64 - 1), (6, 2)])
def test_ranges(low: int, high: int, backend, distribution):
    circuit = random_bits(3, 4)
    circuit.add_c_range_predicate(low, high, [0, 2, 1], 3)
    check(backend, circuit, distribution)


def test_operations_on_registers(backend, distribution):
    circuit = Circuit(4)
    a, b, c = (circuit.add_c_register(name, 2) for name in "abc")
    for qubit, bit in enumerate([*a.to_list(), *b.to_list()]):
        circuit.Ry(0.3 + 0.1 * qubit, qubit).Measure(Qubit(qubit), bit)
    circuit.add_c_and_to_registers(a, b, c)
    circuit.add_c_xor_to_registers(a, c, b)
    circuit.add_c_not_to_registers(b, a)
    circuit.add_c_copyreg(a, c, condition_bits=[b[0]], condition_value=1)
    check(backend, circuit, distribution)


def registers() -> tuple[Circuit, BitRegister, BitRegister, BitRegister]:
    circuit = Circuit(5)
    a, b, out = (circuit.add_c_register(n, w) for n, w in (("a", 3), ("b", 2), ("out", 4)))
    for qubit, bit in enumerate([*a.to_list(), *b.to_list()]):
        circuit.Ry(0.3 + 0.1 * qubit, qubit).Measure(Qubit(qubit), bit)
    return circuit, a, b, out


ON_REGISTERS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a // (b | 1),
    "power": lambda a, b: a**b,
    "left": lambda a, b: a << b,
    "right": lambda a, b: a >> b,
    "logic": lambda a, b: (a & b) | (a ^ 5),
    "not": lambda a, b: create_reg_logic_exp(RegWiseOp.NOT, [a]) & 11,
    "negative": lambda a, b: create_reg_logic_exp(RegWiseOp.NEG, [a + b]),
    "nested": lambda a, b: ((a + b) * (a - 1) >> 1) ^ b,
}


@pytest.mark.parametrize("name", ON_REGISTERS)
def test_expressions_of_registers(name: str, backend, distribution):
    circuit, a, b, out = registers()
    circuit.add_clexpr_from_logicexp(ON_REGISTERS[name](a, b), out.to_list())
    check(backend, circuit, distribution)


@pytest.mark.parametrize("compare", [reg_eq, reg_neq, reg_lt, reg_gt, reg_leq, reg_geq])
def test_comparisons_of_registers(compare, backend, distribution):
    circuit, a, b, out = registers()
    circuit.add_clexpr_from_logicexp(compare(a, b), [out[0]])
    circuit.add_clexpr_from_logicexp(compare(a + b, 3), [out[2]])
    circuit.X(0, condition=compare(a, 2))
    circuit.Measure(Qubit(0), out[1])
    check(backend, circuit, distribution)


def test_expressions_of_bits(backend, distribution):
    circuit, a, b, out = registers()
    exp = (a[0] & b[1]) | (a[2] ^ b[0]) ^ BitNot(a[1])
    circuit.add_clexpr_from_logicexp(exp, [out[0]])
    for place, op in enumerate((BitWiseOp.EQ, BitWiseOp.NEQ), 1):
        circuit.add_clexpr_from_logicexp(create_bit_logic_exp(op, [a[0], b[0]]), [out[place]])
    one = create_bit_logic_exp(BitWiseOp.ONE, [])
    circuit.add_clexpr_from_logicexp(one ^ a[1], [out[3]])
    check(backend, circuit, distribution)


def test_constants_and_bits_out_of_order(backend, distribution):
    circuit, a, _, out = registers()
    wired = WiredClExpr(
        ClExpr(ClOp.RegXor, [ClRegVar(0), ClExpr(ClOp.RegOne, [])]), {}, {0: [2, 0, 1]}, [4, 3, 5]
    )
    circuit.add_clexpr(wired, [*a.to_list(), *out.to_list()[:3]])
    check(backend, circuit, distribution)


def test_tables_that_are_too_large_are_refused():
    circuit = Circuit(0, 15).add_c_predicate([True] * (1 << 14), list(range(14)), 14)
    with pytest.raises(UnsupportedError, match="16384 entries is too large; possible is 8192"):
        translate(circuit)


def test_assertions_report_what_holds(backend):
    circuit = Circuit(3).H(0).CX(0, 1)
    circuit.add_assertion(StabiliserAssertionBox(["XX", "ZZ"]), [0, 1], ancilla=2, name="bell")
    projector = np.zeros((4, 4))
    projector[0, 0] = 1
    circuit.add_assertion(ProjectorAssertionBox(projector), [0, 1], name="zeros")
    info = backend.run_circuit(circuit, n_shots=500, seed=1).get_debug_info()
    assert info["bell"] == 1
    assert 0.3 < info["zeros"] < 0.7

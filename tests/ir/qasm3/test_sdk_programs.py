"""Programs that SDKs write: read, they are the circuits they were written from.

Qiskit's writer drops the global phase of gates it defines in the text, so circuits with such gates
are compared up to a global phase, all others exactly.
"""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.errors import QasmError
from quasim_backend.ir import Parameter, qasm3
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.oracles import dense_unitary

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit import qasm3 as qiskit_qasm3
from qiskit.circuit import Parameter as QiskitParameter
from qiskit.circuit import library
from qiskit.circuit.classical import expr, types
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator

from quasim_qiskit.translate import translate_circuit

_GATES = (
    (library.HGate, 1, 0),
    (library.SXGate, 1, 0),
    (library.TdgGate, 1, 0),
    (library.RXGate, 1, 1),
    (library.RYGate, 1, 1),
    (library.PhaseGate, 1, 1),
    (library.UGate, 1, 3),
    (library.CXGate, 2, 0),
    (library.CRYGate, 2, 1),
    (library.CPhaseGate, 2, 1),
    (library.CUGate, 2, 4),
    (library.CSwapGate, 3, 0),
)
_NOT_STANDARD = (
    (library.SXdgGate, 1, 0),
    (library.RXXGate, 2, 1),
    (library.RZXGate, 2, 1),
    (library.ECRGate, 2, 0),
    (library.iSwapGate, 2, 0),
    (library.XXPlusYYGate, 2, 2),
    (library.RCCXGate, 3, 0),
)


def _gate(rng, circuit, qubits, kinds=_GATES):
    kind, width, params = kinds[rng.integers(len(kinds))]
    places = rng.permutation(qubits)[:width].tolist()
    circuit.append(kind(*rng.uniform(-4, 4, params).tolist()), places)


def gate_circuit(seed, num_qubits=3, length=12):
    """Return a circuit whose text has no gate with a lost phase."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(num_qubits)
    for _ in range(length):
        _gate(rng, circuit, num_qubits)
    return circuit


class _Dynamic:
    """Draws dynamic circuits: every kind of control flow and of classical expression."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.qubits = QuantumRegister(3, "q")
        self.first, self.second = ClassicalRegister(2, "c"), ClassicalRegister(2, "d")
        self.circuit = QuantumCircuit(self.qubits, self.first, self.second)
        self.small = self.circuit.add_var("small", expr.lift(self.number(8), types.Uint(3)))
        self.large = self.circuit.add_var("large", expr.lift(self.number(256), types.Uint(8)))
        self.flag = self.circuit.add_var("flag", bool(self.number(2)))

    def number(self, size):
        return int(self.rng.integers(size))

    def pick(self, *options):
        return options[self.number(len(options))]

    def bit(self):
        return self.circuit.clbits[self.number(4)]

    def uint(self, depth=0):
        if depth > 1 or self.number(3) == 0:
            return self.pick(
                expr.lift(self.small),
                expr.lift(self.large),
                expr.lift(self.first),
                expr.lift(self.second),
            )
        left, right = self.uint(depth + 1), self.uint(depth + 1)
        form = self.number(8)
        if form == 0:
            return expr.bit_not(left)
        if form == 1:
            return expr.shift_left(left, self.number(4))
        if form == 2:
            return expr.shift_right(left, right)
        if form == 3:
            return expr.cast(left, types.Uint(self.pick(2, 3, 8, 9)))
        if form == 4:
            return expr.add(left, self.number(1 << left.type.width))
        if form == 5:
            right = expr.cast(right, types.Uint(left.type.width))
            return self.pick(expr.bit_and, expr.bit_or, expr.bit_xor)(left, right)
        return self.pick(expr.add, expr.sub, expr.mul)(left, right)

    def boolean(self, depth=0):
        form = self.number(8)
        if form == 0 or depth > 1:
            return self.pick(expr.lift(self.bit()), expr.lift(self.flag))
        if form == 1:
            return expr.logic_not(self.boolean(depth + 1))
        if form == 2:
            left, right = self.boolean(depth + 1), self.boolean(depth + 1)
            return self.pick(expr.logic_and, expr.logic_or, expr.bit_xor)(left, right)
        if form == 3:
            whole = self.pick(self.small, self.large, self.first)
            return expr.index(whole, self.number(2))
        if form == 4:
            return expr.cast(self.uint(depth + 1), types.Bool())
        if form == 5:
            return expr.equal(self.first, self.number(4))
        left, right = self.uint(depth + 1), self.uint(depth + 1)
        return self.pick(
            expr.less, expr.less_equal, expr.greater, expr.greater_equal, expr.not_equal
        )(left, right)

    def measure(self, circuit):
        qubit = self.number(3)
        circuit.ry(float(self.rng.uniform(0.5, 2.5)), qubit)
        circuit.measure(qubit, self.bit())

    def store(self, circuit):
        form = self.number(5)
        if form == 0:
            circuit.store(self.flag, self.boolean())
        elif form == 1:
            circuit.store(expr.index(self.large, self.number(8)), self.boolean())
        elif form == 2:
            circuit.store(self.bit(), self.boolean())
        else:
            target = self.pick(self.small, self.large, self.first)
            value = self.uint()
            width = 2 if target is self.first else target.type.width
            circuit.store(target, expr.cast(value, types.Uint(width)))

    def block(self, circuit, depth, in_loop):
        for _ in range(self.number(3) + 1):
            self.step(circuit, depth, in_loop)

    def step(self, circuit, depth, in_loop):
        form = self.number(12 if depth < 3 else 5)
        if form <= 1:
            kinds = _GATES if self.number(3) else _NOT_STANDARD
            _gate(self.rng, circuit, 3, kinds)
        elif form == 2:
            self.measure(circuit)
        elif form == 3:
            self.store(circuit)
        elif form == 4:
            self.pick(
                lambda: circuit.reset(self.number(3)),
                lambda: circuit.delay(self.number(5), self.number(3), "us"),
                lambda: circuit.barrier(),
            )()
        elif form in (5, 6):
            with circuit.if_test(self.boolean()) as otherwise:
                self.block(circuit, depth + 1, in_loop)
            if self.number(2):
                with otherwise:
                    self.block(circuit, depth + 1, in_loop)
        elif form == 7:
            target = self.pick(self.uint(), expr.lift(self.first))
            with circuit.switch(target) as case:
                with case(self.number(2)):
                    self.block(circuit, depth + 1, in_loop)
                with case(2, 3):
                    self.block(circuit, depth + 1, in_loop)
                if self.number(2):
                    with case(case.DEFAULT):
                        self.block(circuit, depth + 1, in_loop)
        elif form in (8, 9):
            values = self.pick(range(3), range(0, 5, 2), (1, 5, 2))
            with circuit.for_loop(values) as index:
                circuit.rx(0.3 * index + 0.1, self.number(3))
                self.block(circuit, depth + 1, True)
                if self.number(3) == 0:
                    with circuit.if_test(self.boolean()):
                        circuit.break_loop() if self.number(2) else circuit.continue_loop()
        elif form == 10:
            qubit, bit = self.number(3), self.bit()
            with circuit.while_loop((bit, 1)):
                self.block(circuit, 3, True)
                circuit.reset(qubit)
                circuit.ry(float(self.rng.uniform(0.8, 1.5)), qubit)
                circuit.measure(qubit, bit)
        else:
            with circuit.box():
                self.block(circuit, depth + 1, False)


def dynamic_circuit(seed, length=7):
    """Return a circuit with measurements, classical variables and control flow."""
    drawing = _Dynamic(seed)
    for _ in range(length):
        drawing.step(drawing.circuit, 0, False)
    drawing.measure(drawing.circuit)
    return drawing.circuit


def assert_same_gates(circuit, read, *, phase):
    wanted, got = Operator(circuit).data, dense_unitary(read)
    if not phase:
        overlap = np.vdot(wanted, got)
        wanted = wanted * (overlap / abs(overlap))
    assert np.abs(got - wanted).max() < 1e-9


def assert_same_distribution(circuit, read):
    wanted, got = exact_distribution(translate_circuit(circuit)), exact_distribution(read)
    assert all(abs(wanted.get(k, 0) - got.get(k, 0)) < 1e-9 for k in {*wanted, *got})


def check_gates(seed):
    circuit = gate_circuit(seed)
    assert_same_gates(circuit, qasm3.loads(qiskit_qasm3.dumps(circuit)), phase=True)


def check_any_gates(seed):
    circuit = random_circuit(4, 4, max_operands=4, seed=seed)
    assert_same_gates(circuit, qasm3.loads(qiskit_qasm3.dumps(circuit)), phase=False)


def check_dynamic(seed):
    circuit = dynamic_circuit(seed)
    text = qiskit_qasm3.dumps(circuit)
    read = qasm3.loads(text)
    assert_same_distribution(circuit, read)
    # What our writer makes of it is the same program again.
    assert_same_distribution(circuit, qasm3.loads(qasm3.dumps(read)))


def check_cirq(seed):
    cirq = pytest.importorskip("cirq")
    rng = np.random.default_rng(seed)
    qubits = cirq.LineQubit.range(3)
    one = (cirq.H, cirq.X**0.3, cirq.Y**-0.7, cirq.T, cirq.S**-1, cirq.PhasedXZGate.from_matrix)
    circuit = cirq.Circuit()
    for _ in range(8):
        places = [qubits[k] for k in rng.permutation(3)]
        form = rng.integers(6)
        if form == 0:
            circuit.append(cirq.ISWAP(*places[:2]) ** float(rng.uniform(-1, 1)))
        elif form == 1:
            circuit.append(cirq.CZPowGate(exponent=float(rng.uniform(-1, 1)))(*places[:2]))
        elif form == 2:
            circuit.append(cirq.Z(places[0]).controlled_by(*places[1:], control_values=[0, 1]))
        elif form == 3:
            circuit.append(cirq.FSimGate(*rng.uniform(-1, 1, 2).tolist())(*places[:2]))
        else:
            circuit.append(one[rng.integers(5)](places[0]))
    circuit.append(cirq.I.on_each(*qubits))
    read = qasm3.loads(circuit.to_qasm(version="3.0", precision=15))
    swapped = circuit.unitary(qubit_order=qubits[::-1])  # Cirq's first qubit is the highest bit
    got = dense_unitary(read)
    overlap = np.vdot(swapped, got)
    assert np.abs(got - swapped * overlap / abs(overlap)).max() < 1e-6


@pytest.mark.parametrize("seed", range(40))
def test_gates_of_qiskit_are_read_exactly(seed):
    check_gates(seed)


@pytest.mark.parametrize("seed", range(30))
def test_all_gates_of_qiskit_are_read(seed):
    check_any_gates(seed)


@pytest.mark.parametrize("seed", range(50))
def test_dynamic_circuits_of_qiskit_are_read_and_written(seed):
    check_dynamic(seed)


@pytest.mark.parametrize("seed", range(20))
def test_circuits_of_cirq_are_read(seed):
    check_cirq(seed)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(20))
def test_2000_programs_of_sdks_are_read(batch):
    for seed in range(1000 + 25 * batch, 1025 + 25 * batch):
        check_gates(seed)
        check_any_gates(seed)
        check_dynamic(seed)
        check_cirq(seed)


def test_parameters_of_qiskit_stay_symbolic():
    theta, phi = QiskitParameter("theta"), QiskitParameter("φ")
    circuit = QuantumCircuit(2)
    circuit.rx(2 * theta + phi / 2 - 1, 0)
    circuit.cp(-theta, 0, 1)
    circuit.rzz(phi, 0, 1)  # defined in the text
    read = qasm3.loads(qiskit_qasm3.dumps(circuit))
    assert {p.name for p in read.parameters} == {"theta", "φ"}
    values = {Parameter("theta"): 0.3, Parameter("φ"): 0.7}
    wanted = Operator(circuit.assign_parameters({theta: 0.3, phi: 0.7})).data
    assert np.abs(dense_unitary(read, values) - wanted).max() < 1e-12


def test_parameters_that_are_no_sums_of_multiples_need_a_value():
    theta = QiskitParameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta**2, 0)
    text = qiskit_qasm3.dumps(circuit)
    with pytest.raises(QasmError, match=r"'theta'.*sums of multiples.*inputs="):
        qasm3.loads(text)
    read = qasm3.loads(text, inputs={"theta": 0.5})
    assert read.instructions[0].gate.params == (0.25,)


def test_physical_qubits_of_a_transpiled_circuit():
    from qiskit import transpile

    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    placed = transpile(
        circuit, basis_gates=["u", "cx"], initial_layout=[2, 0], coupling_map=[[2, 0], [0, 1]]
    )
    text = qiskit_qasm3.dumps(placed)
    assert "$2" in text
    read = qasm3.loads(text)
    assert read.num_qubits == 3
    assert exact_distribution(read).keys() == {0, 3}


def test_overlapping_registers_are_aliases():
    qubits = QuantumRegister(3, "q")
    circuit = QuantumCircuit(qubits, QuantumRegister(name="pair", bits=[qubits[2], qubits[0]]))
    circuit.cx(2, 0)
    text = qiskit_qasm3.dumps(circuit, allow_aliasing=True)
    assert "let" in text
    assert_same_gates(circuit, qasm3.loads(text), phase=True)


def test_qiskit_reads_what_is_written():
    pytest.importorskip("qiskit_qasm3_import")
    from quasim_backend.testing.generators import random_circuit as random_ir_circuit

    kinds = ("named", "alias", "controlled", "diagonal", "permutation", "pauli_rotation")
    for seed in range(20):
        circuit = random_ir_circuit(np.random.default_rng(seed), 3, 5, kinds)
        if any(i.gate.name == "unitary" for i in circuit.instructions):
            continue
        theirs = Operator(qiskit_qasm3.loads(qasm3.dumps(circuit))).data
        assert np.abs(theirs - dense_unitary(circuit)).max() < 1e-9, seed

"""Gates of OpenQASM 3: names, modifiers, definitions, operands; matrices are the truth."""

from __future__ import annotations

import cmath
import math
import time

import numpy as np
import pytest

from quasim_backend.ir import Gate, Parameter, qasm3
from quasim_backend.ir.gates import unitary_power
from quasim_backend.ir.instructions import Barrier, GateOp, Measure, Reset
from quasim_backend.ir.qasm3.definitions import KNOWN, STANDARD_NAMES

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'


def unitary(text, dense):
    return dense.circuit(qasm3.loads(HEAD + text))


def gates(text):
    return [(i.gate, i.qubits) for i in qasm3.loads(HEAD + text).instructions]


@pytest.mark.parametrize("name", sorted(STANDARD_NAMES))
def test_every_standard_gate_means_what_it_means_in_qiskit(name):
    importer = pytest.importorskip("qiskit_qasm3_import")
    from qiskit.quantum_info import Operator

    gate = KNOWN[name]
    values = ", ".join(["0.3", "-1.1", "2.3", "0.7"][: len(gate.parameters)])
    operands = ", ".join(f"q[{k}]" for k in reversed(range(gate.num_qubits)))
    text = f"{HEAD}qubit[{gate.num_qubits}] q; {name}{f'({values})' if values else ''} {operands};"
    ours = qasm3.loads(text).instructions[0].gate.matrix()
    theirs = Operator(importer.parse(text))  # on reversed qubits
    assert np.allclose(theirs.reverse_qargs().data, ours, atol=1e-12)


def test_the_built_in_gates_need_no_include(dense):
    circuit = qasm3.loads("qubit q; U(0.1, 0.2, 0.3) q; gphase(0.4); gphase(pi/2);")
    expected = cmath.exp(1j * (0.4 + math.pi / 2)) * Gate.named("u", (0.1, 0.2, 0.3)).matrix()
    assert np.allclose(dense.circuit(circuit), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ctrl @ x q[0], q[1];", Gate.named("cx")),
        ("negctrl @ x q[0], q[1];", Gate.named("x", controls=1, control_state=0)),
        ("ctrl(2) @ h q[0], q[1], q[2];", Gate.named("h", controls=2)),
        ("ctrl @ negctrl @ z q[0], q[1], q[2];", Gate.named("z", controls=2, control_state=0b01)),
        ("negctrl @ ctrl @ z q[0], q[1], q[2];", Gate.named("z", controls=2, control_state=0b10)),
        ("negctrl(2) @ rx(0.3) q[0], q[1], q[2];",
         Gate.named("rx", (0.3,), controls=2, control_state=0)),
        ("inv @ s q[0];", Gate.named("sdg")),
        ("inv @ rx(0.3) q[0];", Gate.named("rx", (-0.3,))),
        ("inv @ inv @ t q[0];", Gate.named("t")),
        ("pow(2) @ t q[0];", Gate.named("s")),
        ("pow(-1) @ sx q[0];", Gate.named("sxdg")),
        ("pow(1/2) @ x q[0];", Gate.named("sx")),
        ("pow(0.5) @ z q[0];", Gate.named("s")),
        ("pow(0) @ h q[0];", Gate.named("id")),
        ("inv @ pow(1/2) @ ctrl @ x q[0], q[1];", Gate.named("csxdg")),
        ("ctrl @ pow(1/2) @ x q[0], q[1];", Gate.named("csx")),
        ("ctrl @ gphase(0.3) q[0];", Gate.named("p", (0.3,))),
        ("ctrl(2) @ gphase(0.3) q[0], q[1];", Gate.named("cp", (0.3,))),
        ("ctrl @ inv @ gphase(pi/3) q[0];", Gate.named("p", (-math.pi / 3,))),
        ("ctrl @ pow(3) @ gphase(2) q[0];", Gate.named("p", (6.0,))),
        ("ctrl @ U(0.1, 0.2, 0.3) q[0], q[1];", Gate.named("u", (0.1, 0.2, 0.3), controls=1)),
        # The root is that of the matrix: (X X)**(1/2) is the identity.
        ("pow(0.5) @ pow(2) @ x q[0];", Gate.named("id")),
        ("pow(2) @ pow(0.5) @ x q[0];", Gate.named("x")),
        ("ctrl @ pow(0.5) @ gphase(3) q[0];", Gate.named("p", (1.5,))),
        ("ctrl @ pow(0.5) @ gphase(4) q[0];", Gate.named("p", (2 - math.pi,))),
    ],
)  # fmt: skip
def test_modifiers(text, expected, dense):
    width = expected.num_qubits
    got = unitary(f"qubit[{max(width, 1)}] q; {text}", dense)
    assert np.abs(got - expected.matrix()).max() < 1e-12


BODY = "gate g(a, b) p, q { rx(a) p; ctrl @ ry(b) p, q; gphase(a*b); U(a, b, sin(b)) q; }\n"


def body_matrix(a, b):
    rx = np.kron(np.eye(2), Gate.named("rx", (a,)).matrix())
    cry = Gate.named("cry", (b,)).matrix()
    u = np.kron(Gate.named("u", (a, b, math.sin(b))).matrix(), np.eye(2))
    return u @ (cmath.exp(1j * a * b) * cry) @ rx


@pytest.mark.parametrize(
    ("modifiers", "change"),
    [
        ("", lambda m: m),
        ("inv @", lambda m: m.conj().T),
        ("pow(3) @", lambda m: m @ m @ m),
        ("pow(-2) @", lambda m: np.linalg.inv(m @ m)),
        ("pow(0.3) @", lambda m: unitary_power(m, 0.3)),
        ("inv @ pow(1/2) @ inv @", lambda m: unitary_power(m.conj().T, 0.5).conj().T),
        ("pow(2) @ pow(0.3) @", lambda m: unitary_power(m, 0.6)),
        ("pow(0.3) @ pow(2) @", lambda m: unitary_power(m @ m, 0.3)),
    ],
)
def test_modifiers_of_defined_gates(modifiers, change, dense):
    expected = change(body_matrix(0.7, -1.3))
    text = BODY + "qubit[4] q; "
    got = unitary(f"{text} {modifiers} g(0.7, -1.3) q[1], q[3];", dense)
    assert np.abs(got - dense.embed(expected, (1, 3), 4)).max() < 1e-9
    # Controls in front: outer ones first.
    got = unitary(
        f"{text} ctrl @ negctrl @ {modifiers} g(0.7, -1.3) q[2], q[0], q[1], q[3];", dense
    )
    controlled = Gate.unitary(expected).controlled(2, 0b01).matrix()
    assert np.abs(got - dense.embed(controlled, (2, 0, 1, 3), 4)).max() < 1e-9


def test_modifiers_inside_and_around_definitions(dense):
    text = """
        gate inner(t) a, b { ctrl @ rz(t) a, b; h a; gphase(t/2); }
        gate outer(t) a, b, c { inv @ inner(2*t) b, c; ctrl @ pow(2) @ inner(-t) a, c, b; }
        qubit[3] q; """

    def inner(t):
        hadamard = np.kron(np.eye(2), Gate.named("h").matrix())
        return cmath.exp(0.5j * t) * hadamard @ Gate.named("crz", (t,)).matrix()

    first = dense.embed(inner(0.8).conj().T, (1, 2), 3)
    squared = Gate.unitary(inner(-0.4) @ inner(-0.4)).controlled().matrix()
    expected = dense.embed(squared, (0, 2, 1), 3) @ first
    assert np.allclose(unitary(text + "outer(0.4) q[0], q[1], q[2];", dense), expected)
    got = unitary(text + "inv @ outer(0.4) q[0], q[1], q[2];", dense)
    assert np.allclose(got, expected.conj().T)


def test_loops_in_a_body_are_written_out(dense):
    got = unitary(
        "const int n = 3; gate g(t) a, b { for int i in [1:n] { rx(t*i) a; cx a, b; } } "
        "qubit[2] q; g(0.2) q[0], q[1];",
        dense,
    )
    expected = np.eye(4)
    for i in (1, 2, 3):
        rx = np.kron(np.eye(2), Gate.named("rx", (0.2 * i,)).matrix())
        expected = Gate.named("cx").matrix() @ rx @ expected
    assert np.allclose(got, expected)


def test_a_body_that_spells_out_a_gate_of_the_table_becomes_that_gate():
    rxx = "gate rxx(t) a, b { h a; h b; cx a, b; rz(t) b; cx a, b; h a; h b; }\nqubit[2] q; "
    assert [g.name for g, _ in gates(rxx + "rxx(0.3) q[1], q[0];")] == ["rxx"]
    # The phase of a body counts.
    found = gates("gate sxdg a { s a; h a; s a; } qubit q; sxdg q;")
    assert [g.name for g, _ in found] == ["gphase", "sxdg"]
    # The name does not.
    other = gates(rxx.replace("rz(t)", "rz(2*t)") + "rxx(0.3) q[1], q[0];")
    assert [g.name for g, _ in other] == ["h", "h", "x", "rz", "x", "h", "h"]


def test_parameters_stay_symbolic_through_definitions():
    text = """input float theta; input angle[20] phi;
        gate inner(a) q { rz(2*a + 1) q; } gate outer(a, b) q { inner(a - b/2) q; }
        qubit q; outer(3*theta, phi) q; rx(-(theta + phi) * 2 + pi) q;"""
    circuit = qasm3.loads(HEAD + text)
    assert [p.name for p in circuit.parameters] == ["theta", "phi"]
    values = {Parameter("theta"): 0.3, Parameter("phi"): 0.5}
    first, second = (i.gate for i in circuit.bind(values).instructions)
    assert first.params == pytest.approx((2 * (0.9 - 0.25) + 1,))
    assert second.params == pytest.approx((math.pi - 1.6,))


def test_registers_broadcast():
    text = "qubit[2] a; qubit[2] b; qubit c; "
    assert [q for _, q in gates(text + "h a;")] == [(0,), (1,)]
    assert [q for _, q in gates(text + "cx a, b;")] == [(0, 2), (1, 3)]
    assert [q for _, q in gates(text + "ccx a, c, b;")] == [(0, 4, 2), (1, 4, 3)]
    assert [q for _, q in gates(text + "ctrl @ x a[1], b;")] == [(1, 2), (1, 3)]


@pytest.mark.parametrize(
    ("operand", "qubits"),
    [
        ("q[0:2]", [0, 1, 2]),
        ("q[0:2:6]", [0, 2, 4, 6]),
        ("q[6:-2:1]", [6, 4, 2]),
        ("q[-1]", [7]),
        ("q[-3:-1]", [5, 6, 7]),
        ("q[:2]", [0, 1, 2]),
        ("q[6:]", [6, 7]),
        ("q[{5, 0, 3}]", [5, 0, 3]),
        ("q[n]", [2]),
        ("q[2*n - 1]", [3]),
        ("some", [1, 2, 7]),
        ("some[2]", [7]),
        ("some[1:2]", [2, 7]),
        ("one", [4]),
        ("listed", [3, 5]),
    ],
)
def test_operands(operand, qubits):
    text = (
        "const uint n = 2; qubit[8] q; let some = q[1:2] ++ q[7]; let one = q[4]; "
        "let listed = {q[3], q[5]}; "
    )
    assert [q for _, (q,) in gates(f"{text} x {operand};")] == qubits


def test_old_and_new_registers():
    circuit = qasm3.loads(HEAD + "qreg a[2]; qubit[3] b; qubit c; creg d[2]; bit[3] e; bit f;")
    assert circuit.qregisters == (("a", 2), ("b", 3), ("c", 1))
    assert circuit.registers == (("d", 2), ("e", 3), ("f", 1))


def test_measure_reset_and_barrier():
    circuit = qasm3.loads(
        HEAD + "qubit[2] q; bit[2] c; bit d; measure q -> c; c = measure q; d = measure q[1];"
        "bit e = measure q[0]; bit[2] f = measure q; c[1] = measure q[0]; c[{1, 0}] = measure q;"
        "reset q; reset q[1]; barrier q[1], q; barrier;"
    )
    found = circuit.instructions
    measured = [(i.qubits, i.clbits) for i in found if isinstance(i, Measure)]
    assert measured == [
        *[((0, 1), (0, 1))] * 2, ((1,), (2,)), ((0,), (3,)), ((0, 1), (4, 5)), ((0,), (1,)),
        ((0, 1), (1, 0)),
    ]  # fmt: skip
    assert [i.qubits for i in found if isinstance(i, Reset)] == [(0, 1), (1,)]
    assert [i.qubits for i in found if isinstance(i, Barrier)] == [(1, 0), (0, 1)]


def test_a_measurement_nobody_keeps_still_collapses():
    from quasim_backend.testing.density_oracle import exact_distribution

    circuit = qasm3.loads(HEAD + "qubit q; bit c; h q; measure q; h q; c = measure q;")
    assert exact_distribution(circuit) == pytest.approx({0: 0.5, 1: 0.5})
    assert qasm3.loads(qasm3.dumps(circuit)).instructions[1].channel is not None


def test_physical_qubits():
    circuit = qasm3.loads(HEAD + "bit[2] c; h $3; cx $3, $0; c[0] = measure $0; barrier $1;")
    assert circuit.num_qubits == 4
    assert [i.qubits for i in circuit.instructions] == [(3,), (3, 0), (0,), (1,)]


def test_delays_are_in_seconds():
    circuit = qasm3.loads(
        HEAD + "duration d = 2us; qubit q; delay[100ns] q; delay[d * 2 + 1ms] q; delay[0dt] q;"
        "delay[0.5s] q; delay[3 µs] q; box[1ms] { delay[d] q; }"
    )
    assert [i.duration for i in circuit.instructions] == [1e-7, 4e-6 + 1e-3, 0.0, 0.5, 3e-6, 2e-6]


def test_names_may_be_unicode_and_may_hide_gates():
    found = gates(
        "qubit[2] q; const float θ = π/2; uint[8] x = 1; rx(θ) q[x]; x q[0]; rx(τ/ℇ) q[0];"
    )
    assert [g.name for g, _ in found if isinstance(g, Gate)] == ["rx", "x", "rx"]


def test_a_gate_takes_microseconds_to_read():
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(10_000):
        first, second = rng.permutation(20)[:2]
        number = rng.uniform(-3, 3)
        lines += [
            (f"h q[{first}];", f"cx q[{first}], q[{second}];", f"rz(pi/2) q[{first}];",
             f"cp({number}) q[{first}], q[{second}];")[rng.integers(4)]
        ]  # fmt: skip
    text = HEAD + "qubit[20] q;\n" + "\n".join(lines)
    best = 1.0
    for _ in range(5):
        start = time.process_time()
        assert len(qasm3.loads(text)) == 10_000
        best = min(best, time.process_time() - start)
    assert best / 10_000 < 20e-6


def test_comments_annotations_and_include_variants():
    text = """/* leading
    comment */ OPENQASM 3.1; // version
    include 'no';""".replace("include 'no';", 'include "qelib1.inc";')
    text += """
    @reversible
    qubit q; // "not a string
    @bound.to x = "y" { ; }
    h /* inside */ q; /* x q; */
    """
    assert [i.gate.name for i in qasm3.loads(text).instructions] == ["h"]
    assert isinstance(qasm3.loads(text).instructions[0], GateOp)

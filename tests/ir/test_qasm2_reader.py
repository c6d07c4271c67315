"""The OpenQASM 2 reader, against Qiskit's reader and on damaged input."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quasim_backend.errors import QasmError
from quasim_backend.ir.expr import compile_expression
from quasim_backend.ir.instructions import Barrier, GateOp, If, Measure, Reset
from quasim_backend.ir.qasm2 import load, loads
from quasim_backend.ir.qasm2.definitions import KNOWN, LIBRARY_NAMES

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def theirs(text):
    qasm2 = pytest.importorskip("qiskit.qasm2")
    return qasm2.loads(
        text,
        custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
        custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
    )


def assert_same_unitary(text, dense):
    from qiskit.quantum_info import Operator

    expected = Operator(theirs(text)).data
    assert dense.phase_distance(dense.circuit(loads(text)), expected) < 1e-10


@pytest.mark.parametrize("name", sorted(LIBRARY_NAMES))
def test_every_gate_of_qelib1_means_what_it_means_in_qiskit(name, dense):
    gate = KNOWN[name]
    values = [0.3, -1.1, 2.3, 0.7][: gate.num_parameters] if name != "u0" else [1]
    arguments = f"({','.join(map(str, values))})" if values else ""
    qubits = random.Random(name).sample(range(gate.num_qubits), gate.num_qubits)
    spread = "".join(f"h q[{q}]; rz(0.{q + 1}) q[{q}];" for q in qubits)
    operands = ",".join(f"q[{q}]" for q in qubits)
    text = f"{HEAD}qreg q[{gate.num_qubits}];{spread}{name}{arguments} {operands};"
    assert_same_unitary(text, dense)


@pytest.mark.parametrize(
    "expression",
    [
        *("-2^2", "2^-1", "2^3^2", "1-2-3", "2*-3", "--2", "+2", "-2*3", "6/2/3", "-sin(1)^2"),
        *("sin(pi/3)+cos(2)*tan(.5)", "exp(-ln(3))", "sqrt(2)/2", "1e-2*3.", "(1+2)*(3-(4-5))"),
        *("2^(1/2)", "-(1)^2", "3-2^2*5", "1/2*pi", "pi", "((((1))))", "asin(0.3)+atan(acos(1))"),
        *("2^-1^2", "1 - -1", "5.E-1"),
    ],
)
def test_expressions_have_the_values_qiskit_gives_them(expression):
    text = f"{HEAD}qreg q[1]; rx({expression}) q[0];"
    expected = theirs(text).data[0].operation.params[0]
    assert loads(text).instructions[0].gate.params[0] == pytest.approx(expected, abs=1e-15)
    inside = f"{HEAD}gate g(a) q {{ rx({expression}+0*a) q; }} qreg q[1]; g(1) q[0];"
    assert loads(inside).instructions[0].gate.params[0] == pytest.approx(expected, abs=1e-15)


def test_nested_definitions_are_expanded(dense):
    text = (
        HEAD
        + """
    // comment with "quotes" and ; semicolons
    gate inner(a, b) p, q { rx(a/2) p; cx p, q; barrier p, q; rz(-b^2) q; }
    gate outer(t) x, y, z { inner(t, sin(t)) y, x; h z; inner(-t, pi-t) z, y; U(t,0,t) x; CX x,z; }
    gate nothing a, b {}
    gate rzz(t) a, b { cx a, b; rz(2*t) b; cx a, b; }  // not qelib1's meaning: ours wins
    qreg a[2]; qreg b[2];
    h a; h b[1]; outer(0.7) b[1], a[0], a[1]; nothing a[0], b[0]; rzz(0.4) a[0], b[1];
    """
    )
    # Qiskit would read its own rzz, so name it differently there.
    from qiskit.quantum_info import Operator

    expected = Operator(theirs(text.replace("rzz", "myrzz"))).data
    assert dense.phase_distance(dense.circuit(loads(text)), expected) < 1e-10


def test_gates_run_over_whole_registers(dense):
    text = HEAD + "qreg a[2]; qreg b[2]; h a; cx a, b; cp(0.3) a[1], b; ccx a, b[0], b[1];"
    with pytest.raises(QasmError, match="gets a qubit twice"):
        loads(text.replace("ccx a, b[0], b[1]", "ccx a, b[0], b"))
    assert_same_unitary(text, dense)


def test_what_qiskit_writes_is_read_back(dense):
    pytest.importorskip("qiskit")
    from qiskit import qasm2
    from qiskit.circuit.random import random_circuit
    from qiskit.quantum_info import Operator

    for seed in range(12):
        circuit = random_circuit(4, 5, max_operands=4, seed=seed)
        read = loads(qasm2.dumps(circuit))
        expected = Operator(circuit).data
        assert dense.phase_distance(dense.circuit(read), expected) < 1e-8, seed


def test_registers_are_kept_and_the_first_has_the_lowest_bits():
    circuit = loads(HEAD + "qreg a[2]; creg c[1]; qreg b[3]; creg d[2]; measure b[0] -> d[1];")
    assert circuit.num_qubits == 5
    assert circuit.num_clbits == 3
    assert circuit.qregisters == (("a", 2), ("b", 3))
    assert circuit.registers == (("c", 1), ("d", 2))
    (measure,) = circuit.instructions
    assert (measure.qubits, measure.clbits) == ((2,), (2,))


def test_measure_reset_and_barrier():
    circuit = loads(
        HEAD + "qreg q[2]; qreg r[1]; creg c[2]; measure q -> c; reset q; barrier q, r; barrier;"
    )
    measure, reset, barrier, every = circuit.instructions
    assert isinstance(measure, Measure)
    assert (measure.qubits, measure.clbits) == ((0, 1), (0, 1))
    assert isinstance(reset, Reset)
    assert reset.qubits == (0, 1)
    assert isinstance(barrier, Barrier)
    assert barrier.qubits == every.qubits == (0, 1, 2)


def test_conditions_compare_a_whole_register():
    circuit = loads(HEAD + "qreg q[2]; creg a[1]; creg c[2]; if (c == 2) x q; if(c==9) reset q[0];")
    first, second, never = circuit.instructions
    assert [i.body[0].qubits for i in (first, second)] == [(0,), (1,)]
    holds = compile_expression(first.condition, {})
    assert [bits for bits in range(8) if holds(bits, ())] == [0b100, 0b101]
    assert isinstance(never, If)
    assert not any(compile_expression(never.condition, {})(bits, ()) for bits in range(8))


def test_a_conditional_measurement_of_registers_tests_before_each_bit_as_in_qiskit():
    text = HEAD + "qreg q[2]; creg c[2]; if (c == 0) measure q -> c;"
    assert len(loads(text).instructions) == len(theirs(text).data) == 2


def test_empty_registers_are_allowed():
    circuit = loads(HEAD + "qreg z[0]; qreg q[1]; creg c[0]; h z; if (c == 0) x q[0];")
    assert compile_expression(circuit.instructions[0].condition, {})(0, ()) is True


def test_an_opaque_gate_with_a_known_meaning_can_be_used():
    circuit = loads("OPENQASM 2.0; opaque rzz(a) p, q; qreg q[2]; rzz(1) q[0], q[1];")
    assert circuit.instructions[0].gate.name == "rzz"


def test_text_without_qelib1_knows_two_gates_and_its_own():
    circuit = loads("gate h a { U(pi/2,0,pi) a; } qreg q[2]; h q[0]; CX q[0], q[1];")
    assert [i.gate.name for i in circuit.instructions] == ["u", "x"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("qreg q[2];\n  hh q[0];", (2, 3), ["Unknown gate 'hh'", "Did you mean", "'h'"]),
        ("qreg q[2]; cx q[0];", (1, 12), ["'cx'", "2 qubit", "got 1"]),
        ("qreg q[2]; rx q[0];", (1, 12), ["'rx'", "1 parameter", "got 0"]),
        ("qreg q[2]; h q[2];", (1, 14), ["q[2]", "out of range", "2 bits"]),
        ("qreg qubits[2]; h qubit[0];", (1, 19), ["'qubit'", "Did you mean 'qubits'"]),
        ("qreg q[2]; h q[0]", (1, 18), ["';'", "the end of the text"]),
        ("qreg q[2]; rx(1+) q[0];", (1, 17), ["Expected a number", "')'"]),
        ("qreg q[1]; rx(1/0) q[0];", (1, 15), ["1 / 0", "finite"]),
        ("qreg q[1]; rx((-1)^0.5) q[0];", (1, 15), ["finite"]),
        ("qreg q[1]; rx(ln(-1)) q[0];", (1, 15), ["ln(-1)"]),
        ("qreg q[1]; rx(1e999) q[0];", (1, 15), ["too large"]),
        ("qreg q[1]; rx(sun(1)) q[0];", (1, 15), ["'sun'", "Did you mean 'sin'"]),
        ("gate g(a) q { rx(1/a) q; } qreg q[1]; g(0) q[0];", (1, 39), ["In gate 'g'", "1 / 0"]),
        ("gate g q { rx(b) q; }", (1, 15), ["Unknown name 'b'"]),
        ("gate g q { h r; }", (1, 14), ["'r' is no qubit"]),
        ("gate g q { g q; }", (1, 12), ["Unknown gate 'g' in the body"]),
        ("gate g q, q { }", (1, 11), ["named twice"]),
        ("gate h q { }", (1, 6), ["already defined by qelib1.inc"]),
        ("gate g q { } gate g q { }", (1, 19), ["already defined in this text"]),
        ("opaque magic q; qreg q[1]; magic q[0];", (1, 28), ["opaque gate 'magic'", "definition"]),
        ("qreg q[1]; qreg q[1];", (1, 17), ["declared twice"]),
        ("qreg q;", (1, 6), ["size", "'q'"]),
        ("qreg q[9999999];", (1, 6), ["1048576"]),
        ("creg c[1]; if (c[0] == 1) x q;", (1, 16), ["whole registers", "'c[0]'"]),
        ("creg c[1]; if (c < 1) x q;", (1, 18), ["Unexpected character '<'"]),
        ("qreg q[1]; creg c[1]; if (c==1) barrier q;", (1, 33), ["'measure' or 'reset'"]),
        ("qreg q[2]; creg c[3]; measure q -> c;", (1, 23), ["2 qubit(s) into 3 bit(s)"]),
        ("qreg q[2]; qreg r[3]; cx q, r;", (1, 23), ["different sizes (2, 3)"]),
        ('include "other.inc";', (1, 9), ["'other.inc'", "load(path)"]),
        ("qreg q[1]; OPENQASM 2.0;", (1, 12), ["first statement"]),
        ("for i in q { }", (1, 1), ["Unknown gate 'for'"]),
    ],
)
def test_errors_point_at_the_place_and_teach(text, place, words):
    with pytest.raises(QasmError) as caught:
        loads('include "qelib1.inc";' + text, "file.qasm")
    line, column = place
    shift = len('include "qelib1.inc";') if line == 1 else 0
    assert (caught.value.line, caught.value.column) == (line, column + shift)
    assert str(caught.value).startswith(f"file.qasm:{line}:")
    for word in words:
        assert word in str(caught.value)


def test_a_gate_of_qelib1_used_without_the_include_says_which_line_to_add():
    with pytest.raises(QasmError, match=r'include "qelib1\.inc"'):
        loads("qreg q[1]; h q[0];")


def test_the_global_phase_pennylane_writes_is_kept():
    text = HEAD + "qreg q[1]; creg c[1]; gphase(0.5) q[0]; gphase(pi) ; if (c==0) gphase(1) q;"
    first, second, third = loads(text).instructions
    assert [i.gate.params for i in (first, second, third.body[0])] == [(-0.5,), (-math.pi,), (-1,)]
    with pytest.raises(QasmError, match="1 parameter"):
        loads(HEAD + "qreg q[1]; gphase q[0];")


def test_openqasm_3_is_named():
    with pytest.raises(QasmError, match=r"OpenQASM 3.*ir\.qasm3"):
        loads("OPENQASM 3.0; qubit q;")


def test_a_few_lines_cannot_expand_to_billions_of_gates():
    lines = ["gate g0 q { U(0,0,0) q; U(0,0,0) q; }"]
    lines += [f"gate g{k} q {{ g{k - 1} q; g{k - 1} q; }}" for k in range(1, 60)]
    with pytest.raises(QasmError, match="more than 10000000 operations"):
        loads("\n".join(lines) + "qreg q[1]; g59 q[0];")


def test_depth_exhausts_no_stack():
    deep = "(" * 50_000 + "1" + ")" * 50_000
    text = f"{HEAD}qreg q[1]; rx({deep}) q[0]; rx({'-' * 50_000}1) q[0]; rx(1{'^1' * 50_000}) q[0];"
    assert [i.gate.params for i in loads(text).instructions] == [(1.0,)] * 3
    chain = "gate g0(a) q { rx(a+1) q; }"
    chain += "".join(f"gate g{k}(a) q {{ g{k - 1}(a+1) q; }}" for k in range(1, 3000))
    circuit = loads(f"{HEAD}{chain} qreg q[1]; g2999(0) q[0];")
    assert circuit.instructions[0].gate.params == (3000.0,)


def test_names_are_never_run():
    text = 'qreg q[1]; __import__("os").system("true") q[0];'
    with pytest.raises(QasmError):
        loads(HEAD + text)
    circuit = loads(HEAD + "gate eval q { h q; } gate __import__ q { eval q; } qreg q[1]; eval q;")
    assert circuit.instructions[0].gate.name == "h"


def test_files_can_include_files_of_their_own_folder_only(tmp_path):
    (tmp_path / "lib.inc").write_text("gate twice q { U(pi,0,pi) q; U(pi,0,pi) q; }\n")
    main = tmp_path / "main.qasm"
    main.write_text('OPENQASM 2.0;\ninclude "lib.inc";\nqreg q[1];\ntwice q[0];\n')
    circuit = load(main)
    assert len(circuit) == 2
    assert circuit.name == "main"
    main.write_text('OPENQASM 2.0;\ninclude "../lib.inc";\n')
    with pytest.raises(QasmError, match="same folder"):
        load(main)
    main.write_text('include "main.qasm";')
    with pytest.raises(QasmError, match="includes itself"):
        load(main)
    main.write_text('include "absent.inc";')
    with pytest.raises(QasmError, match=r"main\.qasm:1:9: Cannot include"):
        load(main)
    (tmp_path / "lib.inc").write_text("gate bad q { ?; }")
    main.write_text('include "lib.inc";')
    with pytest.raises(QasmError, match=r"lib\.inc:1:14"):
        load(main)


SAMPLE = (
    HEAD
    + "gate g(a,b) p, q { rx(a^2/-b) p; cu3(sin(a),pi,1e-2) p,q; barrier p; }\nopaque o(x) y;\n"
    + "qreg q[3]; creg c[2]; // note\nh q; g(0.5,2) q[0],q[2]; if (c==1) x q[1];\n"
    + "barrier q[0],q; reset q[1]; measure q[0] -> c[1]; u2(pi/2,-3*(1+2)) q[2]; CX q[0],q[1];\n"
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SAMPLE)),
            st.integers(0, 6),
            st.text(
                alphabet=st.sampled_from(list('(){}[];,->=+*/^"09.eqchgx \n\x00é')), max_size=4
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
@example([(0, len(SAMPLE), "")])
def test_damaged_text_gives_a_circuit_or_a_qasm_error(edits):
    text = SAMPLE
    for place, removed, inserted in edits:
        text = text[:place] + inserted + text[place + removed :]
    try:
        circuit = loads(text)
    except QasmError:
        return
    gates = [i.gate for i in circuit.walk() if isinstance(i, GateOp)]
    assert all(math.isfinite(p) for gate in gates for p in gate.params)


def test_many_blanks_are_read_in_linear_time():
    circuit = loads(
        HEAD + "qreg q[1];" + " \n" * 200_000 + "h" + " " * 200_000 + "q[0];" + " " * 200_000
    )
    assert np.allclose(circuit.instructions[0].gate.matrix() ** 2, 0.5)

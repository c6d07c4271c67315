"""Control flow of OpenQASM 3."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quasim_backend.errors import QasmError
from quasim_backend.ir import Gate, qasm3
from quasim_backend.ir.instructions import For, GateOp, If, Switch, While
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.oracles import dense_unitary

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'
COIN = "qubit[4] q; bit[4] c; h q[0]; c[0] = measure q[0];\n"


def distribution(text):
    return exact_distribution(qasm3.loads(HEAD + text))


def test_if_else_with_and_without_braces():
    text = COIN + "if (c[0]) x q[1]; else if (c == 0) { x q[2]; } else x q[3]; c = measure q;"
    assert distribution(text) == pytest.approx({0b0011: 0.5, 0b0100: 0.5})
    text = COIN + "if (c[0]) { x q[1]; } else { x q[2]; x q[3]; } c = measure q;"
    assert distribution(text) == pytest.approx({0b0011: 0.5, 0b1100: 0.5})
    # An 'else' belongs to the nearest 'if'.
    text = COIN + "if (c[0]) if (c == 3) x q[1]; else x q[2]; c = measure q;"
    assert distribution(text) == pytest.approx({0: 0.5, 0b0101: 0.5})


def test_a_branch_that_is_never_taken_is_left_out():
    text = (
        "qubit[2] q; for uint i in [0:1] { if (i < 1) cx q[i], q[i + 1]; else if (i == 5) "
        "{ x q[99]; } else { z q[i]; } } if (false) { nonsense; } if (1 == 1) y q[0];"
    )
    names = [i.gate.name for i in qasm3.loads(HEAD + text).instructions]
    assert names == ["x", "z", "y"]


def test_switch_runs_the_first_case_that_holds():
    text = (
        "qubit[4] q; bit[4] c; bit[2] k; h q[0]; h q[1]; k = measure q[0:1]; reset q; "
        "switch (k) { case 0 { } case 1, 2 { x q[0]; } default { x q[1]; x q[2]; } } c = measure q;"
    )
    found = {bits & 15: p for bits, p in distribution(text).items() if bits >> 4 in (0, 1, 3)}
    assert found == pytest.approx({0: 0.25, 1: 0.25, 6: 0.25})
    text = "qubit q; int n = -2; switch (n) { case 1 { x q; } case -2 { z q; } default { y q; } }"
    assert [i.gate.name for i in qasm3.loads(HEAD + text).instructions] == ["z"]


def test_while_break_and_continue():
    text = (
        "qubit[4] q; bit[4] c; uint[3] n = 0; c[0] = 1; while (c[0]) { n += 1; h q[0]; "
        "c[0] = measure q[0]; if (n == 2) break; } c[1:3] = n;"
    )
    # Out after one round with 1/2; after two rounds in any case.
    assert distribution(text) == pytest.approx({0b0010: 0.5, 0b0100: 0.25, 0b0101: 0.25})
    text = "qubit q; bit[4] c; uint[4] n; for int i in [0:5] { if (i == c + 2) continue; n += 1; }"
    text += "c = n;"
    assert distribution(text) == pytest.approx({5: 1.0})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("[0:3]", (0, 1, 2, 3)),
        ("[1:2:6]", (1, 3, 5)),
        ("[3:-1:1]", (3, 2, 1)),
        ("{4, 1, 1}", (4, 1, 1)),
        ("[n - 2:n]", (1, 2, 3)),
        ("steps", (5, -1, 2)),
    ],
)
def test_a_loop_over_angles_stays_a_loop(values, expected):
    text = (
        "const int n = 3; array[int[8], 3] steps = {5, -1, 2}; qubit q; "
        f"for int i in {values} {{ rx(i * 0.25 + pi) q; rz(-i) q; }}"
    )
    (loop,) = qasm3.loads(HEAD + text).instructions
    assert isinstance(loop, For)
    assert loop.values == expected
    assert loop.variable is None
    angles = [i.gate.bound({loop.parameter: 2.0}).params[0] for i in loop.body]
    assert angles == pytest.approx([math.pi + 0.5, -2.0])


@pytest.mark.parametrize(
    "body",
    [
        "h q[i];",
        "rx(pi / 2**i) q[0];",
        "rx(sin(i)) q[0];",
        "delay[i * 1ns] q[0];",
        "for int j in [0:i] { x q[j]; }",
        "pow(i) @ x q[0];",
        "if (i == 1) x q[i];",
        "c[i] = measure q[0];",
        "let a = q[i]; x a;",
    ],
)
def test_a_loop_whose_variable_selects_something_is_written_out(body):
    looped = qasm3.loads(f"{HEAD}qubit[4] q; bit[4] c; for int i in [0:2] {{ {body} }}")
    assert not any(isinstance(i, For) for i in looped.instructions)
    rounds = "".join(f"if (true) {{ const int i = {k}; {body} }}" for k in range(3))
    plain = qasm3.loads(f"{HEAD}qubit[4] q; bit[4] c; {rounds}")
    assert [repr(i) for i in looped.instructions] == [repr(i) for i in plain.instructions]


def test_a_written_out_loop_can_be_left_early():
    text = (
        "qubit[4] q; bit[4] c; bit[4] d; for int i in [0:3] { h q[i]; d[i] = measure q[i]; "
        "if (d[i]) break; x q[i]; } c = measure q;"
    )
    circuit = qasm3.loads(HEAD + text)
    assert isinstance(circuit.instructions[0], For)
    assert isinstance(circuit.instructions[0].body[0], Switch)
    found: dict[int, float] = {}
    for bits, p in exact_distribution(circuit).items():
        found[bits & 15] = found.get(bits & 15, 0) + p
    expected = {(1 << k + 1) - 1: 0.5 ** (k + 1) for k in range(4)}
    expected[15] += 0.5**4
    assert found == pytest.approx(expected)
    text = text.replace("break", "continue")
    weights = {bits & 15 for bits in exact_distribution(qasm3.loads(HEAD + text))}
    assert weights == {15}


def test_known_values_are_forgotten_where_paths_meet():
    text = COIN + "uint[4] n = 1; if (c[0]) { n = 2; } qubit[4] r; "
    with pytest.raises(QasmError, match="'n' is not"):
        qasm3.loads(HEAD + text + "x r[n];")
    same = COIN + "uint[4] n = 1; if (c[0]) { n = 2; } else { n = 2; } qubit[4] r; x r[n];"
    assert qasm3.loads(HEAD + same).instructions[-1].qubits == (6,)
    grows = "qubit[4] q; uint[4] n = 0; for int i in [0:2] { x q[n]; n += 1; }"
    assert [i.qubits for i in qasm3.loads(HEAD + grows).instructions] == [(0,), (1,), (2,)]


def test_values_assigned_anywhere_in_a_loop_are_forgotten():
    text = (
        "array[int[8], 2] arr = {1, 2}; qubit q; bit[4] c; uint[4] n = 0; for int i in [0:1] "
        "for int j in arr n += 1; c = n;"
    )
    assert distribution(text) == pytest.approx({4: 1.0})
    text = COIN + "uint[4] n = 0; while (c[0]) { if (c[1]) ; else n = 3; c[0] = 0; } c = n;"
    assert distribution(text) == pytest.approx({0: 0.5, 3: 0.5})


def test_a_quantum_fourier_transform_with_nested_loops(dense):
    text = """const int n = 3; qubit[n] q;
        for int i in [n - 1:-1:0] {
            h q[i];
            for int j in [i - 1:-1:0] { cp(pi / 2**(i - j)) q[j], q[i]; }
        }
        swap q[0], q[n - 1];"""
    got = dense_unitary(qasm3.loads(HEAD + text))
    index = np.arange(8)
    assert np.allclose(got, np.exp(2j * math.pi * np.outer(index, index) / 8) / math.sqrt(8))


def test_iterative_phase_estimation():
    phase = 5 / 8
    text = f"""const int n = 3; qubit[2] q; bit[n] c; x q[1];
        for int k in [0:n - 1] {{
            reset q[0]; h q[0];
            ctrl @ pow(2**(n - 1 - k)) @ p(2*pi*{phase}) q[0], q[1];
            for int j in [0:k - 1] {{ if (c[j]) p(-pi / 2**(k - j)) q[0]; }}
            h q[0]; c[k] = measure q[0];
        }}"""
    assert distribution(text) == pytest.approx({5: 1.0})


def test_box_and_end():
    circuit = qasm3.loads(HEAD + "qubit q; box { x q; } box[2us] { h q; } end;")
    assert [i.gate.name for i in circuit.instructions] == ["x", "h"]
    with pytest.raises(QasmError, match="last statement"):
        qasm3.loads(HEAD + "qubit q; end; x q;")


def test_conditions_become_instructions_of_the_ir():
    first, second = qasm3.loads(
        HEAD + "qubit q; bit c; if (c) x q; while (!c) c = measure q;"
    ).instructions
    assert isinstance(first, If)
    assert isinstance(second, While)
    assert isinstance(first.body[0], GateOp)
    assert first.body[0].gate.name == Gate.named("x").name

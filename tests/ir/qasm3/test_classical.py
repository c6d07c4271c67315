"""Classical types, variables and expressions of OpenQASM 3."""

from __future__ import annotations

import math

import pytest

from quasim_backend.errors import QasmError
from quasim_backend.ir import qasm3
from quasim_backend.ir.instructions import Assign, GateOp
from quasim_backend.testing.density_oracle import exact_distribution

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'


def angle(expression, before=""):
    circuit = qasm3.loads(f"{HEAD}{before} qubit q; rx({expression}) q;")
    (gate,) = [i.gate for i in circuit.instructions if isinstance(i, GateOp)]
    return gate.params[0]


def outcome(text):
    """Run a program without randomness; return its classical bits as one number."""
    ((bits, probability),) = exact_distribution(qasm3.loads(HEAD + text)).items()
    assert probability == pytest.approx(1)
    return bits


RUN_TIME = "qubit q; bit[8] m; x q; m[1] = measure q; m[2] = measure q; m[7] = measure q;\n"
"""Eight bits 0b10000110 = 134 that are known only while the circuit runs."""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("-2**2", -4), ("2**-1", 0.5), ("2**3**2", 512), ("1-2-3", -4), ("2*-3", -6), ("--2", 2),
        ("7 % 4", 3), ("-7 % 4", -3), ("1 << 3 | 1", 9), ("6 & 3 ^ 1", 3), ("~5 & 7", 2),
        ("0x1F + 0b101 + 0o17 + 1_000", 31 + 5 + 15 + 1000), ("1e-2 * 3.", 0.03), (".5", 0.5),
        ("pi/2", math.pi / 2), ("-3*pi/4", -3 * math.pi / 4), ("π + τ", 3 * math.pi),
        ("euler", math.e), ("2*(1+2)*(3-(4-5))", 24), ("sin(pi/3) + cos(2)*tan(.5)",
        math.sin(math.pi / 3) + math.cos(2) * math.tan(0.5)), ("arcsin(0.3) + arctan(arccos(1))",
        math.asin(0.3)), ("exp(-log(3))", 1 / 3), ("sqrt(2)/2", math.sqrt(2) / 2),
        ("ceiling(1.2) + floor(-1.2)", 0), ("pow(2, 10) + mod(7, 3)", 1025),
        ("popcount(13)", 3), ("rotl(uint[4](9), 1)", 3), ("rotr(uint[4](9), 1)", 12),
        ("float(uint[4](7) / uint[4](2))", 3), ("int(-7.9)", -7), ("uint[4](20)", 4),
        ("int[4](9)", -7), ("bool(3) + 1", 2), ("6/2/3", 1), ("4/2", 2), ("pi*1/2", math.pi / 2),
        ("(1 < 2) * 3.0", 3), ("n * 2 + f", 7.5), ("n / 2", 1), ("steps[1] + steps[n-1]", -4 + 7),
        ("c2[2] * 5", 5), ('uint[4]("0101")', 5), ("d / 1us", 0.1),
    ],
)  # fmt: skip
def test_constants(expression, value):
    before = (
        "const uint[8] n = 3; const float f = 1.5; array[int[8], 3] steps = {1, -4, 7}; "
        'const bit[4] c2 = "0101"; const duration d = 100ns;'
    )
    assert angle(expression, before) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("expression", ["1/2", "pi*(3/2)", "sin(1)*(1/3)"])
def test_a_fraction_of_whole_numbers_is_refused_for_it_would_be_rounded(expression):
    with pytest.raises(QasmError, match=r"divides whole numbers.*rounds to.*\.0/"):
        angle(expression)


def test_known_variables_may_stand_in_angles():
    assert angle("a * 2 + b", "float a = 0.25; int b = 3; a = a + 0.5;") == 4.5
    assert angle("a", "angle[4] a = pi / 2;") == pytest.approx(math.pi / 2)
    assert angle("a + b", "angle[3] a = 3*pi/2; angle[5] b = pi;") == pytest.approx(math.pi / 2)
    assert angle("a << 1", 'angle[3] a = "011";') == pytest.approx(2 * math.pi * 6 / 8)


def test_a_variable_that_is_not_known_before_the_run_cannot_stand_in_an_angle():
    with pytest.raises(QasmError, match=r"known before the circuit runs.*'a'.*'switch'"):
        qasm3.loads(HEAD + RUN_TIME + "float a = 1.0; if (m[0]) { a = 2.0; } rx(a) q;")
    with pytest.raises(QasmError, match="'a'"):
        qasm3.loads(HEAD + RUN_TIME + "float a = 1.0; while (m[0]) { rx(a) q; a += 1.0; }")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("u + 200", (134 + 200) % 256), ("u - 135", 255), ("u * 3", 134 * 3 % 256), ("u / 4", 33),
        ("u % 7", 134 % 7), ("~u", 121), ("-u", 122), ("u << 3", 134 << 3 & 255), ("u >> 3", 16),
        ("u & 7 | 8", 14), ("u ^ 255", 121), ("u ** 2", 134**2 % 256), ("int[8](u) / 4", -30 & 255),
        ("int[8](u) % 4", -2 & 255), ("int[8](u) >> 1", -61 & 255), ("uint[4](u) + 1", 7),
        ("m[1:3]", 3), ("m[{7, 0, 2}]", 5), ("m", 134), ("u[1] + u[0]", 1),
        ("popcount(7) + u", 137),
        ("(u > 100) + (u < 100)", 1), ("int[16](u) * -1", -134 & 255), ("u == 134", 1),
        ("int[8](u) == -122", 1), ("int[8](u) < u", 1), ("!u", 0), ("u && m[0]", 0),
        ("u || m[0]", 1), ("float(u) * 0.5", 67), ("bool(m) + 1", 2), ("m == \"10000110\"", 1),
        ("m[u - 127] + 0", 1), ("u[m[0:2] - 5]", 1), ("true && m[1]", 1), ("m[1] || false", 1),
    ],
)  # fmt: skip
def test_expressions_while_the_circuit_runs(expression, value):
    assert outcome(f"{RUN_TIME} uint[8] u = m; m = uint[8]({expression});") == value


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("u += 3;", 137), ("u -= 135;", 255), ("u *= 2;", 12), ("u /= 2;", 67), ("u %= 4;", 2),
        ("u <<= 1;", 12), ("u >>= 1;", 67), ("u &= 6;", 6), ("u |= 1;", 135), ("u ^= 255;", 121),
        ("u **= 2;", 134**2 % 256), ("u[0] = 1;", 135), ("u[m[1]] = 0;", 132), ("u[7] ^= 1;", 6),
        ("m[3] = true; u = m;", 142), ("m[0:1] = 1; u = m;", 133), ("m[{0, 7}] = 1; u = m;", 7),
        ("m[u[0]] = 1; u = m;", 135), ("m = 5; u = m;", 5), ("m = \"00000011\"; u = m;", 3),
    ],
)  # fmt: skip
def test_assignments(statement, value):
    assert outcome(f"{RUN_TIME} uint[8] u = m; {statement} m = u;") == value


def test_variables_start_with_their_initialiser_in_every_round():
    text = "bit[3] c; uint[3] n; for int i in [0:2] { uint[3] k = 1; k += i; n = k; } c = n;"
    assert outcome("qubit q;" + text) == 3


def test_inner_names_hide_outer_ones():
    assert (
        outcome("qubit q; bit[4] c; uint[4] n = 3; if (c == 0) { uint[4] n = 5; n = 6; } c = n;")
        == 3
    )
    text = "qubit q; bit[4] c = 1; uint[4] n = 3; if (c[0]) { bit[2] c = 2; n = c; } c = n;"
    assert outcome(text) & 15 == 2


def test_bits_may_start_with_a_value():
    circuit = qasm3.loads(HEAD + 'bit[4] a = "0101"; bit b = 1; bit[2] c = 0; bit[3] d = 6;')
    assert all(isinstance(i, Assign) for i in circuit.instructions)
    assert exact_distribution(circuit) == {5 | 1 << 4 | 6 << 7: 1.0}


def test_inputs_take_values():
    text = (
        HEAD
        + "input uint[4] n; input float f; input bool b; qubit[4] q; rx(f * n) q[n]; if (b) x q;"
    )
    circuit = qasm3.loads(text, inputs={"n": 3, "f": 0.5, "b": False})
    (operation,) = circuit.instructions
    assert (operation.qubits, operation.gate.params) == ((3,), (1.5,))
    with pytest.raises(QasmError, match=r"'n' of type uint\[4\] needs a value.*inputs="):
        qasm3.loads(text)
    with pytest.raises(QasmError, match=r"no input 'm'.*Known: b, f, n"):
        qasm3.loads(text, inputs={"m": 1, "n": 3, "f": 0.5, "b": False})
    with pytest.raises(QasmError, match="finite number"):
        qasm3.loads(text, inputs={"f": math.nan, "n": 1, "b": True})


def test_output_bits_are_bits():
    assert qasm3.loads(HEAD + "output bit[2] c;").registers == (("c", 2),)
    with pytest.raises(QasmError, match="output bit"):
        qasm3.loads(HEAD + "output float f;")

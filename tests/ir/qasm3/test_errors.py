"""Errors of the OpenQASM 3 reader: each gives the place, what is possible and what to do."""

from __future__ import annotations

import pytest

from quasim_backend.errors import QasmError
from quasim_backend.ir.qasm3 import load, loads

HEAD = 'include "stdgates.inc";'


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("qubit[2] q;\n  hh q[0];", (2, 3), ["Unknown gate 'hh'", "Did you mean", "'h'"]),
        ("qubit[2] q; cx q[0];", (1, 13), ["'cx'", "2 qubit", "got 1"]),
        ("qubit[2] q; rx q[0];", (1, 13), ["'rx'", "1 parameter", "theta", "got 0"]),
        ("qubit[2] q; h q[2];", (1, 15), ["q[2]", "out of range", "2 bits"]),
        ("qubit[2] q; h q[-3];", (1, 15), ["q[-3]", "out of range"]),
        ("qubit[2] q; h q[0:2];", (1, 15), ["q[2]", "out of range"]),
        ("qubit[2] qubits; h qbits[0];", (1, 20), ["'qbits'", "Did you mean 'qubits'"]),
        ("qubit q; h q[0];", (1, 12), ["single bit", "no index"]),
        ("qubit[2] q; h q[0]", (1, 19), ["';'", "the end of the text"]),
        ("qubit[2] q; cx q[0], q[0];", (1, 13), ["gets a qubit twice"]),
        ("qubit[2] q; qubit[3] r; cx q, r;", (1, 25), ["different sizes (2, 3)"]),
        ("qubit q; rx(1+) q;", (1, 15), ["Expected a number", "')'"]),
        ("qubit q; rx(1/0.0) q;", (1, 14), ["divides by zero"]),
        ("qubit q; rx((-1)**0.5) q;", (1, 17), ["math domain error"]),
        ("qubit q; rx(log(-1)) q;", (1, 13), ["log(-1)"]),
        ("qubit q; rx(1e999) q;", (1, 13), ["too large"]),
        ("qubit q; rx(sun(1)) q;", (1, 13), ["Unknown function 'sun'", "'sin'"]),
        ("qubit q; float angel; rx(angle) q;", (1, 31), ["'(' after"]),
        ("qubit q; const float big = 1.0; rx(bog) q;", (1, 36), ["'bog'", "Did you mean 'big'"]),
        ("qubit q; rx(q) q;", (1, 13), ["'q' is a qubit", "measure"]),
        ("qubit q; qubit q;", (1, 16), ["declared twice"]),
        ("qubit[99999999] q;", (1, 17), ["1048576"]),
        ("uint[5000] a;", (1, 1), ["1 to 4096"]),
        ("bit[3] c; qubit[2] q; c = measure q;", (1, 23), ["2 qubit(s) into 3 bit(s)"]),
        ("uint[3] c; qubit q; c = measure q;", (1, 25), ["bits", "uint[3]"]),
        ("const int n = 3; n = 4;", (1, 18), ["'n' is constant"]),
        ("for int i in [0:2] { i = 4; }", (1, 22), ["'i' is constant"]),
        ("a = 4;", (1, 1), ["'a' is not declared", "uint[8] a"]),
        ("break;", (1, 1), ["'break' belongs inside a loop"]),
        ("if (true) { qubit q; }", (1, 19), ["outside of blocks"]),
        ("if (true) { gate g q { } }", (1, 13), ["outside of blocks"]),
        ("gate g q { rx(b) q; }", (1, 15), ["Unknown name 'b'"]),
        ("gate g q { h r; }", (1, 14), ["'r' is no qubit"]),
        ("gate g q { g q; }", (1, 12), ["Unknown gate 'g' in the body"]),
        ("gate g q { measure q; }", (1, 12), ["Expected a statement in the body"]),
        ("gate g q, q { }", (1, 11), ["named twice"]),
        ("gate h q { }", (1, 6), ["already defined by stdgates.inc"]),
        ("gate g q { } gate g q { }", (1, 19), ["already defined in this text"]),
        ("gate g(a) q { rx(1/a) q; } qubit q; g(0) q;", (1, 37), ["In gate 'g'", "zero"]),
        ("qubit q; ctrl x q;", (1, 15), ["'@'"]),
        ("qubit q; pow @ x q;", (1, 14), ["exponent"]),
        ("qubit[2] q; ctrl(0) @ x q[0];", (1, 18), ["1 control or more"]),
        ("qubit[2] q; ctrl @ x q[0];", (1, 20), ["1 control(s)", "got 1"]),
        ("qubit q; delay[100dt] q;", (1, 19), ["'dt'", "s, ms, us or ns"]),
        ("qubit q; delay[3] q;", (1, 10), ["duration", "100ns"]),
        ("switch (1.5) { }", (1, 9), ["whole number"]),
        ("bit[2] c; switch (c) { case 1 { } case 1 { } }", (1, 35), ["appears twice"]),
        ("bit[2] c; switch (c) { default { } case 1 { } }", (1, 36), ["'default' comes last"]),
        ("for int i in 3 { }", (1, 14), ["range", "set"]),
        ("for int i in [0:] { }", (1, 16), ["Both bounds"]),
        ("bit[2] c; if (c[0] { }", (1, 20), ["')' after the condition"]),
        ("qubit q; bit c; if (measure q) x q;", (1, 21), ["Measure into a bit first"]),
        ("array[int[8], 3] a = {1, 2};", (1, 15), ["3 element(s)", "2 are given"]),
        ("array[int[8], 2, 2] a = {{1, 2}, {3, 4}};", (1, 16), ["one dimension"]),
        ("complex[float] z;", (1, 1), ["two floats"]),
        ("def f(int a) -> int { return a; }", (1, 1), ["'def'", "'gate'"]),
        ("extern f(int) -> int;", (1, 1), ["'extern'", "operators"]),
        ("cal { }", (1, 1), ["Pulses"]),
        ("defcal x $0 { }", (1, 1), ["Pulses"]),
        ("stretch a;", (1, 1), ["duration"]),
        ("qubit q; h $0;", (1, 12), ["not both"]),
        ("OPENQASM 3.0;", (1, 1), ["first statement"]),
        ('include "other.inc";', (1, 9), ["'other.inc'", "load(path)"]),
        ("qubit q; x q; }", (1, 15), ["Expected a statement", "'}'"]),
        ("qubit q; if (true) { x q;", (1, 20), ["no '}' for this '{'"]),
        ("h # q;", (1, 3), ["'#'"]),
        ("uint[4] a; a = 1.5 & 2;", (1, 20), ["works on bits"]),
        ("uint[4] a; bit c; c = a[4];", (1, 23), ["Bit 4 does not exist", "0..3"]),
    ],
)
def test_errors_point_at_the_place_and_teach(text, place, words):
    with pytest.raises(QasmError) as caught:
        loads(HEAD + text, "file.qasm")
    line, column = place
    shift = len(HEAD) if line == 1 else 0
    assert (caught.value.line, caught.value.column) == (line, column + shift), caught.value
    assert str(caught.value).startswith(f"file.qasm:{line}:")
    for word in words:
        assert word in str(caught.value)


def test_pragmas_are_refused_for_they_may_change_the_result():
    with pytest.raises(QasmError, match=r"<qasm>:2:3: The pragma 'fast math'.*Delete the line"):
        loads("qubit q;\n  #pragma fast math\n")
    with pytest.raises(QasmError, match="pragma"):
        loads("pragma something\n")
    loads("// #pragma in a comment\nqubit pragmatic;")


def test_openqasm_2_is_named():
    with pytest.raises(QasmError, match=r"version 3\.0.*'2\.0'.*qasm2"):
        loads("OPENQASM 2.0; qreg q[1];")


def test_a_gate_of_stdgates_used_without_the_include_says_which_line_to_add():
    with pytest.raises(QasmError, match=r'include "stdgates\.inc"'):
        loads("qubit q; h q;")


def test_files_can_include_files_of_their_own_folder_only(tmp_path):
    (tmp_path / "lib.inc").write_text("gate twice q { U(pi,0,pi) q; U(pi,0,pi) q; }\n")
    main = tmp_path / "main.qasm"
    main.write_text('OPENQASM 3.0;\ninclude "lib.inc";\nqubit q;\ntwice q;\n')
    circuit = load(main)
    assert len(circuit) == 2
    assert circuit.name == "main"
    main.write_text('OPENQASM 3.0;\ninclude "../lib.inc";\n')
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

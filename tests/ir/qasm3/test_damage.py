"""Damaged text gives a circuit or a `QasmError`; nothing else, in no time, and runs nothing."""

from __future__ import annotations

import math
import random
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quasim_backend.errors import QasmError
from quasim_backend.ir import qasm3
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.validate import validate

SAMPLES = (
    """OPENQASM 3.0;
include "stdgates.inc";
/* a block
   comment */
input float[64] theta;
const uint[8] n = 3;
const float f = 2 * pi / n;
array[int[16], 3] steps = {1, -2, 3};
gate mine(a, b) p, q { rx(a*b) p; ctrl @ inv @ rz(2*a) p, q; for int i in [0:1] { h q; }
  gphase(a/2); pow(0.5) @ x p; }
gate twice(a) q { pow(2) @ mine(a, 1) q, q2; }
qubit[4] q; qubit r; bit[4] c = "0101"; bit d; uint[4] u = 5; int[8] s = -1; bool b; float x = 0.5;
angle[8] an = pi / 2; duration dd = 100ns;
""".replace("gate twice(a) q {", "gate twice(a) q, q2 {"),
    """OPENQASM 3.0;
include "stdgates.inc";
qubit[4] q; bit[4] c; bit d; uint[4] u; int[8] s; bool b; float x; input angle th;
let pair = q[0:1] ++ q[3];
h q; cx q[0], q[{1, 2}]; negctrl(2) @ x q[0], q[1], q[-1]; U(th/2, 0.1, -pi) pair; barrier q, pair;
c = measure q; measure q[0] -> d; c[1] = measure q[2]; reset q[1:2]; delay[20us] q[0];
if (c == 3 && !d || u < 2) { u = u + 1; s -= 3; } else if (b) x += 0.5; else { c[u] = true; }
switch (u) { case 1, 2 { x q[0]; } case 3 { z q[1]; } default { y q[2]; } }
for uint i in [0:2] { cx q[i], q[i + 1]; rz(th * 2 + i) q[0]; if (c[i]) break; }
for int i in {1, 5, 2} { rx(0.1 * i) q[0]; if (u[0]) { continue; } s = s * i - int[8](u); }
while (~c[1] & d) { h q[1]; c[1] = measure q[1]; b = bool(u >> 1) ^ d; }
box [2ms] { x q[0]; } x q[3]; u = uint[4](c) % 3 << 1; x = sin(pi / 3) ** 2; end;
""",
)

_PIECES = (
    *("(", ")", "{", "}", "[", "]", ";", ",", "@", "=", "==", "<<", "**", "++", "-", "!", "~", ":"),
    *("q", "c[0]", "u", "1", "0", "-1", "99999999999999999999", "1e999", "0x", '"01"', '"', "pi"),
    *("if", "else", "for", "while", "switch", "case", "default", "measure", "ctrl @", "pow(1/2) @"),
    *(
        "gate",
        "uint[0]",
        "int",
        "bit[2]",
        "const",
        "input",
        "break;",
        "end;",
        "$3",
        "é",
        "\x00",
        "\n",
    ),
    *("//", "/*", "*/", "@note", "#pragma x", "def f() {}", "1/0", "2**99999", "in", "dt", "ns"),
)
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)


def damaged(seed: int) -> str:
    """Return a program with a few random mistakes: characters, words or lines."""
    rng = random.Random(seed)
    text = "".join(SAMPLES) if rng.random() < 0.1 else rng.choice(SAMPLES)
    for _ in range(rng.randint(1, 4)):
        form = rng.randrange(6)
        place = rng.randrange(len(text) + 1)
        if form == 0:
            text = text[:place] + text[place + rng.randint(1, 8) :]
        elif form == 1:
            text = text[:place] + rng.choice(_PIECES) + text[place:]
        elif form == 2:
            text = text[:place]
        else:
            words = _WORDS.findall(text) or [""]
            first, second = rng.randrange(len(words)), rng.randrange(len(words))
            if form == 3:
                words[first] = rng.choice(_PIECES)
            elif form == 4:
                words[first], words[second] = words[second], words[first]
            else:
                del words[first]
            text = "".join(words)
    return text


def check(text):
    start = time.process_time()
    try:
        circuit = qasm3.loads(text)
    except QasmError:
        circuit = None
    assert time.process_time() - start < 10  # of the processor: other work shares the machine
    if circuit is not None:
        validate(circuit)
        gates = [i.gate for i in circuit.walk() if isinstance(i, GateOp)]
        assert all(math.isfinite(p) for g in gates for p in g.params if isinstance(p, float))


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_are_legal(sample):
    assert len(qasm3.loads(sample))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_text_gives_a_circuit_or_a_qasm_error(seed):
    check(damaged(seed))


@pytest.mark.slow
def test_2000_damaged_texts_give_a_circuit_or_a_qasm_error():
    for seed in range(60, 2060):
        check(damaged(seed))


@given(
    st.integers(0, 1),
    st.lists(
        st.tuples(
            st.integers(0, 1500),
            st.integers(0, 6),
            st.text(st.sampled_from(list('(){}[];,->=+*/^@:~!&|<%"09.eqcux \n\x00é')), max_size=4),
        ),
        min_size=1,
        max_size=4,
    ),
)
@example(0, [(0, 1500, "")])
def test_text_with_letters_exchanged_gives_a_circuit_or_a_qasm_error(sample, edits):
    text = SAMPLES[sample]
    for place, removed, inserted in edits:
        text = text[:place] + inserted + text[place + removed :]
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "rx(" + "(" * 50_000 + "1" + ")" * 50_000 + ") q[0];",
        "rx(" + "-" * 50_000 + "1) q[0];",
        "rx(1" + "+1" * 50_000 + ") q[0];",
        "rx(1" + "**1" * 50_000 + ") q[0];",
        "rx(" + "sin(" * 20_000 + "1" + ")" * 20_000 + ") q[0];",
        "if (" + "!" * 20_000 + "c[0]) x q[0];",
        "if (c[0]" + " && c[1]" * 20_000 + ") x q[0];",
        "bool(" * 20_000,
        "x q" + "[q" * 20_000,
        "if (c[0]) " * 20_000 + "x q[0];",
        "if (c[0]) { " * 20_000 + "x q[0];" + "}" * 20_000,
        "if (c[0]) x q[0]; " + "else if (c[1]) x q[0];" * 20_000,
        "if (false) " * 20_000 + "x q[0];",
        "while (c[0]) " * 5_000 + "x q[0];",
        "for int i in [0:1] " * 5_000 + "x q[i];",
        "box { " * 20_000,
        "switch (c) { case 1 { " * 5_000,
        "ctrl @ " * 20_000 + "x q[0];",
        "inv @ " * 20_000 + "x q[0];",
        "gate g q { " + "for int i in [0:1] " * 5_000 + "x q; }",
        "uint[8] a; a = a" + " + a" * 20_000 + ";",
        "let a = q" + " ++ q" * 20_000 + ";",
        "/*" * 50_000,
        "c = " + '"' + "01" * 50_000 + '";',
        "rx(" + "9" * 100_000 + ") q[0];",
        "x q[" + "9" * 5_000 + "];",
        "const int a = 9 ** 9 ** 9 ** 9;",
        "const int a = 1 << 999999999999;",
        "for int i in [0:999999999999999999999] x q[0];",
        "for int i in [0:9999] for int j in [0:9999] x q[0]; for int k in [0:1] x q[k];",
        "for int i in [0:9999] for int j in [0:9999] x q[i - i + j - j];",
        "pow(1000000000) @ x q[0];",
        "gate g q { x q; h q; } pow(1000000000) @ g q[0];",
        "gate g q { x q; h q; } pow(0.5) @ g q[0];" * 3,
        "x q[0];" + " " * 200_000 + "x q[1];",
        "\n" * 200_000 + "x q[1];",
        "@" * 10_000 + "a\nx q[0];",
    ],
    ids=lambda text: text[:20].replace(" ", "_"),
)
def test_size_and_depth_exhaust_nothing(text):
    check('OPENQASM 3; include "stdgates.inc"; qubit[4] q; bit[4] c;\n' + text)


def test_a_chain_of_definitions_exhausts_no_stack():
    chain = "gate g0(a) q { rx(a) q; }\n"
    chain += "".join(
        f"gate g{k}(a) q {{ ctrl @ inv @ g{k - 1}(a + 1) q, r; }}".replace(
            "ctrl @ inv", "inv"
        ).replace(" q, r", " q")
        + "\n"
        for k in range(1, 3000)
    )
    circuit = qasm3.loads(f'include "stdgates.inc"; {chain} qubit q; g2999(0) q;')
    assert circuit.instructions[0].gate.params == (-2999.0,)
    roots = "gate r0 q { x q; s q; }\n"
    roots += "".join(f"gate r{k} q {{ pow(0.5) @ r{k - 1} q; }}\n" for k in range(1, 3000))
    with pytest.raises(QasmError, match="levels deep"):
        qasm3.loads(f'include "stdgates.inc"; {roots} qubit q; r2999 q;')


def test_a_few_lines_cannot_expand_to_billions_of_gates():
    lines = ["gate g0 q { U(0,0,0) q; U(0,0,0) q; }"]
    lines += [f"gate g{k} q {{ g{k - 1} q; g{k - 1} q; }}" for k in range(1, 60)]
    with pytest.raises(QasmError, match="more than 10000000 operations"):
        qasm3.loads("\n".join(lines) + "qubit q; g59 q;")


def test_names_are_never_run():
    with pytest.raises(QasmError):
        qasm3.loads('qubit q; __import__("os").system("true") q;')
    circuit = qasm3.loads(
        'include "stdgates.inc"; gate eval q { h q; } bit __class__; qubit exec; uint[8] os = 3;'
        "eval exec; if (__class__) { os = os + 1; } if (os == 3) { x exec; }"
    )
    assert circuit.instructions[1].gate.name == "h"

"""Which version of OpenQASM a text is."""

from __future__ import annotations

import pytest

from quasim_backend.ir import openqasm


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("OPENQASM 2.0; qreg q[1];", 2),
        ("OPENQASM 3; qubit q;", 3),
        ("OPENQASM 3.1; qreg q[1];", 3),
        ("  // OPENQASM 3.0;\n/* a\n b */ OPENQASM\n2.0;", 2),
        ("// made by hand\n\nOPENQASM 3.0;", 3),
        ('include "qelib1.inc"; qreg q[1];', 2),
        ('include "stdgates.inc";\nqreg q[1];', 3),
        ("qubit[2] q;\n", 3),
        ("qreg q[1]; // qubit q;", 2),
        ("", 2),
    ],
)
def test_the_version_is_stated_or_guessed(text, version):
    assert openqasm.version_of(text) == version


def test_text_and_files_of_both_versions_are_read(tmp_path):
    file = tmp_path / "one.qasm"
    for text in ("OPENQASM 2.0; qreg q[1]; U(1,2,3) q[0];", "OPENQASM 3.0; qubit q; U(1,2,3) q;"):
        file.write_text(text)
        for circuit in (openqasm.loads(text), openqasm.load(file)):
            assert circuit.instructions[0].gate.params == (1.0, 2.0, 3.0)

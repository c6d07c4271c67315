"""Which version of OpenQASM a text is."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir import openqasm
from quasim_backend.testing.oracles import dense_unitary


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


def reversed_qubits(matrix):
    """Return a matrix of big-endian qubits as one of little-endian qubits."""
    width = len(matrix).bit_length() - 1
    axes = [*reversed(range(width)), *reversed(range(width, 2 * width))]
    return matrix.reshape((2,) * (2 * width)).transpose(axes).reshape(matrix.shape)


@pytest.mark.parametrize("seed", range(20))
def test_what_pennylane_writes_is_read_exactly(seed):
    qml = pytest.importorskip("pennylane")
    rng = np.random.default_rng(seed)
    operations = []
    for _ in range(8):
        wires, angle = [int(w) for w in rng.permutation(3)], float(rng.uniform(-2, 2))
        kinds = (
            lambda w, a: qml.Hadamard(w[0]),
            lambda w, a: qml.CRY(a, w[:2]),
            lambda w, a: qml.Rot(a, 0.1, 0.2, w[0]),
            lambda w, a: qml.IsingXX(a, w[:2]),
            lambda w, a: qml.Toffoli(w),
            lambda w, a: qml.adjoint(qml.S(w[0])),
            lambda w, a: qml.SX(w[0]),
            lambda w, a: qml.GlobalPhase(a),
        )
        operations.append(kinds[rng.integers(8)](wires, angle))
    tape = qml.tape.QuantumScript(operations, [qml.probs(wires=range(3))])
    text = qml.to_openqasm(tape, wires=qml.wires.Wires(range(3)))
    text = "\n".join(line for line in text.splitlines() if not line.startswith("measure"))
    wanted = reversed_qubits(qml.matrix(tape, wire_order=range(3)))
    assert np.abs(dense_unitary(openqasm.loads(text)) - wanted).max() < 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_what_pytket_writes_is_read(seed):
    pytket = pytest.importorskip("pytket")
    from pytket.qasm import circuit_to_qasm_str

    rng = np.random.default_rng(seed)
    circuit = pytket.Circuit(3)
    for _ in range(10):
        qubits, angle = [int(q) for q in rng.permutation(3)], float(rng.uniform(-2, 2))
        getattr(circuit, str(rng.choice(["H", "T", "V", "Sdg", "SX", "X"])))(qubits[0])
        form = rng.integers(5)
        if form == 0:
            circuit.CRz(angle, *qubits[:2])
        elif form == 1:
            circuit.ZZPhase(angle, *qubits[:2])
        elif form == 2:
            circuit.U3(angle, 0.3, 0.2, qubits[0])
        elif form == 3:
            circuit.XXPhase(angle, *qubits[:2])
        else:
            circuit.CSWAP(*qubits)
    got = dense_unitary(openqasm.loads(circuit_to_qasm_str(circuit)))
    wanted = reversed_qubits(circuit.get_unitary())
    overlap = np.vdot(wanted, got)
    assert np.abs(got - wanted * overlap / abs(overlap)).max() < 1e-9

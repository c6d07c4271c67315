"""The circuits of tests/data/qasm: both readers agree on each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import If, Measure, Reset
from quasim_backend.ir.qasm2 import dumps, load, loads

FILES = sorted((Path(__file__).parents[1] / "data" / "qasm").glob("*.qasm"))


def test_the_files_are_there():
    assert len(FILES) >= 10
    kinds = {type(i) for file in FILES for i in load(file).instructions}
    assert {If, Reset, Measure} <= kinds


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_file_ends_in_measurements_and_both_readers_agree(file, dense):
    qasm2 = pytest.importorskip("qiskit.qasm2")
    circuit = load(file)
    assert isinstance(circuit.instructions[-1], Measure)
    assert file.stem.endswith(f"_{circuit.num_qubits}")
    theirs = qasm2.load(file, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    assert circuit.registers == tuple((r.name, r.size) for r in theirs.cregs)
    assert dumps(loads(dumps(circuit))) == dumps(circuit)
    if any(isinstance(i, If | Reset) for i in circuit.instructions) or circuit.num_qubits > 7:
        return
    from qiskit.quantum_info import Operator

    gates = Circuit(circuit.num_qubits)
    gates.instructions = [i for i in circuit.instructions if not isinstance(i, Measure)]
    theirs.remove_final_measurements()
    ours, expected = dense.circuit(gates), Operator(theirs).data
    assert np.abs(dense.phase_distance(ours, expected)) < 1e-9

"""``method="matrix_product_state"`` in Cirq: wide circuits, and the options of Cirq's own."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cirq")

import cirq

import quasim_cirq


def chain(num_qubits):
    qubits = cirq.LineQubit.range(num_qubits)
    circuit = cirq.Circuit(cirq.ry(0.3 + 0.1 * i).on(q) for i, q in enumerate(qubits))
    circuit += [cirq.ZZ(a, b) ** 0.4 for a, b in itertools.pairwise(qubits)]
    circuit += [cirq.rx(0.7).on_each(*qubits), cirq.CNOT(qubits[0], qubits[-1])]
    return qubits, circuit


def test_values_are_those_of_cirqs_simulator():
    qubits, circuit = chain(8)
    observables = [cirq.Z(qubits[0]) * cirq.Y(qubits[7]), cirq.X(qubits[3]) + 2 * cirq.Z(qubits[5])]
    ours = quasim_cirq.Simulator(dtype=np.complex128, method="matrix_product_state")
    found = ours.simulate_expectation_values(circuit, observables)
    wanted = cirq.Simulator(dtype=np.complex128).simulate_expectation_values(circuit, observables)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_wide_circuits_and_limits():
    qubits = cirq.LineQubit.range(80)
    circuit = cirq.Circuit(cirq.H(qubits[0]))
    circuit += [cirq.CNOT(a, b) for a, b in itertools.pairwise(qubits)]
    circuit += cirq.measure(*qubits, key="m")
    options = SimpleNamespace(max_bond=2, cutoff=1e-12)
    ours = quasim_cirq.Simulator(method="matrix_product_state", mps_options=options, seed=3)
    counts = ours.run(circuit, repetitions=100).histogram(key="m")
    assert set(counts) == {0, 2**80 - 1}
    narrow = SimpleNamespace(max_bond=1, cutoff=1e-12)
    with pytest.raises(Exception, match="max_bond_dimension=1"):
        quasim_cirq.Simulator(method="matrix_product_state", mps_options=narrow).run(circuit)

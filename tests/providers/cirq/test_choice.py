"""Samples of circuits that amplitudes are not for: the engine is chosen, as everywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from quasim_backend.errors import MemoryLimitError

cirq = pytest.importorskip("cirq")
sympy = pytest.importorskip("sympy")

import quasim_cirq  # noqa: E402


def ghz(qubits, *noise):
    chain = [cirq.CNOT(a, b) for a, b in pairwise(qubits)]
    return cirq.Circuit(cirq.H(qubits[0]), chain, *noise, cirq.measure(*qubits, key="m"))


@pytest.mark.parametrize("method", ["auto", "matrix_product_state", "stabilizer"])
@pytest.mark.parametrize("width", [40, 70])
def test_noise_on_wide_circuits(method, width):
    qubits = cirq.LineQubit.range(width)
    circuit = ghz(qubits, cirq.bit_flip(0.2)(qubits[3]), cirq.reset(qubits[5]))
    repetitions = 2000
    simulator = quasim_cirq.Simulator(seed=4, method=method)
    bits = simulator.run(circuit, repetitions=repetitions).measurements["m"]
    rest = np.delete(bits, [3, 5], axis=1)
    assert (rest == rest[:, :1]).all()
    assert not bits[:, 5].any()
    flips = (bits[:, 3] != bits[:, 0]).mean()
    assert abs(flips - 0.2) < 5 * np.sqrt(0.16 / repetitions)
    assert abs(bits[:, 0].mean() - 0.5) < 5 * np.sqrt(0.25 / repetitions)


def test_a_noisy_clifford_circuit_of_many_qubits_is_no_state_vector():
    qubits = cirq.LineQubit.range(30)
    circuit = cirq.Circuit()
    for _ in range(5):
        circuit.append(cirq.H.on_each(*qubits[::2]))
        for a, b in zip(qubits[::2], qubits[1::2], strict=True):
            circuit.append([cirq.CX(a, b), cirq.depolarize(0.01)(a)])
    circuit.append(cirq.measure(*qubits, key="m"))
    simulator = quasim_cirq.Simulator(seed=1)  # 8 GiB as amplitudes, for each repetition
    assert simulator.run(circuit, repetitions=50).measurements["m"].shape == (50, 30)
    again = quasim_cirq.Simulator(seed=1).run(circuit, repetitions=50)
    assert again == quasim_cirq.Simulator(seed=1).run(circuit, repetitions=50)


def test_a_circuit_too_hard_for_all_is_refused():
    qubits, rng = cirq.LineQubit.range(40), np.random.default_rng(0)
    circuit = cirq.Circuit()
    for _ in range(20):
        circuit.append(cirq.ry(rng.uniform(0, 3))(q) for q in qubits)
        order = rng.permutation(40)
        pairs = zip(order[::2], order[1::2], strict=True)
        circuit.append(cirq.CZ(qubits[a], qubits[b]) for a, b in pairs)
    with pytest.raises(MemoryLimitError, match="matrix_product_state"):
        quasim_cirq.Simulator().run(circuit + cirq.measure(*qubits), repetitions=1)


def test_single_amplitudes_of_many_qubits():
    qubits = cirq.LineQubit.range(70)
    angle = sympy.Symbol("a")
    circuit = cirq.Circuit(cirq.ry(angle)(qubits[0]))
    circuit.append(cirq.CNOT(a, b) for a, b in pairwise(qubits))
    circuit.append(cirq.Z(qubits[69]) ** 0.5)
    simulator = quasim_cirq.Simulator()
    asked = [0, (1 << 70) - 1, 5]
    for a in (0.4, 2.0):
        found = simulator.compute_amplitudes(circuit, asked, {"a": a})
        np.testing.assert_allclose(found, [np.cos(a / 2), 1j * np.sin(a / 2), 0], atol=1e-6)
    with pytest.raises(ValueError, match=r"below 2\*\*70"):
        simulator.compute_amplitudes(circuit, [1 << 70], {"a": 1.0})


def test_amplitudes_are_numbered_as_cirq_does():
    rng = np.random.default_rng(2)
    qubits = cirq.LineQubit.range(20)
    circuit = cirq.Circuit()
    for q in qubits:
        circuit.append(cirq.ry(rng.uniform(0, 3))(q))
    circuit.append(cirq.CZ(a, b) ** rng.uniform(0, 1) for a, b in pairwise(qubits))
    order = [qubits[k] for k in rng.permutation(20)]
    asked = [int(i) for i in rng.integers(0, 1 << 20, 7)]
    found = quasim_cirq.Simulator().compute_amplitudes(circuit, asked, qubit_order=order)
    expected = cirq.Simulator().compute_amplitudes(circuit, asked, qubit_order=order)
    np.testing.assert_allclose(found, expected, atol=1e-7)

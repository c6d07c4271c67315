"""``method="stabilizer"`` and tableaus against `cirq.CliffordSimulator` and density matrices."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("cirq")
pytest.importorskip("sympy")
pytest.importorskip("stim")

import cirq
import sympy

import quasim_cirq
from quasim_backend.errors import UnsupportedError
from quasim_backend.testing import FALSE_ALARM, goodness_of_fit

GATES = [cirq.H, cirq.S, cirq.X**0.5, cirq.Y, cirq.CNOT, cirq.CZ, cirq.SWAP]


def random_circuit(seed, width, length):
    rng = np.random.default_rng(seed)
    qubits = cirq.LineQubit.range(width)
    circuit = cirq.Circuit()
    for _ in range(length):
        gate = GATES[rng.integers(len(GATES))]
        chosen = rng.permutation(width)[: cirq.num_qubits(gate)]
        circuit.append(gate(*(qubits[i] for i in chosen)))
    return circuit, qubits


@pytest.mark.parametrize("seed", range(4))
def test_tableaus_stabilize_cirqs_own_state(seed):
    circuit, qubits = random_circuit(seed, 5, 40)
    tableau = quasim_cirq.clifford_tableau(circuit, qubit_order=qubits)
    state = cirq.final_state_vector(circuit, qubit_order=qubits, dtype=np.complex128)
    for row, stabilizer in enumerate(tableau.stabilizers()):
        pauli = cirq.PauliString(stabilizer.on(*qubits))
        value = pauli.expectation_from_state_vector(state, {q: i for i, q in enumerate(qubits)})
        assert value == pytest.approx(1, abs=1e-6), f"stabilizer {row}"
    theirs = cirq.CliffordTableau(5)
    wanted = cirq.CliffordTableauSimulationState(theirs, np.random.RandomState(0), qubits=qubits)
    for operation in circuit.all_operations():
        cirq.act_on(operation, wanted)
    assert tableau == wanted.tableau


@pytest.mark.parametrize("seed", range(4))
def test_clifford_states_have_their_phase(seed):
    circuit, qubits = random_circuit(20 + seed, 5, 60)
    state = quasim_cirq.clifford_state(circuit, qubit_order=qubits)
    wanted = cirq.final_state_vector(circuit, qubit_order=qubits, dtype=np.complex128)
    np.testing.assert_allclose(state.state_vector(), wanted, atol=1e-6)
    for gate, q in ((cirq.H, 1), (cirq.S, 3)):  # Cirq goes on from there
        state.apply_unitary(gate(qubits[q]))
        circuit.append(gate(qubits[q]))
    wanted = cirq.final_state_vector(circuit, qubit_order=qubits, dtype=np.complex128)
    np.testing.assert_allclose(state.state_vector(), wanted, atol=1e-6)


def test_clifford_states_of_120_qubits_are_cirqs():
    circuit, qubits = random_circuit(9, 120, 400)
    wanted = cirq.CliffordSimulator().simulate(circuit, qubit_order=qubits).final_state
    found = quasim_cirq.clifford_state(circuit, qubit_order=qubits)
    assert found.qubit_map == wanted.qubit_map
    form, rng = wanted.ch_form, np.random.RandomState(1)
    seen = 0
    for _ in range(20):
        # A basis state in the support: measured, and turned back into an index.
        state = form.copy()
        bits = [state.measure([q], rng)[0] for q in range(120)]
        index = int("".join(map(str, map(int, bits))), 2)
        amplitude = form.inner_product_of_state_and_x(index)
        assert abs(amplitude) > 0
        ours = found.ch_form.inner_product_of_state_and_x(index)
        assert ours / amplitude == pytest.approx(1, abs=1e-9)
        seen += found.ch_form.inner_product_of_state_and_x(index ^ 1) == 0
    assert seen in (0, 20)


def test_states_and_expectation_values():
    circuit, qubits = random_circuit(7, 4, 30)
    simulator = quasim_cirq.Simulator(method="stabilizer", dtype=np.complex128)
    wanted = cirq.Simulator(dtype=np.complex128).simulate(circuit, qubit_order=qubits)
    found = simulator.simulate(circuit, qubit_order=qubits)
    np.testing.assert_allclose(found.final_state_vector, wanted.final_state_vector, atol=1e-9)
    observables = [cirq.X(qubits[0]) * cirq.Y(qubits[3]), 2 * cirq.Z(qubits[1]) + cirq.X(qubits[2])]
    np.testing.assert_allclose(
        simulator.simulate_expectation_values(circuit, observables, qubit_order=qubits),
        cirq.Simulator().simulate_expectation_values(circuit, observables, qubit_order=qubits),
        atol=1e-6,
    )


def test_wide_samples_feed_forward_and_symbols():
    qubits = cirq.LineQubit.range(200)
    turn = sympy.Symbol("turn")
    circuit = cirq.Circuit(
        cirq.H(qubits[0]),
        [cirq.CNOT(a, b) for a, b in pairwise(qubits)],
        cirq.measure(qubits[0], key="first"),
        [cirq.X(q).with_classical_controls("first") for q in qubits],
        cirq.rx(turn)(qubits[5]),
        cirq.measure(*qubits, key="all"),
    )
    simulator = quasim_cirq.Simulator(method="stabilizer", seed=3)
    result = simulator.run(circuit, {"turn": np.pi}, repetitions=500)
    assert 150 < result.measurements["first"].sum() < 350
    ones = np.zeros(200, int)
    ones[5] = 1
    assert (result.measurements["all"] == ones).all()
    again = quasim_cirq.Simulator(method="stabilizer", seed=3)
    assert again.run(circuit, {"turn": np.pi}, repetitions=500) == result
    with pytest.raises(UnsupportedError, match=r"rx\(0.3\) on qubit"):
        simulator.run(circuit, {"turn": 0.3})


def test_noise_and_confusion_follow_the_density_matrix():
    a, b = cirq.LineQubit.range(2)
    circuit = cirq.Circuit(cirq.H(a), cirq.CNOT(a, b), cirq.S(b)).with_noise(cirq.depolarize(0.05))
    circuit.append([cirq.asymmetric_depolarize(0.1, 0.2, 0.05)(a), cirq.H(b)])
    rho = cirq.DensityMatrixSimulator().simulate(circuit).final_density_matrix
    confusion = np.array([[0.9, 0.1], [0.3, 0.7]])
    circuit.append(cirq.measure(a, b, key="m", confusion_map={(0,): confusion}))
    weights = confusion.T @ rho.diagonal().real.reshape(2, 2)
    result = quasim_cirq.Simulator(method="stabilizer", seed=1).run(circuit, repetitions=20000)
    exact = dict(enumerate(weights.reshape(-1).tolist()))
    assert goodness_of_fit(result.histogram(key="m"), exact) > FALSE_ALARM


def test_what_is_refused_is_not_left_to_cirq():
    q = cirq.LineQubit(0)
    with pytest.raises(UnsupportedError, match="is no Clifford gate"):
        quasim_cirq.Simulator(method="stabilizer").run(cirq.Circuit(cirq.T(q), cirq.measure(q)))
    with pytest.raises(UnsupportedError, match="no single final state"):
        quasim_cirq.clifford_tableau(cirq.Circuit(cirq.H(q), cirq.measure(q)))

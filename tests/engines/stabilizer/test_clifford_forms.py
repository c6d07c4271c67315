"""Gates recognised as Clifford by value: the form is the gate, exactly, and nothing else passes."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest

from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import Gate
from quasim_backend.testing import apply_matrix, haar_unitary
from quasim_backend.testing.generators import dense_clifford, is_clifford

stim = pytest.importorskip("stim")

from quasim_backend.engines.ch_form import ChForm  # noqa: E402
from quasim_backend.engines.pauli_images import words_of  # noqa: E402
from quasim_backend.engines.stabilizer.clifford import clifford_form, preparation  # noqa: E402

MATRICES = {
    "H": np.array([[1, 1], [1, -1]]) / math.sqrt(2),
    "S": np.diag([1, 1j]),
    "S_DAG": np.diag([1, -1j]),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
    "CX": np.eye(4)[[0, 3, 2, 1]],
}


def columns(moves, width, matrix_of):
    """What moves make of every basis state, by the oracle's own product."""
    states = []
    for index in range(1 << width):
        state = np.zeros(1 << width, complex)
        state[index] = 1
        for name, qubits in moves:
            state = apply_matrix(state, matrix_of(name), list(qubits))
        states.append(state)
    return np.array(states).T


def matrix(form, width):
    return np.exp(1j * form.phase) * columns(form.steps, width, MATRICES.__getitem__)


def stim_matrix(form, width):
    def of(name):
        return stim.gate_data(name).tableau.to_unitary_matrix(endian="little")

    return columns(form.moves, width, of)


def angles_of(record, quarters):
    halved = "t" in record.parameters or record.name == "tk1"
    return [k / 2 if halved else k * math.pi / 2 for k in quarters[: len(record.parameters)]]


@pytest.mark.parametrize("name", [*RECORDS, *ALIASES])
def test_forms_are_the_gates_of_the_table(name):
    own, controls = ALIASES.get(name, (name, 0))
    record = RECORDS[own]
    rng = np.random.default_rng(len(name))
    found = 0
    for _ in range(12 if record.parameters else 1):
        gate = Gate.named(name, angles_of(record, [int(k) for k in rng.integers(-9, 10, 6)]))
        form = clifford_form(gate)
        assert (form is not None) == is_clifford(gate.matrix())
        if form is None:
            continue
        found += 1
        np.testing.assert_allclose(matrix(form, gate.num_qubits), gate.matrix(), atol=1e-12)
        if gate.num_qubits:
            in_stim = stim_matrix(form, gate.num_qubits)
            overlap = np.vdot(in_stim, gate.matrix()) / len(in_stim)
            assert abs(abs(overlap) - 1) < 1e-6
    if record.clifford and not controls:
        assert found


@pytest.mark.parametrize(
    "name", ["x", "y", "z", "h", "s", "sdg", "sx", "cx", "cz", "swap", "iswap"]
)
def test_common_gates_stay_one_gate_of_stim(name):
    form = clifford_form(Gate.named(name))
    assert form is not None
    assert len(form.moves) == 1


def test_random_cliffords_are_recognised_and_haar_unitaries_are_not():
    rng = np.random.default_rng(3)
    for number in range(30):
        width = number % 3 + 1
        unitary = dense_clifford(rng, width)
        form = clifford_form(Gate.unitary(unitary))
        assert form is not None
        np.testing.assert_allclose(matrix(form, width), unitary, atol=1e-10)
        assert clifford_form(Gate.unitary(haar_unitary(rng, width))) is None


@pytest.mark.parametrize(
    ("gate", "is_one"),
    [
        (Gate.named("rz", [math.pi / 2 + 1e-12]), True),
        (Gate.named("rz", [math.pi / 2 + 1e-6]), False),
        (Gate.named("rz", [-5 * math.pi]), True),
        (Gate.named("t"), False),
        (Gate.named("t").to_power(2), True),
        (Gate.named("x").controlled(2), False),
        (Gate.named("gphase", [math.pi]).controlled(2), True),
        (Gate.named("x").to_power(2).controlled(9), True),
        (Gate.named("x").controlled(9), False),
        (Gate.named("rx", [2 * math.pi]).controlled(1), True),
        (Gate.named("rx", [math.pi]).controlled(1), True),
        (Gate.named("rx", [math.pi / 2]).controlled(1), False),
        (Gate.permutation([1, 2, 3, 0]), True),
        (Gate.permutation([1, 2, 3, 4, 5, 6, 7, 0]), False),
        (Gate.diagonal([1, 1j, 1j, 1]), True),
        (Gate.diagonal([1, 1, 1, 1j]), False),
        (Gate.pauli_rotation("XYZIXYZXX", 3 * math.pi / 2), True),
        (Gate.pauli_rotation("XYZIXYZXX", 0.3), False),
        (Gate.pauli_rotation("III", 0.3), True),
    ],
)
def test_what_is_clifford_and_what_is_not(gate, is_one):
    assert (clifford_form(gate) is not None) == is_one


@pytest.mark.parametrize("quarters", range(-5, 6))
@pytest.mark.parametrize("pauli", ["XYZ", "YIZY", "ZZIZZ", "IIIYX"])
def test_wide_pauli_rotations_with_their_phase(pauli, quarters):
    gate = Gate.pauli_rotation(pauli, quarters * math.pi / 2)
    form = clifford_form(gate)
    assert form is not None
    np.testing.assert_allclose(matrix(form, len(pauli)), gate.matrix(), atol=1e-12)


def test_stabilizer_states_are_prepared_with_their_phase_and_others_are_not():
    rng = np.random.default_rng(5)
    for width in (1, 2, 3, 4):
        state = dense_clifford(rng, width)[:, 0]
        form = preparation(state)
        assert form is not None
        np.testing.assert_allclose(matrix(form, width)[:, 0], state, atol=1e-10)
    assert preparation(np.array([np.cos(0.3), np.sin(0.3)], complex)) is None
    w = np.array([0, 1, 1, 0, 1, 0, 0, 0], complex) / math.sqrt(3)
    assert preparation(w) is None


def test_ch_form_projects_as_a_state_vector_does():
    rng = np.random.default_rng(7)
    for number in range(40):
        width = number % 5 + 1
        phases, dense = ChForm(width), np.eye(1, 1 << width, dtype=complex)[0]
        for _ in range(15):
            own = min(width, int(rng.integers(1, 3)))
            unitary = dense_clifford(rng, own)
            qubits = [int(q) for q in rng.permutation(width)[:own]]
            form = clifford_form(Gate.unitary(unitary))
            assert form is not None
            phases.apply(form, qubits)
            dense = apply_matrix(dense, unitary, qubits)
            qubit = int(rng.integers(width))
            ones = np.arange(1 << width) >> qubit & 1
            weight = float((np.abs(dense) ** 2 * ones).sum())
            outcome = int(weight > rng.random())
            dense = np.where(ones == outcome, dense, 0)
            dense /= np.linalg.norm(dense)
            copy = phases.copy()
            phases.project(qubit, outcome)
            np.testing.assert_allclose(phases.state_vector(), dense, atol=1e-10)
            index = int(rng.integers(1 << width))
            assert abs(phases.amplitudes(words_of([index], width))[0] - dense[index]) < 1e-10
            assert abs(np.linalg.norm(copy.state_vector()) - 1) < 1e-10


def test_wide_amplitudes_of_a_ghz_state():
    width = 300
    phases = ChForm(width)
    gates = [("h", (0,)), *(("cx", (q, q + 1)) for q in range(width - 1)), ("s", (7,))]
    for name, qubits in gates:
        form = clifford_form(Gate.named(name))
        assert form is not None
        phases.apply(form, qubits)
    every = reduce(lambda mask, q: mask | 1 << q, range(width), 0)
    zero, last, other = phases.amplitudes(words_of([0, every, 1], width))
    assert abs(zero - math.sqrt(0.5)) < 1e-12
    assert abs(last - 1j * math.sqrt(0.5)) < 1e-12
    assert other == 0

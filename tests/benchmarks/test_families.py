"""The families are what their descriptions say."""

from __future__ import annotations

import dense
import numpy as np
import pytest
from harness.families import DESCRIPTIONS, FAMILIES, random_gates
from harness.families.algorithms import grover, phase_estimation, qft
from harness.families.layered import _cubic_graph
from harness.families.random import quantum_volume, special_unitary
from harness.operations import NAMES


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n", [2, 3, 4, 7, 12])
def test_a_family_makes_legal_circuits_of_every_width(family, n):
    ops = FAMILIES[family](n)
    assert ops
    for op in ops:
        assert op.name in NAMES
        assert len(set(op.qubits)) == len(op.qubits)
        assert all(0 <= q < n for q in op.qubits)
        assert np.isfinite(op.angles).all()
        if op.matrix is not None:
            assert op.matrix.shape == (2 ** len(op.qubits),) * 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_the_same_each_time(family):
    first, second = FAMILIES[family](6), FAMILIES[family](6)
    assert [op[:3] for op in first] == [op[:3] for op in second]
    pairs = [(a.matrix, b.matrix) for a, b in zip(first, second, strict=True)]
    assert all(a is b is None or np.array_equal(a, b) for a, b in pairs)


def test_every_family_has_a_description():
    assert list(DESCRIPTIONS) == list(FAMILIES)


def test_qft_is_the_fourier_transform():
    n = 4
    start = sum(1 << q for q in range(0, n, 3))
    expected = np.exp(2j * np.pi * start * np.arange(2**n) / 2**n) / 2 ** (n / 2)
    np.testing.assert_allclose(dense.simulate(qft(n), n), expected, atol=1e-12)


def test_ghz_has_two_amplitudes():
    state = dense.simulate(FAMILIES["GHZ"](4), 4)
    expected = np.zeros(16)
    expected[[0, 15]] = np.sqrt(0.5)
    np.testing.assert_allclose(state, expected, atol=1e-12)


def test_grover_finds_what_is_marked():
    n = 5
    probabilities = np.abs(dense.simulate(grover(n), n)) ** 2
    angle = np.arcsin(2 ** (-n / 2))
    assert np.argmax(probabilities) == 0b10101
    assert probabilities[0b10101] == pytest.approx(np.sin((2 * 4 + 1) * angle) ** 2, abs=1e-12)


def test_phase_estimation_reads_one_third():
    n = 6
    probabilities = np.abs(dense.simulate(phase_estimation(n), n)) ** 2
    counting = np.arange(2**n) % 2 ** (n - 1)
    assert probabilities[np.arange(2**n) >> (n - 1) == 1].sum() == pytest.approx(1)
    assert counting[np.argmax(probabilities)] == round(2 ** (n - 1) / 3)
    # The probability of the nearest value, from the geometric sum.
    size = 2 ** (n - 1)
    offset = np.pi * (size / 3 - round(size / 3))
    expected = (np.sin(offset) / (size * np.sin(offset / size))) ** 2
    assert probabilities.max() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("vertices", [4, 6, 10, 22])
def test_the_graph_is_cubic(vertices):
    edges = _cubic_graph(vertices, np.random.default_rng(3))
    assert len(set(edges)) == 3 * vertices // 2
    assert all(a < b for a, b in edges)
    np.testing.assert_array_equal(np.bincount(np.ravel(edges)), 3)


def test_quantum_volume_uses_special_unitaries_on_disjoint_pairs():
    ops = quantum_volume(7, depth=3)
    assert len(ops) == 3 * 3
    for layer in range(3):
        used = [q for op in ops[3 * layer : 3 * layer + 3] for q in op.qubits]
        assert len(set(used)) == 6
    for op in ops:
        np.testing.assert_allclose(op.matrix @ op.matrix.conj().T, np.eye(4), atol=1e-12)
        assert np.linalg.det(op.matrix) == pytest.approx(1)


def test_random_unitaries_have_no_preferred_phase():
    rng = np.random.default_rng(0)
    traces = [np.trace(special_unitary(4, rng)) for _ in range(400)]
    # For the Haar measure |tr U|^2 has mean 1; QR without its phases fixed gives more.
    assert np.mean(np.abs(traces) ** 2) == pytest.approx(1, abs=0.25)
    assert abs(np.mean(traces)) < 0.2


def test_random_gates_are_as_many_as_asked_for_and_of_all_kinds():
    ops = random_gates(5, 400)
    assert len(ops) == 400
    assert {op.name for op in ops} == set(NAMES) - {"unitary", "mcz"}

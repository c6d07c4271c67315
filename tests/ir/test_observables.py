"""Pauli strings and sums, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quasim_backend.errors import CircuitError, QubitError
from quasim_backend.ir import PauliString, PauliSum

N = 3
LABEL = st.text("IXYZ", min_size=N, max_size=N)
WEIGHT = st.complex_numbers(max_magnitude=10, allow_nan=False, allow_infinity=False)


def matrix_of(string, dense):
    """Read the masks from their definition: ``P = i**|x & z| X^x Z^z``."""
    result = np.eye(1, dtype=complex)
    for q in reversed(range(N)):
        x = np.linalg.matrix_power(dense.pauli("X"), string.x >> q & 1)
        z = np.linalg.matrix_power(dense.pauli("Z"), string.z >> q & 1)
        result = np.kron(result, x @ z)
    return 1j ** (string.x & string.z).bit_count() * result


@given(LABEL)
def test_masks_and_labels_mean_the_same(dense, label):
    string = PauliString.from_label(label)
    assert string.label(N) == label
    assert np.allclose(matrix_of(string, dense), dense.pauli(label))
    assert PauliString.from_letters(dict(enumerate(reversed(label)))) == string


@given(st.lists(st.tuples(WEIGHT, LABEL), max_size=6))
def test_the_square_is_the_adjoint_times_the_matrix(dense, terms):
    total = PauliSum(tuple((w, PauliString.from_label(p)) for w, p in terms))
    matrix = sum((w * dense.pauli(p) for w, p in terms), np.zeros((8, 8), complex))
    squared = total.squared()
    found = sum((w * matrix_of(p, dense) for w, p in squared.terms), np.zeros((8, 8), complex))
    assert np.allclose(found, matrix.conj().T @ matrix, atol=1e-8)
    assert len({p for _, p in squared.terms}) == len(squared.terms)


def test_arrays_follow_the_terms():
    total = PauliSum.of({"XIY": 0.5, "ZZI": -2.0})
    x, z = total.masks()
    assert x.tolist() == [0b101, 0]
    assert z.tolist() == [0b001, 0b110]
    assert x.dtype == z.dtype == np.uint64
    assert total.weights().tolist() == [0.5, -2.0]
    assert (total.width, PauliSum(()).width) == (3, 0)


def test_a_string_can_move_to_other_qubits():
    moved = PauliString.from_label("YIX").on({0: 4, 2: 1})
    assert moved.label(5) == "XIIYI"


def test_an_observable_is_read_from_many_forms():
    string = PauliString.from_label("XZ")
    for value in ("XZ", string, PauliSum.of(string), {"XZ": 1.0}):
        assert PauliSum.of(value).terms == ((1.0, string),)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: PauliString.from_label("XQ"), CircuitError, ["I, X, Y, Z", "'XQ'"]),
        (lambda: PauliString.from_letters({0: "Q"}), CircuitError, ["I, X, Y, Z", "'Q'"]),
        (lambda: PauliString.from_letters({-1: "X"}), QubitError, ["-1"]),
        (lambda: PauliSum.of(3), CircuitError, ["Pauli label", "int"]),
        (lambda: PauliSum.of("IIX").check(0), QubitError, ["qubit 0", "0 qubits"]),
        (lambda: PauliSum.of("XII").check(2), QubitError, ["qubit 2", "2 qubits", "0..1"]),
    ],
)
def test_wrong_observables_are_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)

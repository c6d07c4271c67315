"""Observables of all kinds, through the session, against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import CircuitError, QubitError, ShapeError, UnsupportedError
from quasim_backend.ir.expr import Bit
from quasim_backend.testing.oracles import pauli_matrix

WIDTH = 5
RNG = np.random.default_rng(5)


def circuit() -> quasim.Circuit:
    """Asymmetric, and qubit 3 stays idle."""
    result = quasim.Circuit(WIDTH)
    for number, q in enumerate((0, 1, 2, 4)):
        result.ry(0.4 + 0.3 * number, q).rz(0.2 * number + 0.1, q)
    return result.cx(0, 2).cx(2, 4).ry(0.7, 1).cx(4, 1).rx(0.3, 0)


def hermitian(size: int) -> np.ndarray:
    matrix = RNG.normal(size=(size, size)) + 1j * RNG.normal(size=(size, size))
    return matrix + matrix.conj().T


def embedded(matrix: np.ndarray, qubits: tuple[int, ...]) -> np.ndarray:
    """Return the matrix on all qubits, entry by entry."""
    size = 1 << WIDTH
    mask = sum(1 << q for q in qubits)
    value = lambda i: sum((i >> q & 1) << k for k, q in enumerate(qubits))  # noqa: E731
    full = np.zeros((size, size), complex)
    for i in range(size):
        for j in range(size):
            if i & ~mask == j & ~mask:
                full[i, j] = matrix[value(i), value(j)]
    return full


def csr(matrix: np.ndarray) -> quasim.SparseObservable:
    rows, columns = np.nonzero(matrix)
    starts = np.searchsorted(rows, np.arange(len(matrix) + 1))
    return quasim.SparseObservable(matrix[rows, columns], columns, starts)


CASES = []
for _qubits in ((2,), (3,), (4, 0), (3, 1), (0, 3, 4), (1, 4, 2, 0), (4, 3, 2, 1, 0)):
    _matrix = hermitian(1 << len(_qubits))
    CASES.append((quasim.MatrixObservable(_matrix, _qubits), embedded(_matrix, _qubits)))
    _values = RNG.normal(size=1 << len(_qubits))
    CASES.append((quasim.DiagonalObservable(_values, _qubits), embedded(np.diag(_values), _qubits)))
_whole = hermitian(1 << WIDTH) * (RNG.random((1 << WIDTH, 1 << WIDTH)) < 0.2)
_whole = _whole + _whole.conj().T
CASES.append((csr(_whole), _whole))
for _labels in (["ZIIII"], ["IXYZI", "ZZIIZ"], ["XXIYZ", "YIIIX", "IIZII", "IZIIZ"] * 3):
    _weights = RNG.normal(size=len(_labels))
    _strings = [quasim.PauliString.from_label(label) for label in _labels]
    CASES.append(
        (
            quasim.PauliSum(tuple(zip(_weights.tolist(), _strings, strict=True))),
            sum(w * pauli_matrix(s, WIDTH) for w, s in zip(_weights, _strings, strict=True)),
        )
    )
_many = [quasim.PauliString(int(x), int(z)) for x, z in RNG.integers(0, 1 << WIDTH, (20, 2))]
CASES.append(
    (
        quasim.PauliSum(tuple((0.1, s) for s in _many)),
        sum(0.1 * pauli_matrix(s, WIDTH) for s in _many),
    )
)


@pytest.fixture(params=["native", "reference"], scope="module")
def rt(request):
    if request.param == "native":
        pytest.importorskip("quasim_backend.kernels._cpu")
    with quasim.runtime(simulation_precision="fp64", kernels=request.param) as session:
        yield session


@pytest.fixture(scope="module")
def psi(rt) -> np.ndarray:
    return rt.simulate(circuit())


def test_expectation_values_and_variances_agree_with_dense_matrices(rt, psi):
    observables = [o for o, _ in CASES]
    means = np.array([np.vdot(psi, m @ psi).real for _, m in CASES])
    squares = np.array([np.linalg.norm(m @ psi) ** 2 for _, m in CASES])
    np.testing.assert_allclose(rt.measure(circuit(), observables), means, atol=1e-11)
    spreads = squares - means**2
    np.testing.assert_allclose(rt.variances(circuit(), observables), spreads, atol=1e-10)
    # A sparse matrix brings in all qubits; alone, others leave idle ones out where they can.
    for observable, mean, spread in zip(observables, means, spreads, strict=True):
        assert rt.measure(circuit(), observable) == pytest.approx([mean], abs=1e-11)
        assert rt.variances(circuit(), observable) == pytest.approx([spread], abs=1e-10)


def test_single_precision_is_as_good_as_its_amplitudes(psi):
    with quasim.runtime(simulation_precision="fp32", promote_small=False) as session:
        for observable, matrix in CASES:
            scale = np.linalg.norm(matrix, 2)
            mean = np.vdot(psi, matrix @ psi).real
            assert session.measure(circuit(), observable)[0] == pytest.approx(
                mean, abs=3e-6 * scale
            )


def test_matrices_that_are_not_hermitian_have_complex_expectation_values(rt, psi):
    matrix = RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4))
    dense = embedded(matrix, (4, 1))
    observables = [quasim.MatrixObservable(matrix, (4, 1)), csr(dense), {"XYZIZ": 1j}]
    wanted = [np.vdot(psi, dense @ psi)] * 2
    got = rt.expectations(circuit(), observables)
    np.testing.assert_allclose(got[:2], wanted, atol=1e-12)
    assert got[2].real == 0
    for observable in observables:
        with pytest.raises(CircuitError, match="Hermitian"):
            rt.measure(circuit(), observable)
        with pytest.raises(CircuitError, match="Hermitian"):
            rt.variances(circuit(), [observable])


def test_reduced_density_matrices_and_distributions_agree_with_partial_traces(rt, psi):
    rho = np.outer(psi, psi.conj())
    for qubits in ((0,), (3,), (4, 1), (2, 3, 0), (4, 3, 2, 1, 0)):
        size = 1 << len(qubits)
        wanted = np.empty((size, size), complex)
        for a in range(size):
            for b in range(size):
                unit = np.zeros((size, size))
                unit[b, a] = 1
                wanted[a, b] = np.trace(embedded(unit, qubits) @ rho)
        np.testing.assert_allclose(rt.reduced_density_matrix(circuit(), qubits), wanted, atol=1e-12)
        got = rt.probabilities(circuit(), qubits)
        np.testing.assert_allclose(got, wanted.diagonal().real, atol=1e-12)
    np.testing.assert_allclose(rt.probabilities(circuit()), abs(psi) ** 2, atol=1e-12)


def test_overlaps_take_circuits_and_amplitudes(rt, psi):
    theta = quasim.Parameter("theta")
    other = circuit().ry(theta, 1)
    values = {"theta": 0.8}
    there = rt.simulate(other, parameters=values)
    wanted = np.vdot(psi, there)
    assert rt.overlap(circuit(), other, parameters=values) == pytest.approx(wanted, abs=1e-12)
    assert rt.overlap(psi, there) == pytest.approx(wanted, abs=1e-12)
    assert rt.overlap(there, circuit()) == pytest.approx(wanted.conjugate(), abs=1e-12)
    assert rt.fidelity(list(psi), other, parameters=values) == pytest.approx(abs(wanted) ** 2)
    with pytest.raises(ShapeError, match="one size"):
        rt.overlap(psi, quasim.Circuit(2).h(0))
    with pytest.raises(ShapeError, match=r"2\*\*n"):
        rt.overlap(psi, np.ones(3))


def test_saves_take_every_kind_of_observable(rt, psi):
    saved = circuit()
    for number, (observable, _) in enumerate(CASES):
        saved.save("expectation", f"mean {number}", observable=observable)
        saved.save("variance", f"variance {number}", observable=observable)
    result = rt.run(saved)
    for number, (_, matrix) in enumerate(CASES):
        mean = np.vdot(psi, matrix @ psi).real
        square = np.linalg.norm(matrix @ psi) ** 2
        assert result.saved[f"mean {number}"] == pytest.approx(mean, abs=1e-11)
        assert result.saved[f"variance {number}"] == pytest.approx(square - mean**2, abs=1e-10)


def test_sparse_observables_are_read_from_scipy(rt, psi):
    sparse = pytest.importorskip("scipy.sparse")
    for made in (sparse.csr_array, sparse.coo_array, sparse.csc_array):
        observable = quasim.SparseObservable.of(made(_whole))
        wanted = np.vdot(psi, _whole @ psi).real
        assert rt.measure(circuit(), observable) == pytest.approx([wanted], abs=1e-11)


def test_entries_of_one_place_are_added():
    observable = quasim.SparseObservable([1.0, 2.0, 2j, -2j], [0, 0, 1, 0], [0, 3, 4])
    assert observable.hermitian
    assert not quasim.SparseObservable([1.0, 2.0, 2j, 2j], [0, 0, 1, 0], [0, 3, 4]).hermitian
    with quasim.runtime(simulation_precision="fp64") as session:
        mean = session.measure(quasim.Circuit(1).ry(0.4, 0).rz(0.3, 0), observable)[0]
    # [[3, 2i], [-2i, 0]] = 1.5 (1 + Z) - 2 Y
    wanted = 1.5 * (1 + np.cos(0.4)) - 2 * np.sin(0.4) * np.sin(0.3)
    assert mean == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: quasim.MatrixObservable(np.eye(4), [0]), ShapeError, r"\(2, 2\)"),
        (lambda: quasim.MatrixObservable(np.eye(4), [1, 1]), QubitError, "once"),
        (lambda: quasim.MatrixObservable(np.eye(2), [-1]), QubitError, "from 0"),
        (lambda: quasim.MatrixObservable(np.eye(2), ["a"]), QubitError, "whole numbers"),
        (lambda: quasim.DiagonalObservable([1, 2], 0), QubitError, "whole numbers"),
        (lambda: quasim.MatrixObservable(np.full((2, 2), np.nan), [0]), CircuitError, "NaN"),
        (lambda: quasim.DiagonalObservable([1, 2, 3]), ShapeError, "2 values"),
        (lambda: quasim.DiagonalObservable([1, 2j]), CircuitError, "real"),
        (lambda: quasim.DiagonalObservable([1, np.inf]), CircuitError, "infinity"),
        (lambda: quasim.DiagonalObservable([1, 2], [0, 1]), ShapeError, "4 values"),
        (lambda: quasim.SparseObservable([1], [0], [0, 1, 1, 1]), ShapeError, r"2\*\*n"),
        (lambda: quasim.SparseObservable([1], [2], [0, 1, 1]), ShapeError, "Columns"),
        (lambda: quasim.SparseObservable([1, 1], [0, 0], [0, 1, 1]), ShapeError, "ascend"),
        (lambda: quasim.SparseObservable([1, 1], [0], [0, 1, 2]), ShapeError, "one column"),
        (lambda: quasim.SparseObservable([np.nan], [0], [0, 1, 1]), CircuitError, "NaN"),
    ],
)
def test_impossible_observables_are_refused_when_they_are_made(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("impossible", [None, 5, [5]])
def test_what_is_no_observable_is_refused_with_what_is(impossible):
    circuit = quasim.Circuit(2).h(0)
    with quasim.runtime() as session:
        for method in (session.measure, session.expectations, session.variances, session.gradient):
            with pytest.raises(CircuitError, match="An observable is a Pauli label such as"):
                method(circuit, impossible)


def test_observables_of_other_circuits_are_refused():
    with quasim.runtime() as session:
        small = quasim.Circuit(2).h(0)
        for wrong in (
            quasim.MatrixObservable(np.eye(2), [2]),
            quasim.DiagonalObservable([1, 2], [5]),
            quasim.SparseObservable([], [], [0] * 9),
        ):
            with pytest.raises(QubitError):
                session.measure(small, wrong)
        with pytest.raises(UnsupportedError, match="Pauli"):
            session.gradient(small, quasim.MatrixObservable(np.eye(2), [0]))  # type: ignore[arg-type]
        for method in (session.probabilities, session.reduced_density_matrix):
            with pytest.raises(QubitError, match="different ones"):
                method(small, [0, 0])
            with pytest.raises(QubitError, match="different ones"):
                method(small, [2])
        chosen = quasim.Circuit(1, 1).h(0).measure(0, 0)
        chosen.if_(Bit(0), quasim.Circuit(1, 1).x(0))
        with pytest.raises(UnsupportedError, match=r"measures.*depends on the outcomes"):
            session.variances(chosen, "Z")

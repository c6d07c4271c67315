"""Observables given by arrays: matrices on some qubits, diagonals, sparse matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import CircuitError, QubitError, ShapeError
from quasim_backend.ir.numbering import whole_numbers
from quasim_backend.ir.observables import PauliString, PauliSum

__all__ = [
    "AnyObservable",
    "ArrayObservable",
    "DiagonalObservable",
    "LocalObservable",
    "MatrixObservable",
    "ObservableList",
    "SparseObservable",
    "listed",
    "observable_of",
]

_HERMITIAN = 1e-6
"""Largest accepted difference between an entry and its mirror's conjugate, relative to the largest
entry: matrices in single precision pass."""


class LocalObservable:
    """What observables on some of the qubits share.

    Attributes:
        qubits: The qubits, each once.
    """

    qubits: tuple[int, ...]

    def support(self, num_qubits: int) -> tuple[int, ...]:
        """Return the qubits it acts on."""
        return self.qubits

    def check(self, num_qubits: int) -> None:
        """Refuse qubits that the circuit does not have.

        Raises:
            QubitError: If a qubit is out of range.
        """
        highest = max(self.qubits, default=-1)
        if highest >= num_qubits:
            raise QubitError(
                f"The observable acts on qubit {highest}; the circuit has {num_qubits} qubits "
                f"(0..{num_qubits - 1})."
            )


@dataclass(frozen=True, eq=False)
class MatrixObservable(LocalObservable):
    """A dense matrix on a few qubits, Hermitian or not.

    Attributes:
        matrix: complex128 ``(2**k, 2**k)``, read-only.
        qubits: The ``k`` qubits; ``qubits[0]`` is the lowest bit of the matrix's indices.
    """

    matrix: NDArray[np.complex128]
    qubits: tuple[int, ...]

    def __init__(self, matrix: ArrayLike, qubits: Sequence[int]) -> None:
        """Copy and check.

        Args:
            matrix: ``(2**k, 2**k)``.
            qubits: As many as the matrix is wide, each once.

        Raises:
            ShapeError: If the matrix does not fit the qubits.
            QubitError: If a qubit repeats or is negative.
            CircuitError: If an entry is not finite.
        """
        places = _checked_qubits(qubits)
        array = _finite(matrix, np.complex128, "matrix")
        size = 1 << len(places)
        if array.shape != (size, size):
            raise ShapeError(
                f"A matrix on {len(places)} qubits has the shape ({size}, {size}); got "
                f"{array.shape}. Its first qubit is the lowest bit of the index."
            )
        object.__setattr__(self, "matrix", array)
        object.__setattr__(self, "qubits", places)

    @property
    def hermitian(self) -> bool:
        """Whether the matrix equals its adjoint, up to rounding in single precision."""
        gap = np.abs(self.matrix - self.matrix.conj().T).max()
        return bool(gap <= _HERMITIAN * np.abs(self.matrix).max())

    def on(self, qubits: Mapping[int, int]) -> MatrixObservable:
        """Return the observable moved to other qubits, given that those left out are in ``|0>``."""
        kept, index = _kept(self.qubits, qubits)
        return MatrixObservable(self.matrix[np.ix_(index, index)], kept)

    def squared(self) -> MatrixObservable:
        """Return the adjoint times the matrix."""
        return MatrixObservable(self.matrix.conj().T @ self.matrix, self.qubits)


@dataclass(frozen=True, eq=False)
class DiagonalObservable(LocalObservable):
    """A diagonal matrix with real entries, on some qubits or all.

    Attributes:
        values: float64 ``(2**k,)``, read-only: one for each basis state of the qubits.
        qubits: The ``k`` qubits; ``qubits[0]`` is the lowest bit of the index.
    """

    values: NDArray[np.float64]
    qubits: tuple[int, ...]

    def __init__(self, values: ArrayLike, qubits: Sequence[int] | None = None) -> None:
        """Copy and check.

        Args:
            values: Real, ``(2**k,)``.
            qubits: Default: the first ``k``, in order.

        Raises:
            ShapeError: If the number of values is not ``2**k``.
            QubitError: If a qubit repeats or is negative.
            CircuitError: If a value is not real or not finite.
        """
        if np.iscomplexobj(values) and np.imag(values).any():
            raise CircuitError(
                "A diagonal observable has real values; got complex ones. MatrixObservable takes "
                "complex entries."
            )
        array = _finite(np.real(values), np.float64, "values")
        if qubits is None:
            qubits = range(max(array.size, 1).bit_length() - 1)
        places = _checked_qubits(qubits)
        if array.shape != (1 << len(places),):
            raise ShapeError(
                f"A diagonal on {len(places)} qubits has {1 << len(places)} values; got the shape "
                f"{array.shape}."
            )
        object.__setattr__(self, "values", array)
        object.__setattr__(self, "qubits", places)

    @property
    def hermitian(self) -> bool:
        """True: the values are real."""
        return True

    def on(self, qubits: Mapping[int, int]) -> DiagonalObservable:
        """Return the observable moved to other qubits, given that those left out are in ``|0>``."""
        kept, index = _kept(self.qubits, qubits)
        return DiagonalObservable(self.values[index], kept)

    def squared(self) -> DiagonalObservable:
        """Return the matrix times itself."""
        return DiagonalObservable(self.values**2, self.qubits)


@dataclass(frozen=True, eq=False)
class SparseObservable:
    """A sparse matrix on all qubits, by compressed rows as in ``scipy.sparse.csr_array``.

    Row ``i`` holds ``data[e]`` in column ``indices[e]`` for ``e`` from ``indptr[i]`` to
    ``indptr[i + 1]``; entries of one place are added. Qubit ``q`` is bit ``q`` of rows and columns.

    Attributes:
        data: complex128 ``(nnz,)``, read-only.
        indices: int64 ``(nnz,)``, read-only.
        indptr: int64 ``(2**n + 1,)``, read-only.
    """

    data: NDArray[np.complex128]
    indices: NDArray[np.int64]
    indptr: NDArray[np.int64]

    def __init__(self, data: ArrayLike, indices: ArrayLike, indptr: ArrayLike) -> None:
        """Copy and check.

        Args:
            data: Entries ``(nnz,)``.
            indices: Column of each.
            indptr: Where each row starts, and the end: ``(2**n + 1,)``.

        Raises:
            ShapeError: If the arrays do not fit each other, or the size is no power of two.
            CircuitError: If an entry is not finite.
        """
        values = _finite(data, np.complex128, "data")
        columns = _finite(indices, np.int64, "indices")
        starts = _finite(indptr, np.int64, "indptr")
        rows = starts.size - 1
        if values.ndim != 1 or columns.shape != values.shape or starts.ndim != 1:
            raise ShapeError(
                f"A sparse matrix has one column for each entry; got data of the shape "
                f"{values.shape}, indices {columns.shape} and indptr {starts.shape}."
            )
        if rows < 1 or rows & (rows - 1):
            raise ShapeError(
                f"A sparse observable on n qubits has 2**n rows, so indptr has 2**n + 1 entries; "
                f"got {starts.size}."
            )
        if starts[0] != 0 or starts[-1] != values.size or (np.diff(starts) < 0).any():
            raise ShapeError(
                f"indptr must ascend from 0 to the number of entries, {values.size}; it goes from "
                f"{starts[0]} to {starts[-1]}."
            )
        if columns.size and (columns.min() < 0 or columns.max() >= rows):
            raise ShapeError(
                f"Columns of a matrix of {rows} rows are 0..{rows - 1}; indices range from "
                f"{columns.min()} to {columns.max()}."
            )
        object.__setattr__(self, "data", values)
        object.__setattr__(self, "indices", columns)
        object.__setattr__(self, "indptr", starts)

    @staticmethod
    def of(matrix: Any) -> SparseObservable:
        """Read a matrix of ``scipy.sparse``, in whatever format.

        Raises:
            ShapeError: If it is not square, or its size is no power of two.
        """
        rows, columns = matrix.shape
        if rows != columns:
            raise ShapeError(f"An observable is a square matrix; got the shape {matrix.shape}.")
        csr = matrix.tocsr()
        return SparseObservable(csr.data, csr.indices, csr.indptr)

    @property
    def num_qubits(self) -> int:
        """How many qubits it acts on."""
        return (self.indptr.size - 1).bit_length() - 1

    @property
    def hermitian(self) -> bool:
        """Whether the matrix equals its adjoint, up to rounding in single precision."""
        if not self.data.size:
            return True
        size = self.indptr.size - 1
        rows = np.repeat(np.arange(size), np.diff(self.indptr))
        here, back = rows * size + self.indices, self.indices * size + rows
        places, inverse = np.unique(np.concatenate([here, back]), return_inverse=True)
        gap = np.zeros(len(places), np.complex128)
        np.add.at(gap, inverse[: len(here)], self.data)
        np.add.at(gap, inverse[len(here) :], -self.data.conj())
        return bool(np.abs(gap).max() <= _HERMITIAN * np.abs(self.data).max())

    def support(self, num_qubits: int) -> tuple[int, ...]:
        """Return all qubits."""
        return tuple(range(num_qubits))

    def check(self, num_qubits: int) -> None:
        """Refuse a matrix for another number of qubits.

        Raises:
            QubitError: If it does not fit.
        """
        if self.num_qubits != num_qubits:
            raise QubitError(
                f"The sparse observable acts on {self.num_qubits} qubits, as it has "
                f"{self.indptr.size - 1} rows; the circuit has {num_qubits}. It must act on all "
                f"qubits of the circuit; MatrixObservable and DiagonalObservable act on some."
            )

    def on(self, qubits: Mapping[int, int]) -> SparseObservable:
        """Return itself: all its qubits must stay where they are.

        Raises:
            CircuitError: If they do not.
        """
        if any(qubits.get(q) != q for q in range(self.num_qubits)):
            raise CircuitError("A sparse observable needs all qubits of the circuit simulated.")
        return self


@dataclass(frozen=True, eq=False)
class ObservableList:
    """Several observables of one state; a save of it keeps an array, one value for each."""

    observables: tuple[PauliSum | ArrayObservable, ...]

    @property
    def hermitian(self) -> bool:
        """Whether every observable is."""
        return all(o.hermitian for o in self.observables)

    def support(self, num_qubits: int) -> tuple[int, ...]:
        """Return the qubits that any of them acts on."""
        return tuple(sorted({q for o in self.observables for q in o.support(num_qubits)}))

    def check(self, num_qubits: int) -> None:
        """Check each against a circuit's width."""
        for observable in self.observables:
            observable.check(num_qubits)

    def on(self, qubits: Mapping[int, int]) -> ObservableList:
        """Return each moved to other qubits, given that those left out are in ``|0>``."""
        return ObservableList(tuple(o.on(qubits) for o in self.observables))


ArrayObservable: TypeAlias = MatrixObservable | DiagonalObservable | SparseObservable
AnyObservable: TypeAlias = PauliSum | ArrayObservable | ObservableList


def listed(observable: AnyObservable | None) -> tuple[Any, ...]:
    """Return the observables of a list, or the only one, for a loop."""
    return observable.observables if isinstance(observable, ObservableList) else (observable,)


def observable_of(
    value: AnyObservable | PauliString | str | Mapping[str, complex],
) -> AnyObservable:
    """Read an observable of any kind; see `PauliSum.of` for labels and mappings.

    Raises:
        CircuitError: If it is none.
    """
    if isinstance(value, MatrixObservable | DiagonalObservable | SparseObservable | ObservableList):
        return value
    return PauliSum.of(value)


def _finite(value: ArrayLike, dtype: type, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.array(value, dtype)
    if not np.isfinite(array).all():
        raise CircuitError(f"The {name} of an observable must be finite; it holds NaN or infinity.")
    array.setflags(write=False)
    return array


def _checked_qubits(qubits: Sequence[int]) -> tuple[int, ...]:
    places = whole_numbers(qubits, "qubits", "an observable", QubitError)
    if len(set(places)) != len(places):
        raise QubitError(f"An observable acts on each qubit once; got {places}.")
    if any(q < 0 for q in places):
        raise QubitError(f"A qubit is numbered from 0; got {places}.")
    return places


def _kept(
    qubits: tuple[int, ...], places: Mapping[int, int]
) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """Return the new places of the qubits that have one, and the indices where the rest is 0."""
    index = np.zeros(1, np.int64)
    for bit, q in enumerate(qubits):
        if q in places:
            index = np.concatenate([index, index | 1 << bit])
    return tuple(places[q] for q in qubits if q in places), index

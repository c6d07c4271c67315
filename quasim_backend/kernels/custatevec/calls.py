"""The calls of cuStateVec that QuASIM makes, and nothing else; the only module that makes any.

The names and the order of arguments are those of ``cuquantum.bindings.custatevec`` of cuQuantum
26.9. Tests put a library in NumPy in its place that reads the same addresses; the library itself
needs a GPU.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.custatevec.operations import (
    PAULI_I,
    Dense,
    Diagonal,
    Operation,
    Permutation,
    Rotation,
    string_of,
)

__all__ = ["ALIGNMENT", "Array", "Calls"]

Array: TypeAlias = Any
"""An array where the library computes: CuPy's, or NumPy's in tests."""

ALIGNMENT = 256
"""Bytes that states and workspaces are aligned to."""

_C64F = 5
_TYPES = {np.dtype(np.complex64): 4, np.dtype(np.complex128): _C64F}
"""CUDA's numbers of data types."""
_NO_WORKSPACE = (0, 0)
"""The library asks its memory handler."""


class Calls:
    """The library, its handle, and arrays it computes on.

    States are contiguous arrays ``(2**n,)``, ``n >= 1``, complex64 or complex128.

    Attributes:
        arrays: The module that makes arrays, CuPy or NumPy.
    """

    def __init__(self, library: Any, arrays: Any) -> None:
        """Open the library.

        Args:
            library: ``cuquantum.bindings.custatevec``, or what takes its place.
            arrays: CuPy, or NumPy.
        """
        self.arrays = arrays
        self._library = library
        self._handle = library.create()
        weakref.finalize(self, library.destroy, self._handle)
        self._opened()
        self._tables_name_sources = False
        with self.active():
            self._tables_name_sources = self._find_meaning_of_tables()

    def _opened(self) -> None:
        """Settle what a handle needs before the first call."""

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make calls and array routines run in the right place; errors become QuASIM's."""
        yield

    def download(self, array: Array) -> NDArray[Any]:
        """Wait for what computes an array, and return it as a NumPy array; may alias it."""
        return np.asarray(array)

    def free_bytes(self) -> int | None:
        """Return the memory that can still be allocated; None if it is the host's."""
        return None

    def sparse_product(
        self,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
        state: Array,
    ) -> Array:
        """Return a sparse matrix, in rows, times a state: complex128 ``(2**n,)``."""
        rows = np.repeat(np.arange(len(row_start) - 1), np.diff(row_start))
        product = np.zeros(len(state), np.complex128)
        np.add.at(product, rows, values * np.asarray(state, np.complex128)[columns])
        return product

    # --- operations ---------------------------------------------------------------------------

    def resident(self, operation: Operation) -> Operation:
        """Return an operation whose matrix or table lies beside the states."""
        xp = self.arrays
        if isinstance(operation, Dense):
            return replace(operation, matrix=xp.ascontiguousarray(xp.asarray(operation.matrix)))
        if isinstance(operation, Diagonal):
            return replace(operation, entries=xp.ascontiguousarray(xp.asarray(operation.entries)))
        if isinstance(operation, Permutation):
            table = operation.table
            if self._tables_name_sources:
                table = np.argsort(table)
            return replace(operation, table=xp.ascontiguousarray(xp.asarray(table)))
        return operation

    def apply(self, operation: Operation, state: Array) -> None:
        """Apply an operation that `resident` returned, overwriting ``state``."""
        targets, controls = list(operation.targets), list(operation.controls)
        held = (controls, list(operation.values), len(controls))
        where = (self._handle, *_state(state))
        if isinstance(operation, Dense):
            self._library.apply_matrix(
                *where,
                _address(operation.matrix),
                _C64F,
                self._library.MatrixLayout.ROW,
                0,
                targets,
                len(targets),
                *held,
                self._library.ComputeType.COMPUTE_DEFAULT,
                *_NO_WORKSPACE,
            )
        elif isinstance(operation, Rotation):
            # The library's is exp(+i * theta * P).
            theta, letters = -operation.angle / 2, list(operation.paulis)
            self._library.apply_pauli_rotation(*where, theta, letters, targets, len(targets), *held)
        else:
            table = _address(operation.table) if isinstance(operation, Permutation) else 0
            factors = _address(operation.entries) if isinstance(operation, Diagonal) else 0
            self._library.apply_generalized_permutation_matrix(
                *where, table, factors, _C64F, 0, targets, len(targets), *held, *_NO_WORKSPACE
            )

    def _find_meaning_of_tables(self) -> bool:
        """Return whether entry ``i`` of a permutation's table names where amplitude ``i`` is from.

        The library's manual leaves open whether it names that or where the amplitude goes.
        """
        state = self.arrays.zeros(4, np.complex128)
        state[0] = 1
        cycle = Permutation((0, 1), (), (), np.array([1, 2, 3, 0]))
        self.apply(self.resident(cycle), state)
        return bool(abs(self.download(state)[3]) > 0.5)

    # --- sums ---------------------------------------------------------------------------------

    def squared_norms(self, state: Array, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits``: float64 ``(2**k,)``."""
        sums = np.empty(1 << len(qubits), np.float64)
        self._library.abs2sum_array(
            self._handle, *_state(state), _address(sums), list(qubits), len(qubits), 0, 0, 0
        )
        return sums

    def pauli_expectations(
        self, state: Array, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``<state|P|state>`` of each Hermitian Pauli string, at least one: ``(terms,)``."""
        strings = [string_of(int(x), int(z)) for x, z in zip(x_masks, z_masks, strict=True)]
        letters = [list(found) or [PAULI_I] for found, _ in strings]
        qubits = [list(found) or [0] for _, found in strings]
        values = np.empty(len(strings), np.float64)
        self._library.compute_expectations_on_pauli_basis(
            self._handle,
            *_state(state),
            _address(values),
            letters,
            len(letters),
            qubits,
            [len(found) for found in qubits],
        )
        return values

    def collapse(
        self, state: Array, qubits: Sequence[int], bits: Sequence[int], norm: float
    ) -> None:
        """Zero amplitudes whose ``qubits`` are not ``bits``; divide the rest by ``sqrt(norm)``."""
        self._library.collapse_by_bit_string(
            self._handle, *_state(state), list(bits), list(qubits), len(qubits), norm
        )

    def sample(self, state: Array, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Draw an index for each uniform in ``[0, 1)``, in their order: int64 ``(shots,)``."""
        drawn = np.empty(len(uniforms), np.int64)
        uniforms = np.ascontiguousarray(uniforms, np.float64)
        sampler, _ = self._library.sampler_create(self._handle, *_state(state), len(uniforms))
        try:
            self._library.sampler_preprocess(self._handle, sampler, *_NO_WORKSPACE)
            width = len(state).bit_length() - 1
            self._library.sampler_sample(
                self._handle,
                sampler,
                _address(drawn),
                list(range(width)),
                width,
                _address(uniforms),
                len(uniforms),
                self._library.SamplerOutput.RANDNUM_ORDER,
            )
        finally:
            self._library.sampler_destroy(sampler)
        return drawn


def _state(state: Array) -> tuple[int, int, int]:
    """Return address, data type and number of index bits, as every call takes them."""
    return _address(state), _TYPES[np.dtype(state.dtype)], len(state).bit_length() - 1


def _address(array: Array) -> int:
    if isinstance(array, np.ndarray):
        return int(array.ctypes.data)
    return int(array.data.ptr)

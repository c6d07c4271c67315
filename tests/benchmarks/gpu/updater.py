"""custatevecEx: NVIDIA's own queue of gates, which fuses them and owns the state.

Needs cuQuantum 26.9 and a GPU; nothing of it runs without one.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from quasim_backend.kernels.custatevec.operations import (
    Operation,
    diagonal_entries,
    target_matrix,
)

_TYPES = {"complex64": 4, "complex128": 5}
_C64F = 5
_WIDEST_DENSE = 10


class Updater:
    """A state in custatevecEx's memory, and a queue of operations for it.

    Args:
        n: Qubits.
        dtype: complex64 or complex128.
        operations: What `run` applies; built once, queued in every run.
    """

    def __init__(self, n: int, dtype: str, operations: list[Operation]) -> None:
        self._ex: Any = importlib.import_module("cuquantum.bindings.custatevecEx")
        library: Any = importlib.import_module("cuquantum.bindings.custatevec")
        self._row = library.MatrixLayout.ROW
        self._type, self._dtype = _TYPES[dtype], np.dtype(dtype)
        self._queued = [self._entry(op) for op in operations]
        config = self._ex.configure_state_vector_single_device(self._type, n, n, -1, 0)
        self._state = self._ex.state_vector_create_single_process(config, 0, 0, 0)
        self._ex.dictionary_destroy(config)
        config = self._ex.configure_sv_updater(self._type, ())
        self._updater = self._ex.sv_updater_create(config, 0)
        self._ex.dictionary_destroy(config)
        self._ex.state_vector_set_zero_state(self._state)

    def run(self) -> None:
        """Queue all operations, and apply them with the library's own fusion."""
        self._ex.sv_updater_clear(self._updater)
        for entry in self._queued:
            self._ex.sv_updater_enqueue_matrix(self._updater, entry[0].ctypes.data, *entry[1:])
        self._ex.sv_updater_apply(self._updater, self._state, 0, 0)
        self._ex.state_vector_synchronize(self._state)

    def read(self, part: slice) -> np.ndarray:
        """Copy a part of the state to the host."""
        found = np.empty(part.stop - part.start, self._dtype)
        self._ex.state_vector_get_state(
            self._state, found.ctypes.data, self._type, part.start, part.stop, 1
        )
        self._ex.state_vector_synchronize(self._state)
        return found

    def norm_squared(self) -> float:
        """Return the sum of all probabilities."""
        total = np.empty(1)
        self._ex.abs2sum_array(self._state, total.ctypes.data, 0, 0, 0, 0, 0)
        self._ex.state_vector_synchronize(self._state)
        return float(total[0])

    def close(self) -> None:
        """Free the state."""
        self._ex.sv_updater_destroy(self._updater)
        self._ex.state_vector_destroy(self._state)

    def _entry(self, op: Operation) -> tuple[Any, ...]:
        """Return the arguments that queue an operation, its numbers as an array first."""
        numbers, kind = diagonal_entries(op), self._ex.MatrixType.DIAGONAL
        if numbers is None:
            if len(op.targets) > _WIDEST_DENSE:
                raise ValueError(f"custatevecEx is given no matrix of {len(op.targets)} qubits")
            numbers, kind = target_matrix(op), self._ex.MatrixType.DENSE
        held = (list(op.controls), list(op.values), len(op.controls))
        numbers = np.ascontiguousarray(numbers, np.complex128)
        targets = list(op.targets)
        return (numbers, _C64F, kind, self._row, 0, targets, len(targets), *held)

"""Matrices of gate bodies, for fractional powers and to recognise gates of the table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.instructions import Barrier, GateOp

__all__ = ["matrix_of"]

Matrix = NDArray[np.complex128]


def matrix_of(operations: Iterable[GateOp | Barrier], num_qubits: int) -> Matrix:
    """Multiply gates out; qubit ``q`` is bit ``q`` of the index.

    Raises:
        ParameterError: If a parameter is not bound.
    """
    state = np.eye(1 << num_qubits, dtype=np.complex128).reshape((2,) * num_qubits + (-1,))
    for operation in operations:
        if isinstance(operation, Barrier):
            continue
        width = len(operation.qubits)
        matrix = operation.gate.matrix().reshape((2,) * (2 * width))
        # Axis k of the state is qubit n-1-k; the first qubit of a gate is its lowest index bit.
        axes = [num_qubits - 1 - q for q in reversed(operation.qubits)]
        state = np.tensordot(matrix, state, (list(range(width, 2 * width)), axes))
        state = np.moveaxis(state, list(range(width)), axes)
    return np.ascontiguousarray(state.reshape(1 << num_qubits, -1))

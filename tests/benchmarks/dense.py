"""Slow simulation of benchmark circuits with matrices written down here, little-endian."""

from __future__ import annotations

import numpy as np
from harness.operations import Operation, Operations
from numpy.typing import NDArray

Matrix = NDArray[np.complex128]

_PAULI = {
    "x": np.array([[0, 1], [1, 0]], complex),
    "y": np.array([[0, -1j], [1j, 0]], complex),
    "z": np.diag([1, -1]).astype(complex),
}
_FIXED = {
    "x": _PAULI["x"],
    "h": (_PAULI["x"] + _PAULI["z"]) / np.sqrt(2),
    "s": np.diag([1, 1j]),
    "t": np.diag([1, np.exp(0.25j * np.pi)]),
    "cx": np.eye(4, dtype=complex)[[0, 3, 2, 1]],  # the control is the low bit
    "cz": np.diag([1, 1, 1, -1]).astype(complex),
    "swap": np.eye(4, dtype=complex)[[0, 2, 1, 3]],
}


def matrix(op: Operation) -> Matrix:
    """Return the matrix of an operation; its first qubit is the lowest bit."""
    if op.name in _FIXED:
        return _FIXED[op.name]
    if op.matrix is not None:
        return op.matrix
    if op.name == "mcz":
        return np.diag([*[1] * (2 ** len(op.qubits) - 1), -1]).astype(complex)
    if op.name == "cp":
        return np.diag([1, 1, 1, np.exp(1j * op.angles[0])])
    if op.name == "u":
        theta, phi, lam = op.angles
        phase = np.exp(0.5j * (phi + lam))
        return phase * _rotation("z", phi) @ _rotation("y", theta) @ _rotation("z", lam)
    return _rotation(op.name[1:], op.angles[0])


def _rotation(letters: str, angle: float) -> Matrix:
    product = np.eye(1, dtype=complex)
    for letter in letters:
        product = np.kron(product, _PAULI[letter])
    return np.cos(angle / 2) * np.eye(len(product)) - 1j * np.sin(angle / 2) * product


def unitary(op: Operation, n: int) -> Matrix:
    """Return an operation as a matrix on all ``n`` qubits: complex128 ``(2**n, 2**n)``."""
    small = matrix(op)
    size = 2**n
    mask = sum(1 << q for q in op.qubits)
    result = np.zeros((size, size), complex)
    for column in range(size):
        inner = sum((column >> q & 1) << k for k, q in enumerate(op.qubits))
        for row_inner in range(len(small)):
            row = (column & ~mask) | sum((row_inner >> k & 1) << q for k, q in enumerate(op.qubits))
            result[row, column] = small[row_inner, inner]
    return result


def simulate(ops: Operations, n: int) -> NDArray[np.complex128]:
    """Return the final amplitudes ``(2**n,)`` from ``|0...0>``."""
    state = np.zeros(2**n, complex)
    state[0] = 1
    for op in ops:
        state = unitary(op, n) @ state
    return state

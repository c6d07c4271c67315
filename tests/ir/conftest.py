"""Dense truth for the tests of this folder, written without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from quasim_backend.ir import Circuit
from quasim_backend.ir.gate_table import Template
from quasim_backend.ir.instructions import Barrier, GateOp
from quasim_backend.ir.program import PrimitiveKind

Matrix = NDArray[np.complex128]
PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0 + 0j, -1]),
}


def embed(matrix: Matrix, qubits: Sequence[int], num_qubits: int) -> Matrix:
    """Place a matrix on qubits, entry by entry; ``qubits[0]`` is its lowest index bit."""
    result = np.zeros((1 << num_qubits,) * 2, complex)
    others = [q for q in range(num_qubits) if q not in qubits]
    for column in range(1 << num_qubits):
        local = sum((column >> q & 1) << k for k, q in enumerate(qubits))
        rest = sum(1 << q for q in others if column >> q & 1)
        for row_local in range(1 << len(qubits)):
            row = rest + sum(1 << q for k, q in enumerate(qubits) if row_local >> k & 1)
            result[row, column] += matrix[row_local, local]
    return result


def pauli_matrix(label: str) -> Matrix:
    """Kronecker product; the leftmost letter acts on the highest qubit."""
    result = np.eye(1, dtype=complex)
    for letter in label:
        result = np.kron(result, PAULI[letter])
    return result


def template_matrix(template: Template, num_qubits: int) -> Matrix:
    """Multiply out one primitive of a lowering, from the definition of its kind."""
    size = 1 << num_qubits
    angle = float(template.angle)  # type: ignore[arg-type]
    if template.kind == PrimitiveKind.MATRIX:
        result = embed(template.data, template.targets, num_qubits)
    elif template.kind == PrimitiveKind.DIAGONAL:
        result = embed(np.diag(template.data), template.targets, num_qubits)
    elif template.kind == PrimitiveKind.PERMUTATION:
        local = np.zeros((len(template.table),) * 2, complex)
        for i, j in enumerate(template.table):
            local[j, i] = 1
        result = embed(local, template.targets, num_qubits)
    elif template.kind == PrimitiveKind.PHASE:
        result = np.exp(1j * angle) * np.eye(size)
    else:
        letters = ["I"] * num_qubits
        for q in range(num_qubits):
            letters[q] = "IXZY"[(q in template.x_bits) + 2 * (q in template.z_bits)]
        pauli = pauli_matrix("".join(reversed(letters)))
        result = np.cos(angle / 2) * np.eye(size) - 1j * np.sin(angle / 2) * pauli
    mask = sum(1 << q for q in template.controls)
    on = np.diag([float(i & mask == mask) for i in range(size)])
    return result @ on + (np.eye(size) - on)


def circuit_matrix(circuit: Circuit) -> Matrix:
    """Multiply out a circuit of gates."""
    result = np.eye(1 << circuit.num_qubits, dtype=complex)
    for instruction in circuit.instructions:
        if isinstance(instruction, GateOp):
            matrix = instruction.gate.matrix()
            result = embed(matrix, instruction.qubits, circuit.num_qubits) @ result
        else:
            assert isinstance(instruction, Barrier), instruction
    return result


def phase_distance(a: Matrix, b: Matrix) -> float:
    """Return the largest entry of ``a - phase * b`` for the best global phase."""
    overlap = np.vdot(b, a)
    phase = overlap / abs(overlap) if abs(overlap) > 1e-9 else 1.0
    return float(np.abs(a - phase * b).max())


@pytest.fixture(scope="session")
def dense() -> Callable[..., object]:
    """Hand the functions above to the tests: this folder is no package to import from."""

    class Dense:
        embed = staticmethod(embed)
        pauli = staticmethod(pauli_matrix)
        template = staticmethod(template_matrix)
        circuit = staticmethod(circuit_matrix)
        phase_distance = staticmethod(phase_distance)

    return Dense

"""What cuStateVec is asked to do: one operation, one call; and how a plan becomes such operations.

Qubit ``q`` is bit ``q`` of the amplitude index, and ``targets[0]`` the lowest bit of a matrix
index, in cuStateVec as here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.plan import ExecutionPlan, OpKind
from quasim_backend.ir.program import PrimitiveKind, Program

__all__ = [
    "Dense",
    "Diagonal",
    "Operation",
    "Permutation",
    "Rotation",
    "controls_of",
    "dense_product",
    "diagonal_entries",
    "diagonal_product",
    "operations_of",
    "primitive",
    "string_of",
    "target_matrix",
]

PAULI_I, PAULI_X, PAULI_Y, PAULI_Z = range(4)
"""The numbers of the library's enumeration."""


@dataclass(frozen=True, eq=False, slots=True)
class Dense:
    """A matrix, complex128 ``(2**k, 2**k)``, on ``k >= 1`` targets, where the controls hold."""

    targets: tuple[int, ...]
    controls: tuple[int, ...]
    values: tuple[int, ...]
    matrix: NDArray[np.complex128]


@dataclass(frozen=True, eq=False, slots=True)
class Diagonal:
    """Factors, complex128 ``(2**k,)``, by the value of ``k >= 1`` targets."""

    targets: tuple[int, ...]
    controls: tuple[int, ...]
    values: tuple[int, ...]
    entries: NDArray[np.complex128]


@dataclass(frozen=True, eq=False, slots=True)
class Permutation:
    """``|i> -> |table[i]>`` on ``k >= 1`` targets; int64 ``(2**k,)``."""

    targets: tuple[int, ...]
    controls: tuple[int, ...]
    values: tuple[int, ...]
    table: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Rotation:
    """``exp(-i * angle/2 * P)``; ``paulis`` are the letters of P on ``targets``, none of them I."""

    targets: tuple[int, ...]
    controls: tuple[int, ...]
    values: tuple[int, ...]
    paulis: tuple[int, ...]
    angle: float


Operation: TypeAlias = Dense | Diagonal | Permutation | Rotation


def operations_of(plan: ExecutionPlan, angles: NDArray[np.float64]) -> Iterator[Operation]:
    """Yield the operations of a plan in its order, one for each of its fused operations.

    Args:
        plan: At least one qubit wide.
        angles: float64 ``(len(plan.program),)``; see `Program.angles`.
    """
    for op in range(plan.num_ops):
        members = plan.members(op).tolist()
        qubits = tuple(plan.qubits(op).tolist())
        home = qubits[0] if qubits else 0
        parts = [primitive(plan.program, m, float(angles[m]), home) for m in members]
        kind = OpKind(int(plan.op_kind[op]))
        if kind is OpKind.SINGLE or not qubits:
            yield from parts
        elif kind is OpKind.DIAGONAL:
            yield Diagonal(qubits, (), (), diagonal_product(parts, qubits))
        else:
            yield Dense(qubits, (), (), dense_product(parts, qubits))


def primitive(program: Program, number: int, angle: float, home: int = 0) -> Operation:
    """Return one primitive of a program as an operation.

    What has no targets, a phase, becomes a diagonal on a control, or on ``home`` without controls.
    """
    controls, values = controls_of(program, number)
    targets = tuple(
        program.targets[program.target_start[number] : program.target_start[number + 1]].tolist()
    )
    data = program.data[program.data_start[number] : program.data_start[number + 1]]
    kind = PrimitiveKind(int(program.kind[number]))
    if kind is PrimitiveKind.ROTATION:
        paulis, targets = string_of(int(program.x_mask[number]), int(program.z_mask[number]))
        if not targets:
            return _phase(np.exp(-0.5j * angle), controls, values, home)
        return Rotation(targets, controls, values, paulis, angle)
    if kind is PrimitiveKind.PHASE:
        return _phase(np.exp(1j * angle), controls, values, home)
    if not targets:
        factor = complex(1 if kind is PrimitiveKind.PERMUTATION else data[0])
        return _phase(factor, controls, values, home)
    if kind is PrimitiveKind.PERMUTATION:
        table = program.table[program.table_start[number] : program.table_start[number + 1]]
        return Permutation(targets, controls, values, table)
    if kind is PrimitiveKind.DIAGONAL:
        return Diagonal(targets, controls, values, data)
    size = 1 << len(targets)
    return Dense(targets, controls, values, data.reshape(size, size))


def string_of(x_mask: int, z_mask: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a Pauli string as the library's letters and the qubits they act on, ascending."""
    qubits = tuple(_bits(x_mask | z_mask))
    by_bits = {1: PAULI_X, 2: PAULI_Z, 3: PAULI_Y}
    return tuple(by_bits[(x_mask >> q & 1) + 2 * (z_mask >> q & 1)] for q in qubits), qubits


def controls_of(program: Program, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the control qubits of a primitive, ascending, and the values they must have."""
    value = int(program.control_value[number])
    controls = tuple(_bits(int(program.control_mask[number])))
    return controls, tuple(value >> q & 1 for q in controls)


def _phase(
    factor: complex, controls: tuple[int, ...], values: tuple[int, ...], home: int
) -> Diagonal:
    if not controls:
        return Diagonal((home,), (), (), np.array([factor, factor], np.complex128))
    entries = np.ones(2, np.complex128)
    entries[values[0]] = factor
    return Diagonal(controls[:1], controls[1:], values[1:], entries)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


# --- products on a few qubits -----------------------------------------------------------------


def dense_product(parts: Sequence[Operation], qubits: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return the product of operations, the first acting first, as a matrix on ``qubits``.

    Args:
        parts: The operations.
        qubits: All that they touch, controls included; ``qubits[0]`` is the lowest index bit.
    """
    product = np.eye(1 << len(qubits), dtype=np.complex128)
    for part in parts:
        rows = _rows(part, qubits)
        product[rows] = target_matrix(part) @ product[rows]
    return product


def diagonal_product(parts: Sequence[Operation], qubits: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return the product of operations that are all diagonal: complex128 ``(2**k,)``."""
    product = np.ones(1 << len(qubits), np.complex128)
    for part in parts:
        entries = diagonal_entries(part)
        assert entries is not None, "a diagonal operation has a member that is not"
        rows = _rows(part, qubits)
        product[rows] *= entries
    return product


def diagonal_entries(part: Operation) -> NDArray[np.complex128] | None:
    """Return the factors of an operation by its targets, ``(2**k,)``; None if it mixes states."""
    if isinstance(part, Diagonal):
        return part.entries
    if isinstance(part, Rotation):
        if any(letter != PAULI_Z for letter in part.paulis):
            return None
        parity = np.bitwise_count(np.arange(1 << len(part.targets), dtype=np.uint64)) & 1
        result: NDArray[np.complex128] = np.exp(-0.5j * part.angle * (1.0 - 2.0 * parity))
        return result
    return None


def target_matrix(part: Operation) -> NDArray[np.complex128]:
    """Return an operation without its controls as a matrix on its targets."""
    if isinstance(part, Dense):
        return part.matrix
    entries = diagonal_entries(part)
    if entries is not None:
        return np.diag(entries)
    size = 1 << len(part.targets)
    if isinstance(part, Permutation):
        matrix = np.zeros((size, size), np.complex128)
        matrix[part.table, np.arange(size)] = 1
        return matrix
    assert isinstance(part, Rotation)
    string: Any = np.ones((1, 1))
    for letter in part.paulis:
        string = np.kron(_LETTERS[letter], string)
    half = part.angle / 2
    rotation: NDArray[np.complex128] = np.cos(half) * np.eye(size) - 1j * np.sin(half) * string
    return rotation


_LETTERS = {
    PAULI_X: np.array([[0, 1], [1, 0]], np.complex128),
    PAULI_Y: np.array([[0, -1j], [1j, 0]], np.complex128),
    PAULI_Z: np.array([[1, 0], [0, -1]], np.complex128),
}


def _rows(part: Operation, qubits: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the indices on ``qubits`` that an operation touches.

    Returns:
        int64 ``(settings of the other qubits, values of the targets)``.
    """
    place = {qubit: k for k, qubit in enumerate(qubits)}
    index = np.arange(1 << len(qubits))
    free = np.ones(len(index), bool)
    for target in part.targets:
        free &= index >> place[target] & 1 == 0
    for control, value in zip(part.controls, part.values, strict=True):
        free &= index >> place[control] & 1 == value
    columns = np.zeros(1 << len(part.targets), np.int64)
    for k, target in enumerate(part.targets):
        columns |= (np.arange(len(columns)) >> k & 1) << place[target]
    rows: NDArray[np.int64] = index[free][:, None] | columns
    return rows

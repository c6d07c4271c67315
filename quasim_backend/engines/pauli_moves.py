"""Primitives as Pauli rotations or Clifford gates, so that Pauli errors can be moved past them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.program import ComplexArray, PrimitiveKind, Program

__all__ = ["Images", "Rotation", "bits_of_mask", "move_of", "pauli_masks", "quarter_turns"]

_WIDEST = 3
"""Qubits of a gate that is taken apart, controls included."""

_EXACT = 1e-12
"""Deviation up to which a matrix is a Clifford's, and an angle a multiple of pi/2."""

_PAULIS = {
    (0, 0): np.eye(2, dtype=np.complex128),
    (1, 0): np.array([[0, 1], [1, 0]], np.complex128),
    (1, 1): np.array([[0, -1j], [1j, 0]], np.complex128),
    (0, 1): np.array([[1, 0], [0, -1]], np.complex128),
}

Masks = tuple[int, int]


class Rotation(NamedTuple):
    """``exp(-i a P / 2)`` with ``a = factor * angle + offset``; the angle is the primitive's."""

    x_mask: int
    z_mask: int
    factor: float
    offset: float = 0.0


class Images(NamedTuple):
    """A Clifford gate: what ``X`` and ``Z`` on each of its qubits become, as x and z masks."""

    qubits: tuple[int, ...]
    masks: tuple[Masks, ...]


Move = tuple[Rotation, ...] | Images


def move_of(program: Program, i: int) -> Move | None:
    """Return primitive ``i`` as rotations, in the order they act, or as a Clifford gate.

    None for what is neither: gates on more than three qubits, and other gates that are no Clifford
    unless they act on one qubit or are diagonal. Global phases are left out.
    """
    kind = PrimitiveKind(int(program.kind[i]))
    mask, value = int(program.control_mask[i]), int(program.control_value[i])
    controls = bits_of_mask(mask)
    if kind == PrimitiveKind.ROTATION or kind == PrimitiveKind.PHASE:
        if len(controls) > _WIDEST:
            return None
        x, z = int(program.x_mask[i]), int(program.z_mask[i])
        # The controls' projector is the mean of (+-)Z on every subset of them.
        scale = (1.0 if kind == PrimitiveKind.ROTATION else -2.0) / (1 << len(controls))
        subsets = (s for k in range(len(controls) + 1) for s in itertools.combinations(controls, k))
        found = []
        for subset in subsets:
            on = sum(1 << q for q in subset)
            if x or z | on:
                sign = -1.0 if (value & on).bit_count() & 1 else 1.0
                found.append(Rotation(x, z ^ on, sign * scale))
        return tuple(found)
    targets = program.targets[program.target_start[i] : program.target_start[i + 1]].tolist()
    qubits = (*targets, *controls)
    if len(qubits) > _WIDEST:
        return None
    control_state = sum((value >> q & 1) << place for place, q in enumerate(controls))
    matrix = _controlled(_matrix(program, i, kind, 1 << len(targets)), len(controls), control_state)
    images = _images(matrix.tobytes(), len(qubits))
    if images is not None:
        return Images(qubits, tuple((_spread(x, qubits), _spread(z, qubits)) for x, z in images))
    if np.count_nonzero(matrix) == len(matrix) == np.count_nonzero(matrix.diagonal()):
        return tuple(_diagonal_rotations(matrix.diagonal(), qubits))
    return _euler_rotations(matrix, 1 << qubits[0]) if len(qubits) == 1 else None


def quarter_turns(program: Program, i: int, rotation: Rotation) -> int | None:
    """Return how often a rotation of primitive ``i`` turns by pi/2, modulo 4; None if not wholly.

    Angles that depend on parameters are none.
    """
    if rotation.factor and program.term_start[i] < program.term_start[i + 1]:
        return None
    angle = rotation.factor * float(program.angle_offset[i]) + rotation.offset
    turns = round(angle / (math.pi / 2))
    return turns % 4 if abs(angle - turns * math.pi / 2) < _EXACT else None


def pauli_masks(matrix: ComplexArray) -> Masks | None:
    """Return the x and z masks of a Pauli string times a phase, or None if it is none."""
    size = len(matrix)
    x = int(np.argmax(np.abs(matrix[:, 0])))
    index = np.arange(size)
    entries = matrix[index ^ x, index]
    signs = entries / entries[0] if entries[0] else entries
    z = sum(1 << q for q in range(size.bit_length() - 1) if signs[1 << q].real < 0)
    expected = 1.0 - 2.0 * (np.bitwise_count(index & z) & 1)
    exact = np.abs(signs - expected).max() < _EXACT and abs(abs(entries[0]) - 1) < _EXACT
    return (x, z) if exact else None


def bits_of_mask(mask: int) -> tuple[int, ...]:
    """Return the places of the bits that are set, ascending."""
    return tuple(q for q in range(mask.bit_length()) if mask >> q & 1)


def _matrix(program: Program, i: int, kind: PrimitiveKind, size: int) -> NDArray[np.complex128]:
    data = program.data[program.data_start[i] : program.data_start[i + 1]]
    if kind == PrimitiveKind.MATRIX:
        return data.reshape(size, size)
    if kind == PrimitiveKind.DIAGONAL:
        return np.diag(data)
    table = program.table[program.table_start[i] : program.table_start[i + 1]]
    moved = np.zeros((size, size), np.complex128)
    moved[table, np.arange(size)] = 1
    return moved


def _controlled(
    matrix: NDArray[np.complex128], controls: int, state: int
) -> NDArray[np.complex128]:
    """Return a matrix with controls as the highest index bits."""
    size = len(matrix)
    result = np.eye(size << controls, dtype=np.complex128)
    result[state * size : (state + 1) * size, state * size : (state + 1) * size] = matrix
    return result


@lru_cache(maxsize=1024)
def _images(data: bytes, width: int) -> tuple[Masks, ...] | None:
    """Return the masks of ``U P U^dagger`` for X and Z on each qubit, or None for no Clifford."""
    size = 1 << width
    unitary = np.frombuffer(data, np.complex128).reshape(size, size)
    found = []
    for q in range(width):
        for pauli in ((1, 0), (0, 1)):
            before = np.eye(1, dtype=np.complex128)
            for place in range(width):
                letter = _PAULIS[pauli if place == q else (0, 0)]
                before = np.asarray(np.kron(letter, before), np.complex128)
            masks = pauli_masks(unitary @ before @ unitary.conj().T)
            if masks is None:
                return None
            found.append(masks)
    return tuple(found)


def _diagonal_rotations(
    entries: NDArray[np.complex128], qubits: Sequence[int]
) -> Iterator[Rotation]:
    """Yield the Z rotations of a diagonal: the Walsh transform of its phases."""
    phases = np.angle(entries)
    index = np.arange(len(entries))
    for z in range(1, len(entries)):
        weight = float((phases * (1.0 - 2.0 * (np.bitwise_count(index & z) & 1))).mean())
        yield Rotation(0, _spread(z, qubits), 0.0, -2.0 * weight)


def _euler_rotations(matrix: NDArray[np.complex128], bit: int) -> tuple[Rotation, ...]:
    """Return a one-qubit unitary as rotations about Z, Y and Z."""
    (a, b), (c, d) = matrix
    theta = 2 * math.atan2(abs(c), abs(a))
    # Where an entry vanishes only the sum or the difference of the outer angles counts.
    if abs(c) < _EXACT:
        first, last = 0.0, float(np.angle(d) - np.angle(a))
    elif abs(a) < _EXACT:
        first, last = 0.0, float(np.angle(c) - np.angle(-b))
    else:
        first, last = float(np.angle(-b) - np.angle(a)), float(np.angle(c) - np.angle(a))
    return (
        Rotation(0, bit, 0.0, first),
        Rotation(bit, bit, 0.0, theta),
        Rotation(0, bit, 0.0, last),
    )


def _spread(mask: int, qubits: Sequence[int]) -> int:
    return sum(1 << q for place, q in enumerate(qubits) if mask >> place & 1)

"""Primitives as Pauli rotations or Clifford gates, so that Pauli errors can be moved past them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_images import spread
from quasim_backend.ir.program import ComplexArray, PrimitiveKind, Program

__all__ = ["Images", "Move", "Rotation", "bits_of_mask", "moves_of", "pauli_masks"]

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
    """``exp(-i a P / 2)`` with ``a = factor * angle + offset``; the angle is the primitive's.

    ``turns`` is how often ``a`` turns by pi/2, modulo 4; None if not wholly or not known.
    """

    x_mask: int
    z_mask: int
    factor: float
    offset: float = 0.0
    turns: int | None = None


class Images(NamedTuple):
    """A Clifford gate: what ``X`` and ``Z`` on each of its qubits become, as x and z masks."""

    qubits: tuple[int, ...]
    masks: tuple[Masks, ...]


Move = tuple[Rotation, ...] | Images


def moves_of(program: Program) -> list[Move] | None:
    """Return each primitive as rotations, in the order they act, or as a Clifford gate.

    None if one is neither: gates on more than three qubits, and other gates that are no Clifford
    unless they act on one qubit or are diagonal. Global phases are left out.
    """
    kinds, controls = program.kind.tolist(), program.control_mask.tolist()
    x_masks, z_masks = program.x_mask.tolist(), program.z_mask.tolist()
    angles, terms = program.angle_offset.tolist(), program.term_start.tolist()
    local: dict[tuple[object, ...], Move | None] = {}
    moves: list[Move] = []
    for i, kind in enumerate(kinds):
        move: Move | None
        if kind == PrimitiveKind.ROTATION or kind == PrimitiveKind.PHASE:
            known = None if terms[i] < terms[i + 1] else angles[i]
            if kind == PrimitiveKind.ROTATION and not controls[i]:
                move = (_rotation(x_masks[i], z_masks[i], 1.0, 0.0, known),)
            else:
                move = _controlled_rotations(program, i, known)
        else:
            move = _of_matrix(program, i, local)
        if move is None:
            return None
        moves.append(move)
    return moves


def _rotation(x: int, z: int, factor: float, offset: float, angle: float | None) -> Rotation:
    """Return a rotation of a primitive with an angle, None if it depends on parameters."""
    if angle is None and factor:
        return Rotation(x, z, factor, offset)
    total = factor * (angle or 0.0) + offset
    turns = round(total / (math.pi / 2))
    whole = abs(total - turns * (math.pi / 2)) < _EXACT
    return Rotation(x, z, factor, offset, turns % 4 if whole else None)


def _controlled_rotations(program: Program, i: int, angle: float | None) -> Move | None:
    mask, value = int(program.control_mask[i]), int(program.control_value[i])
    controls = bits_of_mask(mask)
    if len(controls) > _WIDEST:
        return None
    x, z = int(program.x_mask[i]), int(program.z_mask[i])
    # The controls' projector is the mean of (+-)Z on every subset of them.
    rotates = program.kind[i] == PrimitiveKind.ROTATION
    scale = (1.0 if rotates else -2.0) / (1 << len(controls))
    found = []
    for size in range(len(controls) + 1):
        for subset in itertools.combinations(controls, size):
            on = sum(1 << q for q in subset)
            if x or z | on:
                sign = -1.0 if (value & on).bit_count() & 1 else 1.0
                found.append(_rotation(x, z ^ on, sign * scale, 0.0, angle))
    return tuple(found)


def _of_matrix(
    program: Program, i: int, local: dict[tuple[object, ...], Move | None]
) -> Move | None:
    """Return a matrix, diagonal or permutation; ``local`` remembers those on qubits 0, 1, ..."""
    kind = PrimitiveKind(int(program.kind[i]))
    controls = bits_of_mask(int(program.control_mask[i]))
    targets = program.targets[program.target_start[i] : program.target_start[i + 1]].tolist()
    qubits = (*targets, *controls)
    if len(qubits) > _WIDEST:
        return None
    value = int(program.control_value[i])
    state = sum((value >> q & 1) << place for place, q in enumerate(controls))
    data = program.data[program.data_start[i] : program.data_start[i + 1]]
    table = program.table[program.table_start[i] : program.table_start[i + 1]]
    key = kind, len(targets), len(controls), state, data.tobytes(), table.tobytes()
    if key not in local:
        matrix = _matrix(kind, data, table, 1 << len(targets))
        local[key] = _on_first_qubits(_controlled(matrix, len(controls), state))
    move = local[key]
    if isinstance(move, Images):
        return Images(qubits, tuple((spread(x, qubits), spread(z, qubits)) for x, z in move.masks))
    if move is None:
        return None
    return tuple(
        r._replace(x_mask=spread(r.x_mask, qubits), z_mask=spread(r.z_mask, qubits)) for r in move
    )


def _on_first_qubits(matrix: NDArray[np.complex128]) -> Move | None:
    width = len(matrix).bit_length() - 1
    images = _images(matrix.tobytes(), width)
    if images is not None:
        return Images(tuple(range(width)), images)
    if np.count_nonzero(matrix) == len(matrix) == np.count_nonzero(matrix.diagonal()):
        return tuple(_diagonal_rotations(matrix.diagonal()))
    return _euler_rotations(matrix) if width == 1 else None


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
    found = []
    while mask:
        found.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return tuple(found)


def _matrix(
    kind: PrimitiveKind, data: NDArray[np.complex128], table: NDArray[np.int64], size: int
) -> NDArray[np.complex128]:
    if kind == PrimitiveKind.MATRIX:
        return data.reshape(size, size)
    if kind == PrimitiveKind.DIAGONAL:
        return np.diag(data)
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


def _diagonal_rotations(entries: NDArray[np.complex128]) -> Iterator[Rotation]:
    """Yield the Z rotations of a diagonal: the Walsh transform of its phases."""
    phases = np.angle(entries)
    index = np.arange(len(entries))
    for z in range(1, len(entries)):
        weight = float((phases * (1.0 - 2.0 * (np.bitwise_count(index & z) & 1))).mean())
        yield _rotation(0, z, 0.0, -2.0 * weight, None)


def _euler_rotations(matrix: NDArray[np.complex128]) -> tuple[Rotation, ...]:
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
        _rotation(0, 1, 0.0, first, None),
        _rotation(1, 1, 0.0, theta, None),
        _rotation(0, 1, 0.0, last, None),
    )

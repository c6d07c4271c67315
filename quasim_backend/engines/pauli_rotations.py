"""Gates as products of Pauli rotations, global phase included.

Clifford gates become rotations by multiples of pi/2, so that what is no Clifford shows by its
angle. Controlled gates become commuting rotations: the projector on the value of a control is a sum
of I and Z.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_images import spread
from quasim_backend.ir.gate_table import Template
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.program import PrimitiveKind

__all__ = ["Rotation", "local_paulis", "rotations_of"]

_WIDEST = 3
"""Qubits of a Clifford gate that is taken apart by its matrix."""
_MOST_CONTROLS = 10
"""Controls of one primitive: each doubles the number of rotations."""
_MOST_TARGETS = 6
"""Qubits of a matrix, diagonal or permutation that is written as a sum of strings."""
_EXACT = 1e-12
"""Deviation up to which a matrix is what it is compared with."""

Matrix = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Rotation:
    """``exp(-i angle/2 P)`` with ``P`` given by masks of any width; a phase where both are 0."""

    x: int
    z: int
    angle: float


def rotations_of(gate: Gate, qubits: Sequence[int]) -> list[Rotation] | None:
    """Return rotations whose product is the gate, in the order they act; None if none is known.

    Known are: everything the gate table lowers to rotations, phases and diagonals, with controls;
    gates on one qubit; Hermitian gates whose strings commute, such as X, SWAP and Toffoli; Clifford
    gates on up to three qubits.

    Args:
        gate: Without symbolic parameters.
        qubits: Controls first, then targets.
    """
    local = _plain_rotations(gate) if not gate.params else _local_rotations(gate)
    if local is None:
        return None
    return [Rotation(spread(r.x, qubits), spread(r.z, qubits), r.angle) for r in local]


@lru_cache(maxsize=8)
def local_paulis(width: int) -> Matrix:
    """Return all strings on ``width`` qubits as matrices: ``(4**k, 2**k, 2**k)``.

    String number ``x | z << k`` has X or Y where ``x`` has a bit, Z or Y where ``z`` has one.
    """
    index = np.arange(1 << width)
    result = np.zeros((4**width, 1 << width, 1 << width), np.complex128)
    for local in range(4**width):
        x, z = local & (1 << width) - 1, local >> width
        phase = 1j ** (x & z).bit_count()
        result[local, index ^ x, index] = phase * (1 - 2.0 * (np.bitwise_count(index & z) & 1))
    return result


# --- on the gate's own qubits -----------------------------------------------------------------


def _local_rotations(gate: Gate) -> tuple[Rotation, ...] | None:
    if gate.power not in (1.0, -1.0) and gate.power == round(gate.power):
        once = _local_rotations(replace(gate, power=math.copysign(1.0, gate.power)))
        return None if once is None else once * round(abs(gate.power))
    result: list[Rotation] = []
    for template in gate.templates():
        found = _primitive(template, gate.num_controls, gate.control_state)
        if found is None:
            small = gate.num_qubits <= _WIDEST
            return _clifford(gate.matrix(), gate.num_qubits) if small else None
        result += found
    return tuple(result)


_plain_rotations = lru_cache(maxsize=512)(_local_rotations)
"""The same for gates without parameters, of which a circuit uses few, often."""


def _primitive(template: Template, num_controls: int, state: int) -> list[Rotation] | None:
    """Return the rotations of one primitive of a gate, or None."""
    controls = (*range(num_controls), *(num_controls + t for t in template.controls))
    state |= (1 << len(template.controls)) - 1 << num_controls
    targets = [num_controls + t for t in template.targets]
    if len(controls) > _MOST_CONTROLS or len(targets) > _MOST_TARGETS:
        return None
    if template.kind in (PrimitiveKind.ROTATION, PrimitiveKind.PHASE):
        assert isinstance(template.angle, float | int), "the gate's parameters are bound"
        x = sum(1 << num_controls + b for b in template.x_bits)
        z = sum(1 << num_controls + b for b in template.z_bits)
        scale = 1.0 if template.kind == PrimitiveKind.ROTATION else -2.0
        return [*_controlled([Rotation(x, z, scale * template.angle)], controls, state)]
    if template.kind == PrimitiveKind.DIAGONAL:
        assert template.data is not None
        return [*_controlled(_diagonal(np.angle(template.data), targets), controls, state)]
    matrix = template.data
    if matrix is None:
        assert template.table is not None
        matrix = np.zeros((len(template.table),) * 2, np.complex128)
        matrix[template.table, np.arange(len(matrix))] = 1
    if not np.abs(matrix - np.diag(matrix.diagonal())).max() > _EXACT:
        return [*_controlled(_diagonal(np.angle(matrix.diagonal()), targets), controls, state)]
    involution = _involution(matrix, targets)
    if involution is not None:
        return [*_controlled(involution, controls, state)]
    if len(targets) > 1:
        return None
    if not controls:
        return _euler(matrix, targets[0])
    values, vectors = np.linalg.eig(matrix)  # of a unitary with two eigenvalues: orthogonal
    frame = _euler(vectors, targets[0])
    back = [Rotation(r.x, r.z, -r.angle) for r in reversed(frame)]
    return [*back, *_controlled(_diagonal(np.angle(values), targets), controls, state), *frame]


def _controlled(
    rotations: Sequence[Rotation], controls: Sequence[int], state: int
) -> Iterator[Rotation]:
    """Yield rotations that act where the controls have the values of ``state``'s lowest bits."""
    for rotation in rotations:
        for subset in range(1 << len(controls)):
            z = rotation.z ^ spread(subset, controls)
            sign = -1.0 if (subset & state).bit_count() & 1 else 1.0
            yield Rotation(rotation.x, z, sign * rotation.angle / (1 << len(controls)))


def _diagonal(phases: NDArray[np.float64], targets: Sequence[int]) -> list[Rotation]:
    """Return ``diag(exp(i phases))``: each Z string takes its coefficient of the phases."""
    index = np.arange(len(phases))
    found = []
    for z in range(len(phases)):
        weight = float(np.mean(phases * (1 - 2.0 * (np.bitwise_count(index & z) & 1))))
        if abs(weight) > _EXACT:
            found.append(Rotation(0, spread(z, targets), -2 * weight))
    return found


def _involution(matrix: Matrix, targets: Sequence[int]) -> list[Rotation] | None:
    """Return ``U = exp(-i pi/2 (U - 1))`` for a Hermitian unitary of commuting strings."""
    width = len(targets)
    if width > _WIDEST or np.abs(matrix - matrix.conj().T).max() > _EXACT:
        return None
    weights = np.einsum("pij,ji->p", local_paulis(width), matrix).real / len(matrix)
    mask = (1 << width) - 1
    strings = [(p & mask, p >> width) for p in np.flatnonzero(np.abs(weights) > _EXACT).tolist()]
    for a, b in strings:
        if any(((a & d).bit_count() + (b & c).bit_count()) & 1 for c, d in strings):
            return None
    found = [Rotation(0, 0, -math.pi)]
    for x, z in strings:
        angle = math.pi * float(weights[x | z << width])
        found.append(Rotation(spread(x, targets), spread(z, targets), angle))
    return found


def _euler(matrix: Matrix, target: int) -> list[Rotation]:
    """Return a 2 x 2 unitary as ``exp(i phase) Rz Ry Rz``."""
    phase = cmath.phase(complex(np.linalg.det(matrix))) / 2
    a, b = (matrix * cmath.exp(-1j * phase))[:, 0].tolist()
    theta = 2 * math.atan2(abs(b), abs(a))
    first = 0.0  # where only the sum or the difference of the outer angles matters
    if abs(b) <= _EXACT:
        last = -2 * cmath.phase(a)
    elif abs(a) <= _EXACT:
        last = 2 * cmath.phase(b)
    else:
        first, last = -cmath.phase(a) - cmath.phase(b), cmath.phase(b) - cmath.phase(a)
    bit = 1 << target
    return [
        Rotation(0, bit, first),
        Rotation(bit, bit, theta),
        Rotation(0, bit, last),
        Rotation(0, 0, -2 * phase),
    ]


# --- Clifford gates by their matrices ---------------------------------------------------------


def _clifford(matrix: Matrix, width: int) -> tuple[Rotation, ...] | None:
    """Return a Clifford gate as quarter turns and one string, or None if it is no Clifford.

    Quarter turns bring the image of X, then of Z, of one qubit after the other to its place: one
    about ``i A B`` takes ``A`` to ``B`` where they anticommute, and by way of a third string where
    they do not. What is left is a string and a phase.
    """
    paulis = local_paulis(width)
    rest, turns = matrix, list[int]()
    fixed: list[int] = []
    for goal in (1 << q + half * width for q in range(width) for half in range(2)):
        image = _number_of(rest @ paulis[goal] @ rest.conj().T, paulis)
        if image is None:
            return None
        path = [image, goal]
        if image != goal and not _crossed(image, goal, width):
            # Turns must leave what is in place: the strings on the way anticommute with the same.
            between = (
                p
                for p in range(4**width)
                if _crossed(p, image, width)
                and _crossed(p, goal, width)
                and all(_crossed(p, f, width) == _crossed(goal, f, width) for f in fixed)
            )
            path.insert(1, next(between))
        for old, new in itertools.pairwise(path):
            if old != new:
                turns.append(old ^ new)
                rest = (np.eye(len(rest)) - 1j * paulis[old ^ new]) / math.sqrt(2) @ rest
        fixed.append(goal)
    string = _number_of(rest, paulis)
    if string is None:
        return None
    phase = cmath.phase(complex(np.trace(paulis[string] @ rest)))
    mask = (1 << width) - 1
    # P = i exp(-i pi/2 P)
    found = [
        Rotation(string & mask, string >> width, math.pi),
        Rotation(0, 0, -2 * phase - math.pi),
    ]
    found += [Rotation(t & mask, t >> width, -math.pi / 2) for t in reversed(turns)]
    return tuple(found)


def _number_of(matrix: Matrix, paulis: Matrix) -> int | None:
    """Return the number of the string that a matrix is, times a phase; None if it is none."""
    overlaps = np.abs(np.einsum("pij,ji->p", paulis, matrix)) / len(matrix)
    best = int(np.argmax(overlaps))
    return best if abs(overlaps[best] - 1) < _EXACT else None


def _crossed(a: int, b: int, width: int) -> bool:
    """Return whether two strings, by number, anticommute."""
    mask = (1 << width) - 1
    crossings = (a & mask & b >> width).bit_count() + (a >> width & b & mask).bit_count()
    return crossings & 1 == 1

"""What gates are made of, for networks: matrices on one qubit, diagonals, swaps, dense tensors.

A diagonal leaves its qubits' indices as they are, so that it joins indices and makes none. To have
as many diagonals as possible, Pauli rotations and controlled gates are brought into the basis in
which they are diagonal: ``C-U = V (controlled phases) V^dagger``. A diagonal on many qubits is a
sum of products, ``1 + (e^{i phi} - 1) n n .. n`` or ``cos - i sin Z Z .. Z``; the number of the
term is one more index, and its tensors have two indices however many qubits there are.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.gate_table import FORMALS, RECORDS, Template
from quasim_backend.ir.gates import UNITARY_TOLERANCE, Gate
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.program import PrimitiveKind

__all__ = ["MAX_RANK", "Matrix", "Piece", "pieces_of", "times"]

Matrix: TypeAlias = tuple[complex, complex, complex, complex]
"""A matrix on one qubit, row by row: tuples are faster than arrays here."""

MAX_RANK = 20
"""Indices of a tensor that a gate may become."""
_JOINED = 3
"""Diagonals on more qubits are written as sums of products."""

_R = math.sqrt(0.5)
_H: Matrix = (_R, _R, _R, -_R)
_X: Matrix = (0, 1, 1, 0)
_Y_TO_Z: Matrix = (_R, -1j * _R, _R, 1j * _R)
_Z_TO_Y: Matrix = (_R, _R, 1j * _R, -1j * _R)
_PARITY = np.array([[1, 1], [1, -1]], complex)


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """A part of a gate.

    ========= ====================================== =============================================
    kind      acts on                                value, or what ``make`` returns for an angle
    ========= ====================================== =============================================
    one       ``places[0]``                          `Matrix`
    diagonal  ``places``, none changes               complex ``(2,) * k``, an axis for each place
    product   ``places``, none changes               complex ``(2,) * slots``, see below
    swap      ``places[0]`` and ``places[1]``        none
    dense     ``places``; ``shared`` do not change   complex: axes after, before, shared
    ========= ====================================== =============================================

    A product is ``sum_a value[a] * prod_j tables[j][a[slot_of[j]], s_j]`` over term numbers ``a``.

    Attributes:
        kind: As above.
        places: The gate's qubits that it acts on, by number within the gate.
        value: Constant value.
        make: The value for an angle, where it depends on one.
        angle: The angle; affine in the circuit's parameters, or a number.
        frequency: The value is constant plus ``exp(i f angle)`` and ``exp(-i f angle)`` with this
            ``f``, each times something.
        diagonal: For ``one``: whether it is diagonal for all angles.
        shared: For ``dense``.
        slot_of: For ``product``: which term number each place looks at.
        tables: For ``product``: ``(2, 2)`` for each place.
    """

    kind: str
    places: tuple[int, ...] = ()
    value: Any = None
    make: Callable[[float], Any] | None = None
    angle: float | Affine = 0.0
    diagonal: bool = False
    frequency: float = 0.5
    shared: tuple[int, ...] = ()
    slot_of: tuple[int, ...] = ()
    tables: tuple[Array, ...] = ()


def pieces_of(gate: Gate) -> Sequence[Piece]:
    """Return the pieces of a gate in the order they act, on its own qubits, controls first.

    Raises:
        UnsupportedError: If a part of the gate needs a tensor of more than `MAX_RANK` indices, or
            is not unitary.
    """
    if gate.power == 1.0 and gate.name in RECORDS:
        pieces = _of_record(gate.name, gate.num_controls, gate.control_state)
        if not gate.params:
            return pieces
        return [_with_angle(p, gate.params) if p.make is not None else p for p in pieces]
    found: list[Piece] = []
    for template in gate.templates():
        found += _of_template(template, gate.num_controls, gate.control_state)
    return [_settled(piece) for piece in found]


@lru_cache(maxsize=4096)
def _of_record(name: str, num_controls: int, control_state: int) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for template in RECORDS[name].lowering:
        pieces += _of_template(template, num_controls, control_state)
    return tuple(p if isinstance(p.angle, Affine) else _settled(p) for p in pieces)


def _with_angle(piece: Piece, params: Sequence[float | Affine]) -> Piece:
    """Put a gate's parameters into an angle that is affine in the formal ones."""
    formula = piece.angle
    assert isinstance(formula, Affine)
    angle: Any = formula.offset
    for formal, weight in formula.terms:
        angle = params[_FORMAL[formal]] * weight + angle
    make = piece.make
    assert make is not None
    if isinstance(angle, Affine):
        return replace(piece, angle=angle)
    return Piece(
        piece.kind,
        piece.places,
        make(angle),
        diagonal=piece.diagonal,
        slot_of=piece.slot_of,
        tables=piece.tables,
    )


_FORMAL = {p: i for i, p in enumerate(FORMALS)}


def _settled(piece: Piece) -> Piece:
    """Compute the value of a piece whose angle is a number."""
    if piece.make is None or isinstance(piece.angle, Affine):
        return piece
    return replace(piece, value=piece.make(piece.angle), make=None)


# --- templates --------------------------------------------------------------------------------


def _of_template(template: Template, num_controls: int, control_state: int) -> list[Piece]:
    """Return the pieces of one primitive under a gate's controls."""
    controls = {i: control_state >> i & 1 for i in range(num_controls)}
    controls |= {num_controls + c: 1 for c in template.controls}
    targets = tuple(num_controls + t for t in template.targets)
    kind, angle = template.kind, template.angle
    if kind is PrimitiveKind.PHASE:
        return _phase(controls, angle)
    if kind is PrimitiveKind.ROTATION:
        x = {num_controls + q for q in template.x_bits}
        z = {num_controls + q for q in template.z_bits}
        return _rotation(controls, x, z, angle)
    if kind is PrimitiveKind.DIAGONAL:
        assert template.data is not None
        return [_controlled_diagonal(controls, targets, template.data)]
    if kind is PrimitiveKind.PERMUTATION:
        assert template.table is not None
        table = template.table
        if table.tolist() == [0, 2, 1, 3] and not controls:
            return [Piece("swap", targets)]
        if len(table) > 1 << MAX_RANK // 2:
            raise _too_wide(len(targets), len(controls))
        matrix = np.zeros((len(table), len(table)), complex)
        matrix[table, np.arange(len(table))] = 1
        return _matrix(controls, targets, matrix)
    assert template.data is not None
    data = np.asarray(template.data)
    error = float(np.abs(data.conj().T @ data - np.eye(len(data))).max())
    if not error < UNITARY_TOLERANCE * len(data):
        raise UnsupportedError(
            f"its matrix is not unitary (off by {error:.3g}); use a channel for other maps"
        )
    return _matrix(controls, targets, data)


def _phase(controls: dict[int, int], angle: float | Affine) -> list[Piece]:
    """``exp(i angle)`` where the controls hold their values."""
    places = tuple(controls)
    if len(places) > _JOINED:
        tables = tuple(np.array([[1, 1], [1 - v, v]], complex) for v in controls.values())
        slots = (0,) * len(places)

        def weights(phi: float) -> Array:
            return np.array([1, cmath.exp(1j * phi) - 1])

        return [Piece("product", places, None, weights, angle, False, 1.0, (), slots, tables)]
    corner = tuple(controls.values())
    if len(places) == 1:
        first = corner[0]

        def one(phi: float) -> Matrix:
            e = cmath.exp(1j * phi)
            return (1, 0, 0, e) if first else (e, 0, 0, 1)

        return [Piece("one", places, None, one, angle, True, 1.0)]

    def entries(phi: float) -> Array:
        value = np.ones((2,) * len(corner), complex)
        value[corner] = cmath.exp(1j * phi)
        return value

    return [Piece("diagonal", places, None, entries, angle, False, 1.0)]


def _rotation(
    controls: dict[int, int], x: set[int], z: set[int], angle: float | Affine
) -> list[Piece]:
    """``exp(-i angle/2 P)`` under controls."""
    support = sorted(x | z)
    if not controls and len(support) == 1:
        letter = "Y" if x and z else "X" if x else "Z"
        return [Piece("one", tuple(support), None, _ONE[letter], angle, letter == "Z")]
    if not support:  # P is the identity
        return _phase(controls, angle * -0.5)
    into = [Piece("one", (q,), _Y_TO_Z if q in z else _H) for q in support if q in x]
    back = [Piece("one", (q,), _Z_TO_Y if q in z else _H) for q in support if q in x]
    places = (*controls, *support)
    if len(places) <= _JOINED:
        corner = tuple(controls.values())
        parity = np.array([(-1.0) ** i.bit_count() for i in range(1 << len(support))])
        signs = parity.reshape((2,) * len(support))

        def entries(theta: float) -> Array:
            value = np.ones((2,) * len(places), complex)
            value[corner] = np.exp(-0.5j * theta * signs)
            return value

        return [*into, Piece("diagonal", places, None, entries, angle), *back]
    tables = [np.array([[1, 1], [1 - v, v]], complex) for v in controls.values()]
    tables += [_PARITY] * len(support)
    if controls:
        slots = (0,) * len(controls) + (1,) * len(support)

        def weights(theta: float) -> Array:
            cos, sin = math.cos(theta / 2), math.sin(theta / 2)
            return np.array([[1, 0], [cos - 1, -1j * sin]])

    else:
        slots = (0,) * len(support)

        def weights(theta: float) -> Array:
            return np.array([math.cos(theta / 2), -1j * math.sin(theta / 2)])

    product = Piece("product", places, None, weights, angle, slot_of=slots, tables=tuple(tables))
    return [*into, product, *back]


def _x_rotation(theta: float) -> Matrix:
    cos, sin = math.cos(theta / 2), -1j * math.sin(theta / 2)
    return (cos, sin, sin, cos)


def _y_rotation(theta: float) -> Matrix:
    cos, sin = math.cos(theta / 2), math.sin(theta / 2)
    return (cos, -sin, sin, cos)


def _z_rotation(theta: float) -> Matrix:
    phase = cmath.exp(-0.5j * theta)
    return (phase, 0, 0, phase.conjugate())


_ONE = {"X": _x_rotation, "Y": _y_rotation, "Z": _z_rotation}


# --- matrices ---------------------------------------------------------------------------------


def _matrix(controls: dict[int, int], targets: tuple[int, ...], matrix: Array) -> list[Piece]:
    if len(targets) == 1 and not controls:
        return [Piece("one", targets, tuple(matrix.reshape(-1).tolist()))]
    if not np.any(matrix - np.diag(np.diag(matrix))):
        return [_controlled_diagonal(controls, targets, np.diag(matrix))]
    if len(targets) == 1:
        vectors = _H_ARRAY if np.array_equal(matrix, _X_ARRAY) else _eigenvectors(matrix)
        phases = vectors.conj().T @ matrix @ vectors
        if abs(phases[0, 1]) + abs(phases[1, 0]) < 1e-14:
            basis = Piece("one", targets, tuple(vectors.reshape(-1).tolist()))
            inverse = Piece("one", targets, tuple(vectors.conj().T.reshape(-1).tolist()))
            entries = np.diag(phases)
            if len(controls) + 1 <= _JOINED:
                return [inverse, _controlled_diagonal(controls, targets, entries), basis]
            # One phase for each eigenvector, as products.
            middle: list[Piece] = []
            for value in (0, 1):
                middle += _phase({**controls, targets[0]: value}, cmath.phase(entries[value]))
            return [inverse, *(_settled(p) for p in middle), basis]
    if len(targets) == 2 and not controls:
        unswapped = matrix[:, [0, 2, 1, 3]]
        if not np.any(unswapped - np.diag(np.diag(unswapped))):
            # matrix = diagonal @ swap
            return [
                Piece("swap", targets),
                _controlled_diagonal({}, targets, np.diag(unswapped)),
            ]
    return [_dense(controls, targets, matrix)]


_H_ARRAY = np.array(_H).reshape(2, 2)
_X_ARRAY = np.array(_X, complex).reshape(2, 2)


def _eigenvectors(unitary: Array) -> Array:
    """Return orthonormal eigenvectors as columns: those of a mix of its Hermitian parts."""
    real, imaginary = (unitary + unitary.conj().T) / 2, (unitary - unitary.conj().T) / 2j
    vectors: Array = np.linalg.eigh(real + 0.7390851332151607 * imaginary)[1]
    return vectors


def _controlled_diagonal(
    controls: dict[int, int], targets: tuple[int, ...], entries: Array
) -> Piece:
    """A diagonal with all its entries in one tensor, first axis first place."""
    width = len(targets)
    tensor = np.asarray(entries, complex).reshape((2,) * width).transpose()
    if not controls and width == 1:
        return Piece("one", targets, (tensor[0].item(), 0, 0, tensor[1].item()), diagonal=True)
    if len(controls) + width > MAX_RANK:
        raise _too_wide(width, len(controls))
    value = np.ones((2,) * (len(controls) + width), complex)
    value[tuple(controls.values())] = tensor
    return Piece("diagonal", (*controls, *targets), value)


def _dense(controls: dict[int, int], targets: tuple[int, ...], matrix: Array) -> Piece:
    """A tensor with an index before and one after for each qubit that it changes."""
    width = len(targets)
    if 2 * width + len(controls) > MAX_RANK:
        raise _too_wide(width, len(controls))
    # Axes: after, highest qubit first; before, likewise. Reversed they are in order of the qubits.
    tensor = matrix.reshape((2,) * (2 * width))
    order = [*reversed(range(width)), *reversed(range(width, 2 * width))]
    tensor = tensor.transpose(order)
    changed = [j for j in range(width) if _changes(tensor, j, width)]
    kept = [j for j in range(width) if j not in changed]
    letters = [chr(97 + j) for j in range(2 * width)]
    source = letters.copy()
    for j in kept:
        source[width + j] = source[j]
    result = [*(letters[j] for j in changed), *(letters[width + j] for j in changed)]
    result += [letters[j] for j in kept]
    tensor = np.einsum("".join(source) + "->" + "".join(result), tensor)
    if controls:
        rank = 2 * len(changed)
        identity = np.eye(1 << len(changed), dtype=complex).reshape((2,) * rank)
        shape = (2,) * (rank + len(kept) + len(controls))
        value = np.empty(shape, complex)
        value[...] = identity.reshape(identity.shape + (1,) * (len(kept) + len(controls)))
        corner: tuple[Any, ...] = (..., *controls.values())
        value[corner] = tensor
        tensor = value
    shared = (*(targets[j] for j in kept), *controls)
    places = tuple(targets[j] for j in changed)
    return Piece("dense", places, np.ascontiguousarray(tensor), shared=shared)


def _changes(tensor: Array, j: int, width: int) -> bool:
    moved = np.moveaxis(tensor, (j, width + j), (0, 1))
    return bool(moved[0, 1].any() or moved[1, 0].any())


def _too_wide(targets: int, controls: int) -> UnsupportedError:
    return UnsupportedError(
        f"it acts on {targets} targets under {controls} controls, which takes a tensor of more "
        f"than {MAX_RANK} indices; write it as gates on fewer qubits"
    )


def times(a: Matrix, b: Matrix) -> Matrix:
    """Return the product of two matrices on one qubit."""
    a0, a1, a2, a3 = a
    b0, b1, b2, b3 = b
    return (a0 * b0 + a1 * b2, a0 * b1 + a1 * b3, a2 * b0 + a3 * b2, a2 * b1 + a3 * b3)

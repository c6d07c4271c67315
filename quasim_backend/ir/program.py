"""The border between Python and the kernels: straight-line circuits as flat arrays of primitives.

A kernel set knows five primitives and nothing else. Each acts where its control qubits hold the
control value:

=========== ======================================================== ==========================
kind        action                                                   data
=========== ======================================================== ==========================
MATRIX      dense matrix on ``targets``                              ``data``: ``4**k`` row-major
DIAGONAL    ``amplitude *= d[index of targets]``                     ``data``: ``2**k`` entries
PERMUTATION ``|i> -> |table[i]>`` on ``targets``                     ``table``: ``2**k`` indices
ROTATION    ``exp(-i * angle/2 * P)``, P a Hermitian Pauli string    ``x_mask``, ``z_mask``
PHASE       ``amplitude *= exp(i * angle)``                          none
=========== ======================================================== ==========================

``targets[0]`` is the lowest bit of the matrix index, and qubit ``q`` is bit ``q`` of the amplitude
index. In ``(x_mask, z_mask)`` a qubit in both masks carries Y, so ``P`` is Hermitian:
``P = i**popcount(x & z) * X^x Z^z``. An angle is ``offset + sum(weight * parameters[index])``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir.packing import Packed, joined, pack, unpacked
from quasim_backend.ir.parameters import Affine, Parameter

__all__ = [
    "MAX_QUBITS",
    "Angles",
    "ComplexArray",
    "PrimitiveKind",
    "Program",
    "ProgramBuilder",
    "assembled",
]

ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]

MAX_QUBITS = 63
"""Masks are 64-bit words; an amplitude index must stay a signed 64-bit integer."""


class PrimitiveKind(IntEnum):
    """What a primitive does; the numbers are shared with the C++ kernels."""

    MATRIX = 0
    DIAGONAL = 1
    PERMUTATION = 2
    ROTATION = 3
    PHASE = 4


@dataclass(frozen=True, eq=False)
class Program:
    """A straight-line circuit of ``m`` primitives, as read-only arrays.

    Attributes:
        num_qubits: Width ``n``; amplitudes have shape ``(2**n,)``.
        parameters: Names of the run-time parameters, in the order of the parameter vector.
        kind: uint8 ``(m,)``, values of `PrimitiveKind`.
        target_start: int32 ``(m + 1,)``; targets of primitive ``i`` are
            ``targets[target_start[i]:target_start[i + 1]]``. Empty for ROTATION and PHASE.
        targets: int32.
        control_mask: uint64 ``(m,)``; bit ``q`` set when qubit ``q`` controls.
        control_value: uint64 ``(m,)``; the value the control bits must have (subset of the mask).
        x_mask: uint64 ``(m,)``, ROTATION only.
        z_mask: uint64 ``(m,)``, ROTATION only.
        data_start: int64 ``(m + 1,)`` into ``data``.
        data: complex128; matrices row-major (``4**k``) and diagonals (``2**k``).
        table_start: int64 ``(m + 1,)`` into ``table``.
        table: int64; permutations.
        angle_offset: float64 ``(m,)``, radians.
        term_start: int32 ``(m + 1,)`` into ``term_parameter`` and ``term_weight``.
        term_parameter: int32; index into ``parameters``.
        term_weight: float64.
    """

    num_qubits: int
    parameters: tuple[Parameter, ...]
    kind: NDArray[np.uint8]
    target_start: NDArray[np.int32]
    targets: NDArray[np.int32]
    control_mask: NDArray[np.uint64]
    control_value: NDArray[np.uint64]
    x_mask: NDArray[np.uint64]
    z_mask: NDArray[np.uint64]
    data_start: NDArray[np.int64]
    data: NDArray[np.complex128]
    table_start: NDArray[np.int64]
    table: NDArray[np.int64]
    angle_offset: NDArray[np.float64]
    term_start: NDArray[np.int32]
    term_parameter: NDArray[np.int32]
    term_weight: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of primitives."""
        return len(self.kind)

    def angles(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evaluate every primitive's angle, float64 ``(m,)``, at a parameter vector ``(P,)``.

        Raises:
            ParameterError: If the vector has the wrong length or holds a value that is not finite.
        """
        values = self.check_parameters(parameters)
        result = self.angle_offset.copy()
        if len(self.term_parameter):
            owner = np.repeat(np.arange(len(self)), np.diff(self.term_start))
            np.add.at(result, owner, self.term_weight * values[self.term_parameter])
        return result

    def check_parameters(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``parameters`` as a contiguous float64 vector that fits this program.

        Raises:
            ParameterError: If the length is wrong or a value is not finite.
        """
        values = np.ascontiguousarray(parameters, dtype=np.float64)
        if values.shape != (len(self.parameters),):
            raise ParameterError(
                f"The circuit has {len(self.parameters)} parameters "
                f"({', '.join(p.name for p in self.parameters) or 'none'}); "
                f"the parameter vector has shape {values.shape}."
            )
        if not np.isfinite(values).all():
            bad = self.parameters[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise ParameterError(f"Parameter '{bad.name}' is not finite.")
        return values


class Angles:
    """Angles of primitives that are not packed with them, as they depend on a gate's parameters."""

    __slots__ = ("offsets", "places", "terms")

    def __init__(self) -> None:
        """Start without angles."""
        self.places: list[int] = []
        self.offsets: list[float] = []
        self.terms: list[tuple[int, Parameter, float]] = []

    def set(self, place: int, angle: float | Affine) -> None:
        """Give the primitive number ``place`` its angle; places ascend."""
        self.places.append(place)
        if isinstance(angle, Affine):
            self.offsets.append(angle.offset)
            self.terms += [(place, parameter, weight) for parameter, weight in angle.terms]
        else:
            self.offsets.append(angle)


def assembled(
    num_qubits: int, parameters: Sequence[Parameter], parts: Sequence[Packed], angles: Angles
) -> Program:
    """Return the `Program` of packed primitives, with read-only arrays.

    Args:
        num_qubits: Width of the program, at most `MAX_QUBITS`.
        parameters: Fixes the head of the parameter vector; others follow as they appear.
        parts: The primitives.
        angles: Replace the packed ones.
    """
    arrays = unpacked(joined(parts))
    count = len(arrays["kind"])
    if angles.places:
        arrays["angle_offset"][angles.places] = angles.offsets
    order = {p: i for i, p in enumerate(parameters)}
    starts = np.zeros(count + 1, np.int32)
    if angles.terms:
        places, symbols, weights = zip(*angles.terms, strict=True)
        indices = [order.setdefault(p, len(order)) for p in symbols]
        np.cumsum(np.bincount(places, minlength=count), out=starts[1:])
    else:
        indices, weights = [], ()
    arrays["term_start"] = starts
    arrays["term_parameter"] = np.array(indices, np.int32)
    arrays["term_weight"] = np.array(weights, np.float64)
    for value in arrays.values():
        value.setflags(write=False)
    return Program(num_qubits=num_qubits, parameters=tuple(order), **arrays)


class ProgramBuilder:
    """Collects primitives one by one and freezes them into a `Program`.

    The builder trusts its caller: qubits are distinct and in range, matrices have the right shape.
    """

    def __init__(self, num_qubits: int, parameters: Sequence[Parameter] = ()) -> None:
        """Start an empty program.

        Args:
            num_qubits: Width of the program.
            parameters: Fixes the order of the parameter vector; others are added as they appear.

        Raises:
            UnsupportedError: If ``num_qubits`` exceeds `MAX_QUBITS`.
        """
        if num_qubits > MAX_QUBITS:
            raise UnsupportedError(
                f"A state-vector program has at most {MAX_QUBITS} qubits; got {num_qubits}."
            )
        self.num_qubits = num_qubits
        self._parameters = tuple(parameters)
        self._parts: list[Packed] = []
        self._angles = Angles()

    def __len__(self) -> int:
        """Return the number of primitives so far."""
        return len(self._parts)

    def matrix(
        self,
        targets: Sequence[int],
        matrix: NDArray[np.complex128],
        control_mask: int = 0,
        control_value: int = 0,
    ) -> None:
        """Append a dense ``(2**k, 2**k)`` matrix on ``k`` targets."""
        kind = PrimitiveKind.MATRIX
        self._parts.append(pack(kind, targets, control_mask, control_value, data=matrix))

    def diagonal(
        self,
        targets: Sequence[int],
        entries: NDArray[np.complex128],
        control_mask: int = 0,
        control_value: int = 0,
    ) -> None:
        """Append a diagonal ``(2**k,)`` on ``k`` targets."""
        kind = PrimitiveKind.DIAGONAL
        self._parts.append(pack(kind, targets, control_mask, control_value, data=entries))

    def permutation(
        self,
        targets: Sequence[int],
        table: NDArray[np.int64],
        control_mask: int = 0,
        control_value: int = 0,
    ) -> None:
        """Append the permutation ``|i> -> |table[i]>``, ``(2**k,)``, on ``k`` targets."""
        kind = PrimitiveKind.PERMUTATION
        self._parts.append(pack(kind, targets, control_mask, control_value, table=table))

    def rotation(
        self,
        x_mask: int,
        z_mask: int,
        angle: float | Affine,
        control_mask: int = 0,
        control_value: int = 0,
    ) -> None:
        """Append ``exp(-i angle/2 P)`` with the Pauli string given by its masks."""
        self._angles.set(len(self._parts), angle)
        kind = PrimitiveKind.ROTATION
        part = pack(kind, (), control_mask, control_value, x_mask=x_mask, z_mask=z_mask)
        self._parts.append(part)

    def phase(self, angle: float | Affine, control_mask: int = 0, control_value: int = 0) -> None:
        """Append a factor ``exp(i angle)`` where the controls hold; global without controls."""
        self._angles.set(len(self._parts), angle)
        self._parts.append(pack(PrimitiveKind.PHASE, (), control_mask, control_value))

    def build(self) -> Program:
        """Freeze what was appended into a `Program` with read-only arrays."""
        return assembled(self.num_qubits, self._parameters, self._parts, self._angles)

"""Circuits of Clifford gates and Pauli rotations: what a Pauli error changes, found in one sweep.

A Pauli ``E`` before a Clifford ``C`` is ``C E C^dagger`` after it. A rotation
``R_P(a) = exp(-i a P / 2)`` it passes, and turns the angle's sign if it anticommutes with ``P``:
``R_P(a) E = E R_P(-a)``. So errors, wherever they happen, amount to the signs of some angles and
one Pauli string at the end, up to a phase.

What becomes of ``X`` or ``Z`` on a qubit is kept as one Python integer, a *row*, whose exclusive or
is the product of Paulis: bits ``0 .. n - 1`` are the x mask at the end, ``n .. 2 n - 1`` the z
mask, and bit ``2 n + r`` is the sign of angle ``r``. The sweep goes from the end to the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import NoisyStep
from quasim_backend.engines.pauli_moves import (
    Images,
    Rotation,
    bits_of_mask,
    move_of,
    pauli_masks,
    quarter_turns,
)
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.program import PrimitiveKind, Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained, part

__all__ = ["PauliSigns", "pauli_signs"]


@dataclass(frozen=True, eq=False)
class PauliSigns:
    """A step whose errors only turn signs.

    Attributes:
        program: The step's program with one parameter for each angle that an error may turn.
        places: int64 ``(angles,)``; the primitive of ``program`` that has the angle, ascending.
        source: int64 ``(angles,)``; the primitive of the step that it comes from.
        factor: float64 ``(angles,)``; the angle is ``factor * angle of source + offset``.
        offset: float64 ``(angles,)``.
        rows: For each site and operator, what the error becomes, see the module.
    """

    program: Program
    places: NDArray[np.int64]
    source: NDArray[np.int64]
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    rows: tuple[tuple[int, ...], ...]

    def angles(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the parameters of a run without errors, from the angles of the step's program."""
        return self.factor * angles[self.source] + self.offset


def pauli_signs(step: NoisyStep) -> PauliSigns | None:
    """Return what errors do to a step, or None if a channel mixes other operators than Paulis.

    None too if a gate is not among those that `move_of` takes apart.
    """
    masks: dict[int, list[tuple[int, int]] | None] = {}
    for site in step.sites:
        if id(site.channel) not in masks:
            masks[id(site.channel)] = _paulis(site.channel)
        if masks[id(site.channel)] is None:
            return None
    moves = []
    for i in range(len(step.program)):
        move = move_of(step.program, i)
        if move is None:
            return None
        moves.append(move)
    writer = _Writer(step.program)
    for i, move in enumerate(moves):
        writer.add(i, move)
    rows = _Rows(step.program, moves, writer.numbers)
    found: list[tuple[int, ...]] = []
    for site in reversed(step.sites):
        rows.back_to(site.place)
        paulis = masks[id(site.channel)] or []
        on_x, on_z = rows.subsets(site.qubits)
        found.append(tuple([on_x[x] ^ on_z[z] for x, z in paulis]))
    return writer.signs(tuple(reversed(found)))


class _Writer:
    """Writes a program again, with numbers for the angles that errors can turn."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._pieces: list[Program | tuple[int, int]] = []
        self._angles: list[tuple[int, int, float, float]] = []
        self._length = 0
        self.numbers: list[range] = []
        """Of each primitive, its angles; none for a Clifford."""

    def add(self, i: int, move: Images | tuple[Rotation, ...]) -> None:
        """Add primitive ``i``; as it is, if it has at most one angle."""
        first = len(self._angles)
        program, kind = self._program, PrimitiveKind(int(self._program.kind[i]))
        fixed = isinstance(move, Images) or all(
            quarter_turns(program, i, r) is not None for r in move
        )
        own = kind == PrimitiveKind.ROTATION or kind == PrimitiveKind.PHASE
        if isinstance(move, Images) or fixed or (own and len(move) == 1):
            if not fixed:
                self._angles.append((self._length, i, 1.0, 0.0))
            last = self._pieces[-1] if self._pieces else None
            if isinstance(last, tuple) and last[1] == i:
                self._pieces[-1] = (last[0], i + 1)
            else:
                self._pieces.append((i, i + 1))
            self._length += 1
        else:
            builder = ProgramBuilder(program.num_qubits)
            for rotation in move:
                builder.rotation(rotation.x_mask, rotation.z_mask, 0.0)
                self._angles.append((self._length, i, rotation.factor, rotation.offset))
                self._length += 1
            self._pieces.append(builder.build())
        self.numbers.append(range(first, len(self._angles)))

    def signs(self, rows: tuple[tuple[int, ...], ...]) -> PauliSigns:
        """Put everything together."""
        count = len(self._angles)
        table = np.array(self._angles, np.float64).reshape(count, 4)
        places, source = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        programs = [part(self._program, *p) if isinstance(p, tuple) else p for p in self._pieces]
        written = chained(programs) if programs else self._program
        offsets = written.angle_offset.copy()
        offsets[places] = 0.0
        starts = np.zeros(len(written) + 1, np.int32)
        starts[1:] = np.cumsum(np.bincount(places, minlength=len(written)))
        program = replace(
            written,
            parameters=tuple(Parameter(f"angle {r}") for r in range(count)),
            angle_offset=offsets,
            term_start=starts,
            term_parameter=np.arange(count, dtype=np.int32),
            term_weight=np.ones(count),
        )
        return PauliSigns(program, places, source, table[:, 2].copy(), table[:, 3].copy(), rows)


class _Rows:
    """Rows of ``X`` and ``Z`` on every qubit, at a place that goes from the end backwards."""

    def __init__(
        self,
        program: Program,
        moves: Sequence[Images | tuple[Rotation, ...]],
        numbers: Sequence[range],
    ) -> None:
        width = program.num_qubits
        self._program, self._moves, self._numbers = program, moves, numbers
        self._place = len(program)
        self._x = [1 << q for q in range(width)]
        self._z = [1 << (width + q) for q in range(width)]

    def of(self, x_mask: int, z_mask: int) -> int:
        """Return the row of a Pauli string at the place."""
        row = 0
        for q in bits_of_mask(x_mask):
            row ^= self._x[q]
        for q in bits_of_mask(z_mask):
            row ^= self._z[q]
        return row

    def subsets(self, qubits: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the rows of ``X``, and of ``Z``, on each subset of qubits, a mask of places."""
        on_x, on_z = [0], [0]
        for q in qubits:
            on_x += [row ^ self._x[q] for row in on_x]
            on_z += [row ^ self._z[q] for row in on_z]
        return on_x, on_z

    def back_to(self, place: int) -> None:
        """Go back to before primitive ``place``."""
        while self._place > place:
            self._place -= 1
            move = self._moves[self._place]
            if isinstance(move, Images):
                rows = [self.of(x, z) for x, z in move.masks]
                for number, q in enumerate(move.qubits):
                    self._x[q], self._z[q] = rows[2 * number : 2 * number + 2]
                continue
            numbers = self._numbers[self._place]
            for number in reversed(range(len(move))):
                self._back(move[number], numbers[number] if numbers else None)

    def _back(self, rotation: Rotation, angle: int | None) -> None:
        x, z = rotation.x_mask, rotation.z_mask
        if angle is not None:
            change = 1 << (2 * self._program.num_qubits + angle)
        elif quarter_turns(self._program, self._place, rotation) in (1, 3):
            change = self.of(x, z)  # R E = E R^dagger = E P R, up to a phase
        else:
            return
        for q in bits_of_mask(z):
            self._x[q] ^= change
        for q in bits_of_mask(x):
            self._z[q] ^= change


def _paulis(channel: Channel) -> list[tuple[int, int]] | None:
    """Return the masks of the Paulis that a channel mixes, or None if it does other things."""
    if channel.probabilities is None:
        return None
    found = [pauli_masks(u) for u in channel.operators]
    known = [masks for masks in found if masks is not None]
    return known if len(known) == len(found) else None

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
    Move,
    Rotation,
    bits_of_mask,
    moves_of,
    pauli_masks,
)
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.program import PrimitiveKind, Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained, part

__all__ = ["PauliSigns", "pauli_signs"]


@dataclass(frozen=True, eq=False)
class PauliSigns:
    """A step whose errors only turn signs.

    An *effect* is a row of uint64 words: the x mask at the end, the z mask, then a bit for each
    angle that is turned, angle 0 the highest bit of the first word. Effects sort as their signs do.

    Attributes:
        program: The step's program with one parameter for each angle that an error may turn.
        places: int64 ``(angles,)``; the primitive of ``program`` that has the angle, ascending.
        source: int64 ``(angles,)``; the primitive of the step that it comes from.
        factor: float64 ``(angles,)``; the angle is ``factor * angle of source + offset``.
        offset: float64 ``(angles,)``.
        generators: uint64 ``(2 * qubits of all sites, words)``; effects of ``X`` and ``Z`` on a
            site's first qubit, on its second, ..., site by site.
        starts: int64 ``(sites,)``; where a site's generators start.
        operators: int64 ``(sites, most operators)``; the generators in each operator, as bits.
    """

    program: Program
    places: NDArray[np.int64]
    source: NDArray[np.int64]
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    generators: NDArray[np.uint64]
    starts: NDArray[np.int64]
    operators: NDArray[np.int64]

    def angles(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the parameters of a run without errors, from the angles of the step's program."""
        return self.factor * angles[self.source] + self.offset

    def add(
        self,
        total: NDArray[np.uint64],
        rows: NDArray[np.int64],
        sites: NDArray[np.int64],
        errors: NDArray[np.int64],
    ) -> None:
        """Add errors to effects.

        Args:
            total: uint64 ``(k, words)``; overwritten.
            rows: int64 ``(errors,)``; rows of ``total``, each at most once.
            sites: int64 ``(errors,)``.
            errors: int64 ``(errors,)``; generators of the site, as bits.
        """
        for place in range(int(errors.max(initial=0)).bit_length()):
            here = np.flatnonzero(errors >> place & 1)
            total[rows[here]] ^= self.generators[self.starts[sites[here]] + place]

    def turns(self, effects: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return the angles that effects turn, bool ``(k, angles)``."""
        data = effects[:, 2:].astype(">u8").view(np.uint8)
        return np.unpackbits(data, axis=1, count=len(self.places)).astype(np.bool_)


def pauli_signs(step: NoisyStep) -> PauliSigns | None:
    """Return what errors do to a step, or None if a channel mixes other operators than Paulis.

    None too if a gate is not among those that `moves_of` takes apart.
    """
    known: dict[int, list[int]] = {}
    for site in step.sites:
        if id(site.channel) not in known:
            bits = _generators(site.channel)
            if bits is None:
                return None
            known[id(site.channel)] = bits
    most = max(map(len, known.values()), default=1)
    padded = {key: bits + [0] * (most - len(bits)) for key, bits in known.items()}
    operators = np.array([padded[id(site.channel)] for site in step.sites], np.int64)
    moves = moves_of(step.program)
    if moves is None:
        return None
    writer = _Writer(step.program)
    for i, move in enumerate(moves):
        writer.add(i, move)
    rows = _Rows(step.program.num_qubits, moves, writer.numbers)
    found: list[int] = []
    for site in reversed(step.sites):
        rows.back_to(site.place)
        for q in reversed(site.qubits):
            found += [rows.z[q], rows.x[q]]
    widths = np.array([2 * len(site.qubits) for site in step.sites], np.int64)
    effects = _effects(found[::-1], step.program.num_qubits, writer.count)
    return writer.signs(effects, np.cumsum(widths) - widths, operators.reshape(-1, most))


class _Writer:
    """Writes a program again, with numbers for the angles that errors can turn."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._kinds = program.kind.tolist()
        self._pieces: list[tuple[int, int] | ProgramBuilder] = []
        self._angles: list[tuple[int, int, float, float]] = []
        self._length = 0
        self.numbers: list[range] = []
        """Of each primitive, its angles; none for a Clifford."""

    @property
    def count(self) -> int:
        """Number of angles."""
        return len(self._angles)

    def add(self, i: int, move: Move) -> None:
        """Add primitive ``i``; as it is, if it has at most one angle."""
        first = len(self._angles)
        fixed = isinstance(move, Images) or all(r.turns is not None for r in move)
        own = self._kinds[i] in (PrimitiveKind.ROTATION, PrimitiveKind.PHASE)
        last = self._pieces[-1] if self._pieces else None
        if fixed or (own and len(move) == 1):
            if not fixed:
                self._angles.append((self._length, i, 1.0, 0.0))
            if isinstance(last, tuple):
                self._pieces[-1] = (last[0], i + 1)
            else:
                self._pieces.append((i, i + 1))
            self._length += 1
        else:
            assert not isinstance(move, Images)
            if not isinstance(last, ProgramBuilder):
                last = ProgramBuilder(self._program.num_qubits)
                self._pieces.append(last)
            for rotation in move:
                last.rotation(rotation.x_mask, rotation.z_mask, 0.0)
                self._angles.append((self._length, i, rotation.factor, rotation.offset))
                self._length += 1
        self.numbers.append(range(first, len(self._angles)))

    def signs(
        self,
        generators: NDArray[np.uint64],
        starts: NDArray[np.int64],
        operators: NDArray[np.int64],
    ) -> PauliSigns:
        """Put everything together."""
        count = len(self._angles)
        table = np.array(self._angles, np.float64).reshape(count, 4)
        places, source = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        programs = [
            part(self._program, *p) if isinstance(p, tuple) else p.build() for p in self._pieces
        ]
        written = chained(programs) if programs else self._program
        offsets = written.angle_offset.copy()
        offsets[places] = 0.0
        terms = np.zeros(len(written) + 1, np.int32)
        terms[1:] = np.cumsum(np.bincount(places, minlength=len(written)))
        program = replace(
            written,
            parameters=tuple(Parameter(f"angle {r}") for r in range(count)),
            angle_offset=offsets,
            term_start=terms,
            term_parameter=np.arange(count, dtype=np.int32),
            term_weight=np.ones(count),
        )
        factor, offset = table[:, 2].copy(), table[:, 3].copy()
        return PauliSigns(program, places, source, factor, offset, generators, starts, operators)


class _Rows:
    """Rows ``x`` and ``z`` of each qubit's ``X`` and ``Z``, at a place that goes backwards."""

    def __init__(self, width: int, moves: Sequence[Move], numbers: Sequence[range]) -> None:
        """Begin at the end."""
        self._width, self._moves, self._numbers = width, moves, numbers
        self._place = len(moves)
        self.x = [1 << q for q in range(width)]
        self.z = [1 << (width + q) for q in range(width)]

    def _of(self, x_mask: int, z_mask: int) -> int:
        """Return the row of a Pauli string at the place."""
        row = 0
        for q in bits_of_mask(x_mask):
            row ^= self.x[q]
        for q in bits_of_mask(z_mask):
            row ^= self.z[q]
        return row

    def back_to(self, place: int) -> None:
        """Go back to before primitive ``place``."""
        while self._place > place:
            self._place -= 1
            move = self._moves[self._place]
            if isinstance(move, Images):
                rows = [self._of(x, z) for x, z in move.masks]
                for number, q in enumerate(move.qubits):
                    self.x[q], self.z[q] = rows[2 * number : 2 * number + 2]
                continue
            numbers = self._numbers[self._place]
            for number in reversed(range(len(move))):
                self._back(move[number], numbers[number] if numbers else None)

    def _back(self, rotation: Rotation, angle: int | None) -> None:
        x, z = rotation.x_mask, rotation.z_mask
        if angle is not None:
            change = 1 << (2 * self._width + angle)
        elif rotation.turns in (1, 3):
            change = self._of(x, z)  # R E = E R^dagger = E P R, up to a phase
        else:
            return
        for q in bits_of_mask(z):
            self.x[q] ^= change
        for q in bits_of_mask(x):
            self.z[q] ^= change


def _generators(channel: Channel) -> list[int] | None:
    """Return the generators in each Pauli that a channel mixes; None if it does other things."""
    if channel.probabilities is None:
        return None
    found: list[int] = []
    for unitary in channel.operators:
        masks = pauli_masks(unitary)
        if masks is None:
            return None
        x, z = masks
        found.append(
            sum(
                (x >> k & 1) << 2 * k | (z >> k & 1) << 2 * k + 1 for k in range(channel.num_qubits)
            )
        )
    return found


def _effects(rows: Sequence[int], width: int, angles: int) -> NDArray[np.uint64]:
    """Return rows of Python integers as words, see `PauliSigns`."""
    words = -(-angles // 64)
    size = 8 * (2 + words)
    low = (1 << width) - 1
    parts = ((row & low) | (row >> width & low) << 64 | (row >> 2 * width) << 128 for row in rows)
    data = b"".join(value.to_bytes(size, "little") for value in parts)
    table = np.frombuffer(data, np.uint8).reshape(len(rows), size)
    effects = np.empty((len(rows), 2 + words), np.uint64)
    effects[:, :2] = np.ascontiguousarray(table[:, :16]).view("<u8")
    signs = np.unpackbits(table[:, 16:], axis=1, bitorder="little")
    effects[:, 2:] = np.packbits(signs, axis=1).view(">u8")
    return effects

"""A circuit of ``n`` qubits as rotations of ``r`` qubits and a Clifford gate after them.

Clifford gates are moved to the end of the circuit, past the other rotations, whose strings they
change. What is left acts on ``|0...0>``, and a string ``X^x Z^z`` takes ``|c>`` to ``|c ^ x>``: the
state stays within the span of the ``x`` masks, whose dimension ``r`` is at most the number of
rotations. It is a sum of ``2**r`` stabilizer states, orthogonal to each other, with ``2**r``
coefficients, on which the rotations act like those of ``r`` qubits. Compare the "Pauli-based
computation" of Bravyi, Smith and Smolin, Phys. Rev. X 6, 021043 (2016).

Rotations about the same string become one where all between commute with it. What is asked for at
the end does not depend on rotations that commute with it and with all that come later.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from quasim_backend.compile.code import CompiledCircuit, SampleStep, SaveStep
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.extended_stabilizer.frame import CliffordFrame
from quasim_backend.engines.pauli_images import Image
from quasim_backend.engines.pauli_rotations import Rotation, rotations_of
from quasim_backend.engines.pauli_sums import SavedSums
from quasim_backend.engines.straight_code import StraightCode
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliString

__all__ = ["Logical", "Reading", "Reduction", "Span", "reduced"]

_CLIFFORD = 1e-13
"""Distance of an angle from a multiple of pi/2 that is rounding."""
_LOOK_BACK = 200
"""Rotations among which one about the same string is looked for."""
_FEW = 400
"""Rotations up to which those are looked for that nothing depends on: pairs are compared."""


@dataclass(frozen=True, slots=True)
class Logical:
    """``sign`` times a Hermitian string on the ``r`` coordinates."""

    x: int
    z: int
    sign: int


class Span:
    """A space of bit masks with a basis that only grows; coordinates are bits of a number.

    Attributes:
        basis: The masks.
    """

    def __init__(self) -> None:
        """Start with the zero mask alone."""
        self.basis: list[int] = []
        self._pivots: list[int] = []

    def coordinates(self, mask: int) -> tuple[int, int]:
        """Return coordinates and what is left of a mask outside the space, 0 if it is inside."""
        found = 0
        for place, (vector, pivot) in enumerate(zip(self.basis, self._pivots, strict=True)):
            if mask >> pivot & 1:
                mask ^= vector
                found |= 1 << place
        return found, mask

    def include(self, mask: int) -> None:
        """Let a mask be in the space."""
        _, left = self.coordinates(mask)
        if left:
            self.basis.append(left)
            self._pivots.append(left.bit_length() - 1)

    def logical(self, image: Image) -> Logical | None:
        """Return what a Hermitian string does within the space, or None if it leads out of it."""
        x, left = self.coordinates(image[0])
        if left:
            return None
        z = sum(1 << j for j, v in enumerate(self.basis) if (image[1] & v).bit_count() & 1)
        # Both are Hermitian: i**power and i**popcount(x & z) differ by a sign.
        return Logical(x, z, 1 - (image[2] - (x & z).bit_count() & 3))


@dataclass(eq=False)
class Reading:
    """What is asked of the state at one point.

    Attributes:
        place: Number of rotations before it.
        turns: Number of Clifford turns before it.
        step: The step that asks.
        sums: What the step saves, as sums of strings, if it does.
        strings: What each string of the sums is there; None: its value is 0.
        images: ``C^dagger P C`` for each string of the sums, or each ``Z_q`` that is measured.
        flips: ``C^dagger X_q C`` for each qubit, where amplitudes are saved.
        phase: Global phase at this point.
        bits: Classical memory at this point, without outcomes.
    """

    place: int
    turns: int
    step: SaveStep | SampleStep | None
    sums: SavedSums | None = None
    strings: dict[PauliString, Logical | None] = field(default_factory=dict)
    images: dict[PauliString, Image] = field(default_factory=dict)
    flips: list[Image] = field(default_factory=list)
    phase: complex = 1.0
    bits: int = 0


@dataclass(eq=False)
class Reduction:
    """A circuit taken apart.

    Attributes:
        span: Where the state is.
        rotations: Rotations on the coordinates, in the order they act.
        turns: The Clifford gate: rotations of the ``n`` qubits by multiples of pi/2, in the order
            they act, after all of ``rotations``.
        readings: What is asked for, in order, and the state at the end.
        frame: The Clifford gate at the end.
    """

    span: Span
    rotations: list[Rotation]
    turns: list[Rotation]
    readings: list[Reading]
    frame: CliffordFrame

    @property
    def rank(self) -> int:
        """Number of coordinates, at least 1."""
        return max(len(self.span.basis), 1)


def reduced(compiled: CompiledCircuit, request: EngineRequest) -> Reduction:
    """Take a circuit apart; made once for equal parameters and kept.

    Args:
        compiled: Gate code of gates, saves and a measurement at the end.
        request: Gives the parameters.

    Raises:
        Cancelled: If the request's token was set.
    """
    key = ("extended_stabilizer", request.parameters.tobytes(), request.want_state)
    known = compiled.cache.get("extended_stabilizer")
    if known is None or known[0] != key:
        known = compiled.cache["extended_stabilizer"] = (key, _Reducer(compiled, request).run())
    found: Reduction = known[1]
    return found


@dataclass(frozen=True, slots=True)
class _Turned:
    """A rotation about a Hermitian string of all qubits, the Clifford gate being after it."""

    image: Image
    angle: float


class _Reducer:
    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        self._compiled, self._request = compiled, request
        self._code = StraightCode(compiled, request)
        width = compiled.num_qubits
        self._found = Reduction(Span(), [], [], [], CliffordFrame(width))
        self._phase = 1.0 + 0j
        self._turned: list[_Turned] = []
        self._known: dict[tuple[Gate, tuple[int, ...]], Sequence[Rotation]] = {}

    def run(self) -> Reduction:
        for operation in self._code:
            self._request.cancel.check()
            if isinstance(operation, GateOp):
                for rotation in self._rotations(operation):
                    self._rotate(rotation)
            else:
                assert isinstance(operation, SaveStep | SampleStep), "others are refused"
                self._read(operation)
        self._read(None)
        self._drop_unseen()
        self._take_coordinates()
        return self._found

    def _rotations(self, operation: GateOp) -> Sequence[Rotation]:
        key = (operation.gate, operation.qubits)
        found = self._known.get(key)
        if found is None:
            rotations = rotations_of(*key)
            assert rotations is not None, "other gates are refused"
            found = self._known[key] = rotations
        return found

    def _rotate(self, rotation: Rotation) -> None:
        """Put the nearest quarter turn into the Clifford gate and the rest before it."""
        x, z, angle = rotation.x, rotation.z, rotation.angle
        if not x | z:
            self._phase *= cmath.exp(-0.5j * angle)
            return
        found = self._found
        quarters = round(angle / (math.pi / 2))
        if abs(angle - quarters * (math.pi / 2)) > _CLIFFORD:
            image = found.frame.image(x, z)
            angle += self._same_before(image)
            quarters = round(angle / (math.pi / 2))
            rest = angle - quarters * (math.pi / 2)
            if abs(rest) > _CLIFFORD:
                self._turned.append(_Turned(image, rest))
        if quarters % 4:
            found.frame.turn(x, z, quarters)
            found.turns.append(Rotation(x, z, (quarters % 4) * (math.pi / 2)))
        if quarters % 8 >= 4:
            self._phase = -self._phase  # a whole turn

    def _same_before(self, image: Image) -> float:
        """Take out an earlier rotation about the same string that can be moved here.

        Returns:
            Its angle, 0 if there is none.
        """
        begin = self._found.readings[-1].place if self._found.readings else 0
        end = len(self._turned)
        for place in reversed(range(max(begin, end - _LOOK_BACK), end)):
            other = self._turned[place]
            if other.image[:2] == image[:2]:
                del self._turned[place]
                return other.angle if other.image[2] == image[2] else -other.angle
            if _crossed(other.image, image):
                break
        return 0.0

    def _read(self, step: SaveStep | SampleStep | None) -> None:
        found = self._found
        place, turns = len(self._turned), len(found.turns)
        reading = Reading(place, turns, step, phase=self._phase, bits=self._code.bits)
        found.readings.append(reading)
        width = self._compiled.num_qubits
        if isinstance(step, SampleStep):
            strings = {PauliString(0, 1 << q) for q in step.qubits}
            reading.images = {p: found.frame.image(p.x, p.z) for p in strings}
        if not isinstance(step, SaveStep) or step.save.kind == "statevector":
            return
        if step.save.kind == "amplitudes":
            reading.flips = [found.frame.image(1 << q, 0) for q in range(width)]
            return
        reading.sums = SavedSums.of(step.save, width)
        for terms in reading.sums.sums:
            for string in terms:
                if string not in reading.images:
                    reading.images[string] = found.frame.image(string.x, string.z)

    def _drop_unseen(self) -> None:
        """Drop rotations that commute with all that comes later and with all that is asked for."""
        readings, last = self._found.readings, len(self._turned)
        if self._request.want_state or any(reading.place < last for reading in readings):
            return
        if any(isinstance(r.step, SaveStep) and r.sums is None for r in readings):
            return  # amplitudes depend on everything
        if last > _FEW:
            return
        seen = [image for reading in readings for image in reading.images.values()]
        kept: list[_Turned] = []
        for rotation in reversed(self._turned):
            if any(_crossed(rotation.image, image) for image in seen):
                kept.append(rotation)
                seen.append(rotation.image)
        self._turned = kept[::-1]
        for reading in readings:
            reading.place = len(kept)

    def _take_coordinates(self) -> None:
        """Find the span, and what rotations and strings are in it."""
        found, done, phase = self._found, 0, 1.0 + 0j
        for reading in found.readings:
            for rotation in self._turned[done : reading.place]:
                found.span.include(rotation.image[0])
                logical = found.span.logical(rotation.image)
                assert logical is not None
                angle = logical.sign * rotation.angle
                if logical.x | logical.z:
                    found.rotations.append(Rotation(logical.x, logical.z, angle))
                else:
                    phase *= cmath.exp(-0.5j * angle)
            done = reading.place
            reading.place = len(found.rotations)
            reading.phase *= phase
            if isinstance(reading.step, SaveStep):
                images = reading.images.items()
                reading.strings = {string: found.span.logical(image) for string, image in images}


def _crossed(a: Image, b: Image) -> bool:
    """Return whether two strings anticommute."""
    return ((a[0] & b[1]).bit_count() + (a[1] & b[0]).bit_count()) & 1 == 1

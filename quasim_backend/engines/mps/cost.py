"""Bonds, bytes and seconds of a run, before it: of its course, if that is known, or from ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
)
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.mps.courses import expected_courses
from quasim_backend.engines.mps.seconds import (
    AMPLITUDE,
    BIT,
    ENTRY,
    GATE,
    PRODUCT,
    SITE,
    SUBSPACE,
    TRIPLE,
)
from quasim_backend.engines.mps.trial import course_of
from quasim_backend.ir.array_observables import listed
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliSum

__all__ = ["Estimate", "estimate"]

_EXPECTED = 1024
"""Bonds are not expected to grow beyond this where nothing limits them: time ends before memory."""


@dataclass(eq=False)
class Estimate:
    """What a run is expected to take.

    Attributes:
        bond: Largest bond.
        expected_bond: The same, or what it hardly exceeds where the bound is far away.
        state_bytes: Bytes of the widest state, with expected bonds.
        seconds: Time for all courses of the circuit and its samples.
        capped: Whether a bond would have grown past the limit, so that the state is truncated.
    """

    bond: int
    expected_bond: int
    state_bytes: float
    seconds: float
    capped: bool


class _Bonds:
    """Upper bounds of bonds, as logarithms to base 2: numbers grow past any range."""

    def __init__(self, width: int, cap: int | None) -> None:
        self.exact = np.array([min(b, width - b) for b in range(1, width)], np.float64)
        self.limit = self.exact if cap is None else np.minimum(self.exact, math.log2(cap))
        self.bonds = np.zeros(max(width - 1, 0))
        self.capped = False

    def widen(self, first: int, last: int, rank: float) -> float:
        """Multiply the bonds between two qubits; return the sum of their cubes before the cut."""
        here = slice(first, last)
        grown = np.minimum(self.bonds[here] + rank, self.exact[here])
        self.capped |= bool((grown > self.limit[here] + 1e-9).any())
        self.bonds[here] = np.minimum(grown, self.limit[here])
        return float(np.exp2(3 * np.minimum(grown, 40)).sum())


def estimate(compiled: CompiledCircuit, request: EngineRequest) -> Estimate:
    """Predict a run's bonds, bytes and seconds; loops and branches count once.

    Where nobody has tried, a bond is at most the product of the ranks of the gates across it, two
    to the number of qubits on its shorter side, and the limit of the configuration. Circuits whose
    entanglement grows more slowly than the ranks of their gates take less than predicted.
    """
    course = course_of(compiled, request)
    if course is not None:
        seconds = course.seconds + _looks(compiled, request, course.bond, 1.0)
        return Estimate(course.largest, course.largest, course.state_bytes, seconds, False)
    key = f"mps:{request.config.max_bond_dimension}"
    known: tuple[float, int, bool, float] | None = compiled.cache.get(key)
    if known is None:
        known = compiled.cache[key] = _walk(compiled, request)
    seconds, bond, capped, entries = known
    courses = expected_courses(compiled, request.shots)
    seconds *= 0.5 + 0.5 * courses  # one from the start, the others from somewhere on the way
    seconds += _looks(compiled, request, bond, courses)
    return Estimate(bond, min(bond, _EXPECTED), entries * ENTRY, seconds, capped)


def _looks(compiled: CompiledCircuit, request: EngineRequest, bond: int, courses: float) -> float:
    """Return what samples and saved values take of states with such bonds."""
    width = max(compiled.num_qubits, 1)
    seconds = 0.0
    if any(isinstance(step, SampleStep) for step in compiled.steps):
        seconds += request.shots * width * (BIT + 4 * PRODUCT * float(bond) ** 2)
    # Amplitudes are the rows of a product over the last bond's index.
    whole = (AMPLITUDE + PRODUCT * bond) * 2.0 ** min(width, 60)
    if request.want_state:
        seconds += whole
    for step in compiled.steps:
        if isinstance(step, SaveStep):
            look = (SITE + 8 * PRODUCT * float(bond) ** 3) * _contractions(step, width)
            seconds += courses * (whole if step.save.kind == "statevector" else look)
    return seconds


def _walk(compiled: CompiledCircuit, request: EngineRequest) -> tuple[float, int, bool, float]:
    """Return seconds, the largest bond, whether one is capped, and the widest state's entries."""
    width, cap = compiled.num_qubits, request.config.max_bond_dimension
    bonds = _Bonds(width, cap)
    seconds = 0.0
    pairs: dict[int, tuple[int, int]] = {}  # the last pair that each qubit was in
    for step in gate_code(compiled).steps:
        if isinstance(step, SetStateStep):
            bonds.widen(0, width - 1, float(width))
            continue
        if isinstance(step, InitializeStep):
            bonds.widen(min(step.qubits), max(step.qubits), float(len(step.qubits)))
            continue
        if isinstance(step, MeasureStep | ResetStep):
            seconds += 20 * GATE * len(step.qubits)
            continue
        for operation in step.operations if isinstance(step, GatesStep) else ():
            seconds += GATE
            qubits = operation.qubits
            if len(qubits) < 2:
                continue
            gate = operation.gate if isinstance(operation, GateOp) else None
            pair = (min(qubits), max(qubits))
            if len(qubits) == 2 and pairs.get(pair[0]) == pairs.get(pair[1]) == pair:
                continue  # multiplied into the gate before
            pairs.update(dict.fromkeys(qubits, pair))
            rank = _log_rank(gate, len(qubits))
            before = bonds.bonds[pair[0]] if pair[1] - pair[0] == 1 else 0.0
            cubes = bonds.widen(*pair, rank)
            distance = pair[1] - pair[0]
            seconds += SITE * (1 if distance == 1 else 2 * distance)
            if cap is not None and bonds.capped and cap >= 48 and before >= math.log2(cap) - 0.1:
                seconds += 8 * SUBSPACE * float(np.exp2(3 * before))
            else:
                seconds += TRIPLE * cubes
    largest = bonds.limit if bonds.capped else bonds.bonds
    wide = np.exp2(np.concatenate([[0.0], bonds.bonds, [0.0]]).clip(max=math.log2(_EXPECTED)))
    entries = float(2 * (wide[:-1] * wide[1:]).sum())
    bond = int(np.exp2(min(float(largest.max(initial=0.0)), 60)) + 0.5)
    return seconds, bond, bonds.capped, entries


def _log_rank(gate: Gate | None, width: int) -> float:
    """Return the logarithm of a bound on a gate's operator Schmidt rank."""
    if gate is None:
        return float(width)
    if gate.num_controls and gate.num_targets == 1:
        return 1.0
    if gate.masks is not None or (width == 2 and gate.is_diagonal):
        return 1.0
    return 1.0 if gate.name in ("rxx", "ryy") else float(2 * (width // 2))


def _contractions(step: SaveStep, width: int) -> float:
    """Return how many tensors a save point's value takes a pass over."""
    observables = listed(step.save.observable)
    total = 0.0
    for one in observables:
        if isinstance(one, PauliSum):
            for _, string in one.terms:
                mask = string.x | string.z
                total += mask.bit_length() - ((mask & -mask).bit_length() - 1 if mask else 0)
        else:
            total += width
    if step.save.kind == "variance":
        total *= len(observables)
    return total

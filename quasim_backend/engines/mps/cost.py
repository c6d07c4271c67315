"""Bonds, bytes and seconds of a run, before it: a walk over the gates that counts ranks only."""

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
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliSum

__all__ = ["Estimate", "estimate"]

# Fitted on one core of a server with OpenBLAS, see docs/engines/mps.md; by the bytes of an entry.
_SECONDS = {
    "gate": {16: 4e-5, 8: 4e-5},
    "decomposition": {16: 3.6e-9, 8: 2.2e-9},
    "subspace": {16: 1.0e-9, 8: 0.5e-9},
    "product": {16: 0.25e-9, 8: 0.13e-9},
}
"""``gate``: whatever its size. The others are times the cube of a bond: cutting a pair of
neighbours in full or by its leading subspace, and one product of a tensor with a matrix."""
_SHOT = 1.5e-7
"""Of one bit of one sample, besides products."""


@dataclass(eq=False)
class Estimate:
    """What a run is expected to take.

    Attributes:
        bond: Largest bond.
        state_bytes: Bytes of the widest state.
        seconds: Time for one course of the circuit and its samples.
        capped: Whether a bond would have grown past the limit, so that the state is truncated.
    """

    bond: int
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

    A bond is at most the product of the ranks of the gates across it, two to the number of qubits
    on its shorter side, and the limit of the configuration. Circuits whose entanglement grows more
    slowly than the ranks of their gates take less than predicted.
    """
    key = f"mps:{request.config.max_bond_dimension}"
    known: tuple[float, float, float, int, bool, float] | None = compiled.cache.get(key)
    if known is None:
        known = compiled.cache[key] = _walk(compiled, request.config.max_bond_dimension)
    gates, full, leading, bond, capped, entries = known
    size = request.dtype.itemsize
    seconds = gates * _SECONDS["gate"][size]
    seconds += full * _SECONDS["decomposition"][size] + leading * _SECONDS["subspace"][size]
    width = max(compiled.num_qubits, 1)
    per_site = float(bond) ** 2
    if any(isinstance(step, SampleStep) for step in compiled.steps):
        seconds += request.shots * width * (_SHOT + 4 * per_site * _SECONDS["product"][size])
    product = float(bond) ** 3 * _SECONDS["product"][size]
    for step in compiled.steps:
        if isinstance(step, SaveStep):
            seconds += 8 * product * _contractions(step, width)
    return Estimate(bond, entries * size, seconds, capped)


def _walk(
    compiled: CompiledCircuit, cap: int | None
) -> tuple[float, float, float, int, bool, float]:
    width = compiled.num_qubits
    bonds = _Bonds(width, cap)
    gates = full = leading = 0.0
    pairs: dict[int, tuple[int, int]] = {}  # the last pair that each qubit was in
    for step in gate_code(compiled).steps:
        if isinstance(step, SetStateStep):
            bonds.widen(0, width - 1, float(width))
            continue
        if isinstance(step, InitializeStep):
            bonds.widen(min(step.qubits), max(step.qubits), float(len(step.qubits)))
            continue
        if isinstance(step, MeasureStep | ResetStep):
            gates += 20 * len(step.qubits)
            continue
        for operation in step.operations if isinstance(step, GatesStep) else ():
            gates += 1
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
            if cap is not None and bonds.capped and cap >= 48 and before >= math.log2(cap) - 0.1:
                leading += 8 * float(np.exp2(3 * before))
            else:
                full += cubes
    largest = bonds.limit if bonds.capped else bonds.bonds
    wide = np.exp2(np.minimum(np.concatenate([[0.0], bonds.bonds, [0.0]]), 60))
    entries = float(2 * (wide[:-1] * wide[1:]).sum())
    bond = int(np.exp2(min(float(largest.max(initial=0.0)), 60)) + 0.5)
    return gates, full, leading, bond, bonds.capped, entries


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
    observable = step.save.observable
    listed = observable.observables if isinstance(observable, ObservableList) else (observable,)
    total = 0.0
    for one in listed:
        if isinstance(one, PauliSum):
            for _, string in one.terms:
                mask = string.x | string.z
                total += mask.bit_length() - ((mask & -mask).bit_length() - 1 if mask else 0)
        else:
            total += width
    if step.save.kind == "variance":
        total *= max(1, len(listed))
    return total

"""Where samples come from: a final state, or a circuit whose course depends on chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pennylane.exceptions import DeviceError

from quasim_backend import Runtime
from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import Instruction, Measure
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.programs import Prepared, ProgramCache
from quasim_pennylane.states import FinalState
from quasim_pennylane.translate import Places

__all__ = ["Draw", "Sampler", "StateSampler", "TreeSampler"]

_MAX_EFFORT = 1000
"""Filling up postselected shots is given up after this many draws for each shot."""


@dataclass(frozen=True, eq=False)
class Draw:
    """Samples of every wire.

    Attributes:
        samples: uint8 ``(shots, n)``; column ``i`` is the ``i``-th wire.
        mcms: uint8 ``(shots, number of mid-circuit measurements)``.
        valid: Which shots saw every postselected outcome: bool ``(shots,)``.
        bins: First and last row of each entry of the shot vector.
    """

    samples: NDArray[np.uint8]
    mcms: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    bins: tuple[tuple[int, int], ...]


class Sampler(Protocol):
    """Draws samples after some more gates, usually those that diagonalise an observable."""

    places: Places

    def draw(self, gates: Sequence[Any]) -> Draw:
        """Draw every shot anew."""
        ...


class StateSampler:
    """Draws from a final state, which was computed once."""

    def __init__(
        self,
        final: FinalState,
        copies: Sequence[int],
        runtime: Runtime,
        programs: ProgramCache,
        seeds: Callable[[], int],
    ) -> None:
        """Take the state and the numbers of shots of the shot vector."""
        self.places = final.places
        self._final = final
        self.copies = copies
        self._runtime = runtime
        self._programs = programs
        self._seeds = seeds

    @property
    def final(self) -> FinalState:
        """The state."""
        return self._final

    def draw(self, gates: Sequence[Any]) -> Draw:
        """Draw every shot anew."""
        total, width = sum(self.copies), self.places.num_qubits
        samples = np.zeros((0, width), np.uint8)
        if total:
            result = self._runtime.run(
                _measured([self._programs.fixed(gates, self.places)], 0),
                shots=total,
                seed=self._seeds(),
                initial_state=self._final.amplitudes,
            )
            samples = np.ascontiguousarray(result.samples[:, ::-1])
        mcms = np.zeros((total, 0), np.uint8)
        return Draw(samples, mcms, np.ones(total, bool), _bins(self.copies))


class TreeSampler:
    """Runs a circuit with measurements, conditions or channels on the engine's shot tree."""

    def __init__(
        self,
        prepared: Prepared,
        entry: int | None,
        copies: Sequence[int],
        runtime: Runtime,
        programs: ProgramCache,
        seeds: Callable[[], int],
        *,
        fill: bool,
        noise: DeviceNoise | None = None,
    ) -> None:
        """Take the circuit.

        Args:
            prepared: The tape.
            entry: Which entry of a batch.
            copies: Numbers of shots of the shot vector.
            runtime: What runs it.
            programs: What remembers circuits.
            seeds: Returns a fresh seed.
            fill: Draw until every shot saw the postselected outcomes.
            noise: Of the measurements at the end; what else the model says is in the circuit.

        Raises:
            DeviceError: If the circuit also has projectors.
        """
        if prepared.projections:
            raise DeviceError(
                "A Projector in a circuit with channels or mid-circuit measurements is not "
                "supported on this device; postselect with qml.measure(wire, postselect=...)."
            )
        self.places = prepared.places
        self._prepared = prepared
        self._entry = entry
        self.copies = copies
        self._runtime = runtime
        self._programs = programs
        self._seeds = seeds
        self._fill = fill and prepared.mcms.postselects
        self._end: Sequence[Instruction] = (
            (_measurement(self.places.num_qubits, len(prepared.mcms)),)
            if noise is None
            else noise.measurements(self.places, len(prepared.mcms))
        )

    def draw(self, gates: Sequence[Any]) -> Draw:
        """Draw every shot anew."""
        total = sum(self.copies)
        samples, mcms = self._run(gates, total)
        valid = self._prepared.mcms.valid(mcms)
        while self._fill and (missing := total - int(valid.sum())) > 0:
            if len(valid) >= _MAX_EFFORT * total:
                raise DeviceError(
                    f"Of {len(valid)} shots {int(valid.sum())} saw the postselected outcomes, too "
                    f"few to fill {total}. Use postselect_mode='hw-like'."
                )
            rate = max(float(valid.mean()), 1 / (8 * len(valid)))
            wanted = min(int(1.2 * missing / rate) + 16, _MAX_EFFORT * total - len(valid))
            more, more_mcms = self._run(gates, wanted)
            samples = np.concatenate([samples, more])
            mcms = np.concatenate([mcms, more_mcms])
            valid = self._prepared.mcms.valid(mcms)
        if self._fill:
            kept = np.flatnonzero(valid)[:total]
            samples, mcms, valid = samples[kept], mcms[kept], valid[kept]
        return Draw(samples, mcms, valid, _bins(self.copies))

    def _run(self, gates: Sequence[Any], shots: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        prepared = self._prepared
        part = prepared.parts[0]
        width = len(prepared.mcms)
        turned = self._programs.fixed(gates, self.places)
        result = self._runtime.run(
            _ended([part.program.circuit, turned], self._end, width),
            shots=shots,
            seed=self._seeds(),
            parameters=part.vector(self._entry),
            initial_state=prepared.initial_state(self._entry),
        )
        bits = result.samples
        return np.ascontiguousarray(bits[:, width:][:, ::-1]), bits[:, :width]


def _measured(circuits: Sequence[Circuit], first_bit: int) -> Circuit:
    """Return circuits one after the other, then every qubit measured into the bits that follow."""
    return _ended(circuits, (_measurement(circuits[0].num_qubits, first_bit),), first_bit)


def _ended(circuits: Sequence[Circuit], end: Sequence[Instruction], first_bit: int) -> Circuit:
    """Return circuits one after the other, then what measures every qubit.

    The instructions are shared, by which the runtime recognises what it has compiled.
    """
    width = circuits[0].num_qubits
    result = Circuit(width, first_bit + width)
    for circuit in circuits:
        result.instructions.extend(circuit.instructions)
    result.instructions.extend(end)
    return result


@lru_cache(maxsize=256)
def _measurement(width: int, first_bit: int) -> Measure:
    return Measure(tuple(range(width)), tuple(range(first_bit, first_bit + width)))


def _bins(copies: Sequence[int]) -> tuple[tuple[int, int], ...]:
    ends = np.cumsum([0, *copies]).tolist()
    return tuple(pairwise(ends))

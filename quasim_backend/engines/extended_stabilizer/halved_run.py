"""A run with more rotations than a vector of all coordinates has room for: two half vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.extended_stabilizer.halved_sampling import HalvedSampler, reordered
from quasim_backend.engines.extended_stabilizer.halves import HalvedMeasurement
from quasim_backend.engines.extended_stabilizer.magic import MagicState
from quasim_backend.engines.extended_stabilizer.measuring import Parity
from quasim_backend.engines.extended_stabilizer.reduction import Logical, Reduction
from quasim_backend.engines.extended_stabilizer.run import ReducedRun, dtype_of
from quasim_backend.engines.pauli_rotations import Rotation
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.kernels.base import State

__all__ = ["HalvedRun", "widths_of"]


def widths_of(rotations: int) -> tuple[int, int]:
    """Return how many rotations are in the first half and how many in the second: 1 at least."""
    return max(rotations // 2, 1), max(rotations - rotations // 2, 1)


class HalvedRun(ReducedRun):
    """Samples and values from a `MagicState`, exact to rounding.

    Samples come from the product of two vectors of ``2**(m/2)`` amplitudes, for ``m`` rotations of
    ``r`` coordinates, values from ``2**(m - r)`` strings.
    """

    def __init__(
        self, compiled: CompiledCircuit, request: EngineRequest, reduction: Reduction
    ) -> None:
        """Prepare a run of gate code that was reduced; it saves no amplitudes."""
        super().__init__(compiled, request, reduction)
        self._prefixes: dict[int, MagicState] = {}

    def _start(self) -> State:
        return None

    def _advance(self, state: State, rotations: Sequence[Rotation]) -> None:
        """Do nothing: what is asked for is found from the rotations before it."""

    def _magic(self, place: int) -> MagicState:
        if place not in self._prefixes:
            self._prefixes[place] = MagicState(self._reduction.rotations[:place])
        return self._prefixes[place]

    def _expectations(
        self, state: State, place: int, strings: Sequence[Logical]
    ) -> Sequence[float]:
        magic, found = self._magic(place), []
        for string in strings:
            self._request.cancel.check()
            found.append(magic.expectation(string))
        return found

    def _draw(
        self, state: State, strings: Sequence[Logical], uniforms: ShotUniforms, free: int
    ) -> tuple[Sequence[Parity], NDArray[np.uint64]]:
        rotations = self._reduction.rotations
        magic, widths = self._magic(len(rotations)), widths_of(len(rotations))
        images = [magic.image(string) for string in strings]
        measurement = HalvedMeasurement.of(images, magic.fixed, widths)
        parts = rotations[: widths[0]], rotations[widths[0] :]
        first, second = (
            self._half([part.angle for part in parts[half]], measurement, half) for half in range(2)
        )
        sampler = HalvedSampler(measurement, (first, second))
        request = self._request
        return measurement.parities, sampler.draw(request.shots, uniforms, free, request.cancel)

    def _half(
        self, angles: Sequence[float], measurement: HalvedMeasurement, half: int
    ) -> NDArray[np.complexfloating]:
        """Return one half's magic states after its turns, qubits in order."""
        width = measurement.widths[half]
        state = self._kernels.zero_state(width, dtype_of(width, self._request))
        magic = [Rotation(1 << q, 0, angle) for q, angle in enumerate(angles)]
        self._rotate(state, [*magic, *measurement.turns[half]], width)
        return reordered(self._kernels.to_host(state), measurement.orders[half])

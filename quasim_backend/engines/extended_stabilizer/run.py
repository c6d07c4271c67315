"""One run of a reduced circuit: a state of ``r`` coordinates on the kernels, and its readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, SampleStep, SaveStep
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.ch_form import ChForm
from quasim_backend.engines.classical_memory import PackedMemory, confuse
from quasim_backend.engines.extended_stabilizer.measuring import (
    COIN_BITS,
    JointMeasurement,
    Parity,
    diagonalised,
)
from quasim_backend.engines.extended_stabilizer.reduction import Logical, Reading, Reduction
from quasim_backend.engines.pauli_images import Image, product, words_of
from quasim_backend.engines.pauli_rotations import Rotation
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels.base import State

__all__ = ["ReducedRun", "dtype_of"]

_DOUBLE_BELOW = 16
"""Coordinates below which complex128 costs nothing."""
_WRITTEN_OUT = 16
"""Qubits up to which single amplitudes are read off the whole state."""
_ROWS = 64
"""Measured qubits whose outcomes are written at one time."""
_NO_PARAMETERS = np.empty(0, np.float64)


def dtype_of(rank: int, request: EngineRequest) -> np.dtype[Any]:
    """Return what a state of some coordinates is computed in."""
    return np.dtype(np.complex128) if rank < _DOUBLE_BELOW else request.dtype


class ReducedRun:
    """The state and what is read from it."""

    def __init__(
        self, compiled: CompiledCircuit, request: EngineRequest, reduction: Reduction
    ) -> None:
        """Prepare a run of gate code that was reduced."""
        self._compiled, self._request, self._reduction = compiled, request, reduction
        self._dtype = dtype_of(reduction.rank, request)
        self._kernels = request.kernels
        self._sink = SaveSink(sampled=False)
        self._memory = PackedMemory(request.shots, compiled.num_clbits)

    def run(self) -> EngineOutput:
        """Run the rotations from reading to reading.

        Raises:
            Cancelled: If the request's token was set.
        """
        reduction, request = self._reduction, self._request
        shots = np.arange(max(request.shots, 1))
        if request.shots:
            # Samples go over it: bits that are sampled are written by nobody else.
            self._memory.write_value(shots, reduction.readings[-1].bits)
        state = self._start()
        done = 0
        for reading in reduction.readings:
            self._advance(state, reduction.rotations[done : reading.place])
            done = reading.place
            match reading.step:
                case SaveStep(save):
                    self._sink.add(save, shots, reading.bits, self._value(state, reading))
                case SampleStep() if request.shots:
                    self._sample(state, reading.step)
        final = None
        if request.want_state:
            final = self._whole(state, reduction.readings[-1])
            if not request.on_device:
                final = self._kernels.to_host(final)
        return EngineOutput(
            self._memory.words if request.shots else None,
            final,
            saved=self._sink.result(),
            standard_errors=self._sink.standard_errors(),
        )

    def _start(self) -> State:
        return self._kernels.zero_state(self._reduction.rank, self._dtype)

    def _advance(self, state: State, rotations: Sequence[Rotation]) -> None:
        self._rotate(state, rotations, self._reduction.rank)

    # --- values -------------------------------------------------------------------------------

    def _value(self, state: State, reading: Reading) -> Any:
        assert isinstance(reading.step, SaveStep)
        save = reading.step.save
        if save.kind == "statevector":
            return self._kernels.to_host(self._whole(state, reading))
        if save.kind == "amplitudes":
            if self._compiled.num_qubits <= _WRITTEN_OUT:
                whole = self._kernels.to_host(self._whole(state, reading))
                return np.array(whole[list(save.indices)])
            return self._amplitudes(state, reading, save.indices)
        assert reading.sums is not None
        inside = {string: own for string, own in reading.strings.items() if own is not None}
        found = self._expectations(state, reading.place, [*inside.values()])
        values = dict(zip(inside, found, strict=True))
        sums = np.array(
            [
                sum(weight * values.get(string, 0.0) for string, weight in terms.items())
                for terms in reading.sums.sums
            ],
            np.complex128,
        )
        return reading.sums.value(sums, np.zeros(len(sums)))[0]

    def _expectations(
        self, state: State, place: int, strings: Sequence[Logical]
    ) -> Sequence[float]:
        """Return the values of strings after the first ``place`` rotations."""
        if not strings:
            return ()
        x_masks = np.array([string.x for string in strings], np.uint64)
        z_masks = np.array([string.z for string in strings], np.uint64)
        signs = np.array([string.sign for string in strings])
        found = signs * self._kernels.pauli_expectations(state, x_masks, z_masks)
        return [float(value) for value in found]

    def _whole(self, state: State, reading: Reading) -> State:
        """Return the amplitudes of all qubits at a reading as a new state."""
        width = self._compiled.num_qubits
        vector = np.zeros(1 << width, np.complex128)
        vector[self._places()[0].astype(np.int64)] = self._coordinates(state) * reading.phase
        whole = self._kernels.from_host(vector, self._request.dtype)
        self._rotate(whole, self._reduction.turns[: reading.turns], width)
        return whole

    def _amplitudes(self, state: State, reading: Reading, indices: Sequence[int]) -> NDArray[Any]:
        """Return ``<b|C|state> = <C^dagger 0...0|C^dagger X^b C|state>`` for each index ``b``."""
        width = self._compiled.num_qubits
        start = ChForm(width)
        for turn in reversed(self._reduction.turns[: reading.turns]):
            start.turn(turn.x, turn.z, -round(turn.angle / (np.pi / 2)))
        coefficients = self._coordinates(state) * reading.phase
        places = self._places()
        result = np.zeros(len(indices), np.complex128)
        for number, index in enumerate(indices):
            self._request.cancel.check()
            image: Image = (0, 0, 0)
            for q in range(width):
                if index >> q & 1:
                    image = product(image, reading.flips[q])
            signs = np.zeros(places.shape[1], np.uint8)
            moved = places.copy()
            for word, (x, z) in enumerate(words_of(image[:2], width)):
                signs += np.bitwise_count(places[word] & z)
                moved[word] ^= x
            weights = coefficients * (1 - 2.0 * (signs & 1))
            result[number] = 1j ** image[2] * np.vdot(start.amplitudes(moved), weights)
        return result.astype(self._request.dtype, copy=False)

    def _coordinates(self, state: State) -> NDArray[np.complex128]:
        """Return the coefficients of the basis states in `_places`."""
        count = 1 << len(self._reduction.span.basis)
        return np.asarray(self._kernels.to_host(state)[:count], np.complex128)

    def _places(self) -> NDArray[np.uint64]:
        """Return the basis state of each value of the coordinates: uint64 ``(words, 2**r)``."""
        width = self._compiled.num_qubits
        result = words_of([0], width)
        for mask in self._reduction.span.basis:
            result = np.concatenate([result, result ^ words_of([mask], width)], axis=1)
        return result

    # --- samples ------------------------------------------------------------------------------

    def _sample(self, state: State, step: SampleStep) -> None:
        """Draw all shots and write their bits to classical memory; the state is turned."""
        request, reduction = self._request, self._reduction
        measurement = JointMeasurement(reduction.frame, reduction.span, step.qubits)
        uniforms = ShotUniforms(request.seed, request.shots, request.uniforms, branches=False)
        shots = np.arange(request.shots)
        first = 1 + len(step.readouts)
        words = -(-measurement.num_coins // COIN_BITS)
        parities, drawn = self._draw(state, measurement.inside, uniforms, first + words)
        coins = np.array(
            [
                np.floor(uniforms.draw(shots, first + word) * 2.0**COIN_BITS).astype(np.uint64)
                for word in range(words)
            ],
            np.uint64,
        ).reshape(-1, request.shots)
        rows = len(step.qubits) if step.readouts else _ROWS
        for start in range(0, len(step.qubits), rows):
            own = slice(start, start + rows)
            bits = measurement.outcomes(own, parities, drawn, coins)
            for number, (positions, readout) in enumerate(step.readouts, start=1):
                confuse(bits, positions, readout, uniforms.draw(shots, number))
            self._memory.write_bits(shots, step.clbits[own], bits)

    def _draw(
        self, state: State, strings: Sequence[Logical], uniforms: ShotUniforms, free: int
    ) -> tuple[Sequence[Parity], NDArray[np.uint64]]:
        """Measure commuting strings in every shot.

        Args:
            state: Turned, unless it is wanted afterwards.
            strings: Strings on the coordinates.
            uniforms: Numbers; the first of every shot is for what is drawn, and
            free: so are those from this one on.

        Returns:
            How outcomes come from what is drawn, and what is drawn: ``(words, shots)``.
        """
        turns, parities = diagonalised(strings)
        if self._request.want_state:
            state = self._kernels.copy(state)
        self._rotate(state, turns, self._reduction.rank)
        shots = np.arange(self._request.shots)
        return parities, self._kernels.sample(state, uniforms.draw(shots, 0))[None]

    def _rotate(self, state: State, rotations: Sequence[Rotation], width: int) -> None:
        """Apply rotations of ``width`` qubits, overwriting a state."""
        if rotations:
            made = self._plan(rotations, width)
            self._kernels.run(made, state, _NO_PARAMETERS, self._request.cancel)

    def _plan(self, rotations: Sequence[Rotation], width: int) -> ExecutionPlan:
        builder = ProgramBuilder(width)
        for rotation in rotations:
            builder.rotation(rotation.x, rotation.z, rotation.angle)
        return plan(builder.build(), PlanOptions(amplitude_bytes=self._dtype.itemsize))

"""Samples of circuits whose errors only turn the signs of angles, see `pauli_signs`.

All errors of all shots are drawn first. Shots that turn the same signs share one state, whatever
errors did it; a Clifford circuit has a single state. The Pauli string left at the end flips sampled
bits. States of few qubits are run in batches, others one by one; either way circuits that differ
from some angle on share what is before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import AssignStep, CompiledCircuit, NoisyStep, SampleStep
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.classical_memory import PackedMemory, bits_of, confuse
from quasim_backend.engines.mixture_errors import MixtureErrors
from quasim_backend.engines.pauli_signs import PauliSigns, pauli_signs
from quasim_backend.engines.sign_batches import SignBatches
from quasim_backend.engines.sign_tree import SignTree
from quasim_backend.kernels.random import shot_uniforms

__all__ = ["PauliFrames"]

_BATCHED = 12
"""Below so many qubits circuits are run in batches: calls cost more than amplitudes."""


class PauliFrames:
    """One run of a circuit of the form assignments, noisy gates, samples."""

    @staticmethod
    def fits(compiled: CompiledCircuit, request: EngineRequest) -> bool:
        """Return whether a run can be done this way.

        Given uniforms rule it out: they fix the sample of each shot's own state, errors applied.
        """
        steps = compiled.steps
        if len(steps) < 2 or not isinstance(steps[-2], NoisyStep):
            return False
        if not isinstance(steps[-1], SampleStep) or not request.shots:
            return False
        if not all(isinstance(step, AssignStep) for step in steps[:-2]):
            return False
        if request.uniforms is not None or request.initial_state is not None or request.want_state:
            return False
        return all(s >= 0 for s in steps[-2].sources) and _signs(steps[-2]) is not None

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Prepare a run that `fits`."""
        noisy, sampled = compiled.steps[-2:]
        assert isinstance(noisy, NoisyStep)
        assert isinstance(sampled, SampleStep)
        signs = _signs(noisy)
        assert signs is not None
        self._compiled, self._request = compiled, request
        self._step, self._sampled, self._signs = noisy, sampled, signs

    def run(self) -> EngineOutput:
        """Run every shot.

        Raises:
            Cancelled: If the request's token was set.
        """
        request, step = self._request, self._sampled
        shots = np.arange(request.shots)
        effects = self._drawn(shots)
        flips = effects[:, 0].copy()
        effects[:, :2] = 0
        patterns, pattern, counts = np.unique(
            effects, axis=0, return_inverse=True, return_counts=True
        )
        order = np.argsort(pattern.reshape(-1), kind="stable")
        uniforms = shot_uniforms(request.seed, shots, 0)
        starts = np.concatenate([[0], np.cumsum(counts)])
        turns = self._signs.turns(patterns)
        angles = self._signs.angles(self._step.program.angles(self._parameters()))
        indices = np.empty(request.shots, np.uint64)
        metadata = {"trajectories": len(patterns), "pauli_frames": int(np.count_nonzero(flips))}
        kind = SignBatches if self._compiled.num_qubits < _BATCHED else SignTree
        runs = kind(request, self._signs, angles, turns, self._step)
        indices[order] = runs.samples(uniforms[order], starts)
        indices ^= flips
        memory = PackedMemory(request.shots, self._compiled.num_clbits)
        memory.write_value(shots, self._assigned())
        if step.readouts:
            values = bits_of(indices, step.qubits)
            for number, (positions, readout) in enumerate(step.readouts, start=1):
                confuse(values, positions, readout, shot_uniforms(request.seed, shots, number))
            memory.write_bits(shots, step.clbits, values)
        else:
            memory.write_indices(shots, step.clbits, indices, step.qubits)
        return EngineOutput(packed=memory.words, metadata=metadata)

    def _drawn(self, shots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the effect of each shot's errors, uint64 ``(shots, words)``."""
        signs, sites = self._signs, self._step.sites
        key = "mixture errors"
        if key not in self._step.cache:
            self._step.cache[key] = MixtureErrors(sites)
        errors: MixtureErrors = self._step.cache[key]
        # What the defaults do, for all shots; an error then changes it to another operator.
        always = np.zeros((1, signs.generators.shape[1]), np.uint64)
        for site in np.flatnonzero(signs.operators[np.arange(len(sites)), errors.defaults]):
            one = np.array([site])
            signs.add(
                always, np.zeros(1, np.int64), one, signs.operators[one, errors.defaults[one]]
            )
        total = np.repeat(always, len(shots), axis=0)
        first = 1 + len(self._sampled.readouts)
        for rows, places, operators in errors.draw(self._request.seed, shots, first):
            self._request.cancel.check()
            changed = signs.operators[places, operators]
            changed ^= signs.operators[places, errors.defaults[places]]
            signs.add(total, rows, places, changed)
        return total

    def _parameters(self) -> NDArray[np.float64]:
        return self._request.parameters[np.array(self._step.sources, np.int64)]

    def _assigned(self) -> int:
        """Return classical memory after the assignments that come before everything."""
        bits, variables = 0, list(self._compiled.initial_variables)
        for step in self._compiled.steps[:-2]:
            assert isinstance(step, AssignStep)
            value = step.value(bits, variables)
            if step.slot >= 0:
                variables[step.slot] = value
                continue
            for place, clbit in enumerate(step.clbits):
                bits = bits & ~(1 << clbit) | (int(value) >> place & 1) << clbit
        return bits


def _signs(step: NoisyStep) -> PauliSigns | None:
    if "signs" not in step.cache:
        step.cache["signs"] = pauli_signs(step)
    found: PauliSigns | None = step.cache["signs"]
    return found

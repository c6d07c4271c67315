"""Samples of circuits whose errors only turn the signs of angles, see `pauli_signs`.

All errors of all shots are drawn first. Shots that turn the same signs share one state, whatever
errors did it; a Clifford circuit has a single state. The Pauli string left at the end flips sampled
bits. States of few qubits are run as batches; others as a tree, in which circuits that differ
from some angle on share what is before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import AssignStep, CompiledCircuit, NoisyStep, SampleStep
from quasim_backend.compile.planner import plan
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.classical_memory import PackedMemory, bits_of, confuse
from quasim_backend.engines.default_choices import DefaultChoices, Events
from quasim_backend.engines.pauli_signs import PauliSigns, pauli_signs
from quasim_backend.engines.sign_tree import SignTree
from quasim_backend.engines.uniforms import ShotUniforms

__all__ = ["PauliFrames"]

_BATCHED = 12
"""Below so many qubits circuits are run in batches: a batch saves more than a shared beginning."""

_BATCH_BYTES = 1 << 20
"""States and draws of a batch, which fit a core's cache."""


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

    @staticmethod
    def batches(compiled: CompiledCircuit) -> bool:
        """Return whether states are run in batches, not as a tree."""
        return compiled.num_qubits < _BATCHED

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Prepare a run that `fits`."""
        noisy, sampled = compiled.steps[-2:]
        assert isinstance(noisy, NoisyStep)
        assert isinstance(sampled, SampleStep)
        signs = _signs(noisy)
        assert signs is not None
        self._compiled, self._request = compiled, request
        self._step, self._sampled, self._signs = noisy, sampled, signs
        self._uniforms = ShotUniforms(request.seed, request.shots, None, branches=True)
        self._words = -(-len(signs.places) // 64)

    def run(self) -> EngineOutput:
        """Run every shot.

        Raises:
            Cancelled: If the request's token was set.
        """
        request, step, sites = self._request, self._sampled, len(self._step.sites)
        shots = np.arange(request.shots)
        turned, flips = self._drawn(shots)
        patterns, pattern, counts = np.unique(
            turned, axis=0, return_inverse=True, return_counts=True
        )
        order = np.argsort(pattern.reshape(-1), kind="stable")
        uniforms = self._uniforms.draw(shots, sites)
        members = np.split(order, np.cumsum(counts)[:-1])
        bits = np.unpackbits(patterns.view(np.uint8), axis=1, bitorder="little")
        turns = bits[:, : len(self._signs.places)].astype(np.bool_)
        angles = self._signs.angles(self._step.program.angles(self._parameters()))
        indices = np.empty(request.shots, np.uint64)
        metadata = {"trajectories": len(patterns), "pauli_frames": int(np.count_nonzero(flips))}
        if self.batches(self._compiled):
            runs = self._batches(angles, turns, members, uniforms)
        else:
            tree = SignTree(request, self._signs, angles, turns, self._step.plan_options)
            runs = tree.samples([uniforms[m] for m in members])
        for number, drawn in runs:
            indices[members[number]] = drawn
        indices ^= flips
        memory = PackedMemory(request.shots, self._compiled.num_clbits)
        memory.write_value(shots, self._assigned())
        if step.readouts:
            values = bits_of(indices, step.qubits)
            for number, (positions, readout) in enumerate(step.readouts, start=1):
                confuse(values, positions, readout, self._uniforms.draw(shots, sites + number))
            memory.write_bits(shots, step.clbits, values)
        else:
            memory.write_indices(shots, step.clbits, indices, step.qubits)
        return EngineOutput(packed=memory.words, metadata=metadata)

    def _drawn(self, shots: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return the turned signs ``(shots, words)``, one bit each, and the flips ``(shots,)``."""
        choices = DefaultChoices(self._step.sites)
        total = np.zeros((len(shots), self._words + 1), np.uint64)
        # What the defaults do, for all shots; an event then changes it to another operator's row.
        always = 0
        for rows, default in zip(self._signs.rows, choices.operators, strict=True):
            always ^= rows[default]
        total ^= self._unpacked([always])
        known = 0
        while known < len(choices):
            self._request.cancel.check()
            events = choices.events(self._uniforms, shots, 0, known)
            known = events.known
            if len(events.sites):
                self._add(total, events, choices.operators)
        return np.ascontiguousarray(total[:, 1:]), total[:, 0].copy()

    def _add(self, total: NDArray[np.uint64], events: Events, defaults: Sequence[int]) -> None:
        rows: list[int] = []
        place = np.empty(len(events.sites), np.int64)
        sites, firsts = np.unique(events.sites, return_index=True)
        for site, first, last in zip(
            sites.tolist(), firsts, [*firsts[1:], len(place)], strict=True
        ):
            ladder = np.cumsum(self._step.sites[site].channel.probabilities)
            drawn = np.searchsorted(ladder, events.uniforms[first:last] * ladder[-1], side="right")
            operators = self._signs.rows[site]
            place[first:last] = len(rows) + np.minimum(drawn, len(operators) - 1)
            rows += [row ^ operators[defaults[site]] for row in operators]
        order = np.argsort(events.shots, kind="stable")
        shots, begins = np.unique(events.shots[order], return_index=True)
        table = self._unpacked(rows)
        total[shots] ^= np.bitwise_xor.reduceat(table[place[order]], begins, axis=0)

    def _unpacked(self, rows: Sequence[int]) -> NDArray[np.uint64]:
        """Return rows as words: the x mask first, then the signs."""
        n = self._compiled.num_qubits
        size, mask = 8 * (self._words + 1), (1 << n) - 1
        data = b"".join(
            ((row & mask) | (row >> 2 * n) << 64).to_bytes(size, "little") for row in rows
        )
        return np.frombuffer(data, "<u8").reshape(len(rows), -1)

    def _batches(
        self,
        angles: NDArray[np.float64],
        turns: NDArray[np.bool_],
        members: Sequence[NDArray[np.int64]],
        uniforms: NDArray[np.float64],
    ) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """Yield the number of each pattern of signs with the indices its shots draw."""
        request, kernels, width = self._request, self._request.kernels, self._compiled.num_qubits
        key = f"signs:{request.dtype.itemsize}"
        if key not in self._step.cache:
            self._step.cache[key] = plan(self._signs.program, self._step.plan_options)
        # By the number of shots, so that little is drawn that nobody asked for.
        counts = np.array([len(m) for m in members])
        queue = np.argsort(counts, kind="stable")
        first = 0
        while first < len(queue):
            request.cancel.check()
            drawn = int(counts[queue[first]])
            each = (request.dtype.itemsize << width) + 16 * drawn
            last = first + max(1, _BATCH_BYTES // each)
            last = min(last, int(np.searchsorted(counts[queue], 2 * drawn, side="right")))
            numbers = queue[first:last]
            most = int(counts[numbers[-1]])
            wanted = np.zeros((len(numbers), most))
            for row, number in enumerate(numbers):
                wanted[row, : counts[number]] = uniforms[members[number]]
            states = kernels.zero_states(len(numbers), width, request.dtype)
            values = np.where(turns[numbers], -angles, angles)
            kernels.run_batch(self._step.cache[key], states, values, request.cancel)
            found = kernels.sample_batch(states, wanted)
            for row, number in enumerate(numbers.tolist()):
                yield number, found[row, : counts[number]]
            first = last

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

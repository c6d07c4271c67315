"""Shots of a noisy circuit whose errors are drawn first: pure networks for each pattern."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.progress import Progress
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.tensor_network.asked import questions_of_samples
from quasim_backend.engines.tensor_network.error_patterns import ErrorPatterns, pattern_refusal
from quasim_backend.engines.tensor_network.records import count_readouts
from quasim_backend.engines.tensor_network.timeline import Timeline
from quasim_backend.engines.tensor_network.work import Work
from quasim_backend.engines.uniforms import ShotUniforms

__all__ = ["Trajectories", "cheaper_trajectories", "trajectory_refusal"]

_EXACTNESS = 10.0
"""How many times as long exact averages may take as those over shots."""


class Trajectories:
    """One run.

    Attributes:
        work: What is asked about a pattern, without errors at first.
    """

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Read code that `trajectory_refusal` has nothing against; nothing is drawn yet."""
        self._request = request
        self._patterns = ErrorPatterns.of(gate_code(compiled))
        self._count = self._patterns.expected(request.shots)
        shots = math.ceil(request.shots / self._count)
        # Shots tell how much is done, not what is asked about one pattern.
        self._silent = replace(request, progress=Progress())
        self.work = Work(self._patterns.code, replace(self._silent, shots=shots))

    def table_bytes(self) -> int:
        """Return the bytes of the errors and uniforms of all shots."""
        questions = len(questions_of_samples(self.work.timeline))
        uniforms = 16 * questions + 16 * count_readouts(self._patterns.code)
        shots = self._request.shots
        return self._patterns.table_bytes(shots) + shots * uniforms

    def seconds(self) -> float:
        """Return about how long the run takes, as `Work.seconds`."""
        return self.work.seconds(self._count)

    def seconds_at_once(self) -> float:
        """Return `seconds` along the very first path, as `Work.seconds_at_once`."""
        return self.work.seconds_at_once(self._count)

    def run(self) -> EngineOutput:
        """Run all shots, those with the same errors together; see `TensorNetworkEngine.run`."""
        request, patterns, work = self._request, self._patterns, self.work
        every = np.arange(request.shots)
        uniforms = ShotUniforms(request.seed, request.shots, request.uniforms, branches=False)
        later = len(questions_of_samples(work.timeline)) + count_readouts(patterns.code)
        table = uniforms.block(every, patterns.draws, later).T
        sink = SaveSink(sampled=True)
        output = EngineOutput(metadata=work.notes)
        words = max(1, -(-patterns.code.num_clbits // 64))
        output.packed = np.zeros((request.shots, words), np.uint64)
        count = done = 0
        for angles, shots in patterns.drawn(uniforms, request.shots):
            parameters = np.concatenate([request.parameters, angles])
            given = replace(
                self._silent, parameters=parameters, shots=len(shots), uniforms=table[shots]
            )
            work.again(given)
            work.save(sink, shots)
            output.packed[shots] = work.samples()
            count += 1
            done += len(shots)
            request.progress.at(done / request.shots)
        output.saved, output.standard_errors = sink.result(), sink.standard_errors()
        output.metadata["error_patterns"] = count
        return output


def trajectory_refusal(compiled: CompiledCircuit, request: EngineRequest) -> str | None:
    """Return why errors cannot be drawn shot by shot, or None."""
    code = gate_code(compiled)
    timeline = Timeline.of(code)
    if not request.shots or request.exact:
        return "exact averages are asked for; ask for shots"
    if request.want_state:
        return "the final state is asked for"
    for save, _, _ in timeline.saves:
        if save.subtype != "average":
            return f"save '{save.label}' is no average; use subtype='average'"
    return pattern_refusal(code)


def cheaper_trajectories(compiled: CompiledCircuit, request: EngineRequest) -> Trajectories | None:
    """Return the run with errors drawn shot by shot, if that is possible and faster.

    The choice is the same in every process, as samples with the same seed have to be.
    """
    code = gate_code(compiled)
    if not ErrorPatterns.needed(code) or trajectory_refusal(compiled, request) is not None:
        return None
    trajectories = Trajectories(compiled, request)
    allowed = Work(compiled, request).seconds_at_once()
    if Timeline.of(code).saves:
        allowed /= _EXACTNESS
    return trajectories if trajectories.seconds_at_once() < allowed else None

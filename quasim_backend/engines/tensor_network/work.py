"""One run: its questions, what is known of them, their contractions and answers."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.averages import moments_of
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.blas_threads import blas_threads
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.tensor_network import prices
from quasim_backend.engines.tensor_network import questions as ask
from quasim_backend.engines.tensor_network.asked import (
    Asked,
    is_read_off_state,
    questions_of,
    questions_of_samples,
)
from quasim_backend.engines.tensor_network.contraction import Contraction
from quasim_backend.engines.tensor_network.costs import Cost
from quasim_backend.engines.tensor_network.gradients import value_and_gradient
from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.networks import Networks
from quasim_backend.engines.tensor_network.questions import Question
from quasim_backend.engines.tensor_network.records import memory_of
from quasim_backend.engines.tensor_network.run import Run
from quasim_backend.engines.tensor_network.sampling import GROUP, draw
from quasim_backend.engines.tensor_network.timeline import Timeline
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.array_observables import ObservableList, listed
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.kernels.base import ArrayKernels, state_of

__all__ = ["Work"]

_WIDE = 1e6
"""Multiplications of a product that a second thread makes faster."""
_RANGE = {8: 40, 16: 400}
"""Outcomes whose joint probability is well within the range of floats, by bytes of a number."""
_WORTH_A_DEVICE = 0.05
"""Predicted seconds on the host from which ``device="auto"`` contracts on a GPU that it has.

Predicted, not measured: a hundred contractions take Python some milliseconds to start there.
"""


class Work:
    """One run.

    Attributes:
        timeline: What happens in the circuit.
        notes: Facts for the result's metadata, of all that was answered so far.
    """

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Read the code; nothing is computed yet."""
        self._request = request
        self._code = gate_code(compiled)
        self.timeline = Timeline.of(self._code)
        self._networks = Networks(self._code, self.timeline, request)
        self._runs: dict[Hashable, tuple[Contraction, Run]] = {}
        self._expected, self._answered = 1, 0
        self.notes: dict[str, Any] = {
            "networks": 0,
            "flops": 0.0,
            "peak_bytes": 0,
            "width": 0,
            "slices": 1,
            "contracted_on": "cpu",
            "simplify_seconds": 0.0,
            "search_seconds": 0.0,
            "contraction_seconds": 0.0,
        }

    # --- what it would take -----------------------------------------------------------------------

    def rehearsal(self) -> list[prices.Estimate]:
        """Return what some of the questions cost along a greedy path."""
        return prices.rehearsal(self._networks, self._asked())

    def seconds(self, runs: int = 1) -> float:
        """Return about how long so many runs take on two cores; see `prices.seconds`."""
        return prices.seconds(self._networks, self._asked(), runs)

    def seconds_at_once(self, runs: int = 1) -> float:
        """Return the same in every process; see `prices.seconds_at_once`."""
        return prices.seconds_at_once(self._networks, self._asked(), runs)

    def _asked(self) -> Asked:
        return questions_of(self.timeline, self._request)

    # --- answers ----------------------------------------------------------------------------------

    def _where(self, contraction: Contraction) -> ArrayKernels | None:
        """Return the device to contract on, or None for the host."""
        device = self._networks.device
        if device is None or contraction.whole is not None:
            return None
        asked = self._request.config.device == "gpu" or self._request.config.require_gpu
        asked |= self._request.config.kernels is not None
        if (
            not asked
            and contraction.plan.cost.seconds(self._networks.options.itemsize) < _WORTH_A_DEVICE
        ):
            return None
        self.notes["contracted_on"] = "gpu"
        return device

    def _answer(
        self, question: Question, bits: Sequence[int] = (), *, rescale: bool = False
    ) -> Array:
        request = self._request
        request.cancel.check()
        contraction, run = self._runs.get(question.key) or (None, None)
        if contraction is None:
            contraction = self._networks.contraction(question)
        started = time.perf_counter()
        cost, notes = contraction.plan.cost, self.notes
        with self._algebra(cost):
            if run is None:
                threads, check = self._threads, request.cancel.check
                kernels = None if rescale else self._where(contraction)
                run = contraction.run(
                    request.parameters,
                    request.dtype,
                    check,
                    threads,
                    kernels,
                    device_id=request.config.device_id,
                )
                if contraction.whole is not None:
                    self.notes["contracted_on"] = "cutensornet"
                self._runs[question.key] = contraction, run
            done, expected = self._answered, self._expected
            told = request.progress.within(done / expected, (done + 1) / expected)
            answer = run.at(bits, told, rescale=rescale)
        self._answered += 1
        request.progress.at(self._answered / expected)
        notes["contraction_seconds"] += time.perf_counter() - started
        notes["simplify_seconds"] = self._networks.simplify_seconds
        notes["search_seconds"] = self._networks.search_seconds
        notes["networks"] += 1
        notes["flops"] += cost.flops
        notes["peak_bytes"] = max(
            notes["peak_bytes"], int(cost.peak * self._networks.options.itemsize)
        )
        notes["width"] = max(notes["width"], cost.width)
        notes["slices"] = max(notes["slices"], cost.slices)
        return answer

    @property
    def _threads(self) -> int:
        return self._request.config.num_threads or os.cpu_count() or 1

    def _algebra(self, cost: Cost) -> AbstractContextManager[None]:
        """Return what makes NumPy take as many threads as products of this size are worth."""
        wide = cost.slices == 1 and cost.multiplications > _WIDE * cost.steps
        return blas_threads(self._threads if wide else 1)

    # --- the run ----------------------------------------------------------------------------------

    def run(self) -> EngineOutput:
        """Answer everything; see `TensorNetworkEngine.run`."""
        request, timeline = self._request, self.timeline
        request.cancel.check()
        if request.progress:
            self._expected = max(1, sum(times for _, times in self._asked()))
        output = EngineOutput(metadata=self.notes)
        sink = SaveSink(sampled=False)
        self.save(sink, np.arange(max(request.shots, 1)))
        output.saved, output.standard_errors = sink.result(), sink.standard_errors()
        if output.standard_errors:
            output.metadata["averages"] = "exact"
        if request.want_state:
            found = self._answer(ask.state(timeline.num_qubits, len(timeline.events)))
            output.state = np.ascontiguousarray(found.reshape(-1))
            device = self._networks.device
            if request.on_device and device is not None:
                output.state = state_of(device, output.state, request.dtype)
                output.state = device.to_device(output.state)
        if request.shots:
            output.packed = self.samples()
        return output

    def save(self, sink: SaveSink, shots: NDArray[np.int64]) -> None:
        """Give the values of all save points to a sink, for shots of these numbers."""
        for save, events, memory in self.timeline.saves:
            value = self._value(save, events)
            if save.kind == "variance" and save.subtype == "average":
                mean = self._value(replace(save, kind="expectation"), events)
                value = moments_of(value, mean)
            sink.add(save, shots, memory, value)

    def again(self, request: EngineRequest) -> None:
        """Go on with other parameters, shots and uniforms; all else is as it was."""
        self._request = request
        self._runs.clear()

    def jacobian(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and derivatives; see `TensorNetworkEngine.jacobian`."""
        saves = [s for s in self.timeline.saves if s[0].kind == "expectation"]
        if not saves:
            raise UnsupportedError("Derivatives need a save of kind 'expectation'; there is none.")
        save, events, _ = saves[-1]
        request = self._request
        observable = save.observable or PauliSum(())
        if not observable.hermitian:
            raise UnsupportedError(
                f"Only Hermitian observables are differentiated; got {observable}."
            )
        sums = ask.expectation(observable, events)
        values = np.zeros(len(sums))
        slopes = np.zeros((len(sums), len(request.parameters)))
        known: dict[Hashable, tuple[float, NDArray[np.float64]]] = {}
        for row, terms in enumerate(sums):
            for weight, question in terms:
                if question.key not in known:
                    known[question.key] = self._value_and_gradient(question)
                value, gradient = known[question.key]
                values[row] += weight.real * value
                slopes[row] += weight.real * gradient
        return values, slopes

    def _value_and_gradient(self, question: Question) -> tuple[float, NDArray[np.float64]]:
        request = self._request
        request.cancel.check()
        contraction = self._networks.contraction(question, keep=True)
        kernels, check = self._where(contraction), request.cancel.check
        arguments = (contraction, request.parameters, request.dtype, check, kernels)
        with self._algebra(contraction.plan.cost):
            return value_and_gradient(*arguments)

    def _value(self, save: Save, events: int) -> Any:
        n, every = self.timeline.num_qubits, tuple(range(self.timeline.num_qubits))
        qubits = save.qubits or every
        if save.kind == "statevector":
            return np.ascontiguousarray(self._answer(ask.state(n, events)).reshape(-1))
        if is_read_off_state(self.timeline, save, events):
            tensor = self._answer(ask.state(n, events))
            vector = tensor.transpose([n - 1 - q for q in reversed(qubits)]).reshape(-1)
            if save.kind == "probabilities":
                return vector.real.astype(float) ** 2 + vector.imag.astype(float) ** 2
            wide = vector.astype(np.complex128)
            return np.outer(wide, wide.conj())
        if save.kind == "amplitudes":
            return self._amplitudes(save.indices, events)
        if save.kind == "probabilities":
            found = self._answer(ask.probabilities(qubits, events)).reshape(-1)
            return np.maximum(found.real.astype(float), 0.0)
        if save.kind == "density_matrix":
            size = 1 << len(qubits)
            tensor = self._answer(ask.density_matrix(qubits, events))
            return tensor.reshape(size, size).astype(np.complex128)
        observable = save.observable or PauliSum(())
        several = isinstance(observable, ObservableList)
        means = self._means(observable, events)
        if save.kind == "variance":
            squares = [self._means(o.squared(), events)[0] for o in listed(observable)]
            spread = [max(s.real - abs(m) ** 2, 0.0) for s, m in zip(squares, means, strict=True)]
            return np.array(spread) if several else spread[0]
        if several:
            values = np.array(means, complex)
            return values.real if observable.hermitian else values
        return means[0].real if observable.hermitian else means[0]

    def _means(self, observable: Any, events: int) -> list[complex]:
        return [
            sum([w * complex(self._answer(question).item()) for w, question in terms], 0j)
            for terms in ask.expectation(observable, events)
        ]

    def _amplitudes(self, indices: Sequence[int], events: int) -> NDArray[Any]:
        n = self.timeline.num_qubits
        result = np.empty(len(indices), self._request.dtype)
        groups = ask.amplitude_groups(indices)
        masks = [mask for mask, _ in groups]
        for mask, members in groups:
            again = masks.count(mask) > 1
            question = ask.amplitudes_question(n, mask, events, again=again)
            first = indices[members[0]]
            bits = [first >> q & 1 for q in range(n) if not mask >> q & 1]
            flat = self._answer(question, bits).reshape(-1)
            opened = [q for q in range(n) if mask >> q & 1]
            for k in members:
                place = sum((indices[k] >> q & 1) << i for i, q in enumerate(opened))
                result[k] = flat[place]
        return result

    def _weight(self, question: Question, bits: Sequence[int]) -> Array:
        """Answer a question about outcomes, given those before, times any factor.

        The joint probability of many outcomes is out of the range of floats.
        """
        most = _RANGE[self._request.dtype.itemsize]
        return self._answer(question, bits, rescale=len(bits) > most)

    def samples(self) -> NDArray[np.uint64]:
        """Return the classical memory of all shots, as `EngineOutput.packed` has it."""
        request, outcomes = self._request, self.timeline.outcomes
        asked = questions_of_samples(self.timeline)
        every = np.arange(request.shots)
        uniforms = ShotUniforms(request.seed, request.shots, request.uniforms, branches=False)
        widths = [min(GROUP, len(outcomes) - start) for start in range(0, len(outcomes), GROUP)]
        bits = draw(asked, widths, request.shots, self._weight, lambda g: uniforms.draw(every, g))
        later = itertools.count(len(asked))
        rows = dict(zip(outcomes, bits, strict=True))
        return memory_of(self._code, rows, request.shots, lambda: uniforms.draw(every, next(later)))

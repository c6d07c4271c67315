"""One run: its questions, what is known of them, their contractions and answers."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, GatesStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.averages import moments_of
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.blas_threads import blas_threads
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.tensor_network import questions as ask
from quasim_backend.engines.tensor_network.contraction import (
    Contraction,
    Reduced,
    planned,
    reduced,
)
from quasim_backend.engines.tensor_network.costs import Cost
from quasim_backend.engines.tensor_network.gradients import value_and_gradient
from quasim_backend.engines.tensor_network.memory import Memory
from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.questions import Question
from quasim_backend.engines.tensor_network.records import memory_of
from quasim_backend.engines.tensor_network.run import Run
from quasim_backend.engines.tensor_network.sampling import GROUP, draw, sample_questions
from quasim_backend.engines.tensor_network.search import SearchOptions, find_plan
from quasim_backend.engines.tensor_network.timeline import Timeline
from quasim_backend.engines.tensor_network.wires import Wires
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.kernels.base import ArrayKernels, state_of
from quasim_backend.options import Config

__all__ = ["LONGEST", "Estimate", "Work"]

LONGEST = 86400.0
"""Predicted seconds of one contraction beyond which a run is refused: a day."""
_REHEARSED = 6
"""Questions that an estimate looks at; the others are taken to cost as much on average."""
_REHEARSAL_SECONDS = 0.2
_WIDE = 1e6
"""Multiplications of a product that a second thread makes faster."""
_GATE_SECONDS = 40e-6
"""To build and simplify, a gate of each question."""
_WORTH_A_DEVICE = 0.05
"""Predicted seconds on the host from which ``device="auto"`` contracts on a GPU that it has.

Predicted, not measured: a hundred contractions take Python some milliseconds to start there.
"""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a question takes: its price, bytes held at one time, and how often it is put."""

    cost: Cost
    peak_bytes: int
    times: int


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
        config, kernels = request.config, request.kernels
        self._device = kernels if isinstance(kernels, ArrayKernels) else None
        self._options = SearchOptions(
            config.contraction_strategy,
            config.contraction_seconds,
            request.dtype.itemsize,
            max(_workspace(request, self._device), 1 << 20),
        )
        # Questions about a circuit are remembered with the circuit itself, not with the code that
        # has one more save at its end.
        root = self._code
        while "before" in root.cache:
            root = root.cache["before"]
        self._cache: Memory = root.cache.setdefault("tensor_network", Memory())
        self._runs: dict[Hashable, Run] = {}
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

    # --- what is asked ----------------------------------------------------------------------------

    def asked(self) -> list[tuple[Question, int]]:
        """Return the questions of the run, and how many times each is put."""
        request, timeline = self._request, self.timeline
        found: list[tuple[Question, int]] = []
        for save, events, _ in timeline.saves:
            found += self._save_questions(save, events)
        if request.want_state:
            found.append((ask.state(timeline.num_qubits, len(timeline.events)), 1))
        if request.shots:
            prefixes = 1
            for question in self.sample_questions():
                found.append((question, prefixes))
                prefixes = min(prefixes << GROUP, request.shots)
        return found

    def _save_questions(self, save: Save, events: int) -> list[tuple[Question, int]]:
        n, every = self.timeline.num_qubits, tuple(range(self.timeline.num_qubits))
        if save.kind == "statevector" or self._from_state(save, events):
            return [(ask.state(n, events), 1)]
        if save.kind == "amplitudes":
            groups = ask.amplitude_groups(save.indices)
            masks = [mask for mask, _ in groups]
            return [
                (ask.amplitudes_question(n, mask, events), masks.count(mask))
                for mask in dict.fromkeys(masks)
            ]
        if save.kind == "probabilities":
            return [(ask.probabilities(save.qubits or every, events), 1)]
        if save.kind == "density_matrix":
            return [(ask.density_matrix(save.qubits or every, events), 1)]
        observable = save.observable or PauliSum(())
        sums = ask.expectation(observable, events)
        if save.kind == "variance":
            for one in _listed(observable):
                sums += ask.expectation(one.squared(), events)
        return [(question, 1) for terms in sums for _, question in terms]

    def _from_state(self, save: Save, events: int) -> bool:
        """Return whether a save of all qubits is read off the state vector."""
        whole = not save.qubits or len(save.qubits) == self.timeline.num_qubits
        return (
            save.kind in ("probabilities", "density_matrix")
            and whole
            and self.timeline.pure[events]
        )

    def sample_questions(self) -> list[Question]:
        """Return the questions of the samples, each of which takes a uniform a shot."""
        timeline, outcomes = self.timeline, self.timeline.outcomes
        # The state that is measured: what comes later may be pure again, or no longer.
        pure = bool(outcomes) and timeline.pure[outcomes[0][0]]
        return sample_questions(outcomes, timeline.num_qubits, pure=pure)

    def rehearsal(self) -> list[Estimate]:
        """Return what some of the questions cost along a greedy path."""
        found: list[Estimate] = []
        until = time.perf_counter() + _REHEARSAL_SECONDS
        for question, times in self._some():
            cost, most = self._cost(question)
            peak = min(int(cost.peak * self._options.itemsize), most)
            found.append(Estimate(cost, peak, times))
            if time.perf_counter() > until:
                break
        return found

    def seconds(self, runs: int = 1) -> float:
        """Return about how long all answers take on two cores, without the search.

        Args:
            runs: How many times they are asked for, with other parameters.
        """
        found = self.rehearsal()
        return self._seconds([(e.cost, e.times) for e in found], runs) if found else 1e-4

    def seconds_at_once(self, runs: int = 1) -> float:
        """Return `seconds` along the very first path: the same number in every process.

        Infinite if a contraction needs more memory than is allowed.
        """
        found: list[tuple[Cost, int]] = []
        for question, times in self._some():
            key = ("first cost", self._key(question))
            known: tuple[Cost, int] | None = self._cache.get(key)
            if known is None:
                network = self._reduced(question)
                options = self._options_for(network)
                quick = replace(options, strategy="greedy", seconds=0.0)
                known = find_plan(network.problem, quick).cost, options.most_bytes
                self._cache.put(key, known)
            cost, most = known
            if cost.peak * self._options.itemsize > most:
                return math.inf
            found.append((cost, times))
        return self._seconds(found, runs) if found else 0.0

    def _some(self) -> list[tuple[Question, int]]:
        asked = self.asked()
        return asked[:: max(1, len(asked) // _REHEARSED)]

    def _seconds(self, found: Sequence[tuple[Cost, int]], runs: int) -> float:
        """Scale the price of some questions up to all of them, and add that of building them."""
        asked, itemsize = len(self.asked()), self._options.itemsize
        events = self.timeline.events
        gates = sum(len(e.operations) for e in events if isinstance(e, GatesStep))
        work = sum(cost.seconds(itemsize) * times for cost, times in found)
        return runs * asked / len(found) * work + asked * gates * _GATE_SECONDS

    def _cost(self, question: Question) -> tuple[Cost, int]:
        """Return the price of a question and the bytes it may hold."""
        key = self._key(question)
        known = self._cache.get(key)
        if isinstance(known, Contraction):
            return known.plan.cost, known.options.most_bytes
        found: tuple[Cost, int] | None = self._cache.get(("cost", key))
        if found is None:
            network = self._reduced(question)
            options = self._options_for(network)
            quick = replace(options, strategy="greedy", seconds=0.02)
            found = (find_plan(network.problem, quick).cost, options.most_bytes)
            self._cache.put(("cost", key), found)
        return found

    def _options_for(self, network: Reduced, *, keep: bool = False) -> SearchOptions:
        """Return the options of a search: a result that is wanted is no workspace."""
        result = self._options.itemsize << network.problem.open.bit_count()
        most = max(self._options.most_bytes, 4 * result)
        return replace(self._options, most_bytes=most, keep=keep)

    # --- answers ----------------------------------------------------------------------------------

    def _key(self, question: Question, *, keep: bool = False) -> Hashable:
        given = id(self._request.initial_state)
        return (question.key, question.doubled, self._options, given, keep)

    def _where(self, contraction: Contraction) -> ArrayKernels | None:
        """Return the device to contract on, or None for the host."""
        if self._device is None:
            return None
        asked = self._request.config.device == "gpu" or self._request.config.require_gpu
        asked |= self._request.config.kernels is not None
        if not asked and contraction.plan.cost.seconds(self._options.itemsize) < _WORTH_A_DEVICE:
            return None
        self.notes["contracted_on"] = "gpu"
        return self._device

    def _reduced(self, question: Question) -> Reduced:
        """Return the simplified network of a question to be looked at, kept until it is planned."""
        key = ("reduced", self._key(question))
        found: Reduced | None = None if self._given_state() else self._cache.get(key)
        if found is None:
            found = self._built(question)
            if not self._given_state():
                self._cache.put(key, found)
        return found

    def _built(self, question: Question) -> Reduced:
        wires = Wires(self.timeline.num_qubits, question.doubled)
        question.ask(wires)
        self.timeline.go_back(wires, question.events, self._initial_state())
        return reduced(wires.finish())

    def _initial_state(self) -> Array | None:
        """Return the amplitudes to start from, on the host."""
        given, kernels = self._request.initial_state, self._request.kernels
        if given is None or isinstance(given, np.ndarray):
            return given
        return kernels.to_host(state_of(kernels, given, self._request.dtype))

    def _given_state(self) -> bool:
        return self._request.initial_state is not None

    def _contraction(self, question: Question, *, keep: bool = False) -> Contraction:
        key = self._key(question, keep=keep)
        found: Contraction | None = None if self._given_state() else self._cache.get(key)
        if found is None:
            # Planning makes the network its own, so that no other run may have it.
            kept: Reduced | None = None
            if not self._given_state():
                kept = self._cache.take(("reduced", self._key(question)))
            network = kept or self._built(question)
            options = replace(self._options_for(network, keep=keep), again=question.again)
            found = planned(network, options)
            self.notes["simplify_seconds"] += network.seconds
            self.notes["search_seconds"] += found.plan.seconds
            if not self._given_state():
                self._cache.put(key, found)
        self._check(found)
        return found

    def _check(self, contraction: Contraction) -> None:
        cost, itemsize = contraction.plan.cost, self._options.itemsize
        most = contraction.options.most_bytes
        if cost.peak * itemsize > most:
            problem = (
                f"needs more than the {most / 2**20:.4g} MiB of "
                f"max_workspace_mb, however it is sliced"
            )
        elif cost.seconds(itemsize) > LONGEST:
            problem = f"is predicted to take more than {LONGEST:.0f} s"
        else:
            return
        raise MemoryLimitError(
            f"The tensor network of this circuit {problem}. The best path found in "
            f"{contraction.plan.seconds:.2g} s takes {cost.describe(itemsize)}. Try "
            f"contraction_strategy='hyper' with more contraction_seconds, a larger "
            f"max_workspace_mb, fewer layers of gates, or method='matrix_product_state'."
        )

    def _answer(self, question: Question, bits: Sequence[int] = ()) -> Array:
        request = self._request
        request.cancel.check()
        run = self._runs.get(question.key)
        contraction = self._contraction(question)
        started = time.perf_counter()
        cost, notes = contraction.plan.cost, self.notes
        with self._algebra(cost):
            if run is None:
                threads, check = self._threads, request.cancel.check
                kernels = self._where(contraction)
                run = contraction.run(request.parameters, request.dtype, check, threads, kernels)
                self._runs[question.key] = run
            answer = run.at(bits)
        notes["contraction_seconds"] += time.perf_counter() - started
        notes["networks"] += 1
        notes["flops"] += cost.flops
        notes["peak_bytes"] = max(notes["peak_bytes"], int(cost.peak * self._options.itemsize))
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
        output = EngineOutput(metadata=self.notes)
        sink = SaveSink(sampled=False)
        self.save(sink, np.arange(max(request.shots, 1)))
        output.saved, output.standard_errors = sink.result(), sink.standard_errors()
        if output.standard_errors:
            output.metadata["averages"] = "exact"
        if request.want_state:
            found = self._answer(ask.state(timeline.num_qubits, len(timeline.events)))
            output.state = np.ascontiguousarray(found.reshape(-1))
            if request.on_device and self._device is not None:
                output.state = state_of(self._device, output.state, request.dtype)
                output.state = self._device.to_device(output.state)
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
        contraction = self._contraction(question, keep=True)
        kernels, check = self._where(contraction), request.cancel.check
        arguments = (contraction, request.parameters, request.dtype, check, kernels)
        with self._algebra(contraction.plan.cost):
            return value_and_gradient(*arguments)

    def _value(self, save: Save, events: int) -> Any:
        n, every = self.timeline.num_qubits, tuple(range(self.timeline.num_qubits))
        qubits = save.qubits or every
        if save.kind == "statevector":
            return np.ascontiguousarray(self._answer(ask.state(n, events)).reshape(-1))
        if self._from_state(save, events):
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
            squares = [self._means(o.squared(), events)[0] for o in _listed(observable)]
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

    def samples(self) -> NDArray[np.uint64]:
        """Return the classical memory of all shots, as `EngineOutput.packed` has it."""
        request, outcomes, asked = self._request, self.timeline.outcomes, self.sample_questions()
        every = np.arange(request.shots)
        uniforms = ShotUniforms(request.seed, request.shots, request.uniforms, branches=False)
        widths = [min(GROUP, len(outcomes) - start) for start in range(0, len(outcomes), GROUP)]
        bits = draw(asked, widths, request.shots, self._answer, lambda g: uniforms.draw(every, g))
        later = itertools.count(len(asked))
        rows = dict(zip(outcomes, bits, strict=True))
        return memory_of(self._code, rows, request.shots, lambda: uniforms.draw(every, next(later)))


def _workspace(request: EngineRequest, device: ArrayKernels | None) -> int:
    """Return the limit for the tensors of a contraction, in bytes.

    On a device: half of what is free there, since tensors are copied to bring axes into order, if
    ``max_workspace_mb`` is left at its default. A power of two, so that paths are found again.
    """
    free = None if device is None else device.free_bytes()
    if free is None or request.config.max_workspace_mb != Config.max_workspace_mb:
        return request.workspace_bytes
    return 1 << max(free // 2, 1).bit_length() - 1


def _listed(observable: Any) -> Sequence[Any]:
    return observable.observables if isinstance(observable, ObservableList) else (observable,)

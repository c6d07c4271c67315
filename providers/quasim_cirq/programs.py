"""A translated circuit made ready to run: computed by QuASIM, drawn from Cirq's random state.

Cirq draws one uniform number for each measurement and reset of a repetition, in order. The same
numbers are drawn here for all repetitions at once and handed to the engine, so a seed gives the
samples that Cirq gives. Two things can shift the stream of a repetition, though not the
distribution: several separate measurements at the very end, which are sampled together from one
number, and choices that are made only under classical control.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeAlias

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend import Runtime
from quasim_backend.compile.code import ChannelStep, CompiledCircuit, MeasureStep, ResetStep, SampleStep
from quasim_backend.ir import Circuit, Parameter, PauliSum
from quasim_backend.ir.instructions import ChannelOp, GateOp, Instruction, Measure, Reset
from quasim_cirq.sampling import SampledGroup, assemble_terminal, read_records, sampled_groups, untangled
from quasim_cirq.translate import Join, Translation, translate

__all__ = ["Program", "Values"]

_EXACT_LENGTH = 64

Values: TypeAlias = Mapping[Parameter, float]


class Program:
    """A circuit that QuASIM runs. Derived circuits are made when first needed, and kept."""

    def __init__(
        self,
        runtime: Runtime,
        layers: Sequence[Iterable[cirq.Operation]],
        qubits: Sequence[cirq.Qid],
        resolver: cirq.ParamResolver | None = None,
    ) -> None:
        """Translate a circuit.

        Args:
            runtime: Runs it.
            layers: Moments of Cirq's circuit, possibly with noise put in; kept, and not changed.
            qubits: Its qubits, and possibly more, in the order of the state.
            resolver: If given, the program is for these values of the symbols only.

        Raises:
            NeedsValues: If it can only be translated once its symbols have values.
            UnsupportedOperationError: If something has no translation.
        """
        with _without_garbage_collection():
            self.translation = translate(layers, qubits, resolver)
        self._resolver = resolver
        self.layers = layers
        self._runtime = runtime
        self._groups: dict[bool, list[tuple[SampledGroup, CompiledCircuit]]] = {}
        self._sampled: tuple[Translation, CompiledCircuit, NDArray[np.intp]] | None = None
        self._saving: Circuit | None = None

    @property
    def qubits(self) -> tuple[cirq.Qid, ...]:
        """The qubits in Cirq's order."""
        return self.translation.qubits

    @property
    def index(self) -> dict[cirq.Qid, int]:
        """Our qubit of each of Cirq's."""
        return self.translation.index

    @property
    def largest_group(self) -> int:
        """Number of qubits in the largest group that ever met, also in a measurement."""
        translation = self.translation
        measured = [Join(m.qubits, is_swap=False, at=0) for m in translation.measurements]
        return max(map(len, untangled(len(self.qubits), [*translation.joins, *measured])))

    @property
    def is_unitary(self) -> bool:
        """Whether there are gates only."""
        return self.translation.is_unitary

    @cached_property
    def _state_code(self) -> CompiledCircuit:
        return self._runtime.compile(self.translation.circuit, keep_idle=True)

    def values(self, resolver: cirq.ParamResolver) -> Values | None:
        """Return the values of the parameters; None if a symbol has no real value."""
        symbols = self.translation.symbols
        order = tuple(symbols.expressions)
        vector = symbols.values(order, resolver)
        return None if vector is None else dict(zip(order, vector.tolist(), strict=True))

    def at(self, values: Values, resolver: cirq.ParamResolver) -> Program:
        """Return the program for one point: this one, or a fixed one where that is more exact.

        With whole numbers for its symbols, as where ``X**b`` flips bits, a gate becomes exact.
        """
        small = len(self.translation.circuit) <= _EXACT_LENGTH
        if not values or not small or not all(v.is_integer() for v in values.values()):
            return self
        return Program(self._runtime, self.layers, self.qubits, resolver)

    # --- samples ------------------------------------------------------------------------------

    def records(
        self, values: Values, repetitions: int, prng: Any, *, split: bool
    ) -> dict[str, NDArray[Any]]:
        """Draw samples.

        Args:
            values: Of the parameters.
            repetitions: At least 1.
            prng: The random state.
            split: Whether untangled qubits are sampled apart.

        Returns:
            For each key an array ``(repetitions, instances, qubits)``: int8 if all measurements
            are at the end, uint8 otherwise, as in Cirq.
        """
        if not self.translation.is_terminal:
            return self._dynamic_records(values, repetitions, prng)
        if split not in self._groups:
            self._groups[split] = [
                (group, self._runtime.compile(group.circuit))
                for group in sampled_groups(self.translation, split=split)
            ]
        groups = self._groups[split]
        samples = [
            self._runtime.run(
                compiled,
                shots=repetitions,
                parameters=_vector(compiled, values),
                uniforms=prng.random_sample((repetitions, 1)),
            ).samples
            for _, compiled in groups
        ]
        return assemble_terminal(
            self.translation.measurements, [group for group, _ in groups], samples, prng
        )

    def _dynamic_records(
        self, values: Values, repetitions: int, prng: Any
    ) -> dict[str, NDArray[Any]]:
        if self._sampled is None:
            translation = self._last_measured_first()
            circuit = _without_dead_ends(translation.circuit)
            compiled = self._runtime.compile(circuit)
            self._sampled = translation, compiled, _columns(translation, circuit, compiled)
        translation, compiled, columns = self._sampled
        uniforms = prng.random_sample((repetitions, len(translation.draws)))
        result = self._runtime.run(
            compiled,
            shots=repetitions,
            parameters=_vector(compiled, values),
            uniforms=uniforms[:, columns],
        )
        return read_records(translation.measurements, result.samples)

    def _last_measured_first(self) -> Translation:
        """Return a translation whose highest qubits are those of the last measurement, in order.

        The engine samples final measurements by basis state. With these qubits on top that uses a
        uniform number exactly as sampling the measured qubits alone does.
        """
        known = self.translation
        last = known.measurements[-1].qubits
        width = len(self.qubits)
        if last == tuple(range(width - 1, width - 1 - len(last), -1)):
            return known
        top = [self.qubits[width - 1 - place] for place in dict.fromkeys(last)]
        rest = [q for q in self.qubits if q not in set(top)]
        return translate(self.layers, [*top, *rest], self._resolver)

    # --- states -------------------------------------------------------------------------------

    def final_state(
        self, values: Values, initial_state: NDArray[Any] | None, prng: Any
    ) -> tuple[NDArray[Any], dict[str, NDArray[np.uint8]]]:
        """Simulate one trial.

        Args:
            values: Of the parameters.
            initial_state: complex ``(2**n,)`` with norm 1, not changed; None for all zeros.
            prng: The random state.

        Returns:
            The final amplitudes and, for each key, its latest outcome.
        """
        if self.is_unitary:
            code = self._state_code
            state = self._runtime.simulate(
                code, parameters=_vector(code, values), initial_state=initial_state
            )
            return state, {}
        source, columns = self._saving_code(from_zero=initial_state is None)
        uniforms = prng.random_sample((1, len(self.translation.draws)))
        result = self._runtime.run(
            source,
            shots=1,
            parameters=values,
            initial_state=initial_state,
            uniforms=uniforms[:, columns],
        )
        assert result.state is not None
        records = read_records(self.translation.measurements, result.samples)
        return result.state, {key: bits[0, -1] for key, bits in records.items()}

    def _saving_code(self, *, from_zero: bool) -> tuple[Any, NDArray[np.intp]]:
        """Return a circuit that keeps the collapsed state, and the random numbers it uses."""
        circuit = self.translation.circuit
        if self._saving is None:
            self._saving = Circuit(circuit.num_qubits, circuit.num_clbits, "cirq")
            self._saving.instructions = list(circuit.instructions)
            self._saving.save("statevector")
        if not from_zero:
            # Nothing is known to be zero, so the engine makes every choice.
            return self._saving, _all_columns(self.translation)
        compiled = self._runtime.compile(self._saving)
        return compiled, _columns(self.translation, circuit, compiled)

    def expectations(
        self, values: Values, observables: Sequence[PauliSum], initial_state: NDArray[Any] | None
    ) -> list[complex]:
        """Return expectation values in the final state of a unitary circuit."""
        code = self._state_code
        found = self._runtime.expectations(
            code, observables, parameters=_vector(code, values), initial_state=initial_state
        )
        return [complex(v) for v in found]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause the collection of cycles: new gates set off passes over all that Cirq has loaded.

    On 15,000 gates that is 32 ms instead of 127 ms.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _without_dead_ends(circuit: Circuit) -> Circuit:
    """Leave out what no measurement can see: noise after the last measurement, mostly."""
    seen: set[int] = set()
    kept: list[Instruction] = []
    for instruction in reversed(circuit.instructions):
        if isinstance(instruction, GateOp | ChannelOp | Reset):
            if seen.isdisjoint(instruction.qubits):
                continue
            seen.update(instruction.qubits)
        elif isinstance(instruction, Measure):
            seen.update(instruction.qubits)
        else:
            seen.update(range(circuit.num_qubits))
        kept.append(instruction)
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    result.instructions = kept[::-1]
    return result


def _vector(compiled: CompiledCircuit, values: Values) -> NDArray[np.float64]:
    return np.array([values[p] for p in compiled.parameters], np.float64)


def _all_columns(translation: Translation) -> NDArray[np.intp]:
    """Return the choices an engine makes that skips none: one number for any confusion."""
    found = [
        number
        for number, draw in enumerate(translation.draws)
        if draw != "confuse" or translation.draws[number - 1] != "confuse"
    ]
    return np.array(found, np.intp)


def _columns(
    translation: Translation, circuit: Circuit, compiled: CompiledCircuit
) -> NDArray[np.intp]:
    """Return which of Cirq's choices the compiled code makes, in its order.

    Some instructions of the translation may be left out of ``circuit``. The compiler leaves out
    resets of qubits that are still zero and measurements of idle qubits, and joins final
    measurements.
    """
    if not translation.is_static:
        return _all_columns(translation)
    number_of = _numbers(translation)
    measured: dict[int, int] = {}
    resets: dict[int, list[int]] = {}
    channels: list[int] = []
    for instruction in circuit.instructions:
        if isinstance(instruction, Measure):
            measured.update(dict.fromkeys(instruction.clbits, number_of[id(instruction)]))
        elif isinstance(instruction, Reset):
            resets.setdefault(instruction.qubits[0], []).append(number_of[id(instruction)])
        elif isinstance(instruction, ChannelOp):
            channels.append(number_of[id(instruction)])
    done = [compiled.qubits[s.qubits[0]] for s in compiled.steps if isinstance(s, ResetStep)]
    # The resets that the compiler leaves out are a qubit's first ones.
    waiting = {q: iter(numbers[-done.count(q) :]) for q, numbers in resets.items() if q in done}
    drawn = iter(channels)
    columns: list[int] = []
    for step in compiled.steps:
        if isinstance(step, ResetStep):
            columns.append(next(waiting[compiled.qubits[step.qubits[0]]]))
        elif isinstance(step, ChannelStep):
            columns.append(next(drawn))
        elif isinstance(step, MeasureStep):
            number = measured[step.clbits[0]]
            columns += [number] if step.readout is None else [number, number + 1]
        elif isinstance(step, SampleStep):
            columns.append(measured[step.clbits[0]])
            columns += [measured[step.clbits[places[0]]] + 1 for places, _ in step.readouts]
    return np.array(columns, np.intp)


def _numbers(translation: Translation) -> dict[int, int]:
    """Return for each instruction, by id, the number of the first choice Cirq makes in it."""
    widths = {m.record.first: 1 + len(m.confusion) for m in translation.measurements}
    numbers: dict[int, int] = {}
    count = 0
    for instruction in translation.circuit.instructions:
        if isinstance(instruction, Measure | Reset | ChannelOp):
            numbers[id(instruction)] = count
            count += widths[instruction.clbits[0]] if isinstance(instruction, Measure) else 1
    return numbers

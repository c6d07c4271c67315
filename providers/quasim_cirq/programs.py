"""A translated circuit made ready to run: computed by QuASIM, drawn from Cirq's random state.

Cirq draws one uniform number for each measurement and reset of a repetition, in order. The same
numbers are drawn here for all repetitions at once and handed to the engine, so a seed gives the
samples that Cirq gives, as long as amplitudes are computed: any other engine that is chosen draws
its own numbers, from a seed that Cirq's random state gives. Two things can shift the stream of a
repetition, though not the distribution: measurements on which nothing later depends, which are
sampled together at the end from one number, and choices that are made only under classical control.
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
from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir import Circuit, Parameter, PauliSum
from quasim_backend.ir.instructions import Save
from quasim_cirq.choices import all_choices, choices_made, without_dead_ends
from quasim_cirq.sampling import (
    SampledGroup,
    assemble_terminal,
    read_records,
    sampled_groups,
    untangled,
)
from quasim_cirq.translate import translate
from quasim_cirq.translation import Join, Translation

__all__ = ["Program", "Values"]

_EXACT_LENGTH = 64
_QUICK = 1 << 22
"""Amplitudes that are changed, all gates and repetitions together, by a run that takes no time."""
_OF_AMPLITUDES = ("statevector", "trajectories")
"""Engines whose numbers are those that Cirq draws."""

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
        self._chosen: dict[int, str] = {}
        self._saving: Circuit | None = None
        self._keeping: Circuit | None = None

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
        if not self._follows_cirq(repetitions, split=split):
            return self._records_by_seed(values, repetitions, prng)
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

    def _follows_cirq(self, repetitions: int, *, split: bool) -> bool:
        """Return whether the engine is one that takes Cirq's own random numbers."""
        method = self._runtime.config.method
        if method != "auto":
            return method != "stabilizer"
        terminal = self.translation.is_terminal
        width = self.largest_group if terminal and split else len(self.qubits)
        courses = 1 if terminal else repetitions
        if courses * len(self.translation.circuit) << width <= _QUICK:
            return True
        if repetitions not in self._chosen:
            try:
                self._chosen[repetitions] = self._runtime.engine_for(self._whole, repetitions)
            except (MemoryLimitError, UnsupportedError):
                return False  # the run says why
        return self._chosen[repetitions] in _OF_AMPLITUDES

    @cached_property
    def _whole(self) -> CompiledCircuit:
        return self._runtime.compile(without_dead_ends(self.translation.circuit))

    def _dynamic_records(
        self, values: Values, repetitions: int, prng: Any
    ) -> dict[str, NDArray[Any]]:
        if self._sampled is None:
            translation = self._last_measured_first()
            circuit = without_dead_ends(translation.circuit)
            compiled = self._runtime.compile(circuit)
            self._sampled = translation, compiled, choices_made(translation, circuit, compiled)
        translation, compiled, columns = self._sampled
        uniforms = prng.random_sample((repetitions, len(translation.draws)))
        result = self._runtime.run(
            compiled,
            shots=repetitions,
            parameters=_vector(compiled, values),
            uniforms=uniforms[:, columns],
        )
        return read_records(translation.measurements, result.samples)

    def _records_by_seed(
        self, values: Values, repetitions: int, prng: Any
    ) -> dict[str, NDArray[Any]]:
        """Draw samples of the circuit as a whole, all at once, not from Cirq's own numbers."""
        code = self._whole
        seed = int(prng.randint(0, 2**63 - 1, dtype=np.int64))
        result = self._runtime.run(
            code, shots=repetitions, seed=seed, parameters=_vector(code, values)
        )
        records = read_records(self.translation.measurements, result.samples)
        kind = np.int8 if self.translation.is_terminal else np.uint8
        return {key: bits.astype(kind, copy=False) for key, bits in records.items()}

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

    def amplitudes(self, values: Values, indices: Sequence[int]) -> list[complex]:
        """Return single amplitudes of a circuit of gates.

        Args:
            values: Of the parameters.
            indices: Basis states, the first qubit most significant.
        """
        save = Save("amplitudes", "amplitudes", indices=tuple(indices))
        circuit = self.translation.circuit
        found = self._runtime.run(circuit, shots=0, save=save, parameters=values)
        return [complex(amplitude) for amplitude in found.saved["amplitudes"]]

    def _saving_code(self, *, from_zero: bool) -> tuple[Any, NDArray[np.intp]]:
        """Return a circuit that keeps the collapsed state, and the random numbers it uses."""
        circuit = self.translation.circuit
        if self._saving is None:
            self._saving = Circuit(circuit.num_qubits, circuit.num_clbits, "cirq")
            self._saving.instructions = list(circuit.instructions)
            self._saving.save("statevector")
        if not from_zero:
            # Nothing is known to be zero, so the engine makes every choice.
            return self._saving, all_choices(self.translation)
        compiled = self._runtime.compile(self._saving)
        return compiled, choices_made(self.translation, circuit, compiled)

    # --- density matrices -----------------------------------------------------------------------

    def exact_records(self, values: Values, repetitions: int, seed: int) -> dict[str, NDArray[Any]]:
        """Draw samples on an engine that makes no random choices but of outcomes.

        Args:
            values: Of the parameters.
            repetitions: At least 1.
            seed: Of the engine's random numbers.

        Returns:
            As `records`.

        Raises:
            UnsupportedError: If the session's method cannot run the circuit.
        """
        translation, code = self.translation, self._whole
        result = self._runtime.run(
            code, shots=repetitions, seed=seed, parameters=_vector(code, values)
        )
        records = read_records(translation.measurements, result.samples)
        if not translation.is_terminal:
            return records
        return {key: bits.view(np.int8) for key, bits in records.items()}

    def final_density_matrix(
        self, values: Values, initial_state: NDArray[Any] | None, seed: int | None
    ) -> tuple[NDArray[Any], dict[str, NDArray[np.uint8]]]:
        """Simulate on a density matrix.

        Args:
            values: Of the parameters.
            initial_state: complex ``(2**n,)`` with norm 1, not changed; None for all zeros.
            seed: Draws the outcomes of measurements; None to average over them.

        Returns:
            complex ``(2**n, 2**n)`` and, for each key, its outcome.

        Raises:
            UnsupportedError: If the session's method cannot run the circuit.
        """
        if self._keeping is None:
            circuit = self.translation.circuit
            self._keeping = Circuit(circuit.num_qubits, circuit.num_clbits, "cirq")
            self._keeping.instructions = list(circuit.instructions)
            self._keeping.save("density_matrix")
        result = self._runtime.run(
            self._keeping,
            shots=0 if seed is None else 1,
            seed=seed,
            parameters=values,
            initial_state=initial_state,
        )
        matrix = np.asarray(result.saved["density_matrix"])
        if seed is None:
            return matrix, {}
        records = read_records(self.translation.measurements, result.samples)
        return matrix, {key: bits[0, -1] for key, bits in records.items()}

    def expectations(
        self, values: Values, observables: Sequence[PauliSum], initial_state: NDArray[Any] | None
    ) -> list[complex]:
        """Return expectation values in the final state, averaged over channels and outcomes.

        Raises:
            UnsupportedError: If the session's method cannot do that exactly.
        """
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


def _vector(compiled: CompiledCircuit, values: Values) -> NDArray[np.float64]:
    return np.array([values[p] for p in compiled.parameters], np.float64)

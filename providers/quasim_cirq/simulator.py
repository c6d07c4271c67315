"""`cirq.Simulator` on QuASIM: the same class to Cirq, another engine under it.

Whatever QuASIM can run it runs. Everything else (qudits, gates that act on Cirq's state
objects, stepping through moments) is inherited and runs as in Cirq, so that nothing Cirq accepts is
refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend import Config
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.options import engine_settings
from quasim_cirq.cache import CircuitCache
from quasim_cirq.initial import initial_amplitudes
from quasim_cirq.noise_models import as_cirq_noise
from quasim_cirq.observables import lower_observables
from quasim_cirq.prepared import Prepares
from quasim_cirq.programs import Program
from quasim_cirq.results import SimulationState, TrialResult

__all__ = ["Simulator"]

_CirqSimulator = cirq.Simulator
"""Kept here, because a user may put our class in Cirq's place."""

_APART_QUBITS = 24
"""Largest group of entangled qubits that is left to Cirq when the whole state does not fit."""

_REPLAY_QUBITS = 12
"""Up to here a result shows untangled qubits apart, as Cirq does, by repeating the trial in it."""


_WIDE = 20
"""Qubits from which single amplitudes are asked for, in place of all."""


class Simulator(Prepares, _CirqSimulator):
    """Takes the place of `cirq.Simulator`.

    >>> import cirq, quasim_cirq
    >>> q = cirq.LineQubit(0)
    >>> simulator = quasim_cirq.Simulator(seed=1)
    >>> simulator.run(cirq.Circuit(cirq.X(q), cirq.measure(q, key="m")), repetitions=3)
    m=111
    """

    def __init__(
        self,
        *,
        dtype: type[np.complexfloating[Any, Any]] = np.complex64,
        noise: Any = None,
        seed: Any = None,
        split_untangled_states: bool = True,
        device: str = "auto",
        method: str = "auto",
        num_threads: int | None = None,
        promote_small: bool = True,
        mps_options: Any = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a simulator.

        Args:
            dtype: complex64 or complex128. Gates are always computed in double precision.
            noise: A model of Cirq's, a gate to put after every moment, a
                `quasim_backend.NoiseModel`, its dictionary, or a model of another SDK. Cirq's own
                models are asked once for a circuit, others at every call.
            seed: Random seed or state, used as Cirq uses it.
            split_untangled_states: As in Cirq, sample untangled qubits apart.
            device: ``"auto"``, ``"cpu"`` or ``"gpu"``.
            method: Name of an engine; ``"auto"`` chooses an exact one. ``"stabilizer"`` takes
                Clifford circuits of any width; `quasim_cirq.clifford_tableau` gives their states.
                ``"matrix_product_state"`` takes wide circuits with little entanglement.
            num_threads: Threads of the CPU kernels; None leaves the process's number as it is.
            promote_small: Compute complex64 below 16 qubits in complex128.
            mps_options: Limits for matrix product states: an object with ``max_bond`` and
                ``cutoff``, such as the ``MPSOptions`` of ``cirq.contrib.quimb``.
            engine_options: Settings of engines by name, such as ``{"max_bond_dimension": 64}`` or
                ``{"fallback": ("matrix_product_state",)}``; see
                `quasim_backend.options.ENGINE_OPTIONS`.

        Raises:
            ValueError: If the dtype is not complex or an option has an impossible value.
        """
        super().__init__(
            dtype=dtype,
            noise=as_cirq_noise(noise),
            seed=seed,
            split_untangled_states=split_untangled_states,
        )
        settings = {
            "simulation_precision": "fp64" if np.dtype(dtype) == np.complex128 else "fp32",
            "device": device,
            "method": method,
            "num_threads": num_threads,
            "promote_small": promote_small,
            "max_bond_dimension": getattr(mps_options, "max_bond", None),
            "truncation_threshold": getattr(mps_options, "cutoff", 1e-16),
        }
        self._config = Config(**{**settings, **engine_settings(engine_options)})
        self._programs = CircuitCache()

    # --- what Cirq calls ----------------------------------------------------------------------

    def run_sweep_iter(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Iterator[cirq.Result]:
        """Sample a circuit at every point of a sweep; see `cirq.SimulatesSamples`."""
        prepared = None if self._is_noisy else self._program(program)
        known = isinstance(prepared, Program) and prepared.translation.measurements
        if not known or repetitions < 1:
            yield from super().run_sweep_iter(program, params, repetitions)
            return
        for resolver in cirq.to_resolvers(params):
            records = self._run(program, resolver, repetitions)
            yield cirq.ResultDict(params=resolver, records=records)

    def _run(
        self, circuit: cirq.AbstractCircuit, param_resolver: cirq.ParamResolver, repetitions: int
    ) -> dict[str, NDArray[Any]]:
        found = self._program_at(circuit, cirq.ParamResolver(param_resolver))
        if found is None or not found[0].translation.measurements:
            return super()._run(circuit, param_resolver, repetitions)
        program, values = found
        try:
            return program.records(
                values, repetitions, self._prng, split=self._split_untangled_states
            )
        except (MemoryLimitError, UnsupportedError):
            if not self._fits_apart(program):
                raise
        return super()._run(circuit, param_resolver, repetitions)

    def simulate_sweep_iter(
        self,
        program: cirq.AbstractCircuit,
        params: cirq.Sweepable,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
        initial_state: Any = None,
    ) -> Iterator[cirq.StateVectorTrialResult]:
        """Simulate a circuit at every point of a sweep; see `cirq.SimulatesFinalState`."""
        refused = not self._is_noisy and self._program(program, qubit_order) is None
        if refused or isinstance(initial_state, cirq.SimulationStateBase):
            yield from super().simulate_sweep_iter(program, params, qubit_order, initial_state)
            return
        for resolver in cirq.to_resolvers(params):
            trial = self._trial(program, resolver, qubit_order, initial_state)
            if trial is not None:
                yield trial
            else:
                yield from super().simulate_sweep_iter(
                    program, resolver, qubit_order, initial_state
                )

    def simulate_expectation_values_sweep_iter(
        self,
        program: cirq.AbstractCircuit,
        observables: Any,
        params: cirq.Sweepable,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
        initial_state: Any = None,
        permit_terminal_measurements: bool = False,
    ) -> Iterator[list[Any]]:
        """Compute expectation values; see `cirq.SimulatesExpectationValues`."""
        points = list(cirq.to_resolvers(params))
        for number, resolver in enumerate(points):
            found = self._expectations(program, observables, resolver, qubit_order, initial_state)
            if found is None:
                params = cirq.ListSweep(points[number:])
                break
            yield found
        else:
            return
        yield from super().simulate_expectation_values_sweep_iter(
            program,
            observables,
            params,
            qubit_order,
            initial_state,
            permit_terminal_measurements,
        )

    def compute_amplitudes_sweep_iter(
        self,
        program: cirq.AbstractCircuit,
        bitstrings: Sequence[int],
        params: cirq.Sweepable,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
    ) -> Iterator[Any]:
        """Compute single amplitudes; see `cirq.SimulatesAmplitudes`."""
        for resolver in cirq.to_resolvers(params):
            found = self._amplitudes(program, bitstrings, resolver, qubit_order)
            if found is None:
                yield from super().compute_amplitudes_sweep_iter(
                    program, bitstrings, resolver, qubit_order
                )
            else:
                yield found

    # --- how ----------------------------------------------------------------------------------

    def _amplitudes(
        self,
        circuit: cirq.AbstractCircuit,
        bitstrings: Sequence[int],
        resolver: cirq.ParamResolver,
        qubit_order: Any,
    ) -> list[complex] | None:
        """Return amplitudes of a wide circuit; None if they are read off the whole state."""
        if np.ndim(bitstrings) != 1:
            return None
        found = self._program_at(circuit, resolver, qubit_order)
        if found is None or not found[0].is_unitary or len(found[0].qubits) < _WIDE:
            return None
        program, values = found
        indices = [int(b) for b in bitstrings]
        outside = [i for i in indices if not 0 <= i < 1 << len(program.qubits)]
        if outside:
            raise ValueError(
                f"Bitstrings of {len(program.qubits)} qubits are numbers below "
                f"2**{len(program.qubits)}; got {outside[0]}."
            )
        return program.amplitudes(values, indices)

    def _expectations(
        self,
        circuit: cirq.AbstractCircuit,
        observables: Any,
        resolver: cirq.ParamResolver,
        qubit_order: Any,
        initial_state: Any,
    ) -> list[Any] | None:
        """Return exact expectation values at one point; None if it has to be left to Cirq.

        Those of a noisy circuit are those of its density matrix, if that fits into memory; Cirq
        gives those of one random trajectory.
        """
        found = self._program_at(circuit, resolver, qubit_order)
        if found is None or found[0].translation.measurements:
            return None
        program, values = found
        listed = observables if isinstance(observables, list) else [observables]
        start = initial_amplitudes(initial_state, program.qubits, self._dtype)
        sums = lower_observables(listed, program.index)
        if start is None or sums is None:
            return None
        try:
            return program.expectations(values, sums, start.amplitudes)
        except (MemoryLimitError, UnsupportedError):
            if program.is_unitary:
                raise
            return None

    def _trial(
        self,
        circuit: cirq.AbstractCircuit,
        resolver: cirq.ParamResolver,
        qubit_order: Any,
        initial_state: Any,
    ) -> TrialResult | None:
        """Simulate one point; None if it has to be left to Cirq."""
        found = self._program_at(circuit, resolver, qubit_order)
        if found is None:
            return None
        program, values = found
        start = initial_amplitudes(initial_state, program.qubits, self._dtype)
        if start is None:
            return None
        replay = None
        split = self._split_untangled_states and not self._is_noisy
        if split and len(program.qubits) <= _REPLAY_QUBITS:
            replay = partial(
                _replayed,
                program,
                resolver,
                initial_state if start.amplitudes is None else start.amplitudes.copy(),
                self._dtype,
                None if program.is_unitary else self._prng.get_state(),
            )
        try:
            state, outcomes = program.final_state(values, start.amplitudes, self._prng)
        except (MemoryLimitError, UnsupportedError):
            if not self._fits_apart(program):
                raise
            return None
        return TrialResult(resolver, outcomes, state, program.qubits, replay)

    def _fits_apart(self, program: Program) -> bool:
        """Return whether Cirq can do, with untangled qubits apart, what is too large as one.

        What a method for wide circuits refuses is refused, as by `cirq.CliffordSimulator`.
        """
        if self._config.method in ("stabilizer", "matrix_product_state"):
            return False
        return self._split_untangled_states and program.largest_group <= _APART_QUBITS


def _replayed(
    program: Program,
    resolver: cirq.ParamResolver,
    initial_state: Any,
    dtype: type[np.complexfloating[Any, Any]],
    random: Any,
) -> SimulationState:
    """Repeat a trial in Cirq, from the same random state if it has random outcomes."""
    prng = np.random.RandomState()
    if random is not None:
        prng.set_state(random)
    simulator = _CirqSimulator(dtype=dtype, seed=prng)
    circuit = cirq.Circuit(program.layers)
    result = simulator.simulate(circuit, resolver, program.qubits, initial_state)
    return result._final_simulator_state

"""`cirq.DensityMatrixSimulator` on QuASIM: the same class to Cirq, another engine under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend import Config
from quasim_backend.errors import UnsupportedError
from quasim_cirq.cache import CircuitCache
from quasim_cirq.initial import initial_amplitudes
from quasim_cirq.noise_models import as_cirq_noise
from quasim_cirq.observables import lower_observables
from quasim_cirq.prepared import Prepares

__all__ = ["DensityMatrixResult", "DensityMatrixSimulator"]

_CirqSimulator = cirq.DensityMatrixSimulator
"""Kept here, because a user may put our class in Cirq's place."""

_SEEDS = 1 << 31


class DensityMatrixSimulator(Prepares, _CirqSimulator):
    """Takes the place of `cirq.DensityMatrixSimulator`.

    >>> import cirq, quasim_cirq
    >>> q = cirq.LineQubit(0)
    >>> simulator = quasim_cirq.DensityMatrixSimulator(noise=cirq.bit_flip(0.25))
    >>> simulator.simulate(cirq.Circuit(cirq.I(q))).final_density_matrix.real.round(3).tolist()
    [[0.75, 0.0], [0.0, 0.25]]

    What QuASIM cannot run is inherited and runs as in Cirq. A seed gives the same results each
    time, though not those that it gives in Cirq.
    """

    def __init__(
        self,
        *,
        dtype: type[np.complexfloating[Any, Any]] = np.complex64,
        noise: Any = None,
        seed: Any = None,
        split_untangled_states: bool = True,
        ignore_measurement_results: bool = False,
        device: str = "auto",
        num_threads: int | None = None,
        promote_small: bool = True,
    ) -> None:
        """Make a simulator.

        Args:
            dtype: complex64 or complex128.
            noise: As for `quasim_cirq.Simulator`.
            seed: Random seed or state.
            split_untangled_states: For what Cirq simulates.
            ignore_measurement_results: Whether `simulate`, `simulate_moment_steps` and expectation
                values average over outcomes, exactly, instead of following one that is drawn.
            device: ``"auto"``, ``"cpu"`` or ``"gpu"``.
            num_threads: Threads of the CPU kernels; None leaves the process's number as it is.
            promote_small: Compute small density matrices in complex128.

        Raises:
            ValueError: If the dtype is neither, or an option has an impossible value.
        """
        super().__init__(
            dtype=dtype,
            noise=as_cirq_noise(noise),
            seed=seed,
            split_untangled_states=split_untangled_states,
        )
        self._ignores = ignore_measurement_results
        self._config = Config(
            simulation_precision="fp64" if np.dtype(dtype) == np.complex128 else "fp32",
            device=device,
            method="density_matrix",
            num_threads=num_threads,
            promote_small=promote_small,
        )
        self._programs = CircuitCache()

    # --- what Cirq calls ----------------------------------------------------------------------

    def _run(
        self, circuit: cirq.AbstractCircuit, param_resolver: cirq.ParamResolver, repetitions: int
    ) -> dict[str, NDArray[Any]]:
        found = self._program_at(circuit, cirq.ParamResolver(param_resolver))
        if found is not None and found[0].translation.measurements:
            program, values = found
            seed = int(self._prng.randint(_SEEDS))
            try:
                return program.exact_records(values, repetitions, seed)
            except UnsupportedError:
                pass
        return super()._run(circuit, param_resolver, repetitions)

    def simulate_sweep_iter(
        self,
        program: cirq.AbstractCircuit,
        params: cirq.Sweepable,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
        initial_state: Any = None,
    ) -> Iterator[cirq.DensityMatrixTrialResult]:
        """Simulate a circuit at every point of a sweep; see `cirq.SimulatesFinalState`."""
        for resolver in cirq.to_resolvers(params):
            trial = self._trial(program, resolver, qubit_order, initial_state)
            if trial is not None:
                yield trial
            elif self._ignores:
                averaging, dephased = self._averaged(program)
                yield from averaging.simulate_sweep_iter(
                    dephased, resolver, qubit_order, initial_state
                )
            else:
                yield from super().simulate_sweep_iter(
                    program, resolver, qubit_order, initial_state
                )

    def simulate_moment_steps(
        self,
        circuit: cirq.AbstractCircuit,
        param_resolver: Any = None,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
        initial_state: Any = None,
    ) -> Iterator[Any]:
        """Simulate a circuit moment by moment, in Cirq; see `cirq.SimulatesIntermediateState`."""
        if self._ignores:
            averaging, circuit = self._averaged(circuit)
            return averaging.simulate_moment_steps(
                circuit, param_resolver, qubit_order, initial_state
            )
        return super().simulate_moment_steps(circuit, param_resolver, qubit_order, initial_state)

    def simulate_expectation_values_sweep(
        self,
        program: cirq.AbstractCircuit,
        observables: Any,
        params: cirq.Sweepable,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
        initial_state: Any = None,
        permit_terminal_measurements: bool = False,
    ) -> list[list[Any]]:
        """Compute expectation values; see `cirq.SimulatesExpectationValues`."""
        if permit_terminal_measurements or not program.are_any_measurements_terminal():
            listed = observables if isinstance(observables, list) else [observables]
            points = [
                self._expectations(program, listed, resolver, qubit_order, initial_state)
                for resolver in cirq.to_resolvers(params)
            ]
            known = [values for values in points if values is not None]
            if len(known) == len(points):
                return known
        return super().simulate_expectation_values_sweep(
            program, observables, params, qubit_order, initial_state, permit_terminal_measurements
        )

    # --- how ----------------------------------------------------------------------------------

    def _averaged(
        self, circuit: cirq.AbstractCircuit
    ) -> tuple[cirq.DensityMatrixSimulator, cirq.AbstractCircuit]:
        """Return a simulator of Cirq and a noisy circuit that dephases where it measures."""
        noisy = circuit.unfreeze().with_noise(self.noise)  # which looks at measurements
        try:
            dephased = cirq.dephase_measurements(noisy)
        except ValueError as cause:
            raise UnsupportedError(
                f"ignore_measurement_results=True averages over outcomes, which Cirq does only "
                f"where nothing depends on them: {cause}"
            ) from cause
        averaging = _CirqSimulator(
            dtype=self._dtype,
            seed=self._prng,
            split_untangled_states=self._split_untangled_states,
        )
        return averaging, dephased

    def _trial(
        self,
        circuit: cirq.AbstractCircuit,
        resolver: cirq.ParamResolver,
        qubit_order: Any,
        initial_state: Any,
    ) -> DensityMatrixResult | None:
        """Simulate one point; None if it has to be left to Cirq."""
        found = self._program_at(circuit, resolver, qubit_order)
        if found is None:
            return None
        program, values = found
        start = initial_amplitudes(initial_state, program.qubits, self._dtype)
        if start is None:
            return None
        follows = bool(program.translation.measurements) and not self._ignores
        seed = int(self._prng.randint(_SEEDS)) if follows else None
        try:
            matrix, outcomes = program.final_density_matrix(values, start.amplitudes, seed)
        except UnsupportedError:
            return None
        matrix = matrix.astype(self._dtype, copy=False)
        return DensityMatrixResult(resolver, outcomes, matrix, program.qubits)

    def _expectations(
        self,
        circuit: cirq.AbstractCircuit,
        observables: Sequence[Any],
        resolver: cirq.ParamResolver,
        qubit_order: Any,
        initial_state: Any,
    ) -> list[Any] | None:
        found = self._program_at(circuit, resolver, qubit_order)
        if found is None or (found[0].translation.measurements and not self._ignores):
            return None
        program, values = found
        start = initial_amplitudes(initial_state, program.qubits, self._dtype)
        sums = lower_observables(observables, program.index)
        if start is None or sums is None:
            return None
        try:
            return program.expectations(values, sums, start.amplitudes)
        except UnsupportedError:
            return None


class DensityMatrixResult(cirq.DensityMatrixTrialResult):
    """Cirq's result of a simulation, around a density matrix.

    It behaves as `cirq.DensityMatrixTrialResult`, compares equal to one, and is pickled as one.
    """

    def __init__(
        self,
        params: cirq.ParamResolver,
        measurements: dict[str, NDArray[Any]],
        matrix: NDArray[Any],
        qubits: Sequence[cirq.Qid],
    ) -> None:
        """Wrap a final state; Cirq's constructor is not called, since it wants a state object.

        Args:
            params: The parameters of this trial.
            measurements: Latest outcome of each key.
            matrix: complex ``(2**n, 2**n)``, first qubit most significant; kept, not copied.
            qubits: The qubits in order.
        """
        self._params = params
        self._measurements = measurements
        self._final_density_matrix = matrix
        self._qubits = tuple(qubits)
        self._qubit_map = {q: i for i, q in enumerate(self._qubits)}
        self._qid_shape = (2,) * len(self._qubits)
        self._merged_sim_state_cache = None

    @property
    def qubit_map(self) -> dict[cirq.Qid, int]:
        """Position of each qubit in the order of the state."""
        return self._qubit_map

    @cached_property
    def _final_simulator_state(self) -> Any:  # type: ignore[override]
        data = cirq.ClassicalDataDictionaryStore(
            _records={
                cirq.MeasurementKey.parse_serialized(key): [tuple(bits.tolist())]
                for key, bits in self._measurements.items()
            }
        )
        matrix: Any = self._final_density_matrix
        return cirq.DensityMatrixSimulationState(
            initial_state=matrix.reshape(self._qid_shape * 2),
            qubits=self._qubits,
            prng=np.random.RandomState(),
            dtype=matrix.dtype.type,
            classical_data=data,
        )

    def _get_merged_sim_state(self) -> Any:
        return self._final_simulator_state

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as Cirq's own result."""
        return (
            cirq.DensityMatrixTrialResult,
            (self._params, self._measurements, self._final_simulator_state),
        )

"""The session: circuits in, results out."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    SaveStep,
    SegmentStep,
)
from quasim_backend.engines.base import Engine, EngineOutput, EngineRequest
from quasim_backend.errors import (
    CircuitError,
    OptionError,
    QubitError,
    ShapeError,
    UnsupportedError,
    near_matches,
)
from quasim_backend.ir.array_observables import ObservableList, SparseObservable
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Measure, Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.ir.validate import check_save
from quasim_backend.kernels.base import CancelToken
from quasim_backend.options import DEFAULT_SHOTS, Config, RunOptions, check_seed
from quasim_backend.plugins.manager import PluginManager, default_manager
from quasim_backend.plugins.specs import RunRecord
from quasim_backend.result import Result
from quasim_backend.session.batch import (
    expect_batch,
    member_seed,
    parameter_rows,
    run_one_by_one,
    sample_batch,
    sampled_step,
    simulate_batch,
)
from quasim_backend.session.checks import (
    check_initial_state,
    check_shots,
    check_uniforms,
    refuse_random,
    refuse_unavailable,
)
from quasim_backend.session.compiling import CircuitCompiler, extended, source_of
from quasim_backend.session.gradients import DifferentiableRun, check_memory, split_prefix
from quasim_backend.session.inputs import to_circuit
from quasim_backend.session.jobs import Job, JobPool
from quasim_backend.session.outputs import (
    Observable,
    PauliObservable,
    as_saves,
    check_observables,
    check_pauli_sums,
    measure_all,
    on_simulated,
)
from quasim_backend.session.parameters import ParameterValues, parameter_vector
from quasim_backend.session.select import (
    SMALL,
    ChosenEngine,
    ChosenKernels,
    choose_engine,
    choose_kernels,
)
from quasim_backend.session.straight import (
    ObservableTerms,
    StraightRun,
    is_plain,
    straight_steps,
)

__all__ = ["Runtime", "runtime"]

ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]

_PROMOTED_BELOW = 16
"""Complex64 requests on fewer qubits are computed in complex128: it costs nothing there."""
_PIECE = 1 << 22
"""Amplitudes of two host states that are multiplied at a time."""
_NO_EXPECTATION = (
    "has no single final state, so no exact expectation values",
    "Leave its measurements out, or run it with saves of kind 'expectation' and subtype 'average'",
)
_RUN_ARGUMENTS = ("shots", "seed", "save", "parameters", "initial_state", "uniforms")


def runtime(config: Config | None = None, **options: Any) -> Runtime:
    """Open a session.

    >>> import quasim_backend as quasim
    >>> with quasim.runtime(simulation_precision="fp64") as rt:
    ...     abs(rt.simulate(quasim.Circuit(1).x(0))) ** 2
    array([0., 1.])

    Args:
        config: Settings; the session takes a frozen copy. Default: ``Config()``.
        options: Fields of `Config` that replace those of ``config``.

    Raises:
        OptionError: If an option is unknown or has an impossible value.
        UnsupportedError: If the settings ask for something this version cannot do.
    """
    return Runtime((config or Config()).copy(**options) if options else config)


class Runtime:
    """A session: one configuration, its kernel set and engines, and background jobs.

    Every method that takes a circuit accepts a `Circuit`, what `compile` returned, OpenQASM 2 or
    3 text or the path of a file with it, a circuit of an SDK whose adapter is installed, a list of
    ``(matrix, qubits)``, or one unitary ``(2**n, 2**n)``. Amplitudes are little-endian: qubit ``q``
    is bit ``q`` of the index. Sessions may be used by several threads at the same time.

    Every run raises, before anything large is allocated:

    * `CircuitError` (and its children), `ShapeError` if the circuit is not legal,
    * `ParameterError` if a parameter has no value, is unknown or not finite,
    * `UnsupportedError` if no engine, or not the one that is named, can do the run,
    * `MemoryLimitError` if it needs more memory than is free,
    * `DeviceError` if a device that was named cannot be used,

    and `Cancelled` if it was stopped.

    Attributes:
        config: The session's frozen configuration.
        plugins: Where engines, kernel sets, passes and translators come from.
    """

    def __init__(self, config: Config | None = None) -> None:
        """Open a session; see `runtime`."""
        config = Config() if config is None else config
        if not isinstance(config, Config):
            raise OptionError(f"A Runtime takes a quasim_backend.Config; got {config!r}.")
        refuse_unavailable(config)
        self.config = config.frozen()
        self.plugins: PluginManager = config.plugins or default_manager()
        self._compiler = CircuitCompiler(self.config, self.plugins)
        self._chosen_kernels: ChosenKernels | None = None
        self._engines: dict[str, Engine] = {}
        # With the plug-ins' engines when it was made: plug-ins may come later.
        self._straight_runs: WeakKeyDictionary[CompiledCircuit, tuple[object, StraightRun | None]]
        self._straight_runs = WeakKeyDictionary()
        self._jobs = JobPool()
        self._closed = False
        if config.simulation_precision in ("fp8", "fp16"):
            warnings.warn(
                f"simulation_precision='{config.simulation_precision}' is computed as 'fp32' in "
                f"this version; results say so in metadata['precision'].",
                RuntimeWarning,
                stacklevel=3,
            )

    # --- session ------------------------------------------------------------------------------

    def close(self) -> None:
        """Cancel the background jobs, wait until they have stopped, and take no more work."""
        self._closed = True
        self._jobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def compile(self, circuit: object, *, keep_idle: bool = False) -> CompiledCircuit:
        """Compile a circuit for repeated runs.

        A session remembers its latest circuits, so this is needed only to look at the code, to
        run many circuits in turn, or to save recognising a long circuit each time.

        Args:
            circuit: Any accepted form.
            keep_idle: Also simulate qubits that nothing acts on. Where a run needs that, the
                circuit is compiled anew.
        """
        return self._compiled(circuit, keep_idle=keep_idle)

    def explain(self, circuit: object) -> str:
        """Describe how a circuit would run: kernel set, engine, passes, stages, bytes moved."""
        compiled = self._compiled(circuit)
        dtype = self._dtypes(compiled)[1]
        chosen = self._kernels()
        lines = [
            f"kernels: {chosen.kernels.name} on {chosen.device}, {dtype}",
            f"engine: {self.config.method}; passes: "
            f"{', '.join(compiled.notes.get('passes', ())) or 'none'}",  # type: ignore[arg-type]
            *chosen.notes,
            compiled.explain(dtype.itemsize),
        ]
        return "\n".join(lines)

    # --- results ------------------------------------------------------------------------------

    def simulate(
        self,
        circuit: object,
        *,
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
        cancel: CancelToken | None = None,
    ) -> ComplexArray:
        """Return the final amplitudes of a circuit without measurements and channels.

        Args:
            circuit: Any accepted form.
            parameters: Values by `Parameter` or name, or a vector in the order of
                ``circuit.parameters``. A batch, many sets of values in one call, is an array
                ``(batch, P)``, or a mapping with sequences ``(batch,)`` among its values; members
                are spread over the threads and come out as they would one by one.
            initial_state: Amplitudes ``(2**n,)`` to start from; default ``|0...0>``.
            cancel: A token; setting it from another thread stops the run.

        Returns:
            Amplitudes ``(2**n,)``, complex64 or complex128 as configured; of a batch
            ``(batch, 2**n)``.

        Raises:
            UnsupportedError: If the circuit measures, resets an entangled qubit or has channels.
        """
        compiled = self._compiled(circuit, keep_idle=True, starts_at_zero=initial_state is None)
        refuse_random(compiled, "has no single final state", "Use run(circuit, shots=...) instead")
        straight = self._straight(compiled) if initial_state is None else None
        rows = parameter_rows(compiled.parameters, parameters)
        if straight is not None and rows is not None:
            return simulate_batch(straight, rows, self.config, cancel)
        if straight is not None and self._is_small(straight):
            values = parameter_vector(compiled.parameters, parameters)
            return straight.amplitudes(straight.state(values, cancel))

        def one(member: int, values: ParameterValues | None) -> ComplexArray:
            result = self._execute(
                compiled,
                values,
                initial_state=initial_state,
                want_state=True,
                shots=0,
                cancel=cancel,
            )
            assert result.state is not None
            return result.state

        if rows is None:
            return one(0, parameters)
        size, returned = 1 << compiled.num_qubits, self._dtypes(compiled)[0]
        return run_one_by_one(rows, (size,), returned, self.config, one)

    def unitary(
        self, circuit: object, *, parameters: ParameterValues | None = None
    ) -> ComplexArray:
        """Return the unitary ``(2**n, 2**n)`` of a circuit that holds gates only.

        Args:
            circuit: Any accepted form.
            parameters: As for `simulate`.

        Raises:
            UnsupportedError: If the circuit holds anything but gates.
        """
        compiled = self._compiled(circuit, keep_idle=True)
        result = self._execute(compiled, parameters, want_unitary=True, shots=0)
        assert result.unitary is not None
        return result.unitary

    def run(
        self,
        circuit: object,
        shots: int | None = None,
        seed: int | None = None,
        *,
        save: str | Save | Sequence[str | Save] = (),
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
        uniforms: ArrayLike | None = None,
        cancel: CancelToken | None = None,
    ) -> Result:
        """Run a circuit and return samples, saved values and metadata.

        Args:
            circuit: Any accepted form.
            shots: Number of shots. Default: 1024 if the circuit measures or otherwise depends on
                chance, else none.
            seed: In ``[0, 2**64)``. Default: the configuration's, else a fresh one, which
                ``metadata["seed"]`` holds. The same seed gives the same samples.
            save: What to keep at the end of the circuit: ``"statevector"``, ``"density_matrix"``,
                ``"probabilities"``, a `Save`, or a sequence of these.
            parameters: As for `simulate`.
            initial_state: As for `simulate`.
            uniforms: float64 ``(shots, draws)`` in ``[0, 1)``: where shot ``s`` takes its random
                numbers from, instead of the seed.
            cancel: A token; setting it from another thread stops the run.
        """
        compiled = self._compiled(
            circuit, starts_at_zero=initial_state is None, saves=as_saves(save)
        )
        return self._execute(
            compiled,
            parameters,
            shots=shots,
            seed=seed,
            initial_state=initial_state,
            uniforms=uniforms,
            cancel=cancel,
        )

    def sample(
        self,
        circuit: object,
        shots: int,
        seed: int | None = None,
        *,
        parameters: ParameterValues | None = None,
        cancel: CancelToken | None = None,
    ) -> NDArray[np.uint8]:
        """Return measured bits; a circuit that measures nothing is measured on all its qubits.

        Args:
            circuit: Any accepted form.
            shots: Number of shots.
            seed: As for `run`. Member ``m`` of a batch draws with ``(seed + m) % 2**64``.
            parameters: As for `simulate`; also a batch.
            cancel: As for `simulate`.

        Returns:
            uint8 ``(shots, num_clbits)`` in shot order; column ``c`` is classical bit ``c``. Of a
            batch ``(batch, shots, num_clbits)``.
        """
        source = to_circuit(circuit, self.plugins)
        if isinstance(source, CompiledCircuit) and not source.measured:
            source = _source(source)
        if isinstance(source, Circuit) and not any(isinstance(i, Measure) for i in source.walk()):
            source = extended(source, (measure_all(source.num_qubits),))
            source.num_clbits = max(source.num_clbits, source.num_qubits)
        compiled = self._compiled(source)
        rows = parameter_rows(compiled.parameters, parameters)
        shots = check_shots(shots)

        def one(member: int, values: ParameterValues | None) -> NDArray[np.uint8]:
            return self._execute(
                compiled,
                values,
                shots=shots,
                seed=seed if rows is None else member_seed(key, member),
                cancel=cancel,
                extra_bytes=2 * compiled.num_clbits * shots,
            ).samples

        if rows is None:
            return one(0, parameters)
        key = self._seed(seed)
        straight, step = self._straight(compiled), sampled_step(compiled)
        width = compiled.num_clbits
        if straight is None or step is None or shots == 0:
            return run_one_by_one(rows, (shots, width), np.dtype(np.uint8), self.config, one)
        return sample_batch(straight, step, width, rows, shots, key, self.config, cancel)

    def measure(
        self,
        circuit: object,
        paulis: Observable | Sequence[Observable],
        *,
        parameters: ParameterValues | None = None,
    ) -> list[float]:
        """Return exact expectation values of Hermitian observables in the final state.

        Args:
            circuit: Any accepted form, without measurements and channels.
            paulis: Labels with one letter for each qubit, the leftmost for the highest;
                `PauliString`, `PauliSum`, or ``{label: weight}``; `MatrixObservable`,
                `DiagonalObservable`, `SparseObservable`. One observable or several.
            parameters: As for `simulate`.

        Raises:
            CircuitError: If a label is wrong or an observable is not Hermitian.
            QubitError: If an observable acts on a qubit the circuit does not have.
        """
        circuit = to_circuit(circuit, self.plugins)
        width = circuit.num_qubits if isinstance(circuit, Circuit) else circuit.original_qubits
        observables = check_observables(paulis, width)
        for observable in observables:
            if not observable.hermitian:
                raise CircuitError(
                    f"measure takes Hermitian observables: Pauli sums with real weights, matrices "
                    f"equal to their adjoints; got {observable}. expectations() takes others."
                )
        return self.expectations(circuit, observables, parameters=parameters).real.tolist()  # type: ignore[no-any-return]

    def expectations(
        self,
        circuit: object,
        observables: Sequence[Observable],
        *,
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
        cancel: CancelToken | None = None,
    ) -> NDArray[np.complex128]:
        """Return ``<psi|O|psi>`` of the final state for each observable.

        All Pauli strings of all observables are summed together, so that one call with many
        observables is faster than many calls.

        Args:
            circuit: Any accepted form, without measurements and channels.
            observables: As for `measure`; they need not be Hermitian.
            parameters: As for `simulate`; also a batch, of which no amplitudes are kept.
            initial_state: As for `simulate`.
            cancel: As for `simulate`.

        Returns:
            complex128 ``(len(observables),)``; of a batch ``(batch, len(observables))``.

        Raises:
            UnsupportedError: If the circuit measures, resets an entangled qubit or has channels.
            QubitError: If an observable acts on a qubit the circuit does not have.
        """
        source = to_circuit(circuit, self.plugins)
        width = source.num_qubits if isinstance(source, Circuit) else source.original_qubits
        checked = check_observables(observables, width)
        compiled = self._compiled(source, starts_at_zero=initial_state is None)
        refuse_random(compiled, *_NO_EXPECTATION)
        rows = parameter_rows(compiled.parameters, parameters)
        sums = [observable for observable in checked if isinstance(observable, PauliSum)]
        straight = None
        if initial_state is None and len(sums) == len(checked):
            straight = self._straight(compiled)
        if straight is not None and (rows is not None or self._is_small(straight)):
            terms = ObservableTerms.of([on_simulated(compiled, observable) for observable in sums])
            if rows is not None:
                return expect_batch(straight, terms, rows, self.config, cancel)
            values = parameter_vector(compiled.parameters, parameters)
            state = straight.state(values, cancel)
            found = straight.kernels.pauli_expectations(state, terms.x_masks, terms.z_masks)
            return terms.sums(found)

        def one(member: int, values: ParameterValues | None) -> NDArray[np.complex128]:
            found = self._moments("expectation", source, checked, values, initial_state, cancel)
            return np.asarray(found, np.complex128)

        if rows is None:
            return one(0, parameters)
        return run_one_by_one(rows, (len(checked),), np.dtype(np.complex128), self.config, one)

    def variances(
        self,
        circuit: object,
        observables: Observable | Sequence[Observable],
        *,
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Return ``<O^dagger O> - |<O>|**2`` of the final state for each observable.

        A sum of more than a few Pauli strings takes memory for a second state.

        Args:
            circuit: Any accepted form, without measurements and channels.
            observables: As for `measure`; one or several.
            parameters: As for `simulate`.
            initial_state: As for `simulate`.

        Returns:
            float64 ``(len(observables),)``, from 0 up.

        Raises:
            CircuitError: If an observable is not Hermitian.
        """
        values = self._moments("variance", circuit, observables, parameters, initial_state)
        return np.maximum(np.asarray(values, np.float64), 0.0)

    def probabilities(
        self,
        circuit: object,
        qubits: Sequence[int] = (),
        *,
        parameters: ParameterValues | None = None,
    ) -> NDArray[np.float64]:
        """Return the exact distribution of some qubits in the final state: float64 ``(2**k,)``.

        Args:
            circuit: Any accepted form, without measurements and channels.
            qubits: The first is the lowest bit of the result's index; none means all.
            parameters: As for `simulate`.

        Raises:
            QubitError: If a qubit repeats or the circuit does not have it.
        """
        return np.asarray(self._reduced("probabilities", circuit, qubits, parameters))

    def reduced_density_matrix(
        self,
        circuit: object,
        qubits: Sequence[int] = (),
        *,
        parameters: ParameterValues | None = None,
    ) -> NDArray[np.complex128]:
        """Return the density matrix of some qubits, the others traced out.

        Args:
            circuit: Any accepted form, without measurements and channels.
            qubits: The first is the lowest bit of the result's indices; none means all.
            parameters: As for `simulate`.

        Returns:
            complex128 ``(2**k, 2**k)``.

        Raises:
            QubitError: If a qubit repeats or the circuit does not have it.
        """
        return np.asarray(self._reduced("density_matrix", circuit, qubits, parameters))

    def overlap(
        self, left: object, right: object, *, parameters: ParameterValues | None = None
    ) -> complex:
        """Return the inner product ``<left|right>`` of two states.

        Args:
            left: Amplitudes ``(2**n,)``, or a circuit in any accepted form, whose final state is
                taken.
            right: The same.
            parameters: As for `simulate`, for each circuit that has parameters. Two circuits with
                different ones are given as the amplitudes that `simulate` returns.

        Raises:
            ShapeError: If the states differ in size.
        """
        states = [self._amplitudes(side, parameters) for side in (left, right)]
        if states[0].shape != states[1].shape:
            raise ShapeError(
                f"An inner product takes two states of one size; got {states[0].size} and "
                f"{states[1].size} amplitudes."
            )
        kernels, wide = self._kernels().kernels, np.result_type(*states)
        total = 0j
        # By pieces: the kernels' copies stay small.
        for start in range(0, states[0].size, _PIECE):
            pieces = [
                kernels.from_host(s[start : start + _PIECE].astype(wide, copy=False), wide)
                for s in states
            ]
            total += kernels.inner(*pieces)
        return total

    def fidelity(
        self, left: object, right: object, *, parameters: ParameterValues | None = None
    ) -> float:
        """Return ``|<left|right>|**2`` of two pure states; see `overlap`.

        >>> import quasim_backend as quasim
        >>> with quasim.runtime() as rt:
        ...     round(rt.fidelity(quasim.Circuit(1).h(0), [1.0, 0.0]), 6)
        0.5
        """
        return abs(self.overlap(left, right, parameters=parameters)) ** 2

    def differentiate(
        self,
        circuit: object,
        *,
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
        keep_idle: bool = False,
        cancel: CancelToken | None = None,
    ) -> DifferentiableRun:
        """Run a circuit and keep its final state, to be differentiated by the adjoint method.

        Args:
            circuit: Any accepted form, without measurements and channels.
            parameters: As for `simulate`.
            initial_state: As for `simulate`.
            keep_idle: Also simulate qubits that nothing acts on; needed for
                `DifferentiableRun.pullback` of a state on all qubits.
            cancel: A token; setting it from another thread stops the run.

        Raises:
            UnsupportedError: If the circuit measures, resets or has channels, or a parameter acts
                before a state is prepared, or a method other than 'statevector' is configured.
        """
        starts_at_zero = initial_state is None
        compiled = self._compiled(circuit, keep_idle=keep_idle, starts_at_zero=starts_at_zero)
        refuse_random(compiled, "has no single final state", "Gradients need one")
        if self.config.method not in ("auto", "statevector"):
            raise UnsupportedError(
                f"method='{self.config.method}' gives no gradients; use 'statevector' or 'auto'."
            )
        prefix, segments = split_prefix(compiled)
        values = parameter_vector(compiled.parameters, parameters)
        dtype = self._dtypes(compiled)[1]
        check_memory(compiled.num_qubits, dtype, 1, self.config)
        token = cancel or CancelToken()
        kernels = self._kernels().kernels
        start = check_initial_state(initial_state, compiled.num_qubits)
        if prefix is not None:
            start = self._execute(
                prefix, values, initial_state=start, want_state=True, shots=0, cancel=token
            ).state
        bound = tuple((step, values[list(step.sources)]) for step in segments)
        todo = list(bound)
        if start is not None:
            state = kernels.from_host(start, dtype)
        elif todo:
            step, vector = todo.pop(0)
            state = kernels.start(step.plan, dtype, vector, token)
        else:
            state = kernels.zero_state(compiled.num_qubits, dtype)
        for step, vector in todo:
            kernels.run(step.plan, state, vector, token)
        return DifferentiableRun(compiled, kernels, state, start, bound, token, self.config)

    def gradient(
        self,
        circuit: object,
        observables: PauliObservable | Sequence[PauliObservable],
        parameters: ParameterValues | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expectation values and their exact derivatives by every parameter.

        >>> import quasim_backend as quasim
        >>> circuit = quasim.Circuit(1).rx(quasim.Parameter("theta"), 0)
        >>> with quasim.runtime() as rt:
        ...     values, jacobian = rt.gradient(circuit, ["Z", "Y"], [0.0])
        >>> values.tolist(), jacobian.tolist()
        ([1.0, 0.0], [[0.0], [-1.0]])

        Args:
            circuit: Any accepted form, without measurements and channels.
            observables: Sums of Pauli strings with real weights, as for `measure`; one or several.
            parameters: As for `simulate`.

        Returns:
            float64 ``(num_observables,)`` and ``(num_observables, num_parameters)``. One sweep back
            through the circuit for each observable, with two states in memory (three for several
            observables) however many parameters there are; `vjp` and `jvp` need one sweep for all.
        """
        run = self.differentiate(circuit, parameters=parameters)
        sums = check_pauli_sums(observables, run.compiled.original_qubits)
        return run.values_and_jacobian(sums, consume=True)

    def vjp(
        self,
        circuit: object,
        observables: PauliObservable | Sequence[PauliObservable],
        cotangents: ArrayLike,
        parameters: ParameterValues | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expectation values and ``cotangents @ jacobian``, at the cost of one sweep.

        Args:
            circuit: Any accepted form, without measurements and channels.
            observables: Sums of Pauli strings with real weights, as for `measure`; one or several.
            cotangents: One real number for each observable.
            parameters: As for `simulate`.

        Returns:
            float64 ``(num_observables,)`` and ``(num_parameters,)``.
        """
        run = self.differentiate(circuit, parameters=parameters)
        sums = check_pauli_sums(observables, run.compiled.original_qubits)
        values = run.expectations(sums).real
        return values, run.vjp(sums, np.atleast_1d(cotangents), consume=True)

    def jvp(
        self,
        circuit: object,
        observables: PauliObservable | Sequence[PauliObservable],
        direction: ArrayLike,
        parameters: ParameterValues | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expectation values and ``jacobian @ direction``, at the cost of one run forward.

        >>> import quasim_backend as quasim
        >>> circuit = quasim.Circuit(1).rx(quasim.Parameter("theta"), 0)
        >>> with quasim.runtime() as rt:
        ...     values, slopes = rt.jvp(circuit, ["Z", "Y"], [2.0], [0.0])
        >>> values.tolist(), slopes.tolist()
        ([1.0, 0.0], [0.0, -2.0])

        Args:
            circuit: Any accepted form, without measurements and channels.
            observables: Hermitian, as for `measure`; one or several.
            direction: One real number for each parameter, in the order of the circuit's.
            parameters: As for `simulate`.

        Returns:
            float64 ``(num_observables,)`` twice. The state and its derivative run side by side,
            with at most four states in memory; `DifferentiableRun.tangent` returns the derivative
            of the state itself.

        Raises:
            ShapeError: If ``direction`` has another shape than ``(num_parameters,)``.
        """
        run = self.differentiate(circuit, parameters=parameters)
        sums = check_pauli_sums(observables, run.compiled.original_qubits)
        slopes = run.jvp(sums, direction)
        return run.expectations(sums).real, slopes

    def submit_async(
        self,
        circuit: object,
        callback: Callable[[Result], object] | None = None,
        **run_arguments: Any,
    ) -> Job[Result]:
        """Start a run in the background.

        The circuit is read at once and may be changed afterwards.

        Args:
            circuit: Any accepted form.
            callback: Called with the `Result` in the job's thread. If it raises, the error is
                logged and stored on the future.
            run_arguments: Keyword arguments of `run`, except ``cancel``.

        Returns:
            A `concurrent.futures.Future` of the `Result`. Its ``cancel()`` also stops a run that
            has started, which then fails with `Cancelled`; so does Ctrl-C while the main thread
            waits in ``result()``.

        Raises:
            OptionError: If an argument is not one of `run`.
            UnsupportedError: If the session is closed.
        """
        for name in run_arguments:
            if name not in _RUN_ARGUMENTS:
                raise OptionError(
                    f"Unknown argument '{name}' of submit_async. "
                    f"{near_matches(name, _RUN_ARGUMENTS)}"
                )
        source = to_circuit(circuit, self.plugins)
        if isinstance(source, Circuit):
            source = extended(source)
        return self._jobs.submit(
            lambda token: self.run(source, cancel=token, **run_arguments), callback
        )

    # --- exact values of the final state ------------------------------------------------------

    def _moments(
        self,
        kind: str,
        circuit: object,
        observables: Observable | Sequence[Observable],
        parameters: ParameterValues | None,
        initial_state: ArrayLike | None,
        cancel: CancelToken | None = None,
    ) -> Any:
        """Return expectation values or variances, as an array."""
        source = to_circuit(circuit, self.plugins)
        width = source.num_qubits if isinstance(source, Circuit) else source.original_qubits
        checked = check_observables(observables, width)
        if kind == "variance":
            for observable in checked:
                if not observable.hermitian:
                    raise CircuitError(
                        f"A variance takes Hermitian observables: Pauli sums with real weights, "
                        f"matrices equal to their adjoints; got {observable}."
                    )
        whole = any(isinstance(o, SparseObservable) for o in checked)
        compiled = self._compiled(source, keep_idle=whole, starts_at_zero=initial_state is None)
        refuse_random(compiled, *_NO_EXPECTATION)
        listed = on_simulated(compiled, ObservableList(tuple(checked)))
        # The state is not touched by a save, so it can be added to compiled code.
        step = SaveStep(Save(kind, kind, observable=listed))
        with_save = replace(compiled, steps=(*compiled.steps, step))
        result = self._execute(
            with_save, parameters, initial_state=initial_state, shots=0, cancel=cancel
        )
        return result.saved[kind]

    def _reduced(
        self,
        kind: str,
        circuit: object,
        qubits: Sequence[int],
        parameters: ParameterValues | None,
    ) -> Any:
        """Return what a save of some qubits at the end keeps."""
        source = to_circuit(circuit, self.plugins)
        places = tuple(int(q) for q in qubits)
        width = source.num_qubits if isinstance(source, Circuit) else source.original_qubits
        if len(set(places)) != len(places) or not all(0 <= q < width for q in places):
            raise QubitError(
                f"qubits must be different ones of 0..{width - 1}, lowest bit first; got {places}."
            )
        compiled = self._compiled(source, saves=(Save(kind, kind, places),))
        refuse_random(compiled, "has no single final state", "Run it with saves in the circuit")
        return self._execute(compiled, parameters, shots=0).saved[kind]

    def _amplitudes(self, state: object, parameters: ParameterValues | None) -> ComplexArray:
        """Return the amplitudes given, or those of a circuit's final state."""
        try:
            array = np.asarray(state) if isinstance(state, list | np.ndarray) else None
        except ValueError:  # a list of (matrix, qubits)
            array = None
        if array is not None and array.ndim == 1 and array.dtype.kind in "biufc":
            if array.size & (array.size - 1) or not array.size:
                raise ShapeError(f"A state has 2**n amplitudes; got {array.size}.")
            if array.dtype not in (np.complex64, np.complex128):
                array = array.astype(np.complex128)
            return np.ascontiguousarray(array)
        compiled = self._compiled(state, keep_idle=True)
        return self.simulate(compiled, parameters=parameters if compiled.parameters else None)

    # --- how ----------------------------------------------------------------------------------

    def _compiled(
        self,
        circuit: object,
        *,
        keep_idle: bool = False,
        starts_at_zero: bool = True,
        saves: tuple[Save, ...] = (),
    ) -> CompiledCircuit:
        if self._closed:
            raise UnsupportedError("This session is closed; open a new one.")
        source = to_circuit(circuit, self.plugins)
        if isinstance(source, CompiledCircuit):
            fits = not keep_idle or source.num_qubits == source.original_qubits
            if fits and starts_at_zero and not saves:
                return source
            # It was compiled for other runs than this one.
            source = _source(source)
        if saves:
            for save in saves:
                check_save(save, source.num_qubits)
            source = extended(source, saves)
        return self._compiler(source, keep_idle=keep_idle, starts_at_zero=starts_at_zero)

    def _kernels(self) -> ChosenKernels:
        if self._chosen_kernels is None:
            self._chosen_kernels = choose_kernels(self.config, self.plugins)
        return self._chosen_kernels

    def _straight(self, compiled: CompiledCircuit) -> StraightRun | None:
        """Return the short way to run a circuit of gates, sampled at its end or not, or None."""
        engines = self.plugins.engines
        known = self._straight_runs.get(compiled)
        if known is not None and known[0] is engines:
            return known[1]
        steps = compiled.steps
        step = straight_steps(steps[:-1] if sampled_step(compiled) else steps)
        found = None
        if step is not None and is_plain(self.config, self.plugins):
            found = StraightRun(compiled, step, self._kernels().kernels, self._dtypes(compiled))
        self._straight_runs[compiled] = (engines, found)
        return found

    def _is_small(self, run: StraightRun) -> bool:
        """Return whether a run needs no look at the memory that is free."""
        return run.state_bytes <= SMALL and self.config.max_memory_mb is None

    def _seed(self, seed: int | None) -> int:
        key = check_seed("seed", seed)
        if key is None:
            key = self.config.seed
        return int.from_bytes(os.urandom(8), "little") if key is None else key

    def _engine(self, name: str) -> Engine:
        engine = self._engines.get(name)
        if engine is None:
            engine = self._engines.setdefault(name, self.plugins.engines[name].make())
        return engine

    def _dtypes(self, compiled: CompiledCircuit) -> tuple[np.dtype[Any], np.dtype[Any]]:
        """Return the dtype of results and the one to compute in."""
        double = np.dtype(np.complex128)
        if self.config.simulation_precision == "fp64":
            return double, double
        single = np.dtype(np.complex64)
        small = self.config.promote_small and compiled.num_qubits < _PROMOTED_BELOW
        return single, double if small else single

    def _execute(
        self,
        compiled: CompiledCircuit,
        parameters: ParameterValues | None,
        *,
        shots: int | None,
        seed: int | None = None,
        initial_state: ArrayLike | None = None,
        uniforms: ArrayLike | None = None,
        want_state: bool = False,
        want_unitary: bool = False,
        cancel: CancelToken | None = None,
        extra_bytes: int = 0,
    ) -> Result:
        started = time.perf_counter()
        values = parameter_vector(compiled.parameters, parameters)
        if shots is None:
            random = compiled.measured or compiled.branches
            shots = DEFAULT_SHOTS if random else 0
        shots = check_shots(shots)
        key = self._seed(seed)
        returned, dtype = self._dtypes(compiled)
        chosen = self._kernels()
        request = EngineRequest(
            kernels=chosen.kernels,
            dtype=dtype,
            parameters=values,
            shots=shots,
            seed=key,
            uniforms=check_uniforms(uniforms, shots),
            want_state=want_state,
            want_unitary=want_unitary,
            initial_state=check_initial_state(initial_state, compiled.num_qubits),
            workspace_bytes=int(self.config.max_workspace_mb * 2**20),
            cancel=cancel or CancelToken(),
        )
        options = RunOptions(self.config, shots, key, want_state, want_unitary)
        engine = choose_engine(compiled, request, options, self.plugins, self._engine, extra_bytes)
        metadata = self._metadata(compiled, request, chosen, engine, returned)
        began = time.perf_counter()
        try:
            request.cancel.check()
            output = engine.engine.run(compiled, request)
        except BaseException as error:
            self.plugins.run_finished(RunRecord(compiled, options, metadata, error))
            raise
        ended = time.perf_counter()
        metadata |= output.metadata
        metadata["time_run"] = ended - began
        result = _result(compiled, shots, output, metadata, returned)
        metadata["time_total"] = time.perf_counter() - started
        self.plugins.run_finished(RunRecord(compiled, options, metadata))
        return result

    def _metadata(
        self,
        compiled: CompiledCircuit,
        request: EngineRequest,
        chosen: ChosenKernels,
        engine: ChosenEngine,
        returned: np.dtype[Any],
    ) -> dict[str, Any]:
        notes = list(chosen.notes)
        precision = self.config.simulation_precision
        if precision in ("fp8", "fp16"):
            notes.append(f"simulation_precision='{precision}' was computed as 'fp32'.")
            precision = "fp32"
        if request.dtype != returned:
            notes.append(f"Computed in {request.dtype}, which costs nothing at this size.")
        plans = [s.plan for s in compiled.steps if isinstance(s, SegmentStep)]
        return {
            **compiled.notes,
            "engine": engine.engine.name,
            "reason": engine.reason,
            "kernels": chosen.kernels.name,
            "device": chosen.device,
            "dtype": str(request.dtype),
            "precision": precision,
            "bytes": sum(p.bytes_moved(request.dtype.itemsize) for p in plans),
            "stages": sum(p.num_stages for p in plans),
            "seed": request.seed,
            "num_qubits": compiled.num_qubits,
            "notes": notes,
        }


def _source(compiled: CompiledCircuit) -> Circuit:
    source = source_of(compiled)
    if source is None:
        raise CircuitError(
            "The compiled circuit does not fit this run: it leaves idle qubits out, starts in "
            "|0...0>, or lacks measurements or saves. Give the circuit itself, or what "
            "Runtime.compile returned."
        )
    return source


def _result(
    compiled: CompiledCircuit,
    shots: int,
    output: EngineOutput,
    metadata: dict[str, Any],
    dtype: np.dtype[Any],
) -> Result:
    state, unitary = output.state, output.unitary
    if state is not None:
        state = state.astype(dtype, copy=False)
    elif isinstance(saved := output.saved.get("statevector"), np.ndarray):
        state = saved.astype(dtype, copy=False)
    if unitary is not None:
        unitary = unitary.astype(dtype, copy=False)
    return Result(shots, compiled.num_clbits, output.packed, state, unitary, output.saved, metadata)

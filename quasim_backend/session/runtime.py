"""The session: circuits in, results out.

What the methods do is in the modules beside this one, on the session's `Executor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import OptionError, near_matches
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import CancelToken
from quasim_backend.options import Config
from quasim_backend.plugins.manager import PluginManager, default_manager
from quasim_backend.result import Result
from quasim_backend.session import derivatives, expectations, sampling, states, target
from quasim_backend.session.checks import refuse_unavailable
from quasim_backend.session.compiling import extended
from quasim_backend.session.execution import Executor
from quasim_backend.session.explain import engine_for, explain
from quasim_backend.session.forward import differentiate
from quasim_backend.session.gradients import DifferentiableRun
from quasim_backend.session.inputs import to_circuit
from quasim_backend.session.jobs import Job, JobPool
from quasim_backend.session.observables import Observable, PauliObservable
from quasim_backend.session.outputs import as_saves
from quasim_backend.session.parameters import ParameterValues

__all__ = ["Runtime", "runtime"]

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
        self._executor = Executor(self.config, self.plugins)
        self._jobs = JobPool()
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
        self._executor.closed = True
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
        return self._executor.compiled(circuit, keep_idle=keep_idle)

    def explain(self, circuit: object, shots: int | None = None) -> str:
        """Describe how a circuit would run: kernel set, engine, passes, stages, bytes moved.

        Of a circuit with channels, also what each engine for noise is predicted to take, in seconds
        and memory, and which would be taken.

        Args:
            circuit: Any accepted form.
            shots: Number of shots of the run; default as for `run`. 0 is for exact averages.
        """
        return explain(self._executor, circuit, shots)

    def engine_for(
        self,
        circuit: object,
        shots: int | None = None,
        *,
        save: str | Save | Sequence[str | Save] = (),
    ) -> str:
        """Return the name of the engine that a run would take; nothing is run.

        Args:
            circuit: Any accepted form.
            shots: As for `run`.
            save: As for `run`.

        Raises:
            UnsupportedError: If no engine can do the run; the message says why each cannot.
            CircuitError: If the circuit is not legal.
        """
        return engine_for(self._executor, circuit, shots, as_saves(save))

    # --- results ------------------------------------------------------------------------------

    @overload
    def simulate(
        self,
        circuit: object,
        *,
        parameters: ParameterValues | None = ...,
        initial_state: ArrayLike | None = ...,
        cancel: CancelToken | None = ...,
        on_device: Literal[False] = ...,
    ) -> ComplexArray: ...

    @overload
    def simulate(
        self,
        circuit: object,
        *,
        parameters: ParameterValues | None = ...,
        initial_state: ArrayLike | None = ...,
        cancel: CancelToken | None = ...,
        on_device: bool,
    ) -> Any: ...

    def simulate(
        self,
        circuit: object,
        *,
        parameters: ParameterValues | None = None,
        initial_state: ArrayLike | None = None,
        cancel: CancelToken | None = None,
        on_device: bool = False,
    ) -> Any:
        """Return the final amplitudes of a circuit without measurements and channels.

        Args:
            circuit: Any accepted form.
            parameters: Values by `Parameter` or name, or a vector in the order of
                ``circuit.parameters``. A batch, many sets of values in one call, is an array
                ``(batch, P)``, or a mapping with sequences ``(batch,)`` among its values; members
                are spread over the threads and come out as they would one by one.
            initial_state: Amplitudes ``(2**n,)`` to start from; default ``|0...0>``. An array of
                any library, on the host or on a GPU.
            cancel: A token; setting it from another thread stops the run.
            on_device: Leave the amplitudes where they were computed. After a run on a GPU they are
                a CuPy array, which others take without a copy (``torch.from_dlpack``,
                ``jax.dlpack.from_dlpack``); after a run on the CPU a NumPy array, as always.

        Returns:
            Amplitudes ``(2**n,)``, complex64 or complex128 as configured; of a batch
            ``(batch, 2**n)``.

        Raises:
            UnsupportedError: If the circuit measures, resets an entangled qubit or has channels.
        """
        return states.simulate(
            self._executor, circuit, parameters, initial_state, cancel, on_device
        )

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
        return states.unitary(self._executor, circuit, parameters)

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
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Run a circuit and return samples, saved values and metadata.

        Args:
            circuit: Any accepted form.
            shots: Number of shots. Default: 1024 if the circuit measures or otherwise depends on
                chance, else none; as many as ``Config.target_error`` takes, if it is set and the
                circuit saves averages. `Result.standard_errors` says what they reached.
            seed: In ``[0, 2**64)``. Default: the configuration's, else a fresh one, which
                ``metadata["seed"]`` holds. The same seed gives the same samples.
            save: What to keep at the end of the circuit: ``"statevector"``, ``"density_matrix"``,
                ``"probabilities"``, a `Save`, or a sequence of these.
            parameters: As for `simulate`.
            initial_state: As for `simulate`.
            uniforms: float64 ``(shots, draws)`` in ``[0, 1)``: where shot ``s`` takes its random
                numbers from, instead of the seed.
            cancel: A token; setting it from another thread stops the run.
            progress: Called with the fraction that is done, which only grows and ends with 1: for
                each slice and value of a tensor network, gates of a matrix product state, and
                shots that noise or outcomes keep apart; other runs tell their end only, and so do
                runs to ``Config.target_error``. It may be called from any thread, by one at a time;
                what it raises ends the run.
        """
        compiled = self._executor.compiled(
            circuit, starts_at_zero=initial_state is None, saves=as_saves(save)
        )
        return target.run(
            self._executor,
            compiled,
            parameters,
            shots=shots,
            seed=seed,
            initial_state=initial_state,
            uniforms=uniforms,
            cancel=cancel,
            progress=progress,
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
        return sampling.sample(self._executor, circuit, shots, seed, parameters, cancel)

    def measure(
        self,
        circuit: object,
        paulis: Observable | Sequence[Observable],
        *,
        parameters: ParameterValues | None = None,
    ) -> list[float]:
        """Return exact expectation values of Hermitian observables in the final state.

        Args:
            circuit: Any accepted form. What is measured, reset or noisy is averaged over exactly,
                on a density matrix of ``4**n`` entries; over shots only if ``Config.target_error``
                allows it, to that standard error.
            paulis: Labels with one letter for each qubit, the leftmost for the highest;
                `PauliString`, `PauliSum`, or ``{label: weight}``; `MatrixObservable`,
                `DiagonalObservable`, `SparseObservable`. One observable or several.
            parameters: As for `simulate`.

        Raises:
            CircuitError: If a label is wrong or an observable is not Hermitian.
            QubitError: If an observable acts on a qubit the circuit does not have.
        """
        return expectations.hermitian_expectations(self._executor, circuit, paulis, parameters)

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
            circuit: Any accepted form. What is measured, reset or noisy is averaged over exactly,
                on a density matrix of ``4**n`` entries; over shots only if ``Config.target_error``
                allows it, to that standard error.
            observables: As for `measure`; they need not be Hermitian.
            parameters: As for `simulate`; also a batch, of which no amplitudes are kept.
            initial_state: As for `simulate`.
            cancel: As for `simulate`.

        Returns:
            complex128 ``(len(observables),)``; of a batch ``(batch, len(observables))``.

        Raises:
            UnsupportedError: If what the circuit does depends on measured outcomes.
            QubitError: If an observable acts on a qubit the circuit does not have.
        """
        return expectations.expectations(
            self._executor, circuit, observables, parameters, initial_state, cancel
        )

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
            circuit: Any accepted form. What is measured, reset or noisy is averaged over exactly,
                on a density matrix of ``4**n`` entries; over shots only if ``Config.target_error``
                allows it, to that standard error.
            observables: As for `measure`; one or several.
            parameters: As for `simulate`.
            initial_state: As for `simulate`.

        Returns:
            float64 ``(len(observables),)``, from 0 up.

        Raises:
            CircuitError: If an observable is not Hermitian.
        """
        return expectations.variances(
            self._executor, circuit, observables, parameters, initial_state
        )

    def probabilities(
        self,
        circuit: object,
        qubits: Sequence[int] = (),
        *,
        parameters: ParameterValues | None = None,
    ) -> NDArray[np.float64]:
        """Return the exact distribution of some qubits in the final state: float64 ``(2**k,)``.

        Args:
            circuit: Any accepted form. What is measured, reset or noisy is averaged over exactly,
                on a density matrix of ``4**n`` entries; over shots only if ``Config.target_error``
                allows it, to that standard error.
            qubits: The first is the lowest bit of the result's index; none means all.
            parameters: As for `simulate`.

        Raises:
            QubitError: If a qubit repeats or the circuit does not have it.
        """
        return states.reduced(self._executor, "probabilities", circuit, qubits, parameters)

    def reduced_density_matrix(
        self,
        circuit: object,
        qubits: Sequence[int] = (),
        *,
        parameters: ParameterValues | None = None,
    ) -> NDArray[np.complex128]:
        """Return the density matrix of some qubits, the others traced out.

        Args:
            circuit: Any accepted form. What is measured, reset or noisy is averaged over exactly,
                on a density matrix of ``4**n`` entries; over shots only if ``Config.target_error``
                allows it, to that standard error.
            qubits: The first is the lowest bit of the result's indices; none means all.
            parameters: As for `simulate`.

        Returns:
            complex128 ``(2**k, 2**k)``.

        Raises:
            QubitError: If a qubit repeats or the circuit does not have it.
        """
        return states.reduced(self._executor, "density_matrix", circuit, qubits, parameters)

    def density_matrix(
        self, circuit: object, *, parameters: ParameterValues | None = None
    ) -> NDArray[np.complex128]:
        """Return the density matrix of all qubits at the end of a circuit, exactly.

        >>> import quasim_backend as quasim
        >>> with quasim.runtime() as rt:
        ...     rt.density_matrix(quasim.Circuit(1, 1).h(0).measure(0, 0)).real.round(6).tolist()
        [[0.5, 0.0], [0.0, 0.5]]

        Args:
            circuit: As for `reduced_density_matrix`.
            parameters: As for `simulate`.

        Returns:
            complex128 ``(2**n, 2**n)``.
        """
        return states.reduced(self._executor, "density_matrix", circuit, (), parameters)

    def superop(
        self, circuit: object, *, parameters: ParameterValues | None = None
    ) -> ComplexArray:
        """Return the superoperator of a circuit of gates, channels and resets.

        Args:
            circuit: Any accepted form.
            parameters: As for `simulate`.

        Returns:
            ``(4**n, 4**n)``, complex64 or complex128 as configured. It acts on density matrices
            stacked by columns, ``vec[i + j * 2**n] = rho[i, j]``.

        Raises:
            UnsupportedError: If the circuit measures, saves or has control flow.
        """
        return states.superop(self._executor, circuit, parameters)

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
        return states.inner_product(self._executor, left, right, parameters)

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
        return differentiate(self._executor, circuit, parameters, initial_state, keep_idle, cancel)

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
            circuit: Any accepted form, without measurements and channels. With
                ``method="tensor_network"`` it may have them, and is averaged over exactly.
            observables: Sums of Pauli strings with real weights, as for `measure`; one or several.
            parameters: As for `simulate`.

        Returns:
            float64 ``(num_observables,)`` and ``(num_observables, num_parameters)``. One sweep back
            through the circuit for each observable, with two states in memory (three for several
            observables) however many parameters there are; `vjp` and `jvp` need one sweep for all.
            Where states do not fit, and with ``method="tensor_network"``, one contraction and one
            back for each support of a Pauli string.
        """
        return derivatives.gradient(self._executor, circuit, observables, parameters)

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
        return derivatives.vjp(self._executor, circuit, observables, cotangents, parameters)

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
        return derivatives.jvp(self._executor, circuit, observables, direction, parameters)

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

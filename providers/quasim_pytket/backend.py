"""The backend: pytket's interface on QuASIM's engine."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from numpy.typing import DTypeLike
from pytket.backends.backend import Backend
from pytket.backends.backend_exceptions import CircuitNotRunError
from pytket.backends.backendinfo import BackendInfo
from pytket.backends.backendresult import BackendResult
from pytket.backends.resulthandle import ResultHandle
from pytket.backends.status import CircuitStatus, StatusEnum
from pytket.circuit import Circuit
from pytket.passes import BasePass
from pytket.pauli import QubitPauliString
from pytket.predicates import Predicate
from pytket.utils.operators import QubitPauliOperator
from pytket.utils.prepare import prepare_circuit

from quasim_backend import Runtime, __version__, runtime
from quasim_backend.errors import Cancelled, OptionError
from quasim_backend.plugins import default_manager
from quasim_backend.session.jobs import Job, JobPool
from quasim_backend.session.noise import as_noise_model
from quasim_pytket.compilation import (
    GATE_SET,
    compilation_pass,
    rebase_pass,
    required_predicates,
)
from quasim_pytket.execution import (
    Task,
    expectation_value,
    lower_operator,
    without_final_measurements,
)
from quasim_pytket.noise import averages, named_gates, noisy
from quasim_pytket.options import (
    check_arguments,
    check_result_type,
    check_shots,
    lower_seed,
    make_config,
)
from quasim_pytket.result import QuasimResult
from quasim_pytket.translate import translate

__all__ = ["QuasimBackend"]

# One worker, so that circuits run in the order they were submitted; each uses all kernel threads.
_POOL = JobPool(1)


class QuasimBackend(Backend):
    """Runs pytket circuits on QuASIM: shots, counts, states, unitaries, expectation values.

    >>> from pytket import Circuit
    >>> from quasim_pytket import QuasimBackend
    >>> circuit = Circuit(2).H(0).CX(0, 1).measure_all()
    >>> counts = QuasimBackend().run_circuit(circuit, n_shots=100, seed=1).get_counts()
    >>> sorted(counts), sum(counts.values())
    ([(0, 0), (1, 1)], 100)
    """

    _supports_shots = True
    _supports_counts = True
    _supports_state = True
    _supports_expectation = True
    _expectation_allows_nonhermitian = True
    _supports_contextual_optimisation = True
    _needs_shots = False

    def __init__(
        self,
        result_type: str = "state_vector",
        *,
        device: str = "auto",
        precision: DTypeLike = "complex128",
        method: str = "auto",
        num_threads: int | None = None,
        require_gpu: bool = False,
        max_memory_mb: float | None = None,
        noise_model: Any = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a backend.

        Args:
            result_type: What a circuit gives besides shots: ``"state_vector"``, ``"unitary"`` or
                ``"density_matrix"`` (of circuits whose state is pure, or with noise).
            device: ``"auto"``, ``"cpu"`` or ``"gpu"``. A GPU that cannot be used is warned about,
                and the circuits run on the CPU.
            precision: ``"complex128"`` or ``"complex64"``.
            method: Name of an engine; ``"auto"`` chooses an exact one.
            num_threads: Threads of the CPU kernels; None leaves the process's number as it is.
            require_gpu: Make it an error that no GPU can be used.
            max_memory_mb: Limit in MiB for everything a run allocates; None: what is free.
            noise_model: Noise of every circuit: a `quasim_backend.NoiseModel`, a dictionary, a
                `BackendInfo` with error rates, or a model of another SDK whose adapter is
                installed, such as Qiskit Aer's. Its qubit ``q`` is a circuit's ``q``-th. It is read
                now.
            engine_options: Settings of engines by name, such as ``{"max_bond_dimension": 64}`` or
                ``{"fallback": ("matrix_product_state",)}``; see
                `quasim_backend.options.ENGINE_OPTIONS`.

        Raises:
            OptionError: If an option has an impossible value.
            UnsupportedError: If something in the noise model has no translation; it is named.
        """
        super().__init__()
        self._noise = as_noise_model(noise_model, default_manager())
        self._result_type = check_result_type(result_type)
        if result_type == "unitary" and self._noise is not None:
            raise OptionError(
                "result_type='unitary' contradicts noise_model: noisy circuits have no unitary. "
                "Use 'density_matrix', or shots."
            )
        pure = self._noise is None and not self._needs_shots
        self._supports_state = result_type == "state_vector" and pure
        self._supports_unitary = result_type == "unitary"
        self._supports_density_matrix = result_type == "density_matrix"
        self._config = make_config(
            device, precision, method, num_threads, require_gpu, max_memory_mb, engine_options
        )
        self._opened: Runtime | None = None

    # --- what a circuit must be ---------------------------------------------------------------

    @property
    def required_predicates(self) -> list[Predicate]:
        """Return what a circuit must satisfy: values for all symbols, and known operations."""
        return list(required_predicates())

    def rebase_pass(self) -> BasePass:
        """Return a pass that changes nothing: every gate runs as it is."""
        return rebase_pass()

    def default_compilation_pass(self, optimisation_level: int = 0) -> BasePass:
        """Return pytket's passes of a level, 0 to 3.

        The default is 0, which leaves gates and boxes as they are: QuASIM merges gates itself when
        it runs a circuit, many times faster than passes do.

        Args:
            optimisation_level: 0: nothing; 1: ``SynthesiseTket``; 2: ``FullPeepholeOptimise``;
                3: ``GreedyPauliSimp``, which loses the global phase. With a noise model circuits
                then end in the gates that it names, as far as these suffice.

        Raises:
            OptionError: If there is no such level.
        """
        named = frozenset() if self._noise is None else named_gates(self._noise)
        return compilation_pass(optimisation_level, named)

    def get_compiled_circuit(self, circuit: Circuit, optimisation_level: int = 0) -> Circuit:
        """Return a compiled copy; see `default_compilation_pass` for the levels."""
        return super().get_compiled_circuit(circuit, optimisation_level)

    def get_compiled_circuits(
        self, circuits: Sequence[Circuit], optimisation_level: int = 0
    ) -> list[Circuit]:
        """Return compiled copies; see `default_compilation_pass` for the levels."""
        return super().get_compiled_circuits(circuits, optimisation_level)

    # --- running ------------------------------------------------------------------------------

    @property
    def _result_id_type(self) -> tuple[type[str]]:
        return (str,)

    def process_circuits(
        self,
        circuits: Sequence[Circuit],
        n_shots: int | Sequence[int | None] | None = None,
        valid_check: bool = True,
        **kwargs: Any,
    ) -> list[ResultHandle]:
        """Start circuits in the background.

        Args:
            circuits: The circuits; they may be changed afterwards.
            n_shots: Number of shots, for all circuits or for each; None computes the state.
            valid_check: Check the required predicates first.
            kwargs: ``seed``: an integer; circuit ``i`` is sampled with ``seed + i``, the same seed
                gives the same shots. ``postprocess``: pytket's contextual optimisation, for shots
                without noise: it takes gates away, and with them their noise.

        Returns:
            A handle for each circuit.

        Raises:
            CircuitNotValidError: If a circuit does not satisfy a predicate.
            ValueError: If the numbers of shots do not fit the circuits.
            OptionError: If an argument is unknown or has an impossible value.
            UnsupportedError: If an operation has no translation; it is named.
        """
        circuits = list(circuits)
        check_arguments(kwargs)
        needed = self._needs_shots
        counts = check_shots(n_shots)
        shots = Backend._get_n_shots_as_list(counts, len(circuits), optional=not needed)
        if valid_check:
            self._check_all_circuits(circuits, nomeasure_warn=False)
        split = bool(kwargs.get("postprocess")) and self._noise is None
        tasks = [
            self._task(circuit, count, lower_seed(kwargs.get("seed"), number), split)
            for number, (circuit, count) in enumerate(zip(circuits, shots, strict=True))
        ]
        return [self._start(task) for task in tasks]

    def circuit_status(self, handle: ResultHandle) -> CircuitStatus:
        """Return where a circuit is.

        Raises:
            CircuitNotRunError: If the handle is none of this backend's.
        """
        job: Job[QuasimResult] = self._entry(handle)["job"]
        if not job.done():
            return CircuitStatus(StatusEnum.RUNNING if job.running() else StatusEnum.QUEUED)
        if job.cancelled() or isinstance(job.exception(), Cancelled):
            return CircuitStatus(StatusEnum.CANCELLED)
        error = job.exception()
        if error is not None:
            return CircuitStatus(StatusEnum.ERROR, str(error))
        return CircuitStatus(StatusEnum.COMPLETED)

    def get_result(self, handle: ResultHandle, **kwargs: Any) -> BackendResult:
        """Wait for a result. Ctrl-C while waiting stops the circuit.

        Args:
            handle: What `process_circuits` returned.
            kwargs: ``timeout``: seconds to wait.

        Raises:
            CircuitNotRunError: If the handle is none of this backend's.
            TimeoutError: If it takes longer; the circuit goes on.
            Cancelled: If the circuit was cancelled.
            QuasimError: What the run failed with.
        """
        check_arguments(kwargs)
        entry = self._entry(handle)
        if "result" not in entry:
            try:
                entry["result"] = entry["job"].result(kwargs.get("timeout"))
            except concurrent.futures.CancelledError as cause:
                raise Cancelled(f"The circuit of {handle} was cancelled.") from cause
        result: BackendResult = entry["result"]
        return result

    def cancel(self, handle: ResultHandle) -> None:
        """Stop a circuit, whether it waits or runs; does nothing once it has finished.

        Raises:
            CircuitNotRunError: If the handle is none of this backend's.
        """
        self._entry(handle)["job"].cancel()

    def _entry(self, handle: ResultHandle) -> dict[str, Any]:
        """Return what is known of a circuit: its job, and its result once it was fetched."""
        self._check_handle_type(handle)
        if handle not in self._cache:
            raise CircuitNotRunError(handle)
        entry: dict[str, Any] = self._cache[handle]
        return entry

    # --- expectation values -------------------------------------------------------------------

    def get_pauli_expectation_value(
        self, state_circuit: Circuit, pauli: QubitPauliString, valid_check: bool = True
    ) -> complex:
        """Return the exact expectation value of a Pauli string; see below."""
        operator = QubitPauliOperator({pauli: 1.0})
        return self.get_operator_expectation_value(state_circuit, operator, valid_check)

    def get_operator_expectation_value(
        self, state_circuit: Circuit, operator: QubitPauliOperator, valid_check: bool = True
    ) -> complex:
        """Return the exact expectation value of an operator, with noise by a density matrix.

        Args:
            state_circuit: Prepares the state; measurements at its end are left out.
            operator: Coefficients may be complex or sympy numbers.
            valid_check: Check the required predicates first.

        Raises:
            CircuitNotValidError: If the circuit does not satisfy a predicate.
            QubitError: If the operator acts on a qubit that the circuit does not have.
            CircuitError: If a coefficient has no value.
            UnsupportedError: If the circuit has no single final state.
        """
        if valid_check:
            self._check_all_circuits([state_circuit], nomeasure_warn=False)
        circuit = without_final_measurements(translate(state_circuit, starts_at_zero=True))
        circuit = noisy(circuit, self._noise)
        observable = lower_operator(operator, state_circuit)
        return expectation_value(self._runtime(), circuit, observable)

    # --- description --------------------------------------------------------------------------

    @property
    def backend_info(self) -> BackendInfo:
        """Describe the backend, with the error rates of the qubits that the noise model names."""
        rates = {} if self._noise is None else averages(self._noise)
        return _info(type(self).__name__, self._config.device, **rates)

    @classmethod
    def available_devices(cls, **kwargs: Any) -> list[BackendInfo]:
        """Describe the devices that can be used: ``cpu``, and ``gpu`` if there is one."""
        specs: Iterable[Any] = default_manager().kernels.specs.values()
        usable = {spec.device for spec in specs if spec.is_available() is None}
        return [_info(cls.__name__, device) for device in ("cpu", "gpu") if device in usable]

    # --- how ----------------------------------------------------------------------------------

    def _task(
        self, circuit: Circuit, shots: int | None, seed: int | None, postprocess: bool
    ) -> Task:
        # A unitary needs every input right, all else only zeros.
        exact = translate(circuit, starts_at_zero=self._result_type != "unitary")
        sampled, postprocessing = exact, None
        if postprocess and shots is not None:
            changed, postprocessing = prepare_circuit(circuit, allow_classical=False)
            sampled = translate(changed, starts_at_zero=True)
        if self._noise is not None:
            # States are those before the final measurements, whose noise is not in them.
            exact = noisy(without_final_measurements(exact), self._noise)
            sampled = noisy(sampled, self._noise)
        return Task(
            circuit=sampled,
            exact=exact,
            qubits=circuit.qubits,
            bits=circuit.bits,
            shots=shots,
            seed=seed,
            result_type=self._result_type,
            has_state=not self._needs_shots,
            postprocessing=postprocessing,
        )

    def _start(self, task: Task) -> ResultHandle:
        session = self._runtime()
        handle = ResultHandle(str(uuid4()))
        self._cache[handle] = {"job": _POOL.submit(lambda token: task.run(session, token))}
        return handle

    def _runtime(self) -> Runtime:
        if self._opened is None:
            self._opened = runtime(self._config)
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: the session and jobs."""
        return {**self.__dict__, "_opened": None, "_cache": {}}


def _info(name: str, device: str, **rates: Any) -> BackendInfo:
    return BackendInfo(
        name=name,
        device_name=device,
        version=__version__,
        architecture=None,
        gate_set=set(GATE_SET),
        supports_fast_feedforward=True,
        supports_reset=True,
        supports_midcircuit_measurement=True,
        **rates,
    )

"""Running circuits: translate, bind, run, one experiment an entry."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.result import Result as QiskitResult

import quasim_backend as quasim
from quasim_backend.errors import Cancelled, QuasimError
from quasim_backend.session.jobs import CancelToken
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.options import Settings
from quasim_qiskit.result import experiment, failed_experiment, header, qiskit_result
from quasim_qiskit.saves import MAPS
from quasim_qiskit.translate import Translation, translate

__all__ = ["SEED_STRIDE", "Binding", "execute", "open_runtime"]

_LOGGER = logging.getLogger("quasim_qiskit")

Binding = Mapping[Any, Sequence[float]]
"""Values of one circuit's parameters: each parameter or its name to one value a run."""

SEED_STRIDE = 1_000_003
"""Distance between the seeds of consecutive experiments."""

_RUNTIMES: dict[tuple[Any, ...], quasim.Runtime] = {}
_KEPT = 16


def open_runtime(settings: Settings) -> quasim.Runtime:
    """Return a session with these settings; backends with equal settings share it."""
    found = _RUNTIMES.get(settings.config_key)
    if found is None:
        if len(_RUNTIMES) >= _KEPT:
            _RUNTIMES.pop(next(iter(_RUNTIMES)))
        found = _RUNTIMES[settings.config_key] = quasim.runtime(settings.config)
    return found


def execute(
    backend_name: str,
    job_id: str,
    circuits: Sequence[QuantumCircuit],
    bindings: Sequence[Binding] | None,
    settings: Settings,
    cancel: CancelToken,
) -> QiskitResult:
    """Run circuits one after the other.

    Args:
        backend_name: For the result.
        job_id: For the result.
        circuits: The circuits.
        bindings: Parameter values, one mapping a circuit, or None.
        settings: Checked options.
        cancel: Stops the work.

    Raises:
        QuasimQiskitError: If a circuit is not supported or a parameter has no value.
        Cancelled: If ``cancel`` was set.
    """
    started = time.perf_counter()
    runtime = open_runtime(settings)
    first_seed = secrets.randbits(48) if settings.seed is None else settings.seed
    entries: list[dict[str, Any]] = []
    for position, circuit in enumerate(circuits):
        cancel.check()
        translation = translate(
            circuit,
            settings.method,
            starts_at_zero=MAPS.keys().isdisjoint(circuit.count_ops()),
            noise=settings.noise,
        )
        head = header(circuit)
        vectors = _vectors(circuit, translation, bindings[position] if bindings else None)
        runner = _CircuitRunner(runtime, translation, settings, cancel)
        for vector in vectors:
            seed = (first_seed + SEED_STRIDE * len(entries)) % 2**64
            begun = time.perf_counter()
            try:
                result = runner.run(vector, seed)
                entries.append(
                    experiment(
                        head,
                        translation,
                        result,
                        seed,
                        settings.shots,
                        time.perf_counter() - begun,
                        memory=settings.memory,
                        bindings=len(vectors),
                        noise="ideal" if settings.noise is None else settings.noise.name,
                    )
                )
            except Cancelled:
                raise
            except QuasimError as error:
                _LOGGER.warning("Circuit '%s' could not be run: %s", circuit.name, error)
                entries.append(failed_experiment(head, seed, settings.shots, str(error)))
    seconds = time.perf_counter() - started
    metadata = {
        "time_taken_execute": seconds,
        "time_taken_parameter_binding": 0.0,
        "parallel_experiments": 1,
        "omp_enabled": False,
        "max_memory_mb": settings.config.max_memory_mb or _total_memory_mb(),
        "max_gpu_memory_mb": 0,
    }
    return qiskit_result(backend_name, job_id, entries, seconds, metadata)


class _CircuitRunner:
    """Runs one translated circuit for several parameter vectors; compiles it once."""

    def __init__(
        self,
        runtime: quasim.Runtime,
        translation: Translation,
        settings: Settings,
        cancel: CancelToken,
    ) -> None:
        self._runtime = runtime
        self._translation = translation
        self._settings = settings
        self._cancel = cancel
        self._compiled: quasim.CompiledCircuit | None = None

    def run(self, vector: NDArray[np.float64], seed: int) -> quasim.Result:
        """Run the circuit with one parameter vector."""
        if self._translation.maps:
            return self._maps(vector)
        method = self._settings.method
        if method in MAPS.values():
            raise QuasimQiskitError(
                f"Method '{method}' computes what save_{method} asks for; the circuit has no "
                f"save_{method}. Use method 'automatic' for anything else."
            )
        if self._compiled is None:
            self._compiled = self._runtime.compile(self._translation.circuit)
        result = self._runtime.run(
            self._compiled,
            shots=self._settings.shots,
            seed=seed,
            parameters=vector,
            cancel=self._cancel,
        )
        result.metadata["qubits"] = self._compiled.qubits
        return result

    def _maps(self, vector: NDArray[np.float64]) -> quasim.Result:
        """Compute unitaries and superoperators of what is before each save of one."""
        translation = self._translation
        names = {item.name for item, _ in translation.maps}
        if translation.measured or len(translation.saves) > len(translation.maps):
            raise QuasimQiskitError(
                f"{' and '.join(sorted(names))} cannot be in a circuit with measurements or other "
                f"saves; run these in a circuit of their own."
            )
        circuit = translation.circuit
        values = dict(zip(circuit.parameters, vector, strict=True))
        engine = "superop" if "save_superop" in names else "unitary"
        result = quasim.Result(num_clbits=circuit.num_clbits, metadata={"engine": engine})
        for item, part in translation.maps:
            self._cancel.check()
            compute = getattr(self._runtime, MAPS[item.name])
            matrix = compute(part, parameters={p: float(values[p]) for p in part.parameters})
            result.saved[item.label] = [matrix] if item.subtype == "list" else matrix
        return result


def _vectors(
    circuit: QuantumCircuit, translation: Translation, binding: Binding | None
) -> NDArray[np.float64]:
    """Return one parameter vector of the IR circuit for each run, ``(runs, parameters)``."""
    order = translation.circuit.parameters
    if not binding:
        if order:
            names = ", ".join(translation.parameters.missing)
            raise QuasimQiskitError(
                f"Circuit '{circuit.name}' has parameters without a value: {names}. Bind them "
                f"with assign_parameters or give them in parameter_binds."
            )
        return np.empty((1, 0))
    columns = {_parameter(circuit, key): np.atleast_1d(value) for key, value in binding.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise QuasimQiskitError(
            f"The parameters of one circuit need equally many values; got {sorted(lengths)}."
        )
    table = np.column_stack([np.asarray(v, dtype=np.float64) for v in columns.values()])
    return translation.parameters.vectors(order, list(columns), table)


def _parameter(circuit: QuantumCircuit, key: Any) -> Parameter:
    if isinstance(key, Parameter):
        return key
    try:
        return circuit.get_parameter(str(key))
    except KeyError:
        known = ", ".join(p.name for p in circuit.parameters) or "none"
        raise QuasimQiskitError(
            f"Circuit '{circuit.name}' has no parameter '{key}'; it has: {known}."
        ) from None


@lru_cache(maxsize=1)
def _total_memory_mb() -> int:
    from quasim_backend.session.memory import free_memory

    return (free_memory() or 0) >> 20

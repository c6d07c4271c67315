"""The estimator primitive: exact expectation values, with noise of a given width if asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives import (
    BaseEstimatorV2,
    DataBin,
    EstimatorPubLike,
    PrimitiveResult,
    PubResult,
)
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.providers import BackendV2

from quasim_backend import Result, Runtime
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir import Circuit, PauliString, PauliSum
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.instructions import Save
from quasim_backend.session.jobs import CancelToken
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.execution import SEED_STRIDE, open_runtime
from quasim_qiskit.options import Settings
from quasim_qiskit.primitive_base import (
    PrimitiveOptions,
    QuasimPrimitiveJob,
    choose_backend,
    first_seed,
    run_settings,
)
from quasim_qiskit.translate import translate

__all__ = ["EstimatorV2"]


@dataclass
class EstimatorOptions(PrimitiveOptions):
    """Options of an estimator.

    Attributes:
        default_precision: Standard deviation of the noise added where no precision is given.
    """

    default_precision: float = field(default=0.0)


class EstimatorV2(BaseEstimatorV2):
    """Estimates expectation values; takes the place of Aer's and Qiskit's `EstimatorV2`.

    Values are exact. With a precision above zero, normally distributed noise of that standard
    deviation is added, as Aer's and Qiskit's estimators do. Of noisy circuits for which no exact
    values can be had, those too wide for a density matrix or with control flow, a precision gives
    averages over as many shots as that standard error takes; ``stds`` then are what was reached.
    """

    def __init__(
        self,
        *,
        options: dict[str, Any] | None = None,
        backend: BackendV2 | None = None,
        default_precision: float | None = None,
        seed: int | None = None,
    ) -> None:
        """Make an estimator.

        Args:
            options: ``default_precision``, ``backend_options`` for the simulator's constructor,
                ``run_options`` for runs.
            backend: The simulator to use; default a new one.
            default_precision: As in ``options``.
            seed: Seed of the noise and of measurements inside circuits.
        """
        self._options = EstimatorOptions(**(options or {}))
        if default_precision is not None:
            self._options.default_precision = default_precision
        self._seed = seed
        self._backend = choose_backend(backend, self._options.backend_options)

    @classmethod
    def from_backend(cls, backend: BackendV2, **options: Any) -> EstimatorV2:
        """Make an estimator that uses a simulator, or one with a device's constraints."""
        return cls(backend=backend, **options)

    @property
    def options(self) -> EstimatorOptions:
        """Options for precision, the backend and runs."""
        return self._options

    @property
    def default_precision(self) -> float:
        """Precision where none is given."""
        return self._options.default_precision

    @property
    def seed(self) -> int | None:
        """The seed, if one was given."""
        return self._seed

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> QuasimPrimitiveJob:
        """Start estimating.

        Args:
            pubs: ``(circuit, observables, parameter values, precision)``; the last two may be left
                out. Observables and parameter values are broadcast against each other.
            precision: For pubs that give none.

        Raises:
            ValueError: If a precision is negative.
        """
        chosen = self._options.default_precision if precision is None else precision
        coerced = [EstimatorPub.coerce(pub, chosen) for pub in pubs]
        for number, pub in enumerate(coerced):
            if pub.precision is not None and pub.precision < 0:
                raise ValueError(f"Pub {number} has precision {pub.precision}; it cannot be < 0.")
        return QuasimPrimitiveJob(lambda token: self._run(coerced, token))

    def _run(self, pubs: list[EstimatorPub], cancel: CancelToken) -> PrimitiveResult[Any]:
        chosen = run_settings(self._backend, self._options.run_options)
        runtime = open_runtime(chosen)
        seed = first_seed(self._seed, chosen)
        results = []
        for pub in pubs:
            results.append(_estimate(runtime, pub, seed, chosen, cancel))
            seed += SEED_STRIDE * max(1, pub.size)
        return PrimitiveResult(results, metadata={"version": 2})


def _estimate(
    runtime: Runtime, pub: EstimatorPub, seed: int, chosen: Settings, cancel: CancelToken
) -> PubResult:
    translation = translate(pub.circuit, starts_at_zero=True, noise=chosen.noise)
    parameters = list(pub.circuit.parameters)
    bindings = pub.parameter_values
    values = bindings.as_array(parameters).reshape(bindings.size, len(parameters))
    vectors = translation.parameters.vectors(translation.circuit.parameters, parameters, values)
    rows = np.arange(bindings.size).reshape(bindings.shape)
    sums, numbers = _distinct(pub.observables)
    pairs = np.broadcast_arrays(rows, numbers)
    wanted = np.stack([pairs[0].ravel(), pairs[1].ravel()])
    precision = float(pub.precision or 0.0)
    task = _Task(runtime, translation.circuit, sums, seed, chosen.shots, precision, cancel)
    find = _values if chosen.noise is None else _noisy_values
    found, errors, metadata = find(task, vectors, wanted)
    values, deviations = found.reshape(pairs[0].shape), errors.reshape(pairs[0].shape)
    if precision:
        # Nothing is added to averages over shots, which are off by about their errors already.
        noise = np.random.default_rng(seed).normal(0.0, precision, values.shape)
        values = values + np.where(deviations > 0, 0.0, noise)
        deviations = np.where(deviations > 0, deviations, precision)
    return PubResult(
        DataBin(evs=values, stds=deviations, shape=values.shape),
        metadata={
            "target_precision": pub.precision,
            "circuit_metadata": pub.circuit.metadata,
            "simulator_metadata": metadata,
        },
    )


@dataclass(frozen=True)
class _Task:
    runtime: Runtime
    circuit: Circuit
    observables: list[PauliSum]
    seed: int
    shots: int
    precision: float
    cancel: CancelToken


def _values(
    task: _Task, vectors: NDArray[np.float64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:
    """Compute the wanted (parameter row, observable) pairs, ``(2, pairs)``; each row runs once.

    Returns:
        Values and standard errors, ``(pairs,)`` each, and metadata of a run.
    """
    needed: dict[int, list[int]] = {}
    for row, observable in zip(*wanted.tolist(), strict=True):
        needed.setdefault(row, []).append(observable)
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, listed in needed.items():
        rows_of.setdefault(tuple(sorted(set(listed))), []).append(row)
    table = np.zeros((len(vectors), len(task.observables)))
    errors = np.zeros_like(table)
    metadata: dict[str, Any] = {}
    for group, rows in rows_of.items():
        code, random = _compile(task, group)
        alone = rows if random else rows[-1:]
        together = rows[: len(rows) - len(alone)]
        if together:
            values = task.runtime.expectations(
                task.circuit,
                [task.observables[number] for number in group],
                parameters=vectors[together],
                cancel=task.cancel,
            )
            table[np.ix_(together, group)] = values.real
        # One of them is run by itself for the description of the run.
        for row in alone:
            result = task.runtime.run(
                code,
                shots=task.shots if random else 0,
                seed=(task.seed + SEED_STRIDE * row) % 2**64,
                parameters=vectors[row],
                cancel=task.cancel,
            )
            for number in group:
                label = f"observable {number}"
                table[row, number] = float(np.real(result.saved[label]))
                errors[row, number] = result.standard_errors.get(label, 0.0)
            metadata = result.metadata
    return table[wanted[0], wanted[1]], errors[wanted[0], wanted[1]], metadata


def _noisy_values(
    task: _Task, vectors: NDArray[np.float64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:
    """Compute what `_values` does, averaged over noise and measurements without sampling them.

    Over shots, where that cannot be and a precision says how many.
    """
    table = np.empty((len(vectors), len(task.observables)))
    errors = np.zeros_like(table)
    metadata: dict[str, Any] = {"noise": True}
    for row, vector in enumerate(vectors):
        try:
            table[row] = task.runtime.expectations(
                task.circuit, task.observables, parameters=vector, cancel=task.cancel
            ).real
        except (UnsupportedError, MemoryLimitError) as cause:
            if not task.precision:
                raise QuasimQiskitError(
                    f"The estimator gives exact values, which this noisy circuit does not have "
                    f"here: {cause} Give a precision, for averages over as many shots as that "
                    f"takes; or pass noise_model=None."
                ) from cause
            result = _sampled(task, vector, row)
            table[row] = np.real(result.saved["observables"])
            errors[row] = result.standard_errors["observables"]
            metadata |= result.metadata
    return table[wanted[0], wanted[1]], errors[wanted[0], wanted[1]], metadata


def _sampled(task: _Task, vector: NDArray[np.float64], row: int) -> Result:
    """Return averages of the observables over as many shots as the precision takes."""
    every = ObservableList(tuple(task.observables))
    save = Save("expectation", "observables", observable=every, subtype="average")
    config = task.runtime.config.copy(target_error=task.precision)
    with Runtime(config) as runtime:
        return runtime.run(
            task.circuit,
            save=save,
            seed=(task.seed + SEED_STRIDE * row) % 2**64,
            parameters=vector,
            cancel=task.cancel,
        )


def _compile(task: _Task, group: tuple[int, ...]) -> tuple[Any, bool]:
    """Compile the circuit with the observables at its end; also say if it depends on chance."""
    plain = task.runtime.compile(task.circuit)
    random = plain.measured or plain.branches
    measured = Circuit(task.circuit.num_qubits, task.circuit.num_clbits, task.circuit.name)
    measured.instructions = list(task.circuit.instructions)
    for number in group:
        measured.save(
            "expectation",
            f"observable {number}",
            observable=task.observables[number],
            subtype="average" if random else "single",
        )
    return task.runtime.compile(measured), random


def _distinct(observables: Any) -> tuple[list[PauliSum], NDArray[np.int64]]:
    """Return each observable once, and the shape of all with numbers in place of observables."""
    array: NDArray[Any] = np.asarray(observables)
    known: dict[tuple[tuple[str, complex], ...], int] = {}
    numbers = np.empty(array.shape, dtype=np.int64)
    sums: list[PauliSum] = []
    for place in np.ndindex(array.shape):
        entry: Mapping[str, complex] = array.item(*place)
        key = tuple(sorted(entry.items()))
        if key not in known:
            known[key] = len(sums)
            sums.append(_pauli_sum(entry))
        numbers[place] = known[key]
    return sums, numbers


_PROJECTORS = {
    "0": ((0.5, "I"), (0.5, "Z")),
    "1": ((0.5, "I"), (-0.5, "Z")),
    "+": ((0.5, "I"), (0.5, "X")),
    "-": ((0.5, "I"), (-0.5, "X")),
    "r": ((0.5, "I"), (0.5, "Y")),
    "l": ((0.5, "I"), (-0.5, "Y")),
}


def _pauli_sum(entry: Mapping[str, complex]) -> PauliSum:
    """Return an observable of Paulis and projectors as a sum of Paulis."""
    weights: dict[str, complex] = {}
    for label, weight in entry.items():
        factors = [_PROJECTORS.get(letter, ((1.0, letter),)) for letter in label]
        for choice in itertools.product(*factors):
            text = "".join(letter for _, letter in choice)
            scale = float(np.prod([factor for factor, _ in choice]))
            weights[text] = weights.get(text, 0) + weight * scale
    terms = tuple((w, PauliString.from_label(p)) for p, w in weights.items())
    return PauliSum(terms or ((0.0, PauliString()),))

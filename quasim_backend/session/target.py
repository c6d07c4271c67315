"""Averages over shots to a stated error: as many shots as that takes."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.engines.doubled_circuit import reads_outcomes
from quasim_backend.engines.progress import Progress
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.array_observables import (
    AnyObservable,
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
    SparseObservable,
)
from quasim_backend.ir.instructions import Save
from quasim_backend.kernels.base import CancelToken
from quasim_backend.options import DEFAULT_SHOTS
from quasim_backend.result import Result
from quasim_backend.session.checks import depends_on_chance
from quasim_backend.session.choice import pays_exactness
from quasim_backend.session.execution import Executor
from quasim_backend.session.parameters import ParameterValues

__all__ = ["averages", "run"]

_SPARE = 1.1
"""How many times the shots that the error found so far asks for: that error is an estimate."""


def run(
    executor: Executor,
    compiled: CompiledCircuit,
    parameters: ParameterValues | None,
    *,
    shots: int | None,
    seed: int | None = None,
    initial_state: ArrayLike | None = None,
    uniforms: ArrayLike | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Run a circuit; with as many shots as the session's target takes, if it is left to that."""
    target = executor.config.target_error
    given = shots is not None or uniforms is not None
    if target is not None and not given and _are_sampled(compiled):
        found = _to_target(
            executor, compiled, parameters, target, seed, initial_state, cancel, must=False
        )
        Progress(progress).at(1.0)
        return found
    return executor.execute(
        compiled,
        parameters,
        shots=shots,
        seed=seed,
        initial_state=initial_state,
        uniforms=uniforms,
        cancel=cancel,
        progress=progress,
    )


def averages(
    executor: Executor,
    compiled: CompiledCircuit,
    parameters: ParameterValues | None,
    initial_state: ArrayLike | None = None,
    cancel: CancelToken | None = None,
) -> Result:
    """Run a circuit for what it saves, averaged over everything that depends on chance.

    Exactly, unless the session has a target and an exact average is not possible, does not fit into
    memory, or is predicted to take much longer.

    Raises:
        UnsupportedError: If no engine gives it exactly, or ``max_shots`` do not reach the target.
        MemoryLimitError: If what gives it exactly needs more memory than is free.
    """
    target = executor.config.target_error
    if target is not None and _are_sampled(compiled):
        expected = _expected_shots(compiled, target, executor.config.max_shots)
        if not _is_exact(executor, compiled, expected):
            return _to_target(
                executor, compiled, parameters, target, None, initial_state, cancel, must=True
            )
    return executor.execute(
        compiled, parameters, initial_state=initial_state, shots=0, exact=True, cancel=cancel
    )


def _are_sampled(compiled: CompiledCircuit) -> bool:
    return depends_on_chance(compiled) and bool(_averaged_saves(compiled))


def _is_exact(executor: Executor, compiled: CompiledCircuit, shots: int) -> bool:
    """Return whether averages are to be exact where that many shots would do."""
    method = executor.config.method
    if reads_outcomes(compiled):
        return False
    if method != "auto":
        return executor.averages(method)
    exact, sampled = (
        [c.seconds for c in executor.candidates(compiled, number) if c.seconds is not None]
        for number in (0, shots)
    )
    return bool(exact) and pays_exactness(min(exact), min(sampled, default=0.0))


def _to_target(
    executor: Executor,
    compiled: CompiledCircuit,
    parameters: ParameterValues | None,
    target: float,
    seed: int | None,
    initial_state: ArrayLike | None,
    cancel: CancelToken | None,
    *,
    must: bool,
) -> Result:
    started, key = time.perf_counter(), executor.seed(seed)

    def once(shots: int) -> Result:
        return executor.execute(
            compiled,
            parameters,
            shots=shots,
            seed=key,
            initial_state=initial_state,
            cancel=cancel,
        )

    result = _run_to_target(once, compiled, target, executor.config.max_shots, must=must)
    result.metadata["time_total"] = time.perf_counter() - started
    return result


def _averaged_saves(compiled: CompiledCircuit) -> list[Save]:
    """Return the saves that a target is for: averages, but not those of each memory value."""
    saves = [step.save for step in compiled.steps if isinstance(step, SaveStep)]
    return [save for save in saves if save.subtype == "average" and not save.conditional]


def _expected_shots(compiled: CompiledCircuit, target: float, most: int) -> int:
    """Return how many shots reach a target where values are spread as widely as they can be.

    The standard deviation is at most half of the range (Popoviciu's inequality).
    """
    widest = max(_range(save) for save in _averaged_saves(compiled))
    return _bounded(max(widest / target, (widest / target / 2) ** 2), most)


def _run_to_target(
    run: Callable[[int], Result],
    compiled: CompiledCircuit,
    target: float,
    most: int,
    *,
    must: bool,
) -> Result:
    """Run with more and more shots until every average is known well enough.

    A circuit starts with 1024 shots, or ``range / target`` if that is more: noise that ``N`` shots
    do not meet has a probability of about ``1 / N`` at most, and moves an average by that
    times the range of its values. Then the shots are doubled, or more, if the error so far says
    that it takes more. Each run begins with the shots of the one before, so the result is that of a
    run with its number of shots.

    Args:
        run: Runs a number of shots.
        compiled: What is run.
        target: Largest standard error allowed.
        most: Largest number of shots allowed.
        must: Whether a result that is not good enough is an error, not a warning.

    Raises:
        UnsupportedError: If ``most`` shots are not enough and ``must`` is set.
    """
    saves = _averaged_saves(compiled)
    needed = max(_range(save) for save in saves) / target
    shots = _bounded(needed, most)
    while True:
        result = run(shots)
        label, error = _largest(result, saves)
        exact = result.metadata.get("averages") == "exact"
        reached = exact or (error <= target and shots >= needed)
        if reached or shots == most:
            break
        asked = shots * (error / target) ** 2 * _SPARE if math.isfinite(error) else 0.0
        shots = _bounded(max(asked, 2 * shots), most)
    facts = f"the largest standard error, of '{label}', is {error:.2g} after {shots} shots"
    result.metadata |= {"target_error": target, "standard_error": error}
    if not exact:
        result.metadata["reason"] += f"; averages over shots, as target_error={target:g} asks for"
    if not reached:
        enough = max(needed, shots * (error / target) ** 2)
        problem = (
            f"target_error={target:g} is not reached within max_shots={most}: {facts}. About "
            f"{enough:.1g} shots would reach it. Raise max_shots, or target_error."
        )
        if must:
            raise UnsupportedError(problem)
        warnings.warn(problem, RuntimeWarning, stacklevel=5)
        result.metadata["notes"].append(problem)
    return result


def _bounded(shots: float, most: int) -> int:
    return min(most, max(DEFAULT_SHOTS, math.ceil(min(shots, most))))


def _largest(result: Result, saves: list[Save]) -> tuple[str, float]:
    """Return the largest standard error and whose it is; NaN counts as infinite."""
    errors = {
        save.label: float(np.max(np.nan_to_num(result.standard_errors[save.label], nan=np.inf)))
        for save in saves
        if save.label in result.standard_errors
    }
    label = max(errors, key=lambda name: errors[name])
    return label, errors[label]


def _range(save: Save) -> float:
    """Return how far apart two values of a save can be, or a bound of that."""
    if save.observable is None:
        return 1.0  # probabilities, entries of a density matrix
    widest = _observable_range(save.observable)
    return (widest / 2) ** 2 if save.kind == "variance" else widest


def _observable_range(observable: AnyObservable) -> float:
    match observable:
        case ObservableList(observables):
            return max((_observable_range(each) for each in observables), default=0.0)
        case MatrixObservable():
            return 2 * float(np.linalg.norm(observable.matrix, 2))
        case DiagonalObservable():
            return 2 * float(np.abs(observable.values).max())
        case SparseObservable():
            # ||M||_2 <= sqrt(||M||_1 ||M||_inf), largest sums of a column and of a row.
            sizes = np.abs(observable.data)
            rows = np.repeat(np.arange(len(observable.indptr) - 1), np.diff(observable.indptr))
            sums = [np.bincount(i, sizes) for i in (rows, observable.indices)]
            return 2 * math.sqrt(math.prod(float(s.max(initial=0.0)) for s in sums))
    return 2 * sum(abs(w) for w, s in observable.terms if s.x or s.z)

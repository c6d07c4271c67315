"""Expectation values and variances of observables in final states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.errors import CircuitError
from quasim_backend.ir.array_observables import ArrayObservable, ObservableList, SparseObservable
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.kernels.base import CancelToken
from quasim_backend.session.batch import (
    expect_batch,
    parameter_rows,
    run_one_by_one,
    sampled_step,
)
from quasim_backend.session.checks import depends_on_chance
from quasim_backend.session.execution import Executor
from quasim_backend.session.inputs import to_circuit, width_of
from quasim_backend.session.observables import (
    Observable,
    ObservableTerms,
    check_observables,
    flipped_qubits,
    on_simulated,
)
from quasim_backend.session.parameters import ParameterValues, parameter_vector
from quasim_backend.session.straight import StraightRun
from quasim_backend.session.target import averages

__all__ = ["expectations", "hermitian_expectations", "variances"]

_NO_EXPECTATION = "has no single final state, so no exact expectation values"


def hermitian_expectations(
    executor: Executor,
    circuit: object,
    observables: Observable | Sequence[Observable],
    parameters: ParameterValues | None,
) -> list[float]:
    """Return real expectation values; see `quasim_backend.Runtime.measure`."""
    source = to_circuit(circuit, executor.plugins)
    checked = check_observables(observables, width_of(source))
    _refuse_others("measure", checked, " expectations() takes others.")
    values = expectations(executor, source, checked, parameters)
    return values.real.tolist()  # type: ignore[no-any-return]


def expectations(
    executor: Executor,
    circuit: object,
    observables: Sequence[Observable],
    parameters: ParameterValues | None = None,
    initial_state: ArrayLike | None = None,
    cancel: CancelToken | None = None,
) -> NDArray[np.complex128]:
    """Return the values of one run or a batch; see `quasim_backend.Runtime.expectations`."""
    source = to_circuit(circuit, executor.plugins)
    checked = check_observables(observables, width_of(source))
    compiled = executor.compiled(source, starts_at_zero=initial_state is None)
    executor.refuse_inexact(compiled, _NO_EXPECTATION)
    rows = parameter_rows(compiled.parameters, parameters)
    sums = [observable for observable in checked if isinstance(observable, PauliSum)]
    straight = None
    pure = not depends_on_chance(compiled)
    if pure and initial_state is None and len(sums) == len(checked):
        straight = executor.straight(compiled, 1 if rows is None else len(rows))
    if straight is not None and _goes_straight(executor, straight, compiled, sums, rows):
        terms = ObservableTerms.of([on_simulated(compiled, observable) for observable in sums])
        if rows is not None:
            return expect_batch(straight, terms, rows, executor.config, cancel)
        values = parameter_vector(compiled.parameters, parameters)
        state = straight.state(values, cancel)
        found = straight.kernels.pauli_expectations(state, terms.x_masks, terms.z_masks)
        return terms.sums(found)

    def one(member: int, values: ParameterValues | None) -> NDArray[np.complex128]:
        found = _moments(executor, "expectation", source, checked, values, initial_state, cancel)
        return np.asarray(found, np.complex128)

    if rows is None:
        return one(0, parameters)
    return run_one_by_one(rows, (len(checked),), np.dtype(np.complex128), executor.config, one)


def _goes_straight(
    executor: Executor,
    run: StraightRun,
    compiled: CompiledCircuit,
    sums: Sequence[PauliSum],
    rows: NDArray[np.float64] | None,
) -> bool:
    """Return whether states are computed and read, without a look at other engines."""
    if executor.is_small(run):
        return True
    if rows is None:
        return False
    placed = on_simulated(compiled, ObservableList(tuple(sums)))
    step = SaveStep(Save("expectation", "expectation", observable=placed))
    return executor.prefers_states(compiled.followed_by(step), 0)


def variances(
    executor: Executor,
    circuit: object,
    observables: Observable | Sequence[Observable],
    parameters: ParameterValues | None,
    initial_state: ArrayLike | None,
) -> NDArray[np.float64]:
    """Return the variances of one run; see `quasim_backend.Runtime.variances`."""
    source = to_circuit(circuit, executor.plugins)
    checked = check_observables(observables, width_of(source))
    _refuse_others("A variance", checked)
    values = _moments(executor, "variance", source, checked, parameters, initial_state)
    return np.maximum(np.asarray(values, np.float64), 0.0)


def _moments(
    executor: Executor,
    kind: Literal["expectation", "variance"],
    circuit: object,
    observables: Sequence[PauliSum | ArrayObservable],
    parameters: ParameterValues | None,
    initial_state: ArrayLike | None,
    cancel: CancelToken | None = None,
) -> Any:
    """Return what a save of the observables at the end of the circuit keeps."""
    whole = any(isinstance(o, SparseObservable) for o in observables)
    from_zero = initial_state is None
    # Means are read in |0> on idle qubits; what flips those has a spread, but no mean.
    kept = flipped_qubits(observables) if kind == "variance" else frozenset()
    compiled = executor.compiled(
        circuit, keep_idle=whole, kept=kept, starts_at_zero=from_zero, keep_state=True
    )
    executor.refuse_inexact(compiled, _NO_EXPECTATION)
    listed = ObservableList(tuple(observables))
    if executor.config.target_error is not None and sampled_step(compiled) is not None:
        # What is sampled at the end leaves the state as it was: there the save has to come first.
        save = Save(kind, kind, observable=listed, subtype="average")
        with_save = executor.compiled(
            circuit, keep_idle=whole, starts_at_zero=from_zero, saves=(save,)
        )
    else:
        # The state is not touched by a save, so it can be added to compiled code.
        placed = on_simulated(compiled, listed)
        step = SaveStep(Save(kind, kind, observable=placed, subtype="average"))
        with_save = compiled.followed_by(step)
    result = averages(executor, with_save, parameters, initial_state, cancel)
    return result.saved[kind]


def _refuse_others(
    what: str, observables: Sequence[PauliSum | ArrayObservable], advice: str = ""
) -> None:
    """Refuse observables that are not Hermitian."""
    for observable in observables:
        if not observable.hermitian:
            raise CircuitError(
                f"{what} takes Hermitian observables: Pauli sums with real weights, matrices "
                f"equal to their adjoints; got {observable}.{advice}"
            )

"""Derivatives of expectation values: on state vectors, or by an engine that gives them itself.

An engine gives derivatives if it has a method ``jacobian`` with the arguments of ``run``, which
returns the values of the last save point and their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.instructions import Save
from quasim_backend.kernels.base import DeviceKernels
from quasim_backend.session.checks import depends_on_chance
from quasim_backend.session.execution import Executor
from quasim_backend.session.forward import differentiate
from quasim_backend.session.gradients import (
    DifferentiableRun,
    as_cotangents,
    as_direction,
    check_memory,
    refuse_complex,
)
from quasim_backend.session.inputs import to_circuit, width_of
from quasim_backend.session.observables import PauliObservable, check_pauli_sums, on_simulated
from quasim_backend.session.parameters import ParameterValues
from quasim_backend.session.select import refusal_of

__all__ = ["gradient", "jvp", "vjp"]

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

_WIDE = "tensor_network"
"""What ``method="auto"`` takes where a state does not fit into memory, or takes longer."""
_LARGE = 1 << 20
"""Amplitudes from which that is asked."""


def gradient(
    executor: Executor,
    circuit: object,
    observables: PauliObservable | Sequence[PauliObservable],
    parameters: ParameterValues | None,
) -> Pair:
    """Return values and Jacobian; see `quasim_backend.Runtime.gradient`."""
    found, sums, _ = _start(executor, circuit, observables, parameters)
    if isinstance(found, DifferentiableRun):
        return found.values_and_jacobian(sums, consume=True)
    return found()


def vjp(
    executor: Executor,
    circuit: object,
    observables: PauliObservable | Sequence[PauliObservable],
    cotangents: ArrayLike,
    parameters: ParameterValues | None,
) -> Pair:
    """Return values and ``cotangents @ jacobian``; see `quasim_backend.Runtime.vjp`."""
    found, sums, _ = _start(executor, circuit, observables, parameters)
    factors = np.atleast_1d(cotangents)
    if isinstance(found, DifferentiableRun):
        values = found.expectations(sums).real
        return values, found.vjp(sums, factors, consume=True)
    factors = as_cotangents(factors, len(sums))
    values, jacobian = found()
    return values, factors @ jacobian


def jvp(
    executor: Executor,
    circuit: object,
    observables: PauliObservable | Sequence[PauliObservable],
    direction: ArrayLike,
    parameters: ParameterValues | None,
) -> Pair:
    """Return values and ``jacobian @ direction``; see `quasim_backend.Runtime.jvp`."""
    found, sums, compiled = _start(executor, circuit, observables, parameters)
    if isinstance(found, DifferentiableRun):
        slopes = found.jvp(sums, direction)
        return found.expectations(sums).real, slopes
    vector = as_direction(direction, len(compiled.parameters))
    values, jacobian = found()
    return values, jacobian @ vector


def _start(
    executor: Executor,
    circuit: object,
    observables: PauliObservable | Sequence[PauliObservable],
    parameters: ParameterValues | None,
) -> tuple[DifferentiableRun | Callable[[], Pair], list[Any], CompiledCircuit]:
    """Return a run on state vectors to be differentiated, or what calls an engine for all."""
    source = to_circuit(circuit, executor.plugins)
    compiled = executor.compiled(source)
    engine = executor.differentiating()
    network = executor.differentiating(_WIDE) if _is_large(executor, compiled) else None
    if engine is None and network is None:
        run = differentiate(executor, source, parameters)
        return run, check_pauli_sums(observables, run.compiled.original_qubits), run.compiled
    sums = check_pauli_sums(observables, width_of(source))
    listed = on_simulated(compiled, ObservableList(tuple(sums)))
    save = Save("expectation", "expectation", observable=listed, subtype="average")
    with_save = compiled.followed_by(SaveStep(save))
    if engine is None:
        if not _is_wide(executor, compiled) and not _is_faster(
            executor, network, with_save, parameters
        ):
            return differentiate(executor, source, parameters), sums, compiled
        engine = network
    assert engine is not None
    for observable in sums:
        refuse_complex(observable)
    request = executor.request(with_save, parameters, exact=True)
    refusal = refusal_of(engine, with_save, request)
    if refusal is not None:
        raise UnsupportedError(f"method='{engine.name}' cannot do this run: {refusal}.")
    call: Callable[[], Pair] = partial(engine.jacobian, with_save, request)  # type: ignore[attr-defined]
    return call, sums, compiled


def _is_large(executor: Executor, compiled: CompiledCircuit) -> bool:
    """Return whether a circuit without chance may better be differentiated as a network."""
    if executor.config.method != "auto" or depends_on_chance(compiled):
        return False
    limited = executor.config.max_memory_mb is not None
    return limited or compiled.holds_gates or 1 << compiled.num_qubits >= _LARGE


def _is_wide(executor: Executor, compiled: CompiledCircuit) -> bool:
    """Return whether a circuit has more amplitudes than fit into the host's memory.

    Those that do not fit on a GPU are refused there: the CPU may be fast enough.
    """
    if compiled.holds_gates:
        return True
    kernels, dtype = executor.kernels(compiled).kernels, executor.dtypes(compiled)[1]
    if isinstance(kernels, DeviceKernels):
        return False
    try:
        check_memory(compiled.num_qubits, dtype, 2, executor.config, kernels)
    except MemoryLimitError:
        return True
    return False


def _is_faster(
    executor: Executor, network: Any, with_save: CompiledCircuit, parameters: ParameterValues | None
) -> bool:
    """Return whether a network's values are predicted to take less time than a state's."""
    if isinstance(executor.kernels(with_save).kernels, DeviceKernels):
        return False
    table = {each.name: each.seconds for each in executor.candidates(with_save, 0)}
    state, seconds = table.get("statevector"), table.get(_WIDE)
    if state is None or min(s for s in table.values() if s is not None) == state:
        return False
    if seconds is None:  # it was not asked, as another is fast enough
        request = executor.request(with_save, parameters, exact=True)
        if refusal_of(network, with_save, request) is not None:
            return False
        seconds = float(network.predicted_seconds(with_save, request))
    return seconds < state

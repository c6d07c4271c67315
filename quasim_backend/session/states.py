"""Final states: amplitudes, the unitary, distributions and density matrices, inner products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import QubitError, ShapeError
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.numbering import whole_numbers
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels import native
from quasim_backend.kernels.base import CancelToken, DeviceKernels
from quasim_backend.session.arrays import on_host
from quasim_backend.session.batch import parameter_rows, run_one_by_one, simulate_batch
from quasim_backend.session.checks import refuse_random
from quasim_backend.session.execution import Executor
from quasim_backend.session.inputs import to_circuit, width_of
from quasim_backend.session.parameters import ParameterValues, parameter_vector
from quasim_backend.session.target import averages

__all__ = ["in_double", "inner_product", "reduced", "simulate", "superop", "unitary"]

_PIECE = 1 << 22
"""Amplitudes of two host states that are multiplied at a time."""


_LARGE = 1 << 20
"""Amplitudes from which memory of the kernels' kind pays."""


def in_double(amplitudes: ComplexArray) -> ComplexArray:
    """Return amplitudes in complex128, for an SDK that knows nothing else.

    Large ones are copied into memory as the native kernels take it for states: NumPy's own is
    mapped in small pages, and touching those for the first time can take longer than the run.

    Args:
        amplitudes: complex64 or complex128, any shape; returned as it is in the latter case.
    """
    if amplitudes.dtype == np.complex128:
        return amplitudes
    if amplitudes.ndim != 1 or amplitudes.size < _LARGE or native.is_available() is not None:
        return amplitudes.astype(np.complex128)
    return native.NativeKernels().from_host(amplitudes, np.dtype(np.complex128))


def simulate(
    executor: Executor,
    circuit: object,
    parameters: ParameterValues | None = None,
    initial_state: ArrayLike | None = None,
    cancel: CancelToken | None = None,
    on_device: bool = False,
) -> Any:
    """Return the amplitudes of one run or of a batch; see `quasim_backend.Runtime.simulate`."""
    compiled = executor.compiled(circuit, keep_idle=True, starts_at_zero=initial_state is None)
    refuse_random(compiled, "has no single final state", "Use run(circuit, shots=...) instead")
    rows = parameter_rows(compiled.parameters, parameters)
    straight = None
    if initial_state is None:
        straight = executor.straight(compiled, 1 if rows is None else len(rows))
    if straight is not None and rows is not None:
        return simulate_batch(straight, rows, executor.config, cancel, on_device)
    if straight is not None and executor.is_small(straight):
        values = parameter_vector(compiled.parameters, parameters)
        return straight.amplitudes(straight.state(values, cancel), on_device=on_device)

    stays = on_device and rows is None

    def one(member: int, values: ParameterValues | None) -> Any:
        result = executor.execute(
            compiled,
            values,
            initial_state=initial_state,
            want_state=True,
            on_device=stays,
            shots=0,
            cancel=cancel,
        )
        assert result.state is not None
        return result.state

    if rows is None:
        return one(0, parameters)
    size, returned = 1 << compiled.num_qubits, executor.dtypes(compiled)[0]
    result = run_one_by_one(rows, (size,), returned, executor.config, one)
    kernels = executor.kernels(compiled).kernels
    if on_device and isinstance(kernels, DeviceKernels):
        return kernels.to_device(kernels.from_host(result, returned))
    return result


def unitary(
    executor: Executor, circuit: object, parameters: ParameterValues | None
) -> ComplexArray:
    """Return the unitary of a circuit; see `quasim_backend.Runtime.unitary`."""
    compiled = executor.compiled(circuit, keep_idle=True, starts_at_zero=False)
    result = executor.execute(compiled, parameters, want_unitary=True, shots=0)
    assert result.unitary is not None
    return result.unitary


def superop(
    executor: Executor, circuit: object, parameters: ParameterValues | None
) -> ComplexArray:
    """Return the superoperator of a circuit; see `quasim_backend.Runtime.superop`."""
    compiled = executor.compiled(circuit, keep_idle=True, starts_at_zero=False)
    result = executor.execute(compiled, parameters, want_superop=True, shots=0)
    assert result.superop is not None
    return result.superop


def reduced(
    executor: Executor,
    kind: Literal["probabilities", "density_matrix"],
    circuit: object,
    qubits: Sequence[int],
    parameters: ParameterValues | None,
) -> NDArray[Any]:
    """Return the distribution or the density matrix of some qubits; none means all.

    Raises:
        QubitError: If a qubit repeats or the circuit does not have it.
        UnsupportedError: If what the circuit does depends on measured outcomes, or if a method
            is configured that follows one outcome only.
    """
    source = to_circuit(circuit, executor.plugins)
    places = whole_numbers(qubits, "qubits", "a reading", QubitError)
    width = width_of(source)
    if len(set(places)) != len(places) or not all(0 <= q < width for q in places):
        raise QubitError(
            f"qubits must be different ones of 0..{width - 1}, lowest bit first; got {places}."
        )
    compiled = executor.compiled(source, saves=(_whole_save(kind, places),))
    executor.refuse_inexact(compiled, "has no single final state")
    return np.asarray(averages(executor, compiled, parameters).saved[kind])


@lru_cache(maxsize=64)
def _whole_save(kind: str, qubits: tuple[int, ...]) -> Save:
    """Return one record for equal calls, so that the compiler recognises the circuit."""
    return Save(kind, kind, qubits, subtype="average")


def inner_product(
    executor: Executor, left: object, right: object, parameters: ParameterValues | None
) -> complex:
    """Return ``<left|right>``; see `quasim_backend.Runtime.overlap`."""
    states = [_amplitudes(executor, side, parameters) for side in (left, right)]
    if states[0].shape != states[1].shape:
        raise ShapeError(
            f"An inner product takes two states of one size; got {states[0].size} and "
            f"{states[1].size} amplitudes."
        )
    kernels, wide = executor.kernels().kernels, np.result_type(*states)
    total = 0j
    # By pieces: the kernels' copies stay small.
    for start in range(0, states[0].size, _PIECE):
        pieces = [
            kernels.from_host(s[start : start + _PIECE].astype(wide, copy=False), wide)
            for s in states
        ]
        total += kernels.inner(*pieces)
    return total


def _amplitudes(
    executor: Executor, state: object, parameters: ParameterValues | None
) -> ComplexArray:
    """Return the amplitudes given, or those of a circuit's final state."""
    state = on_host(state)
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
    compiled = executor.compiled(state, keep_idle=True)
    amplitudes: ComplexArray = simulate(
        executor, compiled, parameters if compiled.parameters else None
    )
    return amplitudes

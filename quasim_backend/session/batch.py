"""Many parameter sets of one circuit in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, SampleStep
from quasim_backend.engines.classical_memory import PackedMemory, bits_of
from quasim_backend.errors import MemoryLimitError, ParameterError
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.base import CancelToken, DeviceKernels, KernelSet
from quasim_backend.kernels.random import shot_uniforms
from quasim_backend.options import Config
from quasim_backend.result import Result
from quasim_backend.session.arrays import on_host
from quasim_backend.session.memory import (
    SMALL,
    available_memory,
    device_memory,
    format_bytes,
)
from quasim_backend.session.observables import ObservableTerms
from quasim_backend.session.parameters import ParameterValues, by_name, check_finite
from quasim_backend.session.straight import StraightRun

__all__ = [
    "check_batch_memory",
    "expect_batch",
    "member_seed",
    "parameter_rows",
    "run_one_by_one",
    "sample_batch",
    "sampled_step",
    "simulate_batch",
]

_CHUNK_BYTES = 32 << 20
"""States held at one time where only something read off them is kept."""

_DEVICE_CHUNK_BYTES = 256 << 20
"""The same on a GPU, where starting a kernel takes as long as reading tens of MiB."""


def parameter_rows(
    parameters: Sequence[Parameter], values: ParameterValues | None
) -> NDArray[np.float64] | None:
    """Return a batch of parameter values as float64 ``(batch, P)``, or None if it is no batch.

    Args:
        parameters: The circuit's parameters.
        values: An array ``(batch, P)``, or a mapping by `Parameter` or name with at least one
            value that is a sequence ``(batch,)``; numbers hold for all members.

    Raises:
        ParameterError: If one is missing, unknown or not a finite real number, or the lengths
            differ.
    """
    values = on_host(values)
    if values is None or _is_single(values):
        return None
    if isinstance(values, Mapping):
        columns = [
            _numbers(value, f"The values of parameter '{p.name}'")
            for p, value in zip(parameters, by_name(parameters, values), strict=True)
        ]
        try:
            rows = np.stack(np.broadcast_arrays(*columns), axis=-1)
        except ValueError as cause:
            shapes = ", ".join(
                f"'{p.name}' {c.shape}" for p, c in zip(parameters, columns, strict=True)
            )
            raise ParameterError(
                f"The parameters of a batch need sequences of one length; got {shapes}."
            ) from cause
    else:
        rows = _numbers(values, "Parameters")
    if rows.ndim != 2 or rows.shape[1] != len(parameters):
        raise ParameterError(
            f"The circuit has {len(parameters)} parameters; a batch of them needs the shape "
            f"(batch, {len(parameters)}), got {rows.shape}."
        )
    check_finite(parameters, rows)
    return np.ascontiguousarray(rows)


def _is_single(values: ParameterValues) -> bool:
    """Return whether values are for one run, not a batch."""
    if isinstance(values, np.ndarray):
        return values.ndim < 2
    try:
        if isinstance(values, Mapping):
            return all(isinstance(v, float) or _ndim(v) == 0 for v in values.values())
        first = values[0] if isinstance(values, list | tuple) and values else None
        return isinstance(first, float) or np.ndim(values) < 2
    except ValueError:
        return False  # ragged


def _ndim(value: Any) -> int:
    known = getattr(value, "ndim", None)  # NumPy's function would read a device array
    return np.ndim(value) if known is None else int(known)


def _numbers(values: object, what: str) -> NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as cause:
        raise ParameterError(f"{what} must be real numbers: {cause}.") from cause


def member_seed(seed: int, member: int) -> int:
    """Return the seed of one member of a batch."""
    return (seed + member) % 2**64


def check_batch_memory(
    kept: int, working: int, members: int, config: Config, kernels: KernelSet | None = None
) -> None:
    """Refuse a batch whose results do not fit into memory.

    Args:
        kept: Bytes of the results of all members.
        working: Bytes needed besides, by the kernel set.
        members: Number of members.
        config: Its limit counts too.
        kernels: What computes; its own memory, if it has one, is where it works.

    Raises:
        MemoryLimitError: If it does not fit; the message says how many members would.
    """
    needed = kept + working
    if needed <= SMALL and config.max_memory_mb is None:
        return
    device = None if kernels is None else device_memory(kernels, config)
    if device is not None:
        if working > device:
            raise MemoryLimitError(
                f"A batch of {members} needs {format_bytes(working)} on the GPU, where "
                f"{format_bytes(device)} can be used. Give fewer members at a time, or "
                f"device='cpu'."
            )
        needed, working = kept, 0
    available = available_memory(config)
    if available is None or needed <= available:
        return
    fitting = max(0, available - working) * members // max(kept, 1)
    hint = f"Give at most {fitting} members at a time" if fitting else "Not even one member fits"
    raise MemoryLimitError(
        f"A batch of {members} needs {format_bytes(needed)}, {format_bytes(kept)} of it for "
        f"results; {format_bytes(available)} can be used. {hint}. Expectation values and samples "
        f"keep no amplitudes."
    )


def simulate_batch(
    run: StraightRun,
    values: NDArray[np.float64],
    config: Config,
    cancel: CancelToken | None = None,
    on_device: bool = False,
) -> Any:
    """Return the amplitudes of every member, ``(batch, 2**n)``; a device array if asked to stay.

    Raises:
        MemoryLimitError: If they do not fit into memory.
        Cancelled: If ``cancel`` was set.
    """
    size = 1 << run.num_qubits
    kept = len(values) * size * run.returned.itemsize
    apart = isinstance(run.kernels, DeviceKernels)
    if apart and on_device:
        check_batch_memory(0, len(values) * run.state_bytes, len(values), config, run.kernels)
        return run.amplitudes(run.states(values, cancel), on_device=True)
    if run.returned == run.dtype and not apart:
        check_batch_memory(kept, 0, len(values), config)
        return run.amplitudes(run.states(values, cancel))
    check_batch_memory(kept, _working(run, len(values)), len(values), config, run.kernels)
    result = np.empty((len(values), size), run.returned)
    for members in _chunks(run, len(values)):
        result[members] = run.amplitudes(run.states(values[members], cancel))
    return result


def expect_batch(
    run: StraightRun,
    terms: ObservableTerms,
    values: NDArray[np.float64],
    config: Config,
    cancel: CancelToken | None = None,
) -> NDArray[np.complex128]:
    """Return the expectation values of every member, ``(batch, observables)``.

    Raises:
        MemoryLimitError: If a share of the states does not fit into memory.
        Cancelled: If ``cancel`` was set.
    """
    observables = len(terms.start) - 1
    result = np.empty((len(values), observables), np.complex128)
    working = _working(run, len(values))
    check_batch_memory(result.nbytes, working, len(values), config, run.kernels)
    for members in _chunks(run, len(values)):
        states = run.states(values[members], cancel)
        found = run.kernels.pauli_expectations_batch(states, terms.x_masks, terms.z_masks)
        result[members] = terms.sums(found)
        del states  # before the next ones are made
    return result


def sampled_step(compiled: CompiledCircuit) -> SampleStep | None:
    """Return the measurement that ends a circuit of gates, if all it does is to be sampled."""
    last = compiled.steps[-1] if compiled.steps else None
    if not isinstance(last, SampleStep) or last.readouts or compiled.branches:
        return None
    return last


def sample_batch(
    run: StraightRun,
    step: SampleStep,
    num_clbits: int,
    values: NDArray[np.float64],
    shots: int,
    seed: int,
    config: Config,
    cancel: CancelToken | None = None,
) -> NDArray[np.uint8]:
    """Return the bits of every member, uint8 ``(batch, shots, num_clbits)``.

    Member ``m`` draws with the seed `member_seed` gives it.

    Raises:
        MemoryLimitError: If samples or a share of the states do not fit into memory.
        Cancelled: If ``cancel`` was set.
    """
    kept = len(values) * shots * num_clbits
    draws = 8 * shots * (2 + len(step.qubits))
    working = _working(run, len(values), draws)
    check_batch_memory(kept, working, len(values), config, run.kernels)
    result = np.empty((len(values), shots, num_clbits), np.uint8)
    every = np.arange(shots)
    for members in _chunks(run, len(values), draws):
        states = run.states(values[members], cancel)
        numbers = range(members.start, members.stop)
        uniforms = np.empty((len(numbers), shots))
        for row, member in enumerate(numbers):
            uniforms[row] = shot_uniforms(member_seed(seed, member), every, 0)
        indices = run.kernels.sample_batch(states, uniforms).reshape(-1)
        del states  # before the next ones are made
        memory = PackedMemory(len(indices), num_clbits)
        bits = bits_of(indices, step.qubits)
        memory.write_bits(np.arange(len(indices)), step.clbits, bits)
        packed = Result(len(indices), num_clbits, memory.words)
        result[members] = packed.samples.reshape(len(numbers), shots, num_clbits)
    return result


def run_one_by_one(
    values: NDArray[np.float64],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    config: Config,
    run: Callable[[int, NDArray[np.float64]], NDArray[Any]],
) -> NDArray[Any]:
    """Return the results of a circuit that has no batched form, ``(batch, *shape)``.

    Args:
        values: float64 ``(batch, P)``.
        shape: That of one result.
        dtype: That of the results.
        config: Limits memory.
        run: Called with the number of a member and its parameters.

    Raises:
        MemoryLimitError: If the results do not fit into memory.
    """
    kept = len(values) * int(np.prod(shape)) * dtype.itemsize
    check_batch_memory(kept, 0, len(values), config)
    result = np.empty((len(values), *shape), dtype)
    for member, row in enumerate(values):
        result[member] = run(member, row)
    return result


def _share(run: StraightRun, extra: int = 0) -> int:
    """Return how many members are computed at one time."""
    chunk = _DEVICE_CHUNK_BYTES if isinstance(run.kernels, DeviceKernels) else _CHUNK_BYTES
    return max(1, chunk // (run.state_bytes + extra))


def _working(run: StraightRun, members: int, extra: int = 0) -> int:
    return min(members, _share(run, extra)) * (run.state_bytes + extra)


def _chunks(run: StraightRun, members: int, extra: int = 0) -> Iterator[slice]:
    share = _share(run, extra)
    for first in range(0, members, share):
        yield slice(first, min(first + share, members))

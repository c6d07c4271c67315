"""A program with values of its parameters: on the host, or on a device where arrays can stay.

On a device the small tensors that a contraction takes are made on the host and brought over
together, in one copy a level: those without parameters once for all runs. What is contracted stays
there, slices are added up there, and only the result comes back.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.pairs import Order
from quasim_backend.engines.tensor_network.program import (
    BITS,
    CONSTANT,
    PARAMETERS,
    SLICES,
    Program,
)
from quasim_backend.kernels.base import ArrayKernels

__all__ = ["Run"]

_NEAR = 2.0**-20
"""Largest entries from which on, and up to one over which, tensors stay as they are."""


class Run:
    """A program with values of its parameters, ready for bits.

    Attributes:
        program: What is run.
        angles: Values of the network's angles.
        dtype: complex64 or complex128.
        kernels: Where it is contracted; None for the host.
        values: Results of the levels that are done, by operation; None where they are dropped.
    """

    def __init__(
        self,
        program: Program,
        angles: Sequence[float],
        dtype: np.dtype[Any],
        check: Callable[[], None] = lambda: None,
        threads: int = 1,
        kernels: ArrayKernels | None = None,
        *,
        keep: bool = False,
    ) -> None:
        """Do what depends on nothing later.

        Args:
            program: What to run.
            angles: Values of the network's angles.
            dtype: complex64 or complex128.
            check: Called between operations; raises to stop the run.
            threads: Slices that are contracted at one time on the host.
            kernels: A device to contract on; None for the host.
            keep: Drop nothing that depends on parameters.

        Raises:
            MemoryLimitError: If the device's memory does not suffice; so does `at`.
        """
        self.program = program
        self.angles = angles
        self.dtype = dtype
        self.kernels = kernels
        self._check = check
        self._threads = threads if kernels is None else 1
        self._keep = False
        key = (dtype, kernels)
        with program.lock, self.computing():
            constants = program.cache.get(key)
            if constants is None:
                constants = [None] * len(program.operations)
                self._do(CONSTANT, constants, ())
                program.cache[key] = constants
        self._keep = keep
        self.values = list(constants)
        with self.computing():
            self._do(PARAMETERS, self.values, ())

    def at(
        self,
        bits: Sequence[int] = (),
        progress: Callable[[float], None] | None = None,
        *,
        rescale: bool = False,
    ) -> Array:
        """Return the result for some bits, summed over all slices.

        Args:
            bits: One for each of the network's `bits`.
            progress: Told the fraction that is done, after each slice.
            rescale: Whether the result may come times any power of two, so that tensors on the way
                can be kept near 1, within slices too; on the host only.
        """
        values = list(self.values)
        with self.computing():
            self._do(BITS, values, bits, rescale=rescale)
            total = self._total(values, bits, progress, rescale=rescale)
            if self.kernels is not None and self.program.operations[-1].contracts:
                total = self.kernels.to_host(total)
        result = total * total.dtype.type(self.program.scale)
        return result.reshape((2,) * (result.size.bit_length() - 1))  # type: ignore[no-any-return]

    def slice(self, values: Sequence[Any], number: int, bits: Sequence[int] = ()) -> list[Any]:
        """Return the values of one slice, given those of the levels before."""
        return self._sliced(values, number, bits, rescale=False)[0]

    def computing(self) -> AbstractContextManager[None]:
        """Return what has to be entered to work with the contraction's arrays."""
        return nullcontext() if self.kernels is None else self.kernels.computing()

    def _total(
        self,
        values: list[Any],
        bits: Sequence[int],
        progress: Callable[[float], None] | None,
        *,
        rescale: bool,
    ) -> Any:
        """Return the contraction of what is made, without the network's scale.

        All slices are added up, several at a time: array operations leave the interpreter free.
        """
        if not self.program.num_sliced:
            return values[-1]
        slices = 1 << self.program.num_sliced
        threads = min(self._threads, slices)
        stopped = threading.Event()
        done = itertools.count(1)

        def some(first: int) -> Any:
            total: Any = None
            for number in range(first, slices, threads):
                if stopped.is_set():
                    break
                mine, exponent = self._sliced(values, number, bits, rescale=rescale)
                if total is None:
                    total = mine[-1].copy(), exponent
                else:
                    total = added(total, (mine[-1], exponent))
                if progress is not None:
                    progress(next(done) / slices)
            return total

        if threads == 1:
            return some(0)[0]
        with ThreadPoolExecutor(threads) as pool:
            try:
                # In this order whatever the threads' speed: a sum is the same every time.
                others = pool.map(some, range(1, threads))
                return functools.reduce(added, others, some(0))[0]
            finally:
                stopped.set()

    def _sliced(
        self, values: Sequence[Any], number: int, bits: Sequence[int], *, rescale: bool
    ) -> tuple[list[Any], int]:
        """Return the values of one slice, and which power of two its result was divided by."""
        mine = list(values)
        width = self.program.num_sliced
        chosen = (*bits, *(number >> i & 1 for i in range(width)))
        return mine, self._do(SLICES, mine, chosen, rescale=rescale)

    def _do(
        self, level: int, values: list[Any], bits: Sequence[int], *, rescale: bool = False
    ) -> int:
        """Do the operations of one level.

        Returns:
            What its products were divided by, as a power of two. A contraction takes each tensor
            once, so that its result is divided by all of them together.
        """
        operations, check, keep = self.program.operations, self._check, self._keep
        exponents = 0
        making, entering, contracting = self.program.levels[level]
        for number in making:
            values[number] = self._made(number, values, bits)
            if rescale and operations[number].kind in ("one", "two"):
                values[number], _ = rescaled(values[number])
            if not keep:
                for source in operations[number].drops:
                    values[source] = None
        if self.kernels is not None and entering:
            self._bring(self.kernels, entering, values)
        for number in contracting:
            operation = operations[number]
            kind, sources = operation.kind, operation.sources
            if kind == "product":
                check()
                values[number] = operation.data(values[sources[0]], values[sources[1]])
                if rescale:
                    values[number], exponent = rescaled(values[number])
                    exponents += exponent
            elif kind == "bits":
                values[number] = values[sources[0]][key_of(operation.data, bits)]
            else:
                values[number] = ordered(operation.data, values[sources[0]])
            if not keep:
                for source in operation.drops:
                    values[source] = None
        return exponents

    def _made(self, number: int, values: Sequence[Any], bits: Sequence[int]) -> Array:
        """Return the result of an operation before the contraction."""
        operation = self.program.operations[number]
        kind, sources, data = operation.kind, operation.sources, operation.data
        if kind == "two":
            result: Array = np.einsum(data, values[sources[0]], values[sources[1]])
        elif kind == "leaf":
            result = np.asarray(data(self.angles), self.dtype)
        elif kind == "bits":
            result = values[sources[0]][key_of(data, bits)]
        elif kind == "value":
            result = np.asarray(data, self.dtype)
        elif kind == "view":
            result = values[sources[0]][data]
        elif kind == "order":
            result = ordered(data, values[sources[0]])
        else:
            result = np.einsum(data, values[sources[0]])
        return result

    def _bring(self, kernels: ArrayKernels, numbers: Sequence[int], values: list[Any]) -> None:
        """Copy results from the host to the device, all of them at once."""
        flat = np.concatenate([values[number].reshape(-1) for number in numbers])
        arrived = kernels.to_device(kernels.from_host(flat, self.dtype))
        start = 0
        for number in numbers:
            shape, size = values[number].shape, values[number].size
            values[number] = arrived[start : start + size].reshape(shape)
            start += size


def rescaled(array: Array) -> tuple[Array, int]:
    """Return an array divided by ``2**e`` to keep it in the range of its precision, and ``e``."""
    largest = float(np.abs(array).max())
    if _NEAR <= largest <= 1 / _NEAR or not 0 < largest < math.inf:
        return array, 0
    exponent = math.frexp(largest)[1]
    return array * array.real.dtype.type(2.0**-exponent), exponent


def added(total: tuple[Any, int], other: tuple[Any, int]) -> tuple[Any, int]:
    """Return a sum of arrays that were divided by powers of two; ``total`` is overwritten."""
    (array, exponent), (term, lower) = total, other
    if exponent == lower:
        array += term
        return array, exponent
    if not term.any():
        return total
    if not array.any():
        return term.copy(), lower
    if exponent < lower:
        (array, exponent), (term, lower) = other, total
        array = array.copy()
    array += term * array.real.dtype.type(2.0 ** (lower - exponent))
    return array, exponent


def ordered(order: Order | None, array: Any) -> Any:
    """Return an array with its axes in another order, contiguous for the next one."""
    return array if order is None else order(array).reshape(-1)


def key_of(pairs: Sequence[tuple[int, int]], bits: Sequence[int]) -> tuple[Any, ...]:
    """Return the key that chooses a slice by bits; the axes after the last are left out.

    Args:
        pairs: (axis, number of the bit), higher axes first.
        bits: The bits.
    """
    key: list[Any] = [slice(None)] * (pairs[0][0] + 1)
    for axis, place in pairs:
        key[axis] = bits[place]
    return tuple(key)

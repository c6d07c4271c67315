"""A contraction as a list of array operations, each with a level that says how often it is done.

Values come at four times: constants once and for all, parameters with each run, bits with each
amplitude or conditional distribution, and slices within that. An operation has the level of its
latest input, and is done again only when something of its level or below has changed: new
parameters leave what gates without parameters give, slices leave what has no sliced index.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quasim_backend.engines.tensor_network.network import Array, Indices, Leaf
from quasim_backend.forks import renew_in_child

__all__ = ["BITS", "CONSTANT", "PARAMETERS", "SLICES", "Operation", "Program", "Run"]

CONSTANT, PARAMETERS, BITS, SLICES = range(4)


@dataclass(eq=False, slots=True)
class Operation:
    """One array operation.

    Attributes:
        kind: ``value`` (constant array in ``data``), ``leaf`` (made from angles by ``data``),
            ``view`` (indexed by ``data``), ``bits`` (``data`` are (axis, number of the bit) pairs,
            higher axes first), ``one`` (einsum of one array), ``two`` (einsum of two), ``product``
            (``data`` is a `quasim_backend.engines.tensor_network.pairs.Pair`).
        sources: Numbers of the operations whose results it takes.
        data: As the kind says.
        level: When it is done.
        drops: Results that nobody needs after it.
    """

    kind: str
    sources: tuple[int, ...]
    data: Any
    level: int
    drops: tuple[int, ...] = ()


@dataclass(eq=False)
class Program:
    """Operations in order; the last is the result.

    Attributes:
        operations: They follow their sources.
        scale: A factor of the result.
        num_bits: How many bits it takes before those of slices.
        num_sliced: Number of sliced indices.
        cache: Results of level `CONSTANT` by dtype.
    """

    operations: list[Operation] = field(default_factory=list)
    scale: complex = 1.0
    num_bits: int = 0
    num_sliced: int = 0
    cache: dict[np.dtype[Any], list[Any]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        """Have the lock renewed in forked processes."""
        renew_in_child(self, "_lock")

    def add(self, kind: str, sources: tuple[int, ...], data: Any, level: int = CONSTANT) -> int:
        """Append an operation and return its number."""
        for source in sources:
            level = max(level, self.operations[source].level)
        self.operations.append(Operation(kind, sources, data, level))
        return len(self.operations) - 1

    def add_leaf(self, leaf: Leaf) -> int:
        """Append a leaf that depends on parameters."""
        return self.add("leaf", (), leaf.make, PARAMETERS)

    def add_bits(self, source: int, pairs: Sequence[tuple[int, int]], level: int) -> int:
        """Append the choice of a slice by bits: (axis, number of the bit) pairs."""
        return self.add("bits", (source,), tuple(sorted(pairs, reverse=True)), level)

    def close(self) -> None:
        """Find out when results can be dropped; no more operations come."""
        last_use: dict[int, int] = {}
        for number, operation in enumerate(self.operations):
            for source in operation.sources:
                last_use[source] = number
        drops: dict[int, list[int]] = {}
        highest: dict[int, int] = {}
        for operation in self.operations:
            for source in operation.sources:
                highest[source] = max(highest.get(source, 0), operation.level)
        for source, number in last_use.items():
            # What a higher level uses is needed again each time that level runs.
            if highest[source] == self.operations[source].level:
                drops.setdefault(number, []).append(source)
        for number, sources in drops.items():
            self.operations[number].drops = tuple(sources)

    def levels(self) -> tuple[list[int], ...]:
        """Return the numbers of the operations of each level."""
        found: tuple[list[int], ...] = ([], [], [], [])
        for number, operation in enumerate(self.operations):
            found[operation.level].append(number)
        return found


class Run:
    """A program with values of its parameters, ready for bits."""

    def __init__(
        self,
        program: Program,
        angles: Sequence[float],
        dtype: np.dtype[Any],
        check: Callable[[], None] = lambda: None,
        threads: int = 1,
    ) -> None:
        """Do what depends on nothing later.

        Args:
            program: What to run.
            angles: Values of the network's angles.
            dtype: complex64 or complex128.
            check: Called between operations; raises to stop the run.
            threads: Slices that are contracted at one time.
        """
        self._program = program
        self._levels = program.levels()
        self._check = check
        self._angles = angles
        self._dtype = dtype
        self._threads = threads
        with program._lock:
            constants = program.cache.get(dtype)
            if constants is None:
                constants = [None] * len(program.operations)
                self._do(CONSTANT, constants, ())
                program.cache[dtype] = constants
        self._values = list(constants)
        self._do(PARAMETERS, self._values, ())

    def at(
        self, bits: Sequence[int] = (), progress: Callable[[float], None] | None = None
    ) -> Array:
        """Return the result for some bits, summed over all slices.

        Args:
            bits: One for each of the network's `bits`.
            progress: Told the fraction that is done, after each slice.
        """
        program, values = self._program, list(self._values)
        self._do(BITS, values, bits)
        count = program.num_sliced
        total = self._slices(values, bits, 1 << count, progress) if count else values[-1]
        return total * total.dtype.type(program.scale)  # type: ignore[no-any-return]

    def _slices(
        self,
        values: list[Any],
        bits: Sequence[int],
        slices: int,
        progress: Callable[[float], None] | None,
    ) -> Array:
        """Add up all slices, several at a time: array operations leave the interpreter free."""
        width = self._program.num_sliced
        threads = min(self._threads, slices)
        stopped = threading.Event()
        done = itertools.count(1)

        def some(first: int) -> Any:
            total: Any = None
            for number in range(first, slices, threads):
                if stopped.is_set():
                    break
                mine = list(values)
                self._do(SLICES, mine, (*bits, *(number >> i & 1 for i in range(width))))
                if total is None:
                    total = mine[-1].copy()
                else:
                    total += mine[-1]
                if progress is not None:
                    progress(next(done) / slices)
            return total

        if threads == 1:
            return some(0)  # type: ignore[no-any-return]
        with ThreadPoolExecutor(threads) as pool:
            try:
                # In this order whatever the threads' speed: a sum is the same every time.
                return sum(pool.map(some, range(1, threads)), some(0))  # type: ignore[no-any-return]
            finally:
                stopped.set()

    def _do(self, level: int, values: list[Any], bits: Sequence[int]) -> None:
        """Do the operations of one level."""
        dtype, check = self._dtype, self._check
        operations = self._program.operations
        for number in self._levels[level]:
            operation = operations[number]
            kind, sources, data = operation.kind, operation.sources, operation.data
            if kind == "product":
                check()
                values[number] = data(values[sources[0]], values[sources[1]])
            elif kind == "two":
                values[number] = np.einsum(data, values[sources[0]], values[sources[1]])
            elif kind == "leaf":
                values[number] = np.asarray(data(self._angles), dtype)
            elif kind == "bits":
                key: list[Any] = [slice(None)] * values[sources[0]].ndim
                for axis, place in data:
                    key[axis] = bits[place]
                values[number] = values[sources[0]][tuple(key)]
            elif kind == "value":
                values[number] = np.asarray(data, dtype)
            elif kind == "view":
                values[number] = values[sources[0]][data]
            else:
                values[number] = np.einsum(data, values[sources[0]])
            for source in operation.drops:
                values[source] = None


def subscripts(inputs: Sequence[Indices], output: Indices) -> str:
    """Write indices as letters for einsum."""
    letters: dict[int, str] = {}
    for indices in inputs:
        for i in indices:
            if i not in letters:
                letters[i] = _LETTERS[len(letters)]
    sides = ["".join([letters[i] for i in indices]) for indices in inputs]
    return ",".join(sides) + "->" + "".join([letters[i] for i in output])


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

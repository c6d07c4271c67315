"""A contraction as a list of array operations, each with a level that says how often it is done.

Values come at four times: constants once and for all, parameters with each run, bits with each
amplitude or conditional distribution, and slices within that. An operation has the level of its
latest input, and is done again only when something of its level or below has changed: new
parameters leave what gates without parameters give, slices leave what has no sliced index.

Making and simplifying tensors comes first, of which all are small; *contracting* comes after, and
may be done in the memory of a device.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quasim_backend.engines.tensor_network.network import Indices, Leaf
from quasim_backend.forks import renew_in_child

__all__ = [
    "BITS",
    "CONSTANT",
    "PARAMETERS",
    "SLICES",
    "Level",
    "Operation",
    "Program",
    "subscripts",
]

CONSTANT, PARAMETERS, BITS, SLICES = range(4)


@dataclass(eq=False, slots=True)
class Operation:
    """One array operation.

    Attributes:
        kind: ``value`` (constant array in ``data``), ``leaf`` (made from angles by ``data``, an
            `quasim_backend.engines.tensor_network.network.Entries`), ``view`` (indexed by
            ``data``), ``bits`` (``data`` are (axis, number of the bit) pairs, higher axes first),
            ``one`` (einsum of one array), ``two`` (einsum of two), ``order`` and ``product``
            (``data`` is an `Order`, or None, and a `Pair` of
            `quasim_backend.engines.tensor_network.pairs`).
        sources: Numbers of the operations whose results it takes.
        data: As the kind says.
        level: When it is done.
        contracts: Whether it is part of the contraction.
        drops: Results that nobody needs after it.
    """

    kind: str
    sources: tuple[int, ...]
    data: Any
    level: int
    contracts: bool
    drops: tuple[int, ...] = ()


class Level(NamedTuple):
    """The operations of one level, by number, in the order they are done.

    Attributes:
        making: Those before the contraction.
        entering: Those of ``making`` whose results the contraction takes.
        contracting: Those of the contraction.
    """

    making: list[int]
    entering: list[int]
    contracting: list[int]


@dataclass(eq=False)
class Program:
    """Operations in order; the last is the result.

    Attributes:
        operations: They follow their sources.
        scale: A factor of the result.
        num_bits: How many bits it takes before those of slices.
        num_sliced: Number of sliced indices.
        levels: What is done when; known once the program is closed.
        cache: Results of level `CONSTANT` by dtype and by what computes.
    """

    operations: list[Operation] = field(default_factory=list)
    scale: complex = 1.0
    num_bits: int = 0
    num_sliced: int = 0
    levels: tuple[Level, ...] = ()
    cache: dict[Hashable, list[Any]] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        """Have the lock renewed in forked processes."""
        renew_in_child(self, "lock")

    def add(self, kind: str, sources: tuple[int, ...], data: Any, level: int = CONSTANT) -> int:
        """Append an operation and return its number."""
        contracts = kind == "product" or level == SLICES
        for source in sources:
            level = max(level, self.operations[source].level)
            contracts |= self.operations[source].contracts
        self.operations.append(Operation(kind, sources, data, level, contracts))
        return len(self.operations) - 1

    def add_leaf(self, leaf: Leaf) -> int:
        """Append a leaf that depends on parameters."""
        return self.add("leaf", (), leaf.make, PARAMETERS)

    def add_bits(self, source: int, pairs: Sequence[tuple[int, int]], level: int) -> int:
        """Append the choice of a slice by bits: (axis, number of the bit) pairs."""
        return self.add("bits", (source,), tuple(sorted(pairs, reverse=True)), level)

    def close(self, kept: Collection[int] = ()) -> None:
        """Find out what is done when and which results can be dropped; no more operations come.

        Args:
            kept: Operations whose results somebody else takes.
        """
        last_use: dict[int, int] = {}
        highest: dict[int, int] = {}
        entering: set[int] = set()
        for number, operation in enumerate(self.operations):
            for source in operation.sources:
                last_use[source] = number
                highest[source] = max(highest.get(source, 0), operation.level)
                if operation.contracts and not self.operations[source].contracts:
                    entering.add(source)
        drops: dict[int, list[int]] = {}
        for source, number in last_use.items():
            # What a higher level uses is needed again each time that level runs.
            if highest[source] == self.operations[source].level and source not in kept:
                drops.setdefault(number, []).append(source)
        for number, sources in drops.items():
            self.operations[number].drops = tuple(sources)
        self.levels = tuple(Level([], [], []) for _ in range(4))
        for number, operation in enumerate(self.operations):
            level = self.levels[operation.level]
            (level.contracting if operation.contracts else level.making).append(number)
            if number in entering:
                level.entering.append(number)


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

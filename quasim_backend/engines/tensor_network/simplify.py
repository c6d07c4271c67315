"""Exact simplification of a network, before any search for a path.

Rules, each in the place where it can apply next, until none does:

- rank: a tensor whose indices another one has is multiplied into it; two tensors are contracted
  over an index that only they have if the result has no more indices than the larger,
- diagonal: a constant matrix that is diagonal makes its two indices one,
- anti-diagonal: the same for one that is, with one of the indices turned around,
- column: an index where a constant tensor is zero but for one value is fixed to that value.

Entries below `ROUNDING` times the largest one count as zero. Tensors that depend on parameters or
bits take part in the first rule only; what is done to them is recorded in a `Program`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from quasim_backend.engines.tensor_network.network import Array, Indices, Leaf, Network
from quasim_backend.engines.tensor_network.program import BITS, Program, subscripts

__all__ = ["ROUNDING", "Simplified", "simplify"]

ROUNDING = 2e-15


@dataclass(eq=False)
class Simplified:
    """What is left to contract.

    Attributes:
        tensors: Indices of each tensor.
        numbers: The operation of the program that gives it.
        program: What was done so far.
        open: Indices of the result.
    """

    tensors: list[Indices]
    numbers: list[int]
    program: Program
    open: Indices


def simplify(network: Network) -> Simplified:
    """Simplify a network; it is not changed."""
    return _Simplifier(network).run()


class _Simplifier:
    """Tensors by number, and the numbers of those that have an index."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._open = network.open
        self._keep = set(network.open)
        self._program = Program(scale=network.scale, num_bits=len(network.bits))
        self._indices: list[Indices | None] = []
        self._values: list[Array | None] = []  # of constants
        self._numbers: list[int] = []  # operations of the others
        self._where: list[set[int]] = [set() for _ in range(network.num_indices)]
        self._gone = [True] * network.num_indices
        self._queue: deque[int] = deque()
        self._queued = [False] * network.num_indices
        self._scalars: list[int] = []
        self._unseen: list[int] = []  # constants whose structure nobody has looked at

    def run(self) -> Simplified:
        place = {index: k for k, index in enumerate(self._network.bits)}
        for leaf in self._network.leaves:
            self._add_leaf(leaf, place)
        queue, queued, unseen = self._queue, self._queued, self._unseen
        while queue or unseen:
            if unseen:
                t = unseen.pop()
                if self._values[t] is not None:
                    self._structure(t)
            else:
                index = queue.popleft()
                queued[index] = False
                self._process(index)
        tensors: list[Indices] = []
        numbers: list[int] = []
        for t, indices in enumerate(self._indices):
            if indices is not None:
                tensors.append(indices)
                numbers.append(self._operation(t))
        for number in self._scalars:
            tensors.append(())
            numbers.append(number)
        return Simplified(tensors, numbers, self._program, self._open)

    # --- tensors --------------------------------------------------------------------------------

    def _add_leaf(self, leaf: Leaf, place: dict[int, int]) -> None:
        indices, value, number = leaf.indices, leaf.value, -1
        gone = self._gone
        for i in indices:
            gone[i] = False
        if value is None:
            number = self._program.add_leaf(leaf)
        if len(set(indices)) < len(indices):
            kept = tuple(dict.fromkeys(indices))
            text = subscripts((indices,), kept)
            if value is not None:
                value = np.einsum(text, value)
            else:
                number = self._program.add("one", (number,), text)
            indices = kept
        if place and any([i in place for i in indices]):
            if value is not None:
                number = self._program.add("value", (), value)
                value = None
            pairs = [(axis, place[i]) for axis, i in enumerate(indices) if i in place]
            number = self._program.add_bits(number, pairs, BITS)
            indices = tuple(i for i in indices if i not in place)
        self._new(indices, value, number)

    def _new(self, indices: Indices, value: Array | None, number: int) -> None:
        """Take in a tensor."""
        if not indices:
            if value is not None:
                self._program.scale *= value.item()
            else:
                self._scalars.append(number)
            return
        t = len(self._indices)
        self._indices.append(indices)
        self._values.append(value)
        self._numbers.append(number)
        where = self._where
        for i in indices:
            where[i].add(t)
        if value is not None and len(indices) <= 2:
            self._unseen.append(t)
        self._push(indices)

    def _remove(self, t: int) -> None:
        indices = self._indices[t]
        assert indices is not None
        for i in indices:
            self._where[i].discard(t)
        self._indices[t] = self._values[t] = None

    def _push(self, indices: Iterable[int]) -> None:
        queued, queue = self._queued, self._queue
        for i in indices:
            if not queued[i]:
                queued[i] = True
                queue.append(i)

    def _operation(self, t: int) -> int:
        """Return the operation that gives a tensor."""
        value = self._values[t]
        if value is not None:
            self._numbers[t] = self._program.add("value", (), value)
            self._values[t] = None
        return self._numbers[t]

    # --- rank -----------------------------------------------------------------------------------

    def _process(self, index: int) -> None:
        """Apply the rules of rank at one index."""
        holders = self._where[index]
        if not holders:
            if not self._gone[index] and index not in self._keep:
                self._gone[index] = True
                self._program.scale *= 2
            return
        if len(holders) > 1 and self._absorb(holders):
            return
        if index in self._keep:
            return
        if len(holders) == 1:
            (t,) = holders
            self._sum(t, index)
        elif len(holders) == 2:
            a, b = holders
            first, second = self._indices[a], self._indices[b]
            assert first is not None
            assert second is not None
            output = self._output(a, b, first, second)
            if len(output) <= max(len(first), len(second)):
                self._contract(a, b, output)

    def _absorb(self, holders: set[int]) -> bool:
        """Multiply a tensor into one that has all its indices, if there is such a pair."""
        by_rank = sorted([(len(self._indices[t]), t) for t in holders])  # type: ignore[arg-type]
        for place, (rank, a) in enumerate(by_rank[:-1]):
            first = self._indices[a]
            assert first is not None
            found = -1
            for _, b in by_rank[place + 1 :]:
                second = self._indices[b]
                assert second is not None
                if rank == 1 or all([i in second for i in first]):
                    found = b
                    # A constant stays one if the other is.
                    if (self._values[a] is None) == (self._values[b] is None):
                        break
            if found >= 0:
                second = self._indices[found]
                assert second is not None
                self._contract(a, found, self._output(a, found, first, second))
                return True
        return False

    def _output(self, a: int, b: int, first: Indices, second: Indices) -> Indices:
        where, keep = self._where, self._keep
        output: list[int] = []
        for i in dict.fromkeys((*first, *second)):
            if i not in keep:
                holders = where[i]
                if len(holders) == (a in holders) + (b in holders):
                    continue
            output.append(i)
        return tuple(output)

    def _contract(self, a: int, b: int, output: Indices) -> None:
        first, second = self._indices[a], self._indices[b]
        assert first is not None
        assert second is not None
        one, two = self._values[a], self._values[b]
        text = subscripts((first, second), output)
        value, number = None, -1
        if one is not None and two is not None:
            value = np.einsum(text, one, two)
        else:
            number = self._program.add("two", (self._operation(a), self._operation(b)), text)
        self._remove(a)
        self._remove(b)
        if len(output) < len(set((*first, *second))):
            for i in (*first, *second):
                if i not in output:
                    self._gone[i] = True
        self._new(output, value, number)

    def _sum(self, t: int, index: int) -> None:
        indices = self._indices[t]
        assert indices is not None
        output = tuple(i for i in indices if i != index)
        self._gone[index] = True
        self._unary(t, output, lambda v: v.sum(indices.index(index)), indices)

    def _unary(self, t: int, output: Indices, now: Any, einsum: Indices | None = None) -> None:
        """Replace a tensor by a function of it."""
        value = self._values[t]
        number = -1
        if value is not None:
            value = now(value)
        else:
            assert einsum is not None
            number = self._program.add("one", (self._numbers[t],), subscripts((einsum,), output))
        self._remove(t)
        self._new(output, value, number)

    # --- structure of constants -----------------------------------------------------------------

    def _structure(self, t: int) -> None:
        """Apply the rules for zeros to a constant of one or two indices."""
        indices, value = self._indices[t], self._values[t]
        assert indices is not None
        assert value is not None
        entries = value.reshape(-1).tolist()
        sizes = [abs(x) for x in entries]
        largest = max(sizes)
        zero = [s <= ROUNDING * largest for s in sizes]
        if largest == 0.0 or True not in zero:
            return
        keep = self._keep
        if len(indices) == 1:
            if indices[0] not in keep:
                self._fix(indices[0], 0 if zero[1] else 1)
            return
        i, j = indices
        for index, bit, others in (
            (i, 0, zero[2] and zero[3]),
            (i, 1, zero[0] and zero[1]),
            (j, 0, zero[1] and zero[3]),
            (j, 1, zero[0] and zero[2]),
        ):
            if others and index not in keep:
                self._fix(index, bit)
                return
        if i in keep and j in keep:
            return
        kept, lost = (i, j) if j not in keep else (j, i)
        if zero[1] and zero[2]:
            self._merge(t, kept, lost, [entries[0], entries[3]], turn=False)
        elif zero[0] and zero[3]:
            # entries[1] is at (i, j) = (0, 1), entries[2] at (1, 0).
            ends = [entries[1], entries[2]] if kept == i else [entries[2], entries[1]]
            self._merge(t, kept, lost, ends, turn=True)

    def _fix(self, index: int, bit: int) -> None:
        """Fix an index to the only bit that counts."""
        self._gone[index] = True
        for t in list(self._where[index]):
            indices = self._indices[t]
            assert indices is not None
            axis = indices.index(index)
            key = (slice(None),) * axis + (bit,)
            self._view(t, key, indices[:axis] + indices[axis + 1 :])

    def _merge(self, t: int, kept: int, lost: int, vector: list[complex], *, turn: bool) -> None:
        """Make two indices one, turning around the one that is lost; a vector is left of ``t``."""
        self._remove(t)
        self._gone[lost] = True
        for other in list(self._where[lost]):
            indices = self._indices[other]
            assert indices is not None
            axis = indices.index(lost)
            renamed = tuple(kept if i == lost else i for i in indices)
            if turn:
                key = (slice(None),) * axis + (slice(None, None, -1),)
                self._view(other, key, renamed)
            else:
                value, number = self._values[other], self._numbers[other]
                self._remove(other)
                self._again(renamed, value, number)
        self._new((kept,), np.array(vector), -1)

    def _view(self, t: int, key: tuple[Any, ...], output: Indices) -> None:
        value, number = self._values[t], self._numbers[t]
        if value is not None:
            value = value[key]
        else:
            number = self._program.add("view", (number,), key)
        self._remove(t)
        self._again(output, value, number)

    def _again(self, indices: Indices, value: Array | None, number: int) -> None:
        """Take in a tensor whose indices may repeat once."""
        if len(set(indices)) < len(indices):
            kept = tuple(dict.fromkeys(indices))
            text = subscripts((indices,), kept)
            if value is not None:
                value = np.einsum(text, value)
            else:
                number = self._program.add("one", (number,), text)
            indices = kept
        self._new(indices, value, number)

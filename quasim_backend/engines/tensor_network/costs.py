"""What a contraction costs: multiplications, memory and seconds, from sets of indices alone.

Sets of indices are integers with a bit for each index: sizes are bit counts, and a search that
looks at a million pairs has no time for more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Cost", "Path", "Problem", "as_float", "path_cost"]

Path = tuple[tuple[int, int], ...]
"""Pairs of tensor numbers; contraction ``s`` of ``n`` tensors makes tensor ``n + s``."""

RATE = {8: 50e9, 16: 25e9}
"""Real operations a second of matrix products on two cores, by bytes of a number."""
BANDWIDTH = 4e9
"""Bytes a second at which axes are brought into order, read and written together."""
_MOST = 1 << 500
"""Counts beyond this are all the same."""
OVERHEAD = 10e-6
"""Seconds of a contraction of small tensors."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A network to find a path for.

    Attributes:
        tensors: The set of indices of each tensor.
        open: The set of indices of the result.
    """

    tensors: tuple[int, ...]
    open: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of a path.

    Attributes:
        multiplications: Complex multiply-adds of one slice.
        peak: Numbers in memory at one time, of one slice, besides the network's own tensors.
        width: Indices of the largest tensor.
        moved: Numbers read and written, of one slice.
        steps: Contractions of one slice.
        slices: How many times it is done.
    """

    multiplications: float
    peak: float
    width: int
    moved: float
    steps: int
    slices: int = 1

    @property
    def flops(self) -> float:
        """Real operations of all slices; a complex multiply-add is 8."""
        return 8 * self.multiplications * self.slices

    def seconds(self, itemsize: int) -> float:
        """Return about how long it takes on two cores."""
        return self.work_seconds(itemsize) + self.slices * self.steps * OVERHEAD

    def work_seconds(self, itemsize: int) -> float:
        """Return the part of it that another path may save: any has as many steps."""
        arithmetic = 8 * self.multiplications / RATE[itemsize]
        memory = itemsize * self.moved / BANDWIDTH
        return self.slices * max(arithmetic, memory)

    def describe(self, itemsize: int) -> str:
        """Return a line for messages."""
        return (
            f"{self.flops:.3g} FLOPs in {self.slices} slices, "
            f"{self.peak * itemsize / 2**20:.3g} MiB, largest tensor of {self.width} indices, "
            f"about {self.seconds(itemsize):.3g} s"
        )


def path_cost(
    problem: Problem, path: Iterable[tuple[int, int]], sliced: int = 0, *, keep: bool = False
) -> Cost:
    """Return the cost of a path.

    Args:
        problem: The network.
        path: The path.
        sliced: Set of indices that are sliced.
        keep: Whether all intermediate tensors stay in memory, as they do for derivatives.
    """
    kept = ~sliced
    sets = [t & kept for t in problem.tensors]
    open_set = problem.open & kept
    degree = degrees(sets, open_set)
    sizes = [1 << s.bit_count() for s in sets]
    count = len(sets)
    live = peak = 0
    width = max((s.bit_count() for s in sets), default=0)
    work = moved = 0
    steps = 0
    for a, b in path:
        steps += 1
        first, second = sets[a], sets[b]
        union = first | second
        result = union & ~contract_degrees(degree, first & second)
        size = 1 << result.bit_count()
        work += 1 << union.bit_count()
        moved += sizes[a] + sizes[b] + size
        live += size
        peak = max(peak, live)
        if not keep:
            live -= (sizes[a] if a >= count else 0) + (sizes[b] if b >= count else 0)
        width = max(width, result.bit_count())
        sets.append(result)
        sizes.append(size)
    slices = min(1 << sliced.bit_count(), _MOST)
    return Cost(as_float(work), as_float(peak), width, as_float(moved), steps, slices)


def as_float(count: int) -> float:
    """Return a count as a float, of hopeless networks the largest that is safe to multiply."""
    return float(min(count, _MOST))


def path_sets(problem: Problem, path: Iterable[tuple[int, int]], sliced: int = 0) -> list[int]:
    """Return the sets of indices of all tensors of a path, those of the network first."""
    sets = [t & ~sliced for t in problem.tensors]
    degree = degrees(sets, problem.open)
    for a, b in path:
        gone = contract_degrees(degree, sets[a] & sets[b])
        sets.append((sets[a] | sets[b]) & ~gone)
    return sets


def degrees(sets: Sequence[int], open_set: int) -> dict[int, int]:
    """Return how many tensors have each index; being open counts as one more."""
    degree: dict[int, int] = {}
    for s in (*sets, open_set):
        for bit in bits_of(s):
            degree[bit] = degree.get(bit, 0) + 1
    return degree


def contract_degrees(degree: dict[int, int], both: int) -> int:
    """Count a contraction of two tensors that share ``both``; return the indices that vanish."""
    gone = 0
    while both:
        bit = both & -both
        both ^= bit
        left = degree[bit] - 1
        degree[bit] = left
        if left == 1:
            gone |= bit
    return gone


def bits_of(mask: int) -> list[int]:
    """Return the set bits of a mask, each as a mask."""
    found = []
    while mask:
        bit = mask & -mask
        found.append(bit)
        mask ^= bit
    return found


def log2(value: float) -> float:
    """Return the logarithm, of at least 1."""
    return math.log2(max(value, 1.0))

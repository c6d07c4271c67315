"""Greedy paths: contract next what shrinks memory most, with chance to find others."""

from __future__ import annotations

import heapq
import math
import random

from quasim_backend.engines.tensor_network.costs import (
    Path,
    Problem,
    bits_of,
    contract_degrees,
    degrees,
)

__all__ = ["greedy_path"]

_NEIGHBOURS = 12
"""Tensors of an index with more are paired with the smallest of them only."""


def greedy_path(
    problem: Problem, weight: float = 1.0, temperature: float = 0.0, seed: int = 0
) -> Path:
    """Return a path that always contracts the pair of the best score.

    The score is ``size(result) - weight * (size(a) + size(b))`` on a logarithmic scale, less noise
    of a Gumbel distribution, which makes the choice one of a Boltzmann distribution (Gray and
    Kourtis, Quantum 5, 410 (2021)).

    Args:
        problem: The network.
        weight: How much it counts to be rid of the two tensors.
        temperature: Strength of the noise.
        seed: For the noise.
    """
    sets: dict[int, int] = dict(enumerate(problem.tensors))
    degree = degrees(problem.tensors, problem.open)
    holders: dict[int, set[int]] = {}
    for number, s in sets.items():
        for bit in bits_of(s):
            holders.setdefault(bit, set()).add(number)
    twice = 0
    for bit, count in degree.items():
        if count == 2:
            twice |= bit
    noise = random.Random(seed).random if temperature else None
    heap: list[tuple[float, int, int, int]] = []

    def score(a: int, b: int) -> tuple[float, int, int, int]:
        first, second = sets[a], sets[b]
        result = (first | second) & ~(first & second & twice)
        change = _size(result) - weight * (_size(first) + _size(second))
        value = math.copysign(math.log2(1 + abs(change)), change)
        if noise is not None:
            value += temperature * math.log(-math.log(noise() + 1e-300) + 1e-300)
        return (value, a, b, result)

    def offer(a: int, others: set[int]) -> None:
        if len(others) > _NEIGHBOURS:
            others = set(sorted(others, key=lambda n: sets[n].bit_count())[:_NEIGHBOURS])
        for b in others:
            heapq.heappush(heap, score(a, b) if a < b else score(b, a))

    for bit, numbers in holders.items():
        ordered = sorted(numbers, key=lambda n: sets[n].bit_count())
        for place, a in enumerate(ordered):
            for b in ordered[max(0, place - _NEIGHBOURS) : place]:
                if bit == (sets[a] & sets[b]) & -(sets[a] & sets[b]):  # once a pair
                    heapq.heappush(heap, score(a, b) if a < b else score(b, a))
    path: list[tuple[int, int]] = []
    while heap:
        _, a, b, expected = heapq.heappop(heap)
        if a not in sets or b not in sets:
            continue
        first, second = sets[a], sets[b]
        both = first & second
        result = (first | second) & ~(both & twice)
        if result != expected:  # an index became theirs alone in the meantime
            heapq.heappush(heap, score(a, b))
            continue
        contract_degrees(degree, both)
        del sets[a], sets[b]
        number = len(problem.tensors) + len(path)
        path.append((a, b))
        sets[number] = result
        neighbours: set[int] = set()
        for bit in bits_of(first | second):
            numbers = holders[bit]
            numbers.discard(a)
            numbers.discard(b)
            if bit & result:
                neighbours |= numbers
                numbers.add(number)
                if degree[bit] == 2 and not bit & problem.open:
                    twice |= bit
        offer(number, neighbours)
    # What is left shares no index.
    rest = sorted(sets, key=lambda n: sets[n].bit_count())
    while len(rest) > 1:
        number = len(problem.tensors) + len(path)
        path.append((rest[0], rest[1]))
        sets[number] = sets[rest[0]] | sets[rest[1]]
        rest = sorted([*rest[2:], number], key=lambda n: sets[n].bit_count())
    return tuple(path)


def _size(indices: int) -> float:
    """Return the numbers of a tensor, at most what a float can hold."""
    return 2.0 ** min(indices.bit_count(), 500)

"""What a run's answers would take, from a look at some of its questions and a quick path."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from quasim_backend.engines.tensor_network.asked import Asked
from quasim_backend.engines.tensor_network.contraction import Contraction, Reduced
from quasim_backend.engines.tensor_network.costs import (
    BANDWIDTH,
    OVERHEAD,
    RATE,
    Cost,
    as_float,
    path_cost,
    path_sets,
)
from quasim_backend.engines.tensor_network.greedy import greedy_path
from quasim_backend.engines.tensor_network.networks import Networks
from quasim_backend.engines.tensor_network.program import BITS, PARAMETERS, SLICES, Program
from quasim_backend.engines.tensor_network.questions import Question
from quasim_backend.engines.tensor_network.search import Plan, find_plan

__all__ = ["REHEARSED", "Estimate", "Price", "rehearsal", "seconds", "seconds_at_once"]

REHEARSED = 6
"""Questions that an estimate looks at; the others are taken to cost as much on average."""
_REHEARSAL_SECONDS = 0.2
_LEAF = 30e-6
"""Seconds to build and simplify a tensor of a network."""
_GATE = 3e-6
"""Seconds to go back over a gate that may be outside the light cone."""
_MAKING = 10e-6
"""Seconds to make a small tensor anew, of a gate with a parameter or of others made anew."""
_CHOOSING = 2e-6
"""Seconds to choose a slice of a small tensor by bits."""
_HOPELESS = 600.0
"""Seconds without slices from which nobody looks for slices, which only add to it."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a question takes; in seconds, on two cores.

    Attributes:
        cost: Of its contraction, along a quick path.
        most_bytes: What it may hold.
        once: To build its network, and to contract what depends on no parameter.
        each_run: With new parameters.
        each_time: With other bits.
    """

    cost: Cost
    most_bytes: int
    once: float
    each_run: float
    each_time: float

    def seconds(self, runs: int, times: int) -> float:
        """Return about how long some runs take, in each of which it is put some times."""
        return self.once + runs * (self.each_run + times * self.each_time)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A question's price, the bytes held at one time, and how often it is put."""

    price: Price
    peak_bytes: int
    times: int


def rehearsal(networks: Networks, asked: Asked) -> list[Estimate]:
    """Return what some of the questions cost along a greedy path."""
    found: list[Estimate] = []
    until = time.perf_counter() + _REHEARSAL_SECONDS
    for question, times in _some(asked):
        networks.check()
        price = _price(networks, question)
        peak = min(int(price.cost.peak * networks.options.itemsize), price.most_bytes)
        found.append(Estimate(price, peak, times))
        if time.perf_counter() > until and len(found) > 1:
            break
    return found


def seconds(networks: Networks, asked: Asked, runs: int = 1) -> float:
    """Return about how long all answers take on two cores, without the search.

    Args:
        networks: Where prices are remembered.
        asked: The questions, and how many times each is put in a run.
        runs: How many times they are asked, with other parameters.
    """
    found = [(e.price, e.times) for e in rehearsal(networks, asked)]
    return _seconds(found, len(asked), runs) if found else 1e-4


def seconds_at_once(networks: Networks, asked: Asked, runs: int = 1) -> float:
    """Return `seconds` along the very first path: the same number in every process.

    Infinite if a contraction needs more memory than is allowed.
    """
    found: list[tuple[Price, int]] = []
    for question, times in _some(asked):
        key = ("first price", networks.key(question))
        price: Price | None = networks.memory.get(key)
        if price is None:
            price = _along_greedy(networks, networks.reduced(question), 0.0)
            networks.memory.put(key, price)
        if price.cost.peak * networks.options.itemsize > price.most_bytes:
            return math.inf
        found.append((price, times))
    return _seconds(found, len(asked), runs) if found else 0.0


def _some(asked: Asked) -> Asked:
    """Return some questions, the last first: of outcomes, it is given all others."""
    return [*asked[-1:], *asked[:-1][:: max(1, len(asked) // REHEARSED)]]


def _seconds(found: Sequence[tuple[Price, int]], asked: int, runs: int) -> float:
    """Scale the price of some questions up to all of them."""
    return sum(price.seconds(runs, times) for price, times in found) * asked / len(found)


def _price(networks: Networks, question: Question) -> Price:
    """Return the price of a question, that of its own path if it has one."""
    known = networks.known(question)
    if known is not None:
        return _of_contraction(known, networks.options.itemsize)
    key = ("price", networks.key(question))
    found: Price | None = networks.memory.get(key)
    if found is None:
        found = _along_greedy(networks, networks.reduced(question), 0.02)
        networks.memory.put(key, found)
    return found


def _along_greedy(networks: Networks, network: Reduced, longest: float) -> Price:
    """Return the price along a greedy path, searched for some seconds."""
    options = networks.options_for(network)
    path = greedy_path(network.problem)
    whole = path_cost(network.problem, path)
    if whole.seconds(options.itemsize) > _HOPELESS:
        plan = Plan(path, 0, whole, 0.0)
    else:
        plan = find_plan(network.problem, replace(options, strategy="greedy", seconds=longest))
    program, numbers = network.simplified.program, network.simplified.numbers
    tensors = network.problem.tensors
    levels = [
        SLICES if tensor & plan.sliced else program.operations[number].level
        for tensor, number in zip(tensors, numbers, strict=True)
    ]
    sets = path_sets(network.problem, plan.path, plan.sliced)
    steps: list[tuple[int, float, float]] = []
    for step, (a, b) in enumerate(plan.path):
        levels.append(max(levels[a], levels[b]))
        three = sets[a], sets[b], sets[len(tensors) + step]
        moved = as_float(sum(1 << s.bit_count() for s in three))
        multiplications = as_float(1 << (sets[a] | sets[b]).bit_count())
        steps.append((levels[-1], multiplications, moved))
    by_level = _by_level(program, steps, plan.cost.slices, options.itemsize)
    built = network.leaves * _LEAF + networks.num_gates * _GATE
    return Price(plan.cost, options.most_bytes, built + by_level[0], by_level[1], by_level[2])


def _of_contraction(known: Contraction, itemsize: int) -> Price:
    """Return the price of a network that is built and planned."""
    cost = known.plan.cost
    if known.whole is not None:  # a library does it all each time
        return Price(cost, known.options.most_bytes, 0.0, 0.0, cost.seconds(itemsize))
    steps: list[tuple[int, float, float]] = []
    for operation in known.program.operations:
        if operation.kind == "product":
            *batch, rows, inner = operation.data.shape_a
            columns = operation.data.shape_b[-1]
            size = math.prod(batch)
            moved = size * (rows * inner + inner * columns + rows * columns)
            steps.append((operation.level, size * rows * inner * columns, moved))
    by_level = _by_level(known.program, steps, cost.slices, itemsize)
    return Price(cost, known.options.most_bytes, *by_level)


def _by_level(
    program: Program, steps: Iterable[tuple[int, float, float]], slices: int, itemsize: int
) -> tuple[float, float, float]:
    """Return the seconds of what is done once, with each run, and with each time.

    Args:
        program: What makes the tensors.
        steps: Level, multiplications and numbers moved of each contraction.
        slices: How many there are.
        itemsize: Bytes of a number.
    """
    spent = [0.0] * (SLICES + 1)
    for level, multiplications, moved in steps:
        arithmetic, memory = 8 * multiplications / RATE[itemsize], itemsize * moved / BANDWIDTH
        spent[level] += max(arithmetic, memory) + OVERHEAD
    for operation in program.operations:
        if not operation.contracts and operation.level in (PARAMETERS, BITS):
            spent[operation.level] += _CHOOSING if operation.kind == "bits" else _MAKING
    once, each_run, each_time, each_slice = spent
    return once, each_run, each_time + slices * each_slice

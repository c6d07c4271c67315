"""From a network to something that can be contracted again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.tensor_network.costs import Problem
from quasim_backend.engines.tensor_network.cutensornet import LibraryRun, Whole
from quasim_backend.engines.tensor_network.network import AngleTable, Indices, Network
from quasim_backend.engines.tensor_network.pairs import Order, planned_pairs
from quasim_backend.engines.tensor_network.program import SLICES, Program
from quasim_backend.engines.tensor_network.run import Run
from quasim_backend.engines.tensor_network.search import PathCache, Plan, SearchOptions
from quasim_backend.engines.tensor_network.simplify import Simplified, simplify
from quasim_backend.kernels.base import ArrayKernels

__all__ = ["Contraction", "Reduced", "paths", "planned", "reduced"]

paths = PathCache()
"""Plans of the process."""


@dataclass(eq=False)
class Reduced:
    """A simplified network with what a search needs to know of it.

    Attributes:
        simplified: The network.
        problem: Its structure, with indices numbered in the order they appear.
        angles: What its tensors depend on.
        bits: The bits every index of the problem stands for.
        leaves: How many tensors it had before.
        seconds: How long simplification took.
    """

    simplified: Simplified
    problem: Problem
    angles: AngleTable
    bits: dict[int, int]
    leaves: int
    seconds: float


@dataclass(eq=False)
class Contraction:
    """A network with its path, compiled.

    Attributes:
        program: The operations.
        angles: What its tensors depend on.
        plan: Path and cost.
        options: What the path was searched with.
        seconds: How long simplification took.
        whole: What a library contracts, where the program only makes its tensors.
    """

    program: Program
    angles: AngleTable
    plan: Plan
    options: SearchOptions
    seconds: float = 0.0
    whole: Whole | None = None

    def run(
        self,
        parameters: NDArray[np.float64],
        dtype: np.dtype[Any],
        check: Callable[[], None] = lambda: None,
        threads: int = 1,
        kernels: ArrayKernels | None = None,
        *,
        keep: bool = False,
        device_id: int = 0,
    ) -> Run:
        """Return the contraction at some parameters, ready for bits; see `Run`, `LibraryRun`."""
        angles = self.angles.values(parameters)
        if self.whole is not None:
            return LibraryRun(self.program, self.whole, angles, dtype, check, device_id)
        return Run(self.program, angles, dtype, check, threads, kernels, keep=keep)


def reduced(network: Network) -> Reduced:
    """Simplify a network."""
    started = time.perf_counter()
    simplified = simplify(network)
    bits: dict[int, int] = {}
    for indices in (*simplified.tensors, simplified.open):
        for i in indices:
            if i not in bits:
                bits[i] = 1 << len(bits)
    tensors = tuple(sum([bits[i] for i in t]) for t in simplified.tensors)
    problem = Problem(tensors, sum(bits[i] for i in simplified.open))
    leaves, seconds = len(network.leaves), time.perf_counter() - started
    return Reduced(simplified, problem, network.angles, bits, leaves, seconds)


def planned(
    network: Reduced, options: SearchOptions, check: Callable[[], None] = lambda: None
) -> Contraction:
    """Find a path for a simplified network and compile it.

    Takes the network's program as its own: a `Reduced` is planned once.

    Args:
        network: The network.
        options: How to search.
        check: Called during the search; raises to stop it.

    Raises:
        UnsupportedError: If the strategy cannot be used.
    """
    again = options.again or bool(network.angles.offsets)
    plan = paths.plan(network.problem, replace(options, again=again), check)
    simplified = network.simplified
    program, numbers = simplified.program, list(simplified.numbers)
    tensors = list(simplified.tensors)
    sliced = [i for i, bit in network.bits.items() if plan.sliced & bit]
    if options.library is not None:
        whole = Whole(
            tuple(tensors), tuple(numbers), plan.path, tuple(sliced), tuple(simplified.open)
        )
        program.close(kept=set(numbers))
        return Contraction(program, network.angles, plan, options, network.seconds, whole)
    if sliced:
        place = {i: program.num_bits + k for k, i in enumerate(sliced)}
        program.num_sliced = len(sliced)
        for t, indices in enumerate(tensors):
            pairs = [(axis, place[i]) for axis, i in enumerate(indices) if i in place]
            if pairs:
                numbers[t] = program.add_bits(numbers[t], pairs, SLICES)
                tensors[t] = tuple(i for i in indices if i not in place)
    if not tensors:
        tensors, numbers = [()], [program.add("value", (), np.array(1.0 + 0j))]
    pairs_planned, indices = planned_pairs(tensors, plan.path, simplified.open)
    for a, b, pair in pairs_planned:
        numbers.append(program.add("product", (numbers[a], numbers[b]), pair))
    _ordered(program, numbers[-1], indices, simplified.open)
    program.close()
    return Contraction(program, network.angles, plan, options, network.seconds)


def _ordered(program: Program, number: int, indices: Indices, wanted: Indices) -> None:
    """Bring the result's axes into order; it must be the last operation."""
    if indices != wanted or number != len(program.operations) - 1:
        program.add("order", (number,), Order.of([indices.index(i) for i in wanted]))

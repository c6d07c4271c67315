"""The search for a path: strategies, time limits, and memory of what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from quasim_backend.engines.tensor_network import cotengra_paths
from quasim_backend.engines.tensor_network.costs import Cost, Path, Problem, path_cost
from quasim_backend.engines.tensor_network.greedy import greedy_path
from quasim_backend.engines.tensor_network.memory import Memory
from quasim_backend.engines.tensor_network.optimal import MAX_OPTIMAL, optimal_path, reconfigured
from quasim_backend.engines.tensor_network.slicing import slices_for
from quasim_backend.errors import UnsupportedError

__all__ = ["PathCache", "Plan", "SearchOptions", "find_plan"]

_AGAIN = 10
"""Contractions that are expected of a network that is contracted more than once."""
_LONG = 5.0
"""Predicted seconds of a run from which ``auto`` hands the rest of its time to cotengra."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        strategy: One of `quasim_backend.options.STRATEGIES`.
        seconds: Longest time.
        itemsize: Bytes of a number.
        most_bytes: Limit for memory of one slice.
        keep: Whether all its intermediate tensors stay in memory.
        again: Whether the network is contracted more than once, with other values: ``auto``
            searches as long as it has spent less time than the contractions are predicted to take.
        library: Who contracts it: None for us, or ``"cutensornet"``.
    """

    strategy: str = "auto"
    seconds: float = 2.0
    itemsize: int = 8
    most_bytes: int = 512 << 20
    keep: bool = False
    again: bool = False
    library: str | None = None


@dataclass(frozen=True)
class Plan:
    """A path with its slices and its price.

    Attributes:
        path: The path.
        sliced: Set of indices that are sliced.
        cost: The price of all slices.
        seconds: How long the search took.
    """

    path: Path
    sliced: int
    cost: Cost
    seconds: float


class PathCache:
    """Plans by the structure of the network: new parameters need no new search."""

    def __init__(self) -> None:
        """Start empty."""
        self._plans = Memory()

    def plan(
        self, problem: Problem, options: SearchOptions, check: Callable[[], None] = lambda: None
    ) -> Plan:
        """Return a plan, from memory if there is one; see `find_plan`."""
        key = (problem, options)
        found: Plan | None = self._plans.get(key)
        if found is None:
            found = find_plan(problem, options, check)
            self._plans.put(key, found)
        return found


def find_plan(
    problem: Problem, options: SearchOptions, check: Callable[[], None] = lambda: None
) -> Plan:
    """Search for a path of short run time that fits into memory, slicing where it must.

    The plan may still need too much; its cost says so.

    Args:
        problem: The network's structure.
        options: How to search.
        check: Called between trials; raises to stop the search. cotengra's are not interrupted.

    Raises:
        UnsupportedError: If the strategy needs cotengra and it is not installed, or if ``dp`` is
            asked for a network that is too large.
    """
    started = time.perf_counter()
    until = started + options.seconds
    count = len(problem.tensors)
    if options.strategy == "dp" and count > 2 * MAX_OPTIMAL:
        raise UnsupportedError(
            f"contraction_strategy='dp' looks at all orders of at most {2 * MAX_OPTIMAL} tensors; "
            f"this network has {count} after simplification. Use 'auto', 'greedy' or 'hyper'."
        )
    best: Plan | None = None

    def take(path: Path) -> Plan:
        nonlocal best
        plan = _sliced(problem, path, options)
        if best is None or _rank(plan, options) < _rank(best, options):
            best = plan
        return best

    if count <= 2:
        take(((0, 1),) if count == 2 else ())
    elif options.strategy == "dp" or (options.strategy == "auto" and count <= MAX_OPTIMAL - 2):
        take(optimal_path(problem))
    elif options.strategy in ("anneal", "hyper"):
        take(cotengra_paths.search(problem, options.strategy, options.seconds))
    else:
        _greedily(problem, options, until, take, check)
    assert best is not None
    return Plan(best.path, best.sliced, best.cost, time.perf_counter() - started)


def _greedily(
    problem: Problem,
    options: SearchOptions,
    until: float,
    take: Callable[[Path], Plan],
    check: Callable[[], None],
) -> None:
    """Try greedy paths; ``auto`` makes them better as long as it pays."""
    started = time.perf_counter()
    best = take(greedy_path(problem))
    if options.strategy == "greedy":
        trials = 32
        for trial in range(1, trials):
            if time.perf_counter() >= until or _left(best, started, options) <= 0:
                return
            check()
            best = take(_varied(problem, trial))
        return
    handed_over = False
    trial = 0
    while time.perf_counter() < until and _left(best, started, options) > 0:
        if not handed_over and best.cost.seconds(options.itemsize) > _LONG and trial >= 8:
            handed_over = True
            if cotengra_paths.is_available():
                left = until - time.perf_counter()
                best = take(cotengra_paths.search(problem, "hyper", 0.7 * left))
                continue
        # A few starts, then the best of them made better.
        candidates = []
        for k in range(8):
            check()
            candidates.append(_varied(problem, trial * 8 + k))
        candidates.sort(key=lambda p: path_cost(problem, p).seconds(options.itemsize))
        trial += 1
        most = min(_left(best, started, options), (until - started) / 6)
        share = min(until, time.perf_counter() + max(0.05, most))
        best = take(reconfigured(problem, candidates[0], share))


def _varied(problem: Problem, trial: int) -> Path:
    """Return a greedy path of other settings with every trial."""
    weights = (1.0, 0.5, 2.0, 0.2, 4.0)
    return greedy_path(problem, weights[trial % 5], 0.15 * (1 + trial % 4), trial)


def _left(best: Plan, started: float, options: SearchOptions) -> float:
    """Return the seconds for which it pays to search on."""
    runs = _AGAIN if options.again else 1
    return runs * best.cost.work_seconds(options.itemsize) - (time.perf_counter() - started)


def _sliced(problem: Problem, path: Path, options: SearchOptions) -> Plan:
    most = options.most_bytes / options.itemsize
    sliced, cost = slices_for(problem, path, most, keep=options.keep)
    return Plan(path, sliced, cost, 0.0)


def _rank(plan: Plan, options: SearchOptions) -> tuple[bool, float]:
    too_large = plan.cost.peak * options.itemsize > options.most_bytes
    return too_large, plan.cost.seconds(options.itemsize)

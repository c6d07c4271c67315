"""Paths found by cotengra (Gray and Kourtis, Quantum 5, 410 (2021)), the optional extra ``tn``."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from quasim_backend.engines.tensor_network.costs import Path, Problem, bits_of
from quasim_backend.engines.tensor_network.greedy import greedy_path
from quasim_backend.errors import UnsupportedError

__all__ = ["is_available", "search"]


def is_available() -> bool:
    """Return whether cotengra is installed."""
    return importlib.util.find_spec("cotengra") is not None


def search(problem: Problem, strategy: str, seconds: float) -> Path:
    """Search for a path.

    Args:
        problem: The network.
        strategy: ``hyper``: many kinds of paths, each tuned; ``anneal``: a greedy path made better
            by simulated annealing.
        seconds: Longest time.

    Raises:
        UnsupportedError: If cotengra is not installed.
    """
    if not is_available():
        raise UnsupportedError(
            f"contraction_strategy='{strategy}' is cotengra's, which is not installed; "
            f"pip install quasim-backend[tn], or use 'auto', 'greedy' or 'dp'."
        )
    cotengra: Any = importlib.import_module("cotengra")

    numbers: dict[int, str] = {}
    inputs = [_symbols(t, numbers, cotengra) for t in problem.tensors]
    output = _symbols(problem.open, numbers, cotengra)
    sizes = dict.fromkeys(numbers.values(), 2)
    if strategy == "anneal":
        start = greedy_path(problem)
        tree = cotengra.ContractionTree.from_path(inputs, output, sizes, ssa_path=start)
        tree.simulated_anneal_(minimize="combo", tsteps=_steps(seconds, len(inputs)), seed=0)
    else:
        optimizer: Any = cotengra.HyperOptimizer(
            methods=["greedy", "labels"] if len(inputs) > 3 else ["greedy"],
            minimize="combo-64",
            max_time=seconds,
            max_repeats=1 << 20,
            parallel=False,
            progbar=False,
            on_trial_error="ignore",
        )
        tree = optimizer.search(inputs, output, sizes)
    return tuple((int(a), int(b)) for a, b in tree.get_ssa_path())


def _steps(seconds: float, tensors: int) -> int:
    """Return temperatures for a time: a sweep over a tensor takes about 0.2 ms."""
    return max(5, min(200, int(seconds / (4e-4 * tensors))))


def _symbols(mask: int, numbers: dict[int, str], cotengra: Any) -> tuple[str, ...]:
    found = []
    for bit in bits_of(mask):
        if bit not in numbers:
            numbers[bit] = cotengra.get_symbol(len(numbers))
        found.append(numbers[bit])
    return tuple(found)

"""Slicing: summing over the values of some indices outside, so that tensors get smaller."""

from __future__ import annotations

from quasim_backend.engines.tensor_network.costs import (
    Cost,
    Path,
    Problem,
    bits_of,
    path_cost,
    path_sets,
)

__all__ = ["slices_for"]

HOPELESS = 1e6
"""Predicted seconds from which no slices are looked for: they only add work."""
_TRIED = 24
"""Indices of the largest tensors that are tried at each step."""

_MOST = 30
"""Indices that are sliced at most."""


def slices_for(
    problem: Problem, path: Path, most: float, *, keep: bool = False
) -> tuple[int, Cost]:
    """Choose indices to slice until a path needs no more than ``most`` numbers at one time.

    Each is the one that adds least to the work, among those of the largest tensors. With ``keep``
    all intermediate tensors count, as `quasim_backend.engines.tensor_network.costs.path_cost` says.

    Returns:
        The sliced indices, and the cost with them; its ``peak`` is above ``most`` where even
        slicing all indices of the large tensors does not help.
    """
    sliced = 0
    cost = path_cost(problem, path, keep=keep)
    if cost.seconds(16) > HOPELESS:
        return sliced, cost
    while cost.peak > most and sliced.bit_count() < _MOST:
        candidates = _common(problem, path, sliced)
        options = [(path_cost(problem, path, sliced | bit, keep=keep), bit) for bit in candidates]
        options = [(c, bit) for c, bit in options if c.peak < cost.peak]
        if not options:
            break
        # Bits by which memory shrinks are worth what the work grows by.
        cost, best = min(options, key=lambda o: (o[0].flops * o[0].peak ** 0.5, o[0].peak))
        sliced |= best
    return sliced, cost


def _common(problem: Problem, path: Path, sliced: int) -> list[int]:
    """Return the indices that occur most in the largest tensors of a path."""
    sets = path_sets(problem, path, sliced)
    width = max(s.bit_count() for s in sets)
    counts: dict[int, int] = {}
    for s in sets:
        if s.bit_count() >= width - 2:
            for bit in bits_of(s & ~problem.open):
                counts[bit] = counts.get(bit, 0) + 1
    return sorted(counts, key=lambda bit: -counts[bit])[:_TRIED]

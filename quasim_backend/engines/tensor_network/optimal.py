"""Optimal paths of small networks, and trees made better piece by piece with them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from quasim_backend.engines.tensor_network.costs import Path, Problem, as_float, path_sets

__all__ = ["MAX_OPTIMAL", "optimal_path", "reconfigured"]

MAX_OPTIMAL = 14
"""Tensors up to which the search for an optimal path ends soon."""
_SUBTREE = 8
"""Leaves of the subtrees that are made optimal."""
_MOVING = 16
"""Multiplications that reading or writing a number costs as much as."""


def optimal_path(problem: Problem) -> Path:
    """Return the path of least cost, by dynamic programming over sets of tensors.

    The cost counts multiplications and, as memory has its price too, the size of the results.
    Outer products of tensors without a common index are left to the end.
    """
    sets = problem.tensors
    outside = problem.open
    groups = _connected(sets)
    path: list[tuple[int, int]] = []
    ends: list[int] = []
    for group in groups:
        others = outside
        for number, s in enumerate(sets):
            if number not in group:
                others |= s
        tree = _optimal([sets[n] for n in group], others)
        ends.append(_write(tree, list(group), path, len(sets)))
    while len(ends) > 1:
        path.append((ends[0], ends[1]))
        ends = [*ends[2:], len(sets) + len(path) - 1]
    return tuple(path)


def _connected(sets: Sequence[int]) -> list[list[int]]:
    groups: list[tuple[int, list[int]]] = []
    for number, s in enumerate(sets):
        joined, members = s, [number]
        rest = []
        for mask, group in groups:
            if mask & s:  # groups have no index in common with each other
                joined |= mask
                members += group
            else:
                rest.append((mask, group))
        groups = [*rest, (joined, members)]
    return [members for _, members in groups]


def _optimal(sets: Sequence[int], outside: int) -> object:
    """Return the best tree of a connected group: a number, or a pair of trees.

    Args:
        sets: Indices of each tensor.
        outside: Indices that something outside of the group has.
    """
    count = len(sets)
    if count == 1:
        return 0
    full = (1 << count) - 1
    holders: dict[int, int] = {}
    for number, s in enumerate(sets):
        while s:
            bit = s & -s
            s ^= bit
            holders[bit] = holders.get(bit, 0) | 1 << number
    known: dict[int, tuple[float, int, object]] = {1 << i: (0.0, s, i) for i, s in enumerate(sets)}
    by_size: list[list[int]] = [[], [1 << i for i in range(count)]]
    by_size += [[] for _ in range(count - 1)]
    for size in range(2, count + 1):
        found: dict[int, tuple[float, int, object]] = {}
        for small in range(1, size // 2 + 1):
            for a in by_size[small]:
                cost_a, set_a, tree_a = known[a]
                for b in by_size[size - small]:
                    if a & b or (2 * small == size and a > b):
                        continue
                    cost_b, set_b, tree_b = known[b]
                    if not set_a & set_b:
                        continue
                    union = set_a | set_b
                    both = a | b
                    old = found.get(both)
                    cost = cost_a + cost_b + (1 << union.bit_count())
                    if old is not None and old[0] <= cost:
                        continue
                    if old is None:
                        gone, shared = 0, set_a & set_b
                        while shared:
                            bit = shared & -shared
                            shared ^= bit
                            if not bit & outside and not holders[bit] & ~both:
                                gone |= bit
                        result = union & ~gone
                    else:
                        result = old[1]
                    cost += _MOVING << result.bit_count()
                    if old is None or cost < old[0]:
                        found[both] = (cost, result, (tree_a, tree_b))
        known |= found
        by_size[size] = list(found)
    return known[full][2]


def _write(tree: object, names: Sequence[int], path: list[tuple[int, int]], count: int) -> int:
    if isinstance(tree, int):
        return names[tree]
    assert isinstance(tree, tuple)
    a = _write(tree[0], names, path, count)
    b = _write(tree[1], names, path, count)
    path.append((a, b))
    return count + len(path) - 1


def reconfigured(
    problem: Problem, path: Path, until: float, clock: Callable[[], float] = time.perf_counter
) -> Path:
    """Make subtrees of a path optimal, from the most expensive on, until nothing improves.

    Args:
        problem: The network.
        path: A path of it.
        until: When to stop, by the clock.
        clock: Seconds.
    """
    count = len(problem.tensors)
    if count < 3:
        return path
    children: dict[int, tuple[int, int]] = {count + s: pair for s, pair in enumerate(path)}
    sets = dict(enumerate(path_sets(problem, path)))
    root = count + len(path) - 1
    fresh = root + 1
    settled: set[tuple[int, ...]] = set()
    while clock() < until:
        improved = False
        order = sorted(
            children, key=lambda n: -((sets[children[n][0]] | sets[children[n][1]]).bit_count())
        )
        for top in order:
            if top not in children:
                continue
            if clock() >= until:
                break
            leaves = _frontier(top, children, sets)
            key = tuple(sorted(leaves))
            if len(leaves) < 3 or key in settled:
                continue
            settled.add(key)
            # The result's indices are what the rest of the network has in common with it.
            outside = sets[top]
            group = [sets[n] for n in leaves]
            if len(_connected(group)) > 1:
                continue
            before = _tree_cost(top, set(leaves), children, sets)
            tree = _optimal(group, outside)
            after, _ = _planned_cost(tree, group, outside)
            if after >= before * (1 - 1e-9):
                continue
            improved = True
            for inner in _inner(top, set(leaves), children):
                if inner != top:
                    del children[inner], sets[inner]
            fresh = _plant(tree, leaves, outside, top, children, sets, fresh)
        if not improved:
            break
    return _as_path(root, children, count)


def _frontier(top: int, children: dict[int, tuple[int, int]], sets: dict[int, int]) -> list[int]:
    """Return up to `_SUBTREE` nodes below ``top`` that together make it, by opening the largest."""
    leaves = list(children[top])
    while len(leaves) < _SUBTREE:
        inner = [n for n in leaves if n in children]
        if not inner:
            break
        largest = max(inner, key=lambda n: sets[n].bit_count())
        leaves.remove(largest)
        leaves += children[largest]
    return leaves


def _inner(top: int, leaves: set[int], children: dict[int, tuple[int, int]]) -> list[int]:
    found, stack = [], [top]
    while stack:
        node = stack.pop()
        if node not in leaves:
            found.append(node)
            stack += children[node]
    return found


def _price(first: int, second: int, result: int) -> float:
    return as_float((1 << (first | second).bit_count()) + (_MOVING << result.bit_count()))


def _tree_cost(
    top: int, leaves: set[int], children: dict[int, tuple[int, int]], sets: dict[int, int]
) -> float:
    return math.fsum(
        _price(sets[children[n][0]], sets[children[n][1]], sets[n])
        for n in _inner(top, leaves, children)
    )


def _planned_cost(tree: object, group: Sequence[int], outside: int) -> tuple[float, int]:
    """Return the cost of a tree over a group, and the numbers of the group in it, as a mask."""
    if isinstance(tree, int):
        return 0.0, 1 << tree
    assert isinstance(tree, tuple)
    cost_a, a = _planned_cost(tree[0], group, outside)
    cost_b, b = _planned_cost(tree[1], group, outside)
    first, second = _result(a, group, outside), _result(b, group, outside)
    return cost_a + cost_b + _price(first, second, _result(a | b, group, outside)), a | b


def _result(members: int, group: Sequence[int], outside: int) -> int:
    """Return the indices of the contraction of some members of a group."""
    inside, rest = 0, outside
    for number, s in enumerate(group):
        if members >> number & 1:
            inside |= s
        else:
            rest |= s
    return group[members.bit_length() - 1] if members.bit_count() == 1 else inside & rest


def _plant(
    tree: object,
    leaves: Sequence[int],
    outside: int,
    top: int,
    children: dict[int, tuple[int, int]],
    sets: dict[int, int],
    fresh: int,
) -> int:
    """Put a tree in the place of the one below ``top``; return the next free number."""
    group = [sets[n] for n in leaves]

    def build(part: object, name: int | None) -> tuple[int, int]:
        nonlocal fresh
        if isinstance(part, int):
            return leaves[part], 1 << part
        assert isinstance(part, tuple)
        a, members_a = build(part[0], None)
        b, members_b = build(part[1], None)
        if name is None:
            name = fresh
            fresh += 1
            sets[name] = _result(members_a | members_b, group, outside)
        children[name] = (a, b)
        return name, members_a | members_b

    build(tree, top)
    return fresh


def _as_path(root: int, children: dict[int, tuple[int, int]], count: int) -> Path:
    """Write a tree as a path, one subtree after the other, so that little is held at a time."""
    path: list[tuple[int, int]] = []
    names: dict[int, int] = {}
    stack: list[tuple[int, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if node < count and node not in children:
            names[node] = node
        elif ready:
            a, b = children[node]
            path.append((names[a], names[b]))
            names[node] = count + len(path) - 1
        else:
            stack.append((node, True))
            stack += [(child, False) for child in children[node]]
    return tuple(path)

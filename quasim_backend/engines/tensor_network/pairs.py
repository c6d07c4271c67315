"""Contraction of two tensors as one product of matrices.

The indices of a pair are of four kinds: *batch* (in both and in the result), *inner* (in both and
not in the result), *left* and *right*. With axes brought into these groups a contraction is
``(batch, left, inner) @ (batch, inner, right)``, which BLAS does. Bringing axes into order costs as
much as reading and writing the tensor, so each result's axes are ordered, within the freedom that
the groups leave, as the next contraction wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quasim_backend.engines.tensor_network.network import Array, Indices

__all__ = ["Order", "Pair", "planned_pairs"]

_FEW = 8
"""Inner size up to which many small products are done by multiplying and adding whole batches."""
_SMALL = 256
"""Entries of one product up to which that pays."""


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """A new order of axes of size 2, in which axes that stay side by side are taken as one.

    Few and long axes are faster to bring into order, and devices' arrays have 25 axes at most.

    Attributes:
        shape: Of the array, neighbours joined.
        axes: The new order of these.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]

    @classmethod
    def of(cls, order: Sequence[int]) -> Order | None:
        """Return a new order of single axes, or None if it is the one they have."""
        runs: list[list[int]] = []
        for axis in order:
            if runs and runs[-1][-1] == axis - 1:
                runs[-1].append(axis)
            else:
                runs.append([axis])
        if len(runs) <= 1:
            return None
        before = sorted(range(len(runs)), key=lambda r: runs[r][0])
        axes = [0] * len(runs)
        for place, run in enumerate(before):
            axes[run] = place
        return cls(tuple(1 << len(runs[r]) for r in before), tuple(axes))

    def __call__(self, array: Array) -> Array:
        """Return a contiguous array of any shape with its axes in the new order."""
        return array.reshape(self.shape).transpose(self.axes)

    def back(self, array: Array) -> Array:
        """Return an array in the new order with its axes in the old one."""
        places = [0] * len(self.axes)
        for place, axis in enumerate(self.axes):
            places[axis] = place
        shape = tuple(self.shape[axis] for axis in self.axes)
        return array.reshape(shape).transpose(tuple(places))


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """A planned contraction of arrays ``a`` and ``b`` of axes of size 2.

    Attributes:
        order_a: New order of the axes of ``a``; None if it is right.
        shape_a: (batch, left, inner); (left, inner) without batch.
        order_b: As ``order_a``.
        shape_b: (batch, inner, right); (inner, right) without batch.
    """

    order_a: Order | None
    shape_a: tuple[int, ...]
    order_b: Order | None
    shape_b: tuple[int, ...]

    def __call__(self, a: Array, b: Array) -> Array:
        """Return the contraction, axes joined; ``a`` and ``b``, of any shape, are not changed."""
        return _product(self._first(a), self._second(b))

    def adjoint_a(self, cotangent: Array, b: Array) -> Array:
        """Return the derivative by ``a``, given the one by the result; no array is conjugated."""
        product = _product(self._matrices(cotangent), self._second(b).swapaxes(-1, -2))
        return product if self.order_a is None else self.order_a.back(product)

    def adjoint_b(self, cotangent: Array, a: Array) -> Array:
        """Return the derivative by ``b``, given the one by the result."""
        product = _product(self._first(a).swapaxes(-1, -2), self._matrices(cotangent))
        return product if self.order_b is None else self.order_b.back(product)

    def _first(self, a: Array) -> Array:
        return (a if self.order_a is None else self.order_a(a)).reshape(self.shape_a)

    def _second(self, b: Array) -> Array:
        return (b if self.order_b is None else self.order_b(b)).reshape(self.shape_b)

    def _matrices(self, result: Array) -> Array:
        return result.reshape((*self.shape_a[:-1], self.shape_b[-1]))


def planned_pairs(
    tensors: Sequence[Indices], path: Sequence[tuple[int, int]], output: Indices
) -> tuple[list[tuple[int, int, Pair]], Indices]:
    """Plan all contractions of a path.

    Args:
        tensors: Indices of the tensors, in the order of their axes.
        path: Pairs of tensor numbers; contraction ``s`` makes tensor ``len(tensors) + s``.
        output: Indices of the result, as the caller wants them.

    Returns:
        ``(a, b, pair)`` for each contraction, and the indices of the result as they come.
    """
    sets = contracted(tensors, path, output)
    count = len(tensors)
    wanted: list[Indices] = [*tensors, *[()] * len(path)]
    if path:
        wanted[-1] = output
    inner_orders: list[Indices] = [()] * len(path)
    swapped: list[tuple[int, int]] = list(path)
    # From the end to the start: every contraction hands its wishes to what it takes.
    for step in reversed(range(len(path))):
        a, b = path[step]
        result = sets[count + step]
        wishes = [i for i in wanted[count + step] if i in result]
        batch = [i for i in wishes if i in sets[a] and i in sets[b]]
        rest = [i for i in wishes if i not in batch]
        if rest and rest[0] in sets[b]:
            a, b = b, a
        left = [i for i in rest if i in sets[a]]
        right = [i for i in rest if i in sets[b]]
        # A tensor of the network is as it is; let the other one follow.
        given = a if a < count else b
        big = tensors[given] if given < count else tuple(sorted(sets[a]))
        inner = [i for i in big if i in sets[a] and i in sets[b] and i not in result]
        swapped[step] = (a, b)
        inner_orders[step] = tuple(inner)
        wanted[count + step] = (*batch, *left, *right)
        if a >= count:
            wanted[a] = (*batch, *left, *inner)
        if b >= count:
            wanted[b] = (*batch, *inner, *right)
    # From the start to the end: what the wishes became.
    actual: list[Indices] = [*tensors]
    pairs: list[tuple[int, int, Pair]] = []
    for (a, b), summed, wish in zip(swapped, inner_orders, wanted[count:], strict=True):
        one, two = set(actual[a]), set(actual[b])
        groups = (
            [i for i in wish if i in one and i in two],
            [i for i in wish if i in one and i not in two],
            [*summed],
            [i for i in wish if i not in one],
        )
        pairs.append((a, b, _pair(actual[a], actual[b], *groups)))
        actual.append((*groups[0], *groups[1], *groups[3]))
    return pairs, actual[-1]


def contracted(
    tensors: Sequence[Indices], path: Sequence[tuple[int, int]], output: Indices
) -> list[frozenset[int]]:
    """Return the indices of all tensors of a path, the given ones first."""
    sets = [frozenset(indices) for indices in tensors]
    uses: dict[int, int] = dict.fromkeys(output, 1)
    for indices in sets:
        for i in indices:
            uses[i] = uses.get(i, 0) + 1
    for a, b in path:
        both = sets[a] & sets[b]
        done = {i for i in both if uses[i] == 2}
        for i in both:
            uses[i] -= 1
        sets.append((sets[a] | sets[b]) - done)
    return sets


def _pair(
    first: Indices,
    second: Indices,
    batch: list[int],
    left: list[int],
    inner: list[int],
    right: list[int],
) -> Pair:
    sizes = [1 << len(group) for group in (batch, left, inner, right)]
    b, m, k, n = sizes
    plain = b == 1
    return Pair(
        _order(first, [*batch, *left, *inner]),
        (m, k) if plain else (b, m, k),
        _order(second, [*batch, *inner, *right]),
        (k, n) if plain else (b, k, n),
    )


def _product(a: Array, b: Array) -> Array:
    """Return products of matrices, one or a batch, with operators that devices' arrays have too."""
    if a.ndim == 2 or a.shape[2] > _FEW or a.shape[1] * b.shape[2] > _SMALL:
        return a @ b
    result = a[:, :, 0, None] * b[:, None, 0, :]
    for k in range(1, a.shape[2]):
        result += a[:, :, k, None] * b[:, None, k, :]
    return result


def _order(now: Indices, then: Sequence[int]) -> Order | None:
    return Order.of([now.index(i) for i in then])

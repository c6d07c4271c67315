"""Channels that meet, with nothing between them, as one: fewer places where noise is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.canonical_channels import canonical_channel
from quasim_backend.compile.superoperators import cost, superoperator
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    Delay,
    GateOp,
    Initialize,
    Instruction,
    Measure,
    Reset,
)

__all__ = ["merged"]

_NEGLIGIBLE = 1e-12
"""Singular values up to this, relative to the largest, are rounding errors."""

_DIGITS = 10
"""Entries of equal unitaries agree to so many digits."""

_WIDEST = 2
"""Qubits of a merged channel; wider ones have too many operators to choose from."""


def merged(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Return instructions with the same effect, in which channels have absorbed their neighbours.

    Two channels meet if one acts on all qubits of the other and nothing acts between them on the
    qubits that they share. They become one where that costs nothing: the product has at most
    ``4**k`` operators, unitary ones if those of both are, and takes a density matrix no longer than
    both do. A channel of one operator is a gate, which engines fuse with others, and stays.
    """
    kept: list[Instruction | None] = []
    last: dict[int, int] = {}  # of each qubit, the place in `kept` of what acted on it last
    start = 0  # nothing that comes before acts on all qubits from here on
    products = _Products()
    for instruction in instructions:
        if not isinstance(instruction, ChannelOp):
            if isinstance(instruction, GateOp | Measure | Reset | Initialize):
                if not isinstance(instruction, GateOp) or instruction.gate.name != "id":
                    last.update(dict.fromkeys(instruction.qubits, len(kept)))
            elif not isinstance(instruction, Barrier | Delay):
                start = len(kept) + 1
            kept.append(instruction)
            continue
        op, absorbed = instruction, False
        while not absorbed and (found := _met(op, kept, last, start, products)) is not None:
            place, product = found
            absorbed = len(product.qubits) > len(op.qubits)
            kept[place] = product if absorbed else None
            op = product
        if not absorbed:
            last.update(dict.fromkeys(op.qubits, len(kept)))
            kept.append(op)
    return [instruction for instruction in kept if instruction is not None]


def _met(
    op: ChannelOp,
    kept: Sequence[Instruction | None],
    last: Mapping[int, int],
    start: int,
    products: _Products,
) -> tuple[int, ChannelOp] | None:
    """Return the place of an earlier channel, from ``start`` on, and its product with a later one.

    None if there is no earlier one to be merged with. The product acts on the qubits of the wider.
    """
    for place in sorted({last.get(q, -1) for q in op.qubits}, reverse=True):
        earlier = kept[place] if place >= start else None
        if not isinstance(earlier, ChannelOp):
            continue
        wide, other = earlier.qubits, op.qubits
        if len(wide) <= len(other):
            wide, other = other, wide
        if not {*other} <= {*wide} or any(last.get(q) != place for q in other):
            continue
        product = products.of(earlier, op, wide)
        if product is not None:
            return place, ChannelOp(product, wide)
    return None


class _Products:
    """Products of channels; the same few channels meet in many places."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Channel | None] = {}
        self._alive: list[Channel] = []  # those whose id is in a key

    def of(self, earlier: ChannelOp, later: ChannelOp, wide: tuple[int, ...]) -> Channel | None:
        """Return two channels as one on the qubits ``wide``, or None if they are to stay two."""
        first, second = (tuple(map(wide.index, op.qubits)) for op in (earlier, later))
        key = (id(earlier.channel), id(later.channel), first, second)
        if key not in self._known:
            self._alive += [earlier.channel, later.channel]
            self._known[key] = _product(earlier.channel, first, later.channel, second)
        return self._known[key]


def _product(
    earlier: Channel, first: tuple[int, ...], later: Channel, second: tuple[int, ...]
) -> Channel | None:
    """Return the product of channels that act on the places ``first`` and ``second``, see above."""
    width, name = max(len(first), len(second)), f"{earlier.name}+{later.name}"
    if width > _WIDEST or min(len(earlier.operators), len(later.operators)) == 1:
        return None
    before = np.array([_on(k, first, width) for k in earlier.operators])
    after = np.array([_on(k, second, width) for k in later.operators])
    rows = (after[:, None] @ before).reshape(-1, 4**width)
    weights = np.outer(_weights(later), _weights(earlier)).reshape(-1)
    if earlier.probabilities is not None and later.probabilities is not None:
        # Unitaries that are equal up to a phase are one.
        turned = rows / _phases(rows)[:, None]
        rounded = np.round(turned.view(np.float64), _DIGITS) + 0.0
        _, firsts, groups = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
        if len(firsts) > 4**width:
            return None
        shares = np.bincount(groups.reshape(-1), weights / weights.sum())
        both = Channel.mixture(shares.tolist(), rows[firsts].reshape(-1, 2**width, 2**width), name)
    else:
        # Kraus operators that a unitary mixes are the same channel; so the fewest are found.
        _, sizes, vectors = np.linalg.svd(np.sqrt(weights)[:, None] * rows, full_matrices=False)
        pairs = zip(sizes, vectors.reshape(-1, 2**width, 2**width), strict=True)
        both = Channel.kraus([s * v for s, v in pairs if s > _NEGLIGIBLE * sizes[0]], name)
    simple = canonical_channel(both)
    if simple is None:
        return None
    apart = cost(superoperator(earlier)) + cost(superoperator(later))
    return simple if cost(superoperator(simple)) <= apart else None


def _weights(channel: Channel) -> NDArray[np.float64]:
    """Return what ``K rho K^dagger`` of each operator is to be multiplied by."""
    return (
        np.ones(len(channel.operators))
        if channel.probabilities is None
        else np.array(channel.probabilities)
    )


def _phases(rows: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the phase ``(m,)`` of the first entry of each row that is not small."""
    sizes = np.abs(rows)
    first = np.argmax(sizes > 0.3 * sizes.max(axis=1, keepdims=True), axis=1)
    entries = rows[np.arange(len(rows)), first]
    return np.asarray(entries / np.abs(entries))


def _on(
    operator: NDArray[np.complex128], places: tuple[int, ...], width: int
) -> NDArray[np.complex128]:
    """Return an operator on ``width`` qubits, of which it acts on those at ``places``."""
    index = np.arange(1 << width)
    own = np.zeros_like(index)
    for i, p in enumerate(places):
        own |= (index >> p & 1) << i
    rest = index & ~sum(1 << p for p in places)
    return np.where(rest[:, None] == rest, operator[np.ix_(own, own)], 0)

"""Plans of Pauli sums: strings grouped by X mask, in the kernels' words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.pauli_tilings import Masks, PauliTilings, counts_from, starts

__all__ = ["ProductPlan", "SumPlan", "plan_product", "plan_sums"]

_IMAGINARY_SHIFT = np.uint64(15)
_BELOW_SHIFT = np.uint64(16)
_RUN_SHIFT = np.uint64(48)

_HALF_TERMS = 1024
"""Terms of half a transform. More than a transform costs, so that cutting there is cheap."""

_LAUNCH_TERMS = 2048
"""Terms after which a launch ends: it has at most twice as many, which bounds its sums."""

_GROUP_TERMS = 4096
"""Terms of a group: what a word has room to count."""

_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class SumPlan:
    """How `pauli_expectations` runs.

    Attributes:
        tilings: What is read together.
        terms: uint64 ``(terms,)``: words for the kernels, by transform.
        order: int64 ``(terms,)``: which string each term is.
        factors: float64 ``(terms,)``: what its sum is multiplied by.
        transforms: uint32 ``(transforms, 4)``: two X masks, first and last term of the launch.
        launches: int64 ``(launches, 5)``: tiling; first and last transform; first and last term.
    """

    tilings: PauliTilings
    terms: Masks
    order: _Numbers
    factors: NDArray[np.float64]
    transforms: NDArray[np.uint32]
    launches: _Numbers


@dataclass(frozen=True)
class ProductPlan:
    """How `apply_pauli_sum` runs.

    Attributes:
        tilings: What is read together.
        terms: uint64 ``(terms,)``: words for the kernels, by group and place.
        weights: float64 ``(terms,)``.
        groups: uint32 ``(groups, 3)``: X mask, first and last term.
        launches: int64 ``(launches, 3)``: tiling; first and last group.
    """

    tilings: PauliTilings
    terms: Masks
    weights: NDArray[np.float64]
    groups: NDArray[np.uint32]
    launches: _Numbers


def plan_sums(x_masks: Masks, z_masks: Masks, num_qubits: int, dtype: np.dtype[Any]) -> SumPlan:
    """Plan expectation values of at least one string.

    Args:
        x_masks: uint64 ``(strings,)``.
        z_masks: uint64 ``(strings,)``.
        num_qubits: Width of the states.
        dtype: complex64 or complex128.
    """
    tilings = PauliTilings.of(x_masks, num_qubits, dtype)
    half_bit = np.uint64(tilings.place_bits - 1)
    ys = np.bitwise_count(x_masks & z_masks).astype(np.uint64)
    odd = ys & np.uint64(1)
    x_places = tilings.x_places(x_masks)
    whole = x_places == 0

    # Pieces: the terms of half a transform.
    order = np.lexsort((odd, x_masks, tilings.number))
    first = starts(tilings.number[order], x_masks[order], odd[order])
    first |= counts_from(first) % _HALF_TERMS == 0
    heads = np.flatnonzero(first)
    sizes = np.diff(heads, append=len(order))
    # Small ones next to each other: their sums need no full transform.
    some = order[heads]
    by_size = np.lexsort((sizes, whole[some], tilings.number[some]))
    some, sizes = some[by_size], sizes[by_size]

    # Transforms: two pieces, or the one of a diagonal string.
    rank = counts_from(starts(tilings.number[some], whole[some]))
    second = (rank % 2 == 1) & ~whole[some]
    opens = np.flatnonzero(~second)
    ends = np.cumsum(sizes)[np.append(opens[1:], len(some)) - 1]
    begins = np.append(0, ends[:-1])

    place = np.argsort(by_size)[np.cumsum(first) - 1]
    moved = np.argsort(place, kind="stable")
    order, slot = order[moved], second[place[moved]].astype(np.uint64)

    below = _bits_below(np.where(whole, np.uint64(1) << half_bit, x_places))
    words = x_places | odd << _IMAGINARY_SHIFT | below << _BELOW_SHIFT
    other = np.where(np.append(second[1:], False), np.arange(len(some)) + 1, np.arange(len(some)))
    transforms = np.column_stack([words[some][opens], words[some][other[opens]], begins, ends])

    # Launches end with their tiling, or with their share of terms.
    tiling = tilings.number[some][opens]
    fresh = starts(tiling)
    behind = begins - begins[np.maximum.accumulate(np.where(fresh, np.arange(len(opens)), 0))]
    cut = np.flatnonzero(starts(tiling, behind // _LAUNCH_TERMS))
    after = np.append(cut[1:], len(opens))
    launches = np.column_stack([tiling[cut], cut, after, begins[cut], ends[after - 1]])
    offset = np.repeat(begins[cut], after - cut).astype(np.uint64)
    transforms[:, 2:] -= offset[:, None]

    # The bit that tells partners apart is left out of the places of a half.
    z_places = tilings.z_places(z_masks)
    halved = (z_places & below) | (z_places >> np.uint64(1) & ~below)
    z_places = np.where(whole, z_places, halved)
    terms = tilings.terms(z_masks, z_places)[order] | slot << half_bit + np.uint64(36)
    factors = np.where(ys & np.uint64(2), -1.0, 1.0) * np.where(whole, 1.0, 2.0)
    return SumPlan(tilings, terms, order, factors[order], transforms.astype(np.uint32), launches)


def _bits_below(masks: Masks) -> Masks:
    """Return the bits below each mask's highest one; masks have up to 16 bits, one at least."""
    for shift in (1, 2, 4, 8):
        masks = masks | masks >> np.uint64(shift)
    return masks >> np.uint64(1)


def plan_product(
    x_masks: Masks,
    z_masks: Masks,
    weights: NDArray[np.complex128],
    num_qubits: int,
    dtype: np.dtype[Any],
) -> ProductPlan:
    """Plan the product of a sum of strings and a state. Weights of zero are left out.

    Args:
        x_masks: uint64 ``(strings,)``.
        z_masks: uint64 ``(strings,)``.
        weights: complex128 ``(strings,)``.
        num_qubits: Width of the states.
        dtype: complex64 or complex128.
    """
    # Exact, unlike a product with the power of a complex number.
    turned = np.choose(
        np.bitwise_count(x_masks & z_masks) % 4,
        [
            [weights.real, weights.imag],
            [weights.imag, -weights.real],
            [-weights.real, -weights.imag],
            [-weights.imag, weights.real],
        ],
    )
    imaginary, string = np.nonzero(turned)
    values = turned[imaginary, string]
    x_masks, z_masks = x_masks[string], z_masks[string]
    tilings = PauliTilings.of(x_masks, num_qubits, dtype)
    places = tilings.z_places(z_masks)
    terms = tilings.terms(z_masks, places)
    flips = tilings.x_places(x_masks) | imaginary.astype(np.uint64) << _IMAGINARY_SHIFT

    order = np.lexsort((places, imaginary, x_masks, tilings.number))
    number = tilings.number[order]
    first = starts(number, x_masks[order], imaginary[order])
    first |= counts_from(first) % _GROUP_TERMS == 0
    group = np.cumsum(first)
    heads = np.flatnonzero(first)
    groups = np.column_stack([flips[order][heads], heads, np.append(heads[1:], len(order))])

    lone = np.flatnonzero(starts(group, places[order]))
    runs = np.zeros(len(order), np.uint64)
    runs[lone] = np.diff(lone, append=len(order))

    cut = np.flatnonzero(starts(number[heads]))
    launches = np.column_stack([number[heads][cut], cut, np.append(cut[1:], len(heads))])
    return ProductPlan(
        tilings,
        terms[order] | runs << _RUN_SHIFT,
        values[order],
        groups.astype(np.uint32),
        launches,
    )

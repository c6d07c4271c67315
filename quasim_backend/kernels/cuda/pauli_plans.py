"""Plans of Pauli sums: strings grouped by X mask, in the kernels' words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.pauli_tilings import PLACE_SHIFT, Masks, PauliTilings

__all__ = ["ProductPlan", "SumPlan", "plan_product", "plan_sums"]

_IMAGINARY_SHIFT = np.uint64(15)
_BELOW_SHIFT = np.uint64(16)
_RUN_SHIFT = np.uint64(48)

_HALF_TERMS = 1024
"""Terms of half a transform. They cost more than it does, so that cutting there is cheap."""

_LAUNCH_TERMS = 2048
"""Terms after which a launch ends: it has at most twice as many, which bounds its sums."""

_GROUP_TERMS = 4096
"""Terms of a group: what a word has room to count."""

_Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class SumPlan:
    """How `pauli_expectations` runs.

    Attributes:
        tilings: What is read together.
        terms: uint64 ``(terms,)``: words for the kernels, by transform.
        order: int64 ``(terms,)``: which string each term is.
        factors: float64 ``(terms,)``: what its sum is multiplied by.
        transforms: uint32 ``(transforms, 4)``: two X masks; first term within the launch, the one
            after the last.
        launches: int64 ``(launches, 5)``: tiling; first transform, the one after the last; first
            term, the one after the last.
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
        groups: uint32 ``(groups, 3)``: X mask; first term, the one after the last.
        launches: int64 ``(launches, 4)``: tiling; first group; first with real weights, those
            before it having imaginary ones; the group after the last.
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
    whole = x_masks == 0
    # The bit that tells partners apart, x's highest, is left out of the places of a half.
    below = _bits_below(np.where(whole, np.uint64(1) << half_bit, x_places))

    # A half of a transform is the strings with one X mask and one parity of Y's.
    order = np.lexsort((odd, x_masks, tilings.number))
    heads, sizes = _runs(_HALF_TERMS, tilings.number[order], x_masks[order], odd[order])
    some = order[heads]
    # Small halves meet small ones: what both need is added up without a full transform.
    by_size = np.lexsort((sizes, whole[some], tilings.number[some]))
    some, sizes, heads = some[by_size], sizes[by_size], heads[by_size]
    upper = (_ranks(tilings.number[some], whole[some]) % 2 == 1) & ~whole[some]
    order = order[np.repeat(heads - (np.cumsum(sizes) - sizes), sizes) + np.arange(len(order))]
    slots = np.repeat(upper, sizes).astype(np.uint64)

    lower = np.flatnonzero(~upper)
    alone = np.diff(lower, append=len(some)) == 1
    flips = x_places | odd << _IMAGINARY_SHIFT | below << _BELOW_SHIFT
    # One without a partner is its own.
    pairs = flips[np.stack([some[lower], some[lower + ~alone]], axis=1)]
    begins = (np.cumsum(sizes) - sizes)[lower]
    ends = np.append(begins[1:], len(order))

    number = tilings.number[some[lower]]
    behind = begins - begins[np.arange(len(lower)) - _ranks(number)]
    first, count = _runs(None, number, behind // _LAUNCH_TERMS)
    launches = np.stack(
        [number[first], first, first + count, begins[first], ends[first + count - 1]], axis=1
    )
    offset = np.repeat(begins[first], count)
    spans = np.stack([begins - offset, ends - offset], axis=1)

    places = tilings.z_places(z_masks)
    halved = (places & below) | (places >> np.uint64(1) & ~below)
    terms = tilings.terms(z_masks, np.where(whole, places, halved))
    factors = np.where(ys & np.uint64(2), -1.0, 1.0) * np.where(whole, 1.0, 2.0)
    return SumPlan(
        tilings,
        terms[order] | slots << half_bit + PLACE_SHIFT,
        order,
        factors[order],
        np.hstack([pairs.astype(np.uint32), spans.astype(np.uint32)]),
        launches,
    )


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
    # Times (-i)^m, m being the number of Y's; exact, unlike a power of a complex number.
    re, im = weights.real, weights.imag
    ys = np.bitwise_count(x_masks & z_masks) % 4
    parts = np.choose(ys, [[re, im], [im, -re], [-re, -im], [-im, re]])
    imaginary, string = np.nonzero(parts)
    values, x_masks, z_masks = parts[imaginary, string], x_masks[string], z_masks[string]

    tilings = PauliTilings.of(x_masks, num_qubits, dtype)
    places = tilings.z_places(z_masks)
    terms = tilings.terms(z_masks, places)
    order = np.lexsort((places, x_masks, -imaginary, tilings.number))
    heads, sizes = _runs(_GROUP_TERMS, tilings.number[order], imaginary[order], x_masks[order])
    some = order[heads]
    groups = np.stack(
        [tilings.x_places(x_masks)[some].astype(np.int64), heads, heads + sizes], axis=1
    )

    group = np.repeat(np.arange(len(heads)), sizes)
    same_place, length = _runs(None, group, places[order])
    runs = np.zeros(len(order), np.uint64)
    runs[same_place] = length

    first, count = _runs(None, tilings.number[some])
    turned = np.append(0, np.cumsum(imaginary[some]))
    first_real = first + turned[first + count] - turned[first]
    launches = np.stack([tilings.number[some[first]], first, first_real, first + count], axis=1)
    return ProductPlan(
        tilings,
        terms[order] | runs << _RUN_SHIFT,
        values[order],
        groups.astype(np.uint32),
        launches,
    )


def _bits_below(masks: Masks) -> Masks:
    """Return the bits below each mask's highest one; masks have up to 16 bits, one at least."""
    for shift in (1, 2, 4, 8):
        masks = masks | masks >> np.uint64(shift)
    return masks >> np.uint64(1)


def _ranks(*keys: NDArray[Any]) -> _Numbers:
    """Return how far each entry is behind the first of its run of equal keys: int64 ``(n,)``."""
    index = np.arange(len(keys[0]))
    differs = np.zeros(len(index), np.bool_)
    for key in keys:
        differs[1:] |= key[1:] != key[:-1]
    return index - np.maximum.accumulate(np.where(differs, index, 0))


def _runs(longest: int | None, *keys: NDArray[Any]) -> tuple[_Numbers, _Numbers]:
    """Return where runs of equal keys start and how long they are; cut where they are too long."""
    ranks = _ranks(*keys)
    first = np.flatnonzero(ranks == 0 if longest is None else ranks % longest == 0)
    return first, np.diff(first, append=len(ranks))

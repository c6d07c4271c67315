"""Channels as primitives on the bits of a density matrix; see `quasim_backend.ir.doubled`.

A channel is one matrix on vectors ``vec[i + (j << k)] = rho[i, j]``: its superoperator. Most
channels keep ``x = i xor j``, whose bits say where row and column differ: Pauli channels, damping,
relaxation. After a CX from each row bit to its column bit they are ``2**k`` small blocks, one for
each ``x``; a two-qubit channel then costs a quarter of its 16 x 16 matrix or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import NoisyStep, Site
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.doubled import doubled
from quasim_backend.ir.program import Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained, reordered

__all__ = ["append_superoperator", "noisy_program", "superoperator"]

Matrix: TypeAlias = NDArray[np.complex128]

_Placed: TypeAlias = tuple[Channel | Matrix, tuple[int, ...]]
"""A superoperator, or a channel of one operator, and its qubits."""

_ZERO = 1e-15
"""Entries up to here are rounding of a zero; the largest entry of a channel is about 1."""


def superoperator(channel: Channel) -> Matrix:
    """Return the matrix of a channel on column-stacked density matrices.

    Returns:
        complex128 ``(4**k, 4**k)``: ``sum conj(K) (x) K``, so that entry
        ``[i + (j << k), a + (b << k)]`` is the weight of ``rho[a, b]`` in ``rho'[i, j]``.
    """
    weights = channel.probabilities or (1.0,) * len(channel.operators)
    terms = (p * np.kron(k.conj(), k) for p, k in zip(weights, channel.operators, strict=True) if p)
    return np.asarray(sum(terms), np.complex128)


def noisy_program(step: NoisyStep) -> Program:
    """Return gates and channels of a step as one program on ``2n`` bits, with its parameters.

    Channels at one place are multiplied together where that makes them cheaper.

    Raises:
        UnsupportedError: If ``2n`` exceeds `quasim_backend.ir.program.MAX_QUBITS`.
    """
    gates = doubled(step.program)
    builder = ProgramBuilder(gates.num_qubits)
    places: list[int] = []
    for place in sorted({site.place for site in step.sites}):
        for channel, qubits in _merged([site for site in step.sites if site.place == place]):
            before = len(builder)
            _append(builder, channel, qubits)
            places += [place] * (len(builder) - before)
    both = chained([gates, builder.build()])
    # A channel comes before the two primitives that stand for the one at its place.
    keys = np.concatenate([np.arange(len(gates)) + 0.5, 2 * np.array(places)])
    return reordered(both, np.argsort(keys, kind="stable"))


def append_superoperator(builder: ProgramBuilder, matrix: Matrix, qubits: Sequence[int]) -> None:
    """Append a superoperator as the cheapest exact primitives there are for it.

    Args:
        builder: Of a program of ``2n`` qubits.
        matrix: As `superoperator` returns it.
        qubits: Rows' bits, below ``n``; the first is the lowest index bit.
    """
    shift = builder.num_qubits // 2
    both = (*qubits, *(q + shift for q in qubits))
    if _is_diagonal(matrix):
        if not np.array_equal(matrix, np.eye(len(matrix))):
            builder.diagonal(both, matrix.diagonal())
        return
    blocks = None if len(qubits) == 1 else _blocks(matrix)
    if blocks is None:  # the planner fuses a matrix on two bits with the gates around it
        builder.matrix(both, matrix)
        return
    _append_differences(builder, qubits)
    factors = np.ones(blocks.shape[:2], np.complex128)
    for x, block in enumerate(blocks):
        if _is_diagonal(block):
            factors[x] = block.diagonal()
            continue
        differ = [q + shift for q in qubits]
        value = sum(1 << q for i, q in enumerate(differ) if x >> i & 1)
        builder.matrix(qubits, block, sum(1 << q for q in differ), value)
    if (factors == factors[:, :1]).all():
        both, factors = both[len(qubits) :], factors[:, :1]
    if (factors != 1).any():
        builder.diagonal(both, factors.reshape(-1))
    _append_differences(builder, qubits)


def _append(builder: ProgramBuilder, channel: Channel | Matrix, qubits: Sequence[int]) -> None:
    """Append a superoperator, or a channel of one operator as that on rows and on columns."""
    if not isinstance(channel, Channel):
        append_superoperator(builder, channel, qubits)
        return
    (operator,) = channel.kraus_operators()
    shift = builder.num_qubits // 2
    builder.matrix(qubits, operator)
    builder.matrix([q + shift for q in qubits], operator.conj())


def _append_differences(builder: ProgramBuilder, qubits: Sequence[int]) -> None:
    """Append CX from each row bit to its column bit, which then says whether the two differ."""
    shift = builder.num_qubits // 2
    for q in qubits:
        builder.permutation((q + shift,), np.array([1, 0], np.int64), 1 << q, 1 << q)


def _merged(sites: Sequence[Site]) -> list[_Placed]:
    """Multiply channels that follow each other where the product costs less than its factors."""
    done: list[_Placed] = []
    for site in sites:
        entry: _Placed = superoperator(site.channel), site.qubits
        if len(site.channel.operators) == 1 and len(site.qubits) > 1:
            entry = site.channel, site.qubits
        place = len(done)
        while (found := _product(done[:place], entry)) is not None:
            # Those after the earlier channel do not touch the qubits of the later one.
            place, entry = found
            del done[place]
        done.insert(place, entry)
    return done


def _product(done: Sequence[_Placed], entry: _Placed) -> tuple[int, _Placed] | None:
    """Return the last channel that meets another one, as its number, and their product.

    None if there is none, if neither acts on all qubits of both, or if the product costs more.
    """
    later, qubits = entry
    for number in reversed(range(len(done))):
        earlier, others = done[number]
        if set(others).isdisjoint(qubits):
            continue
        wide = max(others, qubits, key=len)
        if (
            isinstance(earlier, Channel)
            or isinstance(later, Channel)
            or {*others, *qubits} > {*wide}
        ):
            return None
        product = _embedded(later, qubits, wide) @ _embedded(earlier, others, wide)
        return (
            (number, (product, wide)) if _cost(product) <= _cost(later) + _cost(earlier) else None
        )
    return None


def _embedded(matrix: Matrix, qubits: Sequence[int], wide: Sequence[int]) -> Matrix:
    """Return a superoperator on more qubits, on which it does nothing."""
    width = len(wide)
    rows = [wide.index(q) for q in qubits]
    places = [*rows, *(p + width for p in rows)]
    index = np.arange(1 << 2 * width)
    own = np.zeros_like(index)
    for i, p in enumerate(places):
        own |= (index >> p & 1) << i
    rest = index & ~sum(1 << p for p in places)
    return np.where(rest[:, None] == rest, matrix[np.ix_(own, own)], 0)


def _blocks(matrix: Matrix) -> Matrix | None:
    """Return the block of each ``x``, ``(2**k, 2**k, 2**k)``, or None if they mix."""
    size = round(len(matrix) ** 0.5)
    index = np.arange(size)
    # Where the pairs (row, row ^ x) are, with the rows of one x together.
    order = (index + size * (index ^ index[:, None])).reshape(-1)
    tensor = matrix[np.ix_(order, order)].reshape(size, size, size, size)
    blocks = tensor[index, :, index].copy()
    tensor[index, :, index] = 0
    if np.abs(tensor).max() > _ZERO:
        return None
    blocks[np.abs(blocks) <= _ZERO] = 0
    return blocks


def _is_diagonal(matrix: Matrix) -> bool:
    return bool(np.abs(matrix - np.diag(matrix.diagonal())).max() <= _ZERO)


def _cost(matrix: Matrix) -> float:
    """Return about how many real multiply-adds an amplitude takes; `append_superoperator`."""
    if _is_diagonal(matrix):
        return 4.0
    blocks = _blocks(matrix)
    if blocks is None or len(matrix) == 4:
        return 4.0 * len(matrix)
    dense = sum(not _is_diagonal(block) for block in blocks)
    return 4.0 * dense + 8.0

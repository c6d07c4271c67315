"""Channels as primitives on the bits of a density matrix; see `quasim_backend.ir.doubled`.

A channel is one matrix on vectors ``vec[i + (j << k)] = rho[i, j]``: its superoperator. Most
channels keep ``x = i xor j``, whose bits say where row and column differ: Pauli channels, damping,
relaxation. After a CX from each row bit to its column bit they are ``2**k`` small blocks, one for
each ``x``; a two-qubit channel then costs a quarter of its 16 x 16 matrix or less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import NoisyStep, Site
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.doubled import doubled
from quasim_backend.ir.program import Program, ProgramBuilder
from quasim_backend.ir.program_parts import chained, reordered

__all__ = ["append_superoperator", "cost", "noisy_program", "superoperator"]

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
    operators = np.array(channel.operators)
    weights = np.ones(len(operators)) if channel.probabilities is None else channel.probabilities
    weighted = np.array(weights)[:, None, None] * operators
    size = len(operators[0])
    # One product of matrices: rows (j, b) by columns (i, a).
    total = operators.conj().reshape(-1, size * size).T @ weighted.reshape(-1, size * size)
    tensor = total.reshape((size,) * 4).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tensor).reshape(size * size, size * size)


def noisy_program(step: NoisyStep) -> Program:
    """Return gates and channels of a step as one program on ``2n`` bits, with its parameters.

    Channels at one place are multiplied together where that makes them cheaper.

    Raises:
        UnsupportedError: If ``2n`` exceeds `quasim_backend.ir.program.MAX_QUBITS`.
    """
    gates = doubled(step.program)
    builder = ProgramBuilder(gates.num_qubits)
    places: list[int] = []
    # By identity: the same few channels act in many places.
    matrices = {id(site.channel): superoperator(site.channel) for site in step.sites}
    forms = {id(matrix): _form(matrix) for matrix in matrices.values()}
    at_place: dict[int, list[Site]] = {}
    for site in step.sites:
        at_place.setdefault(site.place, []).append(site)
    for place in sorted(at_place):
        for channel, qubits in _merged(at_place[place], matrices):
            before = len(builder)
            if isinstance(channel, Channel):
                _append_single(builder, channel, qubits)
            else:
                _append_form(builder, forms.get(id(channel)) or _form(channel), qubits)
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
    _append_form(builder, _form(matrix), qubits)


class _Form(NamedTuple):
    """A superoperator taken apart.

    Attributes:
        whole: The matrix on rows' and columns' bits, if it stays whole.
        blocks: Matrices on the rows' bits, each with the ``x`` where it acts, after the CX.
        factors: What the rest is multiplied by: ``(4**k,)`` on rows' and columns' bits, ``(2**k,)``
            on the columns' bits; None for nothing.
    """

    whole: Matrix | None = None
    blocks: tuple[tuple[int, Matrix], ...] = ()
    factors: Matrix | None = None


def _form(matrix: Matrix) -> _Form:
    if _is_diagonal(matrix):
        factors = matrix.diagonal()
        return _Form(factors=None if (factors == 1).all() else factors)
    blocks = None if len(matrix) == 4 else _blocks(matrix)
    if blocks is None:  # the planner fuses a matrix on two bits with the gates around it
        return _Form(whole=matrix)
    dense: list[tuple[int, Matrix]] = []
    factors = np.ones(blocks.shape[:2], np.complex128)
    for x, block in enumerate(blocks):
        if _is_diagonal(block):
            factors[x] = block.diagonal()
        else:
            dense.append((x, block))
    if (factors == factors[:, :1]).all():
        factors = factors[:, :1]
    return _Form(None, tuple(dense), None if (factors == 1).all() else factors.reshape(-1))


def _append_form(builder: ProgramBuilder, form: _Form, qubits: Sequence[int]) -> None:
    differ = [q + builder.num_qubits // 2 for q in qubits]
    if form.whole is not None:
        builder.matrix((*qubits, *differ), form.whole)
        return
    if form.blocks:
        _append_differences(builder, qubits)
    for x, block in form.blocks:
        value = sum(1 << q for i, q in enumerate(differ) if x >> i & 1)
        builder.matrix(qubits, block, sum(1 << q for q in differ), value)
    if form.factors is not None:
        on = differ if len(form.factors) == 1 << len(differ) else (*qubits, *differ)
        builder.diagonal(on, form.factors)
    if form.blocks:
        _append_differences(builder, qubits)


def _append_single(builder: ProgramBuilder, channel: Channel, qubits: Sequence[int]) -> None:
    """Append a channel of one operator, as that on rows and its conjugate on columns."""
    (operator,) = channel.kraus_operators()
    shift = builder.num_qubits // 2
    builder.matrix(qubits, operator)
    builder.matrix([q + shift for q in qubits], operator.conj())


def _append_differences(builder: ProgramBuilder, qubits: Sequence[int]) -> None:
    """Append CX from each row bit to its column bit, which then says whether the two differ."""
    shift = builder.num_qubits // 2
    for q in qubits:
        builder.permutation((q + shift,), np.array([1, 0], np.int64), 1 << q, 1 << q)


def _merged(sites: Sequence[Site], matrices: Mapping[int, Matrix]) -> list[_Placed]:
    """Multiply channels that follow each other where the product costs less than its factors.

    Args:
        sites: Channels at one place, in the order they act.
        matrices: Superoperator of each channel, by identity.
    """
    done: list[_Placed] = []
    for site in sites:
        entry: _Placed = matrices[id(site.channel)], site.qubits
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
        return (number, (product, wide)) if cost(product) <= cost(later) + cost(earlier) else None
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


def cost(matrix: Matrix) -> float:
    """Return about how many real multiply-adds an entry takes as `append_superoperator` has it."""
    if _is_diagonal(matrix):
        return 4.0
    blocks = _blocks(matrix)
    if blocks is None or len(matrix) == 4:
        return 4.0 * len(matrix)
    dense = sum(not _is_diagonal(block) for block in blocks)
    return 4.0 * dense + 8.0

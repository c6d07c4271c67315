"""Greedy fusion: neighbouring operations are multiplied into one call while they stay narrow.

A call reads and writes the whole state, whatever it does to it, as long as its matrix is so narrow
that arithmetic hides behind memory: up to 4 to 6 qubits on data-centre GPUs. So the fewer calls the
better. Diagonals cost the same at any width and may grow wider.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quasim_backend.kernels.custatevec.operations import (
    Dense,
    Diagonal,
    Operation,
    dense_product,
    diagonal_entries,
    diagonal_product,
)

__all__ = ["MAX_DIAGONAL", "fused"]

MAX_DIAGONAL = 12
"""Qubits of the widest diagonal that is made: a table of 64 KiB, which stays in a GPU's caches."""


@dataclass(slots=True)
class _Group:
    """Operations that run as one."""

    qubits: frozenset[int]
    diagonal: bool
    parts: list[Operation]


def fused(
    operations: Iterable[Operation], max_qubits: int, max_diagonal: int = MAX_DIAGONAL
) -> list[Operation]:
    """Multiply operations together where that leaves fewer of them.

    Each operation joins the group it overlaps most with, among those it can be moved to: the last
    group, and before it as long as the operation commutes with what it passes, which is seen where
    they share no qubit or are both diagonal. Wide diagonals are tried and left out, whichever gives
    fewer operations. An operation that stays alone is not changed.

    Args:
        operations: In the order they act.
        max_qubits: Widest dense product, controls included; 1 or more.
        max_diagonal: Widest diagonal product.

    Returns:
        Operations with the same product, in the order they act.
    """
    given = list(operations)
    grouped = [_groups(given, max_qubits, most) for most in (max_qubits, max_diagonal)]
    return [_product(group) for group in min(grouped, key=len)]


def _groups(operations: list[Operation], max_qubits: int, max_diagonal: int) -> list[_Group]:
    groups: list[_Group] = []
    for operation in operations:
        qubits = frozenset(operation.targets) | frozenset(operation.controls)
        new = _Group(qubits, diagonal_entries(operation) is not None, [operation])
        home = _home(groups, new, max_qubits, max_diagonal)
        if home is None:
            groups.append(new)
        else:
            home.qubits |= qubits
            home.diagonal &= new.diagonal
            home.parts.append(operation)
    return groups


def _home(groups: list[_Group], new: _Group, max_qubits: int, max_diagonal: int) -> _Group | None:
    """Return the group that an operation joins, or None where none takes it."""
    best, overlap = None, -1
    for group in reversed(groups):
        together = group.qubits | new.qubits
        limit = max_diagonal if group.diagonal and new.diagonal else max_qubits
        shared = len(group.qubits & new.qubits)
        if len(together) <= max(limit, max_qubits) and shared > overlap:
            best, overlap = group, shared
        if shared and not (group.diagonal and new.diagonal):
            break
    return best


def _product(group: _Group) -> Operation:
    if len(group.parts) == 1:
        return group.parts[0]
    qubits = tuple(sorted(group.qubits))
    if group.diagonal:
        return Diagonal(qubits, (), (), diagonal_product(group.parts, qubits))
    return Dense(qubits, (), (), dense_product(group.parts, qubits))

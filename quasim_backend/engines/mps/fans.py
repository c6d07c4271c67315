"""Gates that share a qubit, as one operator that is a product whatever value that qubit has.

``|0><0| A_1 A_2 ... + |1><1| B_1 B_2 ...``: the controlled phases in one step of a Fourier
transform, CNOTs with one control, ZZ rotations about one qubit. Its operator Schmidt rank is 2
however many gates there are, so that the state is swept once, not once a gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.chains import Chain

__all__ = ["Fan", "fan_of"]

Matrix: TypeAlias = NDArray[Any]


class Fan:
    """Operators on some qubits, two on each: for the pivot in 0 and in 1.

    Attributes:
        pivot: The qubit that decides.
        first: complex128 ``(2, 2)``: what acts on it, before it decides.
        factors: complex128 ``(2, 2, 2)`` for each other qubit: (pivot's value, output, input).
    """

    def __init__(self, pivot: int, other: int, blocks: Matrix) -> None:
        """Start with one gate."""
        self.pivot = pivot
        self.first = np.eye(2, dtype=complex)
        self.factors = {other: blocks}

    @property
    def sites(self) -> tuple[int, ...]:
        """All its qubits, ascending."""
        return tuple(sorted((*self.factors, self.pivot)))

    def start_with(self, ones: Mapping[int, Matrix]) -> None:
        """Multiply by unitaries ``(2, 2)`` on single ones of its qubits from the right."""
        for site, one in ones.items():
            if site == self.pivot:
                self.first = self.first @ one
            else:
                self.factors[site] = self.factors[site] @ one

    def join(self, later: Fan) -> None:
        """Multiply by a fan about the same pivot, which starts diagonally, from the left."""
        self.first = later.first @ self.first
        for other, blocks in later.factors.items():
            known = self.factors.get(other)
            self.factors[other] = blocks if known is None else blocks @ known

    def chain(self) -> Chain:
        """Return the matrix product operator: its bond is the pivot's value."""
        sites = self.sites
        values = np.arange(2)
        own = np.zeros((2, 2, 2), complex)
        own[values, values] = self.first
        tensors = []
        for site in sites:
            tensor = np.zeros((2, 2, 2, 2), complex)
            tensor[values, :, :, values] = own if site == self.pivot else self.factors[site]
            if site == sites[0]:
                tensor = tensor.sum(axis=0, keepdims=True)
            elif site == sites[-1]:
                tensor = tensor.sum(axis=3, keepdims=True)
            tensors.append(tensor)
        return Chain(sites, tuple(tensors))


def fan_of(matrix: Matrix, pivot: int, other: int, *, pivot_is_low: bool) -> Fan | None:
    """Write a matrix ``(4, 4)`` on two qubits as a fan, or return None if the pivot changes.

    Args:
        matrix: Whatever it is otherwise.
        pivot: The qubit that is to decide.
        other: The other one.
        pivot_is_low: Whether the pivot is the low bit of the matrix's indices.
    """
    zero, one = (slice(0, 4, 2), slice(1, 4, 2)) if pivot_is_low else (slice(0, 2), slice(2, 4))
    if matrix[zero, one].any() or matrix[one, zero].any():
        return None
    return Fan(pivot, other, np.array([matrix[zero, zero], matrix[one, one]]))

"""A tensor network as data: tensors over indices of size 2, some open, some fixed from outside.

An index may belong to any number of tensors (a hyper-edge); it is summed over unless it is open.
A network with ``bits`` is a family: each of these indices is fixed to a bit that is given later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["AngleTable", "Array", "Entries", "Indices", "Leaf", "Network"]

Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """The value of a tensor that depends on angles, as a function of all angles of its network.

    Attributes:
        compute: The function.
        angles: Numbers of the angles by which it is differentiated: those that it depends on, and
            none for the conjugate of another tensor, whose derivatives are that one's, conjugated.
    """

    compute: Callable[[Sequence[float]], Array]
    angles: tuple[int, ...] = ()

    def __call__(self, angles: Sequence[float]) -> Array:
        """Return the value at some angles."""
        return self.compute(angles)

    def then(self, function: Callable[[Array], Array]) -> Entries:
        """Return a linear function of the value."""
        compute = self.compute
        return Entries(lambda angles: function(compute(angles)), self.angles)

    def conjugate(self) -> Entries:
        """Return the conjugate."""
        compute = self.compute
        return Entries(lambda angles: compute(angles).conj())


@dataclass(eq=False, slots=True)
class Leaf:
    """A tensor of a network before anything is contracted.

    Attributes:
        indices: One for each axis of the array; an index that repeats is a diagonal.
        value: complex128 ``(2,) * rank``; None if it depends on parameters.
        make: Returns the value at the network's angles, if ``value`` is None.
    """

    indices: Indices
    value: Array | None
    make: Entries | None = None


@dataclass(eq=False)
class AngleTable:
    """Angles that depend on the run: ``offset + sum(weight * source)`` each.

    A source is the number of an entry of the run's parameter vector. ``frequencies`` are as those
    of `quasim_backend.engines.tensor_network.pieces.Piece`.
    """

    offsets: list[float] = field(default_factory=list)
    terms: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    frequencies: list[float] = field(default_factory=list)

    def add(self, offset: float, terms: tuple[tuple[int, float], ...], frequency: float) -> int:
        """Return the number of an angle."""
        self.offsets.append(offset)
        self.terms.append(terms)
        self.frequencies.append(frequency)
        return len(self.offsets) - 1

    def values(self, parameters: NDArray[np.float64]) -> list[float]:
        """Return all angles for a parameter vector ``(P,)``."""
        known = parameters.tolist()
        return [
            offset + sum(w * known[s] for s, w in terms)
            for offset, terms in zip(self.offsets, self.terms, strict=True)
        ]


@dataclass(eq=False)
class Network:
    """What is to be contracted.

    Attributes:
        leaves: Its tensors.
        open: Indices of the result, in the order of its axes.
        bits: Indices that are given a bit from outside, in the order of the given bits.
        num_indices: Indices are numbers below this one.
        scale: A factor of the result.
        angles: What the leaves that depend on parameters depend on.
    """

    leaves: list[Leaf] = field(default_factory=list)
    open: Indices = ()
    bits: Indices = ()
    num_indices: int = 0
    scale: complex = 1.0
    angles: AngleTable = field(default_factory=AngleTable)

    def new_index(self) -> int:
        """Return an index that no tensor has yet."""
        self.num_indices += 1
        return self.num_indices - 1

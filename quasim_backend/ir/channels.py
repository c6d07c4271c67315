"""Channels as data: Kraus operators, unitary mixtures, readout errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import ShapeError
from quasim_backend.ir.numbering import complex_array

__all__ = ["CHANNEL_TOLERANCE", "Channel", "ReadoutError"]

CHANNEL_TOLERANCE = 1e-7
"""Largest accepted entry of ``|sum K^dagger K - 1|`` and of a probability sum's error."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A completely positive trace-preserving map on ``k`` qubits.

    Channels of equal operators, probabilities and name are equal, so that work done for one is done
    for all.

    Attributes:
        operators: Kraus operators ``(2**k, 2**k)``; for a mixture, its unitaries.
        probabilities: Probability of each unitary of a mixture; None for a Kraus channel.
        name: For messages and noise rules.
    """

    operators: tuple[NDArray[np.complex128], ...]
    probabilities: tuple[float, ...] | None = None
    name: str = "channel"
    _key: tuple[object, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        """Make the key by which channels are compared."""
        digest = blake2b(digest_size=16)
        for operator in self.operators:
            digest.update(np.asarray(operator, np.complex128).tobytes())
        sizes = tuple(len(operator) for operator in self.operators)
        key = (self.name, self.probabilities, sizes, digest.digest())
        object.__setattr__(self, "_key", key)

    def __eq__(self, other: object) -> bool:
        """Compare operators, probabilities and names."""
        if self is other:
            return True
        return self._key == other._key if isinstance(other, Channel) else NotImplemented

    def __hash__(self) -> int:
        """Agree with ``==``."""
        return hash(self._key)

    @staticmethod
    def kraus(operators: Sequence[ArrayLike], name: str = "kraus") -> Channel:
        """Make a channel from Kraus operators; the first qubit is the lowest index bit.

        Raises:
            ShapeError: If shapes differ, or ``sum K^dagger K`` is not the identity.
        """
        arrays = _operators(operators, name)
        total = sum(a.conj().T @ a for a in arrays)
        error = float(np.abs(total - np.eye(len(arrays[0]))).max())
        if not error < CHANNEL_TOLERANCE:
            raise ShapeError(
                f"Channel '{name}' is not trace preserving: the largest entry of "
                f"|sum K^dagger K - 1| is {error:.3g}, allowed is {CHANNEL_TOLERANCE:g}."
            )
        return Channel(arrays, None, name)

    @staticmethod
    def mixture(
        probabilities: Sequence[float], unitaries: Sequence[ArrayLike], name: str = "mixture"
    ) -> Channel:
        """Make a channel that applies one of several unitaries at random.

        Raises:
            ShapeError: If the lengths differ, probabilities do not sum to 1 or lie outside
                ``[0, 1]``, or an operator is not unitary.
        """
        arrays = _operators(unitaries, name)
        weights = tuple(float(p) for p in probabilities)
        if len(weights) != len(arrays):
            raise ShapeError(f"{len(weights)} probabilities for {len(arrays)} unitaries.")
        if any(not 0 <= p <= 1 for p in weights) or abs(sum(weights) - 1) > CHANNEL_TOLERANCE:
            raise ShapeError(f"Probabilities must be in [0, 1] and sum to 1; got {weights}.")
        for array in arrays:
            error = float(np.abs(array.conj().T @ array - np.eye(len(array))).max())
            if not error < CHANNEL_TOLERANCE:
                raise ShapeError(
                    f"Channel '{name}' mixes an operator that is not unitary (off by {error:.3g})."
                )
        return Channel(arrays, weights, name)

    @property
    def num_qubits(self) -> int:
        """Number of qubits it acts on."""
        return len(self.operators[0]).bit_length() - 1

    def kraus_operators(self) -> tuple[NDArray[np.complex128], ...]:
        """Return Kraus operators, with a mixture's probabilities multiplied in."""
        if self.probabilities is None:
            return self.operators
        return tuple(
            np.sqrt(p) * u for p, u in zip(self.probabilities, self.operators, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReadoutError:
    """A confusion matrix: ``matrix[true, read]`` is the probability to read ``read``.

    Attributes:
        matrix: float64 ``(2**k, 2**k)``, rows sum to 1; the first qubit is the lowest index bit.
    """

    matrix: NDArray[np.float64]

    @staticmethod
    def of(matrix: ArrayLike) -> ReadoutError:
        """Check and wrap a confusion matrix.

        Raises:
            ShapeError: If it is not square with a power of two, or a row is no distribution.
        """
        array = np.array(matrix, dtype=np.float64)
        size = len(array) if array.ndim else 0
        if array.shape != (size, size) or size < 2 or size & (size - 1):
            raise ShapeError(f"A readout error needs the shape (2**k, 2**k); got {array.shape}.")
        near = np.isclose(array.sum(axis=1), 1, atol=CHANNEL_TOLERANCE)
        wrong = np.flatnonzero(~(near & (array >= 0).all(axis=1)))
        if wrong.size:
            row = array[wrong[0]]
            raise ShapeError(
                f"A readout error has a probability distribution in each row; row {wrong[0]}, for "
                f"reading where {wrong[0]} is true, is {row.tolist()}, whose sum is "
                f"{row.sum():.9g}."
            )
        array.setflags(write=False)
        return ReadoutError(array)


def _operators(operators: Sequence[ArrayLike], name: str) -> tuple[NDArray[np.complex128], ...]:
    arrays = tuple(complex_array(o, f"An operator of channel '{name}'") for o in operators)
    if not arrays:
        raise ShapeError(f"Channel '{name}' has no operators.")
    size = len(arrays[0]) if arrays[0].ndim else 0
    for array in arrays:
        if array.shape != (size, size) or size < 2 or size & (size - 1):
            raise ShapeError(
                f"Channel '{name}' needs operators of one shape (2**k, 2**k); got {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ShapeError(f"Channel '{name}' has an operator that is not finite.")
        array.setflags(write=False)
    return arrays

"""What a benchmark circuit is made of: plain values that every SDK can build from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]


class Operation(NamedTuple):
    """One gate.

    Attributes:
        name: A name of `NAMES`.
        qubits: The first is the lowest bit of ``matrix``; controls come before the target.
        angles: In radians.
        matrix: complex128 ``(2**k, 2**k)`` of a gate called ``unitary``; None for the others.
    """

    name: str
    qubits: tuple[int, ...]
    angles: tuple[float, ...] = ()
    matrix: NDArray[np.complex128] | None = None


Operations: TypeAlias = list[Operation]
Family: TypeAlias = Callable[[int], Operations]

NAMES = (
    *("x", "h", "s", "t", "cx", "cz", "swap"),
    *("rx", "ry", "rz", "cp", "rxx", "ryy", "rzz"),
    "u",  # OpenQASM's U: three angles
    "unitary",  # any matrix
    "mcz",  # Z with any number of controls
)
"""Every simulator's builder knows these; `tests/benchmarks/test_builders.py` proves it."""


def u_matrix(theta: float, phi: float, lam: float) -> NDArray[np.complex128]:
    """Return OpenQASM's ``U``: complex128 ``(2, 2)``."""
    c, s = np.cos(theta / 2), np.sin(theta / 2)
    return np.array(
        [[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]]
    )

"""Stabilizer states with their global phase, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["StabilizerChForm"]

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class StabilizerChForm:
    """``omega U_C U_H |s>``: ``U_C`` is made of S, CZ and CX, ``U_H`` has H on some qubits.

    This is the CH form of Bravyi and others, Quantum 3, 181 (2019), and the one of Cirq's
    ``StabilizerStateChForm``. ``U_C^dagger Z_p U_C`` is the product of the ``Z_j`` in row ``p`` of
    g, ``U_C^dagger X_p U_C`` is ``i**gamma[p]`` times the product of ``X_j`` in row ``p`` of f and
    ``Z_j`` in that of m.

    Attributes:
        g: bool ``(n, n)``.
        f: bool ``(n, n)``.
        m: bool ``(n, n)``.
        gamma: uint8 ``(n,)``, 0 to 3.
        v: bool ``(n,)``: which qubits ``U_H`` has an H on.
        s: bool ``(n,)``: bit ``q`` of the basis state.
        omega: The factor; its absolute value is 1.
    """

    g: Bits
    f: Bits
    m: Bits
    gamma: NDArray[np.uint8]
    v: Bits
    s: Bits
    omega: complex

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""
        return len(self.gamma)

"""A stabilizer state as arrays, for SDKs that have a type of their own for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["StabilizerTableau"]

Bits = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StabilizerTableau:
    """A state by the Paulis that leave it as it is, or the Clifford that prepares it.

    Row ``i`` of the first ``n`` rows is the destabilizer, row ``n + i`` the stabilizer number
    ``i``: what the Clifford makes of ``X_i`` and ``Z_i``. This is Aaronson and Gottesman's tableau
    (2004), and Qiskit's ``Clifford.tableau``. The global phase is not in it.

    Attributes:
        x: bool ``(2n, n)``: whether the row has X or Y on qubit ``q``.
        z: bool ``(2n, n)``: whether the row has Z or Y on qubit ``q``.
        phase: bool ``(2n,)``: whether the row has the sign -1.
    """

    x: Bits
    z: Bits
    phase: Bits

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""
        return int(self.x.shape[1])

    def __eq__(self, other: object) -> bool:
        """Compare rows; two tableaus of one state may differ."""
        if not isinstance(other, StabilizerTableau):
            return NotImplemented
        pairs = ((self.x, other.x), (self.z, other.z), (self.phase, other.phase))
        return all(np.array_equal(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def labels(self) -> list[str]:
        """Return the stabilizers, such as ``"+XZ"``: the leftmost letter is the highest qubit."""
        n = self.num_qubits
        letters = np.array(["I", "X", "Z", "Y"])[self.x[n:] + 2 * self.z[n:]]
        signs = ["-" if phase else "+" for phase in self.phase[n:]]
        return [s + "".join(row[::-1]) for s, row in zip(signs, letters, strict=True)]

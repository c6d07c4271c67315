"""The Clifford part of a circuit: what it takes Pauli strings back to."""

from __future__ import annotations

from quasim_backend.engines.pauli_images import Image, hermitian, product
from quasim_backend.engines.pauli_moves import bits_of_mask

__all__ = ["CliffordFrame"]


class CliffordFrame:
    """A Clifford gate ``C`` on ``n`` qubits, by ``C^dagger X_q C`` and ``C^dagger Z_q C``.

    A gate that comes after ``C`` changes only what belongs to the qubits it acts on, so that a gate
    costs the same whatever has been before. This inverse tableau is that of Gidney, Quantum 5, 497
    (2021).
    """

    def __init__(self, num_qubits: int) -> None:
        """Start with the identity."""
        self._x: list[Image] = [(1 << q, 0, 0) for q in range(num_qubits)]
        self._z: list[Image] = [(0, 1 << q, 0) for q in range(num_qubits)]

    def image(self, x: int, z: int) -> Image:
        """Return ``C^dagger P C`` of the Hermitian string ``P`` with these masks."""
        result = (0, 0, hermitian(x, z)[2])
        for mask, images in ((x, self._x), (z, self._z)):
            for q in bits_of_mask(mask):
                result = product(result, images[q])
        return result

    def turn(self, x: int, z: int, quarters: int) -> None:
        """Let ``exp(-i pi/4 quarters P)`` come after ``C``; ``P`` as for `image`."""
        quarters &= 3
        if not quarters:
            return
        # R^dagger Q R = Q R**2 for strings Q that anticommute with P: -i Q P, -Q and i Q P.
        axis = (0, 0, 2) if quarters == 2 else self.image(x, z)
        axis = axis[0], axis[1], axis[2] + (0, 3, 0, 1)[quarters] & 3
        for mask, images in ((z, self._x), (x, self._z)):
            for q in bits_of_mask(mask):
                images[q] = product(images[q], axis)

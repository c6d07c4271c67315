"""A qubit for each rotation: the state as a Clifford map of a product state.

A rotation about ``P_j`` is ``cos(a_j/2) - i sin(a_j/2) P_j``. Multiplied out, the state is a sum
over the sets ``A`` of rotations that took their second term::

    |state> = sum_A w_A P_A |0...0> = E |magic>,   E |A> = P_A |0...0>,
    |magic> = prod_j (cos(a_j/2) |0> - i sin(a_j/2) |1>)

``P_A`` multiplies the strings in the order they act. ``E`` is a Clifford map from ``m`` qubits, one
for each rotation, to the ``r`` coordinates: a string ``Q`` there is a string ``Q'`` on the ``m``
qubits with ``Q E = E Q'``. Sets whose ``X`` masks cancel give ``m - r`` strings ``S`` with
``E S = E``, and ``E^dagger E`` is the sum of the group that they generate. These are the magic
states of Bravyi, Smith and Smolin, Phys. Rev. X 6, 021043 (2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.extended_stabilizer.reduction import Logical
from quasim_backend.engines.pauli_images import Image, hermitian, product
from quasim_backend.engines.pauli_moves import bits_of_mask
from quasim_backend.engines.pauli_rotations import Rotation

__all__ = ["MagicState"]


class MagicState:
    """The map ``E`` and the product state of at most 64 rotations.

    Attributes:
        fixed: Generators of the strings ``S`` with ``E S = E``; they commute with each other and
            with every `image`.
    """

    def __init__(self, rotations: Sequence[Rotation]) -> None:
        """Take rotations of the coordinates, in the order they act."""
        self._rotations = rotations
        self._strings = [hermitian(r.x, r.z) for r in rotations]
        self._later = [
            sum(1 << i for i in range(j + 1, len(rotations)) if _crossed(one, rotations[i]))
            for j, one in enumerate(rotations)
        ]
        self._basis: list[tuple[int, int]] = []  # a mask of coordinates, and the set that gives it
        self.fixed: list[Image] = []
        cancelling = []
        for j, rotation in enumerate(rotations):
            left, chosen = self._solved(rotation.x)
            if left:
                self._basis.append((left, chosen ^ 1 << j))
            else:
                cancelling.append(chosen ^ 1 << j)
        self.fixed = [self._moved((0, 0, 0), chosen) for chosen in cancelling]

    def image(self, string: Logical) -> Image:
        """Return ``Q'`` on the rotations' qubits for a string on the coordinates."""
        left, chosen = self._solved(string.x)
        assert not left, "the rotations' masks span the coordinates"
        x, z, power = hermitian(string.x, string.z)
        return self._moved((x, z, power + 1 - string.sign & 3), chosen)

    def _solved(self, x: int) -> tuple[int, int]:
        """Return what no rotations give of a mask, and those that give the rest."""
        chosen = 0
        for vector, members in self._basis:
            if x >> vector.bit_length() - 1 & 1:
                x, chosen = x ^ vector, chosen ^ members
        return x, chosen

    def _moved(self, string: Image, chosen: int) -> Image:
        """Return ``Q'`` for ``Q = i**k P_B Z^z``, where ``chosen`` is the set ``B``.

        ``Z^z`` gives ``P_A |0...0>`` a sign. Each factor of ``P_B`` passes the later ones of
        ``P_A`` to its place, which makes ``A`` the symmetric difference of ``A`` and ``B``.
        """
        whole, signs = (0, 0, 0), 0
        for j in bits_of_mask(chosen):
            whole = product(self._strings[j], whole)
            signs ^= self._later[j]
        z = string[1] ^ whole[1]
        for j, rotation in enumerate(self._rotations):
            signs ^= ((z & rotation.x).bit_count() & 1) << j
        return chosen, signs, string[2] - whole[2] & 3

    def expectation(self, string: Logical) -> float:
        """Return ``<state|Q|state>``: the product state's values of ``S Q'``, over all ``S``."""
        x, z, power = self.image(string)
        xs, zs = np.array([x], np.uint64), np.array([z], np.uint64)
        powers = np.array([power], np.uint8)
        for own_x, own_z, own_power in self.fixed:
            sign = 2 * (np.bitwise_count(zs & np.uint64(own_x)) & np.uint8(1))
            xs = np.concatenate([xs, xs ^ np.uint64(own_x)])
            zs = np.concatenate([zs, zs ^ np.uint64(own_z)])
            powers = np.concatenate([powers, powers + sign + np.uint8(own_power)])
        # X has the value 0, and X Z = -i Y
        kept = xs & ~zs == 0
        xs, zs, powers = xs[kept], zs[kept], powers[kept]
        values = (1j ** (powers - np.bitwise_count(xs).astype(np.int64) & 3)).real
        return float((values * self._product_values(xs, zs)).sum())

    def _product_values(self, x: NDArray[np.uint64], z: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the values of strings of Y, where ``x`` has a bit, and Z: float64 ``(count,)``."""
        result = np.ones(len(x))
        for j, rotation in enumerate(self._rotations):
            bit = np.uint64(1 << j)
            result[z & bit != 0] *= math.cos(rotation.angle)
            ys = x & bit != 0
            result[ys] *= -math.tan(rotation.angle)
        return result


def _crossed(a: Rotation, b: Rotation) -> bool:
    """Return whether two strings anticommute."""
    return ((a.x & b.z).bit_count() + (a.z & b.x).bit_count()) & 1 == 1

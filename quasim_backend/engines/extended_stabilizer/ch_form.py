"""One stabilizer state with its global phase, in the CH form.

The state is ``omega U_C U_H |s>``. ``U_H`` applies H to the qubits of a mask ``v``; ``U_C`` is made
of CX, CZ and S gates, and known by

    U_C^dagger Z_p U_C = Z^G[p],    U_C^dagger X_p U_C = i**gamma[p] X^F[p] Z^M[p].

From Bravyi, Browne, Calpin, Campbell, Gosset and Howard, "Simulation of quantum circuits by
low-rank stabilizer decompositions", Quantum 3, 181 (2019), section 4.1. Gates are quarter turns
about Pauli strings here, which change ``U_C`` from the right only.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.extended_stabilizer.frame import Image, hermitian, product

__all__ = ["CHForm"]


class CHForm:
    """A stabilizer state of ``n`` qubits; starts as ``|0...0>``.

    Rows are integers: bit ``q`` of ``F[p]`` is the entry of row ``p`` and column ``q``.
    """

    def __init__(self, num_qubits: int) -> None:
        """Start as ``|0...0>``."""
        self.num_qubits = num_qubits
        self._f = [1 << q for q in range(num_qubits)]
        self._g = [1 << q for q in range(num_qubits)]
        self._m = [0] * num_qubits
        self._gamma = [0] * num_qubits
        self._v = self._s = 0
        self._omega = 1.0 + 0j

    def turn(self, x: int, z: int, quarters: int) -> None:
        """Apply ``exp(-i pi/4 quarters P)`` to the state, ``P`` Hermitian with masks x and z."""
        if quarters & 4:
            self._omega = -self._omega
        quarters &= 3
        if not quarters:
            return
        flipped, power = self._applied(hermitian(x, z))
        if quarters == 2:
            self._s = flipped
            self._omega *= 1j ** (power + 3)
            return
        # (1 - i P) / sqrt(2) and -(1 + i P) / sqrt(2)
        self._omega *= math.sqrt(0.5) if quarters == 1 else -math.sqrt(0.5)
        self._add(flipped, power + (3 if quarters == 1 else 1) & 3)

    def amplitudes(self, states: NDArray[np.uint64]) -> NDArray[np.complex128]:
        """Return ``<b|state>`` of basis states: complex128 ``(count,)``.

        Args:
            states: uint64 ``(words, count)``; bit ``q`` is bit ``q % 64`` of word ``q // 64``.
        """
        words, count = states.shape
        u = np.zeros((words, count), np.uint64)
        t = np.zeros((words, count), np.uint64)
        power = np.zeros(count, np.uint8)
        # <b|U_C = <0|X^b U_C = <0|product of the images of X over the bits of b.
        for q in range(self.num_qubits):
            on = states[q >> 6] >> np.uint64(q & 63) & np.uint64(1)
            if not on.any():
                continue
            f, m = _words(self._f[q], words), _words(self._m[q], words)
            power += on.astype(np.uint8) * (self._gamma[q] + 2 * _parity(t & f))
            u ^= on * f
            t ^= on * m
        v, s = _words(self._v, words), _words(self._s, words)
        power += 2 * (_parity(u & t) + _parity(u & s & v))
        possible = ~((u ^ s) & ~v).any(axis=0)
        size = self._omega * 0.5 ** (self._v.bit_count() / 2)
        result: NDArray[np.complex128] = np.where(possible, size * _POWERS[power & 3], 0)
        return result

    # --- pieces -------------------------------------------------------------------------------

    def _applied(self, string: Image) -> tuple[int, int]:
        """Return ``t, power`` with ``P U_C U_H |s> = i**power U_C U_H |t>``."""
        x, z, power = string
        image = (0, 0, power)
        for q in range(x.bit_length()):
            if x >> q & 1:
                image = product(image, (self._f[q], self._m[q], self._gamma[q]))
        for q in range(z.bit_length()):
            if z >> q & 1:
                image = product(image, (0, self._g[q], 0))
        a, b, power = image
        v = self._v
        # H X H = Z and H Z H = X; the two change their order where both are.
        power += 2 * (a & b & v).bit_count()
        a, b = a & ~v | b & v, b & ~v | a & v
        return self._s ^ a, power + 2 * (b & self._s).bit_count() & 3

    def _add(self, u: int, power: int) -> None:
        """Replace ``|s>`` by ``|s> + i**power |u>``, of norm sqrt(2); ``u = s`` needs an odd power.

        Controlled gates make both agree but for one qubit (proposition 4 of the paper), on which
        the sum is ``H^v (|y> + i**power |1-y>)`` and looked up.
        """
        if u == self._s:
            self._omega *= 1 + 1j**power
            return
        apart = u ^ self._s
        plain, turned = apart & ~self._v, apart & self._v
        q = ((plain or turned) & -(plain or turned)).bit_length() - 1
        bit = 1 << q
        if plain:
            self._cx_from(q, plain ^ bit)
            self._cz(q, turned)
        else:
            self._cx_to(turned ^ bit, q)
        # The one of the two that is 0 on the qubit controls nothing and stays.
        kept = u if self._s & bit else self._s
        y = self._s >> q & 1
        phase, s_gate, h_gate, value = _ONE_QUBIT[self._v >> q & 1, y, power]
        self._omega *= phase
        self._s = kept & ~bit | value << q
        self._v = self._v & ~bit | h_gate << q
        if s_gate:
            for p in range(self.num_qubits):
                if self._f[p] & bit:
                    self._m[p] ^= bit
                    self._gamma[p] = self._gamma[p] - 1 & 3

    def _cx_from(self, q: int, targets: int) -> None:
        """Multiply ``U_C`` from the right by CX from ``q`` to each of a mask."""
        for p in range(self.num_qubits if targets else 0):
            self._g[p] ^= ((self._g[p] & targets).bit_count() & 1) << q
            self._m[p] ^= ((self._m[p] & targets).bit_count() & 1) << q
            if self._f[p] >> q & 1:
                self._f[p] ^= targets

    def _cx_to(self, controls: int, q: int) -> None:
        """Multiply ``U_C`` from the right by CX from each of a mask to ``q``."""
        for p in range(self.num_qubits if controls else 0):
            self._f[p] ^= ((self._f[p] & controls).bit_count() & 1) << q
            if self._g[p] >> q & 1:
                self._g[p] ^= controls
            if self._m[p] >> q & 1:
                self._m[p] ^= controls

    def _cz(self, q: int, others: int) -> None:
        """Multiply ``U_C`` from the right by CZ between ``q`` and each of a mask."""
        for p in range(self.num_qubits if others else 0):
            crossed = (self._f[p] & others).bit_count() & 1
            self._m[p] ^= crossed << q
            if self._f[p] >> q & 1:
                self._m[p] ^= others
                self._gamma[p] = self._gamma[p] + 2 * crossed & 3


_POWERS = np.array([1, 1j, -1, -1j])


def _words(mask: int, words: int) -> NDArray[np.uint64]:
    """Return a mask as uint64 ``(words, 1)``."""
    return np.array([[mask >> 64 * i & 0xFFFFFFFFFFFFFFFF] for i in range(words)], np.uint64)


def _parity(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the parity of all bits of each column: uint8 ``(count,)``."""
    folded: NDArray[np.uint64] = np.bitwise_xor.reduce(words, axis=0)
    return np.bitwise_count(folded) & np.uint8(1)


def _one_qubit_table() -> dict[tuple[int, int, int], tuple[complex, int, int, int]]:
    """Return by ``v, y, power`` the ``phase, a, b, c`` of ``phase S^a H^b |c>``.

    This is ``H^v (|y> + i**power |1-y>)``, of norm sqrt(2).
    """
    h, s = np.array([[1, 1], [1, -1]]) / math.sqrt(2), np.diag([1, 1j])
    one = np.eye(2, dtype=np.complex128)
    table = {}
    for v, y, power in itertools.product(range(2), range(2), range(4)):
        wanted = (h if v else one) @ (one[y] + 1j**power * one[1 - y])
        for a, b, c in itertools.product(range(2), repeat=3):
            state = (s if a else one) @ (h if b else one)[:, c]
            overlap = complex(np.vdot(state, wanted))
            if abs(abs(overlap) - math.sqrt(2)) < 1e-9:
                table[v, y, power] = (overlap, a, b, c)
                break
    return table


_ONE_QUBIT = _one_qubit_table()

"""A stabilizer state with its global phase: the CH form.

The state is ``w U_C U_H |s>``: ``U_C`` is a product of S, CZ and CX, which leaves ``|0...0>`` as it
is, ``U_H`` Hadamards on some qubits, ``w`` a complex number. ``U_C`` is known by what it makes of
Paulis (Bravyi, Browne, Calpin, Campbell, Gosset and Howard 2019, "Simulation of quantum circuits by
low-rank stabilizer decompositions", section 4.1)::

    U_C^dagger Z_p U_C = prod_j Z_j**G[p][j]
    U_C^dagger X_p U_C = i**g[p] prod_j X_j**F[p][j] Z_j**M[p][j]

Rows of G, F and M are integers, bit ``j`` for qubit ``j``.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.stabilizer.clifford import CliffordForm

__all__ = ["ChForm"]

Pauli: TypeAlias = tuple[int, int, int]
"""``(k, x, z)``: the operator ``i**k X**x Z**z``, with masks."""

_R = math.sqrt(0.5)
_PHASES = (1, 1j, -1, -1j)


class ChForm:
    """``|0...0>``, which gates and projections change in place."""

    def __init__(self, num_qubits: int) -> None:
        """Begin in ``|0...0>``."""
        self.num_qubits = num_qubits
        self._g = [1 << p for p in range(num_qubits)]
        self._f = [1 << p for p in range(num_qubits)]
        self._m = [0] * num_qubits
        self._gamma = [0] * num_qubits
        self._v = 0
        self._s = 0
        self._w: complex = 1.0

    def copy(self) -> ChForm:
        """Return an independent copy."""
        result = ChForm.__new__(ChForm)
        result.num_qubits = self.num_qubits
        result._g, result._f = [*self._g], [*self._f]
        result._m, result._gamma = [*self._m], [*self._gamma]
        result._v, result._s, result._w = self._v, self._s, self._w
        return result

    # --- changes ------------------------------------------------------------------------------

    def apply(self, form: CliffordForm, qubits: Sequence[int]) -> None:
        """Apply a gate."""
        g, f, m, gamma = self._g, self._f, self._m, self._gamma
        for name, own in form.steps:
            q = qubits[own[0]]
            if name == "CX":
                t = qubits[own[1]]
                gamma[q] = (gamma[q] + gamma[t] + 2 * _parity(m[q] & f[t])) & 3
                g[t] ^= g[q]
                f[q] ^= f[t]
                m[q] ^= m[t]
            elif name == "H":
                self._sum(self._moved_x(q), self._moved_z(q), _R)
            elif name == "S":  # S^dagger X S = -i X Z
                m[q] ^= g[q]
                gamma[q] = gamma[q] - 1 & 3
            elif name == "S_DAG":
                m[q] ^= g[q]
                gamma[q] = gamma[q] + 1 & 3
            elif name == "Z":
                gamma[q] = gamma[q] + 2 & 3
            else:
                power, x, z = self._moved_x(q)
                if name == "Y":  # Y = i X Z
                    power, z = power + 1, z ^ g[q]
                power, self._s = self._image((power, x, z))
                self._w *= _PHASES[power]
        self._w *= cmath.exp(1j * form.phase)

    def project(self, qubit: int, outcome: int) -> None:
        """Project a qubit onto an outcome of probability above 0, and normalise."""
        power, x, z = self._moved_z(qubit)
        self._sum((0, 0, 0), (power + 2 * outcome, x, z), 0.5)
        self._w /= abs(self._w)

    def _moved_z(self, q: int) -> Pauli:
        """Return ``U_C^dagger Z_q U_C``."""
        return 0, 0, self._g[q]

    def _moved_x(self, q: int) -> Pauli:
        """Return ``U_C^dagger X_q U_C``."""
        return self._gamma[q], self._f[q], self._m[q]

    def _image(self, pauli: Pauli) -> tuple[int, int]:
        """Return ``(k, t)`` with ``P U_H |s> = i**k U_H |t>``."""
        power, x, z = pauli
        v, s = self._v, self._s
        # H X**x Z**z H = Z**x X**z = (-1)**(x z) X**z Z**x on the qubits of U_H.
        flips, signs = (x & ~v) | (z & v), (z & ~v) | (x & v)
        power += 2 * _parity(x & z & v) + 2 * _parity(signs & s)
        return power & 3, s ^ flips

    def _sum(self, first: Pauli, second: Pauli, weight: float) -> None:
        """Apply ``weight (P_1 + P_2)``, given between ``U_C`` and ``U_H``."""
        k, t = self._image(first)
        power, u = self._image(second)
        delta = power - k & 3
        self._w *= _PHASES[k] * weight
        if t == u:
            self._s = t
            self._w *= 1 + _PHASES[delta]
        else:
            self._superpose(t, u, delta)

    def _superpose(self, t: int, u: int, delta: int) -> None:
        """Bring ``U_C U_H (|t> + i**delta |u>)`` back to the form.

        CX gates V make t and u of two states that differ on one qubit q (proposition 4 of the
        paper). ``U_H V = V' U_H``, where V' has CX and CZ and goes into ``U_C``.
        """
        v, differ = self._v, t ^ u
        plain, hadamard = differ & ~v, differ & v
        if plain:
            q = (plain & -plain).bit_length() - 1
            for r in _bits(plain & ~(1 << q)):
                self._right_cx(q, r)
            for r in _bits(hadamard):
                self._right_cz(q, r)
        else:
            q = (hadamard & -hadamard).bit_length() - 1
            for r in _bits(hadamard & ~(1 << q)):
                self._right_cx(r, q)
        zero = t  # the one of them in which q is 0; the other is the same beside q
        if t >> q & 1:
            zero = u
            self._w *= _PHASES[delta]
            delta = -delta & 3
        self._single(q, zero, delta)

    def _single(self, q: int, rest: int, delta: int) -> None:
        """Bring ``|0> + i**delta |1>`` on qubit q, ``rest`` on the others, back to the form."""
        bit = 1 << q
        if not self._v & bit:
            # |0> + i**d |1> = sqrt(2) S**(d & 1) H |d >> 1>
            if delta & 1:
                self._right_s(q)
            self._v |= bit
            self._s = rest | (bit if delta >> 1 else 0)
            self._w *= math.sqrt(2)
        elif delta & 1:
            # H (|0> + i**d |1>) = sqrt(2) exp(i pi/4 (2 - d)) S H |0 or 1>: |-i> for d = 1.
            self._right_s(q)
            self._s = rest | (bit if delta == 1 else 0)
            self._w *= math.sqrt(2) * cmath.exp(0.25j * math.pi * (2 - delta))
        else:
            # H (|0> + |1>) = sqrt(2) |0>, H (|0> - |1>) = sqrt(2) |1>
            self._v &= ~bit
            self._s = rest | (bit if delta == 2 else 0)
            self._w *= math.sqrt(2)

    # --- U_C from the right: a gate that acts on the state before the others --------------------

    def _right_s(self, q: int) -> None:
        """Replace ``U_C`` by ``U_C S_q``: ``S^dagger X S = -i X Z``."""
        bit = 1 << q
        for p in range(self.num_qubits):
            if self._f[p] & bit:
                self._m[p] ^= bit
                self._gamma[p] = self._gamma[p] - 1 & 3

    def _right_cz(self, q: int, r: int) -> None:
        """Replace ``U_C`` by ``U_C CZ``: ``X_q`` becomes ``X_q Z_r``."""
        a, b = 1 << q, 1 << r
        for p in range(self.num_qubits):
            row = self._f[p]
            if row & a:
                self._m[p] ^= b
            if row & b:
                self._m[p] ^= a
            if row & a and row & b:
                self._gamma[p] ^= 2

    def _right_cx(self, q: int, r: int) -> None:
        """Replace ``U_C`` by ``U_C CX``, control q: X_q gets X_r, Z_r gets Z_q."""
        for p in range(self.num_qubits):
            self._g[p] ^= (self._g[p] >> r & 1) << q
            self._f[p] ^= (self._f[p] >> q & 1) << r
            self._m[p] ^= (self._m[p] >> r & 1) << q

    # --- amplitudes ---------------------------------------------------------------------------

    def amplitude(self, index: int) -> complex:
        """Return the amplitude of a basis state."""
        # <x| U_C = <0| U_C^dagger (prod X_p**x_p) U_C: a Pauli, whose adjoint acts on the left.
        power = x = z = 0
        for p in _bits(index):
            k, f, m = self._moved_x(p)
            power += k + 2 * _parity(z & f)
            x, z = x ^ f, z ^ m
        # <0| i**k X**x Z**z U_H |s> = i**k (-1)**(z.x) <x| U_H |s>
        power += 2 * _parity(x & z)
        if (x ^ self._s) & ~self._v:
            return 0.0
        power += 2 * _parity(x & self._s & self._v)
        return self._w * _PHASES[power & 3] * _R ** self._v.bit_count()

    def state_vector(self) -> NDArray[np.complex128]:
        """Return all amplitudes, complex128 ``(2**n,)``."""
        size = 1 << self.num_qubits
        power = np.zeros(1, np.int64)
        x, z = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for p in range(self.num_qubits):
            k, f, m = self._moved_x(p)
            added = power + k + 2 * np.bitwise_count(z & f)
            power = np.concatenate([power, added & 3])
            x, z = np.concatenate([x, x ^ f]), np.concatenate([z, z ^ m])
        power += 2 * (np.bitwise_count(x & z) + np.bitwise_count(x & self._s & self._v))
        kept = ((x ^ self._s) & ~self._v & (size - 1)) == 0
        scale = self._w * _R ** self._v.bit_count()
        return np.where(kept, scale * np.array(_PHASES)[power & 3], 0.0)


def _parity(mask: int) -> int:
    return mask.bit_count() & 1


def _bits(mask: int) -> list[int]:
    return [q for q in range(mask.bit_length()) if mask >> q & 1]

"""A stabilizer state with its global phase: the CH form.

The state is ``w U_C U_H |s>``: ``U_C`` is a product of S, CZ and CX, which leaves ``|0...0>`` as it
is, ``U_H`` Hadamards on some qubits, ``w`` a complex number. ``U_C`` is known by what it makes of
Paulis (Bravyi, Browne, Calpin, Campbell, Gosset and Howard 2019, "Simulation of quantum circuits by
low-rank stabilizer decompositions", section 4.1)::

    U_C^dagger Z_p U_C = prod_j Z_j**G[p][j]
    U_C^dagger X_p U_C = i**g[p] prod_j X_j**F[p][j] Z_j**M[p][j]

Rows of G, F and M are integers, bit ``j`` for qubit ``j``. Gates at the end of a circuit change
``U_C`` from the left, Hadamards and quarter turns about Pauli strings from the right.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_images import Image, hermitian, product, words_of
from quasim_backend.engines.pauli_moves import bits_of_mask
from quasim_backend.engines.stabilizer.clifford import CliffordForm
from quasim_backend.ir.ch_forms import StabilizerChForm

__all__ = ["ChForm"]

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
                self._replace(self._moved(hermitian(1 << q, (name == "Y") << q)))
        self._w *= cmath.exp(1j * form.phase)

    def turn(self, x: int, z: int, quarters: int) -> None:
        """Apply ``exp(-i pi/4 quarters P)``, ``P`` Hermitian with masks x and z."""
        if quarters & 4:
            self._w = -self._w
        quarters &= 3
        if not quarters:
            return
        moved = self._moved(hermitian(x, z))
        if quarters == 2:
            self._replace(product((0, 0, 3), moved))
        elif quarters == 1:  # (1 - i P) / sqrt(2)
            self._sum((0, 0, 0), product((0, 0, 3), moved), _R)
        else:  # -(1 + i P) / sqrt(2)
            self._sum((0, 0, 0), product((0, 0, 1), moved), -_R)

    def project(self, qubit: int, outcome: int) -> None:
        """Project a qubit onto an outcome of probability above 0, and normalise."""
        self._sum((0, 0, 0), product((0, 0, 2 * outcome), self._moved_z(qubit)), 0.5)
        self._w /= abs(self._w)

    def _moved_z(self, q: int) -> Image:
        """Return ``U_C^dagger Z_q U_C``."""
        return 0, self._g[q], 0

    def _moved_x(self, q: int) -> Image:
        """Return ``U_C^dagger X_q U_C``."""
        return self._f[q], self._m[q], self._gamma[q]

    def _moved(self, string: Image) -> Image:
        """Return ``U_C^dagger P U_C`` of any string."""
        x, z, power = string
        result = (0, 0, power)
        for q in bits_of_mask(x):
            result = product(result, self._moved_x(q))
        for q in bits_of_mask(z):
            result = product(result, self._moved_z(q))
        return result

    def _image(self, pauli: Image) -> tuple[int, int]:
        """Return ``(k, t)`` with ``P U_H |s> = i**k U_H |t>``."""
        x, z, power = pauli
        v, s = self._v, self._s
        # H X**x Z**z H = Z**x X**z = (-1)**(x z) X**z Z**x on the qubits of U_H.
        flips, signs = (x & ~v) | (z & v), (z & ~v) | (x & v)
        power += 2 * _parity(x & z & v) + 2 * _parity(signs & s)
        return power & 3, s ^ flips

    def _replace(self, pauli: Image) -> None:
        """Apply a string, given between ``U_C`` and ``U_H``."""
        power, self._s = self._image(pauli)
        self._w *= _PHASES[power]

    def _sum(self, first: Image, second: Image, weight: float) -> None:
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
        differ = t ^ u
        plain, turned = differ & ~self._v, differ & self._v
        bit = (plain or turned) & -(plain or turned)
        q = bit.bit_length() - 1
        if plain:
            self._right_cx_from(q, plain ^ bit)
            self._right_cz(q, turned)
        else:
            self._right_cx_to(turned ^ bit, q)
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

    def _right_cz(self, q: int, others: int) -> None:
        """Replace ``U_C`` by ``U_C CZ`` for each of a mask: ``X_q`` becomes ``X_q Z_r``."""
        for p in range(self.num_qubits if others else 0):
            crossed = _parity(self._f[p] & others)
            self._m[p] ^= crossed << q
            if self._f[p] >> q & 1:
                self._m[p] ^= others
                self._gamma[p] ^= 2 * crossed

    def _right_cx_from(self, q: int, targets: int) -> None:
        """Replace ``U_C`` by ``U_C CX`` for each target: X_q gets X_r, Z_r gets Z_q."""
        for p in range(self.num_qubits if targets else 0):
            self._g[p] ^= _parity(self._g[p] & targets) << q
            self._m[p] ^= _parity(self._m[p] & targets) << q
            if self._f[p] >> q & 1:
                self._f[p] ^= targets

    def _right_cx_to(self, controls: int, q: int) -> None:
        """Replace ``U_C`` by ``U_C CX`` for each control: X_r gets X_q, Z_q gets Z_r."""
        for p in range(self.num_qubits if controls else 0):
            self._f[p] ^= _parity(self._f[p] & controls) << q
            if self._g[p] >> q & 1:
                self._g[p] ^= controls
            if self._m[p] >> q & 1:
                self._m[p] ^= controls

    # --- what others see ------------------------------------------------------------------------

    def arrays(self) -> StabilizerChForm:
        """Return the form as arrays of its own."""
        n = self.num_qubits

        def rows(masks: Sequence[int]) -> NDArray[np.bool_]:
            words = words_of(masks, n).T.copy().view(np.uint8)  # bytes, lowest first
            return np.unpackbits(words, axis=1, count=n, bitorder="little").astype(np.bool_)

        g, f, m = (rows(masks) for masks in (self._g, self._f, self._m))
        v, s = rows([self._v, self._s])
        return StabilizerChForm(g, f, m, np.array(self._gamma, np.uint8), v, s, complex(self._w))

    def amplitudes(self, states: NDArray[np.uint64]) -> NDArray[np.complex128]:
        """Return the amplitudes of basis states, complex128 ``(count,)``.

        Args:
            states: uint64 ``(words, count)``, as of `words_of`.
        """
        u, t = np.zeros_like(states), np.zeros_like(states)
        power = np.zeros(states.shape[1], np.uint8)
        # <b| U_C = <0| U_C^dagger (prod X_p**b_p) U_C: a Pauli, whose adjoint acts on the left.
        for p in range(self.num_qubits):
            on = states[p >> 6] >> np.uint64(p & 63) & np.uint64(1)
            if not on.any():
                continue
            (f, m), k = self._words(self._f[p], self._m[p]), self._gamma[p]
            power += on.astype(np.uint8) * (k + 2 * _parities(t & f))
            u ^= on * f
            t ^= on * m
        # <0| i**k X**u Z**t U_H |s> = i**k (-1)**(t.u) <u| U_H |s>
        v, s = self._words(self._v, self._s)
        power += 2 * (_parities(u & t) + _parities(u & s & v))
        kept = ~((u ^ s) & ~v).any(axis=0)
        scale = self._w * _R ** self._v.bit_count()
        return np.where(kept, scale * np.array(_PHASES)[power & 3], 0.0)

    def _words(self, *masks: int) -> list[NDArray[np.uint64]]:
        """Return each mask as uint64 ``(words, 1)``."""
        return np.split(words_of(masks, self.num_qubits), len(masks), axis=1)

    def state_vector(self) -> NDArray[np.complex128]:
        """Return all amplitudes, complex128 ``(2**n,)``."""
        size = 1 << self.num_qubits
        power = np.zeros(1, np.int64)
        x, z = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for p in range(self.num_qubits):
            f, m, k = self._moved_x(p)
            added = power + k + 2 * np.bitwise_count(z & f)
            power = np.concatenate([power, added & 3])
            x, z = np.concatenate([x, x ^ f]), np.concatenate([z, z ^ m])
        power += 2 * (np.bitwise_count(x & z) + np.bitwise_count(x & self._s & self._v))
        kept = ((x ^ self._s) & ~self._v & (size - 1)) == 0
        scale = self._w * _R ** self._v.bit_count()
        return np.where(kept, scale * np.array(_PHASES)[power & 3], 0.0)


def _parity(mask: int) -> int:
    return mask.bit_count() & 1


def _parities(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the parity of all bits of each column, uint8 ``(count,)``."""
    folded: NDArray[np.uint64] = np.bitwise_xor.reduce(words, axis=0)
    return np.bitwise_count(folded) & np.uint8(1)

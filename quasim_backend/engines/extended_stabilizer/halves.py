"""Measuring commuting strings on a product of two states, each of half the qubits, exactly.

A string is a product of one on each half. On one half they need not commute: Gram and Schmidt's
method with the symplectic form makes them pairs, which anticommute there, and single ones, which
commute with everything. Turns of each half bring pair ``l`` to ``Z_l``, ``X_l`` and single ones to
products of Z on qubits that are in no pair. What is measured is then, whatever the strings were:

* Z on every qubit in no pair, and the parity of ``Z_l`` on both halves: basis states ``s`` and
  ``t`` drawn from the two halves, independently of each other, tell all of that;
* ``X_l`` of both halves at once, in ``sum_g u(g) v(g ^ a) |g>|g ^ a>``, where u and v are the
  halves' amplitudes given the qubits in no pair and ``a`` is the parity of s and t on the pairs:
  X measured on every qubit of the vector ``u(g) v(g ^ a)``.

So the ``2**m`` amplitudes of both halves together never appear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quasim_backend.engines.extended_stabilizer.measuring import Parity, turn
from quasim_backend.engines.pauli_images import Image, product
from quasim_backend.engines.pauli_rotations import Rotation

__all__ = ["HalvedMeasurement"]


@dataclass(eq=False)
class HalvedMeasurement:
    """How commuting strings are measured.

    Words are drawn for a shot in the order s, t, b: bit ``l`` of b is the outcome of ``X_l``.

    Attributes:
        widths: Number of qubits of each half.
        turns: For each half, on its own qubits.
        orders: For each half, which qubit bit ``i`` of its word is: pairs are the lowest bits.
        pairs: Number of pairs.
        fixed_bits: Values that b must have, from its highest bit on.
        fixed_parities: What must be 0 in s and t.
        parities: How outcomes come from s, t and b.
    """

    widths: tuple[int, int]
    turns: tuple[list[Rotation], list[Rotation]] = field(default_factory=lambda: ([], []))
    orders: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    pairs: int = 0
    fixed_bits: list[int] = field(default_factory=list)
    fixed_parities: list[Parity] = field(default_factory=list)
    parities: list[Parity] = field(default_factory=list)

    @staticmethod
    def of(
        strings: Sequence[Image], fixed: Sequence[Image], widths: tuple[int, int]
    ) -> HalvedMeasurement:
        """Find the turns.

        Args:
            strings: Measured strings; qubits of the first half are the lowest.
            fixed: Strings whose outcome is to be 0. All of both lists commute.
            widths: Number of qubits of each half.
        """
        result = HalvedMeasurement(widths)
        lower = (1 << widths[0]) - 1
        pairs: list[tuple[Image, Image]] = []
        single: list[Image] = []
        for string in fixed:
            _include(string, pairs, single, lower)
        sure = [*(p for p, _ in pairs), *single]
        certain = len(pairs)
        for string in strings:
            _include(string, pairs, single, lower)
        result.pairs = len(pairs)
        # Two pairs of lists of the same strings: what the turns are found from, what they change.
        images = [image for pair in pairs for image in pair] + single + sure + [*strings]
        for half, mask in enumerate((lower, ~lower)):
            result._turn(half, mask, images, len(single))
        result.fixed_bits = [images[2 * l + 1][2] >> 1 for l in range(certain)]
        rest = images[2 * len(pairs) + len(single) :]
        found = [result._parity(image) for image in rest]
        result.fixed_parities, result.parities = found[: len(sure)], found[len(sure) :]
        return result

    def _turn(self, half: int, mask: int, images: list[Image], single: int) -> None:
        """Bring one half of all strings to its form; pairs come first, then single ones."""
        shift = half * self.widths[0]
        places: list[int] = []

        def about(x: int, z: int) -> None:
            made = turn(images, x & mask, z & mask)
            self.turns[half].append(Rotation(made.x >> shift, made.z >> shift, made.angle))

        for first in range(0, 2 * self.pairs, 2):
            x, z = (m & mask for m in images[first][:2])
            bit = (x | z) & -(x | z)
            if x & bit == 0 and x | z != bit:
                about(bit, 0)  # so that it does not commute with Z
                x, z = (m & mask for m in images[first][:2])
            if x:
                about(x, z ^ bit)
            x, z = (m & mask for m in images[first + 1][:2])
            if (x, z) != (bit, 0):
                if not z & bit:
                    about(0, bit)  # so that it does not commute with X
                    x, z = (m & mask for m in images[first + 1][:2])
                about(x ^ bit, z)
            places.append(bit.bit_length() - 1 - shift)
        for number in range(2 * self.pairs, 2 * self.pairs + single):
            x, z = (m & mask for m in images[number][:2])
            if x:
                about(x, z ^ (x & -x))
        others = [q for q in range(self.widths[half]) if q not in places]
        self.orders[half].extend([*reversed(places), *others])

    def _parity(self, image: Image) -> Parity:
        x, z, power = image
        shift = self.widths[0]
        s, t = (_gathered(z >> half * shift, self.orders[half]) for half in range(2))
        return Parity((s, t, _gathered(x, self.orders[0][: self.pairs])), power >> 1 & 1)


def _include(
    string: Image, pairs: list[tuple[Image, Image]], single: list[Image], mask: int
) -> None:
    """Let a string be generated by pairs and single strings, changed in place.

    The first of a pair is the older one, so that those that are fixed stay the first.
    """
    for p, q in pairs:
        with_p, with_q = _crossed(string, p, mask), _crossed(string, q, mask)
        if with_q:
            string = product(string, p)
        if with_p:
            string = product(string, q)
    partner = next((i for i, one in enumerate(single) if _crossed(one, string, mask)), None)
    if partner is None:
        single.append(string)
        return
    p = single.pop(partner)
    for i, one in enumerate(single):
        if _crossed(one, string, mask):
            single[i] = product(one, p)
    pairs.append((p, string))


def _crossed(a: Image, b: Image, mask: int) -> bool:
    """Return whether two strings anticommute on the qubits of a mask."""
    return ((a[0] & b[1] & mask).bit_count() + (a[1] & b[0] & mask).bit_count()) & 1 == 1


def _gathered(mask: int, order: Sequence[int]) -> int:
    """Return the mask with bit ``i`` from bit ``order[i]``."""
    return sum((mask >> q & 1) << i for i, q in enumerate(order))

"""Observables: Pauli strings and weighted sums of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import CircuitError, QubitError

__all__ = ["PauliString", "PauliSum"]


@dataclass(frozen=True, slots=True)
class PauliString:
    """A Hermitian tensor product of I, X, Y, Z. A qubit in both masks carries Y.

    Attributes:
        x: Mask of the qubits with X or Y.
        z: Mask of the qubits with Z or Y.
    """

    x: int = 0
    z: int = 0

    @staticmethod
    def from_label(label: str) -> PauliString:
        """Read a label; the leftmost letter acts on the highest qubit, as in Qiskit.

        Raises:
            CircuitError: If a letter is not one of I, X, Y, Z.
        """
        if set(label) - set("IXYZ"):
            raise CircuitError(f"A Pauli string has the letters I, X, Y, Z; got {label!r}.")
        return PauliString.from_letters(dict(enumerate(reversed(label))))

    @staticmethod
    def from_letters(letters: Mapping[int, str]) -> PauliString:
        """Build from ``{qubit: letter}``.

        Raises:
            CircuitError: If a letter is not one of I, X, Y, Z.
            QubitError: If a qubit is negative.
        """
        for qubit, letter in letters.items():
            if letter not in ("I", "X", "Y", "Z"):
                raise CircuitError(f"A Pauli string has the letters I, X, Y, Z; got {letter!r}.")
            if qubit < 0:
                raise QubitError(f"A qubit is numbered from 0; got {qubit}.")
        x = sum(1 << q for q, c in letters.items() if c in "XY")
        z = sum(1 << q for q, c in letters.items() if c in "ZY")
        return PauliString(x, z)

    @property
    def width(self) -> int:
        """One more than the highest qubit it acts on."""
        return (self.x | self.z).bit_length()

    def label(self, num_qubits: int) -> str:
        """Write the label, highest qubit first."""
        letters = ("I", "X", "Z", "Y")
        return "".join(
            letters[(self.x >> q & 1) | (self.z >> q & 1) << 1] for q in reversed(range(num_qubits))
        )

    def on(self, qubits: Mapping[int, int]) -> PauliString:
        """Return the string moved to other qubits; identity qubits need no entry."""
        return PauliString(
            sum(1 << qubits[q] for q in range(self.width) if self.x >> q & 1),
            sum(1 << qubits[q] for q in range(self.width) if self.z >> q & 1),
        )


@dataclass(frozen=True, slots=True)
class PauliSum:
    """``sum(weight * string)``; Hermitian when every weight is real.

    Attributes:
        terms: ``(weight, string)`` pairs.
    """

    terms: tuple[tuple[complex, PauliString], ...]

    @staticmethod
    def of(value: PauliSum | PauliString | str | Mapping[str, complex]) -> PauliSum:
        """Read an observable from a label, a string, a sum or ``{label: weight}``."""
        if isinstance(value, PauliSum):
            return value
        if isinstance(value, PauliString):
            return PauliSum(((1.0, value),))
        if isinstance(value, str):
            return PauliSum(((1.0, PauliString.from_label(value)),))
        if isinstance(value, Mapping):
            return PauliSum(tuple((w, PauliString.from_label(p)) for p, w in value.items()))
        raise CircuitError(
            f"An observable is a Pauli label such as 'ZZ', a PauliString, a PauliSum, a mapping "
            f"from labels to weights, or, where no gradient is taken, a MatrixObservable, "
            f"DiagonalObservable or SparseObservable; got {type(value).__name__}."
        )

    @property
    def width(self) -> int:
        """One more than the highest qubit it acts on."""
        return max((string.width for _, string in self.terms), default=0)

    def check(self, num_qubits: int) -> None:
        """Refuse a sum that acts beyond ``num_qubits``.

        Raises:
            QubitError: If a term acts on a qubit that is out of range.
        """
        if self.width > num_qubits:
            raise QubitError(
                f"The observable acts on qubit {self.width - 1}; the circuit has {num_qubits} "
                f"qubits (0..{num_qubits - 1})."
            )

    @property
    def hermitian(self) -> bool:
        """Whether every weight is real."""
        return not self.weights().imag.any()

    def support(self, num_qubits: int) -> tuple[int, ...]:
        """Return the qubits that a term acts on."""
        mask = 0
        for _, string in self.terms:
            mask |= string.x | string.z
        return tuple(q for q in range(mask.bit_length()) if mask >> q & 1)

    def on(self, qubits: Mapping[int, int]) -> PauliSum:
        """Return the sum moved to other qubits, given that those left out are in ``|0>``."""
        kept = sum(1 << q for q in qubits)
        return PauliSum(
            tuple(
                (weight, PauliString(string.x, string.z & kept).on(qubits))
                for weight, string in self.terms
                if not string.x & ~kept  # <0|X|0> = <0|Y|0> = 0, and <0|Z|0> = 1
            )
        )

    def masks(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return the x and z masks of the terms, uint64 ``(terms,)`` each."""
        return (
            np.array([s.x for _, s in self.terms], np.uint64),
            np.array([s.z for _, s in self.terms], np.uint64),
        )

    def weights(self) -> NDArray[np.complex128]:
        """Return the weights, complex128 ``(terms,)``."""
        return np.array([w for w, _ in self.terms], np.complex128)

    def squared(self) -> PauliSum:
        """Return the adjoint times the sum, like terms collected."""
        collected: dict[PauliString, complex] = {}
        for (wa, a), (wb, b) in _pairs(self.terms):
            phase, product = _multiply(a, b)
            collected[product] = collected.get(product, 0) + wa.conjugate() * wb * phase
        return PauliSum(tuple((w, p) for p, w in collected.items() if w))


def _pairs(
    terms: Iterable[tuple[complex, PauliString]],
) -> Iterable[tuple[tuple[complex, PauliString], tuple[complex, PauliString]]]:
    listed = list(terms)
    return ((a, b) for a in listed for b in listed)


def _multiply(a: PauliString, b: PauliString) -> tuple[complex, PauliString]:
    """Return ``phase, P`` with ``A @ B = phase * P``; masks mean ``i**|x&z| X^x Z^z``."""
    product = PauliString(a.x ^ b.x, a.z ^ b.z)
    power = (
        (a.x & a.z).bit_count()
        + (b.x & b.z).bit_count()
        - (product.x & product.z).bit_count()
        + 2 * (a.z & b.x).bit_count()
    )
    return 1j ** (power % 4), product

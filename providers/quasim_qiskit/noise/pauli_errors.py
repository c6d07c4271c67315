"""`PauliError` and `PauliLindbladError`: Pauli channels kept as lists of Pauli strings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.quantum_info import PauliList, SuperOp

from quasim_backend.noise import superoperator
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.quantum_error import BaseQuantumError, QuantumError, pauli_terms
from quasim_qiskit.noise.terms import error_channel

__all__ = ["PauliError", "PauliLindbladError"]

_Self = TypeVar("_Self", bound="_Paulis")


class _Paulis(BaseQuantumError):
    """Pauli strings with a real weight each; signs of the strings do not matter."""

    _wire: str
    _weight: str

    def __init__(self, paulis: Any, weights: ArrayLike) -> None:
        """Take strings, a `PauliList` or labels, and their weights.

        Raises:
            NoiseError: If there are not as many weights as strings.
        """
        listed = PauliList(paulis)
        self._list = PauliList.from_symplectic(listed.z, listed.x)
        self._weights: NDArray[np.float64] = np.array(weights, float)
        if self._weights.shape != (len(self._list),):
            raise NoiseError(
                f"{len(self._list)} Pauli strings need as many {self._weight}; got "
                f"{self._weights.shape}."
            )
        super().__init__(num_qubits=self._list.num_qubits)

    @property
    def size(self) -> int:
        """Number of strings."""
        return len(self._list)

    def __repr__(self) -> str:
        """Show strings and weights."""
        return f"{type(self).__name__}({self._list.to_labels()}, {self._weights.tolist()})"

    def __eq__(self, other: object) -> bool:
        """Compare the weight of every string."""
        if type(other) is not type(self) or self.num_qubits != other.num_qubits:
            return False
        mine, theirs = self._by_label(), other._by_label()
        names = {*mine, *theirs} - self._without_meaning()
        return all(np.isclose(mine.get(n, 0), theirs.get(n, 0)) for n in names)

    __hash__ = BaseQuantumError.__hash__

    def _without_meaning(self) -> set[str]:
        return set()

    def _by_label(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for label, weight in zip(self._list.to_labels(), self._weights.tolist(), strict=True):
            found[label] = found.get(label, 0.0) + weight
        return found

    def simplify(self: _Self, atol: float | None = None, rtol: float | None = None) -> _Self:
        """Return the same with every string once and without those of weight 0."""
        del rtol
        small = self.atol if atol is None else atol
        kept = {label: w for label, w in self._by_label().items() if abs(w) > small}
        return type(self)([*kept] or ["I" * self.num_qubits], [*kept.values()] or [0.0])

    def expand(self: _Self, other: _Self) -> _Self:
        """Return both side by side, this one on the first qubits."""
        return self._same_kind(other).tensor(self)

    @abstractmethod
    def tensor(self: _Self, other: _Self) -> _Self:
        """Return both side by side, ``other`` on the first qubits."""

    def _same_kind(self: _Self, other: Any) -> _Self:
        if type(other) is not type(self):
            raise NoiseError(
                f"A {type(self).__name__} goes together with its own kind only; got "
                f"{type(other).__name__}. Convert it with to_quantum_error()."
            )
        return other

    def _placed(self, width: int, qargs: Sequence[int] | None) -> tuple[Any, Any]:
        """Return ``x`` and ``z`` on ``width`` qubits, ``(size, width)`` bool."""
        places = list(range(self.num_qubits)) if qargs is None else list(qargs)
        if len(places) != self.num_qubits or max(places, default=0) >= width:
            raise NoiseError(f"An error on {self.num_qubits} qubits cannot act on {places}.")
        x, z = np.zeros((2, self.size, width), bool)
        x[:, places], z[:, places] = self._list.x, self._list.z
        return x, z

    def to_dict(self) -> dict[str, Any]:
        """Return the error as a dictionary, see `quasim_qiskit.noise.terms`."""
        qubits = list(range(self.num_qubits))
        return {
            "type": self._wire,
            "id": self.id,
            "operations": [],
            "instructions": [
                [{"name": "pauli", "params": [label], "qubits": qubits}]
                for label in self._list.to_labels()
            ],
            self._weight: self._weights.tolist(),
        }

    @classmethod
    def from_dict(cls: type[_Self], error: Mapping[str, Any]) -> _Self:
        """Return the error that `to_dict` wrote.

        Raises:
            NoiseError: If the dictionary has another form.
        """
        try:
            labels = [term[0]["params"][0] for term in error["instructions"]]
            return cls(labels, error[cls._weight])
        except (KeyError, IndexError) as cause:
            raise NoiseError(f"This is no dictionary of a {cls.__name__}.") from cause


class PauliError(_Paulis):
    """A Pauli string acts at random: ``sum p_j P_j rho P_j``."""

    _wire, _weight = "qerror", "probabilities"

    def __init__(self, paulis: Any, probabilities: ArrayLike) -> None:
        """Take strings and probabilities, which may describe something that is no channel."""
        super().__init__(paulis, probabilities)

    @property
    def paulis(self) -> PauliList:
        """The strings."""
        return self._list

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Their probabilities."""
        return self._weights

    def is_cp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return whether no probability is negative."""
        del rtol
        return bool((self._weights >= -(self.atol if atol is None else atol)).all())

    def is_tp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return whether the probabilities sum to 1."""
        del rtol
        return bool(abs(self._weights.sum() - 1) <= (self.atol if atol is None else atol))

    def is_cptp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return whether this is a channel."""
        return self.is_cp(atol, rtol) and self.is_tp(atol, rtol)

    def ideal(self) -> bool:
        """Return whether it is the identity."""
        wrong = self._list.x.any(axis=1) | self._list.z.any(axis=1)
        return self.is_cptp() and bool(np.allclose(self._weights[wrong], 0))

    def compose(
        self, other: PauliError, qargs: Sequence[int] | None = None, front: bool = False
    ) -> PauliError:
        """Return both one after the other; Pauli channels commute."""
        del front
        return self._joined(self._same_kind(other)._placed(self.num_qubits, qargs), other)

    def tensor(self, other: PauliError) -> PauliError:
        """Return both side by side, ``other`` on the first qubits."""
        width = self.num_qubits + self._same_kind(other).num_qubits
        wide = PauliError.__new__(PauliError)
        mine = self._placed(width, range(other.num_qubits, width))
        wide.__init__(PauliList.from_symplectic(mine[1], mine[0]), self._weights)  # type: ignore[misc]
        return wide._joined(other._placed(width, None), other)

    def _joined(self, placed: tuple[Any, Any], other: PauliError) -> PauliError:
        x, z = (
            (a[:, None] ^ b[None]).reshape(-1, self.num_qubits)
            for a, b in zip((self._list.x, self._list.z), placed, strict=True)
        )
        return PauliError(
            PauliList.from_symplectic(z, x), np.outer(self._weights, other._weights).ravel()
        )

    def to_quantum_error(self) -> QuantumError:
        """Return the same as a mixture of circuits.

        Raises:
            NoiseError: If it is no channel.
        """
        if not self.is_cptp():
            raise NoiseError(f"The probabilities {self._weights.tolist()} make no channel.")
        return pauli_terms(self._list.to_labels(), self._weights.clip(0).tolist())

    def to_quantumchannel(self) -> SuperOp:
        """Return the superoperator, also of what is no channel."""
        size = 4**self.num_qubits
        total = SuperOp(np.zeros((size, size)))
        for pauli, weight in zip(self._list, self._weights.tolist(), strict=True):
            total = total + weight * SuperOp(pauli)
        return total


class PauliLindbladError(_Paulis):
    """Pauli generators act for a unit of time: ``exp(sum r_j (P_j rho P_j - rho))``."""

    _wire, _weight = "plerror", "rates"

    def __init__(self, generators: Any, rates: ArrayLike) -> None:
        """Take strings and rates; negative ones describe the inverse of a channel."""
        super().__init__(generators, rates)

    def _without_meaning(self) -> set[str]:
        return {"I" * self.num_qubits}

    @property
    def generators(self) -> PauliList:
        """The strings."""
        return self._list

    @property
    def rates(self) -> NDArray[np.float64]:
        """Their rates."""
        return self._weights

    def is_cp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return whether no rate is negative."""
        del rtol
        return bool((self._weights >= -(self.atol if atol is None else atol)).all())

    def is_tp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return True: every such map keeps the trace."""
        del atol, rtol
        return True

    def is_cptp(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Return whether this is a channel."""
        return self.is_cp(atol, rtol)

    def ideal(self) -> bool:
        """Return whether it is the identity."""
        wrong = self._list.x.any(axis=1) | self._list.z.any(axis=1)
        return bool(np.allclose(self._weights[wrong], 0))

    def compose(
        self, other: PauliLindbladError, qargs: Sequence[int] | None = None, front: bool = False
    ) -> PauliLindbladError:
        """Return both one after the other, which is both lists."""
        del front
        return self._joined(self._placed(self.num_qubits, None), self._same_kind(other), qargs)

    def tensor(self, other: PauliLindbladError) -> PauliLindbladError:
        """Return both side by side, ``other`` on the first qubits."""
        width = self.num_qubits + self._same_kind(other).num_qubits
        return self._joined(self._placed(width, range(other.num_qubits, width)), other, None)

    def _joined(
        self, mine: tuple[Any, Any], other: PauliLindbladError, qargs: Sequence[int] | None
    ) -> PauliLindbladError:
        theirs = other._placed(mine[0].shape[1], qargs)
        x, z = (np.concatenate(pair) for pair in zip(mine, theirs, strict=True))
        weights = np.concatenate([self._weights, other._weights])
        return PauliLindbladError(PauliList.from_symplectic(z, x), weights)

    def power(self, n: float) -> PauliLindbladError:
        """Return the error for ``n`` units of time."""
        return PauliLindbladError(self._list, n * self._weights)

    def inverse(self) -> PauliLindbladError:
        """Return the map that undoes it, which is no channel."""
        return PauliLindbladError(self._list, -self._weights)

    def to_pauli_error(self, simplify: bool = True) -> PauliError:
        """Return the Pauli channel, or the map with negative probabilities, that it is."""
        total = PauliError(["I" * self.num_qubits], [1.0])
        for pauli, rate in self._by_label().items():
            flip = (1 - np.exp(-2 * rate)) / 2
            factor = PauliError(["I" * self.num_qubits, pauli], [1 - flip, flip])
            # Merged at every step, or there would be two to the number of generators.
            total = total.compose(factor).simplify(atol=0.0)
        return total.simplify() if simplify else total

    def to_quantum_error(self) -> QuantumError:
        """Return the same as a mixture of circuits.

        Raises:
            NoiseError: If it is no channel.
        """
        if not self.is_cptp():
            raise NoiseError(f"The rates {self._weights.tolist()} make no channel.")
        return self.to_pauli_error(simplify=False).to_quantum_error()

    def to_quantumchannel(self) -> SuperOp:
        """Return the superoperator, also of what is no channel."""
        if self.is_cptp():
            return SuperOp(superoperator(error_channel(self)))
        return self.to_pauli_error(simplify=False).to_quantumchannel()

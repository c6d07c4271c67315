"""`QuantumError`: a channel as circuits of which one acts, each with a probability."""

from __future__ import annotations

import numbers
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit, Reset
from qiskit.circuit.library import PauliGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Kraus, Pauli, SuperOp
from qiskit.quantum_info.operators.base_operator import BaseOperator
from qiskit.quantum_info.operators.channel.quantum_channel import QuantumChannel
from qiskit.quantum_info.operators.mixins import TolerancesMixin

from quasim_backend.noise import superoperator
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.terms import error_channel, wire_matrix

__all__ = ["BaseQuantumError", "QuantumError", "pauli_terms"]

Term: TypeAlias = tuple[tuple[Instruction, tuple[int, ...]], ...]
"""Instructions with their qubits, in the order they act."""


class BaseQuantumError(BaseOperator, TolerancesMixin):
    """What all errors on qubits share. Errors are values: methods return new ones."""

    def __init__(self, num_qubits: int) -> None:
        """Set the width."""
        super().__init__(num_qubits=num_qubits)
        self._id = uuid.uuid4().hex

    @property
    def id(self) -> str:
        """A name of its own."""
        return self._id

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the error as a dictionary, see `quasim_qiskit.noise.terms`."""

    def ideal(self) -> bool:
        """Return whether it is the identity, up to a global phase."""
        matrix = superoperator(error_channel(self))
        return bool(np.allclose(matrix, np.eye(len(matrix)), atol=self.atol, rtol=self.rtol))

    def to_quantumchannel(self) -> SuperOp:
        """Return the superoperator, with stacked columns."""
        return SuperOp(superoperator(error_channel(self)))

    def to_instruction(self) -> Instruction:
        """Return an instruction that puts the error into a circuit."""
        instruction = Instruction("quantum_channel", self.num_qubits, 0, [])
        instruction._quantum_error = self
        return instruction

    def copy(self) -> BaseQuantumError:
        """Return the error itself: nothing can change it."""
        return self

    def __hash__(self) -> int:
        """Hash the identity."""
        return id(self)


class QuantumError(BaseQuantumError):
    """A mixture of circuits: what a noise model places after instructions.

    >>> from qiskit.circuit.library import IGate, XGate
    >>> QuantumError([(IGate(), 0.9), (XGate(), 0.1)]).size
    2
    """

    def __init__(self, noise_ops: Any) -> None:
        """Make an error.

        Args:
            noise_ops: A channel or an operator of Qiskit, or pairs of what acts and its
                probability. What acts is a circuit, an instruction, ``(instruction, qubits)`` or a
                list of these, a channel or an operator. Terms of probability 0 are left out.

        Raises:
            NoiseError: If probabilities are negative or do not sum to 1, something measures, or a
                channel is not completely positive and trace preserving.
        """
        pairs: list[tuple[Term, float]]
        if isinstance(noise_ops, QuantumError):
            pairs = list(noise_ops._terms)
        else:
            single = not isinstance(noise_ops, Iterable) or isinstance(noise_ops, QuantumCircuit)
            if single or (isinstance(noise_ops, tuple) and isinstance(noise_ops[0], Instruction)):
                noise_ops = [(noise_ops, 1.0)]
            pairs = [_pair(entry) for entry in noise_ops]
            pairs = [pair for pair in pairs if pair[1] > 0]
        total = sum(p for _, p in pairs)
        if not abs(total - 1) <= self.atol:
            raise NoiseError(f"The probabilities of an error must sum to 1; they sum to {total}.")
        self._terms: list[tuple[Term, float]] = [(term, p / total) for term, p in pairs]
        widths = [_width(term) for term, _ in self._terms]
        super().__init__(num_qubits=max(widths))

    @classmethod
    def _of(cls, terms: list[tuple[Term, float]], num_qubits: int) -> QuantumError:
        """Make an error of terms that are known to be right."""
        error = cls.__new__(cls)
        error._terms = terms
        BaseQuantumError.__init__(error, num_qubits)
        return error

    # --- facts --------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of circuits."""
        return len(self._terms)

    @cached_property
    def circuits(self) -> list[QuantumCircuit]:
        """The circuits."""
        result = []
        for term, _ in self._terms:
            circuit = QuantumCircuit(self.num_qubits)
            for instruction, qubits in term:
                circuit.append(instruction, list(qubits))
            result.append(circuit)
        return result

    @property
    def probabilities(self) -> list[float]:
        """How likely each circuit is."""
        return [p for _, p in self._terms]

    def error_term(self, position: int) -> tuple[QuantumCircuit, float]:
        """Return a circuit and its probability.

        Raises:
            NoiseError: If there are fewer.
        """
        if not 0 <= position < self.size:
            raise NoiseError(f"The error has {self.size} terms; there is no term {position}.")
        return self.circuits[position], self.probabilities[position]

    def __eq__(self, other: object) -> bool:
        """Compare as channels."""
        if not isinstance(other, BaseQuantumError):
            return False
        return bool(self.to_quantumchannel() == other.to_quantumchannel())

    __hash__ = BaseQuantumError.__hash__

    def __repr__(self) -> str:
        """Name width, size and probabilities."""
        return (
            f"<QuantumError, num_qubits={self.num_qubits}, size={self.size}, "
            f"probabilities={self.probabilities}>"
        )

    def __str__(self) -> str:
        """Draw the circuits."""
        lines = [f"QuantumError on {self.num_qubits} qubits:"]
        for circuit, p in zip(self.circuits, self.probabilities, strict=True):
            lines.append(f"with probability {p}:\n{circuit}")
        return "\n".join(lines)

    # --- algebra ------------------------------------------------------------------------------

    def compose(
        self, other: Any, qargs: Sequence[int] | None = None, front: bool = False
    ) -> QuantumError:
        """Return this error followed by another, or after it if ``front``.

        Args:
            other: An error, or what makes one.
            qargs: This error's qubits that the other acts on; None for the first ones.
            front: Whether the other acts first.

        Raises:
            NoiseError: If the qubits do not fit.
        """
        other = other if isinstance(other, QuantumError) else QuantumError(_general(other))
        right = other._terms
        if qargs is not None:
            places = tuple(qargs)
            if len(places) != other.num_qubits or max(places) >= self.num_qubits:
                raise NoiseError(
                    f"An error on {other.num_qubits} qubits cannot act on the qubits {places} of "
                    f"one on {self.num_qubits}."
                )
            right = [(_moved(term, places), p) for term, p in right]
        terms = [(b + a if front else a + b, p * q) for a, p in self._terms for b, q in right]
        return QuantumError._of(terms, max(self.num_qubits, other.num_qubits))

    def tensor(self, other: Any) -> QuantumError:
        """Return both side by side, ``other`` on the first qubits."""
        other = other if isinstance(other, QuantumError) else QuantumError(_general(other))
        width = self.num_qubits + other.num_qubits
        places = tuple(range(other.num_qubits, width))
        mine = [(_moved(term, places), p) for term, p in self._terms]
        terms = [(b + a, p * q) for a, p in mine for b, q in other._terms]
        return QuantumError._of(terms, width)

    def expand(self, other: Any) -> QuantumError:
        """Return both side by side, this one on the first qubits."""
        first = other if isinstance(other, QuantumError) else QuantumError(_general(other))
        return first.tensor(self)

    # --- as data ------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the error as a dictionary, see `quasim_qiskit.noise.terms`."""
        return {
            "type": "qerror",
            "id": self.id,
            "operations": [],
            "instructions": [[_written(*part) for part in term] for term, _ in self._terms],
            "probabilities": self.probabilities,
        }

    @staticmethod
    def from_dict(error: Mapping[str, Any]) -> QuantumError:
        """Return the error that `to_dict` wrote.

        Raises:
            NoiseError: If the dictionary has another form.
        """
        missing = {"type", "instructions", "probabilities"} - {*error}
        if missing or error["type"] != "qerror":
            raise NoiseError(f"This is no dictionary of a QuantumError; missing: {missing}.")
        terms = [[(_read(p), p["qubits"]) for p in term] for term in error["instructions"]]
        return QuantumError(list(zip(terms, error["probabilities"], strict=True)))


def _general(error: Any) -> Any:
    return error.to_quantum_error() if hasattr(error, "to_quantum_error") else error


def _pair(entry: Any) -> tuple[Term, float]:
    if not isinstance(entry, tuple) or len(entry) != 2:
        raise NoiseError(f"An error is made of pairs (what acts, probability); got {entry!r}.")
    what, p = entry
    if not isinstance(p, numbers.Real):
        raise NoiseError(f"A probability must be a real number; got {p!r}.")
    if not p >= -TolerancesMixin.atol:
        raise NoiseError(f"A probability must not be negative; got {p}.")
    return _term(what), float(p)


def _term(what: Any) -> Term:
    if isinstance(what, QuantumCircuit):
        index = {q: i for i, q in enumerate(what.qubits)}
        parts = [(i.operation, tuple(index[q] for q in i.qubits)) for i in what.data]
        if what.num_clbits:
            raise NoiseError("An error cannot have classical bits.")
        # A circuit's width counts, even where nothing acts.
        if _width(tuple(parts)) < what.num_qubits:
            parts.append((get_standard_gate_name_mapping()["id"], (what.num_qubits - 1,)))
        return tuple(parts)
    if isinstance(what, list):
        return tuple(part for entry in what for part in _term(entry))
    if isinstance(what, tuple) and len(what) == 2:
        operation, qubits = what
        return _moved(_term(operation), tuple(int(q) for q in qubits))
    if isinstance(what, QuantumChannel) and not what.is_cptp(atol=TolerancesMixin.atol):
        raise NoiseError("The channel is not completely positive and trace preserving.")
    if isinstance(what, BaseOperator):
        try:
            what = what.to_instruction() if isinstance(what, Pauli) else _instruction(what)
        except (QiskitError, AttributeError) as cause:
            raise NoiseError(f"{type(what).__name__} is nothing an error can do.") from cause
    if not isinstance(what, Instruction):
        raise NoiseError(
            f"{type(what).__name__} is nothing an error can do; circuits, instructions, channels "
            f"and operators are."
        )
    if what.num_clbits:
        raise NoiseError(f"An error cannot have classical bits, as '{what.name}' has.")
    return ((what, tuple(range(what.num_qubits))),)


def _instruction(operator: Any) -> Instruction:
    if isinstance(operator, QuantumChannel):
        return Kraus(operator).to_instruction()
    return operator.to_instruction()


def _width(term: Term) -> int:
    return 1 + max((q for _, qubits in term for q in qubits), default=0)


def _moved(term: Term, places: tuple[int, ...]) -> Term:
    if _width(term) > len(places):
        raise NoiseError(f"An operation on {_width(term)} qubits cannot act on {places}.")
    return tuple((what, tuple(places[q] for q in qubits)) for what, qubits in term)


def _written(operation: Instruction, qubits: tuple[int, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": operation.name, "qubits": list(qubits)}
    if operation.params:
        entry["params"] = list(operation.params)
    if getattr(operation, "label", None):
        entry["label"] = operation.label
    return entry


def _read(part: Mapping[str, Any]) -> Any:
    name, params = part["name"], part.get("params", ())
    if name == "kraus":
        return Kraus([wire_matrix(k) for k in params])
    if name == "unitary":
        return UnitaryGate(wire_matrix(params[0]), label=part.get("label"))
    if name == "pauli":
        return PauliGate(params[0])
    if name == "reset":
        return Reset()
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None or name == "measure":
        raise NoiseError(
            f"An error has the instruction '{name}'; standard gates, pauli, unitary, kraus and "
            f"reset are known."
        )
    return type(gate)(*params) if params else gate


def pauli_terms(labels: Sequence[str], probabilities: Sequence[float]) -> QuantumError:
    """Return a mixture of Pauli strings, the leftmost letter on the last qubit."""
    return QuantumError(
        [(Pauli(label), float(p)) for label, p in zip(labels, probabilities, strict=True)]
    )

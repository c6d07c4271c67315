"""Save and set instructions: read by name, whoever made them, and offered where Aer is absent.

Aer puts 21 methods on `QuantumCircuit` when it is imported. If it is not installed this module
puts methods of the same names there; their instructions carry the same attributes, so one reader
serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    SparsePauliOp,
    Statevector,
)
from qiskit.result import ProbDistribution

from quasim_backend.ir import PauliSum
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["SAVE_NAMES", "SET_NAMES", "SavedItem", "install_methods", "read_save"]

_KINDS: dict[str, tuple[str, str]] = {
    "save_statevector": ("statevector", "statevector"),
    "save_statevector_dict": ("statevector", "statevector"),
    "save_density_matrix": ("density_matrix", "density_matrix"),
    "save_probabilities": ("probabilities", "probabilities"),
    "save_probabilities_dict": ("probabilities", "probabilities"),
    "save_expval": ("expectation", "expectation_value"),
    "save_expval_var": ("expectation", "expectation_value_variance"),
    "save_amplitudes": ("amplitudes", "amplitudes"),
    "save_amplitudes_sq": ("amplitudes", "amplitudes_squared"),
}
"""Served by the state-vector engine: Qiskit's name to the IR's kind and the default label."""

_REFUSED = ("save_superop", "save_stabilizer", "save_clifford", "save_matrix_product_state")
SAVE_NAMES = ("save_state", *_KINDS, "save_unitary", *_REFUSED)
"""Names of all save instructions, refused ones included."""

SET_NAMES = (
    "set_statevector",
    "set_density_matrix",
    "set_unitary",
    "set_superop",
    "set_stabilizer",
    "set_matrix_product_state",
)
"""Names of all set instructions; only the first is served."""

_ZERO = 1e-10
"""Amplitudes and probabilities up to this are left out of dictionaries."""


@dataclass(frozen=True)
class SavedItem:
    """How one save instruction's value is read from our result.

    Attributes:
        label: Key in the result's data.
        name: Qiskit's name of the instruction.
        subtype: ``single``, ``average``, ``accum`` or ``list``, with ``c_`` if conditional.
        num_qubits: Number of qubits saved.
        sources: Labels of the IR's saves.
    """

    label: str
    name: str
    subtype: str
    num_qubits: int
    sources: tuple[str, ...]

    def value(self, saved: Mapping[str, Any], shots: int) -> Any:
        """Return the value as Qiskit's own object."""
        parts = [saved[source] for source in self.sources]
        if self.subtype.startswith("c_"):
            keys = parts[0].keys()
            return {hex(k): self._members([p[k] for p in parts], shots) for k in keys}
        return self._members(parts, shots)

    def _members(self, parts: list[Any], shots: int) -> Any:
        if self.name == "save_amplitudes_sq":
            squares = np.abs(np.asarray(parts[0])) ** 2
            if self.subtype.endswith("list"):
                return list(squares)
            return squares.sum(axis=0) if self.subtype == "accum" else squares.mean(axis=0)
        if self.subtype.endswith("list"):
            values = [self._one(list(values), 1) for values in zip(*parts, strict=True)]
            return np.array(values) if self.name.startswith("save_expval") else values
        return self._one(parts, shots if self.subtype == "accum" else 1)

    def _one(self, parts: list[Any], factor: int) -> Any:
        value = parts[0]
        match self.name:
            case "save_expval":
                return float(np.real(value)) * factor
            case "save_expval_var":
                return np.real([value, parts[1]]) * factor
            case "save_statevector":
                return Statevector(value, dims=(2,) * self.num_qubits)
            case "save_density_matrix":
                return DensityMatrix(value * factor, dims=(2,) * self.num_qubits)
            case "save_unitary":
                return Operator(
                    value, input_dims=(2,) * self.num_qubits, output_dims=(2,) * self.num_qubits
                )
            case "save_statevector_dict":
                kept = np.flatnonzero(np.abs(value) > _ZERO)
                return {hex(i): complex(value[i]) for i in kept.tolist()}
            case "save_probabilities_dict":
                kept = np.flatnonzero(np.abs(value) > _ZERO)
                return ProbDistribution({i: float(value[i]) * factor for i in kept.tolist()})
        return value * factor if factor != 1 else value


def read_save(
    operation: Any, qubits: tuple[int, ...], num_qubits: int, method: str
) -> tuple[tuple[Save, ...], SavedItem]:
    """Translate a save instruction.

    Args:
        operation: The instruction, Aer's or ours; one read from QPY has lost its subtype.
        qubits: Qubits of the circuit it acts on.
        num_qubits: Number of qubits of the circuit.
        method: Simulation method, which decides what ``save_state`` saves.

    Returns:
        The IR's saves and how to read their values; no saves for ``save_unitary``.

    Raises:
        QuasimQiskitError: If no engine serves it; says what is possible.
    """
    name = operation.name
    label = getattr(operation, "label", None)
    if label == "_method_":  # Aer's way to say "the name of the state's type"
        label = None
    if name == "save_state":
        name = "save_unitary" if method == "unitary" else "save_statevector"
    if name == "save_unitary":
        label = label or "unitary"
        subtype = getattr(operation, "_subtype", None) or "single"
        if subtype != "single":
            raise QuasimQiskitError("'save_unitary' cannot be saved for each shot: it has none.")
        return (), SavedItem(label, name, subtype, num_qubits, (label,))
    if name not in _KINDS:
        served = ", ".join(sorted(n for n in SAVE_NAMES if n not in _REFUSED))
        raise QuasimQiskitError(
            f"'{name}' is not supported by the methods 'statevector' and 'unitary'. "
            f"Supported: {served}."
        )
    kind, default = _KINDS[name]
    label = label or default
    averaged = name != "save_amplitudes" and "statevector" not in name
    subtype = getattr(operation, "_subtype", None) or ("average" if averaged else "single")
    whole = kind in ("statevector", "amplitudes")
    if whole and len(qubits) != num_qubits:
        raise QuasimQiskitError(
            f"'{name}' is about all {num_qubits} qubits of the circuit; got {len(qubits)}."
        )
    # After routing the list is permuted; as in Aer the state is that of the circuit as it runs.
    plain = subtype.removeprefix("c_")
    conditional = plain != subtype
    if plain == "accum" and conditional:
        raise QuasimQiskitError(
            f"'{name}' cannot be both unnormalized and conditional; drop one of the two."
        )
    mode = "average" if plain == "accum" else plain
    if name == "save_amplitudes_sq" and mode == "average":
        mode = "list"  # the mean of squares is not the square of the mean
    saves = _ir_saves(operation, kind, label, qubits, (mode, conditional))
    return saves, SavedItem(label, name, subtype, len(qubits), tuple(s.label for s in saves))


def _ir_saves(
    operation: Any, kind: str, label: str, qubits: tuple[int, ...], mode: tuple[str, bool]
) -> tuple[Save, ...]:
    subtype, conditional = mode
    if kind == "expectation":
        observable = _observable(operation.params, qubits)
        first = Save("expectation", label, (), observable, (), subtype, conditional)
        if operation.name == "save_expval":
            return (first,)
        hidden = f"{label} variance"
        return (first, Save("variance", hidden, (), observable, (), subtype, conditional))
    if kind == "amplitudes":
        indices = tuple(int(i) for i in operation.params)
        return (Save(kind, label, (), None, indices, subtype, conditional),)
    places = () if kind == "statevector" else qubits
    return (Save(kind, label, places, None, (), subtype, conditional),)


def _observable(params: Sequence[Any], qubits: tuple[int, ...]) -> PauliSum:
    """Read the ``(label, (weight, weight of the square))`` pairs of an expectation value."""
    places = dict(enumerate(qubits))
    terms = tuple(
        (complex(weights[0]), PauliString.from_label(label).on(places))
        for label, weights in params
        if weights[0]
    )
    return PauliSum(terms or ((0.0, PauliString()),))


# --- circuit methods ------------------------------------------------------------------------------


class StateInstruction(Instruction):
    """Save or set something of the simulator's state; attributes as on Aer's instructions."""

    _directive = True

    def __init__(
        self,
        name: str,
        num_qubits: int,
        label: str | None = None,
        subtype: str = "single",
        params: Sequence[Any] = (),
    ) -> None:
        """Make the instruction; ``subtype`` as in `SavedItem`."""
        super().__init__(name, num_qubits, 0, list(params), label=label)
        self._subtype = subtype

    def inverse(self, annotated: bool = False) -> StateInstruction:
        """Return a copy: looking at a state has nothing to undo."""
        copied = self.copy()
        assert isinstance(copied, StateInstruction)
        return copied

    def validate_parameter(self, parameter: Any) -> Any:
        """Take any parameter: they are weights and basis states, not angles."""
        return parameter


def _subtype(averaged: bool, unnormalized: bool, pershot: bool, conditional: bool) -> str:
    plain = "list" if pershot else "single"
    if averaged and not pershot:
        plain = "accum" if unnormalized else "average"
    return f"c_{plain}" if conditional else plain


def _single(name: str, default: str | None) -> Callable[..., QuantumCircuit]:
    def method(
        self: QuantumCircuit,
        label: str | None = default,
        pershot: bool = False,
        conditional: bool = False,
    ) -> QuantumCircuit:
        subtype = _subtype(False, False, pershot, conditional)
        label = "_method_" if label is None else label
        self.append(StateInstruction(name, self.num_qubits, label, subtype), self.qubits)
        return self

    return method


def _averaged(name: str, default: str) -> Callable[..., QuantumCircuit]:
    def method(
        self: QuantumCircuit,
        qubits: Any = None,
        label: str = default,
        unnormalized: bool = False,
        pershot: bool = False,
        conditional: bool = False,
    ) -> QuantumCircuit:
        subtype = _subtype(True, unnormalized, pershot, conditional)
        chosen = self.qubits if qubits is None else list(qubits)
        self.append(StateInstruction(name, len(chosen), label, subtype), chosen)
        return self

    return method


def _expectation(name: str, default: str) -> Callable[..., QuantumCircuit]:
    def method(
        self: QuantumCircuit,
        operator: Any,
        qubits: Any,
        label: str = default,
        unnormalized: bool = False,
        pershot: bool = False,
        conditional: bool = False,
    ) -> QuantumCircuit:
        subtype = _subtype(True, unnormalized, pershot, conditional)
        params = _pauli_weights(operator)
        chosen = list(qubits)
        self.append(StateInstruction(name, len(chosen), label, subtype, params), chosen)
        return self

    return method


def _pauli_weights(operator: Any) -> list[tuple[str, tuple[float, float]]]:
    """Return an operator's Pauli labels and real weights, like labels collected."""
    if isinstance(operator, Pauli):
        operator = SparsePauliOp(operator)
    elif not isinstance(operator, SparsePauliOp):
        operator = SparsePauliOp.from_operator(Operator(operator))
    weights: dict[str, complex] = {}
    for label, weight in operator.label_iter():
        weights[label] = weights.get(label, 0) + complex(weight)
    if any(abs(w.imag) > 1e-8 for w in weights.values()):
        raise ValueError("The operator is not Hermitian: a Pauli weight has an imaginary part.")
    return [(label, (w.real, 0.0)) for label, w in weights.items()]


def _amplitudes(name: str, default: str, averaged: bool) -> Callable[..., QuantumCircuit]:
    def method(
        self: QuantumCircuit,
        params: Sequence[int | str],
        label: str = default,
        unnormalized: bool = False,
        pershot: bool = False,
        conditional: bool = False,
    ) -> QuantumCircuit:
        indices = [
            int(p, 16 if p.startswith("0x") else 2) if isinstance(p, str) else int(p)
            for p in params
        ]
        if indices and max(indices) >= 1 << self.num_qubits:
            raise ValueError(
                f"Basis state {max(indices)} does not exist on {self.num_qubits} qubits."
            )
        subtype = _subtype(averaged, unnormalized, pershot, conditional)
        self.append(StateInstruction(name, self.num_qubits, label, subtype, indices), self.qubits)
        return self

    if averaged:
        return method

    def single(
        self: QuantumCircuit,
        params: Sequence[int | str],
        label: str = default,
        pershot: bool = False,
        conditional: bool = False,
    ) -> QuantumCircuit:
        return method(self, params, label, False, pershot, conditional)

    return single


def _set(name: str) -> Callable[..., QuantumCircuit]:
    def method(self: QuantumCircuit, state: Any) -> QuantumCircuit:
        data = Statevector(state).data if name == "set_statevector" else state
        size = len(data) if name == "set_statevector" else 1 << self.num_qubits
        if size != 1 << self.num_qubits:
            raise ValueError(
                f"The state has {size} amplitudes; {self.num_qubits} qubits have "
                f"{1 << self.num_qubits}."
            )
        self.append(StateInstruction(name, self.num_qubits, None, params=[data]), self.qubits)
        return self

    return method


_METHODS: dict[str, Callable[..., QuantumCircuit]] = {
    "save_state": _single("save_state", None),
    "save_statevector": _single("save_statevector", "statevector"),
    "save_statevector_dict": _single("save_statevector_dict", "statevector"),
    "save_unitary": _single("save_unitary", "unitary"),
    "save_superop": _single("save_superop", "superop"),
    "save_stabilizer": _single("save_stabilizer", "stabilizer"),
    "save_clifford": _single("save_clifford", "clifford"),
    "save_matrix_product_state": _single("save_matrix_product_state", "matrix_product_state"),
    "save_density_matrix": _averaged("save_density_matrix", "density_matrix"),
    "save_probabilities": _averaged("save_probabilities", "probabilities"),
    "save_probabilities_dict": _averaged("save_probabilities_dict", "probabilities"),
    "save_expectation_value": _expectation("save_expval", "expectation_value"),
    "save_expectation_value_variance": _expectation(
        "save_expval_var", "expectation_value_variance"
    ),
    "save_amplitudes": _amplitudes("save_amplitudes", "amplitudes", averaged=False),
    "save_amplitudes_squared": _amplitudes(
        "save_amplitudes_sq", "amplitudes_squared", averaged=True
    ),
    **{name: _set(name) for name in SET_NAMES},
}


def install_methods() -> None:
    """Give `QuantumCircuit` each save and set method it does not have."""
    for name, method in _METHODS.items():
        if not hasattr(QuantumCircuit, name):
            method.__name__ = name
            method.__doc__ = f"Append a '{name}' instruction; see Qiskit Aer's method of this name."
            setattr(QuantumCircuit, name, method)

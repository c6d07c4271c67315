"""Reading save instructions, by name and attributes: Aer's own or those of `circuit_methods`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.quantum_info import (
    Clifford,
    DensityMatrix,
    Operator,
    StabilizerState,
    Statevector,
    SuperOp,
)
from qiskit.result import ProbDistribution

from quasim_backend import StabilizerTableau
from quasim_backend.ir import PauliSum
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString
from quasim_backend.session.states import in_double
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["MAPS", "SAVE_NAMES", "SET_NAMES", "SavedItem", "read_save"]

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
    "save_stabilizer": ("stabilizer", "stabilizer"),
    "save_clifford": ("stabilizer", "clifford"),
    "save_matrix_product_state": ("mps", "matrix_product_state"),
}
"""Qiskit's name to the IR's kind and the default label."""

_WHOLE = ("statevector", "stabilizer", "mps")
"""Kinds that are about all qubits and never averaged."""

MAPS = {"save_unitary": "unitary", "save_superop": "superop"}
"""Saves of what the circuit does to every state, and their default label: the method's name."""

_STATES = {
    "unitary": "save_unitary",
    "superop": "save_superop",
    "density_matrix": "save_density_matrix",
    "stabilizer": "save_stabilizer",
    "matrix_product_state": "save_matrix_product_state",
}
"""What ``save_state`` saves, by method; a state vector otherwise."""

SAVE_NAMES = ("save_state", *_KINDS, *MAPS)
"""Names of all save instructions."""

SET_NAMES = (
    "set_statevector",
    "set_density_matrix",
    "set_unitary",
    "set_superop",
    "set_stabilizer",
    "set_matrix_product_state",
)
"""Names of all set instructions; those of density matrices, unitaries and
superoperators are refused."""

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

    def error(self, errors: Mapping[str, Any], shots: int) -> Any:
        """Return the standard error of an averaged value, in numbers and lists; None of others."""
        if any(source not in errors for source in self.sources):
            return None
        parts = [errors[source] for source in self.sources]
        if self.subtype.startswith("c_"):
            return {hex(k): _numbers([part[k] for part in parts], 1) for k in parts[0]}
        return _numbers(parts, shots if self.subtype == "accum" else 1)

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
                return Statevector(in_double(value), dims=(2,) * self.num_qubits)
            case "save_density_matrix":
                return DensityMatrix(value * factor, dims=(2,) * self.num_qubits)
            case "save_unitary":
                return Operator(
                    value, input_dims=(2,) * self.num_qubits, output_dims=(2,) * self.num_qubits
                )
            case "save_stabilizer":
                return StabilizerState(_clifford(value), validate=False)
            case "save_clifford":
                return _clifford(value)
            case "save_superop":
                return SuperOp(
                    value, input_dims=(2,) * self.num_qubits, output_dims=(2,) * self.num_qubits
                )
            case "save_statevector_dict":
                kept = np.flatnonzero(np.abs(value) > _ZERO)
                return {hex(i): complex(value[i]) for i in kept.tolist()}
            case "save_probabilities_dict":
                kept = np.flatnonzero(np.abs(value) > _ZERO)
                return ProbDistribution({i: float(value[i]) * factor for i in kept.tolist()})
        return value * factor if factor != 1 else value


def _numbers(parts: list[Any], factor: int) -> Any:
    values = [(np.asarray(part) * factor).tolist() for part in parts]
    return values[0] if len(values) == 1 else values


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
        The IR's saves and how to read their values; no saves for those of `MAPS`.

    Raises:
        QuasimQiskitError: If its subtype or qubits are not possible; says what is.
    """
    name = operation.name
    label = getattr(operation, "label", None)
    if label == "_method_":  # Aer's way to say "the name of the state's type"
        label = None
    given = getattr(operation, "_subtype", None)
    if name == "save_state":
        name = _STATES.get(method, "save_statevector")
        if name == "save_density_matrix" and given is not None:
            given = given.replace("single", "average")  # over all shots, as Aer's
    if name in MAPS:
        label, subtype = label or MAPS[name], given or "single"
        if subtype not in ("single", "list"):
            raise QuasimQiskitError(f"'{name}' cannot be conditional: no outcome changes it.")
        return (), SavedItem(label, name, subtype, num_qubits, (label,))
    kind, default = _KINDS[name]
    label = label or default
    averaged = name != "save_amplitudes" and kind not in _WHOLE
    subtype = given or ("average" if averaged else "single")
    whole = kind == "amplitudes" or kind in _WHOLE
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
    places = () if kind in _WHOLE else qubits
    return (Save(kind, label, places, None, (), subtype, conditional),)


def _clifford(tableau: StabilizerTableau) -> Clifford:
    """Return Qiskit's Clifford, whose tableau has the same rows as ours."""
    rows = np.hstack([tableau.x, tableau.z, tableau.phase[:, None]])
    return Clifford(rows, validate=False)


def _observable(params: Sequence[Any], qubits: tuple[int, ...]) -> PauliSum:
    """Read the ``(label, (weight, weight of the square))`` pairs of an expectation value."""
    places = dict(enumerate(qubits))
    terms = tuple(
        (complex(weights[0]), PauliString.from_label(label).on(places))
        for label, weights in params
        if weights[0]
    )
    return PauliSum(terms or ((0.0, PauliString()),))

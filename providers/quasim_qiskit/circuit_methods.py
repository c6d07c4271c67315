"""The 21 save and set methods of `QuantumCircuit` that Aer adds, for where Aer is absent.

Their instructions carry the same names and attributes as Aer's, so one reader serves both. A
method that is there already, because Aer was imported before, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector

from quasim_qiskit.saves import SET_NAMES

__all__ = ["StateInstruction", "install_methods"]


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

"""Dense truth: gates applied as whole matrices, independent of lowering, plans and kernels.

Everything here is written for the eye: each gate's `Gate.matrix` meets the state as one tensor
contraction, in complex128. Meant for at most about ten qubits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Barrier, Delay, GateOp, Save, SetState
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter

__all__ = [
    "apply_matrix",
    "dense_state",
    "dense_unitary",
    "observable_matrix",
    "pauli_matrix",
    "reduced_density_matrix",
]

Matrix = NDArray[np.complex128]

_PAULI = {
    "I": np.array([[1, 0], [0, 1]], np.complex128),
    "X": np.array([[0, 1], [1, 0]], np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], np.complex128),
    "Z": np.array([[1, 0], [0, -1]], np.complex128),
}


def apply_matrix(state: ArrayLike, matrix: ArrayLike, qubits: Sequence[int]) -> Matrix:
    """Return ``matrix`` applied to ``qubits`` of a state or of a batch of states.

    Args:
        state: ``(2**n,)``, or ``(2**n, columns)`` with one state a column.
        matrix: ``(2**k, 2**k)``, not necessarily unitary; ``qubits[0]`` is its lowest index bit.
        qubits: ``k`` distinct qubits.
    """
    array = np.asarray(state, np.complex128)
    width, count = len(array).bit_length() - 1, len(qubits)
    tensor = array.reshape((2,) * width + (-1,))
    operator = np.asarray(matrix, np.complex128).reshape((2,) * (2 * count))
    # The first axis of a reshaped array is the highest bit.
    axes = [width - 1 - q for q in reversed(qubits)]
    result = np.tensordot(operator, tensor, axes=(range(count, 2 * count), axes))
    return np.moveaxis(result, range(count), axes).reshape(array.shape)


def dense_state(
    circuit: Circuit,
    parameters: Mapping[Parameter, float] | None = None,
    initial_state: ArrayLike | None = None,
) -> Matrix:
    """Return the final amplitudes ``(2**n,)`` of a circuit of gates.

    Args:
        circuit: Gates, barriers, delays, save points and `SetState`; save points do nothing.
        parameters: Value of every symbolic parameter.
        initial_state: ``(2**n,)``; ``|0...0>`` by default.

    Raises:
        TypeError: If the circuit holds anything else.
    """
    if initial_state is None:
        state = np.zeros(1 << circuit.num_qubits, np.complex128)
        state[0] = 1
    else:
        state = np.array(initial_state, np.complex128)
    return _evolve(circuit, state, parameters)


def dense_unitary(circuit: Circuit, parameters: Mapping[Parameter, float] | None = None) -> Matrix:
    """Return the ``(2**n, 2**n)`` unitary of a circuit of gates, global phase included."""
    return _evolve(circuit, np.eye(1 << circuit.num_qubits, dtype=np.complex128), parameters)


def _evolve(
    circuit: Circuit, state: Matrix, parameters: Mapping[Parameter, float] | None
) -> Matrix:
    values: dict[Parameter, Any] = dict(parameters or {})
    for instruction in circuit.instructions:
        if isinstance(instruction, GateOp):
            matrix = instruction.gate.bound(values).matrix()
            state = apply_matrix(state, matrix, instruction.qubits)
        elif isinstance(instruction, SetState):
            state = np.array(instruction.amplitudes)
        elif not isinstance(instruction, Barrier | Delay | Save):
            raise TypeError(
                f"'{type(instruction).__name__}' has no matrix; use 'exact_branches' for circuits "
                f"with measurements and classical control."
            )
    return state


def pauli_matrix(string: PauliString, num_qubits: int) -> Matrix:
    """Return the ``(2**n, 2**n)`` matrix of a Pauli string."""
    result: Matrix = np.ones((1, 1), np.complex128)
    for letter in string.label(num_qubits):
        result = np.asarray(np.kron(result, _PAULI[letter]), np.complex128)
    return result


def observable_matrix(observable: PauliSum, num_qubits: int) -> Matrix:
    """Return the ``(2**n, 2**n)`` matrix of a weighted sum of Pauli strings."""
    result: Matrix = np.zeros((1 << num_qubits,) * 2, np.complex128)
    for weight, string in observable.terms:
        result = result + weight * pauli_matrix(string, num_qubits)
    return result


def reduced_density_matrix(rho: Matrix, qubits: Sequence[int]) -> Matrix:
    """Trace a density matrix ``(2**n, 2**n)`` down to ``qubits``, the first one lowest."""
    width = len(rho).bit_length() - 1
    order = [*qubits, *(q for q in range(width) if q not in qubits)]
    axes = [width - 1 - q for q in reversed(order)]
    tensor = rho.reshape((2,) * (2 * width)).transpose(axes + [width + a for a in axes])
    rest, kept = 1 << (width - len(qubits)), 1 << len(qubits)
    reduced: Matrix = np.einsum("ijik->jk", tensor.reshape(rest, kept, rest, kept))
    return reduced

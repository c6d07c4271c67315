"""Running one translated circuit, and what pytket wants to know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pytket.circuit import Bit, Qubit
from pytket.circuit import Circuit as TketCircuit
from pytket.pauli import Pauli
from pytket.utils.operators import QubitPauliOperator

from quasim_backend import Runtime
from quasim_backend.errors import CircuitError, QubitError, UnsupportedError
from quasim_backend.ir import Circuit, PauliString, PauliSum
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    ChannelOp,
    GateOp,
    Initialize,
    Instruction,
    Measure,
)
from quasim_backend.ir.program import ComplexArray
from quasim_backend.session.jobs import CancelToken
from quasim_pytket.result import QuasimResult, pack_outcomes
from quasim_pytket.translate import qubit_numbers

__all__ = [
    "Task",
    "expectation_value",
    "final_state",
    "lower_operator",
    "without_final_measurements",
]

_LETTERS = {Pauli.I: "I", Pauli.X: "X", Pauli.Y: "Y", Pauli.Z: "Z"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """A circuit to run and what is wanted of it.

    Attributes:
        circuit: Translated; it starts in zeros.
        exact: What a state, unitary or density matrix is computed of; as ``circuit``, but before
            any post-processing was split off, and exact in its inputs for a unitary.
        qubits: pytket's qubits in order.
        bits: pytket's bits in order.
        shots: Number of shots; None for the state only.
        seed: Seed of the shots.
        result_type: One of `RESULT_TYPES`.
        has_state: Whether a result with shots gives the state, too.
        postprocessing: Classical circuit applied to outcomes when they are read.
    """

    circuit: Circuit
    exact: Circuit
    qubits: Sequence[Qubit]
    bits: Sequence[Bit]
    shots: int | None
    seed: int | None
    result_type: str
    has_state: bool
    postprocessing: TketCircuit | None = None

    def run(self, runtime: Runtime, token: CancelToken) -> QuasimResult:
        """Run and return what pytket expects."""
        compute = _COMPUTE[self.result_type]
        if self.shots is None:
            parts: dict[str, Any] = compute(runtime, self.exact)
            return QuasimResult(q_bits=self.qubits, **parts)
        measured = any(isinstance(i, Measure | Assign) for i in self.circuit.walk())
        words = np.zeros((self.shots, (self.circuit.num_clbits + 63) // 64), np.uint64)
        metadata: dict[str, Any] = {}
        if measured and self.shots:
            result = runtime.run(self.circuit, self.shots, self.seed, cancel=token)
            assert result.packed is not None
            words, metadata = result.packed, result.metadata
        lazy: Callable[[], dict[str, ComplexArray]] | None = None
        if self.has_state and _is_pure(self.exact):
            exact = self.exact
            lazy = lambda: compute(runtime, exact)  # noqa: E731
        return QuasimResult(
            shots=pack_outcomes(words, len(self.bits)),
            c_bits=self.bits,
            q_bits=self.qubits if lazy else (),
            ppcirc=self.postprocessing,
            metadata=metadata,
            compute=lazy,
        )


def final_state(runtime: Runtime, circuit: Circuit) -> ComplexArray:
    """Return the amplitudes before the final measurements.

    Raises:
        UnsupportedError: If the circuit has no single final state.
    """
    return _exactly(circuit, runtime.simulate)


def expectation_value(runtime: Runtime, circuit: Circuit, operator: PauliSum) -> complex:
    """Return the expectation value in the state before the final measurements.

    Raises:
        UnsupportedError: If the circuit has no single final state.
    """
    values = _exactly(circuit, lambda pure: runtime.expectations(pure, [operator]))
    return complex(values[0])


def lower_operator(operator: QubitPauliOperator, circuit: TketCircuit) -> PauliSum:
    """Translate an operator; its coefficients may be complex numbers or sympy expressions.

    Raises:
        QubitError: If it acts on a qubit that the circuit does not have.
        CircuitError: If a coefficient has no value.
    """
    number_of = qubit_numbers(circuit)
    terms: list[tuple[complex, PauliString]] = []
    for string, coefficient in operator.get_dict().items():
        for qubit in string.map:
            if qubit not in number_of:
                raise QubitError(
                    f"The operator acts on {qubit}, which the circuit does not have; its qubits "
                    f"are {', '.join(map(str, circuit.qubits)) or 'none'}."
                )
        try:
            weight = complex(coefficient)
        except TypeError as cause:
            raise CircuitError(
                f"Coefficient '{coefficient}' of {string} has no value; give its symbols values "
                f"first, with QubitPauliOperator.subs."
            ) from cause
        letters = {number_of[qubit]: _LETTERS[pauli] for qubit, pauli in string.map.items()}
        terms.append((weight, PauliString.from_letters(letters)))
    return PauliSum(tuple(terms))


def _state(runtime: Runtime, circuit: Circuit) -> dict[str, ComplexArray]:
    return {"state": final_state(runtime, circuit)}


def _unitary(runtime: Runtime, circuit: Circuit) -> dict[str, ComplexArray]:
    return {"unitary": _exactly(circuit, runtime.unitary, "unitary")}


def _density_matrix(runtime: Runtime, circuit: Circuit) -> dict[str, ComplexArray]:
    if any(isinstance(i, ChannelOp) for i in circuit.instructions):
        return {"density_matrix": runtime.reduced_density_matrix(circuit)}
    # The state first: it refuses what is not pure. It costs little next to its square.
    final_state(runtime, circuit)
    pure = without_final_measurements(circuit)
    result = runtime.run(pure, 0, save="density_matrix")
    return {"density_matrix": result.saved["density_matrix"]}


_COMPUTE = {"state_vector": _state, "unitary": _unitary, "density_matrix": _density_matrix}


def _exactly(
    circuit: Circuit, compute: Callable[[Circuit], ComplexArray], what: str = "state"
) -> ComplexArray:
    try:
        return compute(without_final_measurements(circuit))
    except UnsupportedError as cause:
        if _is_pure(circuit):
            raise
        raise UnsupportedError(
            f"Circuit '{circuit.name}' measures, resets, branches or is noisy before its end, so "
            f"it has no single {what}. Give n_shots to sample it."
        ) from cause


def _is_pure(circuit: Circuit) -> bool:
    """Return whether there are gates only, states on fresh qubits, and measurements at the end."""
    used: set[int] = set()
    for instruction in without_final_measurements(circuit).instructions:
        if not isinstance(instruction, GateOp | Barrier | Initialize):
            return False
        if isinstance(instruction, Initialize) and not used.isdisjoint(instruction.qubits):
            return False
        used.update(instruction.qubits)
    return True


def without_final_measurements(circuit: Circuit) -> Circuit:
    """Leave out measurements after which nothing but gates happens, and that not to the qubit."""
    kept: list[Instruction] = []
    busy: set[int] = set()
    for place in reversed(range(len(circuit.instructions))):
        instruction = circuit.instructions[place]
        if isinstance(instruction, Measure) and busy.isdisjoint(instruction.qubits):
            continue
        if not isinstance(instruction, Measure | GateOp | Barrier):
            # Classical bits may be read here or before.
            kept.extend(reversed(circuit.instructions[: place + 1]))
            break
        if not isinstance(instruction, Barrier):
            busy.update(instruction.qubits)
        kept.append(instruction)
    if len(kept) == len(circuit.instructions):
        return circuit
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    result.instructions = kept[::-1]
    return result

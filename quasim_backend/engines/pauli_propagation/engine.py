"""The Pauli-propagation engine: expectation values from observables that run backwards."""

from __future__ import annotations

import math

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, GatesStep, SaveStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.doubled_circuit import reads_outcomes
from quasim_backend.engines.pauli_propagation.moves import WIDEST, too_wide
from quasim_backend.engines.pauli_propagation.propagation import Propagation
from quasim_backend.engines.pauli_sums import refused_save
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir.instructions import GateOp

__all__ = ["PauliPropagationEngine"]

_OPERATION_SECONDS = 5e-6
"""What an operation costs that meets no string."""
_MOVE_SECONDS = 120e-6
"""What a move costs however few strings it meets."""
_STRING_SECONDS = 70e-9
"""What a move costs for each string, merging included, with one word of x and z bits."""


_WIDE = 16
"""Qubits on which not even the workspace holds all strings."""


class PauliPropagationEngine:
    """Takes every observable backwards through the circuit and reads it off in ``|0...0>``.

    Clifford gates take one Pauli string to one; a rotation takes a string that does not commute
    with it to two; Pauli noise makes coefficients smaller. The time depends on the number of
    strings, which grows with the gates that are no Cliffords in the light cone of an observable,
    not on the number of qubits. Without ``pauli_threshold`` and ``max_pauli_weight`` values are
    exact to rounding.

    The method is that of Rall, Liang, Cook and Kretschmer, Phys. Rev. A 99, 062337 (2019), and
    Beguelin, Gray and Chan, Science Advances 10, eadk4321 (2024), with a bound on the error.
    """

    name = "pauli_propagation"
    runs_gates = True
    averages = True
    """Saved values are averages over everything that depends on chance."""

    def prediction_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds `predicted_seconds` takes."""
        return 0.0 if request.shots else 0.015

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if request.shots:
            return "Pauli propagation gives averages, not shots; save 'expectation' with shots=0"
        if request.want_state or request.want_unitary or request.want_superop:
            return "Pauli propagation gives expectation values, neither states nor unitaries"
        if reads_outcomes(compiled):
            return "Pauli propagation follows no outcomes, and what the circuit does depends on one"
        try:
            code = gate_code(compiled)
        except UnsupportedError as error:
            return str(error)
        saves = [step.save for step in code.steps if isinstance(step, SaveStep)]
        if not saves:
            return "Pauli propagation gives what is saved, and the circuit saves nothing"
        for save in saves:
            refusal = refused_save(save, code.num_qubits)
            if refusal is not None:
                return f"Pauli propagation cannot save {refusal}"
        return _refused_operation(code)

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the bytes of all strings there are on the qubits, at most the workspace.

        A run ends with an error before it needs more.
        """
        words = 2 * -(-compiled.num_qubits // 64) + 1
        most = min(compiled.num_qubits, _WIDE) * 2
        saves = sum(isinstance(step, SaveStep) for step in compiled.steps)
        return 1 << 16 | min(max(saves, 1) * 48 * words << most, request.workspace_bytes)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes; infinity if it would end with an error.

        The number of strings comes from a propagation that goes on with a part of them.
        """
        found = Propagation(gate_code(compiled), request)
        try:
            found.forecast()
        except (MemoryLimitError, UnsupportedError):  # as the run itself would end
            return math.inf
        if found.peak * found.strings.bytes_each > request.workspace_bytes:
            return math.inf
        each = _STRING_SECONDS * found.strings.bytes_each / 160
        overhead = found.operations * _OPERATION_SECONDS + found.moves * _MOVE_SECONDS
        return overhead + found.work * each

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            MemoryLimitError: If the strings outgrow the request's workspace.
            UnsupportedError: If more is dropped than ``max_truncation_error`` allows.
            Cancelled: If the request's token was set.
        """
        request.cancel.check()
        propagation = Propagation(gate_code(compiled), request)
        propagation.run()
        sink, bounds = propagation.saved()
        metadata = {
            "truncation_error": max(bounds.values(), default=0.0),
            "truncation_errors": bounds,
            "pauli_strings": int(propagation.peak),
            "stages": propagation.moves,
            "bytes": int(propagation.work) * propagation.strings.bytes_each,
            "dtype": str(np.dtype(np.complex128)),
        }
        return EngineOutput(
            saved=sink.result(), standard_errors=sink.standard_errors(), metadata=metadata
        )


def _refused_operation(code: CompiledCircuit) -> str | None:
    """Return which gate or channel is too wide, or None."""
    place = 0
    for step in code.steps:
        if not isinstance(step, GatesStep):
            continue
        for operation in step.operations:
            gate = isinstance(operation, GateOp)
            what = operation.gate if isinstance(operation, GateOp) else operation.channel
            if too_wide(what):
                return (
                    f"{'gate' if gate else 'channel'} '{what.name}' on {what.num_qubits} qubits "
                    f"(operation {place}) is too wide for Pauli propagation, which takes Pauli "
                    f"rotations of any width and others on up to {WIDEST} qubits; decompose it"
                )
            place += 1
    return None

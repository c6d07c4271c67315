"""The extended-stabilizer engine: Clifford gates for nothing, all others by amplitudes."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    ResetStep,
    SaveStep,
    SetStateStep,
)
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.doubled_circuit import reads_outcomes
from quasim_backend.engines.extended_stabilizer.reduction import reduced
from quasim_backend.engines.extended_stabilizer.run import ReducedRun, dtype_of
from quasim_backend.engines.pauli_rotations import rotations_of
from quasim_backend.engines.pauli_sums import refused_save
from quasim_backend.engines.statevector import result_bytes
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.instructions import ChannelOp, GateOp

__all__ = ["ExtendedStabilizerEngine"]

_MOST_COORDINATES = 40
"""Coordinates of a state that may fit into some machine."""
_STATES_QUBITS = 63
"""Qubits of a whole state: an index is a signed word."""
_GATE_SECONDS = 30e-6
"""What moving a Clifford gate past the rest costs."""
_ROTATION_SECONDS = 30e-6
"""What a rotation costs however few coordinates there are."""
_BANDWIDTH = 16e9
"""Bytes a second of a rotation."""
_BIT_SECONDS = 6e-9
"""What an outcome of one qubit in one shot costs."""


class ExtendedStabilizerEngine:
    """Runs circuits of Clifford gates and few others on any number of qubits.

    Moves the Clifford gates to the end, which leaves rotations of ``r`` coordinates; see
    `quasim_backend.engines.extended_stabilizer.reduction`. Time and memory grow as ``2**r`` with
    ``r`` at most the number of gates that are no Cliffords, and hardly with the number of qubits.
    Everything is exact to rounding: the sum over stabilizer states is never cut short.
    """

    name = "extended_stabilizer"
    prediction_seconds = 0.05
    """How long `refuses` may take, which takes the circuit apart."""
    runs_gates = True

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if request.want_unitary or request.want_superop:
            return "sums of stabilizer states give neither unitaries nor superoperators"
        if request.initial_state is not None:
            return "sums of stabilizer states start in |0...0>; prepare the state by gates"
        try:
            code = gate_code(compiled)
        except UnsupportedError as error:
            return str(error)
        refusal = _refused_step(code) or _refused_gate(code)
        if refusal is not None:
            return refusal
        whole = request.want_state or any(
            isinstance(s, SaveStep) and s.save.kind == "statevector" for s in code.steps
        )
        if whole and code.num_qubits > _STATES_QUBITS:
            return f"a state of {code.num_qubits} qubits cannot be written out; save 'amplitudes'"
        rank = reduced(code, request).rank
        if rank > _MOST_COORDINATES:
            return (
                f"the gates that are no Cliffords need 2**{rank} stabilizer states, of at most "
                f"2**{_MOST_COORDINATES}; use method='matrix_product_state' or 'tensor_network', "
                f"or for expectation values 'pauli_propagation'"
            )
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the bytes of two states of the coordinates and of what is saved."""
        code = gate_code(compiled)
        rank = reduced(code, request).rank
        total = (1 << 16) + (2 * dtype_of(rank, request).itemsize << rank)
        words = -(-code.num_qubits // 64)
        if any(isinstance(s, SaveStep) and s.save.kind == "amplitudes" for s in code.steps):
            total += (64 + 48 * words) << rank
        if request.want_state:
            total += request.dtype.itemsize << code.num_qubits
        return total + 64 * 8 * request.shots + result_bytes(code, request)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes on two cores."""
        code = gate_code(compiled)
        found = reduced(code, request)
        state = dtype_of(found.rank, request).itemsize * 2.0**found.rank
        gates = sum(len(s.operations) for s in code.steps if isinstance(s, GatesStep))
        rotations = len(found.rotations) + found.rank * bool(request.shots)
        rotating = rotations * (_ROTATION_SECONDS + 2 * state / _BANDWIDTH)
        bits = request.shots * code.num_clbits * _BIT_SECONDS
        return gates * _GATE_SECONDS + rotating + bits

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        request.cancel.check()
        code = gate_code(compiled)
        reduction = reduced(code, request)
        output = ReducedRun(code, request, reduction).run()
        moved = 2 * dtype_of(reduction.rank, request).itemsize << reduction.rank
        output.metadata |= {
            "stages": len(reduction.rotations),
            "bytes": len(reduction.rotations) * moved,
            "stabilizer_terms": 1 << reduction.rank if reduction.span.basis else 1,
            "non_clifford_rotations": len(reduction.rotations),
            "approximation_error": 0.0,
            "dtype": str(np.dtype(dtype_of(reduction.rank, request))),
        }
        return output


def _refused_step(code: CompiledCircuit) -> str | None:
    for step in code.steps:
        match step:
            case MeasureStep(qubits):
                return (
                    f"it measures qubits at the end only, and {qubits} are measured before; "
                    f"use method='statevector' or 'matrix_product_state'"
                )
            case ResetStep(qubits):
                return f"it resets no qubits, and {qubits} are; use method='statevector'"
            case InitializeStep() | SetStateStep():
                return "sums of stabilizer states start in |0...0>; prepare the state by gates"
            case SaveStep(save) if save.kind not in ("statevector", "amplitudes"):
                refusal = refused_save(save, code.num_qubits)
                if refusal is not None:
                    return f"it cannot save {refusal}"
    return "what the circuit does depends on outcomes" if reads_outcomes(code) else None


def _refused_gate(code: CompiledCircuit) -> str | None:
    """Return which gate or channel is no product of known rotations, or None."""
    place, known = 0, set[object]()
    for step in code.steps:
        if not isinstance(step, GatesStep):
            continue
        for operation in step.operations:
            if isinstance(operation, ChannelOp):
                return (
                    f"channel '{operation.channel.name}' (operation {place}): it takes no noise; "
                    f"use method='trajectories', or for expectation values 'pauli_propagation'"
                )
            gate = operation.gate
            if gate not in known and not _is_known(operation):
                return (
                    f"gate '{gate.name}' on {gate.num_qubits} qubits (operation {place}) is no "
                    f"Clifford gate, and no Pauli rotations are known for it; decompose it"
                )
            known.add(gate)
            place += 1
    return None


def _is_known(operation: GateOp) -> bool:
    gate = operation.gate
    bound = gate.bound(dict.fromkeys(gate.parameters, 1.0))
    return rotations_of(bound, range(gate.num_qubits)) is not None

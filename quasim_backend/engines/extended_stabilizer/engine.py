"""The extended-stabilizer engine: Clifford gates for nothing, all others by amplitudes."""

from __future__ import annotations

import math

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
from quasim_backend.engines.extended_stabilizer.halved_run import HalvedRun, widths_of
from quasim_backend.engines.extended_stabilizer.reduction import Reduction, reduced
from quasim_backend.engines.extended_stabilizer.run import ReducedRun, dtype_of
from quasim_backend.engines.pauli_rotations import rotations_of
from quasim_backend.engines.pauli_sums import refused_save
from quasim_backend.engines.statevector import result_bytes
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.parameters import Affine

__all__ = ["ExtendedStabilizerEngine"]

_MOST_COORDINATES = 40
"""Coordinates of a state that may fit into some machine."""
_ONE_VECTOR = 28
"""Coordinates of a vector that has room nearly everywhere;"""
_PATIENCE = 100
"""for more, how many times as long two halves may take."""
_MOST_ROTATIONS = 60
"""Rotations of two halves."""
_MOST_FIXED = 20
"""Strings that are fixed where there are more rotations than coordinates."""
_MOVING = 12e-6
"""Seconds that taking a circuit apart needs for a gate, and"""
_TURNING = 70e-6
"""for one that looks like no Clifford gate: it is compared with those before."""
_HARDLY = 150
"""Rotations from which there is little hope that few coordinates are left."""
_IN_VAIN = 5e-4
"""What is said then for a gate."""
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
_HALF_SECONDS = 16e-9
"""What drawing from two halves costs for each amplitude of one in each try."""
_HALF_BYTES = 16
"""Bytes for each amplitude of a half besides the state: what it is drawn with;"""
_CLASS_BYTES = 24
"""besides, where strings are fixed."""
_STRING_SECONDS = 100e-9
"""What a string of the value of a string costs."""


class ExtendedStabilizerEngine:
    """Runs circuits of Clifford gates and few others on any number of qubits.

    Moves the Clifford gates to the end, which leaves rotations of ``r`` coordinates; see
    `quasim_backend.engines.extended_stabilizer.reduction`. Time and memory grow as ``2**r`` with
    ``r`` at most the number ``m`` of gates that are no Cliffords, and hardly with the number of
    qubits; for samples and values of strings alternatively as ``2**(m - r/2)`` for each shot, see
    `quasim_backend.engines.extended_stabilizer.magic` and ``halves``. Everything is exact to
    rounding: the sum over stabilizer states is never cut short.
    """

    name = "extended_stabilizer"
    runs_gates = True

    def prediction_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds `refuses` takes, which takes the circuit apart.

        Where it would hardly be in vain: circuits of many rotations are nearly always refused, and
        others had better be asked before.
        """
        code = gate_code(compiled)
        turns = _num_turns(code)
        if turns > _HARDLY:
            return _IN_VAIN * code.num_gates
        return _MOVING * code.num_gates + _TURNING * turns

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
        found = reduced(code, request)
        if found.rank > _MOST_COORDINATES and not _can_be_halved(code, request, found):
            return (
                f"{len(found.rotations)} rotations are no Cliffords and need 2**{found.rank} "
                f"stabilizer states; possible are 2**{_MOST_COORDINATES}, or without amplitudes "
                f"{_MOST_ROTATIONS} rotations; use method='matrix_product_state' or "
                f"'tensor_network', or for expectation values 'pauli_propagation'"
            )
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the bytes of two states of the coordinates and of what is saved."""
        code = gate_code(compiled)
        found = reduced(code, request)
        rank = found.rank
        if _is_halved(code, request, found):
            return _halved_bytes(code, request, found)
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
        halved = _is_halved(code, request, found)
        own = (_halved_seconds if halved else _vector_seconds)(code, request, found)
        bits = request.shots * code.num_clbits * _BIT_SECONDS
        return code.num_gates * _GATE_SECONDS + own + bits

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        request.cancel.check()
        code = gate_code(compiled)
        reduction = reduced(code, request)
        halved = _is_halved(code, request, reduction)
        output = (HalvedRun if halved else ReducedRun)(code, request, reduction).run()
        rotations = len(reduction.rotations)
        coordinates = max(widths_of(rotations)) if halved else reduction.rank
        dtype = dtype_of(coordinates, request)
        output.metadata |= {
            "stages": rotations,
            "bytes": rotations * 2 * dtype.itemsize << coordinates,
            "stabilizer_terms": 1 << reduction.rank if reduction.span.basis else 1,
            "non_clifford_rotations": rotations,
            "halves": widths_of(rotations) if halved else None,
            "approximation_error": 0.0,
            "dtype": str(dtype),
        }
        return output


# --- one vector or two halves -------------------------------------------------------------------


def _can_be_halved(code: CompiledCircuit, request: EngineRequest, found: Reduction) -> bool:
    """Return whether two halves give what is asked for: all but amplitudes."""
    kinds = {step.save.kind for step in code.steps if isinstance(step, SaveStep)}
    if request.want_state or kinds & {"statevector", "amplitudes"}:
        return False
    fixed = len(found.rotations) - len(found.span.basis)
    return 2 <= len(found.rotations) <= _MOST_ROTATIONS and fixed <= _MOST_FIXED


def _is_halved(code: CompiledCircuit, request: EngineRequest, found: Reduction) -> bool:
    """Return whether two halves are taken: one vector is too large, or slower."""
    if not _can_be_halved(code, request, found):
        return False
    patience = _PATIENCE if found.rank > _ONE_VECTOR else 1
    seconds = _vector_seconds(code, request, found)
    return _halved_seconds(code, request, found) < patience * seconds


def _vector_seconds(code: CompiledCircuit, request: EngineRequest, found: Reduction) -> float:
    state = dtype_of(found.rank, request).itemsize * 2.0**found.rank
    strings = sum(len(reading.strings) for reading in found.readings)
    passes = len(found.rotations) + found.rank * bool(request.shots) + strings
    return passes * (_ROTATION_SECONDS + 2 * state / _BANDWIDTH)


def _halved_seconds(code: CompiledCircuit, request: EngineRequest, found: Reduction) -> float:
    rotations = len(found.rotations)
    fixed = rotations - len(found.span.basis)
    strings = sum(len(reading.strings) for reading in found.readings)
    seconds = strings * (10 * _ROTATION_SECONDS + _STRING_SECONDS * 2.0**fixed)
    if request.shots:
        half = 2.0 ** max(widths_of(rotations))
        # A try has the right values of those bits of b that are fixed by chance.
        tries = request.shots * 2.0 ** (fixed // 2)
        seconds += 3 * rotations * (_ROTATION_SECONDS + 2 * 8 * half / _BANDWIDTH)
        seconds += tries * (rotations * 1e-6 + half * _HALF_SECONDS)
    return seconds


def _halved_bytes(code: CompiledCircuit, request: EngineRequest, found: Reduction) -> int:
    """Return the bytes of both halves, the tables drawn from, what is drawn and saved."""
    rotations = len(found.rotations)
    fixed = rotations - len(found.span.basis)
    values = any(reading.strings for reading in found.readings)
    total = (1 << 20) + (64 << fixed) * values + result_bytes(code, request)
    if request.shots:
        half = max(widths_of(rotations))
        own = _HALF_BYTES + _CLASS_BYTES * (fixed > 0) + 2 * dtype_of(half, request).itemsize
        total += 2 * own << half
        total += (64 + rotations) * 8 * request.shots
    return total


# --- refusals -----------------------------------------------------------------------------------


def _num_turns(code: CompiledCircuit) -> int:
    """Return about how many rotations are no Clifford gates, by a glance at each gate."""
    return sum(
        _turns(operation.gate)
        for step in code.steps
        if isinstance(step, GatesStep)
        for operation in step.operations
        if isinstance(operation, GateOp)
    )


def _turns(gate: Gate) -> int:
    controls = gate.num_controls
    quarters = [0.5 if isinstance(a, Affine) else float(a) / (math.pi / 2) for a in gate.params]
    angles = sum(abs(q - round(q)) > 1e-9 for q in quarters)
    if controls == 0 and gate.power == 1.0:
        return angles + (gate.name in ("t", "tdg"))
    if controls == 1 and gate.power == 1.0 and not gate.params:
        return 3 * (gate.name in ("s", "sdg", "t", "tdg", "sx", "h"))
    return (2 << controls) - 1 if angles or controls > 1 or gate.power != 1.0 else 0


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

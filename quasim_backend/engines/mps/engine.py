"""The engine for matrix product states."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, GatesStep, SaveStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.blas_threads import blas_threads
from quasim_backend.engines.gate_tree import GateTree
from quasim_backend.engines.mps.chains import DENSE_QUBITS, splits_at_any_width
from quasim_backend.engines.mps.cost import estimate
from quasim_backend.engines.mps.gate_state import MpsState
from quasim_backend.engines.mps.seconds import ENTRY
from quasim_backend.engines.mps.splitting import Truncation, Worst
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.engines.mps.trial import course_of, explore, take_state
from quasim_backend.engines.statevector import drawing_bytes
from quasim_backend.ir.array_observables import AnyObservable, SparseObservable, listed
from quasim_backend.ir.instructions import GateOp

__all__ = ["MpsEngine"]

_WHOLE = 26
"""Widest state that is handed out as amplitudes."""
_TABLE = {"density_matrix": 8, "probabilities": 20}
"""Most qubits that a save point's table may have."""
_GATES = 0.9
"""Share of a run that its gates are said to be; looking at the state is the rest."""
_LOSS = 1e-3
"""Weight that truncations may discard together, where bonds are limited and the user says none."""


class MpsEngine:
    """Runs circuits of any width whose entanglement along the line of qubits is small.

    Exact to rounding with ``truncation_threshold=0`` and no ``max_bond_dimension``. The default
    threshold of 1e-16 discards Schmidt weight of no more than that in one cut, which is an error of
    1e-8 in the amplitudes at worst; complex64, which is computed in complex128, discards what its
    own rounding would.

    Linear algebra takes one thread, or up to as many as the option ``num_threads`` says.

    In the metadata ``discarded_weight`` is the sum over all cuts, ``fidelity_estimate`` the product
    of what each kept: near the squared overlap with the exact state where cuts are independent.
    """

    name = "matrix_product_state"
    runs_gates = True
    save_kinds = ("mps",)

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if request.want_unitary or request.want_superop:
            what = "unitaries" if request.want_unitary else "superoperators"
            method = "unitary" if request.want_unitary else "superop"
            return f"a matrix product state engine gives no {what}; use method='{method}'"
        if not compiled.num_qubits:
            return "there are no qubits; use method='statevector'"
        if request.want_state and compiled.num_qubits > _WHOLE:
            return (
                f"all amplitudes of {compiled.num_qubits} qubits would not fit; up to {_WHOLE} "
                f"qubits are written out. Save 'amplitudes' of some basis states, 'expectation' or "
                f"'probabilities' of some qubits instead"
            )
        return _wide_save(compiled) or _wide_gate(compiled)

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return tensors, a pair's decomposition, snapshots and what is saved, in bytes.

        Bonds are taken to be as wide as the gates allow, but not wider than 1024 unless the state
        gets there: one cut takes minutes then. ``max_memory_mb`` stops those.
        """
        found = estimate(compiled, request)
        size = ENTRY
        total = 2 * found.state_bytes + 6 * size * (2.0 * found.expected_bond) ** 2
        if compiled.branches:
            total += min(found.state_bytes * max(request.shots, 1), request.workspace_bytes)
        words = max(1, -(-compiled.num_clbits // 64))
        total += request.shots * (8 * words + 16 * compiled.num_qubits)
        total += drawing_bytes(request, branches=True)
        total += min(request.shots, 1 << 16) * size * found.expected_bond * 3
        if request.want_state:
            total += 2.0 * size * 2.0**compiled.num_qubits
        for step in compiled.steps:
            if isinstance(step, SaveStep):
                kept = len(step.save.qubits) or compiled.num_qubits
                if step.save.kind == "density_matrix":
                    total += 3.0 * size * 4.0**kept * found.expected_bond**2
                elif step.save.kind == "probabilities":
                    total += 3.0 * size * 2.0**kept * found.expected_bond**2
                elif step.save.kind == "statevector":
                    total += 2.0 * size * 2.0**kept
        return int(min(total, 2.0**62))

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes on one core."""
        return estimate(compiled, request).seconds

    def explore(self, compiled: CompiledCircuit, request: EngineRequest, patience: float) -> bool:
        """Find out what a run takes by applying its gates, and keep the state for it.

        Args:
            compiled: What would be run.
            request: What would be asked for.
            patience: Seconds that this may take, or a quarter more, by a count of work: the outcome
                is always the same.

        Returns:
            Whether predictions are now those of the run's course, and no bounds.

        Raises:
            Cancelled: If the request's token was set.
        """
        with blas_threads(request.config.num_threads or 1):
            return explore(compiled, request, _truncation(request, Worst()), patience)

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit, from the state that `explore` has kept if it did.

        Raises:
            Cancelled: If the request's token was set.
            MemoryLimitError: If a bond grows so wide that ``max_memory_mb`` does not hold the cut.
            ApproximationError: If truncations discarded more than ``max_truncation_error``.
        """
        width = max(compiled.num_qubits, 1)
        course = course_of(compiled, request)
        kept = take_state(compiled, request)
        worst = Worst() if kept is None else kept.truncation.worst

        def start() -> MpsState:
            if kept is not None and course is not None:  # once: nothing branches
                return MpsState(kept, request.cancel, course.gates)
            state = MatrixProductState(width, _truncation(request, worst))
            alone = None if compiled.branches else request.progress.within(0.0, _GATES)
            return MpsState(state, request.cancel, progress=alone)

        with blas_threads(request.config.num_threads or 1):
            output = GateTree(compiled, request, start).run()
        output.metadata |= {
            "max_bond": worst.bond,
            "discarded_weight": worst.discarded,
            "fidelity_estimate": worst.fidelity,
        }
        if kept is not None and course is not None:
            output.metadata["time_explored"] = course.taken
        return output


def _truncation(request: EngineRequest, worst: Worst) -> Truncation:
    """Return the limits of a run's states."""
    config, limit = request.config, 1.0
    cap, megabytes = config.max_bond_dimension, config.max_memory_mb
    if config.max_truncation_error is not None:
        limit = config.max_truncation_error
    elif cap is not None:
        limit = _LOSS
    room = float("inf") if megabytes is None else megabytes * 2**20
    # Amplitudes are known to a few units of rounding, Schmidt weights to their square.
    rounding = float((4 * np.finfo(request.dtype).eps) ** 2)
    return Truncation(cap, max(config.truncation_threshold, rounding), limit, worst, room)


def _wide_save(compiled: CompiledCircuit) -> str | None:
    """Return why a save point cannot be served, or None."""
    for step in compiled.steps:
        if not isinstance(step, SaveStep):
            continue
        save, width = step.save, len(step.save.qubits) or compiled.num_qubits
        most = _TABLE.get(save.kind)
        if most is not None and width > most:
            return (
                f"the save point '{save.label}' of kind '{save.kind}' would have {width} qubits; "
                f"up to {most} are possible here"
            )
        whole = save.kind == "statevector" or _has_sparse(save.observable)
        if whole and compiled.num_qubits > _WHOLE:
            return (
                f"the save point '{save.label}' needs all amplitudes of {compiled.num_qubits} "
                f"qubits; up to {_WHOLE} qubits are written out"
            )
        if save.kind == "variance" and _has_sparse(save.observable):
            return f"the variance '{save.label}' of a sparse matrix; use method='statevector'"
    return None


def _has_sparse(observable: AnyObservable | None) -> bool:
    return any(isinstance(one, SparseObservable) for one in listed(observable))


def _wide_gate(compiled: CompiledCircuit) -> str | None:
    """Return which gate or channel is too wide to be split, or None."""
    position = 0
    for step in gate_code(compiled).steps:
        for operation in step.operations if isinstance(step, GatesStep) else ():
            if isinstance(operation, GateOp):
                gate = operation.gate
                width, name = 0 if splits_at_any_width(gate) else gate.num_targets, gate.name
            else:
                width, name = len(operation.qubits), operation.channel.name
            if width > DENSE_QUBITS:
                return (
                    f"'{name}' on {width} qubits, number {position} of the gates and channels, is "
                    f"too wide to be split; up to {DENSE_QUBITS} qubits besides controls are "
                    f"possible, and any number for diagonal gates and Pauli rotations"
                )
            position += 1
    return None

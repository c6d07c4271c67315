"""The tensor-network engine: every question its own network, contracted along a path found for it.

Exact up to rounding. Time and memory depend on what is asked and on how the circuit is connected,
not on its number of qubits. Channels, resets and measurements on the way are contracted exactly, as
a network of twice the size, in which an outcome is an index; shots of a circuit with mixtures of
unitaries draw their errors instead where that is faster. Contractions are done where the kernel
set has its arrays, if these compute by themselves (`quasim_backend.kernels.base.ArrayKernels`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, MeasureStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.statevector import drawing_bytes, result_bytes
from quasim_backend.engines.tensor_network import cutensornet
from quasim_backend.engines.tensor_network import questions as ask
from quasim_backend.engines.tensor_network.prices import REHEARSED
from quasim_backend.engines.tensor_network.timeline import Timeline, refusal_of
from quasim_backend.engines.tensor_network.trajectories import (
    cheaper_trajectories,
    trajectory_refusal,
)
from quasim_backend.engines.tensor_network.work import Work
from quasim_backend.errors import MemoryLimitError

__all__ = ["TensorNetworkEngine"]

_WIDEST = 60
"""Logarithm of the most numbers of a table that anybody could ask memory for."""


class TensorNetworkEngine:
    """Answers what is asked of a circuit by contracting networks."""

    name = "tensor_network"
    runs_gates = True
    averages = True
    """Without shots, saved values are averages over everything that depends on chance."""

    def prediction_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds `predicted_seconds` takes, which builds some networks."""
        return REHEARSED * 4e-5 * gate_code(compiled).num_gates

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        if request.want_unitary:
            return "a tensor network gives states and values; use method='unitary'"
        if request.want_superop:
            return "a tensor network gives states and values; use method='superop'"
        code = gate_code(compiled)
        reason = refusal_of(code, request.shots)
        if reason is None and request.config.contraction_library is not None:
            reason = cutensornet.refusal()
        if reason is not None:
            return reason
        if request.uniforms is not None and any(isinstance(s, MeasureStep) for s in code.steps):
            return (
                "numbers that are given for outcomes cannot be taken one by one where qubits are "
                "measured before the end; use 'statevector' or 'matrix_product_state'"
            )
        timeline = Timeline.of(code)
        reason = _too_wide(timeline, request)
        if reason is not None:
            return reason
        if request.want_state and not timeline.pure[-1]:
            return (
                "after noise, resets or measurements there is no state vector; save "
                "'density_matrix' instead"
            )
        for save, events, _ in timeline.saves:
            if save.kind in ("statevector", "amplitudes") and not timeline.pure[events]:
                return (
                    f"after noise, resets or measurements there are no amplitudes to save as "
                    f"'{save.kind}'; save 'density_matrix' or 'probabilities' instead"
                )
            reason = ask.observable_refusal(save.observable)
            if reason is not None:
                return reason
        return None

    def draws_errors(self, compiled: CompiledCircuit, request: EngineRequest) -> bool:
        """Return whether errors are drawn shot by shot, so that averages are not exact."""
        return cheaper_trajectories(compiled, request) is not None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return what the largest contraction holds, and results, in bytes.

        Contractions are sliced to fit the workspace; one that cannot be is refused when it is run.
        """
        trajectories = cheaper_trajectories(compiled, request)
        work = trajectories.work if trajectories else Work(compiled, request)
        total = max((cost.peak_bytes for cost in work.rehearsal()), default=0) + 4096
        if trajectories is not None:
            total += trajectories.table_bytes()
        if request.want_state:
            total += request.dtype.itemsize << compiled.num_qubits
        outcomes = len(work.timeline.outcomes)
        total += 16 * outcomes * request.shots + drawing_bytes(request, branches=True)
        return total + result_bytes(compiled, request)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a first run takes on two cores, without the search.

        From a quick greedy path; a longer search finds better ones.
        """
        trajectories = cheaper_trajectories(compiled, request)
        return trajectories.seconds() if trajectories else Work(compiled, request).seconds()

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
            MemoryLimitError: If a contraction needs more memory or time than is allowed, even
                along the best path that was found.
            UnsupportedError: If the strategy asked for cannot be used.
        """
        trajectories = cheaper_trajectories(compiled, request)
        if trajectories is not None:
            return trajectories.run()
        try:
            return Work(compiled, request).run()
        except MemoryLimitError as error:
            reason = trajectory_refusal(compiled, request)
            if reason is None:
                raise
            raise MemoryLimitError(
                f"{error} Errors are not drawn shot by shot: {reason}."
            ) from error

    def jacobian(
        self, compiled: CompiledCircuit, request: EngineRequest
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the expectation values of the last save point and their derivatives.

        One contraction and the way back over it for each support of a Pauli string, however many
        parameters there are.

        Args:
            compiled: Code with a save of an expectation value, or of a list, that `refuses` has
                nothing against.
            request: Parameters are ``(P,)``.

        Returns:
            float64 ``(values,)`` and ``(values, P)``.

        Raises:
            Cancelled: As `run`.
            MemoryLimitError: As `run`.
            UnsupportedError: If nothing of that kind is saved, the observable is not Hermitian, or
                as `run`.
        """
        return Work(compiled, request).jacobian()


def _too_wide(timeline: Timeline, request: EngineRequest) -> str | None:
    """Return why a table that is asked for could not be written out anywhere, or None."""
    n = timeline.num_qubits
    if request.want_state and n > _WIDEST:
        return f"{_table('the state', n)}; save 'amplitudes' of some basis states"
    for save, _, _ in timeline.saves:
        width = {
            "statevector": n,
            "probabilities": len(save.qubits) or n,
            "density_matrix": 2 * (len(save.qubits) or n),
        }.get(save.kind, 0)
        if width > _WIDEST:
            what = f"save '{save.label}'"
            return f"{_table(what, width)}; save it of fewer qubits"
    return None


def _table(what: str, width: int) -> str:
    return f"{what} would have 2**{width} numbers"

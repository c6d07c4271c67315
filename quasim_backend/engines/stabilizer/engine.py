"""The stabilizer engine: Clifford circuits of thousands of qubits, in three ways.

Samples of circuits whose outcomes decide nothing but Paulis come all at once from Stim's Pauli
frames. Averages come from Pauli strings taken backward. Everything else, feed-forward and whole
states, is a tree of shots on tableaus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.gate_tree import GateTree
from quasim_backend.engines.stabilizer import costs
from quasim_backend.engines.stabilizer.channels import as_mixtures, channel_form
from quasim_backend.engines.stabilizer.clifford import is_available
from quasim_backend.engines.stabilizer.exact_saves import exact_value, save_problem
from quasim_backend.engines.stabilizer.frames import FrameProgram, frame_program
from quasim_backend.engines.stabilizer.refusals import (
    EXACT,
    Inexactness,
    inexactness,
    leaves_stabilizer_states,
)
from quasim_backend.engines.stabilizer.state import PHASED_KINDS, StabilizerState
from quasim_backend.engines.stabilizer.trace import Gates, Measured, Reset, Saved, Trace, trace_of
from quasim_backend.ir.instructions import VALUE_KINDS, ChannelOp

__all__ = ["StabilizerEngine"]

_MOST_AMPLITUDES = 30
"""Qubits of a state whose amplitudes are all asked for."""
_ROUNDING = {8: 1e-6, 16: 1e-12}
"""How far off a run may be that nobody asked to be rounded, by bytes of a number."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """How a circuit is run with the numbers it has.

    Attributes:
        refusal: Why it is not.
        off: What it rounds.
        trace: What it does, written out, if shots do not part ways.
        frames: The same for Stim, without save points.
    """

    refusal: str | None = None
    off: Inexactness = EXACT
    trace: Trace | None = None
    frames: FrameProgram | None = None


class StabilizerEngine:
    """Runs circuits of Clifford gates, measurements, resets and Pauli noise."""

    name = "stabilizer"
    runs_gates = True
    averages = True
    """Without shots, saved values are averages over everything that depends on chance."""
    save_kinds = ("stabilizer", "ch_form")
    """Kinds of save points that others do not have."""

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why the run cannot be done here, or None."""
        missing = is_available()
        if missing is not None:
            return missing
        if request.want_unitary or request.want_superop:
            return "the stabilizer engine gives states, not unitaries or superoperators"
        if request.initial_state is not None:
            return (
                "the stabilizer engine starts in |0...0>; prepare a stabilizer state by gates or "
                "by Circuit.initialize"
            )
        problem = _save_problem(compiled, request)
        if problem is not None:
            return problem
        plan = _plan(compiled, request)
        if plan.refusal is not None:
            return plan.refusal
        if request.config.method == "auto" and plan.off.total > _ROUNDING[request.dtype.itemsize]:
            return (
                f"what it takes for Clifford gates is off by {plan.off.total:.2g}, which is more "
                f"than rounding, first {plan.off.first}; method='stabilizer' rounds it"
            )
        if request.exact and not _averages(compiled, request, plan) and _is_random(compiled):
            return (
                "the average over what the circuit measures, resets or draws is known here where "
                "outcomes decide on Paulis only and noise is a mixture of Paulis; run it with shots"
            )
        return None

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the bytes of code, tableaus, frames or strings, saved data and samples."""
        code, tree = gate_code(compiled), self._is_tree(compiled, request)
        return costs.memory_bytes(code, request, tree=tree)

    def predicted_seconds(self, compiled: CompiledCircuit, request: EngineRequest) -> float:
        """Return about how many seconds a run takes; a loop's body is counted once."""
        code, tree = gate_code(compiled), self._is_tree(compiled, request)
        return costs.predicted_seconds(code, request, tree=tree)

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        request.cancel.check()
        plan = _plan(compiled, request)
        if not _averages(compiled, request, plan):
            phased = request.want_state or _saves_phases(compiled)
            width, code = compiled.num_qubits, as_mixtures(gate_code(compiled))
            tree = GateTree(code, request, lambda: StabilizerState(width, phased=phased))
            output = tree.run()
            output.metadata["way"] = "tree of shots"
            return output
        assert plan.trace is not None
        output = EngineOutput(metadata={"way": "Pauli strings"})
        if request.shots:
            assert plan.frames is not None
            output.packed = plan.frames.sample(request.shots, request.seed, request.cancel)
            output.metadata["way"] = "Pauli frames"
        for number, event in enumerate(plan.trace.events):
            if isinstance(event, Saved):
                save, before = event.save, plan.trace.events[:number]
                value = exact_value(save, compiled.num_qubits, before, request.cancel)
                output.saved[save.label] = value
                if save.subtype == "average":
                    output.standard_errors[save.label] = np.zeros(np.shape(value))[()]
                    output.metadata["averages"] = "exact"
        return output

    def _is_tree(self, compiled: CompiledCircuit, request: EngineRequest) -> bool:
        return not _averages(compiled, request, _plan(compiled, request))


def _plan(compiled: CompiledCircuit, request: EngineRequest) -> _Plan:
    """Return how a circuit is run; the code keeps the last one."""
    key = request.parameters.tobytes()
    found: tuple[bytes, _Plan] | None = compiled.cache.get("stabilizer")
    if found is None or found[0] != key:
        code = gate_code(compiled)
        refusal = leaves_stabilizer_states(code, request.parameters)
        plan = _Plan(refusal)
        if refusal is None:
            trace = trace_of(code, request.parameters)
            frames = None if trace is None else frame_program(trace, code.num_clbits)
            plan = _Plan(None, inexactness(code, request.parameters), trace, frames)
        found = compiled.cache["stabilizer"] = (key, plan)
    return found[1]


def _averages(compiled: CompiledCircuit, request: EngineRequest, plan: _Plan) -> bool:
    """Return whether frames and strings give all that is asked for."""
    if plan.trace is None or request.want_state or request.uniforms is not None:
        return False
    if request.shots and plan.frames is None:
        return False
    certain = True  # nothing random has happened yet
    for event in plan.trace.events:
        if isinstance(event, Gates):
            if event.step.has_channels:
                certain = False
                if not _has_eigenvalues(event):
                    return False
        elif isinstance(event, Measured | Reset):
            certain = False
        elif isinstance(event, Saved):
            save = event.save
            if save.kind not in VALUE_KINDS or save.conditional or save.subtype == "list":
                return False
            if request.shots and not certain and save.subtype != "average":
                return False
    return True


def _has_eigenvalues(event: Gates) -> bool:
    channels = {o.channel for o in event.step.operations if isinstance(o, ChannelOp)}
    forms = [channel_form(channel) for channel in channels]
    return all(form is not None and form.eigenvalues is not None for form in forms)


def _save_problem(compiled: CompiledCircuit, request: EngineRequest) -> str | None:
    width = compiled.num_qubits
    saves = [step.save for step in compiled.steps if isinstance(step, SaveStep)]
    whole = request.want_state or any(save.kind == "statevector" for save in saves)
    if whole and width > _MOST_AMPLITUDES:
        return (
            f"{width} qubits have 2**{width} amplitudes; save kind 'stabilizer' keeps the state in "
            f"4 * {width}**2 bits, 'amplitudes' some of its amplitudes"
        )
    problems = (save_problem(save, width) for save in saves)
    return next((problem for problem in problems if problem is not None), None)


def _saves_phases(compiled: CompiledCircuit) -> bool:
    return any(isinstance(s, SaveStep) and s.save.kind in PHASED_KINDS for s in compiled.steps)


def _is_random(compiled: CompiledCircuit) -> bool:
    return compiled.measured or compiled.branches

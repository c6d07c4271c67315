"""Code whose course no outcome decides, written out as one list: jumps taken, parameters bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    JumpStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
)
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.classical_steps import CLASSICAL
from quasim_backend.ir.expr import Value
from quasim_backend.ir.instructions import ChannelOp, GateOp

__all__ = ["Operation", "straight_code"]

Operation: TypeAlias = (
    GateOp
    | ChannelOp
    | MeasureStep
    | SampleStep
    | ResetStep
    | InitializeStep
    | SetStateStep
    | SaveStep
)


@dataclass(eq=False, slots=True)
class _Place:
    """Where the walk is, as `quasim_backend.engines.classical_steps.Course`."""

    variables: list[Value]
    pc: int = 0
    bits: int = 0


def straight_code(compiled: CompiledCircuit, request: EngineRequest) -> Iterator[Operation]:
    """Yield what a run does, in order; gates have no parameters any more.

    Args:
        compiled: Gate code in which no outcome decides anything; see
            `quasim_backend.engines.doubled_circuit.reads_outcomes`.
        request: Gives the parameters and stops endless loops.

    Raises:
        Cancelled: If the request's token was set.
    """
    place = _Place(list(compiled.initial_variables))
    while place.pc < len(compiled.steps):
        step = compiled.steps[place.pc]
        classical = CLASSICAL.get(type(step))
        if classical is not None:
            if isinstance(step, JumpStep):
                request.cancel.check()
            classical(step, place)
            continue
        place.pc += 1
        match step:
            case GatesStep():
                values = step.values(request.parameters, place.variables)
                for operation in step.operations:
                    if isinstance(operation, GateOp) and operation.gate.parameters:
                        yield GateOp(operation.gate.bound(values), operation.qubits)
                    else:
                        yield operation
            case (
                MeasureStep()
                | SampleStep()
                | ResetStep()
                | InitializeStep()
                | SetStateStep()
                | SaveStep()
            ):
                yield step
            case _:
                raise AssertionError(f"{type(step).__name__} is no step of gate code")

"""Code whose course no outcome decides, written out as one list: jumps taken, parameters bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from quasim_backend.compile.code import (
    AssignStep,
    BranchStep,
    CompiledCircuit,
    ForStep,
    GatesStep,
    InitializeStep,
    JumpStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
    SwitchStep,
)
from quasim_backend.engines.base import EngineRequest
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


def straight_code(compiled: CompiledCircuit, request: EngineRequest) -> Iterator[Operation]:
    """Yield what a run does, in order; gates have no parameters any more.

    Args:
        compiled: Gate code in which no outcome decides anything; see
            `quasim_backend.engines.doubled_circuit.reads_outcomes`.
        request: Gives the parameters and stops endless loops.

    Raises:
        Cancelled: If the request's token was set.
    """
    variables = list(compiled.initial_variables)
    bits, pc = 0, 0
    while pc < len(compiled.steps):
        step = compiled.steps[pc]
        pc += 1
        match step:
            case GatesStep():
                values = {
                    p: float(request.parameters[i] if i >= 0 else variables[-1 - i])
                    for p, i in step.sources.items()
                }
                for operation in step.operations:
                    if isinstance(operation, GateOp) and operation.gate.parameters:
                        yield GateOp(operation.gate.bound(values), operation.qubits)
                    else:
                        yield operation
            case AssignStep(slot, clbits, value):
                found = value(bits, variables)
                if slot >= 0:
                    variables[slot] = found
                for place, clbit in enumerate(clbits):
                    bits = bits & ~(1 << clbit) | (int(found) >> place & 1) << clbit
            case JumpStep(target):
                request.cancel.check()
                pc = target
            case BranchStep(condition, otherwise):
                pc = pc if condition(bits, variables) else otherwise
            case SwitchStep(subject, targets, default):
                pc = targets.get(int(subject(bits, variables)), default)
            case ForStep(counter, value_slot, rounds, leave):
                done = int(variables[counter])
                variables[counter] = done + 1 if done < len(rounds) else 0
                if done >= len(rounds):
                    pc = leave
                elif value_slot >= 0:
                    variables[value_slot] = rounds[done]
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

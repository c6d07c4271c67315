"""Code whose course no outcome decides, written out as one list: jumps taken, parameters bound."""

from __future__ import annotations

from collections.abc import Iterator
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

__all__ = ["Operation", "StraightCode"]

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


class StraightCode:
    """What a run does, in order; gates have no parameters any more. Iterated once.

    Attributes:
        bits: Classical memory so far, as an integer, without outcomes.
        variables: Values of the circuit's variables so far.
        pc: Number of the next step.
    """

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Start at the beginning.

        Args:
            compiled: Gate code in which no outcome decides anything; see
                `quasim_backend.engines.doubled_circuit.reads_outcomes`.
            request: Gives the parameters and stops endless loops.
        """
        self._compiled, self._request = compiled, request
        self.variables: list[Value] = list(compiled.initial_variables)
        self.pc = 0
        self.bits = 0

    def __iter__(self) -> Iterator[Operation]:
        """Yield the operations.

        Raises:
            Cancelled: If the request's token was set.
        """
        steps = self._compiled.steps
        while self.pc < len(steps):
            step = steps[self.pc]
            classical = CLASSICAL.get(type(step))
            if classical is not None:
                if isinstance(step, JumpStep):
                    self._request.cancel.check()
                classical(step, self)
                continue
            self.pc += 1
            match step:
                case GatesStep():
                    values = step.values(self._request.parameters, self.variables)
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

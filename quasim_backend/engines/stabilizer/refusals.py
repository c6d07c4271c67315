"""Why a circuit leads out of the stabilizer states, or nearly stays: what does it, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    ForStep,
    GatesStep,
    InitializeStep,
    JumpStep,
    SetStateStep,
)
from quasim_backend.engines.stabilizer.channels import channel_form
from quasim_backend.engines.stabilizer.clifford import clifford_form, preparation
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.parameters import Affine

__all__ = ["EXACT", "Inexactness", "inexactness", "leaves_stabilizer_states"]

_ROUNDING = 1e-12
"""Difference of an entry that rounding explains."""
_MOST_VALUES = 4096
"""Values of loop variables that a gate is looked at for."""


def leaves_stabilizer_states(code: CompiledCircuit, parameters: NDArray[np.float64]) -> str | None:
    """Return what is no Clifford gate, no suitable channel or no stabilizer state, or None.

    Args:
        code: Gate code.
        parameters: float64 ``(P,)``.
    """
    seen: set[object] = set()
    for step in code.steps:
        if isinstance(step, SetStateStep | InitializeStep):
            if preparation(step.amplitudes) is not None:
                continue
            return (
                f"the state that is prepared on {len(step.amplitudes).bit_length() - 1} qubits "
                f"is no stabilizer state, or too wide to be recognised as one"
            )
        if not isinstance(step, GatesStep):
            continue
        for operation in step.operations:
            if isinstance(operation, ChannelOp):
                if operation.channel in seen:
                    continue
                seen.add(operation.channel)
                if channel_form(operation.channel) is None:
                    return (
                        f"channel '{operation.channel.name}' on {_places(code, operation.qubits)} "
                        f"is no mixture of Paulis or Clifford gates and no reset"
                    )
                continue
            gate = operation.gate
            if gate in seen:
                continue
            if not gate.parameters:
                seen.add(gate)
            for bound in _bound(gate, step, code, parameters):
                if clifford_form(bound) is None:
                    return _no_clifford(bound, operation, code)
    return None


@dataclass(frozen=True)
class Inexactness:
    """What is taken for a Clifford gate, a mixture of Paulis or a stabilizer state, and is none.

    Attributes:
        total: How far off all of it is together: no amplitude and no probability is off by more
            than some times that. Infinite where loops repeat it.
        first: The first of it, in words.
    """

    total: float = 0.0
    first: str = ""


EXACT = Inexactness()
"""Nothing of it."""


def inexactness(code: CompiledCircuit, parameters: NDArray[np.float64]) -> Inexactness:
    """Return what `leaves_stabilizer_states` lets pass that is more than rounding.

    Args:
        code: Gate code that stays in the stabilizer states.
        parameters: float64 ``(P,)``.
    """
    total, first = 0.0, ""
    known: dict[object, float] = {}
    jumps = ((place, s) for place, s in enumerate(code.steps) if isinstance(s, JumpStep))
    loops = any(step.target <= place for place, step in jumps)
    for step in code.steps:
        if isinstance(step, SetStateStep | InitializeStep):
            state = preparation(step.amplitudes)
            if state is not None and state.off > _ROUNDING:
                total, first = total + state.off, first or "the state that is prepared"
        if not isinstance(step, GatesStep):
            continue
        for operation in step.operations:
            key = operation.gate if isinstance(operation, GateOp) else operation.channel
            off = known.get(key)
            if off is None:
                off = known[key] = _off(operation, step, code, parameters)
            if off > _ROUNDING:
                total += off
                first = first or _described(operation, code)
    return Inexactness(math.inf if loops and total else total, first)


def _off(
    operation: GateOp | ChannelOp,
    step: GatesStep,
    code: CompiledCircuit,
    parameters: NDArray[np.float64],
) -> float:
    if isinstance(operation, ChannelOp):
        channel = channel_form(operation.channel)
        return 0.0 if channel is None else channel.off
    forms = (clifford_form(gate) for gate in _bound(operation.gate, step, code, parameters))
    return max((form.off for form in forms if form is not None), default=0.0)


def _described(operation: GateOp | ChannelOp, code: CompiledCircuit) -> str:
    if isinstance(operation, ChannelOp):
        return f"channel '{operation.channel.name}' on {_places(code, operation.qubits)}"
    return _gate(operation.gate, operation, code)


def _bound(
    gate: Gate, step: GatesStep, code: CompiledCircuit, parameters: NDArray[np.float64]
) -> Iterator[Gate]:
    """Yield a gate with every number that its parameters can have."""
    if not gate.parameters:
        yield gate
        return
    choices = [_values(step.sources[p], code, parameters) for p in gate.parameters]
    for number, values in enumerate(product(*choices)):
        if number == _MOST_VALUES:
            return  # the rest is looked at when it is run
        yield gate.bound(dict(zip(gate.parameters, values, strict=True)))


def _values(source: int, code: CompiledCircuit, parameters: NDArray[np.float64]) -> list[float]:
    if source >= 0:
        return [float(parameters[source])]
    loops = [s for s in code.steps if isinstance(s, ForStep) and s.value == -1 - source]
    return sorted({float(value) for loop in loops for value in loop.values})


def _no_clifford(gate: Gate, operation: GateOp, code: CompiledCircuit) -> str:
    return f"{_gate(gate, operation, code)}, is no Clifford gate (gates are counted from 0)"


def _gate(gate: Gate, operation: GateOp, code: CompiledCircuit) -> str:
    name = "c" * gate.num_controls + gate.name
    angles = ", ".join(f"{p:.6g}" for p in gate.params if not isinstance(p, Affine))
    return (
        f"gate number {_number(operation, code)}, {name}{f'({angles})' if angles else ''}"
        f"{f'**{gate.power:g}' if gate.power != 1.0 else ''} on {_places(code, operation.qubits)}"
    )


def _places(code: CompiledCircuit, qubits: Sequence[int]) -> str:
    own = [code.qubits[q] for q in qubits]
    return f"qubit {own[0]}" if len(own) == 1 else f"qubits {', '.join(map(str, own))}"


def _number(operation: GateOp, code: CompiledCircuit) -> int:
    """Return the number of a gate among those of the circuit as it was compiled."""
    qubits = tuple(code.qubits[q] for q in operation.qubits)
    gates = (i for i in code.source.walk() if isinstance(i, GateOp)) if code.source else ()
    alike: int | None = None
    for number, other in enumerate(gates):
        if tuple(other.qubits) != qubits or other.gate.name != operation.gate.name:
            continue
        if other.gate is operation.gate:
            return number
        alike = number if alike is None else alike  # a loop's gate, written out
    return 0 if alike is None else alike

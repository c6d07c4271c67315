"""Why a circuit leads out of the stabilizer states: the gate, its parameters and its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    ForStep,
    GatesStep,
    InitializeStep,
    SetStateStep,
)
from quasim_backend.engines.stabilizer.channels import channel_form
from quasim_backend.engines.stabilizer.clifford import clifford_form, preparation
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.parameters import Affine

__all__ = ["leaves_stabilizer_states"]

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
    name = "c" * gate.num_controls + gate.name
    angles = ", ".join(f"{p:.6g}" for p in gate.params if not isinstance(p, Affine))
    return (
        f"gate number {_number(operation, code)}, {name}{f'({angles})' if angles else ''}"
        f"{f'**{gate.power:g}' if gate.power != 1.0 else ''} on "
        f"{_places(code, operation.qubits)}, is no Clifford gate (gates are counted from 0)"
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

"""The entry to compilation: a circuit in, linear code with plans out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from quasim_backend.compile.analysis import active_qubits
from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.compile.linearise import Lineariser
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.program import MAX_QUBITS

__all__ = ["CompileOptions", "compile_circuit"]


@dataclass(frozen=True)
class CompileOptions:
    """How to compile.

    Attributes:
        plan: Options of the planner.
        keep_idle: Simulate idle qubits too; needed where the whole state is wanted.
        starts_at_zero: Whether runs start in ``|0...0>``. With another initial state set it to
            False, which also keeps idle qubits: nothing is known to be idle then.
        parameters: Order of the run's parameter vector; None: as they appear in the circuit.
    """

    plan: PlanOptions = field(default_factory=PlanOptions)
    keep_idle: bool = False
    starts_at_zero: bool = True
    parameters: tuple[Parameter, ...] | None = None


def compile_circuit(circuit: Circuit, options: CompileOptions | None = None) -> CompiledCircuit:
    """Compile a circuit that is known to be legal (see `quasim_backend.ir.validate`).

    Args:
        circuit: The circuit; not changed. Later changes to it do not reach the result.
        options: How to compile.

    Raises:
        UnsupportedError: If more qubits are active than 64-bit masks hold.
        CircuitError: If control flow is misplaced or a parameter unknown.
    """
    options = options or CompileOptions()
    started = time.perf_counter()
    if options.keep_idle or not options.starts_at_zero:
        active: tuple[int, ...] = tuple(range(circuit.num_qubits))
    else:
        active = active_qubits(circuit)
    if len(active) > MAX_QUBITS:
        raise UnsupportedError(
            f"The circuit acts on {len(active)} qubits; state-vector engines simulate at most "
            f"{MAX_QUBITS}."
        )
    parameters = circuit.parameters if options.parameters is None else options.parameters
    lineariser = Lineariser(
        len(active),
        {q: i for i, q in enumerate(active)},
        parameters,
        options.plan,
        starts_at_zero=options.starts_at_zero,
    )
    lineariser.circuit(circuit.instructions)
    return CompiledCircuit(
        name=circuit.name,
        num_qubits=len(active),
        num_clbits=circuit.num_clbits,
        qubits=active,
        original_qubits=circuit.num_qubits,
        steps=tuple(lineariser.steps),
        parameters=tuple(parameters),
        initial_variables=tuple(lineariser.initial_variables),
        branches=lineariser.branches,
        measured=lineariser.measured,
        notes={"time_compile": time.perf_counter() - started},
    )

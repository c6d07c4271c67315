"""The entry to compilation: a circuit in, linear code with plans out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from quasim_backend.compile.analysis import active_qubits
from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.compile.linearise import Lineariser
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.program import MAX_QUBITS

__all__ = ["CompileOptions", "compile_circuit", "gate_code"]


@dataclass(frozen=True)
class CompileOptions:
    """How to compile.

    Attributes:
        plan: Options of the planner.
        keep_idle: Simulate idle qubits too; needed where the whole state is wanted.
        kept: Qubits that are simulated even if idle.
        starts_at_zero: Whether runs start in ``|0...0>``. With another initial state set it to
            False, which also keeps idle qubits: nothing is known to be idle then.
        parameters: Order of the run's parameter vector; None: as they appear in the circuit.
        holds_gates: Leave gates as they are, without plans; always so where more qubits are active
            than 64-bit masks hold.
    """

    plan: PlanOptions = field(default_factory=PlanOptions)
    keep_idle: bool = False
    kept: frozenset[int] = frozenset()
    starts_at_zero: bool = True
    parameters: tuple[Parameter, ...] | None = None
    holds_gates: bool = False


def compile_circuit(circuit: Circuit, options: CompileOptions | None = None) -> CompiledCircuit:
    """Compile a circuit that is known to be legal (see `quasim_backend.ir.validate`).

    Args:
        circuit: The circuit; not changed. Later changes to it do not reach the result.
        options: How to compile.

    Raises:
        CircuitError: If control flow is misplaced or a parameter unknown.
    """
    options = options or CompileOptions()
    started = time.perf_counter()
    if options.keep_idle or not options.starts_at_zero:
        active: tuple[int, ...] = tuple(range(circuit.num_qubits))
    else:
        active = tuple(sorted({*active_qubits(circuit), *options.kept}))
    holds_gates = options.holds_gates or len(active) > MAX_QUBITS
    parameters = circuit.parameters if options.parameters is None else options.parameters
    lineariser = Lineariser(
        len(active),
        {q: i for i, q in enumerate(active)},
        parameters,
        options.plan,
        starts_at_zero=options.starts_at_zero,
        holds_gates=holds_gates,
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
        starts_at_zero=options.starts_at_zero,
        holds_gates=holds_gates,
        source=_copy(circuit),
    )


def _copy(circuit: Circuit) -> Circuit:
    copy = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    copy.instructions = [*circuit.instructions]
    return copy


def gate_code(compiled: CompiledCircuit) -> CompiledCircuit:
    """Return the same code with `quasim_backend.compile.code.GatesStep` for straight-line parts.

    On the same simulated qubits, with the same variables and parameter vector; made once and kept.

    Raises:
        UnsupportedError: If the code was not made by `compile_circuit`.
    """
    if compiled.holds_gates:
        return compiled
    found: CompiledCircuit | None = compiled.cache.get("gate_code")
    if found is None and "before" in compiled.cache:
        found = gate_code(compiled.cache["before"]).followed_by(compiled.appended[-1])
        compiled.cache["gate_code"] = found
    if found is None:
        if compiled.source is None:
            raise UnsupportedError("This code was not compiled from a circuit.")
        options = CompileOptions(
            kept=frozenset(compiled.qubits),
            starts_at_zero=compiled.starts_at_zero,
            parameters=compiled.parameters,
            holds_gates=True,
        )
        found = compile_circuit(compiled.source, options)
        for step in compiled.appended:
            found = found.followed_by(step)
        found = replace(found, notes=compiled.notes)
        compiled.cache["gate_code"] = found
    return found

"""The Target: what the transpiler may leave in a circuit, built once and kept.

QuASIM runs every gate, so without a coupling map the target holds all standard gates, the generic
ones, control flow and the simulator's own instructions, on any number of qubits.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from qiskit.circuit import Delay, Instruction, Measure, Parameter, Reset, Store
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES, get_control_flow_name_mapping
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliEvolutionGate,
    PauliGate,
    PermutationGate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.transpiler import CouplingMap, InstructionProperties, Target

from quasim_backend.errors import near_matches
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.saves import SAVE_NAMES, SET_NAMES

__all__ = [
    "CUSTOM_INSTRUCTIONS",
    "GATE_NAMES",
    "build_target",
    "edges",
    "known_gates",
    "with_simulator_instructions",
]

_STANDARD: dict[str, Instruction] = get_standard_gate_name_mapping()
_GENERIC: dict[str, type[Instruction]] = {
    "unitary": UnitaryGate,
    "diagonal": DiagonalGate,
    "multiplexer": UCGate,
    "pauli": PauliGate,
    "permutation": PermutationGate,
    "mcx": MCXGate,
    "mcphase": MCPhaseGate,
    "PauliEvolution": PauliEvolutionGate,
}
_ALWAYS = ("measure", "reset", "delay")
_CONTROL_FLOW = get_control_flow_name_mapping()

GATE_NAMES = (*(n for n in _STANDARD if n not in _ALWAYS), *_GENERIC)
"""Gates a circuit may hold; all others are unrolled when it runs."""

CUSTOM_INSTRUCTIONS = (
    "kraus",
    "superop",
    "quantum_channel",
    "initialize",
    "store",
    *SAVE_NAMES,
    *SET_NAMES,
)
"""Instructions of simulators that the transpiler leaves alone."""

_CLASSES: dict[str, type[Instruction]] = {
    **dict.fromkeys(CUSTOM_INSTRUCTIONS, Instruction),
    "initialize": Initialize,
    "store": Store,
}


@lru_cache(maxsize=64)
def build_target(
    basis_gates: tuple[str, ...] | None,
    coupling: tuple[tuple[int, int], ...] | None,
    num_qubits: int | None,
) -> Target:
    """Return the target for a basis and a coupling map; equal arguments share one object.

    Args:
        basis_gates: Gates the transpiler may use; None for all.
        coupling: Directed pairs of qubits that two-qubit gates may act on; None for all.
        num_qubits: Number of qubits if there is a coupling map.

    Raises:
        QuasimQiskitError: If a basis gate is not known.
    """
    constrained = coupling is not None
    if coupling is not None:
        num_qubits = max(num_qubits or 0, 1 + max((max(pair) for pair in coupling), default=-1))
    target = Target(description="QuASIM simulator", num_qubits=num_qubits if constrained else None)
    for name in _names(basis_gates, constrained):
        if name in _GENERIC:
            target.add_instruction(_GENERIC[name], name=name)
            continue
        gate = _STANDARD[name]
        places = _places(gate.num_qubits, coupling, num_qubits)
        if places is None or places:
            target.add_instruction(gate, places)
    for name, gate in (("measure", Measure()), ("reset", Reset()), ("delay", _delay())):
        target.add_instruction(gate, _places(1, coupling, num_qubits), name=name)
    for name, kind in {**_CONTROL_FLOW, **_CLASSES}.items():
        target.add_instruction(kind, name=name)
    return target


def _delay() -> Delay:
    return Delay(Parameter("t"))


def _names(basis_gates: Iterable[str] | None, constrained: bool) -> list[str]:
    if basis_gates is None:
        # On a coupling map a gate of any width has no place; the transpiler synthesises it.
        return [n for n in GATE_NAMES if not constrained or n not in _GENERIC]
    skipped = {*_ALWAYS, *CUSTOM_INSTRUCTIONS, *CONTROL_FLOW_OP_NAMES, "barrier", "snapshot"}
    names = [name for name in dict.fromkeys(basis_gates) if name not in skipped]
    unknown = [name for name in names if name not in GATE_NAMES]
    if unknown:
        raise QuasimQiskitError(
            f"Basis gate '{unknown[0]}' is not known. {near_matches(unknown[0], GATE_NAMES)}"
        )
    return names


def known_gates(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return those of a noise model's basis gates that the transpiler can be given; None for all.

    The others are labels of gates.
    """
    return None if names is None else tuple(name for name in names if name in GATE_NAMES)


def _places(
    width: int, coupling: Sequence[tuple[int, int]] | None, num_qubits: int | None
) -> dict[tuple[int, ...], InstructionProperties | None] | None:
    """Return where a gate may act: None for everywhere, empty for nowhere."""
    if coupling is None or width == 0:
        return None
    if width == 1:
        return {(q,): None for q in range(num_qubits or 0)}
    return dict.fromkeys(coupling) if width == 2 else {}


def with_simulator_instructions(target: Target) -> Target:
    """Return a device's target with measure, reset, delay, control flow and our instructions.

    The transpiler refuses circuits with instructions that a target does not name.
    """
    result = copy.deepcopy(target)
    count = result.num_qubits
    everywhere: dict[tuple[int, ...], InstructionProperties | None] | None = (
        None if count is None else {(q,): None for q in range(count)}
    )
    for name, gate in (("measure", Measure()), ("reset", Reset()), ("delay", _delay())):
        if name not in result.operation_names:
            result.add_instruction(gate, everywhere, name=name)
    for name, kind in {**_CONTROL_FLOW, **_CLASSES}.items():
        if name not in result.operation_names:
            result.add_instruction(kind, name=name)
    return result


def edges(coupling_map: Any) -> tuple[tuple[int, int], ...] | None:
    """Return the directed pairs of a `CouplingMap` or a list of pairs."""
    if coupling_map is None:
        return None
    pairs = coupling_map.get_edges() if isinstance(coupling_map, CouplingMap) else coupling_map
    return tuple((int(a), int(b)) for a, b in pairs)

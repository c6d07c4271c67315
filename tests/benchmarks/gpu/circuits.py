"""The circuits of the GPU benchmark, and their plans."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from harness.families import DESCRIPTIONS as DEFAULTS
from harness.families import FAMILIES as HARNESS
from harness.families.layered import ansatz, qaoa
from harness.families.random import quantum_volume
from harness.operations import Family
from harness.simulators import quasim

from quasim_backend.compile.compiler import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.ir.plan import ExecutionPlan

FAMILIES: dict[str, Family] = {
    **HARNESS,
    "quantum volume": partial(quantum_volume, depth=30),
    "QAOA": partial(qaoa, layers=3),
}
DESCRIPTIONS = {
    **DEFAULTS,
    "quantum volume": "depth 30: random SU(4) on random pairs",
    "QAOA": "MaxCut on a random 3-regular graph, p = 3",
}

NO_PARAMETERS = np.empty(0)


def itemsize(dtype: str) -> int:
    """Return the bytes of an amplitude."""
    return np.dtype(dtype).itemsize


def plan_options(dtype: str, tile: int | None = None, low: int | None = None) -> PlanOptions:
    """Return plan options: those of a session, unless tile or low qubits are given.

    The GPU kernels cut stages anew that are larger than their tiles.
    """
    return PlanOptions(tile_qubits=tile, low_qubits=low, amplitude_bytes=itemsize(dtype))


def plan_of(family: str, n: int, options: PlanOptions) -> ExecutionPlan:
    """Plan a family's circuit on all of its qubits."""
    return planned(quasim.circuit(FAMILIES[family](n), n), options)


def planned(circuit: Any, options: PlanOptions) -> ExecutionPlan:
    """Plan a circuit of gates on all of its qubits."""
    compiled = compile_circuit(circuit, CompileOptions(plan=options, keep_idle=True))
    (step,) = compiled.steps
    plan: ExecutionPlan = step.plan  # type: ignore[union-attr]
    return plan


def parametrized_ansatz(n: int, layers: int) -> tuple[Any, np.ndarray]:
    """Return the hardware-efficient ansatz with a parameter for each angle, and their values."""
    import quasim_backend

    circuit, values = quasim_backend.Circuit(n), []
    for op in ansatz(n, layers):
        names = [quasim_backend.Parameter(f"a{len(values) + k}") for k in range(len(op.angles))]
        circuit.gate(op.name, op.qubits, names)
        values += op.angles
    return circuit, np.array(values)

"""Qiskit Aer's state-vector method: gate fusion on, which is its default."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.operations import Operations
from harness.simulators.base import Runner

NAME = "Aer"
PACKAGES = ("qiskit", "qiskit-aer")
DTYPES = ("complex64", "complex128")


def available() -> None:
    """Import what is needed."""
    import qiskit_aer  # noqa: F401


def states(dtype: str) -> float:
    """State, its copy in the result, and Qiskit's complex128 object of it."""
    return 4 if dtype == "complex64" else 3


def circuit(ops: Operations, n: int) -> Any:
    """Build a Qiskit circuit."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import MCPhaseGate, UnitaryGate

    result = QuantumCircuit(n)
    for op in ops:
        if op.name == "unitary":
            result.append(UnitaryGate(op.matrix), op.qubits)
        elif op.name == "mcz":
            result.append(MCPhaseGate(np.pi, len(op.qubits) - 1), op.qubits)
        else:
            getattr(result, op.name)(*op.angles, *op.qubits)
    return result


def backend(dtype: str, threads: int, **options: Any) -> Any:
    """Make the simulator."""
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method="statevector",
        precision="single" if dtype == "complex64" else "double",
        max_parallel_threads=threads,
        fusion_enable=True,
        **options,
    )


def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
    """Save the state at the end and take it from the result."""
    made = circuit(ops, n)
    made.save_statevector()
    simulator = backend(dtype, threads)

    def run() -> np.ndarray:
        return np.asarray(simulator.run(made, shots=1).result().get_statevector())

    return [Runner(NAME, "fusion on", lambda: run)]

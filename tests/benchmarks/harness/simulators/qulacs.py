"""Qulacs; it knows complex128 only, and its threads follow QULACS_NUM_THREADS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.operations import ComplexArray, Operation, Operations, u_matrix
from harness.simulators.base import Runner

NAME = "Qulacs"
PACKAGES = ("qulacs",)
DTYPES = ("complex128",)
_X, _Y, _Z = 1, 2, 3
_WIDEST_MERGED = 4
"""The optimizer would multiply wider gates out into matrices that fit into no memory."""


def available() -> None:
    """Import what is needed."""
    import qulacs  # noqa: F401


def states(dtype: str) -> float:
    """State and the copy that is handed out."""
    return 2.1


def circuit(ops: Operations, n: int, *, optimize: bool = False) -> Any:
    """Build a Qulacs circuit, on request passed through its light optimizer."""
    from qulacs import QuantumCircuit
    from qulacs.circuit import QuantumCircuitOptimizer

    result = QuantumCircuit(n)
    for op in ops:
        result.add_gate(_gate(op))
    if optimize:
        QuantumCircuitOptimizer().optimize_light(result)
    return result


def _gate(op: Operation) -> Any:
    from qulacs import gate

    if op.name == "unitary":
        return gate.DenseMatrix(list(op.qubits), op.matrix)
    if op.name == "mcz":
        return _controlled(np.diag([1, -1]), op.qubits)
    if op.name == "cp":
        return _controlled(np.diag([1, np.exp(1j * op.angles[0])]), op.qubits)
    if op.name == "u":
        return gate.DenseMatrix(op.qubits[0], u_matrix(*op.angles))
    if op.name in _PAULIS:
        # exp(+i angle/2 P) there, exp(-i angle/2 P) everywhere else.
        return gate.PauliRotation(list(op.qubits), [_PAULIS[op.name]] * 2, -op.angles[0])
    return _gates()[op.name](*op.qubits, *op.angles)


_PAULIS = {"rxx": _X, "ryy": _Y, "rzz": _Z}


def _controlled(matrix: np.ndarray, qubits: tuple[int, ...]) -> Any:
    from qulacs import gate

    result = gate.DenseMatrix(qubits[-1], matrix.astype(complex))
    for control in qubits[:-1]:
        result.add_control_qubit(control, 1)
    return result


def _gates() -> dict[str, Callable[..., Any]]:
    from qulacs import gate

    return {
        "x": gate.X,
        "h": gate.H,
        "s": gate.S,
        "t": gate.T,
        "cx": gate.CNOT,
        "cz": gate.CZ,
        "swap": gate.SWAP,
        "rx": gate.RotX,
        "ry": gate.RotY,
        "rz": gate.RotZ,
    }


def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
    """With and without its optimizer, whose own time is not counted."""
    found = [_runner(circuit(ops, n), n, "optimize_light off")]
    if max(len(op.qubits) for op in ops) <= _WIDEST_MERGED:
        found.append(_runner(circuit(ops, n, optimize=True), n, "optimize_light on"))
    return found


def _runner(made: Any, n: int, setting: str) -> Runner:
    from qulacs import QuantumState

    def run() -> ComplexArray:
        state = QuantumState(n)
        made.update_quantum_state(state)
        amplitudes: ComplexArray = state.get_vector()
        return amplitudes

    return Runner(NAME, setting, lambda: run)

"""PennyLane's lightning.qubit; its threads follow OMP_NUM_THREADS, read when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.operations import ComplexArray, Operation, Operations
from harness.simulators.base import Runner

NAME = "Lightning"
PACKAGES = ("pennylane", "pennylane-lightning")
DTYPES = ("complex64", "complex128")


def available() -> None:
    """Import what is needed."""
    import pennylane_lightning.lightning_qubit_ops  # noqa: F401


def states(dtype: str) -> float:
    """State and the copy that is handed out."""
    return 2.1


def operations(ops: Operations, n: int) -> list[Any]:
    """Build PennyLane operations; wire 0 is the highest bit of the index there."""
    import pennylane as qml

    with qml.QueuingManager.stop_recording():
        return [_operation(op, n) for op in ops]


def _operation(op: Operation, n: int) -> Any:
    import pennylane as qml

    wires = [n - 1 - q for q in op.qubits]
    if op.name == "unitary":
        return qml.QubitUnitary(op.matrix, wires=wires[::-1])
    if op.name == "mcz":
        return qml.ctrl(qml.PauliZ(wires[-1]), control=wires[:-1])
    if op.name == "u":  # without its global phase, so that it stays one native gate
        theta, phi, lam = op.angles
        return qml.Rot(lam, theta, phi, wires=wires)
    return _gates()[op.name](*op.angles, wires=wires)


def _gates() -> dict[str, Callable[..., Any]]:
    import pennylane as qml

    return {
        "x": qml.PauliX,
        "h": qml.Hadamard,
        "s": qml.S,
        "t": qml.T,
        "cx": qml.CNOT,
        "cz": qml.CZ,
        "swap": qml.SWAP,
        "rx": qml.RX,
        "ry": qml.RY,
        "rz": qml.RZ,
        "cp": qml.ControlledPhaseShift,
        "rxx": qml.IsingXX,
        "ryy": qml.IsingYY,
        "rzz": qml.IsingZZ,
    }


def device(n: int, dtype: str) -> Any:
    """Make the device."""
    import pennylane as qml

    return qml.device("lightning.qubit", wires=n, c_dtype=np.dtype(dtype).type)


def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
    """The device without queuing and preprocessing, and the device's own state vector."""
    import pennylane as qml
    from pennylane_lightning.lightning_qubit._state_vector import LightningStateVector

    simulator = device(n, dtype)
    gates = operations(ops, n)
    tape = qml.tape.QuantumScript(gates, [qml.state()])

    def execute() -> ComplexArray:
        return np.asarray(simulator.execute([tape])[0])

    def apply() -> ComplexArray:
        state = LightningStateVector(n, np.dtype(dtype).type)
        state.apply_operations(gates)
        amplitudes: ComplexArray = state.state
        return amplitudes

    return [
        Runner(NAME, "device.execute", lambda: execute),
        Runner(NAME, "its state vector", lambda: apply),
    ]

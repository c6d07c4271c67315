"""Google's qsim, through qsimcirq; it knows complex64 only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.operations import ComplexArray, Operation, Operations, u_matrix
from harness.simulators.base import Call, Runner

NAME = "qsim"
PACKAGES = ("cirq-core", "qsimcirq")
DTYPES = ("complex64",)
_FUSED = (2, 3, 4)
"""Its documentation advises 2 or 3 below 22 qubits, 3 or 4 from there on."""


def available() -> None:
    """Import what is needed."""
    import qsimcirq  # noqa: F401


def states(dtype: str) -> float:
    """The state itself."""
    return 1.1


def circuit(ops: Operations, n: int) -> tuple[Any, list[Any]]:
    """Build a Cirq circuit, and the qubit order that makes its amplitudes little-endian."""
    import cirq

    wires = cirq.LineQubit.range(n)
    made = cirq.Circuit(_operation(op, wires) for op in ops)
    return made, wires[::-1]


def _operation(op: Operation, wires: list[Any]) -> Any:
    import cirq

    on = [wires[q] for q in op.qubits]
    if op.name == "unitary":
        return cirq.MatrixGate(op.matrix)(*reversed(on))
    if op.name == "mcz":
        return cirq.ControlledGate(cirq.Z, num_controls=len(on) - 1)(*on)
    return _gates()[op.name](*op.angles)(*on)


def _gates() -> dict[str, Callable[..., Any]]:
    import cirq

    half_turn = np.pi
    return {
        "x": lambda: cirq.X,
        "h": lambda: cirq.H,
        "s": lambda: cirq.S,
        "t": lambda: cirq.T,
        "cx": lambda: cirq.CNOT,
        "cz": lambda: cirq.CZ,
        "swap": lambda: cirq.SWAP,
        "rx": cirq.rx,
        "ry": cirq.ry,
        "rz": cirq.rz,
        "cp": lambda a: cirq.CZPowGate(exponent=a / half_turn),
        "rxx": lambda a: cirq.XXPowGate(exponent=a / half_turn, global_shift=-0.5),
        "ryy": lambda a: cirq.YYPowGate(exponent=a / half_turn, global_shift=-0.5),
        "rzz": lambda a: cirq.ZZPowGate(exponent=a / half_turn, global_shift=-0.5),
        "u": lambda *angles: cirq.MatrixGate(u_matrix(*angles)),
    }


def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
    """One runner for each size of fused gates; its raw array, not Cirq's result object."""
    made, order = circuit(ops, n)
    return [_runner(made, order, fused, threads) for fused in _FUSED]


def _runner(made: Any, order: list[Any], fused: int, threads: int) -> Runner:
    import qsimcirq

    options = qsimcirq.QSimOptions(max_fused_gate_size=fused, cpu_threads=threads)
    simulator = qsimcirq.QSimSimulator(options)

    def start() -> Call:
        def run() -> ComplexArray:
            state: ComplexArray = simulator.simulate_into_1d_array(made, qubit_order=order)[1]
            return state

        return run

    return Runner(NAME, f"max_fused_gate_size={fused}", start)

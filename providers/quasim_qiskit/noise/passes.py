"""Noise passes, which put channels next to instructions of circuits, as passes of the transpiler.

``LocalNoisePass(func, Delay)(circuit)`` returns the noisy circuit. The simulator runs the passes in
a noise model's ``_custom_noise_passes`` itself; of a `RelaxationNoisePass` for delays it reads the
numbers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import Target
from qiskit.transpiler.basepasses import TransformationPass

from quasim_qiskit.noise.builders import thermal_relaxation_error
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.nonunitary import delay_seconds

__all__ = ["LocalNoisePass", "RelaxationNoisePass"]

_METHODS = ("append", "prepend", "replace")


class LocalNoisePass(TransformationPass):
    """Asks a function for the noise of each instruction."""

    def __init__(
        self,
        func: Callable[[Instruction, Sequence[int]], Any],
        op_types: type | Iterable[type] | None = None,
        method: str = "append",
    ) -> None:
        """Make a pass.

        Args:
            func: From an instruction and the numbers of its qubits to an error, an instruction or a
                circuit on as many qubits; None for no noise.
            op_types: Classes of the instructions it is asked for; None for all.
            method: Where the noise goes: ``"append"``: after the instruction, ``"prepend"``: before
                it, ``"replace"``: in its place, even if it is None.

        Raises:
            NoiseError: If there is no such method, or ``op_types`` are no classes.
        """
        super().__init__()
        if method not in _METHODS:
            raise NoiseError(f"A noise pass has method {', '.join(_METHODS)}; got {method!r}.")
        kinds = (op_types,) if isinstance(op_types, type) else tuple(op_types or ())
        if not all(isinstance(kind, type) for kind in kinds):
            raise NoiseError(f"op_types are classes of instructions; got {op_types!r}.")
        self._func, self._ops, self._method = func, kinds, method

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Return a circuit with its noise.

        Raises:
            NoiseError: If the function returns what is no noise on the instruction's qubits.
        """
        number = {qubit: i for i, qubit in enumerate(dag.qubits)}
        result = dag.copy_empty_like()
        for node in dag.topological_op_nodes():
            asked = not self._ops or isinstance(node.op, self._ops)
            noise = self._func(node.op, [number[q] for q in node.qargs]) if asked else None
            if noise is not None and self._method != "append":
                _append(result, noise, node)
            if not asked or self._method != "replace":
                result.apply_operation_back(node.op, node.qargs, node.cargs)
            if noise is not None and self._method == "append":
                _append(result, noise, node)
        return result


class RelaxationNoisePass(LocalNoisePass):
    """Relaxes the qubits of an instruction for as long as it takes."""

    def __init__(
        self,
        t1s: Sequence[float],
        t2s: Sequence[float],
        dt: float | None = None,
        op_types: type | Iterable[type] | None = None,
        excited_state_populations: Sequence[float] | None = None,
        target: Target | None = None,
    ) -> None:
        """Take the numbers of every qubit.

        Args:
            t1s: T1 in seconds; infinite for none.
            t2s: T2 in seconds, at most ``2 * T1``.
            dt: Seconds in the unit ``dt`` of delays; None if there is none.
            op_types: Classes of instructions after which qubits relax; None for all.
            excited_state_populations: Populations of 1 in equilibrium; None for 0.
            target: How long instructions other than delays take; without it they take no time.
        """
        super().__init__(self._relaxed, op_types)
        self._t1s = np.asarray(t1s, float)
        self._t2s = np.asarray(t2s, float)
        given = excited_state_populations
        self._p1s = np.zeros(len(self._t1s)) if given is None else np.asarray(given, float)
        self._dt = dt
        self._duration_of = target

    def _relaxed(self, operation: Instruction, qubits: Sequence[int]) -> QuantumCircuit | None:
        seconds = self._seconds(operation, qubits)
        if not seconds:
            return None
        noise = QuantumCircuit(len(qubits))
        for i, q in enumerate(qubits):
            if not np.isinf([self._t1s[q], self._t2s[q]]).all():
                error = thermal_relaxation_error(self._t1s[q], self._t2s[q], seconds, self._p1s[q])
                noise.append(error.to_instruction(), [i])
        return noise

    def _seconds(self, operation: Instruction, qubits: Sequence[int]) -> float:
        if operation.name == "delay":
            return delay_seconds(operation, self._dt, timed=True)
        known = (self._duration_of or {}).get(operation.name) or {}
        return getattr(known.get(tuple(qubits)), "duration", None) or 0.0


def _append(dag: DAGCircuit, noise: Any, node: Any) -> None:
    """Append noise to the qubits of an instruction."""
    if not isinstance(noise, Instruction | QuantumCircuit) and hasattr(noise, "to_instruction"):
        noise = noise.to_instruction()
    if not isinstance(noise, Instruction | QuantumCircuit):
        raise NoiseError(
            f"Noise of '{node.op.name}' must be an error, an Instruction or a QuantumCircuit; got "
            f"{type(noise)}."
        )
    if noise.num_clbits or noise.num_qubits != len(node.qargs):
        raise NoiseError(
            f"Noise on {noise.num_qubits} qubits and {noise.num_clbits} classical bits does not "
            f"fit '{node.op.name}', which acts on {len(node.qargs)} qubits."
        )
    if isinstance(noise, Instruction):
        dag.apply_operation_back(noise, node.qargs)
        return
    place = dict(zip(noise.qubits, node.qargs, strict=True))
    for item in noise.data:
        dag.apply_operation_back(item.operation, [place[q] for q in item.qubits])

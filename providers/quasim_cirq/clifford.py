"""Final states of Clifford circuits of any width, as Cirq's own objects."""

from __future__ import annotations

from typing import Any

import cirq
import numpy as np

from quasim_backend import Save, runtime
from quasim_backend.errors import UnsupportedError
from quasim_cirq.programs import Program

__all__ = ["clifford_state", "clifford_tableau"]


def clifford_tableau(
    circuit: cirq.AbstractCircuit,
    param_resolver: cirq.ParamResolverOrSimilarType = None,
    qubit_order: cirq.QubitOrderOrList = cirq.QubitOrder.DEFAULT,
) -> cirq.CliffordTableau:
    """Return the stabilizers and destabilizers of a circuit's final state.

    >>> import cirq, quasim_cirq
    >>> a, b = cirq.LineQubit.range(2)
    >>> tableau = quasim_cirq.clifford_tableau(cirq.Circuit(cirq.H(a), cirq.CNOT(a, b)))
    >>> [str(stabilizer) for stabilizer in tableau.stabilizers()]
    ['+XX', '+ZZ']

    Args:
        circuit: Clifford gates only; rotations count where their angle makes them one.
        param_resolver: Values of the circuit's symbols.
        qubit_order: The first is the tableau's qubit 0.

    Raises:
        UnsupportedError: If it measures, is noisy, or a gate is no Clifford gate.
    """
    qubits, saved = _saved("stabilizer", circuit, param_resolver, qubit_order)
    width = len(qubits)
    # Cirq's first qubit is our last.
    rows = np.concatenate([np.arange(width)[::-1], np.arange(width, 2 * width)[::-1]])
    return cirq.CliffordTableau(
        width, rs=saved.phase[rows], xs=saved.x[rows][:, ::-1], zs=saved.z[rows][:, ::-1]
    )


def clifford_state(
    circuit: cirq.AbstractCircuit,
    param_resolver: cirq.ParamResolverOrSimilarType = None,
    qubit_order: cirq.QubitOrderOrList = cirq.QubitOrder.DEFAULT,
) -> cirq.CliffordState:
    """Return a circuit's final state, global phase included.

    It is what `cirq.CliffordSimulator` gives as ``final_state``, whose gates and measurements may
    go on from there.

    >>> import cirq, quasim_cirq
    >>> a, b = cirq.LineQubit.range(2)
    >>> state = quasim_cirq.clifford_state(cirq.Circuit(cirq.H(a), cirq.CNOT(a, b)))
    >>> print(f"{state.ch_form.inner_product_of_state_and_x(0b11):.3f}")
    0.707+0.000j

    Args:
        circuit: As for `clifford_tableau`.
        param_resolver: Values of the circuit's symbols.
        qubit_order: The first is the state's qubit 0.

    Raises:
        UnsupportedError: If it measures, is noisy, or a gate is no Clifford gate.
    """
    qubits, saved = _saved("ch_form", circuit, param_resolver, qubit_order)
    form = cirq.StabilizerStateChForm(len(qubits))
    # Cirq's first qubit is our last.
    form.G, form.F, form.M = (np.array(rows[::-1, ::-1]) for rows in (saved.g, saved.f, saved.m))
    form.gamma = saved.gamma[::-1].astype(int)
    form.v, form.s = np.array(saved.v[::-1]), np.array(saved.s[::-1])
    form.omega = saved.omega
    return cirq.CliffordState({q: i for i, q in enumerate(qubits)}, form)


def _saved(
    kind: str,
    circuit: cirq.AbstractCircuit,
    param_resolver: cirq.ParamResolverOrSimilarType,
    qubit_order: cirq.QubitOrderOrList,
) -> tuple[tuple[cirq.Qid, ...], Any]:
    """Return the qubits in order and what a save point of this kind keeps at the end."""
    qubits = cirq.QubitOrder.as_qubit_order(qubit_order).order_for(circuit.all_qubits())
    with runtime(method="stabilizer") as session:
        program = Program(session, circuit.moments, qubits, cirq.ParamResolver(param_resolver))
        if not program.is_unitary:
            raise UnsupportedError(
                "The circuit measures, resets or is noisy, so it has no single final state; sample "
                "it with Simulator(method='stabilizer').run."
            )
        source = program.translation.circuit
        return qubits, session.run(source, save=Save(kind, "state")).saved["state"]

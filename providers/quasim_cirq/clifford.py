"""Final states of Clifford circuits of any width, as Cirq's own tableaus."""

from __future__ import annotations

import cirq
import numpy as np

from quasim_backend import Save, runtime
from quasim_backend.errors import UnsupportedError
from quasim_cirq.programs import Program

__all__ = ["clifford_tableau"]


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
    qubits = cirq.QubitOrder.as_qubit_order(qubit_order).order_for(circuit.all_qubits())
    with runtime(method="stabilizer") as session:
        program = Program(session, circuit.moments, qubits, cirq.ParamResolver(param_resolver))
        if not program.is_unitary:
            raise UnsupportedError(
                "The circuit measures, resets or is noisy, so it has no single final state; sample "
                "it with Simulator(method='stabilizer').run."
            )
        source = program.translation.circuit
        saved = session.run(source, save=Save("stabilizer", "state")).saved["state"]
    width = len(qubits)
    # Cirq's first qubit is our last.
    rows = np.concatenate([np.arange(width)[::-1], np.arange(width, 2 * width)[::-1]])
    return cirq.CliffordTableau(
        width, rs=saved.phase[rows], xs=saved.x[rows][:, ::-1], zs=saved.z[rows][:, ::-1]
    )

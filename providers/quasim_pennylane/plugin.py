"""The adapter's plug-in: QuASIM's own API takes PennyLane circuits. Imports without PennyLane."""

from __future__ import annotations

from functools import partial

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_translate_circuit"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a tape, a QNode, or a QNode with its arguments as ``functools.partial``.

    Wires keep their order, the first one our highest qubit; measurements at the end are left out,
    as the caller says what to measure.

    Raises:
        UnsupportedError: If something in the circuit has no translation.
    """
    function, arguments, options = circuit, (), {}
    if isinstance(circuit, partial):
        function, arguments, options = circuit.func, circuit.args, circuit.keywords
    if type(function).__module__.partition(".")[0] != "pennylane":
        return None
    import pennylane as qml

    from quasim_pennylane.tapes import translate_tape

    if isinstance(function, qml.QNode):
        try:
            tape = qml.workflow.construct_tape(function)(*arguments, **options)
        except TypeError as cause:
            raise UnsupportedError(
                f"The QNode could not be called with these arguments ({cause}). Give it with its "
                f"arguments: functools.partial(qnode, *arguments)."
            ) from cause
        return translate_tape(tape)
    if isinstance(circuit, qml.tape.QuantumScript):
        return translate_tape(circuit)
    return None

"""The adapter's plug-in: QuASIM's own API takes PennyLane circuits. Imports without PennyLane."""

from __future__ import annotations

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_translate_circuit"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a tape, or a QNode whose quantum function takes no arguments.

    A QNode with arguments is given as ``qml.workflow.construct_tape(qnode)(*arguments)``. Wires
    keep their order, the first one our highest qubit; measurements at the end are left out, as the
    caller says what to measure.

    Raises:
        UnsupportedError: If something in the circuit has no translation.
    """
    module = type(circuit).__module__.partition(".")[0]
    if module != "pennylane":
        return None
    import pennylane as qml

    from quasim_pennylane.tapes import translate_tape

    if isinstance(circuit, qml.QNode):
        try:
            tape = qml.workflow.construct_tape(circuit)()
        except TypeError as cause:
            raise UnsupportedError(
                f"The QNode could not be called without arguments ({cause}). Give its tape: "
                f"qml.workflow.construct_tape(qnode)(*arguments)."
            ) from cause
        return translate_tape(tape)
    if isinstance(circuit, qml.tape.QuantumScript):
        return translate_tape(circuit)
    return None

"""The adapter's plug-in: QuASIM's own API takes PennyLane circuits. Imports without PennyLane."""

from __future__ import annotations

from functools import partial
from typing import Any

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.noise import NoiseModel
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_export_noise", "quasim_translate_circuit", "quasim_translate_noise"]


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


@hookimpl
def quasim_translate_noise(model: object) -> NoiseModel | None:
    """Translate a `qml.NoiseModel`; return None for anything else.

    Raises:
        UnsupportedError: If a condition or function has no translation; it is named.
    """
    if not any(base.__module__.partition(".")[0] == "pennylane" for base in type(model).__mro__):
        return None
    import pennylane as qml

    from quasim_pennylane.noise_reader import read

    return read(model) if isinstance(model, qml.NoiseModel) else None


@hookimpl
def quasim_export_noise(model: NoiseModel, target: str) -> Any:
    """Return a model as a `qml.NoiseModel` if the target is ``"pennylane"``.

    Raises:
        UnsupportedError: If PennyLane has no word for one of the rules, or is not installed.
    """
    if target != "pennylane":
        return None
    try:
        import pennylane  # noqa: F401
    except ImportError as cause:
        raise UnsupportedError("Exporting to 'pennylane' needs PennyLane installed.") from cause
    from quasim_pennylane.noise_writer import write

    return write(model)

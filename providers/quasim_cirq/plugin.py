"""The adapter's plug-in: lets QuASIM's own API take Cirq circuits. Imports without Cirq."""

from __future__ import annotations

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_translate_circuit"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a `cirq.Circuit`; its qubits in sorted order, the first one our highest.

    Raises:
        UnsupportedError: If something in the circuit has no translation.
        ParameterError: If a gate can only be translated once its symbols have values.
    """
    if type(circuit).__module__.partition(".")[0] != "cirq":
        return None
    import cirq

    from quasim_cirq.parameters import NeedsValues, UnsupportedOperationError
    from quasim_cirq.translate import translate

    if not isinstance(circuit, cirq.AbstractCircuit):
        return None
    try:
        translation = translate(circuit, sorted(circuit.all_qubits()))
    except UnsupportedOperationError as cause:
        raise UnsupportedError(
            f"QuASIM has no translation of {cause}. quasim_cirq.Simulator runs the circuit, where "
            f"needed with Cirq's own simulation."
        ) from cause
    except NeedsValues:
        raise ParameterError(
            "A gate of the Cirq circuit needs numbers for its symbols; resolve it first with "
            "cirq.resolve_parameters."
        ) from None
    return translation.circuit

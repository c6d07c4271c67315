"""The adapter's plug-in: lets QuASIM's own API take Cirq's circuits and noise models, and back.

Imports without Cirq.
"""

from __future__ import annotations

from typing import Any

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.noise import NoiseModel
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_export_noise", "quasim_translate_circuit", "quasim_translate_noise"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a `cirq.Circuit`; its qubits in sorted order, the first one our highest.

    Noise rules for qubit ``i`` are about ``cirq.LineQubit(i)``. Operations that are several of our
    gates get the noise of each, where `quasim_cirq.RuleNoiseModel` sees one gate without a name.

    Raises:
        UnsupportedError: If something in the circuit has no translation.
        ParameterError: If a gate can only be translated once its symbols have values.
    """
    if not _is_cirqs(circuit):
        return None
    import cirq

    from quasim_cirq.parameters import NeedsValues, UnsupportedOperationError
    from quasim_cirq.translate import translate

    if not isinstance(circuit, cirq.AbstractCircuit):
        return None
    qubits = sorted(circuit.all_qubits())
    try:
        translation = translate(circuit, qubits, keep_moments=True)
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
    result, last = translation.circuit, len(qubits) - 1
    places = {q.x: last - i for i, q in enumerate(qubits) if isinstance(q, cirq.LineQubit)}
    result.rule_qubits = places if len(places) == len(qubits) else {}
    return result


@hookimpl
def quasim_translate_noise(model: object) -> NoiseModel | None:
    """Translate a `cirq.NoiseModel`; see `quasim_cirq.noise_import`.

    Raises:
        UnsupportedError: If rules cannot say what the model does.
    """
    if not _is_cirqs(model):
        return None
    import cirq

    if not isinstance(model, cirq.NoiseModel):
        return None
    from quasim_cirq.noise_import import translate_noise_model

    return translate_noise_model(model)


@hookimpl
def quasim_export_noise(model: NoiseModel, target: str) -> Any:
    """Return a noise model as a `cirq.NoiseModel`; see `quasim_cirq.noise_export`."""
    if target != "cirq":
        return None
    try:
        from quasim_cirq.noise_export import RuleNoiseModel
    except ImportError:
        return None
    return RuleNoiseModel(model)


def _is_cirqs(value: object) -> bool:
    """Return whether a base of the value's type is defined by Cirq; importing nothing."""
    return any(kind.__module__.partition(".")[0] == "cirq" for kind in type(value).__mro__)

"""The plug-in: lets QuASIM's own API take Qiskit circuits. Imports Qiskit only for its objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quasim_backend.plugins import hookimpl

if TYPE_CHECKING:
    from quasim_backend.ir import Circuit
    from quasim_backend.noise import NoiseModel

__all__ = ["quasim_export_noise", "quasim_translate_circuit", "quasim_translate_noise"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a Qiskit circuit, or the one in a ``.qpy`` file; return None for anything else."""
    if isinstance(circuit, Path):
        if circuit.suffix.lower() != ".qpy":
            return None
        from quasim_qiskit.files import read_file

        return read_file(circuit)
    # A subclass of a Qiskit circuit lives in its own module, hence all base classes.
    if not any(base.__module__.partition(".")[0] == "qiskit" for base in type(circuit).__mro__):
        return None
    from qiskit.circuit import QuantumCircuit

    from quasim_qiskit.translate import translate_circuit

    return translate_circuit(circuit) if isinstance(circuit, QuantumCircuit) else None


@hookimpl
def quasim_translate_noise(model: object) -> NoiseModel | None:
    """Translate a noise model of Qiskit Aer or of `quasim_qiskit.noise`; None for anything else.

    Rules match gates by their names. Noise passes that have to see the circuit are for Qiskit's
    own backend only.
    """
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if homes.isdisjoint(("qiskit_aer", "quasim_qiskit")):
        return None
    from quasim_qiskit.noise.tables import is_qiskit_noise

    if not is_qiskit_noise(model):
        return None
    from quasim_backend.errors import UnsupportedError
    from quasim_qiskit.errors import QuasimQiskitError
    from quasim_qiskit.noise.translation import translated_noise

    try:
        return translated_noise(model).whole()
    except QuasimQiskitError as cause:
        raise UnsupportedError(cause.message) from cause


@hookimpl
def quasim_export_noise(model: NoiseModel, target: str) -> object | None:
    """Return our model as Qiskit's: Aer's own class where Aer is installed, else ours."""
    if target != "qiskit":
        return None
    from quasim_qiskit.noise.export import exported

    model_of_qiskit: object = exported(model)
    return model_of_qiskit

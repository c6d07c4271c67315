"""The plug-in: lets QuASIM's own API and command line take pytket circuits. Imports no pytket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit
from quasim_backend.noise import NoiseModel
from quasim_backend.plugins import default_manager, hookimpl

__all__ = ["quasim_export_noise", "quasim_translate_circuit", "quasim_translate_noise"]


@hookimpl
def quasim_translate_circuit(circuit: object) -> Circuit | None:
    """Translate a pytket circuit; return None for anything else.

    Args:
        circuit: A `pytket.Circuit`, the dictionary one was written to, or the path of a ``.json``
            file that holds one.

    Raises:
        UnsupportedError: If something in the circuit has no translation, or a file or dictionary
            holds a circuit and pytket is not installed.
        ParameterError: If an angle is no sum of multiples of symbols.
        CircuitError: If a file or dictionary looks like a circuit and is none.
    """
    if isinstance(circuit, Path | Mapping):
        from quasim_pytket.files import read, read_file

        return read_file(circuit) if isinstance(circuit, Path) else read(circuit)
    # A subclass of pytket's circuit lives in its own module, hence all base classes.
    if not any(base.__module__.partition(".")[0] == "pytket" for base in type(circuit).__mro__):
        return None
    from pytket.circuit import Circuit as TketCircuit

    from quasim_pytket.translate import translate

    return translate(circuit) if isinstance(circuit, TketCircuit) else None


@hookimpl
def quasim_translate_noise(model: object) -> NoiseModel | None:
    """Translate the error rates of a `pytket.backends.backendinfo.BackendInfo`.

    Raises:
        UnsupportedError: If a node or operation has no translation; it is named.
        ShapeError: If a rate is no probability.
    """
    if not any(base.__module__.partition(".")[0] == "pytket" for base in type(model).__mro__):
        return None
    from pytket.backends.backendinfo import BackendInfo

    from quasim_pytket.noise import read_info

    return read_info(model) if isinstance(model, BackendInfo) else None


@hookimpl
def quasim_export_noise(model: NoiseModel, target: str) -> Any:
    """Return what pytket's own simulators take if the target is ``"pytket"``: Aer's noise model.

    pytket has no noise model; `quasim_pytket.averages` gives the error rates of its backends.

    Raises:
        UnsupportedError: If Aer has no word for one of the rules, or nothing exports to it.
    """
    if target != "pytket":
        return None
    found = default_manager().export_noise(model, "qiskit")
    if found is None:
        raise UnsupportedError(
            "pytket has no noise model of its own; its Aer backends take one of Qiskit Aer, which "
            "the plug-in for Qiskit exports. Install quasim-backend[qiskit], or give the model to "
            "QuasimBackend(noise_model=...)."
        )
    return found

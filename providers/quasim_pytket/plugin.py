"""The plug-in: lets QuASIM's own API and command line take pytket circuits. Imports no pytket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quasim_backend.ir import Circuit
from quasim_backend.plugins import hookimpl

__all__ = ["quasim_translate_circuit"]


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

"""What a noise model of Qiskit holds, read from its tables or from its dictionary."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.terms import wire_form, wire_width

__all__ = ["Tables", "is_qiskit_noise", "read_tables", "version"]

_TABLES = (
    "_default_quantum_errors",
    "_local_quantum_errors",
    "_default_readout_error",
    "_local_readout_errors",
)


@dataclass
class Tables:
    """Errors as they are in the model; none is looked into yet.

    Attributes:
        everywhere: By instruction, errors for all qubits, in the order they act.
        somewhere: By instruction and qubits, errors that replace those of ``everywhere`` there.
        elsewhere: By instruction, the instruction's qubits and other qubits: errors on the latter.
        readout: Confusion matrix ``[true][read]`` of every measurement, or None.
        readouts: Confusion matrices by qubits; they replace ``readout`` there.
        passes: Noise passes.
    """

    everywhere: dict[str, list[Any]] = field(default_factory=dict)
    somewhere: dict[str, dict[tuple[int, ...], list[Any]]] = field(default_factory=dict)
    elsewhere: dict[tuple[str, tuple[int, ...], tuple[int, ...]], list[Any]] = field(
        default_factory=dict
    )
    readout: Any = None
    readouts: dict[tuple[int, ...], Any] = field(default_factory=dict)
    passes: list[Any] = field(default_factory=list)

    @property
    def is_ideal(self) -> bool:
        """Whether there is nothing."""
        found = (self.everywhere, self.somewhere, self.elsewhere, self.readouts, self.passes)
        return self.readout is None and not any(found)

    @property
    def names(self) -> list[str]:
        """Instructions with errors, each once."""
        return list(
            dict.fromkeys([*self.everywhere, *self.somewhere, *(n for n, *_ in self.elsewhere)])
        )


def is_qiskit_noise(model: Any) -> bool:
    """Return whether something is a noise model of Qiskit, or its dictionary."""
    if isinstance(model, Mapping):
        return isinstance(model.get("errors"), list | tuple)
    return type(model).__name__ == "NoiseModel" and (
        all(hasattr(model, name) for name in _TABLES) or hasattr(model, "noise_instructions")
    )


def read_tables(model: Any) -> Tables:
    """Read a model: its private tables where it has them, which costs next to nothing."""
    if all(hasattr(model, name) for name in _TABLES):
        tables = Tables(
            {name: [error] for name, error in model._default_quantum_errors.items()},
            {
                name: {tuple(qubits): [error] for qubits, error in errors.items()}
                for name, errors in model._local_quantum_errors.items()
            },
        )
        if model._default_readout_error is not None:
            tables.readout = model._default_readout_error.probabilities
        tables.readouts = {
            tuple(q): error.probabilities for q, error in model._local_readout_errors.items()
        }
    else:
        tables = _from_wire(model if isinstance(model, Mapping) else model.to_dict())
    tables.passes = list(getattr(model, "_custom_noise_passes", ()))
    return tables


def _from_wire(data: Mapping[str, Any]) -> Tables:
    tables = Tables()
    for error in data.get("errors", ()):
        wire_form(error)
        places = error.get("gate_qubits")
        others = error.get("noise_qubits")
        if error["type"] == "roerror":
            for qubits in places or [None]:
                if qubits is None:
                    tables.readout = error["probabilities"]
                else:
                    tables.readouts[tuple(qubits)] = error["probabilities"]
            continue
        if error["type"] not in ("qerror", "plerror"):
            raise QuasimQiskitError(
                f"Unknown type of error {error['type']!r} in a noise model; 'qerror', 'plerror' "
                f"and 'roerror' are known."
            )
        for name in error["operations"]:
            if places is None:
                tables.everywhere.setdefault(name, []).append(error)
            for qubits in map(tuple, places or ()):
                for on in map(tuple, others or [qubits]):
                    if on == qubits:
                        table = tables.somewhere.setdefault(name, {})
                        table.setdefault(qubits, []).append(error)
                    else:
                        tables.elsewhere.setdefault((name, qubits, on), []).append(error)
    return tables


def version(model: Any) -> Any:
    """Return something that differs when the content of a model differs.

    Errors count as values: no method of theirs changes them.
    """
    if isinstance(model, Mapping):
        return pickle.dumps(model)
    if not all(hasattr(model, name) for name in _TABLES):
        return pickle.dumps(model.to_dict())
    return tuple(_identities(model))


def _identities(model: Any) -> Iterator[Any]:
    # The tables keep the objects of the other errors, so that no other gets their ids.
    default = model._default_readout_error
    yield None if default is None else np.asarray(default.probabilities).tobytes()
    for qubits, error in model._local_readout_errors.items():
        yield tuple(qubits), np.asarray(error.probabilities).tobytes()
    table = model._default_quantum_errors
    yield tuple(table), tuple(map(id, table.values()))
    for name, table in model._local_quantum_errors.items():
        yield name, tuple(table), tuple(map(id, table.values()))
    for noise_pass in getattr(model, "_custom_noise_passes", ()):
        yield id(noise_pass)


def error_width(error: Any) -> int:
    """Return the number of qubits of an error object or dictionary."""
    found = getattr(error, "num_qubits", None)
    return found if isinstance(found, int) else wire_width(wire_form(error))

"""`NoiseModel` with the methods of Qiskit Aer's: errors by instruction and qubits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.transpiler import Target

from quasim_qiskit.noise.arguments import (
    STANDARD_GATES,
    as_quantum_error,
    as_readout_error,
    check_width,
    checked_qubits,
    following,
    named,
)
from quasim_qiskit.noise.device import (
    Place,
    delay_relaxation,
    gate_errors,
    readout_errors,
    seconds_of,
    warn_without_qubits,
)
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.properties import target_of
from quasim_qiskit.noise.quantum_error import BaseQuantumError, QuantumError
from quasim_qiskit.noise.readout_error import ReadoutError
from quasim_qiskit.noise.tables import read_tables

__all__ = ["NoiseModel"]

_LOGGER = logging.getLogger("quasim_qiskit")
_GENERIC = ("unitary", "diagonal", "multiplexer", "pauli", "mcx", "mcphase")
_NO_GATES = ("measure", "reset", "delay", "global_phase")

Errors = BaseQuantumError | Any


class NoiseModel:
    """Which errors follow which instructions on which qubits, and how outcomes are misread.

    An error for given qubits takes the place of the one for all qubits there. Errors that are
    added to an instruction that has one act after it. Errors of measurements act before them.

    >>> from quasim_qiskit.noise import depolarizing_error
    >>> model = NoiseModel()
    >>> model.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["x", "sx"])
    >>> model.noise_instructions
    ['sx', 'x']
    """

    def __init__(self, basis_gates: Sequence[Any] | None = None) -> None:
        """Make a model without errors.

        Args:
            basis_gates: Gates of circuits for the model; None for ``id, rz, sx, cx``. Gates with
                errors are added.
        """
        given = ["id", "rz", "sx", "cx"] if basis_gates is None else basis_gates
        self._basis_gates = {name for name, _ in named(given)}
        self._noise_instructions: set[str] = set()
        self._noise_qubits: set[int] = set()
        self._default_quantum_errors: dict[str, Errors] = {}
        self._local_quantum_errors: dict[str, dict[tuple[int, ...], Errors]] = {}
        self._default_readout_error: Any = None
        self._local_readout_errors: dict[tuple[int, ...], Any] = {}
        self._custom_noise_passes: list[Any] = []

    @classmethod
    def from_backend(
        cls,
        backend: Any,
        gate_error: bool = True,
        readout_error: bool = True,
        thermal_relaxation: bool = True,
        temperature: float = 0,
        gate_lengths: Iterable[tuple[str, Sequence[int] | None, float]] | None = None,
        gate_length_units: str = "ns",
        warnings: bool | None = None,
    ) -> NoiseModel:
        """Return the noise of a device, from the properties in its target.

        See `quasim_qiskit.noise.device` for the formulas.

        Args:
            backend: A `BackendV2`.
            gate_error: Whether gates have depolarising errors.
            readout_error: Whether outcomes are misread.
            thermal_relaxation: Whether qubits relax during instructions and delays.
            temperature: Of the qubits, in millikelvin.
            gate_lengths: ``(name, qubits, duration)`` in place of what the device reports; None
                in place of qubits stands for all.
            gate_length_units: Unit of these durations.
            warnings: Not used.

        Raises:
            NoiseError: If it is no `BackendV2`, or a gate length fits none of its gates.
        """
        del warnings
        target = getattr(backend, "target", None)
        if target is None or not hasattr(backend, "operation_names"):
            raise NoiseError(
                f"from_backend takes a BackendV2, which has a target; got {type(backend)}."
            )
        if thermal_relaxation and not target.qubit_properties:
            warn_without_qubits(getattr(backend, "name", type(backend).__name__))
        seconds = seconds_of(target, gate_lengths or (), gate_length_units)
        model = cls(basis_gates=backend.operation_names)
        if readout_error:
            model._add_readouts(target)
        model._add_errors(target, gate_error, thermal_relaxation, temperature, seconds, backend.dt)
        return model

    @classmethod
    def from_backend_properties(
        cls,
        backend_properties: Any,
        gate_error: bool = True,
        readout_error: bool = True,
        thermal_relaxation: bool = True,
        temperature: float = 0,
        gate_lengths: Iterable[tuple[str, Sequence[int] | None, float]] | None = None,
        gate_length_units: str = "ns",
        dt: float | None = None,
    ) -> NoiseModel:
        """Return the noise of a device, from properties as `qiskit_ibm_runtime` has them.

        Args:
            backend_properties: With the attributes ``gates`` and ``qubits``.
            gate_error: As in `from_backend`.
            readout_error: As in `from_backend`.
            thermal_relaxation: As in `from_backend`.
            temperature: As in `from_backend`.
            gate_lengths: As in `from_backend`.
            gate_length_units: As in `from_backend`.
            dt: Seconds in the unit ``dt`` of delays; None if there is none.

        Raises:
            NoiseError: If these are no properties, or a gate length fits none of their gates.
        """
        target = target_of(backend_properties)
        seconds = seconds_of(target, gate_lengths or (), gate_length_units)
        model = cls(basis_gates=[gate.gate for gate in backend_properties.gates])
        if readout_error:
            model._add_readouts(target)
        model._add_errors(target, gate_error, thermal_relaxation, temperature, seconds, dt)
        return model

    def _add_readouts(self, target: Target) -> None:
        for qubits, confusion in readout_errors(target):
            self.add_readout_error(confusion, qubits)

    def _add_errors(
        self,
        target: Target,
        gate_error: bool,
        thermal_relaxation: bool,
        temperature: float,
        seconds: Mapping[Place, float],
        dt: float | None,
    ) -> None:
        for name, places, error in gate_errors(
            target,
            gate_error=gate_error,
            thermal_relaxation=thermal_relaxation,
            temperature=temperature,
            seconds=seconds,
        ):
            self._add_local(error, name, name, places)
        delays = delay_relaxation(target, dt, temperature) if thermal_relaxation else None
        if delays is not None:
            self._custom_noise_passes.append(delays)

    # --- facts --------------------------------------------------------------------------------

    @property
    def basis_gates(self) -> list[str]:
        """Gates of circuits for the model, sorted."""
        return sorted(self._basis_gates)

    @property
    def noise_instructions(self) -> list[str]:
        """Instructions with errors, sorted."""
        return sorted(self._noise_instructions)

    @property
    def noise_qubits(self) -> list[int]:
        """Qubits with errors of their own, sorted."""
        return sorted(self._noise_qubits)

    def is_ideal(self) -> bool:
        """Return whether there are no errors."""
        return read_tables(self).is_ideal

    def __eq__(self, other: object) -> bool:
        """Compare basis gates and errors; noise passes do not count, as in Qiskit Aer."""
        if not isinstance(other, NoiseModel):
            return False
        return (
            self._basis_gates == other._basis_gates
            and self._default_quantum_errors == other._default_quantum_errors
            and self._local_quantum_errors == other._local_quantum_errors
            and self._default_readout_error == other._default_readout_error
            and self._local_readout_errors == other._local_readout_errors
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Name the instructions with errors."""
        return f"<NoiseModel on {self.noise_instructions}>"

    def __str__(self) -> str:
        """List what has errors."""
        if self.is_ideal():
            return "NoiseModel: Ideal"
        places = [(n, q) for n, table in self._local_quantum_errors.items() for q in table]
        places += [
            ("measure", q) for q in self._local_readout_errors if ("measure", q) not in places
        ]
        everywhere = [*self._default_quantum_errors]
        if self._default_readout_error is not None and "measure" not in everywhere:
            everywhere.append("measure")
        facts = {
            "Instructions with noise": self.noise_instructions,
            "Qubits with noise": self.noise_qubits,
            "All-qubits errors": everywhere,
            "Specific qubit errors": places,
        }
        lines = [f"NoiseModel:\n  Basis gates: {self.basis_gates}"]
        return "\n".join(lines + [f"  {name}: {fact}" for name, fact in facts.items() if fact])

    # --- changes ------------------------------------------------------------------------------

    def reset(self) -> None:
        """Remove all errors."""
        self.__init__()  # type: ignore[misc]

    def add_basis_gates(self, instructions: Any) -> None:
        """Add gates to `basis_gates`; names that are no gates of the simulator are left out."""
        for name, _ in named(instructions):
            if name in _GENERIC or (name in STANDARD_GATES and name not in _NO_GATES):
                self._basis_gates.add(name)

    def add_all_qubit_quantum_error(
        self, error: Any, instructions: Any, warnings: bool = True
    ) -> None:
        """Add an error that follows instructions on any qubits.

        Args:
            error: A `QuantumError`, or what makes one. Without effect if it is the identity.
            instructions: Names, labels or instructions, one or a list.
            warnings: Whether the log says that there was an error before.

        Raises:
            NoiseError: If it is no error or does not fit the width of an instruction.
        """
        error = as_quantum_error(error)
        if error.ideal():
            return
        for name, label in named(instructions):
            check_width(error, name)
            before = self._default_quantum_errors.get(label)
            if before is not None and warnings:
                _LOGGER.warning("'%s' has an error already; the new one follows it.", label)
            self._default_quantum_errors[label] = following(before, error)
            self._noise_instructions.add(label)
            self.add_basis_gates(name)

    def add_quantum_error(
        self, error: Any, instructions: Any, qubits: Sequence[int], warnings: bool = True
    ) -> None:
        """Add an error that follows instructions on these qubits, in this order.

        Args:
            error: As in `add_all_qubit_quantum_error`.
            instructions: As in `add_all_qubit_quantum_error`.
            qubits: The instruction's qubits.
            warnings: As in `add_all_qubit_quantum_error`.

        Raises:
            NoiseError: If it is no error, or widths do not fit.
        """
        error = as_quantum_error(error)
        places = checked_qubits(qubits)
        if error.ideal():
            return
        for name, label in named(instructions):
            check_width(error, name)
            if warnings and places in self._local_quantum_errors.get(label, {}):
                _LOGGER.warning(
                    "'%s' on %s has an error already; the new one follows it.", label, places
                )
            self._add_local(error, name, label, places)

    def _add_local(self, error: Any, name: str, label: str, places: tuple[int, ...]) -> None:
        if error.num_qubits != len(places):
            raise NoiseError(f"An error on {error.num_qubits} qubits does not fit {places}.")
        table = self._local_quantum_errors.setdefault(label, {})
        table[places] = following(table.get(places), error)
        self._noise_qubits.update(places)
        self._noise_instructions.add(label)
        self.add_basis_gates(name)

    def add_all_qubit_readout_error(self, error: Any, warnings: bool = True) -> None:
        """Set the readout error of every qubit that has none of its own.

        Raises:
            NoiseError: If it is no readout error of one qubit.
        """
        error = as_readout_error(error)
        if error.ideal():
            return
        if error.number_of_qubits != 1:
            raise NoiseError(
                f"A readout error for all qubits is one of a single qubit; this one has "
                f"{error.number_of_qubits}."
            )
        if warnings and self._default_readout_error is not None:
            _LOGGER.warning("The readout error of all qubits is replaced.")
        self._default_readout_error = error
        self._noise_instructions.add("measure")

    def add_readout_error(self, error: Any, qubits: Sequence[int], warnings: bool = True) -> None:
        """Set the readout error of qubits that are measured together.

        Qiskit measures qubits one by one, so only errors of single qubits act in its circuits.

        Raises:
            NoiseError: If it is no readout error or does not fit the qubits.
        """
        error = as_readout_error(error)
        places = checked_qubits(qubits)
        if error.ideal():
            return
        if error.number_of_qubits != len(places):
            raise NoiseError(
                f"A readout error of {error.number_of_qubits} qubits does not fit {places}."
            )
        if warnings and places in self._local_readout_errors:
            _LOGGER.warning("The readout error of %s is replaced.", places)
        self._local_readout_errors[places] = error
        self._noise_qubits.update(places)
        self._noise_instructions.add("measure")

    # --- as data ------------------------------------------------------------------------------

    def to_dict(self, serializable: bool = False) -> dict[str, Any]:
        """Return the errors as a dictionary, in Qiskit Aer's form.

        Args:
            serializable: Whether complex numbers become pairs and arrays lists, as JSON needs.
        """
        errors = []
        for name, error in self._default_quantum_errors.items():
            errors.append({**error.to_dict(), "operations": [name]})
        for name, table in self._local_quantum_errors.items():
            for qubits, error in table.items():
                entry = {**error.to_dict(), "operations": [name], "gate_qubits": [qubits]}
                errors.append(entry)
        if self._default_readout_error is not None:
            errors.append(self._default_readout_error.to_dict())
        for qubits, error in self._local_readout_errors.items():
            errors.append({**error.to_dict(), "gate_qubits": [qubits]})
        result = {"errors": errors}
        return json.loads(json.dumps(result, default=_plain)) if serializable else result

    @staticmethod
    def from_dict(noise_dict: Mapping[str, Any]) -> NoiseModel:
        """Return the model that `to_dict`, or Qiskit Aer's, wrote.

        Raises:
            NoiseError: If something in it has no meaning.
        """
        from quasim_qiskit.noise.pauli_errors import PauliLindbladError

        model = NoiseModel()
        for entry in noise_dict.get("errors", ()):
            places = entry.get("gate_qubits")
            if entry["type"] == "roerror":
                confusion = ReadoutError.from_dict(entry)
                for qubits in places or ():
                    model.add_readout_error(confusion, qubits, warnings=False)
                if places is None:
                    model.add_all_qubit_readout_error(confusion, warnings=False)
                continue
            kinds: dict[str, Any] = {"qerror": QuantumError, "plerror": PauliLindbladError}
            kind = kinds.get(entry["type"])
            if kind is None:
                raise NoiseError(f"Unknown type of error {entry['type']!r} in a noise model.")
            error = kind.from_dict(entry)
            for qubits in places or ():
                model.add_quantum_error(error, entry["operations"], qubits, warnings=False)
            if places is None:
                model.add_all_qubit_quantum_error(error, entry["operations"], warnings=False)
        return model


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, np.generic):
        return value.item()
    raise NoiseError(f"{type(value).__name__} in a noise model has no form in JSON.")

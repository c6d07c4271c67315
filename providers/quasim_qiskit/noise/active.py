"""The noise of a run: a model in any form, and what running a Qiskit circuit with it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qiskit.circuit import QuantumCircuit

from quasim_backend.errors import QuasimError
from quasim_backend.noise import NoiseModel
from quasim_backend.plugins.manager import default_manager
from quasim_backend.session.noise import as_noise_model
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.naming import Naming
from quasim_qiskit.noise.tables import is_qiskit_noise
from quasim_qiskit.noise.translation import TranslatedNoise, translated_noise

__all__ = ["ActiveNoise", "active_noise", "basis_gates"]


@dataclass(frozen=True)
class ActiveNoise:
    """A noise model that was given to a backend.

    Attributes:
        model: Ours, where it came in one piece; None for a model of Qiskit.
        qiskit: A model of Qiskit, of which circuits take the rules for their own qubits.
        dt: Seconds in the unit ``dt`` of delays, or None.
    """

    model: NoiseModel | None
    qiskit: TranslatedNoise | None
    dt: float | None = None

    @property
    def name(self) -> str:
        """What metadata say."""
        return (self.model.name if self.model is not None else "") or "circuit"

    def with_dt(self, dt: float | None) -> ActiveNoise:
        """Return the same noise with a length of ``dt``, unless it has one."""
        return self if self.dt is not None or dt is None else replace(self, dt=dt)

    def part(self, circuit: QuantumCircuit) -> NoiseModel:
        """Return the rules that can act in a circuit."""
        if self.qiskit is None:
            assert self.model is not None
            return self.model
        used: set[Any] = set()
        for item in circuit.data:
            if item.name != "barrier" and not item.name.startswith("save_"):
                used.update(item.qubits)
        return self.qiskit.part(frozenset(i for i, q in enumerate(circuit.qubits) if q in used))

    def naming(self, placed: NoiseModel) -> Naming | None:
        """Return what gates are called in the model; None where they have our names."""
        return None if self.qiskit is None else Naming(placed)

    def passed(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a circuit after the noise passes that have to see it.

        As in Qiskit Aer they are for circuits with delays only.
        """
        passes = [] if self.qiskit is None else self.qiskit.other_passes
        if passes and any(item.name == "delay" for item in circuit.data):
            for noise_pass in passes:
                circuit = noise_pass(circuit)
        return circuit


def active_noise(value: Any) -> ActiveNoise | None:
    """Return a noise model in any form, ready for runs; None for one without noise.

    Args:
        value: None; a model of Qiskit Aer or of `quasim_qiskit.noise`, or its dictionary; ours, or
            a dictionary of ours; a model of another SDK.

    Raises:
        QuasimQiskitError: If nobody knows it, or it cannot be translated.
    """
    if value is None or isinstance(value, ActiveNoise):
        return value
    if is_qiskit_noise(value):
        translated = translated_noise(value)
        return None if translated.tables.is_ideal else ActiveNoise(None, translated, translated.dt)
    try:
        model = as_noise_model(value, default_manager())
    except QuasimError as cause:
        raise QuasimQiskitError(f"Option noise_model: {cause}") from cause
    return None if model is None else ActiveNoise(model, None)


def basis_gates(value: Any) -> tuple[str, ...] | None:
    """Return the gates that circuits for a noise model consist of; None where it does not say."""
    gates = None if isinstance(value, Mapping) else getattr(value, "basis_gates", None)
    return tuple(gates) if isinstance(gates, list | tuple) else None

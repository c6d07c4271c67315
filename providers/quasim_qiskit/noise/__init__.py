"""Noise models of Qiskit: the classes and functions of ``qiskit_aer.noise`` without Aer.

>>> from quasim_qiskit.noise import NoiseModel, depolarizing_error

Models made by Aer itself are taken as well, as objects and as dictionaries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quasim_qiskit.noise.builders import amplitude_damping_error as amplitude_damping_error
    from quasim_qiskit.noise.builders import coherent_unitary_error as coherent_unitary_error
    from quasim_qiskit.noise.builders import depolarizing_error as depolarizing_error
    from quasim_qiskit.noise.builders import kraus_error as kraus_error
    from quasim_qiskit.noise.builders import mixed_unitary_error as mixed_unitary_error
    from quasim_qiskit.noise.builders import pauli_error as pauli_error
    from quasim_qiskit.noise.builders import (
        phase_amplitude_damping_error as phase_amplitude_damping_error,
    )
    from quasim_qiskit.noise.builders import phase_damping_error as phase_damping_error
    from quasim_qiskit.noise.builders import reset_error as reset_error
    from quasim_qiskit.noise.builders import thermal_relaxation_error as thermal_relaxation_error
    from quasim_qiskit.noise.errors import NoiseError as NoiseError
    from quasim_qiskit.noise.model import NoiseModel as NoiseModel
    from quasim_qiskit.noise.passes import LocalNoisePass as LocalNoisePass
    from quasim_qiskit.noise.passes import RelaxationNoisePass as RelaxationNoisePass
    from quasim_qiskit.noise.pauli_errors import PauliError as PauliError
    from quasim_qiskit.noise.pauli_errors import PauliLindbladError as PauliLindbladError
    from quasim_qiskit.noise.quantum_error import QuantumError as QuantumError
    from quasim_qiskit.noise.readout_error import ReadoutError as ReadoutError

_HOME = {
    "LocalNoisePass": "passes",
    "NoiseError": "errors",
    "NoiseModel": "model",
    "PauliError": "pauli_errors",
    "PauliLindbladError": "pauli_errors",
    "QuantumError": "quantum_error",
    "ReadoutError": "readout_error",
    "RelaxationNoisePass": "passes",
    "amplitude_damping_error": "builders",
    "coherent_unitary_error": "builders",
    "depolarizing_error": "builders",
    "kraus_error": "builders",
    "mixed_unitary_error": "builders",
    "pauli_error": "builders",
    "phase_amplitude_damping_error": "builders",
    "phase_damping_error": "builders",
    "reset_error": "builders",
    "thermal_relaxation_error": "builders",
}

__all__ = [
    "LocalNoisePass",
    "NoiseError",
    "NoiseModel",
    "PauliError",
    "PauliLindbladError",
    "QuantumError",
    "ReadoutError",
    "RelaxationNoisePass",
    "amplitude_damping_error",
    "coherent_unitary_error",
    "depolarizing_error",
    "kraus_error",
    "mixed_unitary_error",
    "pauli_error",
    "phase_amplitude_damping_error",
    "phase_damping_error",
    "reset_error",
    "thermal_relaxation_error",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value

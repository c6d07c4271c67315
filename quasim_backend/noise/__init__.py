"""Noise: channels by their parameters, and models that place them in circuits."""

from __future__ import annotations

from quasim_backend.noise.channels import amplitude_damping as amplitude_damping
from quasim_backend.noise.channels import bit_flip as bit_flip
from quasim_backend.noise.channels import bit_phase_flip as bit_phase_flip
from quasim_backend.noise.channels import coherent as coherent
from quasim_backend.noise.channels import composed as composed
from quasim_backend.noise.channels import depolarizing as depolarizing
from quasim_backend.noise.channels import excited_population as excited_population
from quasim_backend.noise.channels import (
    generalized_amplitude_damping as generalized_amplitude_damping,
)
from quasim_backend.noise.channels import lindblad as lindblad
from quasim_backend.noise.channels import pauli_channel as pauli_channel
from quasim_backend.noise.channels import pauli_lindblad as pauli_lindblad
from quasim_backend.noise.channels import phase_damping as phase_damping
from quasim_backend.noise.channels import phase_flip as phase_flip
from quasim_backend.noise.channels import reset_error as reset_error
from quasim_backend.noise.channels import thermal_relaxation as thermal_relaxation
from quasim_backend.noise.model import NoiseModel as NoiseModel
from quasim_backend.noise.renumber import renumbered as renumbered
from quasim_backend.noise.representations import choi_matrix as choi_matrix
from quasim_backend.noise.representations import from_choi as from_choi
from quasim_backend.noise.representations import from_superoperator as from_superoperator
from quasim_backend.noise.representations import pauli_probabilities as pauli_probabilities
from quasim_backend.noise.representations import pauli_transfer_matrix as pauli_transfer_matrix
from quasim_backend.noise.representations import superoperator as superoperator
from quasim_backend.noise.rules import GateNoise as GateNoise
from quasim_backend.noise.rules import MomentNoise as MomentNoise
from quasim_backend.noise.rules import ReadoutNoise as ReadoutNoise
from quasim_backend.noise.rules import Relaxation as Relaxation

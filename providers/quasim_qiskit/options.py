"""Backend options: all of Aer's names and defaults, and what those that matter here mean."""

from __future__ import annotations

import logging
import math
import numbers
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from quasim_backend import Config
from quasim_backend.errors import near_matches
from quasim_backend.options import engine_settings
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.active import ActiveNoise, active_noise

__all__ = [
    "CONFIGURATION_OPTIONS",
    "DEFAULTS",
    "DEVICES",
    "METHODS",
    "Settings",
    "check_known",
    "check_value",
    "log_ignored",
    "settings",
]

_LOGGER = logging.getLogger("quasim_qiskit")

_SMALLEST, _LARGEST = sys.float_info.min, sys.float_info.max

METHODS = (
    "automatic",
    "statevector",
    "density_matrix",
    "unitary",
    "superop",
    "stabilizer",
    "matrix_product_state",
    "extended_stabilizer",
    "tensor_network",
    "pauli_propagation",
)
"""Simulation methods of this version; `pauli_propagation` is not one of Aer's."""

DEVICES = ("CPU", "GPU")
"""Device names."""

_USED: dict[str, Any] = {
    "shots": 1024,
    "method": "automatic",
    "device": "CPU",
    "precision": "double",
    "seed_simulator": None,
    "memory": None,
    "noise_model": None,
    "max_parallel_threads": None,
    "max_memory_mb": None,
    "extended_stabilizer_approximation_error": 0.05,
    "matrix_product_state_truncation_threshold": 1e-16,
    "matrix_product_state_max_bond_dimension": None,
    "max_truncation_error": None,  # this and the next are QuASIM's own
    "engine_options": None,
}

_WITHOUT_MEANING: dict[str, Any] = {
    "executor": None,
    "max_job_size": None,
    "max_shot_size": None,
    "enable_truncation": True,
    "zero_threshold": 1e-10,
    "validation_threshold": None,
    "max_parallel_experiments": None,
    "max_parallel_shots": None,
    "fusion_enable": True,
    "fusion_verbose": False,
    "fusion_max_qubit": None,
    "fusion_threshold": None,
    "accept_distributed_results": None,
    "cuStateVec_enable": False,
    "blocking_qubits": None,
    "blocking_enable": False,
    "chunk_swap_buffer_qubits": None,
    "batched_shots_gpu": False,
    "batched_shots_gpu_max_qubits": 16,
    "num_threads_per_device": 1,
    "shot_branching_enable": False,
    "shot_branching_sampling_enable": False,
    "statevector_parallel_threshold": 14,
    "statevector_sample_measure_opt": 10,
    "stabilizer_max_snapshot_probabilities": 32,
    "extended_stabilizer_sampling_method": "resampled_metropolis",
    "extended_stabilizer_metropolis_mixing_time": 5000,
    "extended_stabilizer_norm_estimation_samples": 100,
    "extended_stabilizer_norm_estimation_repetitions": 3,
    "extended_stabilizer_parallel_threshold": 100,
    "extended_stabilizer_probabilities_snapshot_samples": 3000,
    "mps_sample_measure_algorithm": "mps_heuristic",
    "mps_log_data": False,
    "mps_swap_direction": "mps_swap_left",
    "chop_threshold": 1e-8,
    "mps_parallel_threshold": 14,
    "mps_omp_threads": 1,
    "mps_lapack": False,
    "tensor_network_num_sampling_qubits": 10,
    "use_cuTensorNet_autotuning": False,
    "runtime_parameter_bind_enable": False,
}

DEFAULTS: dict[str, Any] = {**_USED, **_WITHOUT_MEANING}
"""Every option with its default, as Aer has them."""

CONFIGURATION_OPTIONS = (
    "coupling_map",
    "basis_gates",
    "n_qubits",
    "custom_instructions",
    "description",
    "max_shots",
)
"""Names that change the backend's configuration and are no run options."""

_NUMBERS: dict[str, tuple[type[numbers.Real], float, float, str]] = {
    "shots": (numbers.Integral, 1, math.inf, "at least 1"),
    "max_parallel_threads": (numbers.Integral, 0, math.inf, "at least 0; 0 is as many as allowed"),
    "max_memory_mb": (numbers.Real, 0, _LARGEST, "at least 0; 0 is what is free"),
    "matrix_product_state_max_bond_dimension": (
        *(numbers.Integral, 1, math.inf),
        "at least 1; None is no limit",
    ),
    "matrix_product_state_truncation_threshold": (numbers.Real, 0, 1, "from 0 to 1"),
    "max_truncation_error": (numbers.Real, 0, 1, "from 0 to 1"),
    "extended_stabilizer_approximation_error": (numbers.Real, _SMALLEST, _LARGEST, "above 0"),
}
"""Options that are numbers: which, the lowest, the highest, and both in words."""

_RUN_ONLY = ("target_gpus", "parameterizations", "fusion_parallelization_threshold")


@dataclass(frozen=True)
class Settings:
    """The options of one run, checked.

    Attributes:
        shots: Number of shots.
        seed: Seed of the first circuit, or None.
        method: One of `METHODS`.
        memory: Whether the result lists every shot.
        noise: Noise of the run, or None.
        config: Settings of the session that runs it.
        config_key: Equal for equal ``config``.
    """

    shots: int
    seed: int | None
    method: str
    memory: bool
    noise: ActiveNoise | None
    config: Config
    config_key: tuple[Any, ...]


def check_known(name: str) -> None:
    """Refuse an unknown option.

    Raises:
        QuasimQiskitError: With near matches.
    """
    if name not in DEFAULTS and name not in CONFIGURATION_OPTIONS and name not in _RUN_ONLY:
        known = [*DEFAULTS, *CONFIGURATION_OPTIONS]
        raise QuasimQiskitError(f"Invalid option {name}. {near_matches(name, known)}")


def log_ignored(options: Mapping[str, Any]) -> None:
    """Note in the debug log which options of a call do nothing here."""
    for name, value in options.items():
        if name in _WITHOUT_MEANING or name in _RUN_ONLY:
            if value != _WITHOUT_MEANING.get(name):
                _LOGGER.debug("Option %s=%r has no meaning for QuASIM; ignored.", name, value)
        elif name not in _USED and name not in CONFIGURATION_OPTIONS:
            _LOGGER.debug("Unknown run option %s=%r ignored, as Aer does.", name, value)


def check_value(name: str, value: Any) -> None:
    """Refuse a method or device that does not exist, and numbers that are not possible.

    Raises:
        TypeError: If a number is none.
        QuasimQiskitError: It names the option, the value and what is possible.
    """
    if name in _NUMBERS and value is not None:
        _check_number(name, value)
    if name == "method" and value is not None and value not in METHODS:
        raise QuasimQiskitError(
            f"Invalid simulation method {value}. Available methods are: {METHODS}."
        )
    if name == "device" and value not in DEVICES:
        raise QuasimQiskitError(
            f"Invalid simulation device {value}. Available devices are: {DEVICES}."
        )
    if name == "precision" and value not in ("double", "single"):
        raise QuasimQiskitError(f"Invalid precision {value!r}; 'double' and 'single' are possible.")


def settings(options: Mapping[str, Any]) -> Settings:
    """Check the options of a run.

    Raises:
        TypeError: If a value has the wrong type.
        QuasimQiskitError: If a value is not possible.
        OptionError: If a setting of an engine is not possible.
    """
    for name in ("method", "device", "precision", *_NUMBERS):
        check_value(name, options[name])
    shots = _integer("shots", options["shots"], 1024)
    seed = options["seed_simulator"]
    threads = _integer("max_parallel_threads", options["max_parallel_threads"], 0)
    limit = options["max_memory_mb"]
    bond = options["matrix_product_state_max_bond_dimension"]
    method = options["method"] or "automatic"
    values: dict[str, Any] = {
        "simulation_precision": "fp64" if options["precision"] == "double" else "fp32",
        "device": options["device"].lower(),
        "method": "auto" if method in ("automatic", "unitary", "superop") else method,
        "num_threads": threads or None,
        "max_memory_mb": float(limit) if limit else None,
        "approximation_error": options["extended_stabilizer_approximation_error"],
    }
    if method == "matrix_product_state":
        values |= {
            "max_bond_dimension": None if bond is None else int(bond),
            "truncation_threshold": options["matrix_product_state_truncation_threshold"],
            "max_truncation_error": options["max_truncation_error"],
        }
    values |= engine_settings(options["engine_options"])
    return Settings(
        shots,
        None if seed is None else _integer("seed_simulator", seed, 0),
        method,
        bool(options["memory"]),
        active_noise(options["noise_model"]),
        _config(tuple(values.items())),
        tuple(values.items()),
    )


@lru_cache(maxsize=32)
def _config(values: tuple[tuple[str, Any], ...]) -> Config:
    return Config(**dict(values)).frozen()


def _check_number(name: str, value: Any) -> None:
    kind, low, high, span = _NUMBERS[name]
    if kind is numbers.Integral:
        number: float = _integer(name, value, 0)
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
    else:
        raise TypeError(f"Option {name} must be a number; got {value!r} ({type(value).__name__}).")
    if not low <= number <= high:
        what = "an integer" if kind is numbers.Integral else "a number"
        raise QuasimQiskitError(f"Option {name} must be {what} {span}; got {value!r}.")


def _integer(name: str, value: Any, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    raise TypeError(f"Option {name} must be an integer; got {value!r} ({type(value).__name__}).")

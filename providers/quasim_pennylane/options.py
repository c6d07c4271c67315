"""Options of the devices, as what the engine takes; errors are PennyLane's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError

from quasim_backend import Config, NoiseModel
from quasim_backend.options import engine_settings
from quasim_backend.plugins import default_manager
from quasim_backend.session.noise import as_noise_model
from quasim_pennylane.insertion import Insertion

__all__ = ["config_of", "generator_of", "noise_of", "precision_of"]

_PRECISIONS: dict[Any, str] = {
    "single": "fp32",
    "double": "fp64",
    np.complex64: "fp32",
    np.complex128: "fp64",
    np.dtype(np.complex64): "fp32",
    np.dtype(np.complex128): "fp64",
}


def noise_of(model: Any) -> tuple[Insertion | None, NoiseModel | None]:
    """Return a noise model as PennyLane's to insert, or as ours.

    Raises:
        DeviceError: If it is no noise model.
    """
    if isinstance(model, qml.NoiseModel):
        return Insertion(model), None
    try:
        return None, as_noise_model(model, default_manager())
    except ValueError as cause:
        raise DeviceError(str(cause)) from cause


def config_of(engines: Mapping[str, Any] | None, **options: Any) -> Config:
    """Return the engine's configuration, with the settings of engines that were given.

    Raises:
        DeviceError: If an option has an impossible value.
    """
    try:
        return Config(**{**options, **engine_settings(engines)})
    except ValueError as cause:
        raise DeviceError(str(cause)) from cause


def precision_of(c_dtype: Any) -> str:
    """Return the engine's name of a precision.

    Raises:
        DeviceError: If it is neither complex64 nor complex128, nor a name of these.
    """
    found = _PRECISIONS.get(c_dtype) if isinstance(c_dtype, str | type | np.dtype) else None
    if found is None:
        raise DeviceError(
            f"c_dtype={c_dtype!r} is not possible; use complex128 ('double') or complex64 "
            f"('single')."
        )
    return found


def generator_of(seed: Any) -> np.random.Generator:
    """Return a generator of random numbers; see `QuasimCPU` for what a seed may be.

    Raises:
        DeviceError: If it is no seed.
    """
    if isinstance(seed, str) and seed == "global":
        seed = np.random.randint(0, high=2**31 - 1)  # noqa: NPY002 - PennyLane's contract
    if qml.math.get_interface(seed) == "jax":
        import jax

        raw = seed
        if jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key):
            raw = jax.random.key_data(seed)
        seed = np.asarray(raw).astype(np.uint32).ravel().tolist()
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as cause:
        raise DeviceError(f"seed={seed!r} is not possible: {cause}") from cause

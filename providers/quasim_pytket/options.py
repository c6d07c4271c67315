"""What a backend is made with and what one call may ask for."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from quasim_backend import Config
from quasim_backend.errors import OptionError, near_matches
from quasim_backend.options import engine_settings

__all__ = [
    "RESULT_TYPES",
    "check_arguments",
    "check_result_type",
    "check_shots",
    "lower_seed",
    "make_config",
]

RESULT_TYPES = ("state_vector", "unitary", "density_matrix")
"""What a circuit gives besides shots."""

_ARGUMENTS = ("postprocess", "seed", "timeout", "wait")


def make_config(
    device: str,
    precision: DTypeLike,
    method: str,
    num_threads: int | None,
    require_gpu: bool,
    max_memory_mb: float | None,
    engines: Mapping[str, Any] | None = None,
) -> Config:
    """Return the session's configuration; see `QuasimBackend`.

    Raises:
        OptionError: If a value is not possible.
    """
    try:
        dtype = np.dtype(precision)
    except TypeError:
        dtype = None
    if dtype not in (np.complex64, np.complex128):
        raise OptionError(
            f"Option 'precision' must be 'complex64' or 'complex128'; got {precision!r}."
        )
    return Config(
        simulation_precision="fp64" if dtype == np.complex128 else "fp32",
        device=device,
        method=method,
        num_threads=num_threads,
        require_gpu=require_gpu,
        max_memory_mb=max_memory_mb,
        **engine_settings(engines),
    ).frozen()


def check_result_type(value: str) -> str:
    """Return what a backend computes besides shots.

    Raises:
        OptionError: If there is no such result.
    """
    if value not in RESULT_TYPES:
        raise OptionError(
            f"Option 'result_type' cannot be {value!r}. {near_matches(str(value), RESULT_TYPES)}"
        )
    return value


def check_arguments(names: Iterable[str]) -> None:
    """Refuse unknown arguments of a call.

    Raises:
        OptionError: With near matches.
    """
    for name in names:
        if name not in _ARGUMENTS:
            raise OptionError(f"Unknown argument '{name}'. {near_matches(name, _ARGUMENTS)}")


def check_shots(n_shots: Any) -> int | list[int | None] | None:
    """Return the number of shots of a call, for all circuits or for each, as ints or None.

    Raises:
        OptionError: If a number is negative or not whole.
    """
    if isinstance(n_shots, Iterable) and not isinstance(n_shots, str):
        return [_shots_of_one(number) for number in n_shots]
    return _shots_of_one(n_shots)


def _shots_of_one(number: Any) -> int | None:
    if number is None:
        return None
    if isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= 0:
        return int(number)
    raise OptionError(
        f"Argument 'n_shots' must be a whole number from 0, or None for the state, or one of these "
        f"for each circuit; got {number!r}."
    )


def lower_seed(seed: Any, number: int) -> int | None:
    """Return the seed of a call's circuit ``number``; each gets one of its own.

    Raises:
        OptionError: If the seed is no integer.
    """
    if seed is None:
        return None
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool):
        raise OptionError(f"Argument 'seed' must be an integer or None; got {seed!r}.")
    return (int(seed) + number) % 2**64

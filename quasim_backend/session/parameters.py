"""Values of a circuit's parameters, checked and put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import ParameterError, near_matches
from quasim_backend.ir.parameters import Parameter
from quasim_backend.session.arrays import on_host

__all__ = ["ParameterValues", "by_name", "check_finite", "parameter_vector"]

ParameterValues = Mapping[Parameter, Any] | Mapping[str, Any] | ArrayLike


def parameter_vector(
    parameters: Sequence[Parameter], values: ParameterValues | None
) -> NDArray[np.float64]:
    """Return the values of ``parameters`` in their order: float64 ``(len(parameters),)``.

    Args:
        parameters: The circuit's parameters.
        values: By `Parameter` or name, or a vector in the order of ``parameters``.

    Raises:
        ParameterError: If one is missing, unknown or not a finite real number.
    """
    values = {} if values is None else on_host(values)
    if isinstance(values, Mapping):
        values = by_name(parameters, values)
    try:
        vector = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as cause:
        raise ParameterError(f"Parameters must be real numbers: {cause}.") from cause
    if vector.shape != (len(parameters),):
        hint = ""
        if vector.ndim == 2 and vector.shape[1] == len(parameters):
            hint = " Batches are for simulate, expectations and sample."
        raise ParameterError(
            f"The circuit has {len(parameters)} parameters "
            f"({', '.join(p.name for p in parameters[:10])}); got an array of the shape "
            f"{vector.shape}.{hint}"
        )
    check_finite(parameters, vector)
    return vector


def by_name(parameters: Sequence[Parameter], values: Mapping[Any, Any]) -> list[Any]:
    """Return the values of a mapping in the order of ``parameters``.

    Raises:
        ParameterError: If one is missing or unknown.
    """
    given = {(k.name if isinstance(k, Parameter) else k): on_host(v) for k, v in values.items()}
    names = [p.name for p in parameters]
    for name in given:
        if name not in names:
            raise ParameterError(
                f"The circuit has no parameter '{name}'. {near_matches(str(name), names)}"
            )
    missing = [name for name in names if name not in given]
    if missing:
        raise ParameterError(
            f"No value for the parameter{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing[:10]))}{', ...' if len(missing) > 10 else ''}. Give "
            f"parameters={{name: value}}, or bind them with Circuit.bind."
        )
    return [given[name] for name in names]


def check_finite(parameters: Sequence[Parameter], values: NDArray[np.float64]) -> None:
    """Refuse values ``(..., len(parameters))`` that are not finite.

    Raises:
        ParameterError: Naming the first parameter that has one.
    """
    finite = np.isfinite(values)
    if not finite.all():
        bad = parameters[int(np.argwhere(~finite)[0][-1])]
        raise ParameterError(f"The value of parameter '{bad.name}' is not finite.")

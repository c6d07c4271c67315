"""Symbolic angles: named parameters and affine expressions of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Complex, Real
from typing import TypeAlias

from quasim_backend.errors import ParameterError

__all__ = ["Affine", "Angle", "Parameter", "angle", "bind", "parameters_of"]


class _Arithmetic:
    """Arithmetic shared by `Parameter` and `Affine`: the result is always an `Affine`."""

    __slots__ = ()

    def __add__(self, other: Angle) -> Affine:
        mine, theirs = _as_affine(self), _as_affine(other)
        merged = dict(mine.terms)
        for parameter, weight in theirs.terms:
            merged[parameter] = merged.get(parameter, 0.0) + weight
        return Affine(mine.offset + theirs.offset, tuple((p, w) for p, w in merged.items() if w))

    __radd__ = __add__

    def __mul__(self, factor: float) -> Affine:
        if isinstance(factor, _Arithmetic):
            raise ParameterError(
                f"An angle is a sum of multiples of parameters; '({self}) * ({factor})' is no such "
                f"sum. Use a new Parameter and bind it to the product's value."
            )
        mine, factor = _as_affine(self), float(factor)
        if not math.isfinite(factor):
            raise ParameterError(f"The factor of a parameter must be finite; got {factor}.")
        return Affine(mine.offset * factor, tuple((p, w * factor) for p, w in mine.terms if factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Affine:
        if isinstance(divisor, _Arithmetic) or not divisor:
            raise ParameterError(f"A parameter can be divided by numbers but 0; got '{divisor}'.")
        return self * (1.0 / divisor)

    def __neg__(self) -> Affine:
        return self * -1.0

    def __sub__(self, other: Angle) -> Affine:
        return self + _as_affine(other) * -1.0

    def __rsub__(self, other: Angle) -> Affine:
        return _as_affine(other) + self * -1.0


@dataclass(frozen=True, slots=True)
class Parameter(_Arithmetic):
    """A named real number whose value is given when the circuit runs. Equal names are equal."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Affine(_Arithmetic):
    """``offset + sum(weight * parameter)``, in radians where it is used as an angle."""

    offset: float
    terms: tuple[tuple[Parameter, float], ...] = ()

    def __str__(self) -> str:
        numbers = [f"{self.offset:g}"] if self.offset or not self.terms else []
        return " + ".join([*numbers, *(f"{w:g}*{p}" for p, w in self.terms)])


Angle: TypeAlias = float | Affine | Parameter


def _as_affine(value: object) -> Affine:
    result = angle(value)
    return result if isinstance(result, Affine) else Affine(result)


def angle(value: object) -> float | Affine:
    """Return ``value`` as a finite float, or as an `Affine` when it is symbolic.

    Raises:
        ParameterError: If it is neither a finite real number nor symbolic.
    """
    if isinstance(value, float):
        result = float(value)  # NumPy's float64 is a float, too; its own arithmetic is slower
    elif isinstance(value, Affine):
        return value if value.terms else angle(value.offset)
    elif isinstance(value, Parameter):
        return Affine(0.0, ((value, 1.0),))
    else:
        try:
            if isinstance(value, str | bytes | Complex) and not isinstance(value, Real):
                raise TypeError  # float() would read a text and drop an imaginary part
            result = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError) as cause:
            raise ParameterError(
                f"A gate parameter must be a real number, a Parameter or an affine expression of "
                f"Parameters; got {value!r} ({type(value).__name__})."
            ) from cause
    if not math.isfinite(result):
        raise ParameterError(f"A gate parameter must be finite; got {result}.")
    return result


def bind(value: float | Affine, values: Mapping[Parameter, Angle]) -> float | Affine:
    """Substitute ``values`` into an angle; parameters that are not in ``values`` stay symbolic."""
    if not isinstance(value, Affine):
        return value
    result: Affine = Affine(value.offset)
    for parameter, weight in value.terms:
        result = result + _as_affine(values.get(parameter, parameter)) * weight
    return result if result.terms else result.offset


def parameters_of(value: float | Affine) -> tuple[Parameter, ...]:
    """Return the parameters an angle depends on, in the order they appear."""
    return tuple(p for p, _ in value.terms) if isinstance(value, Affine) else ()

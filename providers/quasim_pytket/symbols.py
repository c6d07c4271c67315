"""pytket's angles as ours: numbers stay numbers, sympy expressions become affine."""

from __future__ import annotations

from typing import Any, TypeAlias

import sympy

from quasim_backend.errors import ParameterError
from quasim_backend.ir import Affine, Parameter

__all__ = ["Value", "lower_value"]

Value: TypeAlias = float | Affine


def lower_value(value: Any) -> Value:
    """Return a gate's parameter as a float, or as an affine expression of our parameters.

    A symbol becomes the `Parameter` of its name.

    Raises:
        ParameterError: If the expression is not affine in its symbols, or not real.
    """
    if type(value) is float:
        return value
    expression = sympy.sympify(value)
    symbols = sorted(expression.free_symbols, key=str)
    try:
        if not symbols:
            return float(expression)
        terms = sympy.Poly(expression, *symbols).terms()
        weights = {powers: float(weight) for powers, weight in terms}
    except (TypeError, sympy.PolynomialError) as cause:
        raise _refused(value) from cause
    offset, found = 0.0, []
    for powers, weight in weights.items():
        if sum(powers) > 1:
            raise _refused(value)
        if sum(powers) == 0:
            offset = weight
        else:
            found.append((Parameter(str(symbols[powers.index(1)])), weight))
    return Affine(offset, tuple(found)) if found else offset


def _refused(value: Any) -> ParameterError:
    return ParameterError(
        f"An angle must be a real number or a sum of multiples of symbols; got '{value}'. Give the "
        f"symbols values first, with Circuit.symbol_substitution."
    )

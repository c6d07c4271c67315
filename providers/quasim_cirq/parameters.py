"""Sympy expressions to affine parameters of ours, and resolvers to parameter values.

A symbol becomes a `Parameter` of the same name and an affine expression becomes an `Affine`. Any
other expression becomes one parameter of its own, which Cirq's resolver evaluates at every point of
a sweep, so that a circuit is translated and compiled once however it depends on its symbols.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from quasim_backend.ir import Affine, Parameter

if TYPE_CHECKING:
    import cirq

__all__ = ["NeedsValues", "Symbols", "UnsupportedOperationError"]


class UnsupportedOperationError(Exception):
    """An operation has no form in our circuits; Cirq's own simulation takes over."""


class NeedsValues(Exception):
    """A gate can be translated only after its symbols have values."""


class Symbols:
    """The symbolic parameters of one circuit.

    Attributes:
        expressions: What each parameter stands for, in the order of first use.
    """

    def __init__(self, resolver: cirq.ParamResolver | None = None) -> None:
        """Start without parameters.

        Args:
            resolver: If given, symbols are replaced by their values and none is left.
        """
        self.expressions: dict[Parameter, sympy.Basic] = {}
        self._resolver = resolver

    def angle(self, value: Any) -> float | Affine:
        """Return a number as a float and a sympy expression as an `Affine`.

        Raises:
            UnsupportedOperationError: If the value is complex or not a number.
        """
        if type(value) is float or type(value) is int:
            return float(value)
        if isinstance(value, sympy.Basic):
            if value.free_symbols and self._resolver is not None:
                return Symbols().angle(self._resolver.value_of(value))
            if value.free_symbols:
                return self._affine(value)
            value = complex(value)
        if isinstance(value, complex | np.complexfloating):
            if abs(float(value.imag)) > 1e-8:
                raise UnsupportedOperationError(f"complex parameter {value}")
            value = value.real
        try:
            number = float(value)
        except (TypeError, ValueError) as cause:
            raise UnsupportedOperationError(f"parameter {value!r}") from cause
        if not math.isfinite(number):
            raise UnsupportedOperationError(f"parameter {number}")
        return number

    def _affine(self, expression: sympy.Basic) -> Affine:
        form = _affine_form(expression)
        if form is None:
            parameter = Parameter(f"={expression}")
            self.expressions.setdefault(parameter, expression)
            return Affine(0.0, ((parameter, 1.0),))
        result = Affine(form[0])
        for symbol, weight in form[1].items():
            parameter = Parameter(symbol.name)
            self.expressions.setdefault(parameter, symbol)
            result = result + parameter * weight
        return result

    def values(
        self, order: tuple[Parameter, ...], resolver: cirq.ParamResolver
    ) -> NDArray[np.float64] | None:
        """Evaluate parameters.

        Args:
            order: The parameters wanted.
            resolver: Gives the values of symbols.

        Returns:
            float64 ``(len(order),)``; None if a symbol has no real value.
        """
        vector = np.empty(len(order))
        for position, parameter in enumerate(order):
            value: Any = resolver.value_of(self.expressions[parameter])
            if isinstance(value, sympy.Basic):
                if value.free_symbols:
                    return None
                value = complex(value)
            if isinstance(value, complex | np.complexfloating):
                if value.imag:
                    return None
                value = value.real
            vector[position] = value
        return vector if np.isfinite(vector).all() else None


def _affine_form(
    expression: sympy.Basic,
) -> tuple[float, Mapping[sympy.Symbol, float]] | None:
    """Return ``(offset, {symbol: weight})``, or None if the expression is not affine and real."""
    if isinstance(expression, sympy.Symbol):
        return 0.0, {expression: 1.0}
    if not expression.free_symbols:
        return (float(expression), {}) if expression.is_real else None
    if isinstance(expression, sympy.Add):
        offset, weights = 0.0, dict[sympy.Symbol, float]()
        for argument in expression.args:
            form = _affine_form(argument)
            if form is None:
                return None
            offset += form[0]
            for symbol, weight in form[1].items():
                weights[symbol] = weights.get(symbol, 0.0) + weight
        return offset, weights
    if isinstance(expression, sympy.Mul):
        factor, rest = expression.as_coeff_Mul()
        plain = [a for a in rest.args if not a.free_symbols] if isinstance(rest, sympy.Mul) else []
        moving = [a for a in rest.args if a.free_symbols] if isinstance(rest, sympy.Mul) else [rest]
        if len(moving) != 1 or not all(a.is_real for a in plain) or not factor.is_real:
            return None
        form = _affine_form(moving[0])
        if form is None:
            return None
        scale = float(factor) * math.prod(float(a) for a in plain)
        return form[0] * scale, {symbol: weight * scale for symbol, weight in form[1].items()}
    return None

"""Qiskit parameters as IR angles: affine expressions natively, all others by evaluation.

A circuit is translated once, with its parameters symbolic. An angle that is affine in the
parameters becomes an `Affine`. Any other expression becomes a parameter of its own, whose value
Qiskit computes when values are bound; so new values never need a new translation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Parameter, ParameterExpression

from quasim_backend.ir import Affine
from quasim_backend.ir import Parameter as IrParameter
from quasim_backend.ir.expr import Var
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["LoopParameter", "NotAffineInLoopError", "ParameterTable", "Scope"]


@dataclass(frozen=True)
class LoopParameter:
    """The parameter of a loop that encloses an angle."""

    parameter: IrParameter
    variable: Var
    values: tuple[int, ...]


Scope: TypeAlias = Mapping[Parameter, LoopParameter | float]
"""What the parameters of enclosing loops stand for; a number where a round was picked."""


class NotAffineInLoopError(Exception):
    """An angle is not affine and depends on the parameter of a loop."""

    def __init__(self, parameter: Parameter, loop: LoopParameter) -> None:
        """Remember the loop."""
        super().__init__(parameter.name)
        self.parameter = parameter
        self.loop = loop


class ParameterTable:
    """IR parameters of one translated circuit, and what each of them stands for."""

    def __init__(self) -> None:
        """Start without parameters."""
        self.meaning: dict[IrParameter, ParameterExpression] = {}
        self._cache: dict[Parameter, Affine] = {}

    def angle(self, value: object, scope: Scope) -> float | Affine:
        """Return a gate parameter as a float or an affine expression.

        Raises:
            QuasimQiskitError: If it is not a finite real number or expression.
            NotAffineInLoopError: If it must be evaluated anew in each round of a loop.
        """
        if isinstance(value, ParameterExpression):
            return self._expression(value, scope)
        return _finite(value)

    def _expression(self, value: ParameterExpression, scope: Scope) -> float | Affine:
        if scope:
            picked = {p: v for p in value.parameters if isinstance(v := scope.get(p), float)}
            if picked:
                value = value.bind(picked)
        free = value.parameters
        if not free:
            return _finite(_number(value))
        if isinstance(value, Parameter) and value not in scope:
            found = self._cache.get(value)
            if found is None:
                found = self._cache[value] = Affine(0.0, ((self._plain(value), 1.0),))
            return found
        weights = _affine_weights(value, free)
        if weights is not None:
            offset = float(np.real(_number(value.bind(dict.fromkeys(free, 0.0)))))
            terms = tuple((self._ir(p, scope), w) for p, w in weights if w)
            return Affine(offset, terms) if terms else offset
        for parameter in free:
            loop = scope.get(parameter)
            if isinstance(loop, LoopParameter):
                raise NotAffineInLoopError(parameter, loop)
        name = f"{value} [{len(self.meaning)}]"
        symbol = IrParameter(name)
        self.meaning[symbol] = value
        return Affine(0.0, ((symbol, 1.0),))

    def _ir(self, parameter: Parameter, scope: Scope) -> IrParameter:
        loop = scope.get(parameter)
        return loop.parameter if isinstance(loop, LoopParameter) else self._plain(parameter)

    def _plain(self, parameter: Parameter) -> IrParameter:
        symbol = IrParameter(parameter.name)
        self.meaning.setdefault(symbol, parameter)
        return symbol

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the Qiskit parameters that need a value, sorted."""
        return tuple(sorted({p.name for e in self.meaning.values() for p in e.parameters}))

    def vectors(
        self,
        order: Sequence[IrParameter],
        parameters: Iterable[Parameter],
        values: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Turn values of Qiskit parameters into parameter vectors of the compiled circuit.

        Args:
            order: The compiled circuit's parameters.
            parameters: Qiskit parameters, one a column of ``values``.
            values: float64 ``(sets, parameters)``.

        Returns:
            float64 ``(sets, len(order))``.

        Raises:
            QuasimQiskitError: If a parameter has no value.
        """
        columns = {p: i for i, p in enumerate(parameters)}
        result = np.empty((len(values), len(order)))
        for place, symbol in enumerate(order):
            expression = self.meaning[symbol]
            absent = [p.name for p in expression.parameters if p not in columns]
            if absent:
                raise QuasimQiskitError(
                    f"Parameter '{absent[0]}' has no value; bind it with assign_parameters or "
                    f"give it in parameter_binds."
                )
            if isinstance(expression, Parameter):
                result[:, place] = values[:, columns[expression]]
                continue
            used = [(p, columns[p]) for p in expression.parameters]
            for row, numbers in enumerate(values):
                bound = expression.bind({p: float(numbers[c]) for p, c in used})
                result[row, place] = _finite(_number(bound))
        return result


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as cause:
        raise QuasimQiskitError(
            f"A gate parameter must be a real number; got {value!r} ({type(value).__name__})."
        ) from cause
    if not math.isfinite(number):
        raise QuasimQiskitError(f"A gate parameter must be finite; got {number}.")
    return number


def _number(expression: ParameterExpression) -> Any:
    """Return the value of an expression without free parameters."""
    number = expression.numeric()
    if isinstance(number, complex):
        if abs(number.imag) > 1e-12 * max(1.0, abs(number.real)):
            raise QuasimQiskitError(f"A gate parameter must be real; got {number}.")
        return number.real
    return number


# Two points in general position: an expression that agrees with its linear form there, and whose
# derivatives are constants, is affine. The second guards against derivatives like that of a sign.
_PROBES = (0.7316, -1.2741)


def _affine_weights(
    expression: ParameterExpression, free: Iterable[Parameter]
) -> list[tuple[Parameter, float]] | None:
    """Return the weight of each parameter, or None if the expression is not affine."""
    ordered = sorted(free, key=lambda p: p.name)
    weights: list[tuple[Parameter, float]] = []
    try:
        for parameter in ordered:
            slope = expression.gradient(parameter)
            if isinstance(slope, ParameterExpression):
                if slope.parameters:
                    return None
                slope = slope.numeric()
            if isinstance(slope, complex):
                if slope.imag:
                    return None
                slope = slope.real
            weights.append((parameter, float(slope)))
        offset = _number(expression.bind(dict.fromkeys(ordered, 0.0)))
        for probe in _PROBES:
            point = {p: probe * (1.0 + 0.37 * i) for i, p in enumerate(ordered)}
            linear = offset + sum(w * point[p] for p, w in weights)
            if not abs(_number(expression.bind(point)) - linear) < 1e-9 * (1.0 + abs(linear)):
                return None
    except (RuntimeError, TypeError, ValueError, ArithmeticError, QuasimQiskitError):
        return None  # no derivative, or no value at zero: evaluated when bound
    return weights

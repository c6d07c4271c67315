"""Adjoint gradients and derivatives along a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.program import Program
from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.generators import (
    random_circuit,
    random_state,
    random_values,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.kernel_checks.common import DType, assert_close, plans_of, program_of
from quasim_backend.testing.oracles import dense_state

_STENCIL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
_STEP = 2e-3


def _slope(
    function: Callable[[NDArray[np.float64]], Any],
    point: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> Any:
    """Return the derivative along a direction by central differences of eighth order."""
    total: Any = 0.0
    for steps, weight in _STENCIL.items():
        shift = steps * _STEP * direction
        total = total + weight * (function(point + shift) - function(point - shift))
    return total / _STEP


def _parametric_case(
    rng: np.random.Generator, width: int
) -> tuple[Program, NDArray[np.float64], Callable[[NDArray[np.float64]], Any], Any]:
    """Return a program with parameters, their values, the dense final state, and the start."""
    while True:
        circuit = random_circuit(rng, width, int(rng.integers(5, 25)))
        if circuit.parameters:
            break
    program, start = program_of(circuit), random_state(rng, width)
    names = program.parameters
    values = random_values(rng, circuit)

    def final(vector: NDArray[np.float64]) -> Any:
        return dense_state(circuit, dict(zip(names, vector.tolist(), strict=True)), start)

    return program, np.array([values[p] for p in names]), final, start


def _tolerance(dtype: DType) -> float:
    return max(1e-8, 100 * goals_of(dtype).value)


def check_adjoint(kernels: KernelSet, dtype: DType) -> None:
    """Derivatives by all parameters agree with differences of dense states; both are undone."""
    rng = np.random.default_rng(12)
    for number in range(12):
        width = number % 6 + 1
        program, vector, final, start = _parametric_case(rng, width)
        bra = random_state(rng, width)
        slopes = [_slope(final, vector, unit) for unit in np.eye(len(vector))]
        wanted = np.array([2 * np.vdot(bra, slope).real for slope in slopes])
        owner = np.repeat(np.arange(len(program)), np.diff(program.term_start))
        for name, schedule in plans_of(program).items():
            what = f"adjoint of random circuit {number}, {width} qubits, plan '{name}'"
            for discard in (False, True):
                ket, left = kernels.from_host(final(vector), dtype), kernels.from_host(bra, dtype)
                by_angle = kernels.adjoint(schedule, ket, left, vector, discard=discard)
                got = np.zeros(len(vector))
                np.add.at(got, program.term_parameter, program.term_weight * by_angle[owner])
                assert_close(got, wanted, _tolerance(dtype), f"{what}, {discard=}")
                if not discard:
                    goal = goals_of(dtype).amplitude
                    assert_close(kernels.to_host(ket), start, goal, f"{what}: the state")
                    overlap = np.vdot(kernels.to_host(left), start)
                    assert_close(overlap, np.vdot(bra, final(vector)), goal, f"{what}: the bra")


def check_tangent(kernels: KernelSet, dtype: DType) -> None:
    """Derivatives of the state along a direction agree with differences of dense states."""
    rng = np.random.default_rng(13)
    for number in range(12):
        width = number % 6 + 1
        program, vector, final, start = _parametric_case(rng, width)
        direction = rng.normal(size=len(vector))
        wanted = _slope(final, vector, direction)
        for name, schedule in plans_of(program).items():
            what = f"tangent of random circuit {number}, {width} qubits, plan '{name}'"
            state = kernels.from_host(start, dtype)
            change = kernels.from_host(np.zeros_like(start), dtype)
            kernels.tangent(schedule, state, change, vector, direction)
            goal = goals_of(dtype).amplitude
            assert_close(kernels.to_host(state), final(vector), goal, f"{what}: the state")
            assert_close(kernels.to_host(change), wanted, _tolerance(dtype), what)

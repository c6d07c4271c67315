"""What the checks share: plans to try, how to run one, how to compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.lowering import lower
from quasim_backend.compile.planner import PlanOptions, is_available, plan
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import Program
from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.generators import (
    random_state,
)
from quasim_backend.testing.goals import goals_of

DType: TypeAlias = np.dtype[Any]
Check: TypeAlias = Callable[[KernelSet, DType], None]

NO_PARAMETERS = np.empty(0, np.float64)

PLANS: dict[str, PlanOptions] = {
    "trivial": PlanOptions(fuse=False),
    "default": PlanOptions(),
    "small tiles": PlanOptions(tile_qubits=3, low_qubits=1),
    "tiles of 5": PlanOptions(tile_qubits=5, low_qubits=1),
    "narrow fusion": PlanOptions(max_fused=2, max_diagonal=2, tile_qubits=4, low_qubits=2),
    "no fusion": PlanOptions(max_fused=1, max_diagonal=1, tile_qubits=4, low_qubits=0),
}
"""Plans that every circuit must come out the same under."""


def assert_close(got: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Raise `AssertionError` with the largest difference if arrays differ by more than allowed."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: got shape {got.shape}, expected {wanted.shape}."
    difference = np.abs(got - wanted)
    worst = float(difference.max()) if difference.size else 0.0
    if not worst <= tolerance:
        place = np.unravel_index(int(np.nanargmax(difference)), got.shape) if got.ndim else ()
        raise AssertionError(
            f"{what}: off by {worst:.3g}, allowed is {tolerance:g}; entry "
            f"{tuple(int(i) for i in place)} is {got[place]}, expected {wanted[place]}."
        )


def program_of(circuit: Circuit) -> Program:
    """Lower a circuit of gates."""
    gates = [i for i in circuit.instructions if isinstance(i, GateOp)]
    return lower(gates, circuit.num_qubits, circuit.parameters)


def plans_of(program: Program) -> dict[str, ExecutionPlan]:
    """Plan a program in every way of `PLANS` that this installation knows."""
    usable = {
        name: options
        for name, options in PLANS.items()
        if is_available() is None or not options.fuse
    }
    return {name: plan(program, options) for name, options in usable.items()}


def wide_state(rng: np.random.Generator, num_qubits: int) -> NDArray[np.complex128]:
    """Return amplitudes whose norm is not 1."""
    return 0.7 * random_state(rng, num_qubits)


def run(
    kernels: KernelSet,
    schedule: ExecutionPlan,
    amplitudes: NDArray[np.complex128],
    parameters: NDArray[np.float64],
    dtype: DType,
) -> NDArray[Any]:
    """Return what a plan makes of some amplitudes."""
    state = kernels.from_host(amplitudes, dtype)
    kernels.run(schedule, state, parameters)
    return np.array(kernels.to_host(state))


def check_plans(
    kernels: KernelSet,
    program: Program,
    parameters: NDArray[np.float64],
    amplitudes: NDArray[np.complex128],
    wanted: NDArray[Any],
    dtype: DType,
    what: str,
) -> None:
    """Run a program under every kind of plan and compare the states with the one wanted."""
    for name, schedule in plans_of(program).items():
        got = run(kernels, schedule, amplitudes, parameters, dtype)
        assert_close(got, wanted, goals_of(dtype).amplitude, f"{what}, plan '{name}'")

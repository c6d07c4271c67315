"""How long a plan takes to run: the number that the choice of an engine rests on."""

from __future__ import annotations

import numpy as np

from quasim_backend.ir.plan import ExecutionPlan

__all__ = ["STEP_SECONDS", "pass_seconds", "plan_seconds"]

_FMA_RATE = 40e9
"""Real multiply-adds a second of two cores in complex64, in many small operations; half as many in
complex128."""
_BANDWIDTH = 16e9
"""Bytes a second that two cores read and write together."""
STEP_SECONDS = 10e-6
"""What a step costs however small the state is."""
_OPERATION_SECONDS = 0.3e-6
"""The same of an operation of a plan."""


def plan_seconds(plan: ExecutionPlan, itemsize: int) -> float:
    """Return about how many seconds a plan takes on two cores.

    A stage takes the longer of two times: that of its arithmetic, and that of reading and writing
    the state.

    Args:
        plan: What is run.
        itemsize: Bytes an amplitude.
    """
    arithmetic = plan.stage_fma * float(2**plan.num_qubits) * itemsize / (8 * _FMA_RATE)
    stages = np.maximum(arithmetic, pass_seconds(plan.num_qubits, itemsize))
    return float(stages.sum()) + plan.num_ops * _OPERATION_SECONDS


def pass_seconds(num_qubits: int, itemsize: int) -> float:
    """Return about how many seconds reading and writing a state takes."""
    return 2 * itemsize * float(2**num_qubits) / _BANDWIDTH

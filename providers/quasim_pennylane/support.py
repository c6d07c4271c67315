"""Which circuits have adjoint derivatives; answered before PennyLane decomposes anything."""

from __future__ import annotations

from typing import Any

import pennylane as qml

from quasim_pennylane.gradients import refuse_adjoint
from quasim_pennylane.translate import has_rule

__all__ = ["refuses_gradient"]


def refuses_gradient(tape: Any, *, explicit: bool) -> bool:
    """Return whether a circuit, as the user wrote it, has no adjoint derivative here.

    Args:
        tape: The circuit.
        explicit: Whether the adjoint method was asked for by name. If not, circuits whose
            observables are trainable are left to another method, which differentiates them too.
    """
    if refuse_adjoint(tape, deferred=True) is not None:
        return True
    if any(_trainable(op) for op in tape.operations[: tape.num_preps]):
        return True
    if not explicit and any(mp.obs is not None and _trainable(mp.obs) for mp in tape.measurements):
        return True
    return any(_has_no_derivative(op) for op in tape.operations)


def _has_no_derivative(op: Any) -> bool:
    if isinstance(op, qml.ops.Conditional):
        return _has_no_derivative(op.base)
    return not has_rule(op) and not op.has_decomposition and _trainable(op)


def _trainable(op: Any) -> bool:
    return any(qml.math.requires_grad(d) for d in op.data)

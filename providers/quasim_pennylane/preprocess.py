"""What PennyLane does to a circuit before the device sees it: the device's compile pipeline."""

from __future__ import annotations

from typing import Any

import pennylane as qml
from pennylane.devices.preprocess import (
    decompose,
    device_resolve_dynamic_wires,
    no_sampling,
    validate_adjoint_trainable_params,
    validate_device_wires,
    validate_measurements,
)
from pennylane.exceptions import DeviceError
from pennylane.measurements import (
    ClassicalShadowMP,
    MeasurementProcess,
    SampleMeasurement,
    ShadowExpvalMP,
    StateMeasurement,
)
from pennylane.tape import QuantumScript
from pennylane.transforms import broadcast_expand, defer_measurements, transform
from pennylane.transforms.core import CompilePipeline

from quasim_pennylane.channels import is_channel
from quasim_pennylane.gates import EXCITATIONS, ROWS
from quasim_pennylane.gradients import refuse_adjoint
from quasim_pennylane.insertion import Insertion, insert, open_templates
from quasim_pennylane.translate import has_rule, runs_as_matrix

__all__ = ["GATE_SET", "expand", "pipeline"]

GATE_SET = frozenset(
    {*ROWS, *EXCITATIONS, "PauliRot", "PCPhase", "QubitUnitary", "DiagonalQubitUnitary"}
)
"""Names that PennyLane's graph-based decomposition may end in."""


def is_native(op: Any) -> bool:
    """Return whether the device takes an operator as it is."""
    if isinstance(op, qml.ops.MidMeasure | qml.Projector | qml.Snapshot):
        return True
    if isinstance(op, qml.ops.Conditional):
        return is_native(op.base)
    if is_channel(op) or has_rule(op):
        return True
    if op.name in ("Allocate", "Deallocate"):
        return True
    if any(qml.math.requires_grad(d) for d in op.data):
        return False  # its derivative is that of its decomposition
    return runs_as_matrix(op) or (bool(op.has_matrix) and not op.has_decomposition)


def is_native_differentiable(op: Any) -> bool:
    """Return whether the adjoint method takes an operator as it is."""
    return has_rule(op) or not any(qml.math.requires_grad(d) for d in op.data)


def expand(tape: QuantumScript) -> QuantumScript:
    """Decompose a tape's operators into what the device takes."""
    (expanded,), _ = decompose(tape, is_native, name="QuASIM")
    return expanded


def pipeline(
    config: Any, wires: Any, name: str, noisy: bool = False, insertion: Insertion | None = None
) -> CompilePipeline:
    """Return the device's pipeline for one configuration.

    There is no expansion of broadcasted parameters in it: batches run on one compiled circuit.

    Args:
        config: PennyLane's execution configuration.
        wires: The device's wires, or None.
        name: The device's.
        noisy: Whether the device puts noise at gates; templates are opened to find them.
        insertion: Noise that is put into tapes as operators.
    """
    program = CompilePipeline()
    method = config.mcm_config.mcm_method
    if insertion is not None:
        program.add_transform(insert, insertion=insertion)
    if noisy:
        program.add_transform(open_templates)
    if noisy and method == "deferred":
        program.add_transform(refuse_deferred, name=name)
    if method == "deferred":
        program.add_transform(defer_measurements, allow_postselect=True)
    program.add_transform(
        decompose,
        stopping_condition=is_native,
        device_wires=wires,
        target_gates=GATE_SET,
        name=name,
    )
    program.add_transform(
        device_resolve_dynamic_wires, wires=wires, allow_resets=method != "deferred"
    )
    program.add_transform(validate_device_wires, wires, name=name)
    program.add_transform(
        validate_measurements,
        analytic_measurements=is_analytic,
        sample_measurements=is_sampled,
        name=name,
    )
    if config.gradient_method == "adjoint":
        program.add_transform(no_sampling, name=f"the adjoint method of {name}")
        program.add_transform(
            decompose,
            stopping_condition=is_native_differentiable,
            device_wires=wires,
            target_gates=GATE_SET,
            name=f"the adjoint method of {name}",
        )
        program.add_transform(validate_adjoint, name=name)
        program.add_transform(validate_adjoint_trainable_params)
        if not config.use_device_jacobian_product:
            program.add_transform(broadcast_expand)
    return program


@transform
def refuse_deferred(tape: QuantumScript, name: str = "device") -> Any:
    """Refuse mid-circuit measurements that a noise model would take for gates."""
    if any(isinstance(op, qml.ops.MidMeasure) for op in tape.operations):
        raise DeviceError(
            f"The noise model of {name} acts on mid-circuit measurements only if they are not "
            f"deferred: set shots (qml.set_shots) and leave mcm_method='deferred' out."
        )
    return (tape,), _first


@transform
def validate_adjoint(tape: QuantumScript, name: str = "device") -> Any:
    """Refuse circuits that the adjoint method cannot differentiate."""
    reason = refuse_adjoint(tape)
    if reason is not None:
        raise DeviceError(f"The adjoint method of {name} {reason}.")
    return (tape,), _first


def _first(results: Any) -> Any:
    return results[0]


def is_sampled(mp: MeasurementProcess) -> bool:
    """Return whether a measurement can be taken with shots."""
    if not isinstance(mp, SampleMeasurement | ClassicalShadowMP | ShadowExpvalMP):
        return False
    return mp.obs is None or _can_be_sampled(mp.obs)


def is_analytic(mp: MeasurementProcess) -> bool:
    """Return whether a measurement can be taken exactly."""
    if not isinstance(mp, StateMeasurement):
        return False
    expectation = isinstance(mp, qml.measurements.ExpectationMP | qml.measurements.VarianceMP)
    return mp.obs is None or _can_be_sampled(mp.obs, expectation)


def _can_be_sampled(obs: Any, applied: bool = False) -> bool:
    """Return whether an observable can be diagonalised, or else applied to a state."""
    if isinstance(obs, qml.ops.CompositeOp):
        return all(_can_be_sampled(o, applied) for o in obs.operands)
    if isinstance(obs, qml.ops.SymbolicOp):
        return _can_be_sampled(obs.base, applied)
    if applied and (obs.has_matrix or obs.has_sparse_matrix):
        return True
    return bool(obs.has_diagonalizing_gates)

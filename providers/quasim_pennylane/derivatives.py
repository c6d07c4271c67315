"""The methods by which PennyLane asks a device for derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pennylane as qml
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript

from quasim_backend import Runtime
from quasim_pennylane import gradients
from quasim_pennylane.execution import Executor
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.support import refuses_gradient
from quasim_pennylane.without_states import METHODS, has_derivatives

__all__ = ["ADJOINT_METHODS", "Derivatives", "uses_products"]

ADJOINT_METHODS = ("adjoint", "best", "device")
"""Names of gradient methods that are the adjoint method here."""


class Derivatives:
    """What a device does for derivatives; mixed into the devices."""

    _name: str
    _executor: Executor
    _noise: DeviceNoise | None
    _runtime: Runtime

    def supports_derivatives(
        self, execution_config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> bool:
        """Return whether a circuit can be differentiated by the adjoint method."""
        if self._noise is not None or not self._differentiates(circuit):
            return False
        if execution_config is None:
            return True
        method = execution_config.gradient_method
        if method not in ADJOINT_METHODS:
            return False
        return circuit is None or not refuses_gradient(circuit, explicit=method == "adjoint")

    def supports_vjp(
        self, execution_config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> bool:
        """Return whether vector-Jacobian products are computed, which is so for all gradients."""
        return self.supports_derivatives(execution_config, circuit)

    def compute_derivatives(
        self, circuits: Sequence[QuantumScript], execution_config: ExecutionConfig | None = None
    ) -> tuple[Any, ...]:
        """Return the Jacobian of each circuit by its trainable parameters."""
        return tuple(self._jacobian(c) for c in circuits)

    def execute_and_compute_derivatives(
        self, circuits: Sequence[QuantumScript], execution_config: ExecutionConfig | None = None
    ) -> tuple[Any, Any]:
        """Return results and Jacobians; the forward run is shared."""
        results = self._executor.execute(circuits, execution_config or ExecutionConfig(), keep=True)
        return results, self.compute_derivatives(circuits, execution_config)

    def compute_vjp(
        self,
        circuits: Sequence[QuantumScript],
        cotangents: Sequence[Any],
        execution_config: ExecutionConfig | None = None,
    ) -> tuple[Any, ...]:
        """Return ``cotangents @ Jacobian`` of each circuit, by one sweep each."""
        return tuple(self._vjp(c, dy) for c, dy in zip(circuits, cotangents, strict=True))

    def execute_and_compute_vjp(
        self,
        circuits: Sequence[QuantumScript],
        cotangents: Sequence[Any],
        execution_config: ExecutionConfig | None = None,
    ) -> tuple[Any, Any]:
        """Return results and vector-Jacobian products; the forward run is shared."""
        results = self._executor.execute(circuits, execution_config or ExecutionConfig(), keep=True)
        return results, self.compute_vjp(circuits, cotangents, execution_config)

    def supports_jvp(
        self, execution_config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> bool:
        """Return whether Jacobian-vector products are computed, which is so for all gradients."""
        method = self._runtime.config.method
        return method not in METHODS and self.supports_derivatives(execution_config, circuit)

    def compute_jvp(
        self,
        circuits: Sequence[QuantumScript],
        tangents: Sequence[Any],
        execution_config: ExecutionConfig | None = None,
    ) -> tuple[Any, ...]:
        """Return ``Jacobian @ tangents`` of each circuit, by one run forward each.

        Args:
            circuits: Circuits without shots and batches.
            tangents: For each circuit one number for each of its trainable parameters.
            execution_config: Not used.

        Returns:
            For each circuit a result of the shape that `execute` gives.

        Raises:
            DeviceError: If a circuit cannot be differentiated; the message says what is in the way.
        """
        return tuple(self._jvp(c, t) for c, t in zip(circuits, tangents, strict=True))

    def execute_and_compute_jvp(
        self,
        circuits: Sequence[QuantumScript],
        tangents: Sequence[Any],
        execution_config: ExecutionConfig | None = None,
    ) -> tuple[Any, Any]:
        """Return results and Jacobian-vector products; the forward run is shared."""
        results = self._executor.execute(circuits, execution_config or ExecutionConfig(), keep=True)
        return results, self.compute_jvp(circuits, tangents, execution_config)

    def _jvp(self, tape: QuantumScript, tangents: Any) -> Any:
        self._refuse(tape)
        if tape.batch_size is not None:
            raise DeviceError(
                "Jacobian-vector products of a circuit with broadcasted parameters are not "
                "computed; use qml.transforms.broadcast_expand."
            )
        prepared, finals = self._executor.finals(tape, states=True)
        return gradients.jvp(tape, prepared, finals[0], self._executor.analyst, tangents)

    def _jacobian(self, tape: QuantumScript) -> Any:
        self._refuse(tape)
        if tape.batch_size is not None:
            raise DeviceError(
                "The whole Jacobian of a circuit with broadcasted parameters is not computed; use "
                "device_vjp=True, or qml.transforms.broadcast_expand."
            )
        prepared, finals = self._executor.finals(tape)
        return gradients.jacobian(tape, prepared, finals[0], self._executor.analyst)

    def _vjp(self, tape: QuantumScript, dy: Any) -> tuple[Any, ...]:
        self._refuse(tape)
        prepared, finals = self._executor.finals(tape)
        return gradients.vjp(tape, prepared, finals, self._executor.analyst, dy)

    def _differentiates(self, tape: QuantumScript | None) -> bool:
        method = self._runtime.config.method
        return method not in METHODS or has_derivatives(method, tape)

    def _refuse(self, tape: QuantumScript) -> None:
        reason = gradients.refuse_adjoint(tape)
        if reason is None and not self._differentiates(tape):
            reason = (
                f"is one of tensor networks and state vectors, of tensor networks for expectation "
                f"values of Pauli operators only; method='{self._runtime.config.method}' has no "
                f"derivative of {tape.measurements}"
            )
        if self._noise is not None:
            reason = "needs circuits without noise; use parameter-shift or finite-diff"
        if reason is not None:
            raise DeviceError(f"The adjoint method of {self._name} {reason}.")


def uses_products(config: ExecutionConfig) -> bool:
    """Return whether PennyLane shall ask for vector products instead of whole Jacobians."""
    interface = qml.math.Interface
    if config.interface == interface.JAX_JIT:
        return False  # compiled programs are given whole Jacobians
    if config.interface == interface.JAX:
        # PennyLane's products for JAX take no Python numbers: only if asked for.
        return bool(config.use_device_jacobian_product)
    return True

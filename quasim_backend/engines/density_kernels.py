"""A kernel set for density matrices, made of one for state vectors.

A state of ``2n`` bits holds ``vec[i + (j << n)] = rho[i, j]``. What an engine asks of a state
vector's ``|a|**2`` comes from the diagonal here, so that `ShotTree` runs on either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.walsh import signed_sums
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import (
    CancelToken,
    Collapse,
    DeviceKernels,
    KernelSet,
    State,
    Tally,
)

__all__ = ["DensityKernels", "density_kernels"]


def density_kernels(kernels: KernelSet, num_qubits: int) -> DensityKernels:
    """Return a kernel set for density matrices of ``num_qubits`` qubits.

    It is a `DeviceKernels` if ``kernels`` is one.
    """
    if isinstance(kernels, DeviceKernels):
        return _DeviceDensityKernels(kernels, num_qubits)
    return DensityKernels(kernels, num_qubits)


class DensityKernels:
    """A `KernelSet` whose states are density matrices.

    Plans have ``2n`` qubits. Where a state comes in from outside it is pure, ``(2**n,)``, and
    becomes ``|psi><psi|``; states that go out are vectors ``(4**n,)``.
    """

    def __init__(self, kernels: KernelSet, num_qubits: int) -> None:
        """Wrap a kernel set for density matrices of ``num_qubits`` qubits."""
        self.name = kernels.name
        self._kernels = kernels
        self._width = num_qubits

    # --- states -------------------------------------------------------------------------------

    def zero_state(self, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate ``|0...0><0...0|``; ``num_qubits`` is ``2n``."""
        return self._kernels.zero_state(num_qubits, dtype)

    def from_host(self, amplitudes: ComplexArray, dtype: np.dtype[Any]) -> State:
        """Return ``|psi><psi|`` of host amplitudes ``(2**n,)`` as a new state."""
        vector = np.asarray(amplitudes).astype(dtype)
        return self._kernels.from_host(np.kron(vector.conj(), vector), dtype)

    def to_host(self, state: State) -> ComplexArray:
        """Return the vector of a state, or of a batch; may alias it on a CPU set."""
        return self._kernels.to_host(state)

    def copy(self, state: State) -> State:
        """Return an independent copy."""
        return self._kernels.copy(state)

    def zero_states(self, batch: int, num_qubits: int, dtype: np.dtype[Any]) -> State:
        """Allocate a batch of ``|0...0><0...0|``; ``num_qubits`` is ``2n``."""
        return self._kernels.zero_states(batch, num_qubits, dtype)

    # --- runs ---------------------------------------------------------------------------------

    def run(
        self,
        plan: ExecutionPlan,
        state: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        collapse: Collapse | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Run a plan of ``2n`` qubits, overwriting ``state``; tallies are not granted.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        if collapse is not None:
            self.collapse(state, *collapse)
        self._kernels.run(plan, state, parameters, cancel)

    def start(
        self,
        plan: ExecutionPlan,
        dtype: np.dtype[Any],
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        tally: Tally | None = None,
    ) -> State:
        """Return what a plan of ``2n`` qubits makes of ``|0...0><0...0|``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        return self._kernels.start(plan, dtype, parameters, cancel)

    def run_batch(
        self,
        plan: ExecutionPlan,
        states: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Run one plan of ``2n`` qubits on every state of a batch, overwriting ``states``.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        self._kernels.run_batch(plan, states, parameters, cancel)

    def collapse(self, state: State, qubits: Sequence[int], outcome: int, scale: float) -> None:
        """Zero rows and columns whose ``qubits`` differ from ``outcome``; scale the rest.

        Args:
            state: Overwritten.
            qubits: Measured qubits; ``qubits[0]`` is the lowest bit of ``outcome``.
            outcome: Value to keep.
            scale: Usually ``1 / sqrt(probability)``; entries of the matrix take its square.
        """
        both = (*qubits, *(q + self._width for q in qubits))
        self._kernels.collapse(state, both, outcome | outcome << len(qubits), scale * scale)

    # --- the diagonal -------------------------------------------------------------------------

    def populations(self, state: State) -> NDArray[np.float64]:
        """Return the diagonal of the density matrix: float64 ``(2**n,)``."""
        return np.array(self._kernels.to_host(state)[:: self._stride].real, np.float64)

    def norm_squared(self, state: State) -> float:
        """Return the trace."""
        return float(self.populations(state).sum())

    def probabilities(self, state: State, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return the diagonal's sums by the value of ``qubits``: float64 ``(2**k,)``.

        ``qubits[0]`` is the lowest bit of the result's index. Rounding below zero is cut off.
        """
        n = self._width
        order = [n - 1 - q for q in reversed(qubits)]
        rest = [axis for axis in range(n) if axis not in order]
        tensor = self.populations(state).reshape((2,) * n).transpose(order + rest)
        sums: NDArray[np.float64] = tensor.reshape(1 << len(order), -1).sum(axis=1)
        return np.maximum(sums, 0.0)

    def sample(
        self, state: State, uniforms: NDArray[np.float64], *, tally: Tally | None = None
    ) -> NDArray[np.uint64]:
        """Draw basis states from the diagonal by inverse transform; as `KernelSet.sample`."""
        weights = np.maximum(self.populations(state), 0.0)
        ladder = np.cumsum(weights)
        drawn = np.searchsorted(ladder, uniforms * ladder[-1], side="right")
        # Rounding up to the total must not draw what has no weight.
        return np.asarray(np.minimum(drawn, np.flatnonzero(weights)[-1]), np.uint64)

    def sample_batch(self, states: State, uniforms: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Draw from every state of a batch: uint64 ``(batch, shots)``."""
        return np.array([self.sample(s, u) for s, u in zip(states, uniforms, strict=True)])

    # --- averages -----------------------------------------------------------------------------

    def pauli_expectations(
        self, state: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return ``Tr(P rho)`` for each Hermitian Pauli string: float64 ``(terms,)``.

        The ``2**n`` entries that an X mask selects are read once, and their sums with the signs of
        all Z masks found together by a Walsh-Hadamard transform.
        """
        host = self._kernels.to_host(state)
        columns = np.arange(1 << self._width)
        result = np.empty(len(x_masks), np.float64)
        for x in np.unique(x_masks):
            # P = i**popcount(x & z) X^x Z^z takes column c to row c ^ x with a sign (-1)**(z.c).
            entries = host[columns + ((columns ^ int(x)) << self._width)]
            sums = signed_sums(entries.astype(np.complex128))
            own = np.flatnonzero(x_masks == x)
            z = z_masks[own]
            phases = 1j ** np.bitwise_count(x & z)
            result[own] = (phases * sums[z.astype(np.int64)]).real
        return result

    def pauli_expectations_batch(
        self, states: State, x_masks: NDArray[np.uint64], z_masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Return `pauli_expectations` of every state of a batch: float64 ``(batch, terms)``."""
        return np.array([self.pauli_expectations(s, x_masks, z_masks) for s in states])

    def inner(self, left: State, right: State) -> complex:
        """Return ``Tr(left^dagger right)``."""
        return self._kernels.inner(left, right)

    def reduced_density_matrix(self, state: State, qubits: Sequence[int]) -> NDArray[np.complex128]:
        """Trace out all but ``qubits``: complex128 ``(2**k, 2**k)``; ``qubits[0]`` is lowest."""
        n, host = self._width, self._kernels.to_host(state)
        if list(qubits) == list(range(n)):
            return np.array(host.reshape(1 << n, 1 << n).T, np.complex128, order="C")
        kept = _deposit(1 << len(qubits), qubits)
        others = [q for q in range(n) if q not in qubits]
        rows = kept[:, None] + _deposit(1 << len(others), others)
        result = np.empty((len(kept), len(kept)), np.complex128)
        for j, columns in enumerate(rows):
            result[:, j] = host[rows + (columns << n)].sum(axis=1, dtype=np.complex128)
        return result

    def sparse_moments(
        self,
        state: State,
        values: NDArray[np.complex128],
        columns: NDArray[np.int64],
        row_start: NDArray[np.int64],
    ) -> tuple[complex, float]:
        """Return ``Tr(M rho)`` and ``Tr(M rho M^dagger)``; see `KernelSet.sparse_moments`."""
        host = self._kernels.to_host(state)
        rows = np.repeat(np.arange(len(row_start) - 1), np.diff(row_start))
        mean = complex(np.dot(values, host[columns + (rows << self._width)]))
        square = 0.0
        for first, last in zip(row_start[:-1].tolist(), row_start[1:].tolist(), strict=True):
            own, where = values[first:last], columns[first:last]
            block = host[where[:, None] + (where << self._width)]
            square += float((own @ block @ own.conj()).real)
        return mean, square

    def apply_pauli_sum(
        self,
        state: State,
        x_masks: NDArray[np.uint64],
        z_masks: NDArray[np.uint64],
        weights: NDArray[np.complex128],
    ) -> State:
        """Return ``O rho O^dagger`` of the sum ``O`` as a new state of the same dtype."""
        rows = self._kernels.apply_pauli_sum(state, x_masks, z_masks, weights)
        shift = np.uint64(self._width)
        signs = 1.0 - 2.0 * (np.bitwise_count(x_masks & z_masks) & 1)  # conj(Y) = -Y
        return self._kernels.apply_pauli_sum(
            rows, x_masks << shift, z_masks << shift, signs * np.conj(weights)
        )

    # --- derivatives --------------------------------------------------------------------------

    def adjoint(
        self,
        plan: ExecutionPlan,
        state: State,
        bra: State,
        parameters: NDArray[np.float64],
        cancel: CancelToken | None = None,
        *,
        discard: bool = False,
    ) -> NDArray[np.float64]:
        """Refuse: channels cannot be un-computed.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(_NO_DERIVATIVES)

    def tangent(
        self,
        plan: ExecutionPlan,
        state: State,
        derivative: State,
        parameters: NDArray[np.float64],
        direction: NDArray[np.float64],
        cancel: CancelToken | None = None,
    ) -> None:
        """Refuse, as `adjoint`.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(_NO_DERIVATIVES)

    @property
    def _stride(self) -> int:
        """Distance of two entries of the diagonal."""
        return (1 << self._width) + 1


class _DeviceDensityKernels(DensityKernels):
    """The same on a device; populations are picked there, other averages read the whole state."""

    _kernels: Any

    def populations(self, state: State) -> NDArray[np.float64]:
        """Return the diagonal of the density matrix; only that leaves the device."""
        diagonal = self._kernels.to_device(state)[:: self._stride]
        return np.array(self._kernels.to_host(diagonal).real, np.float64)

    def free_bytes(self) -> int | None:
        """Return the memory that can still be allocated on the device."""
        free: int | None = self._kernels.free_bytes()
        return free

    def from_device(self, array: Any, dtype: np.dtype[Any]) -> State:
        """Return ``|psi><psi|`` of a device array ``(2**n,)`` as a new state."""
        vector = self._kernels.to_host(self._kernels.from_device(array, dtype))
        return self.from_host(vector, dtype)

    def to_device(self, state: State) -> Any:
        """Return the vector of a state as an array on the device that may alias it."""
        return self._kernels.to_device(state)


_NO_DERIVATIVES = (
    "Density matrices have no derivatives in this version: differentiate a circuit without "
    "channels, measurements and resets."
)


def _deposit(size: int, qubits: Sequence[int]) -> NDArray[np.int64]:
    """Return the basis states in which ``qubits`` have the values ``0 .. size - 1``."""
    values = np.arange(size, dtype=np.int64)
    result = np.zeros(size, np.int64)
    for i, q in enumerate(qubits):
        result |= (values >> i & 1) << q
    return result

"""Exact derivatives of circuits: backwards by un-computing, forwards by carrying them along.

For a real function ``f`` of the final amplitudes, ``df = 2 * Re <bra|d psi>`` with a cotangent
``bra``: ``bra = O @ psi`` for an expectation value ``<psi|O|psi>``, ``bra = sum(y_k * O_k) @ psi``
for several at once. One sweep back through the circuit (the adjoint method) gives the derivatives
by all parameters, with three states in memory, two where the final one may be overwritten. One run
forward gives ``d psi`` along a direction of the parameters, and with it the derivatives of any
number of observables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import CompiledCircuit, SegmentStep
from quasim_backend.errors import CircuitError, MemoryLimitError, ShapeError
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.program import ComplexArray, Program
from quasim_backend.kernels.base import CancelToken, KernelSet, State, state_of
from quasim_backend.options import Config
from quasim_backend.session.arrays import on_host
from quasim_backend.session.memory import (
    SMALL,
    available_memory,
    device_memory,
    format_bytes,
)
from quasim_backend.session.observables import on_simulated

__all__ = [
    "DifferentiableRun",
    "as_cotangents",
    "as_direction",
    "check_memory",
    "refuse_complex",
]


@dataclass(frozen=True, eq=False)
class DifferentiableRun:
    """A circuit's final state, kept to be differentiated as often as wanted.

    Made by `Runtime.differentiate`. Holds one state of ``2**n`` amplitudes; what is computed from
    it takes more for its time:

    ================================= ============= =======================================
    method                            more states   cost
    ================================= ============= =======================================
    `vjp`, `pullback`                 2             one sweep back
    `jacobian`, `values_and_jacobian` 2             one sweep back for each observable
    `tangent`                         2             one run forward of two states
    `jvp`                             3             the same, and a product for each observable
    ================================= ============= =======================================

    A sweep takes about as long as three forward runs, whatever the number of parameters.

    Attributes:
        compiled: The circuit.
        kernels: What computes.
        dtype: complex64 or complex128; what it is computed in.
        final: The final state on the simulated qubits, the kernel set's own array.
        start: Amplitudes ``(2**n,)`` the differentiated segments start from, a NumPy array or the
            kernel set's device array; None for ``|0...0>``.
        bound: Parameter values of each segment that is differentiated, in their order.
        cancel: Stops the run.
        config: The session's configuration.
    """

    compiled: CompiledCircuit
    kernels: KernelSet
    dtype: np.dtype[Any]
    final: State
    start: Any
    bound: tuple[tuple[SegmentStep, NDArray[np.float64]], ...]
    cancel: CancelToken
    config: Config

    @property
    def state(self) -> ComplexArray:
        """The final amplitudes ``(2**n,)`` on the simulated qubits; not to be overwritten."""
        return self.kernels.to_host(self.final)

    def probabilities(self, qubits: Sequence[int]) -> NDArray[np.float64]:
        """Return the distribution of some simulated qubits, the first lowest: ``(2**k,)``."""
        return self.kernels.probabilities(self.final, qubits)

    def apply(self, observable: PauliSum) -> ComplexArray:
        """Return ``O @ psi``: amplitudes ``(2**n,)`` on the simulated qubits."""
        self._check_memory(1)
        moved = on_simulated(self.compiled, observable)
        product = self.kernels.apply_pauli_sum(self.final, *moved.masks(), moved.weights())
        return self.kernels.to_host(product)

    def expectations(self, observables: Sequence[PauliSum]) -> NDArray[np.complex128]:
        """Return ``<psi|O|psi>`` of each observable: complex128 ``(len(observables),)``."""
        moved = [on_simulated(self.compiled, o) for o in observables]
        if not moved:
            return np.zeros(0, np.complex128)
        x_masks, z_masks = PauliSum(tuple(t for o in moved for t in o.terms)).masks()
        values = self.kernels.pauli_expectations(self.final, x_masks, z_masks)
        ends = np.cumsum([len(o.terms) for o in moved])
        parts = np.split(values, ends[:-1])
        return np.array([np.dot(o.weights(), v) for o, v in zip(moved, parts, strict=True)])

    def jacobian(self, observables: Sequence[PauliSum]) -> NDArray[np.float64]:
        """Return the derivative of each expectation value by each parameter.

        Args:
            observables: Hermitian sums; one sweep each.

        Returns:
            float64 ``(len(observables), number of parameters)``.

        Raises:
            CircuitError: If an observable has a weight that is not real.
            MemoryLimitError: If two more states do not fit.
            Cancelled: If the run's token was set.
        """
        return self.values_and_jacobian(observables)[1]

    def values_and_jacobian(
        self, observables: Sequence[PauliSum], *, consume: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expectation values and their derivatives; the values cost nothing extra.

        Args:
            observables: Hermitian sums; one sweep each.
            consume: Overwrite the final state in the last sweep, which saves a copy of it: the run
                must not be used again.

        Returns:
            float64 ``(len(observables),)`` and ``(len(observables), number of parameters)``.

        Raises:
            CircuitError: If an observable has a weight that is not real.
            MemoryLimitError: If two more states do not fit.
            Cancelled: If the run's token was set.
        """
        values = np.zeros(len(observables))
        rows = np.zeros((len(observables), len(self.compiled.parameters)))
        sums = [self._combined([observable], np.ones(1)) for observable in observables]
        wanted = [number for number, total in enumerate(sums) if total.terms]
        for number in wanted:
            last = consume and number == wanted[-1]
            self._check_memory(1 if last else 2)
            bra = self._applied(sums[number])
            values[number] = self.kernels.inner(self.final, bra).real
            rows[number] = self._sweep(bra, consume=last)
        return values, rows

    def vjp(
        self, observables: Sequence[PauliSum], cotangents: ArrayLike, *, consume: bool = False
    ) -> NDArray[np.float64]:
        """Return ``cotangents @ jacobian(observables)`` with a single sweep: float64 ``(P,)``.

        Args:
            observables: Hermitian sums.
            cotangents: One real number for each observable.
            consume: Overwrite the final state, which saves a copy of it: the run must not be used
                again.

        Raises:
            ShapeError: If their numbers differ.
            CircuitError: If an observable has a weight that is not real.
        """
        factors = as_cotangents(cotangents, len(observables))
        total = self._combined(observables, factors)
        if not total.terms:
            return np.zeros(len(self.compiled.parameters))
        self._check_memory(1 if consume else 2)
        return self._sweep(self._applied(total), consume=consume)

    def jvp(self, observables: Sequence[PauliSum], direction: ArrayLike) -> NDArray[np.float64]:
        """Return ``jacobian(observables) @ direction`` with a single run forward.

        Cheaper than the Jacobian when there are several observables.

        Args:
            observables: Hermitian sums.
            direction: One real number for each parameter.

        Returns:
            float64 ``(len(observables),)``.

        Raises:
            ShapeError: If ``direction`` has another shape than ``(number of parameters,)``.
            CircuitError: If an observable has a weight that is not real.
            MemoryLimitError: If three more states do not fit.
            Cancelled: If the run's token was set.
        """
        vector = as_direction(direction, len(self.compiled.parameters))
        sums = [self._combined([o], np.ones(1)) for o in observables]
        if not any(total.terms for total in sums):
            return np.zeros(len(sums))
        self._check_memory(3)
        change = self._tangent(vector)
        result = np.zeros(len(sums))
        for number, total in enumerate(sums):
            if total.terms:
                result[number] = 2 * self.kernels.inner(self._applied(total), change).real
        return result

    def tangent(self, direction: ArrayLike) -> ComplexArray:
        """Return the derivative of the state along a direction of the parameters.

        The circuit runs again, from its start, with the state and its derivative side by side.

        Args:
            direction: One real number for each parameter.

        Returns:
            ``sum(direction[k] * d psi / d p_k)``: amplitudes ``(2**n,)`` on the simulated qubits,
            in the precision of the run.

        Raises:
            ShapeError: If ``direction`` has another shape than ``(number of parameters,)``.
            MemoryLimitError: If two more states do not fit.
            Cancelled: If the run's token was set.
        """
        vector = as_direction(direction, len(self.compiled.parameters))
        self._check_memory(2)
        return self.kernels.to_host(self._tangent(vector))

    def pullback(self, bra: ArrayLike) -> NDArray[np.float64]:
        """Return the derivative of ``2 * Re <bra|psi>`` by each parameter, ``bra`` held fixed.

        Args:
            bra: Amplitudes ``(2**n,)`` on the simulated qubits; not overwritten.

        Returns:
            float64 ``(number of parameters,)``.

        Raises:
            ShapeError: If ``bra`` has another shape than the state.
        """
        array = np.asarray(on_host(bra), self.dtype)
        shape = (1 << self.compiled.num_qubits,)
        if array.shape != shape:
            raise ShapeError(f"The bra needs the shape {shape}; got {array.shape}.")
        self._check_memory(2)
        return self._sweep(self.kernels.from_host(array, array.dtype))

    def _combined(self, observables: Sequence[PauliSum], factors: NDArray[np.float64]) -> PauliSum:
        """Return ``sum(factors[k] * observables[k])`` on the simulated qubits."""
        collected: dict[PauliString, float] = {}
        for observable, factor in zip(observables, factors.tolist(), strict=True):
            refuse_complex(observable)
            # Strings that vanish on idle qubits in |0> have no derivative either.
            for weight, string in on_simulated(self.compiled, observable).terms:
                collected[string] = collected.get(string, 0.0) + factor * complex(weight).real
        return PauliSum(tuple((w, s) for s, w in collected.items() if w))

    def _applied(self, total: PauliSum) -> State:
        return self.kernels.apply_pauli_sum(self.final, *total.masks(), total.weights())

    def _tangent(self, vector: NDArray[np.float64]) -> State:
        width = self.compiled.num_qubits
        if self.start is None:
            state = self.kernels.zero_state(width, self.dtype)
        else:
            state = state_of(self.kernels, self.start, self.dtype)
        change = self.kernels.zero_state(width, self.dtype)
        self.kernels.collapse(change, (), 0, 0.0)
        for step, values in self.bound:
            rates = vector[list(step.sources)]
            self.kernels.tangent(step.plan, state, change, values, rates, self.cancel)
        return change

    def _check_memory(self, states: int) -> None:
        check_memory(self.compiled.num_qubits, self.dtype, states, self.config, self.kernels)

    def _sweep(self, bra: State, *, consume: bool = False) -> NDArray[np.float64]:
        result = np.zeros(len(self.compiled.parameters))
        ket = self.final if consume else self.kernels.copy(self.final)
        for number in reversed(range(len(self.bound))):
            step, values = self.bound[number]
            derivatives = self.kernels.adjoint(
                step.plan, ket, bra, values, self.cancel, discard=number == 0
            )
            _collect(step.plan.program, step.sources, derivatives, result)
        return result


def as_cotangents(given: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return one number for each of ``count`` observables: float64 ``(count,)``.

    Raises:
        ShapeError: If it has another shape.
    """
    factors = np.asarray(given, np.float64)
    if factors.shape != (count,):
        raise ShapeError(
            f"{count} observables need as many cotangents; got an array of the "
            f"shape {factors.shape}."
        )
    return factors


def as_direction(given: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return a direction of ``count`` parameters: float64 ``(count,)``.

    Raises:
        ShapeError: If it has another shape or is not made of finite numbers.
    """
    try:
        vector = np.array(given, np.float64)
    except (TypeError, ValueError) as cause:
        raise ShapeError(f"A direction is made of real numbers: {cause}.") from cause
    if vector.shape != (count,):
        raise ShapeError(
            f"The circuit has {count} parameters, so a direction needs the shape ({count},); "
            f"got {vector.shape}."
        )
    if not np.isfinite(vector).all():
        raise ShapeError("A direction needs finite numbers; got one that is not.")
    return vector


def refuse_complex(observable: PauliSum) -> None:
    """Refuse an observable with a weight that is not real.

    Raises:
        CircuitError: If it has one.
    """
    if observable.weights().imag.any():
        raise CircuitError(
            f"Only Hermitian observables, with real weights, are differentiated; got {observable}."
        )


def check_memory(
    num_qubits: int, dtype: np.dtype[Any], states: int, config: Config, kernels: KernelSet
) -> None:
    """Refuse work on more states than fit into memory.

    Raises:
        MemoryLimitError: With what is needed, what is free and what would fit.
    """
    needed = states * dtype.itemsize << num_qubits
    if needed <= SMALL and config.max_memory_mb is None:
        return
    device = device_memory(kernels, config)
    available = available_memory(config) if device is None else device
    if available is not None and needed > available:
        largest = max((available // (states * dtype.itemsize)).bit_length() - 1, 0)
        raise MemoryLimitError(
            f"{states} more state{'s' if states > 1 else ''} of {num_qubits} qubits in {dtype} "
            f"need {format_bytes(needed)}; {format_bytes(available)} are free"
            f"{'' if device is None else ' on the GPU'}. Try simulation_precision='fp32' or at "
            f"most {largest} qubits."
        )


def _collect(
    program: Program,
    sources: Sequence[int],
    derivatives: NDArray[np.float64],
    result: NDArray[np.float64],
) -> None:
    """Add the derivatives by angles to those by parameters: an angle is affine in them."""
    if len(program.term_parameter):
        owner = np.repeat(np.arange(len(program)), np.diff(program.term_start))
        target = np.asarray(sources)[program.term_parameter]
        np.add.at(result, target, program.term_weight * derivatives[owner])

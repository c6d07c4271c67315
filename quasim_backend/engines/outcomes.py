"""Laws of branching steps: how outcomes are drawn and what they do to the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import InitializeStep, MeasureStep, ResetStep, Site
from quasim_backend.compile.planner import trivial_plan
from quasim_backend.engines.collapse import TABLE_QUBITS, Pending
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels.base import KernelSet, State

__all__ = ["Outcome", "OutcomeLaw"]

BranchStep: TypeAlias = MeasureStep | ResetStep | Site | InitializeStep
Draw: TypeAlias = list[tuple["Outcome", NDArray[np.int64]]]

_NO_PARAMETERS = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened at a branching step.

    Attributes:
        value: Measured value of the qubits, or number of the channel's operator.
        scale: Factor that normalises the state after it.
        read: Value written to classical memory; differs from ``value`` by readout error.
    """

    value: int
    scale: float
    read: int


class OutcomeLaw:
    """Draws and applies outcomes on one kernel set."""

    def __init__(self, kernels: KernelSet, num_qubits: int) -> None:
        """Remember the kernels and the width of the state."""
        self._kernels = kernels
        self._num_qubits = num_qubits
        self._flips: dict[tuple[tuple[int, ...], int], ExecutionPlan] = {}
        self._effects: dict[int, _Effects] = {}  # by the channel's id

    def draws(self, step: BranchStep) -> int:
        """Return how many uniforms a shot draws at a step."""
        return 2 if isinstance(step, MeasureStep) and step.readout is not None else 1

    def draw(
        self,
        step: BranchStep,
        state: State,
        uniforms: list[NDArray[np.float64]],
        pending: Pending,
    ) -> Draw:
        """Draw an outcome for each shot.

        Args:
            step: The branching step.
            state: State of the node; settled if there are too many outcomes to tabulate, or if
                the step is a channel.
            uniforms: One float64 ``(shots,)`` for each draw.
            pending: What the state waits for.

        Returns:
            Distinct outcomes with the positions of their shots, ascending.
        """
        if isinstance(step, Site):
            weights = self._channel_weights(step, state, pending)
            values = _choose(weights, uniforms[0])
            # A mixture's unitaries keep the norm; a Kraus operator leaves sqrt(weight) of it.
            if step.channel.probabilities is not None:
                weights = np.ones_like(weights)
            return _grouped(values, values, weights)
        qubits = step.qubits
        norms = self._norms(state, qubits, pending)
        if norms is not None:
            values = _choose(norms, uniforms[0])
        else:
            values = self._sampled(state, qubits, uniforms[0])
        reads = values
        if isinstance(step, MeasureStep) and step.readout is not None:
            ladder = np.cumsum(step.readout.matrix, axis=1)[:, :-1]
            reads = (uniforms[1][:, None] >= ladder[values]).sum(axis=1)
        return _grouped(values, reads, norms)

    def draw_one(
        self,
        step: BranchStep,
        state: State,
        uniforms: list[float],
        pending: Pending,
    ) -> Outcome:
        """Draw the outcome of one shot; as `draw`, without array overhead."""
        if isinstance(step, Site):
            weights = self._channel_weights(step, state, pending).tolist()
            value = _choose_one(weights, uniforms[0])
            mixed = step.channel.probabilities is not None
            return Outcome(value, 1.0 if mixed else weights[value] ** -0.5, value)
        norms = self._norms(state, step.qubits, pending)
        if norms is None:
            return self.draw(step, state, [np.array([u]) for u in uniforms], pending)[0][0]
        weights = norms.tolist()
        value = read = _choose_one(weights, uniforms[0])
        if isinstance(step, MeasureStep) and step.readout is not None:
            read = _choose_one(step.readout.matrix[value].tolist(), uniforms[1])
        return Outcome(value, weights[value] ** -0.5, read)

    def apply(
        self,
        step: MeasureStep | ResetStep | InitializeStep,
        state: State,
        outcome: Outcome,
        pending: Pending,
    ) -> State:
        """Apply an outcome.

        Args:
            step: The branching step; channels are not for here, see `IntervalPlans.choice`.
            state: State of the node; overwritten, unless the collapse is left pending.
            outcome: What was drawn.
            pending: What the state waits for; brought up to date.

        Returns:
            The state.
        """
        kernels = self._kernels
        if outcome.scale == 0.0:
            pending.settle(kernels, state)
            kernels.collapse(state, step.qubits, outcome.value, 1.0)
            scale = 1 / np.sqrt(kernels.norm_squared(state))
            kernels.collapse(state, step.qubits, outcome.value, scale)
            pending.know(step.qubits, outcome.value)
        elif pending.value(step.qubits) is None:
            pending.observe(kernels, state, step.qubits, outcome.value, outcome.scale)
        if isinstance(step, MeasureStep):
            return state
        if outcome.value:
            pending.settle(kernels, state)
            kernels.run(self._flip(step.qubits, outcome.value), state, _NO_PARAMETERS)
            pending.know(step.qubits, 0)
        if isinstance(step, InitializeStep):
            pending.settle(kernels, state)
            pending.forget()
            return self._prepare(step, state)
        return state

    # --- pieces -------------------------------------------------------------------------------

    def _norms(
        self, state: State, qubits: tuple[int, ...], pending: Pending
    ) -> NDArray[np.float64] | None:
        """Return the norms of all outcomes, or None, and a settled state, for too many."""
        if len(qubits) > TABLE_QUBITS:
            pending.settle(self._kernels, state)
            return None
        value = pending.value(qubits)
        if value is not None:
            certain = np.zeros(1 << len(qubits))
            certain[value] = 1.0
            return certain
        return pending.norms(self._kernels, state, qubits)

    def _sampled(
        self, state: State, qubits: Sequence[int], uniforms: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        indices = self._kernels.sample(state, uniforms)
        values = np.zeros(len(indices), np.int64)
        for i, q in enumerate(qubits):
            values |= (indices >> np.uint64(q) & np.uint64(1)).astype(np.int64) << i
        return values

    def _channel_weights(self, step: Site, state: State, pending: Pending) -> NDArray[np.float64]:
        channel = step.channel
        if channel.probabilities is not None:
            return np.array(channel.probabilities)
        pending.settle(self._kernels, state)
        effects = self._effects.get(id(channel))
        if effects is None:
            effects = self._effects[id(channel)] = _Effects(channel)
        if effects.diagonals is not None:
            populations = self._kernels.probabilities(state, step.qubits)
            return np.maximum(effects.diagonals @ populations, 0.0)
        rho = self._kernels.reduced_density_matrix(state, step.qubits)
        weights: NDArray[np.float64] = (effects.rows @ rho.T.reshape(-1)).real
        return np.maximum(weights, 0.0)

    def _flip(self, qubits: tuple[int, ...], value: int) -> ExecutionPlan:
        key = (qubits, value)
        if key not in self._flips:
            builder = ProgramBuilder(self._num_qubits)
            for i, q in enumerate(qubits):
                if value >> i & 1:
                    builder.permutation((q,), np.array([1, 0], np.int64))
            self._flips[key] = trivial_plan(builder.build())
        return self._flips[key]

    def _prepare(self, step: InitializeStep, state: State) -> State:
        """Spread the qubits' ``|0>`` amplitudes over the prepared state."""
        kernels, n = self._kernels, self._num_qubits
        host = np.array(kernels.to_host(state))
        axes = [n - 1 - q for q in reversed(step.qubits)]
        tensor = np.moveaxis(host.reshape((2,) * n), axes, range(len(axes)))
        rest = tensor.reshape(1 << len(axes), -1)[0].copy()
        shape = tensor.shape
        tensor[...] = np.outer(step.amplitudes, rest).reshape(shape)
        return kernels.from_host(host, host.dtype)


class _Effects:
    """``K^dagger K`` of a channel's operators.

    Attributes:
        rows: complex128 ``(operators, 4**k)``, each flat.
        diagonals: float64 ``(operators, 2**k)`` if they are diagonal: then populations give the
            weights, and cost less than a reduced density matrix. Else None.
    """

    __slots__ = ("diagonals", "rows")

    def __init__(self, channel: Channel) -> None:
        products = np.array([k.conj().T @ k for k in channel.operators])
        diagonals = np.diagonal(products, axis1=1, axis2=2)
        alone = np.count_nonzero(products) == np.count_nonzero(diagonals)
        self.rows = products.reshape(len(products), -1)
        self.diagonals = np.ascontiguousarray(diagonals.real) if alone else None


def _choose(weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw by inverse transform; an outcome without weight is never drawn."""
    ladder = np.cumsum(weights)
    chosen = np.searchsorted(ladder, uniforms * ladder[-1], side="right")
    last = int(np.flatnonzero(weights)[-1])
    return np.asarray(np.minimum(chosen, last), np.int64)


def _choose_one(weights: list[float], uniform: float) -> int:
    """Draw one outcome; as `_choose`."""
    target = uniform * sum(weights)
    total, last = 0.0, 0
    for index, weight in enumerate(weights):
        if weight > 0.0:
            total += weight
            last = index
            if target < total:
                return index
    return last


def _grouped(
    values: NDArray[np.int64], reads: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> Draw:
    """Group shots by outcome; ``weights`` None leaves the scale (0.0) to be found on applying."""
    size = int(reads.max()) + 1
    distinct, inverse = np.unique(values * size + reads, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(distinct)))
    groups: Draw = []
    start = 0
    for key, end in zip(distinct.tolist(), ends.tolist(), strict=True):
        value, read = divmod(key, size)
        scale = 0.0 if weights is None else 1 / float(np.sqrt(weights[value]))
        groups.append((Outcome(value, scale, read), order[start:end]))
        start = end
    return groups

"""What is known of a state whose measured qubits have not been collapsed yet.

A collapse is a pass over the state, and so is finding the probabilities before it. Both can ride in
the passes of the segments around them: the segment before counts the joint probabilities of the
measurements that follow it, and the segment after begins with the collapse of all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import InitializeStep, MeasureStep, ResetStep, SampleStep
from quasim_backend.kernels.base import Collapse, KernelSet, State, Tally

__all__ = ["TABLE_QUBITS", "Pending", "waits_for"]

TABLE_QUBITS = 10
"""Up to here outcomes are tabulated; beyond, basis states are sampled."""

_JOINT_QUBITS = 6
"""Up to here measurements that follow each other share one table."""

_WIDE = 14
"""From so many qubits on a pass over the state costs more than keeping account of it."""


def waits_for(num_qubits: int) -> bool:
    """Return whether states of this width put collapses off."""
    return num_qubits >= _WIDE


@dataclass(eq=False, slots=True)
class Pending:
    """The collapse that a state still waits for, and what is known of its qubits.

    Attributes:
        waits: Whether anything is put off and remembered; narrow states are collapsed at once.
        collapse: What is to be done to the state; None for nothing.
        certain: Values of qubits that are certain after the collapse.
        tally: Joint norms of qubits of the state before the collapse, if they were counted.
    """

    waits: bool
    collapse: Collapse | None = None
    certain: dict[int, int] = field(default_factory=dict)
    tally: Tally | None = None

    def copy(self) -> Pending:
        """Return an independent copy; it is for a copy of the state."""
        if not self.waits:
            return self
        return replace(self, certain=dict(self.certain))

    def wish(self, steps: Sequence[object], at: int) -> Tally | None:
        """Return what a run should count for the steps that follow it, and remember it.

        Args:
            steps: The code.
            at: The step after the run.
        """
        if not self.waits:
            return None
        tally = Tally(None) if at < len(steps) and isinstance(steps[at], SampleStep) else None
        qubits: tuple[int, ...] = ()
        for i in range(at, len(steps)):
            step = steps[i]
            if not isinstance(step, MeasureStep | ResetStep | InitializeStep):
                break
            joint = qubits + tuple(q for q in step.qubits if q not in qubits)
            if len(joint) > (_JOINT_QUBITS if qubits else TABLE_QUBITS):
                break
            qubits = joint
            if not isinstance(step, MeasureStep):
                break
        if qubits:
            tally = Tally(qubits)
        self.tally = tally
        return tally

    def value(self, qubits: Sequence[int]) -> int | None:
        """Return the value of ``qubits``, lowest bit first, if it is certain."""
        known = self.certain
        if not known:
            return None
        value = 0
        for i, q in enumerate(qubits):
            bit = known.get(q)
            if bit is None:
                return None
            value |= bit << i
        return value

    def norms(
        self, kernels: KernelSet, state: State, qubits: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Return ``sum |a|**2`` by the value of ``qubits`` after the collapse.

        Args:
            kernels: Where the state lives.
            state: The state before the collapse; overwritten if that is better done first.
            qubits: The qubits, lowest bit first.

        Returns:
            float64 ``(2**k,)``.
        """
        if not self.waits:
            return kernels.probabilities(state, qubits)
        collapse = self.collapse
        joint = qubits
        if collapse is not None:
            joint += tuple(q for q in collapse.qubits if q not in qubits)
            if len(joint) > _JOINT_QUBITS:
                self.settle(kernels, state)
                collapse, joint = None, qubits
        sums = None if self.tally is None else self.tally.sums
        counted = None if self.tally is None else self.tally.qubits
        if sums is None or counted is None or not {*joint} <= {*counted}:
            counted, sums = joint, kernels.probabilities(state, joint)
            self.tally = Tally(counted, sums)
        if collapse is None and counted == qubits:
            return sums
        conditional = _conditional(counted, sums, qubits, collapse)
        return conditional if collapse is None else conditional * collapse.scale**2

    def sample_tally(self) -> Tally | None:
        """Return what was counted for `KernelSet.sample`, for the state as it is."""
        return self.tally if self.tally is not None and self.tally.qubits is None else None

    def observe(
        self, kernels: KernelSet, state: State, qubits: tuple[int, ...], outcome: int, scale: float
    ) -> None:
        """Add a collapse to the one that is waited for, or do it."""
        if not self.waits:
            kernels.collapse(state, qubits, outcome, scale)
            return
        for i, q in enumerate(qubits):
            self.certain[q] = outcome >> i & 1
        if self.collapse is None:
            self.collapse = Collapse(qubits, outcome, scale)
            return
        earlier, value, factor = self.collapse
        added = tuple(q for q in qubits if q not in earlier)
        for i, q in enumerate(added):
            value |= self.certain[q] << (len(earlier) + i)
        self.collapse = Collapse(earlier + added, value, factor * scale)

    def know(self, qubits: tuple[int, ...], value: int) -> None:
        """Note the value that qubits have in the state as it is now; their norms have changed."""
        if not self.waits:
            return
        for i, q in enumerate(qubits):
            self.certain[q] = value >> i & 1
        self.tally = None

    def forget(self) -> None:
        """Know nothing: the state has changed."""
        self.certain.clear()
        self.tally = None

    def settle(self, kernels: KernelSet, state: State) -> None:
        """Collapse the state, which is overwritten."""
        if self.collapse is not None:
            kernels.collapse(state, *self.collapse)
            self.collapse = None
            self.tally = None

    def take(self) -> Collapse | None:
        """Return the collapse, for a run that begins with it; nothing is known afterwards."""
        collapse, self.collapse = self.collapse, None
        self.forget()
        return collapse


def _conditional(
    table: tuple[int, ...],
    sums: NDArray[np.float64],
    qubits: tuple[int, ...],
    collapse: Collapse | None,
) -> NDArray[np.float64]:
    """Return joint norms by the value of ``qubits``, of what the collapse leaves."""
    if collapse is not None:
        index = np.arange(len(sums))
        for i, q in enumerate(collapse.qubits):
            bit = collapse.outcome >> i & 1
            sums = np.where((index >> table.index(q) & 1) == bit, sums, 0.0)
    # Axis i of the tensor is qubit number k - 1 - i of the table.
    k = len(table)
    axes = [k - 1 - table.index(q) for q in reversed(qubits)]
    tensor = np.moveaxis(sums.reshape((2,) * k), axes, range(len(axes)))
    rows = np.ascontiguousarray(tensor).reshape(1 << len(axes), -1)
    result: NDArray[np.float64] = rows.sum(axis=1)
    return result

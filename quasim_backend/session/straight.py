"""Circuits without any choice at run time: one plan, run without the tree of outcomes.

The general course (choose an engine, check memory, walk the tree, describe the run) takes longer
than a small circuit itself. Where nothing in it could come out otherwise, it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, SegmentStep, Step
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.base import CancelToken, KernelSet, State, as_dtype, handed_out
from quasim_backend.options import Config
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.plugins.specs import EngineSpec

__all__ = ["StraightRun", "is_plain", "straight_steps"]

_ENGINE = "statevector"


def is_plain(config: Config, plugins: PluginManager) -> bool:
    """Return whether every run goes to QuASIM's own state-vector engine, and no plug-in watches."""
    if config.method not in ("auto", _ENGINE) or plugins.watches_runs:
        return False
    if config.method == "auto":
        best: EngineSpec = plugins.engines.ranked()[0]
        if best.name != _ENGINE:
            return False
    return type(plugins.engines[_ENGINE].make()) is StateVectorEngine


def straight_steps(steps: Sequence[Step]) -> SegmentStep | None:
    """Return the only segment of code that holds nothing else, or None."""
    if len(steps) != 1 or not isinstance(steps[0], SegmentStep):
        return None
    return steps[0] if all(s >= 0 for s in steps[0].sources) else None


class StraightRun:
    """One plan from ``|0...0>``, for one state or a batch of them.

    Attributes:
        num_qubits: Width of the states.
        dtype: What is computed in.
        returned: What amplitudes are handed out in.
        kernels: Array routines.
    """

    __slots__ = ("_order", "_plan", "dtype", "kernels", "num_qubits", "returned")

    def __init__(
        self,
        compiled: CompiledCircuit,
        step: SegmentStep,
        kernels: KernelSet,
        dtypes: tuple[np.dtype[Any], np.dtype[Any]],
    ) -> None:
        """Take the code apart; ``dtypes`` are those of results and of the computation."""
        self.num_qubits = compiled.num_qubits
        self.returned, self.dtype = dtypes
        self.kernels = kernels
        self._plan: ExecutionPlan = step.plan
        same = step.sources == tuple(range(len(compiled.parameters)))
        self._order = None if same else np.array(step.sources, np.intp)

    @property
    def state_bytes(self) -> int:
        """Bytes of one state while it is computed."""
        return self.dtype.itemsize << self.num_qubits

    def state(self, values: NDArray[np.float64], cancel: CancelToken | None = None) -> State:
        """Return the final state.

        Args:
            values: float64 ``(P,)``, in the order of the circuit's parameters.
            cancel: Stops the run.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        own = values if self._order is None else values[self._order]
        return self.kernels.start(self._plan, self.dtype, own, cancel)

    def states(self, values: NDArray[np.float64], cancel: CancelToken | None = None) -> State:
        """Return the final states of a batch.

        Args:
            values: float64 ``(batch, P)``.
            cancel: Stops the run.

        Raises:
            Cancelled: If ``cancel`` was set.
        """
        states = self.kernels.zero_states(len(values), self.num_qubits, self.dtype)
        own = values if self._order is None else values[:, self._order]
        self.kernels.run_batch(self._plan, states, np.ascontiguousarray(own), cancel)
        return states

    def amplitudes(self, state: State, *, on_device: bool = False) -> Any:
        """Return a state or states of this run in the dtype of results.

        A NumPy array; a device array if it is to stay on the kernel set's device.
        """
        array = handed_out(self.kernels, state, on_device=on_device)
        return as_dtype(self.kernels, array, self.returned)

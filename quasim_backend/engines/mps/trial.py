"""Finding out what a run costs by running it, with limited patience.

Bounds on bonds by the ranks of gates overshoot wildly where entanglement comes and goes again, as
in Fourier transforms or Grover's search. Where the state is looked at after all gates only, these
can be applied before anybody knows whether the run will be done here: if they take little work,
its cost is known, and it starts from the state that is there already.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, TypeAlias

from quasim_backend.compile.code import (
    AssignStep,
    CompiledCircuit,
    GatesStep,
    SampleStep,
    SaveStep,
)
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.gate_tree import bound_operations
from quasim_backend.engines.mps.gate_state import MpsState
from quasim_backend.engines.mps.seconds import GATE
from quasim_backend.engines.mps.splitting import OutOfPatience, Truncation
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.errors import ApproximationError, MemoryLimitError
from quasim_backend.ir.instructions import GateOp

__all__ = ["Course", "course_of", "explore", "take_state"]

_Key: TypeAlias = tuple[Any, ...]


@dataclass(eq=False)
class Course:
    """What the gates of a circuit came to.

    Attributes:
        gates: How many there are.
        seconds: Their work, as `quasim_backend.engines.mps.seconds` counts it.
        largest: Largest bond on the way.
        bond: Largest bond at the end.
        state_bytes: Bytes of the state at the end.
        taken: Seconds that passed meanwhile.
    """

    gates: int
    seconds: float
    largest: int
    bond: int
    state_bytes: int
    taken: float


_lock = threading.Lock()
_kept: list[tuple[Course, MatrixProductState]] = []
"""The end of the last trial, for its run to start from; only one, since that run may never come."""


def explore(
    compiled: CompiledCircuit, request: EngineRequest, truncation: Truncation, patience: float
) -> bool:
    """Apply the gates of a circuit, if that takes about as much work as ``patience`` seconds.

    Args:
        compiled: Where the state is looked at earlier, nothing is tried.
        request: Its parameters, precision and limits of bonds decide the course.
        truncation: Limits of the state.
        patience: A count of work, see `quasim_backend.engines.mps.seconds`; a quarter more at most,
            and no more once it is clear that this will not do.

    Returns:
        Whether `course_of` knows the course.

    Raises:
        Cancelled: If the request's token was set.
    """
    if course_of(compiled, request) is not None:
        return True
    step = _only_gates(compiled)
    tried: dict[_Key, float] = _cache(compiled).setdefault("mps:tried", {})
    key = _key(request)
    if step is None:
        return False
    gates = GATE * len(step.operations)
    if patience <= tried.get(key[1:], gates):
        return False
    began = time.perf_counter()
    width = max(compiled.num_qubits, 1)
    state = MatrixProductState(width, truncation)
    truncation.patience = patience - gates
    waiting = MpsState(state, request.cancel)
    try:
        code = gate_code(compiled)
        for operation in bound_operations(step, request.parameters, code.initial_variables):
            assert isinstance(operation, GateOp)
            waiting.apply(operation.gate, operation.qubits)
        size = waiting.nbytes
        finished = size <= truncation.room
    except (OutOfPatience, MemoryLimitError, ApproximationError):
        finished = False
    if not finished:
        tried[key[1:]] = patience
        return False
    truncation.patience = float("inf")
    course = Course(
        gates=len(step.operations),
        seconds=gates + truncation.seconds,
        largest=truncation.worst.bond,
        bond=max(state.bonds, default=1),
        state_bytes=size,
        taken=time.perf_counter() - began,
    )
    _cache(compiled)["mps:course"] = key, course
    if size <= request.workspace_bytes:
        with _lock:
            _kept[:] = [(course, state)]
    return True


def course_of(compiled: CompiledCircuit, request: EngineRequest) -> Course | None:
    """Return the course of a circuit's gates, if it was explored last for such a request."""
    known: tuple[_Key, Course] | None = _cache(compiled).get("mps:course")
    if known is None or known[0] != _key(request) or _only_gates(compiled) is None:
        return None
    return known[1]


def take_state(compiled: CompiledCircuit, request: EngineRequest) -> MatrixProductState | None:
    """Return the state at a course's end, the caller's from now on; None if it is not there."""
    course = course_of(compiled, request)
    if request.initial_state is not None or course is None:
        return None
    with _lock:
        return _kept.pop()[1] if _kept and _kept[0][0] is course else None


def _only_gates(compiled: CompiledCircuit) -> GatesStep | None:
    """Return a circuit's gates, if all it does besides is to look at the state after them."""
    # Constants that classical bits are set to do not matter.
    steps = [
        step
        for step in gate_code(compiled).steps
        if not (isinstance(step, AssignStep) and step.slot < 0)
    ]
    if not steps or not isinstance(steps[0], GatesStep) or not compiled.starts_at_zero:
        return None
    if steps[0].has_channels or not all(isinstance(s, SaveStep | SampleStep) for s in steps[1:]):
        return None
    return steps[0]


def _cache(compiled: CompiledCircuit) -> dict[str, Any]:
    """Return where everything is kept that holds for a circuit whatever is asked after it."""
    while "before" in compiled.cache:
        compiled = compiled.cache["before"]
    return compiled.cache


def _key(request: EngineRequest) -> _Key:
    """Return what decides a course; parameters first, on which its length hardly depends."""
    config = request.config
    limits = config.max_bond_dimension, config.truncation_threshold, config.max_truncation_error
    return request.parameters.tobytes(), request.dtype, config.max_memory_mb, *limits

"""The run forward that `DifferentiableRun` starts from."""

from __future__ import annotations

from dataclasses import replace

from numpy.typing import ArrayLike

from quasim_backend.compile.code import CompiledCircuit, SegmentStep
from quasim_backend.errors import UnsupportedError
from quasim_backend.kernels.base import CancelToken, state_of
from quasim_backend.session.checks import check_initial_state, refuse_random
from quasim_backend.session.execution import Executor
from quasim_backend.session.gradients import DifferentiableRun, check_memory
from quasim_backend.session.parameters import ParameterValues, parameter_vector

__all__ = ["differentiate"]


def differentiate(
    executor: Executor,
    circuit: object,
    parameters: ParameterValues | None = None,
    initial_state: ArrayLike | None = None,
    keep_idle: bool = False,
    cancel: CancelToken | None = None,
) -> DifferentiableRun:
    """Run a circuit and keep its final state; see `quasim_backend.Runtime.differentiate`."""
    starts_at_zero = initial_state is None
    compiled = executor.compiled(circuit, keep_idle=keep_idle, starts_at_zero=starts_at_zero)
    refuse_random(compiled, "has no single final state", "Gradients need one")
    config = executor.config
    if config.method not in ("auto", "statevector"):
        more = " gradient(), vjp() and jvp() work."
        raise UnsupportedError(
            f"method='{config.method}' keeps no state to be differentiated; use 'statevector' or "
            f"'auto'.{more if executor.differentiating() else ''}"
        )
    prefix, segments = _split_prefix(compiled)
    values = parameter_vector(compiled.parameters, parameters)
    dtype = executor.dtypes(compiled)[1]
    kernels = executor.kernels(compiled).kernels
    check_memory(compiled.num_qubits, dtype, 1, config, kernels)
    token = cancel or CancelToken()
    start = check_initial_state(initial_state, compiled.num_qubits, kernels, dtype)
    if prefix is not None:
        start = executor.execute(
            prefix,
            values,
            initial_state=start,
            want_state=True,
            on_device=True,
            shots=0,
            cancel=token,
        ).state
    bound = tuple((step, values[list(step.sources)]) for step in segments)
    todo = list(bound)
    if start is not None:
        state = state_of(kernels, start, dtype)
    elif todo:
        step, vector = todo.pop(0)
        state = kernels.start(step.plan, dtype, vector, token)
    else:
        state = kernels.zero_state(compiled.num_qubits, dtype)
    for step, vector in todo:
        kernels.run(step.plan, state, vector, token)
    return DifferentiableRun(compiled, kernels, dtype, state, start, bound, token, config)


def _split_prefix(compiled: CompiledCircuit) -> tuple[CompiledCircuit | None, list[SegmentStep]]:
    """Split code into what only prepares a state and the segments that are differentiated.

    Returns:
        The code up to the last step that is not a segment (None if there is none), and the
        segments after it.

    Raises:
        UnsupportedError: If a parameter acts before the last such step.
    """
    steps = compiled.steps
    cut = len(steps)
    while cut and isinstance(steps[cut - 1], SegmentStep):
        cut -= 1
    for step in steps[:cut]:
        if isinstance(step, SegmentStep) and len(step.plan.program.term_parameter):
            raise UnsupportedError(
                "A parameter acts before a state is prepared, and preparing it cannot be undone. "
                "Gradients need circuits that prepare first and hold gates only from there on."
            )
    prefix = replace(compiled, steps=steps[:cut], source=None) if cut else None
    return prefix, [s for s in steps[cut:] if isinstance(s, SegmentStep)]

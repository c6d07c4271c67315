"""Measured bits of one circuit or a batch of parameter sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Measure
from quasim_backend.kernels.base import CancelToken
from quasim_backend.session.batch import (
    member_seed,
    parameter_rows,
    run_one_by_one,
    sample_batch,
    sampled_step,
)
from quasim_backend.session.checks import check_shots
from quasim_backend.session.compiling import extended, source_of
from quasim_backend.session.execution import Executor
from quasim_backend.session.inputs import to_circuit
from quasim_backend.session.outputs import measure_all
from quasim_backend.session.parameters import ParameterValues

__all__ = ["sample"]


def sample(
    executor: Executor,
    circuit: object,
    shots: int,
    seed: int | None,
    parameters: ParameterValues | None,
    cancel: CancelToken | None,
) -> NDArray[np.uint8]:
    """Return the bits of one run or a batch; see `quasim_backend.Runtime.sample`."""
    compiled = executor.compiled(_measured(executor, circuit))
    rows = parameter_rows(compiled.parameters, parameters)
    shots = check_shots(shots)

    def one(member: int, values: ParameterValues | None) -> NDArray[np.uint8]:
        return executor.execute(
            compiled,
            values,
            shots=shots,
            seed=seed if rows is None else member_seed(key, member),
            cancel=cancel,
            extra_bytes=2 * compiled.num_clbits * shots,
        ).samples

    if rows is None:
        return one(0, parameters)
    key = executor.seed(seed)
    straight, step = executor.straight(compiled, len(rows)), sampled_step(compiled)
    width = compiled.num_clbits
    if (
        straight is None
        or step is None
        or not shots
        or not (executor.is_small(straight) or executor.prefers_states(compiled, shots))
    ):
        return run_one_by_one(rows, (shots, width), np.dtype(np.uint8), executor.config, one)
    return sample_batch(straight, step, width, rows, shots, key, executor.config, cancel)


def _measured(executor: Executor, circuit: object) -> Circuit | CompiledCircuit:
    """Return a circuit that measures: the one given, or with all its qubits measured at the end."""
    source = to_circuit(circuit, executor.plugins)
    if isinstance(source, CompiledCircuit):
        if source.measured:
            return source
        source = source_of(source)
    if any(isinstance(i, Measure) for i in source.walk()):
        return source
    measured = extended(source, (measure_all(source.num_qubits),))
    measured.num_clbits = max(source.num_clbits, source.num_qubits)
    return measured

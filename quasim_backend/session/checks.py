"""What a session refuses: arguments without meaning, settings this version cannot serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.compile.code import (
    CompiledCircuit,
    GatesStep,
    InitializeStep,
    MeasureStep,
    NoisyStep,
    ResetStep,
    SampleStep,
    SaveStep,
)
from quasim_backend.engines.doubled_circuit import reads_outcomes
from quasim_backend.errors import OptionError, ShapeError, UnsupportedError
from quasim_backend.ir.instructions import VALUE_KINDS, Save
from quasim_backend.kernels.base import DeviceKernels, KernelSet, state_of
from quasim_backend.options import Config
from quasim_backend.session.arrays import is_on_device, on_host

__all__ = [
    "check_initial_state",
    "check_shots",
    "check_uniforms",
    "depends_on_chance",
    "refuse_inexact",
    "refuse_random",
    "refuse_unavailable",
    "saves_averages",
    "saves_one_course",
]

_NORM_TOLERANCE = 1e-6


def check_shots(value: object) -> int:
    """Return a number of shots as an int; refuse what is no whole number from 0."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise OptionError(f"shots must be a whole number from 0; got {value!r}.")


def check_uniforms(value: ArrayLike | None, shots: int) -> NDArray[np.float64] | None:
    """Return uniforms as float64 ``(shots, draws)``; refuse others and values outside [0, 1)."""
    if value is None:
        return None
    array = np.ascontiguousarray(value, dtype=np.float64)
    if array.ndim != 2 or len(array) != shots:
        raise ShapeError(
            f"uniforms need the shape (shots, draws) with shots={shots}; got {array.shape}."
        )
    if not ((array >= 0) & (array < 1)).all():
        raise ShapeError("uniforms must lie in [0, 1).")
    return array


def check_initial_state(
    value: Any, num_qubits: int, kernels: KernelSet, dtype: np.dtype[Any]
) -> Any:
    """Return an initial state of amplitudes ``(2**n,)``; refuse norms off 1.

    Args:
        value: An array of any library, a sequence, or None.
        num_qubits: Width of the circuit.
        kernels: What is to run it.
        dtype: What it is computed in.

    Returns:
        A contiguous NumPy array, complex64 or complex128; a device array as it was given if the
        kernel set can take it; None for None.
    """
    if value is None:
        return None
    stays = is_on_device(value) and isinstance(kernels, DeviceKernels)
    array = value if stays else np.asarray(on_host(value))
    if not stays and array.dtype not in (np.complex64, np.complex128):
        array = array.astype(np.complex128)
    if tuple(array.shape) != (1 << num_qubits,):
        raise ShapeError(
            f"{num_qubits} qubits have {1 << num_qubits} amplitudes; the initial state has the "
            f"shape {tuple(array.shape)}."
        )
    if stays:
        norm = kernels.norm_squared(state_of(kernels, array, dtype)) ** 0.5
    else:
        norm = float(np.linalg.norm(array))
    if not abs(norm - 1) < _NORM_TOLERANCE:
        raise ShapeError(f"The initial state must have norm 1; it has {norm:.9g}.")
    return array if stays else np.ascontiguousarray(array)


def depends_on_chance(compiled: CompiledCircuit) -> bool:
    """Return whether a circuit has no single final state."""
    return compiled.measured or compiled.branches


def saves_one_course(compiled: CompiledCircuit) -> bool:
    """Return whether a save point keeps a state that chance has had a part in, not averaged."""
    return any(save.subtype != "average" for save in _saves_after_chance(compiled))


def saves_averages(compiled: CompiledCircuit) -> bool:
    """Return whether all that is saved after chance has had a part can be averaged over it.

    So are averages, and single values of kinds that have an average: without shots there is none
    whose value they could be.
    """
    saves = list(_saves_after_chance(compiled))
    return bool(saves) and all(
        save.subtype == "average"
        or (save.subtype == "single" and save.kind in VALUE_KINDS and not save.conditional)
        for save in saves
    )


def _saves_after_chance(compiled: CompiledCircuit) -> Iterator[Save]:
    """Yield each save point that chance comes before."""
    chance = False
    for step in compiled.steps:
        if isinstance(step, SaveStep) and chance:
            yield step.save
        collapses = isinstance(step, MeasureStep | SampleStep | NoisyStep)
        collapses |= isinstance(step, GatesStep) and step.has_channels
        collapses |= isinstance(step, ResetStep | InitializeStep) and compiled.branches
        chance |= collapses


def refuse_inexact(
    compiled: CompiledCircuit, config: Config, problem: str, *, averages: bool
) -> None:
    """Refuse a circuit whose averages no engine gives exactly, unless others are allowed.

    Args:
        compiled: What would be run.
        config: The session's configuration.
        problem: What the circuit has not, if it is refused.
        averages: Whether the method that is configured averages exactly.
    """
    if config.target_error is not None:  # what is not exact may be averaged over shots
        return
    over_shots = (
        "target_error=... averages over as many shots as that standard error takes; so does "
        "run(shots=...) with a save of subtype 'average' over the shots given"
    )
    if config.method not in ("auto", "density_matrix"):
        if averages:  # the engine says what it cannot average
            return
        exact = f"method='auto' or 'density_matrix' give it exactly, not '{config.method}'"
        refuse_random(compiled, problem, f"{exact}; {over_shots}")
    elif reads_outcomes(compiled):
        problem = f"{problem}: what it does depends on the outcomes"
        refuse_random(compiled, problem, over_shots)


def refuse_random(compiled: CompiledCircuit, problem: str, advice: str) -> None:
    """Refuse a circuit whose final state depends on chance, saying what in it does."""
    if not depends_on_chance(compiled):
        return
    causes = {
        MeasureStep: "measures",
        SampleStep: "measures",
        NoisyStep: "has channels",
        ResetStep: "resets qubits",
    }
    found = dict.fromkeys(causes[type(s)] for s in compiled.steps if type(s) in causes)
    if any(isinstance(s, GatesStep) and s.has_channels for s in compiled.steps):
        found["has channels"] = None
    raise UnsupportedError(
        f"The circuit {' and '.join(found) or 'depends on chance'}, so it {problem}. {advice}."
    )


def refuse_unavailable(config: Config) -> None:
    """Refuse settings that this version cannot serve."""
    if config.distributed or config.num_devices > 1:
        raise UnsupportedError(
            "Distributed simulation (distributed=True, num_devices > 1) is not available in this "
            "version; one process uses the cores of one machine."
        )

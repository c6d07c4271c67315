"""What is compared: our kernel set, cuStateVec at its best, and gates one by one on arrays."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu.circuits import NO_PARAMETERS, plan_of
from gpu.compare import Sample
from gpu.naive import gates
from gpu.naive import run as run_naively
from gpu.place import Host
from gpu.updater import Updater
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels.base import KernelSet, passes_of
from quasim_backend.kernels.custatevec import CuStateVecKernels
from quasim_backend.kernels.custatevec.calls import Calls
from quasim_backend.kernels.custatevec.operations import operations_of
from quasim_backend.options import Config
from quasim_backend.plugins import default_manager

FUSIONS = (4, 5, 6)
CUSTATEVEC, UPDATER, CUPY, TORCH, NUMPY = (
    *("cuStateVec", "custatevecEx"),
    *("gate by gate, CuPy", "gate by gate, PyTorch", "gate by gate, NumPy"),
)


@dataclass
class Job:
    """A circuit with a state of an engine, in ``|0...0>`` at first.

    Attributes:
        run: Applies the circuit to the state as it is.
        sample: Reads parts of the state.
        passes: Times that a run reads and writes the state, if that is known.
        setting: What was chosen for the engine.
        close: Frees what is not freed by itself.
    """

    run: Callable[[], object]
    sample: Callable[[], Sample]
    passes: int | None = None
    setting: str = ""
    close: Callable[[], object] = lambda: None


def kernel_set(name: str, device_id: int = 0) -> KernelSet:
    """Make a kernel set of that name.

    Raises:
        QuasimError: If there is none.
        RuntimeError: If it cannot be used; the message says why.
    """
    spec = default_manager().kernels[name]
    reason = spec.is_available()
    if reason is not None:
        raise RuntimeError(f"Kernel set '{name}': {reason.rstrip('.')}.")
    return spec.make(Config(device_id=device_id))


def read(kernels: KernelSet, place: Host, state: Any, part: slice) -> np.ndarray:
    """Return a part of a state on the host, without copying the rest."""
    if place.is_gpu and hasattr(kernels, "to_device"):
        on_device = place.arrays.asarray(kernels.to_device(state))
        part_there: np.ndarray = place.arrays.asnumpy(on_device[part])
        return part_there
    return np.array(kernels.to_host(state)[part])


def ours(kernels: KernelSet, place: Host, plan: ExecutionPlan, dtype: str) -> Job:
    """Run a plan with a kernel set."""
    state, n = kernels.zero_state(plan.num_qubits, np.dtype(dtype)), plan.num_qubits
    return Job(
        lambda: kernels.run(plan, state, NO_PARAMETERS),
        lambda: Sample.of(
            n, lambda part: read(kernels, place, state, part), kernels.norm_squared(state)
        ),
        passes_of(kernels, plan, np.dtype(dtype)),
    )


def custatevec(calls: Calls, place: Host, family: str, n: int, dtype: str) -> Job:
    """Run a family with cuStateVec, fused by us to the width that is fastest here.

    Each width takes the circuit's own gates or what our planner makes of them, whichever gives
    fewer calls; each is run once to find the fastest.
    """
    options = (PlanOptions(fuse=False), PlanOptions(max_fused=2))
    plans = [plan_of(family, n, o) for o in options]
    trials: list[tuple[float, int, ExecutionPlan, CuStateVecKernels]] = []
    state = CuStateVecKernels(1, calls=calls).zero_state(n, np.dtype(dtype))
    for width in FUSIONS:
        kernels = CuStateVecKernels(width, calls=calls)
        plan = min(plans, key=lambda p: len(kernels.operations(p, NO_PARAMETERS)))
        place.synchronize()
        before = time.perf_counter()
        kernels.run(plan, state, NO_PARAMETERS)
        place.synchronize()
        trials.append((time.perf_counter() - before, width, plan, kernels))
    _, width, plan, kernels = min(trials, key=lambda trial: trial[0])
    del state
    job = ours(kernels, place, plan, dtype)
    job.passes = len(kernels.operations(plan, NO_PARAMETERS))
    job.setting = f"fused to {width} qubits"
    return job


def updater(family: str, n: int, dtype: str) -> Job:
    """Run a family with custatevecEx, which fuses by itself; its number of passes is not told."""
    plan = plan_of(family, n, PlanOptions(fuse=False))
    made = list(operations_of(plan, plan.program.angles(NO_PARAMETERS)))
    queue = Updater(n, dtype, made)
    return Job(
        queue.run,
        lambda: Sample.of(n, queue.read, queue.norm_squared()),
        setting="its own fusion",
        close=queue.close,
    )


def naive(library: str, family: str, n: int, dtype: str) -> Job:
    """Run a family gate by gate on an array of CuPy, PyTorch or NumPy."""
    circuit = gates(family, n)
    to_host: Callable[[Any], np.ndarray] = np.asarray
    if library == TORCH:
        torch: Any = importlib.import_module("torch")
        state = torch.zeros(1 << n, dtype=getattr(torch, dtype), device="cuda")
        to_host = lambda part: part.cpu().numpy()  # noqa: E731
    else:
        arrays: Any = importlib.import_module("cupy" if library == CUPY else "numpy")
        state = arrays.zeros(1 << n, dtype)
        to_host = getattr(arrays, "asnumpy", to_host)
    state[0] = 1
    return Job(
        lambda: run_naively(state, n, circuit),
        lambda: Sample.of(n, lambda part: to_host(state[part]), float((abs(state) ** 2).sum())),
        len(circuit),
        "one gate after the other",
    )

"""What a plan should take on a GPU: the longer of its memory and its arithmetic, stage by stage.

A prediction, not a measurement. It leaves out what goes through shared memory and the launches, so
a run may take longer, and not much less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quasim_backend.ir.plan import ExecutionPlan


@dataclass(frozen=True)
class Gpu:
    """Datasheet numbers of a GPU; fused multiply-adds count as one.

    Attributes:
        bandwidth: Bytes a second.
        single: Float multiply-adds a second, without tensor cores.
        double: Double multiply-adds a second, without tensor cores.
    """

    bandwidth: float
    single: float
    double: float


GPUS = {
    "A100": Gpu(2.0e12, 9.75e12, 4.85e12),
    "H100": Gpu(3.35e12, 33.5e12, 16.75e12),
    "H200": Gpu(4.8e12, 33.5e12, 16.75e12),
    "RTX 4090": Gpu(1.01e12, 41.3e12, 0.645e12),
}
"""The 80 GB A100 and the SXM forms of H100 and H200."""
_OTHER_FORMS = "40GB", "PCIE", "NVL"
"""Forms of the same names with other memory."""

ACHIEVED = 0.9, 0.6
"""Shares of bandwidth and arithmetic that good kernels reach."""


@dataclass(frozen=True)
class Prediction:
    """What a plan costs on a GPU.

    Attributes:
        passes: Times the state is read and written.
        bytes: Read and written altogether.
        fma: Real fused multiply-adds altogether.
        seconds: Sum over the stages of the longer of both times.
        memory: Seconds if arithmetic took no time.
        arithmetic: Seconds if memory took no time.
    """

    passes: int
    bytes: float
    fma: float
    seconds: float
    memory: float
    arithmetic: float

    @property
    def bound(self) -> str:
        """What limits it."""
        return "memory" if self.memory >= self.arithmetic else "arithmetic"


def predict(
    plan: ExecutionPlan, gpu: str, dtype: str, achieved: tuple[float, float] = ACHIEVED
) -> Prediction:
    """Predict a plan that was made with the tiles of our GPU kernels.

    Args:
        plan: Its stages are passes.
        gpu: One of `GPUS`.
        dtype: complex64 or complex128.
        achieved: Shares of the datasheet's bandwidth and arithmetic.
    """
    fma = plan.stage_fma * 2.0**plan.num_qubits
    return _predict(fma, plan.num_qubits, gpu, dtype, achieved)


def predict_dense(passes: int, width: int, num_qubits: int, gpu: str, dtype: str) -> Prediction:
    """Predict calls that each apply a dense matrix of ``width`` qubits to the whole state."""
    fma = np.full(passes, 4.0 * 2**width * 2.0**num_qubits)
    return _predict(fma, num_qubits, gpu, dtype, ACHIEVED)


def name_of(device: str) -> str | None:
    """Return the entry of `GPUS` that a device's name stands for, or None."""
    if any(form in device.upper() for form in _OTHER_FORMS):
        return None
    return next((name for name in GPUS if name in device), None)


def _predict(
    fma: np.ndarray, num_qubits: int, gpu: str, dtype: str, achieved: tuple[float, float]
) -> Prediction:
    sheet, itemsize = GPUS[gpu], np.dtype(dtype).itemsize
    one_pass = 2.0 * itemsize * 2.0**num_qubits
    rate = (sheet.single if itemsize == 8 else sheet.double) * achieved[1]
    memory = np.full(len(fma), one_pass / (sheet.bandwidth * achieved[0]))
    arithmetic = fma / rate
    return Prediction(
        len(fma),
        one_pass * len(fma),
        float(fma.sum()),
        float(np.maximum(memory, arithmetic).sum()),
        float(memory.sum()),
        float(arithmetic.sum()),
    )

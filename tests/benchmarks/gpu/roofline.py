"""What a program should take on a GPU: the longer of its memory and its instructions, by step.

A prediction, not a measurement. It leaves out launches, what binds parameters, and what wide
primitives compute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.kernels.cuda.program import DeviceProgram, StepKind


@dataclass(frozen=True)
class Gpu:
    """Datasheet numbers of a GPU.

    Attributes:
        bandwidth: Bytes a second of its memory.
        multiprocessors: How many it has.
        lanes: Float instructions that a multiprocessor begins a clock, one a thread.
        double: Double instructions for each of them, without tensor cores.
        clock: Hertz under load.
    """

    bandwidth: float
    multiprocessors: int
    lanes: int
    double: float
    clock: float

    @property
    def shared_bandwidth(self) -> float:
        """Bytes a second of shared memory: 32 banks of 4 bytes in every multiprocessor."""
        return self.multiprocessors * 128 * self.clock

    def issue_rate(self, itemsize: int) -> float:
        """Return instructions a second for amplitudes of 8 or 16 bytes."""
        single = self.multiprocessors * self.lanes * self.clock
        return single if itemsize == 8 else single * self.double


GPUS = {
    "A100": Gpu(2.0e12, 108, 64, 1 / 2, 1.41e9),
    "H100": Gpu(3.35e12, 132, 128, 1 / 2, 1.755e9),
    "H200": Gpu(4.8e12, 132, 128, 1 / 2, 1.755e9),
    "RTX 4090": Gpu(1.01e12, 128, 128, 1 / 64, 2.52e9),
}
"""From NVIDIA's datasheets and white papers: the 80 GB A100, the SXM forms of H100 and H200.

Clocks are boost clocks, but for H100 and H200: these boost up to 1.98 GHz, and 1.755 GHz is assumed
of them under load.
"""
_OTHER_FORMS = "40GB", "PCIE", "NVL"
"""Forms of the same names with other memory."""

BANDWIDTH_SHARE = 0.9
ISSUE_SHARE = 0.75
"""Shares of the GPU's memory and instructions that good kernels reach; assumed."""


@dataclass(frozen=True)
class Prediction:
    """What a circuit costs on a GPU.

    Attributes:
        passes: Times the state is read and written.
        exchanges: Times all amplitudes go through shared memory.
        bytes: Of the GPU's memory, read and written altogether.
        instructions: Altogether, one a thread.
        seconds: Sum over the steps of the longer of memory, and instructions with exchanges.
        memory_seconds: If the rest took no time.
        issue_seconds: Of the instructions alone.
        exchange_seconds: Of the exchanges alone.
    """

    passes: int
    exchanges: int
    bytes: float
    instructions: float
    seconds: float
    memory_seconds: float
    issue_seconds: float
    exchange_seconds: float

    @property
    def bound(self) -> str:
        """What limits it."""
        busy = self.issue_seconds + self.exchange_seconds
        return "memory" if self.memory_seconds >= busy else "instructions"


def predict(program: DeviceProgram, num_qubits: int, gpu: str, dtype: str) -> Prediction:
    """Predict a program of our GPU kernels.

    Args:
        program: Of mode ``"run"``.
        num_qubits: Of the state.
        gpu: One of `GPUS`.
        dtype: complex64 or complex128, that of the program.
    """
    passes = 1 + (program.kind == StepKind.WIDE)
    exchanges = np.maximum(program.phases - 1, 0)
    return _predict(passes, exchanges, program.fma, num_qubits, gpu, dtype)


def predict_dense(passes: int, width: int, num_qubits: int, gpu: str, dtype: str) -> Prediction:
    """Predict calls that each apply a dense matrix of ``width`` qubits to the whole state."""
    one, none = np.ones(passes, np.int64), np.zeros(passes, np.int64)
    return _predict(one, none, one * 4.0 * 2**width, num_qubits, gpu, dtype)


def name_of(device: str) -> str | None:
    """Return the entry of `GPUS` that a device's name stands for, or None."""
    if any(form in device.upper() for form in _OTHER_FORMS):
        return None
    return next((name for name in GPUS if name in device), None)


def _predict(
    passes: NDArray[np.integer],
    exchanges: NDArray[np.integer],
    instructions: NDArray[np.float64],
    num_qubits: int,
    gpu: str,
    dtype: str,
) -> Prediction:
    """Add up steps; ``instructions`` are those an amplitude."""
    sheet, itemsize, size = GPUS[gpu], np.dtype(dtype).itemsize, 2.0**num_qubits
    round_trip = 2.0 * itemsize * size
    memory = passes * round_trip / (sheet.bandwidth * BANDWIDTH_SHARE)
    issue = instructions * size / (sheet.issue_rate(itemsize) * ISSUE_SHARE)
    exchange = exchanges * round_trip / sheet.shared_bandwidth
    return Prediction(
        passes=int(passes.sum()),
        exchanges=int(exchanges.sum()),
        bytes=float(passes.sum() * round_trip),
        instructions=float(instructions.sum() * size),
        seconds=float(np.maximum(memory, issue + exchange).sum()),
        memory_seconds=float(memory.sum()),
        issue_seconds=float(issue.sum()),
        exchange_seconds=float(exchange.sum()),
    )

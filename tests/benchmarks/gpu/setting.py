"""What the sections share: the place, the engines, the command line's wishes."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpu.circuits import itemsize, plan_options
from gpu.place import Host
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.custatevec.calls import Calls

_FILLED = 0.94
"""Share of the free memory that one state may take."""


@dataclass
class Setting:
    """One run of the benchmark.

    Attributes:
        place: Where it runs.
        name: Name of our kernel set.
        kernels: Our kernel set.
        calls: How cuStateVec is reached; None where it cannot be.
        skipped: Engines that are left out, with the reason.
        bandwidth: Bytes a second of a copy, measured in this run.
        dtypes: What to compute in.
        families: What to run.
        qubits: Widths that were asked for; empty for those of each section.
        members: Circuits of a batch.
        shots: Samples.
        repeats: Timed runs.
        tile: Tile qubits of our plans; None for the usual ones.
        low: Low qubits of our plans; None for the usual ones.
    """

    place: Host
    name: str
    kernels: KernelSet
    calls: Calls | None
    bandwidth: float
    dtypes: list[str]
    families: list[str]
    qubits: list[int] = field(default_factory=list)
    members: int = 1000
    shots: int = 1_000_000
    repeats: int = 5
    tile: int | None = None
    low: int | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    def options(self, dtype: str) -> PlanOptions:
        """Return how our plans are made."""
        return plan_options(dtype, self.tile, self.low)

    def widest(self, dtype: str, states: float = 1.0) -> int:
        """Return the qubits of the widest state of which so many fit into free memory."""
        self.place.release()
        room = int(self.place.free_bytes() * _FILLED / states) // itemsize(dtype)
        return max(room.bit_length() - 1, 0)

    def widths(self, dtype: str, usual: list[int], states: float = 1.0) -> list[int]:
        """Return the widths asked for, or the usual ones, that fit into memory."""
        widest = self.widest(dtype, states)
        return sorted({n for n in self.qubits or usual if n <= widest})

    def one_width(self, dtype: str, usual: int, states: float = 1.0) -> int:
        """Return the largest width asked for, or the usual one, or what fits into memory."""
        return min(max(self.qubits, default=usual), self.widest(dtype, states))

    def pass_seconds(self, n: int, dtype: str) -> float:
        """Return the seconds of reading and writing a state at the speed of a copy."""
        return 2.0 * itemsize(dtype) * 2.0**n / self.bandwidth

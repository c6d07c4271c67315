"""What one process of the harness is asked to do; it travels as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """One configuration.

    Attributes:
        threads: Threads of every simulator.
        qubits: Widths of the table of families.
        families: Names in `harness.families.FAMILIES`.
        dtypes: ``"complex64"``, ``"complex128"``.
        peers: Names in `harness.simulators.PEERS`.
        sections: Names in `harness.sections.SECTIONS`.
        repeats: Timed runs of each simulator.
        budget: Seconds after which a simulator's further repeats of one case are left out.
        quick: Sizes of the short form.
    """

    threads: int
    qubits: list[int] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=lambda: ["complex128", "complex64"])
    peers: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    repeats: int = 5
    budget: float = 30.0
    quick: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return asdict(self)


def thread_environment(threads: int) -> dict[str, str]:
    """Return the variables that some simulators read when they are imported."""
    names = ("OMP", "OPENBLAS", "MKL", "QULACS", "QUASIM", "VECLIB_MAXIMUM", "NUMEXPR")
    return {f"{name}_NUM_THREADS": str(threads) for name in names}

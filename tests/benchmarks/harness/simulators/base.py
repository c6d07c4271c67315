"""What the harness asks of a simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from harness.operations import ComplexArray, Operations

Call: TypeAlias = Callable[[], ComplexArray]


@dataclass(frozen=True)
class Runner:
    """A circuit loaded into a simulator with one setting.

    Attributes:
        simulator: Name of the simulator.
        setting: What this runner sets that others of the simulator do not.
        start: Prepares one run, outside of the clock, and returns what is timed: from the
            SDK's circuit object to little-endian amplitudes ``(2**n,)`` on the host.
    """

    simulator: str
    setting: str
    start: Callable[[], Call]

    def __call__(self) -> ComplexArray:
        """Run once, without a clock."""
        return self.start()()


class Simulator(Protocol):
    """A module of this package that stands for a simulator."""

    NAME: str
    PACKAGES: tuple[str, ...]
    """Distributions whose versions belong into the report."""
    DTYPES: tuple[str, ...]

    @staticmethod
    def available() -> None:
        """Raise ImportError if it cannot be used."""

    @staticmethod
    def states(dtype: str) -> float:
        """Return how many arrays of ``2**n`` amplitudes of ``dtype`` a run holds at its peak."""

    @staticmethod
    def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
        """Build the circuit; several runners if the best setting must be found by trial."""

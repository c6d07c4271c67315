"""Measurements beside the table of families, each in a file of its own."""

from __future__ import annotations

from typing import Any, Protocol, cast

from harness.sections import (
    accuracy,
    adapters,
    gradients,
    paulis,
    planning,
    sampling,
    small,
)
from harness.settings import Settings
from harness.simulators import Simulator


class Section(Protocol):
    """A module of this package."""

    TITLE: str
    EVERY_THREAD_COUNT: bool
    """Whether it is worth its time for each number of threads, or for the largest only."""

    @staticmethod
    def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
        """Check that results are equal, then time; raise WrongStateError if they are not."""

    @staticmethod
    def line(row: dict[str, Any]) -> str:
        """Return a row as one line for people who wait."""

    @staticmethod
    def table(rows: list[dict[str, Any]]) -> str:
        """Return what the section says in a report: sentences and a Markdown table."""


SECTIONS: dict[str, Section] = {
    "sampling": cast("Section", sampling),
    "paulis": cast("Section", paulis),
    "gradients": cast("Section", gradients),
    "small": cast("Section", small),
    "adapters": cast("Section", adapters),
    "planning": cast("Section", planning),
    "accuracy": cast("Section", accuracy),
}

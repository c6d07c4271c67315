"""Nodes of the tree that `ShotTree` walks, and what it remembers of the way to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.collapse import Pending
from quasim_backend.engines.default_choices import Events
from quasim_backend.engines.outcomes import Outcome
from quasim_backend.ir.expr import Value
from quasim_backend.kernels.base import State, Tally

__all__ = ["LEFT", "Node", "Shots", "Snapshot", "Split", "Trail", "length", "outcomes"]

Shots = NDArray[np.int64]

LEFT = Outcome(-1, 1.0, -1)
"""Stands in a trail where a `NoisyStep` was left."""


@dataclass(eq=False)
class Snapshot:
    """A state that unfinished siblings, or descendants that must be recomputed, start from."""

    state: State
    users: int = 0


@dataclass(eq=False, slots=True)
class Trail:
    """The outcomes that led to a node, newest first."""

    outcome: Outcome
    before: Trail | None
    length: int
    site: int = -1
    """In a `NoisyStep`, the channel; the number of channels says that the step was left."""


@dataclass(eq=False, slots=True)
class Node:
    """Shots that share state and classical memory, at a place in the code."""

    state: State
    pending: Pending
    pc: int
    bits: int
    variables: list[Value]
    shots: Shots
    draws: int
    trail: Trail | None
    done: int = 0
    """Elements of a `NoisyStep` that were run, see `IntervalPlans`."""
    loss: float = 0.0
    """Lower bound of the logarithm of the state's squared norm."""
    events: Events | None = None
    """Draws of a `NoisyStep` that may not be the default."""

    def fork(self, shots: Shots) -> Node:
        """Return the same place without the state."""
        pending = self.pending.copy()
        return Node(
            None,
            pending,
            self.pc,
            self.bits,
            list(self.variables),
            shots,
            self.draws,
            self.trail,
            self.done,
            self.loss,
        )

    def follow(self, outcome: Outcome, site: int = -1) -> None:
        """Note an outcome in the trail."""
        self.trail = Trail(outcome, self.trail, 1 + length(self.trail), site)

    def wish(self, steps: Sequence[object], at: int) -> Tally | None:
        """Return what a run is to count for the step at ``at``: nothing where no shot is drawn."""
        return self.pending.wish(steps, at) if len(self.shots) else None


@dataclass(eq=False, slots=True)
class Split:
    """Children of a node that still wait for their turn, and the state they start from."""

    node: Node
    waiting: list[tuple[Outcome, Shots]]
    snapshot: Snapshot | None = None
    anchor: tuple[Node, Snapshot] | None = None
    ready: Node | None = None


def length(trail: Trail | None) -> int:
    """Return the number of marks of a trail."""
    return trail.length if trail is not None else 0


def outcomes(trail: Trail | None, skip: int) -> Iterator[Trail]:
    """Yield the marks of a trail, oldest first, without the first ``skip``."""
    found: list[Trail] = []
    while trail is not None and trail.length > skip:
        found.append(trail)
        trail = trail.before
    return reversed(found)

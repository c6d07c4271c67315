"""Channels by their default operator: which uniforms choose it, whatever the state is.

Operator ``i`` of a channel is drawn by inverse transform: for ``<F[i-1]> <= u < <F[i]>`` with
``F[i]`` the sum of ``K[j]^dagger K[j]`` over ``j <= i``. An expectation value lies between the
smallest and the largest eigenvalue, so that every ``u`` from the largest eigenvalue of ``F[i-1]``
to the smallest of ``F[i]`` draws operator ``i`` in any state. The default is the operator with the
longest such interval; other uniforms are *events*, which alone need a look at the state. A
mixture's ladder does not depend on the state: its events are those that draw another operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import Site
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.channels import Channel

__all__ = ["DefaultChoices", "Events", "default_choice"]

_MARGIN = 1e-9
"""Uniforms so near to the end of an interval are events: eigenvalues are not exact."""

_SCANNED = 4 << 20
"""Uniforms that are looked at in one go."""

Shots = NDArray[np.int64]


def default_choice(channel: Channel) -> tuple[int, float, float]:
    """Return the default operator, and the uniforms ``low <= u < high`` that surely choose it.

    The interval is empty if no uniform does.
    """
    if channel.probabilities is not None:
        ladder = np.cumsum(channel.probabilities)
        lows = np.concatenate([[0.0], ladder[:-1]]) / ladder[-1]
        highs = ladder / ladder[-1]
    else:
        size = len(channel.operators[0])
        sums = np.cumsum([k.conj().T @ k for k in channel.operators], axis=0)
        # Relative to the whole, which is the identity only within a tolerance.
        eigenvalues = np.linalg.eigvalsh(sums)
        least, most = eigenvalues[-1, 0], eigenvalues[-1, size - 1]
        lows = np.concatenate([[0.0], eigenvalues[:-1, -1] / least])
        highs = np.concatenate([eigenvalues[:-1, 0] / most, [1.0]])
    default = int(np.argmax(highs - lows))
    low, high = float(lows[default]), float(highs[default])
    low = low + _MARGIN if low > 0.0 else 0.0
    high = high - _MARGIN if high < 1.0 else 1.0
    return (default, low, high) if low < high else (default, 0.0, 0.0)


class DefaultChoices:
    """The default operators of a step's channels.

    Attributes:
        operators: Number of each site's default operator.
        low: float64 ``(sites,)``; uniforms from here on, up to ``high``, are no events.
        high: float64 ``(sites,)``.
        loss: float64 ``(2 * sites + 2,)``; ascending; ``exp(-loss[e])`` is the least that can be
            left of a state's squared norm after ``e`` elements of `IntervalPlans`.
        mixed: Whether every channel is a mixture, so that norms stay.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        """Look at each channel once."""
        known: dict[int, tuple[int, float, float]] = {}
        found = [
            known.get(id(s.channel)) or known.setdefault(id(s.channel), default_choice(s.channel))
            for s in sites
        ]
        self.operators = tuple(default for default, _, _ in found)
        self.low = np.array([low for _, low, _ in found])
        self.high = np.array([high for _, _, high in found])
        self.mixed = all(s.channel.probabilities is not None for s in sites)
        keeps = np.array([s.channel.probabilities is not None for s in sites])
        least = np.where(keeps, 1.0, np.maximum(self.high - self.low, 1e-300))
        self.loss = np.repeat(np.concatenate([[0.0], np.cumsum(-np.log(least))]), 2)

    def __len__(self) -> int:
        """Return the number of sites."""
        return len(self.operators)

    def events(self, uniforms: ShotUniforms, shots: Shots, draw: int, first: int) -> Events:
        """Look for events from a site on, as far as one go reaches.

        Args:
            uniforms: Where numbers come from.
            shots: Whose.
            draw: Number of the draw of site 0.
            first: The site to begin with.
        """
        last = min(len(self), first + max(1, _SCANNED // max(1, len(shots))))
        table = uniforms.block(shots, draw + first, last - first)
        low, high = self.low[first:last, None], self.high[first:last, None]
        sites, places = np.nonzero((table < low) | (table >= high))
        return Events(sites + first, shots[places], table[sites, places], last)


@dataclass(eq=False, slots=True)
class Events:
    """What does not go by default, in the order of the sites, then of the shots.

    Attributes:
        sites: int64 ``(events,)``.
        shots: int64 ``(events,)``.
        uniforms: float64 ``(events,)``.
        known: The events of sites below this are listed.
        cursor: Events before this one are past.
        left: bool, by number of the shot: those that have gone their own way; None for nobody.
        order: The events shot by shot, and the shots in that order; None until one is asked for.
    """

    sites: NDArray[np.int64]
    shots: Shots
    uniforms: NDArray[np.float64]
    known: int
    cursor: int = 0
    left: NDArray[np.bool_] | None = None
    order: tuple[NDArray[np.int64], Shots] | None = None

    def next_site(self) -> int | None:
        """Return the site of the next event, or None if none is listed."""
        while self.cursor < len(self.sites):
            if self.left is None or not self.left[self.shots[self.cursor]]:
                return int(self.sites[self.cursor])
            self.cursor += 1
        return None

    def take(self, site: int) -> tuple[Shots, NDArray[np.float64]]:
        """Step past the events at a site and return their shots and uniforms."""
        here = slice(self.cursor, int(np.searchsorted(self.sites, site, side="right")))
        self.cursor = here.stop
        shots, uniforms = self.shots[here], self.uniforms[here]
        if self.left is None:
            return shots, uniforms
        kept = ~self.left[shots]
        return shots[kept], uniforms[kept]

    def split_off(self, shot: int, every: int) -> Events:
        """Return the events to come of one shot, out of ``every``, which leaves the others."""
        if self.left is None:
            self.left = np.zeros(every, np.bool_)
        if self.order is None:
            order = np.argsort(self.shots, kind="stable")
            self.order = order, self.shots[order]
        order, shots = self.order
        self.left[shot] = True
        own = order[slice(*np.searchsorted(shots, (shot, shot + 1)))]
        own = own[np.searchsorted(own, self.cursor) :]
        return Events(self.sites[own], self.shots[own], self.uniforms[own], self.known)

    def of(self, shots: Shots, every: int) -> Events:
        """Return the events to come of some shots, out of ``every``."""
        later = self.shots[self.cursor :]
        if len(shots) == 1:
            kept = later == shots[0]
        else:
            member = np.zeros(every, np.bool_)
            member[shots] = True
            kept = member[later]
        sites, uniforms = self.sites[self.cursor :], self.uniforms[self.cursor :]
        return Events(sites[kept], later[kept], uniforms[kept], self.known)

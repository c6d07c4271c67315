"""Errors of mixtures, drawn by jumps from one to the next.

A mixture's likeliest operator is its default, another one is an error: site ``s`` has one with
probability ``p[s]``, whatever the state is. With ``h[s] = sum(-log(1 - p[r]) for r < s)`` there is
none at ``s .. t - 1`` with probability ``exp(h[s] - h[t])``: a step of exponential length along
``h`` ends at the next error. So a shot draws two numbers for each of its errors, not one for each
site.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import Site
from quasim_backend.ir.channels import Channel
from quasim_backend.kernels.random import shot_uniforms

__all__ = ["MixtureErrors"]

Numbers = NDArray[np.int64]


class MixtureErrors:
    """What the channels of some sites, all of them mixtures, do by default, and what by chance.

    Attributes:
        defaults: int64 ``(sites,)``; number of each site's default operator.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        """Look at each channel once."""
        numbers: dict[int, int] = {}
        channels: list[Channel] = []
        for site in sites:
            if id(site.channel) not in numbers:
                numbers[id(site.channel)] = len(channels)
                channels.append(site.channel)
        self._channel = np.array([numbers[id(site.channel)] for site in sites], np.int64)
        most = max((len(c.operators) for c in channels), default=1)
        weights = np.zeros((len(channels), most))
        for number, channel in enumerate(channels):
            weights[number, : len(channel.operators)] = channel.probabilities
        weights /= weights.sum(axis=1, keepdims=True)
        default = weights.argmax(axis=1)
        quiet = np.take_along_axis(weights, default[:, None], 1)[:, 0]
        np.put_along_axis(weights, default[:, None], 0.0, 1)
        rate = weights.sum(axis=1)
        # log1p is exact for small rates, log for large ones, whose rest is not 1 - rate.
        hazard = np.where(rate < 0.5, -np.log1p(-np.minimum(rate, 0.5)), -np.log(quiet))
        self._hazard = np.concatenate([[0.0], np.cumsum(hazard[self._channel])])
        self.defaults = default[self._channel]
        # An operator ends where the uniform reaches its rung; the last possible one never does.
        self._ladder = np.cumsum(weights, axis=1) / np.where(rate > 0, rate, 1.0)[:, None]
        last = most - 1 - (weights[:, ::-1] > 0).argmax(axis=1)
        self._ladder[np.arange(most) >= last[:, None]] = np.inf

    def draw(
        self, seed: int, shots: Numbers, first: int
    ) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
        """Yield errors in rounds, of each shot at most one a round, from its first to its last.

        Args:
            seed: Philox key.
            shots: Numbers of the shots, int64 ``(k,)``.
            first: Number of the first draw; error ``j`` takes ``first + 2 j`` and the next.

        Yields:
            Places in ``shots``, sites and operators, each int64 ``(errors,)``.
        """
        places, here = np.arange(len(shots)), np.zeros(len(shots))
        while len(places):
            here -= np.log1p(-shot_uniforms(seed, shots[places], first))
            sites = np.searchsorted(self._hazard, here, side="right") - 1
            going = sites < len(self._channel)
            places, sites = places[going], sites[going]
            uniforms = shot_uniforms(seed, shots[places], first + 1)
            rungs = self._ladder[self._channel[sites]]
            yield places, sites, (rungs <= uniforms[:, None]).sum(axis=1)
            here = self._hazard[sites + 1]
            first += 2

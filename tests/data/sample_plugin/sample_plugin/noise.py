"""Noise models of two kinds: the third party's own, and what it makes of ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SampleNoise:
    """Depolarising noise with one strength."""

    strength: float

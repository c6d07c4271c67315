"""Whether two histograms can come from one distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FALSE_ALARM_RATE", "Comparison", "chi_square_tail", "compare"]

FALSE_ALARM_RATE = 1e-6
"""How often two samples of one distribution are called different."""

_FEWEST = 20
"""Rarer outcomes, both samples together, are pooled: chi-square needs filled cells."""


@dataclass(frozen=True)
class Comparison:
    """Two samples compared.

    Attributes:
        agree: Whether the p-value is at least `FALSE_ALARM_RATE`.
        p_value: Chance of a chi-square statistic this large from one distribution.
        distance: Total-variation distance of the two histograms, from 0 to 1.
        expected_distance: Its mean for two samples of one distribution (normal approximation).
    """

    agree: bool
    p_value: float
    distance: float
    expected_distance: float


def compare(ours: Mapping[str, int], theirs: Mapping[str, int]) -> Comparison:
    """Compare two histograms by the chi-square test of homogeneity."""
    n, m = sum(ours.values()), sum(theirs.values())
    outcomes = ours.keys() | theirs.keys()
    pairs = [(ours.get(o, 0), theirs.get(o, 0)) for o in outcomes]
    distance = sum(abs(a / n - b / m) for a, b in pairs) / 2
    shares = [(a + b) / (n + m) for a, b in pairs]
    scatter = 2 / math.pi * (1 / n + 1 / m)
    expected = sum(math.sqrt(scatter * p * (1 - p)) for p in shares) / 2
    cells = [pair for pair in pairs if sum(pair) >= _FEWEST]
    rare = [pair for pair in pairs if sum(pair) < _FEWEST]
    if rare:
        cells.append((sum(a for a, _ in rare), sum(b for _, b in rare)))
    statistic = 0.0
    for a, b in cells:
        mean = (a + b) / (n + m)
        statistic += (a - n * mean) ** 2 / (n * mean) + (b - m * mean) ** 2 / (m * mean)
    p_value = chi_square_tail(statistic, len(cells) - 1)
    return Comparison(p_value >= FALSE_ALARM_RATE, p_value, distance, expected)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Return the chance that a chi-square variable exceeds ``statistic``.

    Uses ``Q(a + 1, x) = Q(a, x) + x**a exp(-x) / gamma(a + 1)`` from ``Q(1/2, x) = erfc(sqrt(x))``
    or ``Q(1, x) = exp(-x)``.
    """
    x = statistic / 2
    if freedom < 1 or x <= 0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(x))) if freedom % 2 else (1.0, math.exp(-x))
    while a < freedom / 2:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1))
        a += 1
    return min(tail, 1.0)

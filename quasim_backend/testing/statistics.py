"""Chi-square tests of samples, with no dependency but NumPy.

A test passes when its p-value exceeds `FALSE_ALARM`, so a correct simulator with a fresh seed fails
one check in a million.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["FALSE_ALARM", "chi_square_p_value", "goodness_of_fit", "two_sample"]

FALSE_ALARM = 1e-6
"""Probability that a correct simulator fails one statistical check."""

_MIN_EXPECTED = 5.0
_IMPOSSIBLE = 1e-12


def chi_square_p_value(statistic: float, degrees: int) -> float:
    """Return the probability that a chi-square variable exceeds ``statistic``.

    The regularised upper incomplete gamma function ``Q(degrees/2, statistic/2)``, by its series or
    its continued fraction (Numerical Recipes, section 6.2).
    """
    a, x = degrees / 2, statistic / 2
    if degrees < 1 or x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, 10_000):
            term *= x / (a + n)
            total += term
            if term < total * 1e-16:
                break
        return max(0.0, 1 - total * scale)
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for n in range(1, 10_000):
        b += 2
        d = 1 / (b - n * (n - a) * d)
        c = b - n * (n - a) / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return scale * fraction


def goodness_of_fit(counts: Mapping[int, int], probabilities: Mapping[int, float]) -> float:
    """Return the p-value of counts under a distribution; 0 if an impossible value occurred.

    Values whose expected count is below 5 are pooled.
    """
    if any(n and probabilities.get(v, 0.0) < _IMPOSSIBLE for v, n in counts.items()):
        return 0.0
    shots = sum(counts.values())
    cells: list[tuple[float, float]] = []
    rare_expected = rare_observed = 0.0
    for value, probability in probabilities.items():
        expected, observed = probability * shots, counts.get(value, 0)
        if expected < _MIN_EXPECTED:
            rare_expected += expected
            rare_observed += observed
        else:
            cells.append((expected, observed))
    if rare_expected >= _MIN_EXPECTED:
        cells.append((rare_expected, rare_observed))
    elif cells and rare_expected:
        smallest = cells.index(min(cells))
        expected, count = cells[smallest]
        cells[smallest] = (expected + rare_expected, count + rare_observed)
    statistic = sum((observed - expected) ** 2 / expected for expected, observed in cells)
    return chi_square_p_value(statistic, len(cells) - 1)


def two_sample(left: Mapping[int, int], right: Mapping[int, int]) -> float:
    """Return the p-value that two sets of counts come from one distribution.

    Values seen fewer than ten times in both together are pooled.
    """
    n_left, n_right = sum(left.values()), sum(right.values())
    cells: list[tuple[int, int]] = []
    rare = (0, 0)
    for value in {*left, *right}:
        pair = (left.get(value, 0), right.get(value, 0))
        if sum(pair) < 2 * _MIN_EXPECTED:
            rare = (rare[0] + pair[0], rare[1] + pair[1])
        else:
            cells.append(pair)
    if sum(rare) >= 2 * _MIN_EXPECTED or (rare != (0, 0) and not cells):
        cells.append(rare)
    elif sum(rare):
        smallest = cells.index(min(cells, key=sum))
        cells[smallest] = (cells[smallest][0] + rare[0], cells[smallest][1] + rare[1])
    total = n_left + n_right
    statistic = 0.0
    for a, b in cells:
        expected_a, expected_b = (a + b) * n_left / total, (a + b) * n_right / total
        statistic += (a - expected_a) ** 2 / expected_a + (b - expected_b) ** 2 / expected_b
    return chi_square_p_value(statistic, len(cells) - 1)

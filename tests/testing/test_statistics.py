"""The chi-square tests, against SciPy and against samples that are right or wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quasim_backend.testing import FALSE_ALARM, goodness_of_fit, two_sample
from quasim_backend.testing.statistics import chi_square_p_value

WEIGHTS = {0: 0.5, 3: 0.3, 5: 0.195, 6: 0.004, 9: 0.001}


def draw(weights, shots, seed):
    rng = np.random.default_rng(seed)
    return Counter(rng.choice(list(weights), shots, p=list(weights.values())).tolist())


def test_p_values_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for degrees in (1, 2, 7, 50, 400):
        for statistic in np.array([0.01, 0.5, 1.0, 1.5, 3.0, 10.0]) * degrees:
            wanted = stats.chi2.sf(statistic, degrees)
            found = chi_square_p_value(statistic, degrees)
            assert found == pytest.approx(wanted, rel=1e-9, abs=1e-13)


def test_right_samples_have_uniform_p_values():
    fits = [goodness_of_fit(draw(WEIGHTS, 3000, s), WEIGHTS) for s in range(200)]
    pairs = [two_sample(draw(WEIGHTS, 3000, s), draw(WEIGHTS, 900, s + 999)) for s in range(200)]
    for values in (fits, pairs):
        assert 0.35 < np.mean(values) < 0.65
        assert min(values) > 1e-4


def test_wrong_samples_are_found():
    shifted = {0: 0.45, 3: 0.35, 5: 0.195, 6: 0.004, 9: 0.001}
    assert goodness_of_fit(draw(shifted, 10_000, 1), WEIGHTS) < FALSE_ALARM
    assert two_sample(draw(shifted, 20_000, 1), draw(WEIGHTS, 20_000, 2)) < FALSE_ALARM


def test_an_impossible_value_is_found_at_once():
    assert goodness_of_fit({0: 999, 7: 1}, {0: 1.0}) == 0.0
    assert goodness_of_fit({0: 999}, {0: 1.0}) == 1.0


def test_small_samples_are_pooled_and_not_divided_by_zero():
    assert 0 < goodness_of_fit({0: 2, 3: 1}, WEIGHTS) <= 1
    assert 0 < two_sample({0: 1}, {3: 1}) <= 1
    assert two_sample({4: 50}, {4: 30}) == 1.0

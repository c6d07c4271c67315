"""Errors drawn by jumps: as often as they should be, and the same for a shot in any company."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quasim_backend.compile.code import Site
from quasim_backend.engines.mixture_errors import MixtureErrors
from quasim_backend.ir import Channel
from quasim_backend.testing.statistics import FALSE_ALARM

X, Z, ONE = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.eye(2)
RARE = Channel.mixture([0.002, 0.99, 0.0, 0.008], [X, ONE, X, Z])
EVEN = Channel.mixture([0.25, 0.25, 0.5], [X, Z, ONE])
NEVER = Channel.mixture([1.0], [X])
LIKELY = Channel.mixture([0.3, 0.4, 0.3], [X, ONE, Z])
SITES = [Site(c, (0,), i) for i, c in enumerate([NEVER, RARE, EVEN, NEVER, LIKELY, RARE, NEVER])]


def drawn(shots: np.ndarray, seed: int) -> np.ndarray:
    """Return the operator of every shot at every site, int64 ``(shots, sites)``."""
    errors = MixtureErrors(SITES)
    found = np.tile(errors.defaults, (len(shots), 1))
    before = np.full(len(shots), -1)
    for places, sites, operators in errors.draw(seed, shots, 1):
        assert (sites > before[places]).all()
        assert (operators != errors.defaults[sites]).all()
        before[places] = sites
        found[places, sites] = operators
    return found


def test_operators_are_as_frequent_as_their_probabilities_say() -> None:
    shots = 200_000
    found = drawn(np.arange(shots), 3)
    checks = 0
    for site, place in enumerate(SITES):
        for operator, probability in enumerate(place.channel.probabilities or ()):
            count = int((found[:, site] == operator).sum())
            assert stats.binomtest(count, shots, probability).pvalue > FALSE_ALARM
            checks += 1
    assert checks == 17


def test_sites_are_independent() -> None:
    found = drawn(np.arange(200_000), 4)
    table = np.zeros((3, 3))
    np.add.at(table, (found[:, 2], found[:, 4]), 1)
    assert stats.chi2_contingency(table).pvalue > FALSE_ALARM


@pytest.mark.parametrize("chosen", [[5], [1, 2, 700], list(range(100, 200))])
def test_a_shot_draws_the_same_in_any_company(chosen: list[int]) -> None:
    want = drawn(np.arange(1000), 5)
    np.testing.assert_array_equal(drawn(np.array(chosen), 5), want[chosen])

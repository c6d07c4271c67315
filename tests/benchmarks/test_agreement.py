"""States are told apart as finely as their precision allows, and global phases are ignored."""

from __future__ import annotations

import numpy as np
import pytest
from harness.agreement import (
    Reference,
    WrongStateError,
    check,
    difference,
    infidelity,
    norm_drift,
)


def random_state(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    state = rng.normal(size=2**n) + 1j * rng.normal(size=2**n)
    return state / np.linalg.norm(state)


def test_a_global_phase_is_no_difference():
    state = random_state(6)
    assert difference(np.exp(0.7j) * state, state) < 1e-14


def test_a_difference_is_the_length_of_what_is_left():
    state = np.zeros(8, complex)
    state[0] = 1
    other = np.array([np.cos(1e-6), 1j * np.sin(1e-6), *[0] * 6])
    assert difference(other, state) == pytest.approx(1e-6, rel=1e-6)
    assert difference(state, -state[::-1]) == pytest.approx(np.sqrt(2))


def test_a_reversed_bit_order_is_a_difference():
    state = random_state(4)
    reversed_ = state.reshape([2] * 4).transpose().ravel()
    assert difference(reversed_, state) > 0.5


def test_states_of_different_sizes_are_wrong():
    with pytest.raises(WrongStateError, match=r"\(8,\) instead of \(16,\)"):
        difference(random_state(3), random_state(4))


def test_infidelity_sees_far_below_the_machine_precision():
    state = random_state(10)
    step = random_state(10, 1)
    step -= np.vdot(state, step) * state
    step *= 1e-9 / np.linalg.norm(step)
    assert infidelity(2j * (state + step), state) == pytest.approx(1e-18, rel=1e-3)
    assert infidelity(state, state) < 1e-30


def test_norms_of_complex64_are_summed_in_double_precision():
    state = np.full(2**20, 2.0**-10, np.complex64)
    assert norm_drift(state) == 0
    assert norm_drift(state * np.float32(1 + 2**-10)) == pytest.approx(2**-9, rel=1e-3)


def test_a_sample_of_a_wide_state_sees_what_the_state_is_made_of():
    state = np.zeros(2**23, np.complex64)
    where = 3 << 20
    state[where] = 1
    reference = Reference.of(state, "somebody", widest=20)
    assert reference.indices is not None
    assert len(reference.amplitudes) < len(state)
    assert reference.difference(state) == 0
    state[where], state[where + 1] = 0, 1
    assert reference.difference(state) > 1


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_disagreement_names_everybody(wrong):
    check({"a": 1e-6, "b": 0.0}, "b", "case", 1e-4)
    with pytest.raises(WrongStateError, match=r"case: .* from b: a 1e-06, c (0.001|nan)"):
        check({"a": 1e-6, "c": wrong}, "b", "case", 1e-4)

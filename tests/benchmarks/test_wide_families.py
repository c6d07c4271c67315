"""The wide families make what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from harness.families.wide import WIDE, adder, bernstein_vazirani, w_state
from harness.simulators.quasim import circuit

import quasim_backend as quasim


def probabilities(ops, width: int) -> np.ndarray:
    with quasim.runtime(simulation_precision="fp64") as session:
        return np.asarray(session.probabilities(circuit(ops, width)))


@pytest.mark.parametrize("width", [2, 5, 8])
def test_a_w_state_has_one_excitation_anywhere(width: int) -> None:
    found = probabilities(w_state(width), width)
    np.testing.assert_allclose(found[[1 << q for q in range(width)]], 1 / width, atol=1e-12)


def test_bernstein_vazirani_reads_its_secret() -> None:
    found = probabilities(bernstein_vazirani(9), 9).reshape(2, -1).sum(axis=0)
    secret = np.random.default_rng(9).integers(0, 2, 8)
    assert found[int(secret @ (1 << np.arange(8)))] == pytest.approx(1)


def test_the_adder_adds() -> None:
    width, bits = 9, 4
    found = probabilities(adder(width), width)
    values = np.flatnonzero(found > 1e-9)
    assert np.allclose(found[values], 0.5)
    a = 0b0101  # every second bit is set
    for b, value in zip((0, 1), sorted(values, key=lambda v: v >> 1 + bits), strict=True):
        assert value >> 1 & 15 == a
        assert value >> 1 + bits == (a + b) % 16
        assert value & 1 == 0


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("width", [5, 12, 100])
def test_every_width_is_made(name: str, width: int) -> None:
    made = circuit(WIDE[name](width), width)
    assert made.num_qubits == width
    assert len(made) > 0

"""The counter-based generator, against the known answers of Random123 (Salmon et al.)."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir.random import philox_uniforms, philox_words

FULL = "ffffffff"


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (["0"] * 4, ["0"] * 2, ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]),
        ([FULL] * 4, [FULL] * 2, ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]),
        (
            ["243f6a88", "85a308d3", "13198a2e", "03707344"],
            ["a4093822", "299f31d0"],
            ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"],
        ),
    ],
)
def test_known_answers(counter, key, words):
    arrays = tuple(np.array([int(c, 16)], np.uint64) for c in counter)
    result = philox_words(arrays, (int(key[0], 16), int(key[1], 16)))
    assert [f"{int(w[0]):08x}" for w in result] == words


def test_uniforms_are_uniform():
    # Chi-square with 255 degrees of freedom: mean 255, standard deviation 22.6. The limit has a
    # false-alarm rate of about 1e-6; the seed is fixed, so this passes always or never.
    for seed, draw in ((0, 0), (2**64 - 1, 7), (12345, 2**40)):
        values = philox_uniforms(seed, np.arange(100_000), draw)
        assert values.min() >= 0
        assert values.max() < 1
        counts = np.histogram(values, 256, (0, 1))[0]
        expected = 100_000 / 256
        assert np.sum((counts - expected) ** 2 / expected) < 255 + 5.1 * 22.6


def test_neighbouring_draws_shots_and_seeds_are_uncorrelated():
    shots = np.arange(50_000)
    base = philox_uniforms(1, shots, 0)
    others = [philox_uniforms(1, shots, 1), philox_uniforms(2, shots, 0)]
    others += [philox_uniforms(1, shots + 1, 0), philox_uniforms(1 << 32, shots, 0)]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 4.9 / np.sqrt(len(shots))


def test_a_shot_keeps_its_numbers_whatever_the_batch():
    whole = philox_uniforms(9, np.arange(100), 3)
    assert np.array_equal(philox_uniforms(9, np.arange(40, 60), 3), whole[40:60])
    assert philox_uniforms(9, 17, 3) == whole[17]
    assert philox_uniforms(9, np.arange(6).reshape(2, 3), 3).shape == (2, 3)


def test_every_bit_of_shot_draw_and_seed_counts():
    values = {float(philox_uniforms(0, 0, 0))}
    for bit in range(64):
        values.add(float(philox_uniforms(1 << bit, 0, 0)))
        values.add(float(philox_uniforms(0, np.uint64(1 << bit), 0)))
        values.add(float(philox_uniforms(0, 0, 1 << bit)))
    assert len(values) == 1 + 3 * 64


def test_uniforms_have_53_bits():
    values = philox_uniforms(4, np.arange(1000), 0) * 2**53
    assert np.array_equal(values, np.floor(values))
    assert np.any(values % 2 == 1)

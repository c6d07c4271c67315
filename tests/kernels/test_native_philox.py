"""Philox4x32-10 against the vectors published with Random123."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir import random
from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)

_cpu = pytest.importorskip("quasim_backend.kernels._cpu")

VECTORS = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_the_published_words(counter, key, expected):
    got = _cpu.philox_words(words(counter), words(key))
    assert [f"{word:08x}" for word in got] == expected.split()


def test_a_uniform_is_53_bits_of_the_first_two_words():
    seed, shot, draw = 0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E
    w0, w1 = 0xD16CFE09, 0x94FDCCEB
    expected = ((w0 >> 5) * 2**26 + (w1 >> 6)) / 2**53
    assert _cpu.philox_uniforms(seed, np.array([shot], np.uint64), draw)[0] == expected


def test_uniforms_agree_with_the_numpy_twin():
    shots = np.array([0, 1, 2, 2**32 - 1, 2**32, 2**63], np.uint64)
    for seed, draw in ((0, 0), (12345, 7), (2**64 - 1, 2**40)):
        np.testing.assert_array_equal(
            _cpu.philox_uniforms(seed, shots, draw), random.philox_uniforms(seed, shots, draw)
        )

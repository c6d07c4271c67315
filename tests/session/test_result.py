from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quasim_backend.errors import OptionError
from quasim_backend.result import Result


@given(
    st.integers(0, 150).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.integers(0, (1 << n) - 1), max_size=40))
    )
)
def test_samples_and_counts_agree_with_the_packed_memory(case: tuple[int, list[int]]) -> None:
    width, values = case
    words = max(1, -(-width // 64))
    mask = (1 << 64) - 1
    packed = np.array(
        [[v >> 64 * w & mask for w in range(words)] for v in values], np.uint64
    ).reshape(len(values), words)
    result = Result(len(values), width, packed)
    assert result.samples.shape == (len(values), width)
    assert result.samples.dtype == np.uint8
    assert [sum(int(b) << c for c, b in enumerate(row)) for row in result.samples] == values
    expected = {v: values.count(v) for v in sorted(set(values))}
    assert list(result.int_counts().items()) == list(expected.items())
    texts = {(format(v, f"0{width}b") if width else ""): n for v, n in expected.items()}
    assert result.counts() == texts


def test_no_shots_no_samples() -> None:
    with pytest.raises(OptionError, match="no samples"):
        Result().counts()
    assert "Result" in repr(Result(state=np.ones(1, complex)))


def test_zero_bits_are_one_empty_string() -> None:
    assert Result(3, 0, np.zeros((3, 0), np.uint64)).counts() == {"": 3}


@pytest.mark.parametrize("width", [12, 63, 70])
def test_many_counts_are_written_like_few(width):
    rng = np.random.default_rng(3)
    words = -(-width // 64)
    packed = rng.integers(0, 1 << 63, (3000, words), np.uint64)
    packed[:, -1] &= np.uint64((1 << (width - 1) % 64 + 1) - 1)
    result = Result(3000, width, packed)
    values = [sum(int(w) << 64 * i for i, w in enumerate(row)) for row in packed]
    wanted: dict[str, int] = {}
    for value in sorted(values):
        key = format(value, f"0{width}b")
        wanted[key] = wanted.get(key, 0) + 1
    assert list(result.counts().items()) == list(wanted.items())

"""A slice of the battery of random circuits; the whole of it is slow."""

from __future__ import annotations

import pytest


def check(count, first=0):
    pytest.importorskip("qiskit")
    pytest.importorskip("cirq")
    from random_circuits import battery

    worst, failures = battery(count, first=first)
    assert not failures, "\n".join(failures[:20])
    assert all(worst.values()), "a family was never compared"


def test_random_circuits_agree_with_the_sdks():
    check(300)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_random_circuits_agree_with_the_sdks():
    check(10_000)

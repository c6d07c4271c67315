"""A slice of the battery of dynamic circuits; the whole of it is slow."""

from __future__ import annotations

import pytest


def check(count):
    pytest.importorskip("qiskit_aer")
    pytest.importorskip("cirq")
    from dynamic_circuits import battery

    _, compared, failures = battery(count)
    assert not failures, "\n".join(failures[:20])
    assert min(compared.values()) > count // 3, f"too few circuits were compared: {compared}"


def test_dynamic_circuits_agree_with_the_sdks_and_the_exact_distribution():
    check(40)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_dynamic_circuits_agree_with_the_sdks_and_the_exact_distribution():
    check(1000)

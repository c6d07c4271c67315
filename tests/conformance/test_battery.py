"""One battery for every kernel set and engine that is registered, ours and third parties'."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import check_engine, check_kernel_set
from quasim_backend.testing.clifford_checks import CLIFFORD_CHECKS
from quasim_backend.testing.engine_checks import ENGINE_CHECKS, Refused, Subject
from quasim_backend.testing.kernel_checks import KERNEL_CHECKS


@pytest.mark.parametrize("check", KERNEL_CHECKS)
def test_kernel_set_keeps_the_contract(kernels, dtype, check):
    KERNEL_CHECKS[check](kernels, dtype)


@pytest.mark.parametrize("check", ENGINE_CHECKS | CLIFFORD_CHECKS)
def test_engine_keeps_the_contract(engine, kernels, dtype, check):
    try:
        (ENGINE_CHECKS | CLIFFORD_CHECKS)[check](Subject(engine, kernels, dtype))
    except Refused as reason:
        pytest.skip(f"the engine refuses: {reason}")


def test_whole_battery_reports_what_passed():
    report = check_kernel_set(ReferenceKernels(), np.complex128)
    assert report.passed == list(KERNEL_CHECKS)
    assert not report.refused


class _Broken(ReferenceKernels):
    name = "broken"

    def probabilities(self, state, qubits):
        return super().probabilities(state, list(reversed(qubits)))


class _Collapsed(ReferenceKernels):
    name = "unscaled"

    def collapse(self, state, qubits, outcome, scale):
        super().collapse(state, qubits, outcome, 1.0)


class _Conjugated(ReferenceKernels):
    name = "conjugated"

    def run(self, plan, state, parameters, cancel=None):
        np.conjugate(state, out=state)
        super().run(plan, state, parameters, cancel)
        np.conjugate(state, out=state)


@pytest.mark.parametrize("broken", [_Broken, _Collapsed, _Conjugated])
def test_battery_finds_a_broken_kernel_set(broken):
    with pytest.raises(AssertionError, match=rf"\[{broken.name}, complex128, \w+\] .*off by"):
        check_kernel_set(broken(), np.complex128)


def test_battery_names_missing_methods():
    with pytest.raises(AssertionError, match=r"lacks methods of KernelSet: .*zero_state"):
        check_kernel_set(object())


def test_battery_refuses_an_engine_that_refuses_everything():
    class Refusing:
        name = "refusing"

        def refuses(self, compiled, request):
            return "no"

        def memory_bytes(self, compiled, request):
            return 0

        def run(self, compiled, request):
            raise AssertionError("must not be called")

    with pytest.raises(AssertionError, match="refused every check"):
        check_engine(Refusing(), ReferenceKernels())

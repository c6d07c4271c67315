"""Programs of the GPU engine: for which device and how long they are kept."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile.planner import is_available as can_plan
from quasim_backend.compile.planner import plan
from quasim_backend.kernels.cuda import emulated, program
from quasim_backend.kernels.cuda.emulated import EmulatedDevice
from quasim_backend.kernels.cuda.program import program_for
from quasim_backend.testing.kernel_checks import program_of

if reason := emulated.is_available() or program.is_available() or can_plan():
    pytest.skip(reason, allow_module_level=True)

DTYPE = np.dtype(np.complex64)


@pytest.fixture
def schedule():
    return plan(program_of(quasim.Circuit(3).h(0).cx(0, 1).rz(0.3, 2)))


def test_a_program_is_made_once_for_each_device_mode_and_precision(schedule):
    first, second = EmulatedDevice(), EmulatedDevice()
    uses = [
        (dtype, device, mode)
        for dtype in (DTYPE, np.dtype(np.complex128))
        for device in (first, second)
        for mode in ("run", "tangent")
    ]
    programs = [program_for(schedule, *use) for use in uses]
    assert len({id(made) for made in programs}) == len(uses)
    assert all(program_for(schedule, *use) is programs[k] for k, use in enumerate(uses))


def test_a_program_goes_with_its_device(schedule):
    # Else another device in the same place of memory would be given it.
    device = EmulatedDevice()
    made = weakref.ref(program_for(schedule, DTYPE, device))
    assert made() is not None
    del device
    gc.collect()
    assert made() is None


class Late(EmulatedDevice):
    """Copies only when it is waited for, as other streams may see it."""

    def __init__(self):
        super().__init__()
        self.begun = []

    def upload(self, host):
        copy = self.empty(host.shape, host.dtype)
        self.begun.append((copy, host))
        return copy

    def synchronize(self):
        for copy, host in self.begun:
            copy[...] = host


def test_a_program_is_complete_before_others_can_use_it(schedule):
    got = program_for(schedule, DTYPE, Late()).data
    np.testing.assert_array_equal(got, program_for(schedule, DTYPE, EmulatedDevice()).data)

"""Every registered kernel set and engine, at both dtypes; unavailable ones skip with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.options import Config
from quasim_backend.plugins import default_manager

COUNTS_ONLY = "null"  # computes nothing, so there is nothing to compare


def _kernel_names():
    return [name for name in default_manager().kernels.specs if name != COUNTS_ONLY]


def pytest_generate_tests(metafunc):
    names = {
        "kernel_name": _kernel_names,
        "engine_name": lambda: list(default_manager().engines.specs),
    }
    for fixture, find in names.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, find(), scope="session")


@pytest.fixture(params=[np.complex64, np.complex128], ids=["complex64", "complex128"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def kernels(kernel_name, dtype):
    spec = default_manager().kernels[kernel_name]
    reason = spec.is_available()
    if reason is not None:
        pytest.skip(f"kernel set '{kernel_name}': {reason}")
    if dtype.name not in spec.dtypes:
        pytest.skip(f"kernel set '{kernel_name}' does not compute in {dtype.name}")
    return spec.make(Config())


@pytest.fixture
def engine(engine_name):
    return default_manager().engines[engine_name].make()

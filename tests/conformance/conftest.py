"""Every registered kernel set and engine, at both dtypes; unavailable ones skip with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.options import Config
from quasim_backend.plugins import default_manager

COUNTS_ONLY = "null"  # computes nothing, so there is nothing to compare


def _kernel_names():
    return [name for name in default_manager().kernels.specs if name != COUNTS_ONLY]


def _pairs():
    """Engines that run gates hardly use kernels: two sets are enough for them."""
    engines = default_manager().engines
    for engine in engines.specs:
        runs_gates = getattr(engines[engine].make(), "runs_gates", False)
        for kernels in _kernel_names():
            if not runs_gates or kernels in ("native", "reference"):
                yield engine, kernels


def pytest_generate_tests(metafunc):
    asked = {"engine_name", "kernel_name"} & set(metafunc.fixturenames)
    if len(asked) == 2:
        metafunc.parametrize(("engine_name", "kernel_name"), list(_pairs()), scope="session")
    elif asked == {"kernel_name"}:
        metafunc.parametrize("kernel_name", _kernel_names(), scope="session")
    elif asked:
        names = list(default_manager().engines.specs)
        metafunc.parametrize("engine_name", names, scope="session")


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

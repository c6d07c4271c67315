"""Memory of large native states: blocks that are given back are used again."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from quasim_backend.kernels import native

pytestmark = [
    pytest.mark.skipif(native.is_available() is not None, reason="no native kernels"),
]
SMALL, LARGE = 22, 23  # 32 and 64 MiB in complex64


def _address(state: np.ndarray) -> int:
    return int(state.ctypes.data)


@pytest.mark.skipif(sys.platform != "linux", reason="blocks are kept on Linux only")
def test_blocks_of_several_sizes_are_used_again() -> None:
    kernels = native.NativeKernels()
    dtype = np.dtype(np.complex64)
    states = [kernels.zero_state(n, dtype) for n in (SMALL, LARGE, SMALL)]
    places = {_address(state) for state in states}
    assert len(places) == 3
    states.clear()
    again = [kernels.zero_state(n, dtype) for n in (LARGE, SMALL)]
    copies = [kernels.copy(again[1])]
    assert {_address(state) for state in again + copies} == places


def test_used_blocks_come_back_cleared() -> None:
    kernels = native.NativeKernels()
    dtype = np.dtype(np.complex64)
    state = kernels.zero_state(SMALL, dtype)
    state[:] = 7
    del state
    state = kernels.zero_state(SMALL, dtype)
    assert state[0] == 1
    assert np.count_nonzero(state) == 1


def test_more_than_is_kept_works_too() -> None:
    kernels = native.NativeKernels()
    dtype = np.dtype(np.complex64)
    for _ in range(2):
        states = [kernels.zero_state(SMALL, dtype) for _ in range(12)]
        assert len({_address(state) for state in states}) == 12
        assert all(state[0] == 1 and state[-1] == 0 for state in states)
        for number, state in enumerate(states):
            state[:2] = number
        assert [int(state[1].real) for state in states] == list(range(12))
        del state
        states.clear()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits the address space")
@pytest.mark.skipif(
    "QUASIM_SANITIZED" in os.environ, reason="the sanitizer needs the address space"
)
def test_kept_blocks_give_way_where_memory_is_short(interpreter) -> None:
    code = """
    import resource
    import numpy as np
    from quasim_backend.kernels import native

    kernels, dtype = native.NativeKernels(1), np.dtype(np.complex64)
    states = [kernels.zero_state(22, dtype) for _ in range(6)]
    with open("/proc/self/status") as status:
        used = next(int(line.split()[1]) for line in status if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (used * 1024, resource.RLIM_INFINITY))
    try:
        kernels.zero_state(23, dtype)
    except MemoryError:
        pass
    else:
        raise SystemExit("the limit has no effect")
    states.clear()
    assert kernels.zero_state(23, dtype)[0] == 1
    """
    interpreter(code)


@pytest.mark.parametrize("source", [np.complex64, np.complex128])
@pytest.mark.parametrize("target", [np.complex64, np.complex128])
@pytest.mark.parametrize("size", [1, 8, 1 << 17])
def test_copies_are_of_the_precision_asked_for(
    source: type[np.complexfloating], target: type[np.complexfloating], size: int
) -> None:
    rng = np.random.default_rng(size)
    amplitudes = (rng.normal(size=2 * size) + 1j * rng.normal(size=2 * size)).astype(source)
    amplitudes.flags.writeable = False
    for view in (amplitudes[:size], amplitudes[::2]):
        copy = native.NativeKernels().from_host(view, np.dtype(target))
        assert copy.dtype == target
        np.testing.assert_array_equal(copy, view.astype(target))

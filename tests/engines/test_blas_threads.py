"""The number of threads of NumPy's linear algebra."""

from __future__ import annotations

import threading

import pytest

from quasim_backend.engines import blas_threads as module
from quasim_backend.engines.blas_threads import blas_threads

known = pytest.mark.skipif(module._calls() is None, reason="NumPy has no OpenBLAS here")


@known
def test_the_number_holds_for_the_block_only() -> None:
    get, put = module._calls()
    before = get()
    put(2)
    try:
        with blas_threads(1):
            assert get() == 1
            with blas_threads(2):  # the first decides
                assert get() == 1
        assert get() == 2
        with blas_threads(3):  # threads that are not there may not be possible
            assert get() == 2
        with pytest.raises(ZeroDivisionError), blas_threads(1):
            _ = 1 / 0
        assert get() == 2
    finally:
        put(before)


@known
def test_blocks_of_several_threads_overlap() -> None:
    get, put = module._calls()
    before = get()
    put(2)
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with blas_threads(1):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    try:
        thread.start()
        assert inside.wait(10)
        with blas_threads(1):
            assert get() == 1
        assert get() == 1  # the other block goes on
        leave.set()
        thread.join(10)
        assert get() == 2
    finally:
        leave.set()
        put(before)


def test_without_openblas_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_calls", lambda: None)
    with blas_threads(1):
        pass
    assert module._running == []

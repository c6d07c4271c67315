"""How many threads NumPy's linear algebra takes, for the time of a run.

Decompositions of a few hundred rows gain nothing from a second thread, and lose by a factor of ten
and more where other programs want the same cores: the threads wait for each other without sleeping.
NumPy has no option for that, but its OpenBLAS has; with another library nothing is changed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import numpy as np

__all__ = ["blas_threads"]

_Calls: TypeAlias = tuple[Callable[[], int], Callable[[int], Any]]

_NAMES = (
    *("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_"),
    *("scipy_openblas_{}_num_threads", "openblas_{}_num_threads"),
)
"""As builds of OpenBLAS call what gets and sets the number, those of NumPy's wheels first."""

_lock = threading.Lock()
_running: list[int] = []
"""The number before the first of the runs that go on now, and one entry for each."""


@contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Have linear algebra take at most ``number`` threads in the whole process in this block.

    Never more than before: OpenBLAS waits for ever for a thread that cannot be started. Of blocks
    that overlap, in several threads, the first one decides.
    """
    calls = _calls()
    if calls is None:
        yield
        return
    get, put = calls
    with _lock:
        if not _running:
            _running.append(get())
            put(min(number, _running[0]))
        _running.append(number)
    try:
        yield
    finally:
        with _lock:
            _running.pop()
            if len(_running) == 1:
                put(_running.pop())


@cache
def _calls() -> _Calls | None:
    """Return what gets and sets the number of threads of NumPy's OpenBLAS, or None."""
    try:
        # A symbol is looked for in a library and in those it was linked to.
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    except (AttributeError, OSError):
        return None
    for name in _NAMES:
        try:
            return library[name.format("get")], library[name.format("set")]
        except AttributeError:
            continue
    return None

"""Interleaved timing: every simulator takes its turn in each round."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Start = Callable[[], Callable[[], Any]]
"""Prepares one run, outside of the clock, and returns what is timed."""

_PAUSE = 0.002
"""OpenMP's threads spin for a while after a parallel region; the next one in turn shall not pay."""
_SHORT = 0.02
"""Seconds: what takes less in all rounds together gets more rounds."""
_MOST_ROUNDS = 20
_BRIEF = 0.3
"""Seconds: a call that takes less is tried three times."""


def clocked(start: Start) -> float:
    """Return the seconds of one run; its result is freed after the clock has stopped."""
    call = start()
    time.sleep(_PAUSE)
    before = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - before
    del result
    return seconds


def interleaved(
    starts: Mapping[str, Start], repeats: int, budget: float = 30.0
) -> dict[str, list[float]]:
    """Time several calls in turns.

    Args:
        starts: By name.
        repeats: Rounds; more if a round is very short.
        budget: A call that has used so many seconds is left out of further rounds.

    Returns:
        Seconds of each run by name.
    """
    times: dict[str, list[float]] = {name: [] for name in starts}
    gc.collect()
    gc.disable()
    try:
        rounds, done = repeats, 0
        while done < rounds:
            for name, start in starts.items():
                if sum(times[name]) < budget:
                    times[name].append(clocked(start))
            done += 1
            shortest = min(sum(t) for t in times.values())
            if done == rounds and shortest < _SHORT and rounds < _MOST_ROUNDS:
                rounds = min(_MOST_ROUNDS, 2 * rounds)
    finally:
        gc.enable()
    return times


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each list."""
    return {name: statistics.median(t) for name, t in times.items()}


def fastest(starts: Mapping[str, Start]) -> str:
    """Return the name of what is fastest; short calls run three times, the best counts."""
    best: dict[str, float] = {}
    for name, start in starts.items():
        best[name] = clocked(start)
        if best[name] < _BRIEF:
            best[name] = min(best[name], clocked(start), clocked(start))
    return min(best, key=lambda name: best[name])

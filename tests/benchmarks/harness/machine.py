"""The machine: its name, versions of what runs on it, and what it can do at best."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np


def describe() -> dict[str, Any]:
    """Return the processor, its threads, memory and caches, and the system."""
    facts = _cpuinfo()
    return {
        "processor": facts.get("model name", platform.processor() or platform.machine()),
        "threads": all_threads(),
        "isa": _isa(),
        "memory_gib": round(total_memory() / 2**30, 1),
        "cache": _caches(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def all_threads() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions(packages: list[str]) -> dict[str, str]:
    """Return the installed versions of distributions; those that are not there are left out."""
    found = {}
    for package in ["numpy", *packages]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def total_memory() -> int:
    """Return the machine's memory in bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def free_memory() -> int:
    """Return the bytes that can be allocated now."""
    import psutil

    return int(psutil.virtual_memory().available)


def copy_bandwidth(threads: int, *, megabytes: int = 512, rounds: int = 6) -> float:
    """Measure a copy as STREAM does: bytes read plus bytes written, a second, the best of all.

    NumPy copies slices of an array that is much larger than any cache, one slice a thread; it
    holds no lock while it copies.

    Args:
        threads: How many copy at the same time.
        megabytes: Size of each of the two arrays; less if memory is short.
        rounds: How often.

    Returns:
        Gigabytes (1e9) a second.
    """
    size = min(megabytes << 20, free_memory() // 4) // 8
    source, target = np.ones(size), np.zeros(size)
    edges = np.linspace(0, size, threads + 1).astype(int)

    def copy(part: int) -> None:
        where = slice(edges[part], edges[part + 1])
        np.copyto(target[where], source[where])

    return 2 * 8 * size / _best_seconds(copy, threads, rounds) / 1e9


def multiply_rate(dtype: str, threads: int, *, size: int = 1024, rounds: int = 4) -> float:
    """Measure real fused multiply-adds a second of NumPy's matrix product, in 1e9.

    The number of its threads is that of the process's environment; one product runs at a time.

    Args:
        dtype: Of the amplitudes; the product is of real matrices of the same precision.
        threads: Larger matrices for more threads.
        size: Of the matrices for one thread.
        rounds: How often; the best counts.
    """
    real = np.float32 if dtype == "complex64" else np.float64
    side = size * (2 if threads > 1 else 1)
    left = np.ones((side, side), real)
    return side**3 / _best_seconds(lambda part: left @ left, 1, rounds) / 1e9


def _best_seconds(work: Callable[[int], object], threads: int, rounds: int) -> float:
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            before = time.perf_counter()
            list(pool.map(work, range(threads)))
            best = min(best, time.perf_counter() - before)
    return best


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    pairs = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _caches() -> str:
    """Return the caches of the first processor, as Linux tells them."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name) for name in ("level", "type", "size"))
        if size.exists() and kind.read_text().strip() != "Instruction":
            found.append(f"L{level.read_text().strip()} {size.read_text().strip()}")
    return ", ".join(found)


def _isa() -> str:
    from quasim_backend.kernels import native

    reason = native.is_available()
    return f"NumPy kernels ({reason})" if reason else str(native.info()["isa"])

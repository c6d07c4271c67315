"""How much memory a run may allocate, and how numbers of bytes are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from quasim_backend.kernels.base import DeviceKernels, KernelSet
from quasim_backend.options import Config

__all__ = ["SMALL", "available_memory", "device_memory", "format_bytes", "free_memory"]

SMALL = 4 << 20
"""Runs that need less are not checked: asking the system takes longer than they do."""

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # cgroup v1 writes a huge number where there is no limit


def free_memory() -> int | None:
    """Return the bytes that can be allocated without swapping, or None if nobody says.

    The least of what the machine has available, what the process's control group leaves, and what
    its address-space limit leaves.
    """
    limits = [*_machine(), *_cgroup(_PROC, _CGROUP), *_address_space()]
    return max(0, min(limits)) if limits else None


def available_memory(config: Config) -> int | None:
    """Return the bytes a run may allocate: what is free and allowed; None if nobody says."""
    return _allowed(free_memory(), config)


def device_memory(kernels: KernelSet, config: Config) -> int | None:
    """Return the bytes a run may allocate in the kernel set's own memory.

    None if it has none, or nobody says: then the host's memory is what counts.
    """
    free = kernels.free_bytes() if isinstance(kernels, DeviceKernels) else None
    return None if free is None else _allowed(free, config)


def format_bytes(count: int) -> str:
    """Write a number of bytes for people, in binary units: ``"32 GiB"``."""
    if count >= 1 << 70:
        return f"2**{count.bit_length() - 1} bytes"
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.3g} EiB" if value < 1000 else f"{value:.0f} EiB"


def _allowed(free: int | None, config: Config) -> int | None:
    """Return the less of what is free and what the configuration allows."""
    limits = [] if free is None else [free]
    if config.max_memory_mb is not None:
        limits.append(int(config.max_memory_mb * 2**20))
    return min(limits, default=None)


def _machine() -> Iterator[int]:
    text = _read(_PROC / "meminfo")
    if text is not None:
        for line in text.splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    # Without /proc: all the memory there is, which at least catches the hopeless cases.
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return


def _cgroup(proc: Path, root: Path) -> Iterator[int]:
    """Yield what each control group around this process leaves."""
    for line in (_read(proc / "self" / "cgroup") or "").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0" and not controllers:
            names, base = ("memory.max", "memory.current", "inactive_file"), root
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            base = root / "memory"
        else:
            continue
        # In a container the group's own files are at the mount's root, not at its path.
        here = base / path.lstrip("/")
        for folder in (here, *here.parents):
            yield from _group(folder, *names)
            if folder == base:
                break


def _group(folder: Path, limit_name: str, usage_name: str, cache_name: str) -> Iterator[int]:
    limit, usage = _number(folder / limit_name), _number(folder / usage_name)
    if limit is None or usage is None or limit >= _UNLIMITED:
        return
    # Pages of files that were read are counted as used but given back on demand.
    cache = 0
    for line in (_read(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == cache_name:
            cache = int(value)
    yield limit - max(0, usage - cache)


def _address_space() -> Iterator[int]:
    try:
        import resource
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    sizes = _read(_PROC / "self" / "statm")
    if limit != resource.RLIM_INFINITY and sizes is not None:
        yield limit - int(sizes.split()[0]) * resource.getpagesize()


def _number(path: Path) -> int | None:
    text = (_read(path) or "").strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None

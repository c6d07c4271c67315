"""Hands over something that is no record."""

from __future__ import annotations

from quasim_backend.plugins import hookimpl


@hookimpl
def quasim_kernels() -> list[str]:
    """Return a name instead of a record."""
    return ["fast_kernels"]

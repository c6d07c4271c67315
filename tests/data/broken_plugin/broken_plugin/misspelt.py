"""Implements a hook that does not exist, and one that does."""

from __future__ import annotations

from quasim_backend.plugins import EngineSpec, hookimpl


@hookimpl
def quasim_engine() -> list[EngineSpec]:
    """Return nothing: the hook is called quasim_engines."""
    return []


@hookimpl
def quasim_passes() -> list[object]:
    """Return nothing."""
    return []

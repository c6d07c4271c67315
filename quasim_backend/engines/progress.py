"""How much of a run is done, told to who asked."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Progress"]

_STEP = 1e-3
"""Least difference that is worth a call."""


class Progress:
    """Fractions of a run, from 0 to 1, that only grow; any thread may tell them.

    What the listener raises ends the run.
    """

    def __init__(self, listener: Callable[[float], None] | None = None) -> None:
        """Start at 0.

        Args:
            listener: Called with the fraction, by one thread at a time; None: nobody listens.
        """
        self._listener = listener
        self._lock = threading.Lock()
        self._told = 0.0

    def __bool__(self) -> bool:
        """Return whether somebody listens."""
        return self._listener is not None

    def at(self, fraction: float) -> None:
        """Say how much is done; the end is told once, and everything in between as it grows."""
        if self._listener is None:
            return
        with self._lock:
            fraction = min(fraction, 1.0)
            last = fraction == 1.0 and self._told < 1.0
            if last or fraction >= self._told + _STEP:
                self._told = fraction
                self._listener(fraction)

    def within(self, low: float, high: float) -> Callable[[float], None] | None:
        """Return a listener for a part of the run, from one fraction to another."""
        if self._listener is None:
            return None
        return lambda fraction: self.at(low + (high - low) * fraction)

"""What was found before: of a circuit's questions, kept with the circuit, and of paths."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from quasim_backend.forks import renew_in_child

__all__ = ["Memory"]

_REMEMBERED = 256
"""Entries that are kept."""


class Memory:
    """Entries by key, for any number of threads; the one unused for longest goes first."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()
        renew_in_child(self, "_lock")

    def get(self, key: Hashable) -> Any:
        """Return an entry, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keep an entry."""
        with self._lock:
            self._entries[key] = value
            while len(self._entries) > _REMEMBERED:
                self._entries.popitem(last=False)

    def take(self, key: Hashable) -> Any:
        """Return an entry, or None, and forget it: nobody else gets it."""
        with self._lock:
            return self._entries.pop(key, None)

"""A clock that sections ask before they begin something."""

from __future__ import annotations

import time


class Budget:
    """Seconds that may be used.

    Args:
        seconds: From now on.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; negative when it is over."""
        return self._end - time.monotonic()

    def allows(self, seconds: float) -> bool:
        """Return whether something of that length can be begun."""
        return self.left() > seconds

    def share(self, seconds: float) -> Budget:
        """Return a budget of at most ``seconds`` that ends no later than this one."""
        return Budget(min(seconds, self.left()))

"""The session: configuration in, results out. `quasim_backend.runtime` opens one."""

from __future__ import annotations

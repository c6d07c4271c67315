"""Engines: simulation methods that run compiled circuits on a kernel set."""

from __future__ import annotations

from quasim_backend.engines.base import Engine as Engine
from quasim_backend.engines.base import EngineOutput as EngineOutput
from quasim_backend.engines.base import EngineRequest as EngineRequest

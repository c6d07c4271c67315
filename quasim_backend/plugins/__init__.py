"""Plug-ins: engines, kernel sets, passes, translators and observers, found by entry points.

A plug-in is a module (or any object) with functions marked by `hookimpl`, named by an entry point
of the group ``quasim.plugins``. QuASIM's own engines and kernel sets enter through the same hooks.
"""

from __future__ import annotations

from quasim_backend.plugins.hooks import PROJECT as PROJECT
from quasim_backend.plugins.hooks import hookimpl as hookimpl
from quasim_backend.plugins.manager import ENTRY_POINT_GROUP as ENTRY_POINT_GROUP
from quasim_backend.plugins.manager import PluginManager as PluginManager
from quasim_backend.plugins.manager import default_manager as default_manager
from quasim_backend.plugins.specs import EngineSpec as EngineSpec
from quasim_backend.plugins.specs import KernelSpec as KernelSpec
from quasim_backend.plugins.specs import PassSpec as PassSpec
from quasim_backend.plugins.specs import PluginFailure as PluginFailure
from quasim_backend.plugins.specs import PluginInfo as PluginInfo
from quasim_backend.plugins.specs import RunRecord as RunRecord

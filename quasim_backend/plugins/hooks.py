"""The hooks. They collect records or translate one object; none runs once a gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.ir.circuit import Circuit
from quasim_backend.options import RunOptions
from quasim_backend.plugins.specs import EngineSpec, KernelSpec, PassSpec, RunRecord

__all__ = ["PROJECT", "QuasimHooks", "hookimpl"]

PROJECT = "quasim"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plug-in as the implementation of the hook of its name."""


class QuasimHooks:
    """Every hook. A plug-in implements any of them; arguments it does not need may be left out."""

    @hookspec
    def quasim_engines(self) -> Iterable[EngineSpec]:  # type: ignore[empty-body]
        """Return or yield the simulation methods the plug-in adds."""

    @hookspec
    def quasim_kernels(self) -> Iterable[KernelSpec]:  # type: ignore[empty-body]
        """Return or yield the kernel sets the plug-in adds."""

    @hookspec
    def quasim_passes(self) -> Iterable[PassSpec]:  # type: ignore[empty-body]
        """Return or yield the passes the plug-in adds; they run in the order of registration."""

    @hookspec(firstresult=True)
    def quasim_translate_circuit(self, circuit: object) -> Circuit | None:
        """Return someone else's circuit as ours, or None if it is not this plug-in's.

        Test ``type(circuit).__module__`` before importing the SDK. ``circuit`` may be the
        `pathlib.Path` of a file that ``quasim run`` is given and that is no OpenQASM.
        """

    @hookspec(firstresult=True)
    def quasim_translate_noise(self, model: object) -> Any:
        """Return someone else's noise model as ours, or None if it is not this plug-in's."""

    @hookspec(firstresult=True)
    def quasim_export_noise(self, model: object, target: str) -> Any:
        """Return our noise model as an object of the SDK ``target``, or None."""

    @hookspec(firstresult=True)
    def quasim_select_engine(self, compiled: CompiledCircuit, options: RunOptions) -> str | None:
        """Return the name of the engine for a run with ``method="auto"``, or None."""

    @hookspec
    def quasim_run_finished(self, run: RunRecord) -> None:
        """Observe a run that has finished or failed; an exception raised here is only logged."""

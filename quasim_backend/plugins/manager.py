"""Loading plug-ins, guarded: a broken one never stops the others."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pluggy

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.errors import OptionError, PluginError, QuasimError, near_matches
from quasim_backend.forks import renew_in_child
from quasim_backend.ir.circuit import Circuit
from quasim_backend.options import RunOptions
from quasim_backend.plugins.hooks import PROJECT, QuasimHooks
from quasim_backend.plugins.short_names import engine_hint
from quasim_backend.plugins.specs import (
    EngineSpec,
    KernelSpec,
    PassSpec,
    PluginFailure,
    PluginInfo,
    RunRecord,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINT_GROUP", "PluginManager", "SpecTable", "default_manager"]

ENTRY_POINT_GROUP = "quasim.plugins"

_log = logging.getLogger(__name__)

_TABLES: tuple[tuple[str, str, type[Any]], ...] = (
    ("quasim_engines", "engine", EngineSpec),
    ("quasim_kernels", "kernel set", KernelSpec),
    ("quasim_passes", "pass", PassSpec),
)
"""Hooks that collect specs: the hook, what the specs are called, their type."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


SpecT = TypeVar("SpecT", bound=_Named)


class SpecTable(Generic[SpecT]):
    """Specs of one kind by name.

    Attributes:
        what: What they are, for messages.
        specs: Usable specs by name, in the order of registration.
        owners: Plug-in each usable spec came from.
        conflicts: For a name that several plug-ins claim: the message that names them. Nobody
            gets such a name.
    """

    def __init__(self, what: str) -> None:
        """Start an empty table."""
        self.what = what
        self._specs: dict[str, SpecT] = {}
        self.specs: Mapping[str, SpecT] = MappingProxyType(self._specs)
        self.owners: dict[str, str] = {}
        self.conflicts: dict[str, str] = {}

    def __getitem__(self, name: str) -> SpecT:
        """Return the spec of that name.

        Raises:
            PluginError: If several plug-ins claim the name; the message names them.
            OptionError: If no plug-in has the name; the message lists those that exist.
        """
        if name in self.conflicts:
            raise PluginError(self.conflicts[name])
        if name not in self._specs:
            hint = engine_hint if self.what == "engine" else near_matches
            raise OptionError(f"Unknown {self.what} '{name}'. {hint(name, self._specs)}")
        return self._specs[name]

    def ranked(self) -> list[SpecT]:
        """Return the specs that have a priority, highest first."""
        ranked = [s for s in self._specs.values() if getattr(s, "priority", None) is not None]
        return sorted(ranked, key=lambda s: -s.priority)  # type: ignore[attr-defined]

    def _add(self, spec: SpecT, owner: str) -> str | None:
        """Take a spec, or return why it cannot be had."""
        name = spec.name
        if name in self.owners:
            self._specs.pop(name, None)
            self.conflicts[name] = (
                f"The {self.what} '{name}' is claimed by the plug-ins '{self.owners[name]}' and "
                f"'{owner}'. Uninstall one of them, or leave it out of the PluginManager."
            )
            return self.conflicts[name]
        self._specs[name] = spec
        self.owners[name] = owner
        return None


class PluginManager:
    """The plug-ins of a session, loaded when they are first needed.

    A plug-in that cannot be imported, implements a hook that does not exist or hands over something
    unusable is reported by one warning and in `failures`; everything else goes on. With
    ``QUASIM_STRICT_PLUGINS=1`` in the environment it is a `PluginError` instead.
    """

    def __init__(
        self,
        *,
        builtins: bool = True,
        entry_points: bool = True,
        plugins: Mapping[str, object] | None = None,
        strict: bool | None = None,
    ) -> None:
        """Describe what to load; nothing is imported yet.

        Args:
            builtins: Whether to register QuASIM's own engines and kernel sets.
            entry_points: Whether to load the entry points of the group ``quasim.plugins``.
            plugins: More plug-ins, by name.
            strict: Whether a broken plug-in is an error; None asks ``QUASIM_STRICT_PLUGINS``.
        """
        self._builtins = builtins
        self._entry_points = entry_points
        self._strict = strict
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(QuasimHooks)
        self._distributions: dict[str, str | None] = {}
        self._failures: list[PluginFailure] = []
        self._tables: dict[str, Any] = {}
        self._lock = threading.RLock()
        renew_in_child(self, "_lock")
        self._begun = False
        self._loaded = False
        self._fatal: PluginError | None = None
        self._waiting = dict(plugins or {})

    # --- what there is ------------------------------------------------------------------------

    @property
    def engines(self) -> SpecTable[EngineSpec]:
        """The engines of all plug-ins."""
        return self._table(*_TABLES[0])

    @property
    def kernels(self) -> SpecTable[KernelSpec]:
        """The kernel sets of all plug-ins."""
        return self._table(*_TABLES[1])

    @property
    def passes(self) -> SpecTable[PassSpec]:
        """The passes of all plug-ins."""
        return self._table(*_TABLES[2])

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Plug-ins that are loaded, QuASIM's own included."""
        self._load()
        found = []
        for name, plugin in self._pluggy.list_name_plugin():
            if plugin is not None:
                hooks = tuple(sorted(c.name for c in self._pluggy.get_hookcallers(plugin) or ()))
                found.append(PluginInfo(name, self._distributions.get(name), hooks))
        return tuple(found)

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """What is wrong with plug-ins, as far as is known; collects every table."""
        for hook, what, kind in _TABLES:
            self._table(hook, what, kind)
        return tuple(self._failures)

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add a plug-in: a module or object with functions marked by `hookimpl`.

        Raises:
            PluginError: If it is strict and the plug-in is broken.
        """
        with self._lock:
            self._load()
            label = name or getattr(plugin, "__name__", None) or type(plugin).__name__
            self._add(label, partial(_itself, plugin), None)
            self._check_pending()
            self._tables.clear()

    @property
    def watches_runs(self) -> bool:
        """Whether a plug-in chooses engines or is told of finished runs."""
        self._load()
        hooks = (self._pluggy.hook.quasim_select_engine, self._pluggy.hook.quasim_run_finished)
        return any(hook.get_hookimpls() for hook in hooks)

    # --- translation and choice ---------------------------------------------------------------

    def translate_circuit(self, circuit: object) -> Circuit | None:
        """Return someone else's circuit as ours, or None if no plug-in knows it.

        Raises:
            PluginError: If a plug-in fails by accident; the message names it.
        """
        found = self._first("quasim_translate_circuit", circuit=circuit)
        return None if found is None else self._typed(found, Circuit)

    def translate_noise(self, model: object) -> Any:
        """Return someone else's noise model as ours, or None if no plug-in knows it.

        Raises:
            PluginError: If a plug-in fails by accident; the message names it.
        """
        found = self._first("quasim_translate_noise", model=model)
        return None if found is None else found[0]

    def export_noise(self, model: object, target: str) -> Any:
        """Return our noise model as an object of the SDK ``target``, or None.

        Raises:
            PluginError: If a plug-in fails by accident; the message names it.
        """
        found = self._first("quasim_export_noise", model=model, target=target)
        return None if found is None else found[0]

    def select_engine(
        self, compiled: CompiledCircuit, options: RunOptions
    ) -> tuple[str, str] | None:
        """Return the engine a plug-in wants for a run and the plug-in's name, or None.

        Raises:
            PluginError: If a plug-in fails by accident; the message names it.
        """
        found = self._first("quasim_select_engine", compiled=compiled, options=options)
        return None if found is None else (self._typed(found, str), found[1])

    def run_finished(self, run: RunRecord) -> None:
        """Tell every observer; an observer that fails is logged."""
        for name, call in self._calls("quasim_run_finished", run=run):
            try:
                call()
            except Exception:
                _log.exception("Plug-in '%s' failed in quasim_run_finished.", name)

    # --- loading ------------------------------------------------------------------------------

    def _load(self) -> None:
        if self._fatal is not None:
            raise self._fatal
        if self._loaded:
            return
        with self._lock:
            if self._fatal is not None:
                raise self._fatal
            if self._begun:
                return  # a hook that asks for plug-ins must not start over
            self._begun = True
            try:
                self._load_all()
                self._loaded = True  # other threads wait until then
            except PluginError as error:
                self._fatal = error
                raise

    def _load_all(self) -> None:
        if self._builtins:
            from quasim_backend.plugins import builtin

            self._pluggy.register(builtin, "quasim")
        for name, plugin in self._waiting.items():
            self._add(name, partial(_itself, plugin), None)
        if self._entry_points:
            self._load_entry_points()
        self._check_pending()

    def _load_entry_points(self) -> None:
        from importlib import metadata

        found: dict[tuple[str, str], EntryPoint] = {}
        for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
            # One distribution can be seen twice, as source tree and as installed.
            found.setdefault((entry.name, entry.value), entry)
        for entry in found.values():
            origin = None if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
            name = entry.name
            if self._pluggy.has_plugin(name):
                name = f"{name} ({entry.value})"
            self._add(name, entry.load, origin)

    def _add(self, name: str, load: Callable[[], object], distribution: str | None) -> None:
        self._distributions[name] = distribution
        plugin = None
        try:
            plugin = load()
            self._pluggy.register(plugin, name)
        except Exception as cause:
            if plugin is not None and self._pluggy.get_plugin(name) is plugin:
                # pluggy keeps the hooks it had accepted before it met the bad one.
                self._pluggy.unregister(plugin, name)
            self._fail(name, f"{type(cause).__name__}: {cause}", cause)

    def _check_pending(self) -> None:
        """Report implementations of hooks that do not exist, plug-in by plug-in."""
        known = [n for n in vars(QuasimHooks) if n.startswith("quasim_")]
        for hook in list(vars(self._pluggy.hook)):
            if hook.startswith("_") or hook in known:
                continue
            for implementation in getattr(self._pluggy.hook, hook).get_hookimpls():
                if not implementation.optionalhook:
                    self._fail(
                        implementation.plugin_name,
                        f"it implements the unknown hook '{hook}'. {near_matches(hook, known)}",
                    )

    def _fail(self, name: str, cause: str, error: BaseException | None = None) -> None:
        # One line, however the cause was written.
        failure = PluginFailure(name, self._distributions.get(name), " ".join(cause.split()))
        strict = self._strict
        if strict is None:
            strict = os.environ.get("QUASIM_STRICT_PLUGINS", "") not in ("", "0")
        if strict:
            raise PluginError(str(failure)) from error
        if failure in self._failures:
            return
        self._failures.append(failure)
        warnings.warn(str(failure), RuntimeWarning, stacklevel=2)

    # --- calling ------------------------------------------------------------------------------

    def _calls(self, hook: str, **arguments: object) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield (plug-in name, call) for each implementation, in pluggy's order."""
        self._load()
        for implementation in reversed(getattr(self._pluggy.hook, hook).get_hookimpls()):
            values = [arguments[name] for name in implementation.argnames]
            yield implementation.plugin_name, partial(implementation.function, *values)

    def _first(self, hook: str, **arguments: object) -> tuple[Any, str, str] | None:
        """Return the first result that is not None, its plug-in and hook."""
        for name, call in self._calls(hook, **arguments):
            try:
                result = call()
            except QuasimError:
                raise
            except Exception as cause:
                raise PluginError(
                    f"Plug-in '{name}' failed in {hook}: {type(cause).__name__}: {cause}"
                ) from cause
            if result is not None:
                return result, name, hook
        return None

    @staticmethod
    def _typed(found: tuple[Any, str, str], kind: type[Any]) -> Any:
        result, name, hook = found
        if not isinstance(result, kind):
            raise PluginError(
                f"Plug-in '{name}' must return a {kind.__name__} or None from {hook}; it returned "
                f"a {type(result).__name__}."
            )
        return result

    def _table(self, hook: str, what: str, kind: type[Any]) -> SpecTable[Any]:
        table = self._tables.get(hook)
        if table is not None:
            return table  # type: ignore[no-any-return]
        with self._lock:
            table = SpecTable[Any](what)
            # In the order of registration: QuASIM's own come first.
            for name, call in reversed(list(self._calls(hook))):
                try:
                    specs = list(call())
                except Exception as cause:
                    self._fail(name, f"{hook} raised {type(cause).__name__}: {cause}", cause)
                    continue
                for spec in specs:
                    if not isinstance(spec, kind):
                        self._fail(
                            name,
                            f"{hook} must yield {kind.__name__}; it yielded a "
                            f"{type(spec).__name__}.",
                        )
                    elif problem := table._add(spec, name):
                        self._fail(name, problem)
            self._tables[hook] = table
            return table


def _itself(plugin: object) -> object:
    return plugin


_default = PluginManager()


def default_manager() -> PluginManager:
    """Return the process's plug-in manager; its plug-ins are loaded when first needed."""
    return _default

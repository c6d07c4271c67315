"""Which engines `Config.fallback` may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quasim_backend.errors import OptionError
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.plugins.short_names import engine_hint
from quasim_backend.plugins.specs import EngineSpec

__all__ = ["approximating", "check_fallback"]

_CUT_OFF = ("matrix_product_state", "pauli_propagation")
"""QuASIM's own engines that approximate where their settings say so."""
_EXACT_BY_NAME = ("superop",)
"""Those that only a name, or a question of their own, brings in, and that are exact."""


def approximating(specs: Mapping[str, EngineSpec]) -> list[str]:
    """Return the names of engines that may approximate.

    A plug-in's engine may where it has no priority; see `EngineSpec`.
    """
    return [
        name
        for name, spec in specs.items()
        if name in _CUT_OFF or (spec.priority is None and name not in _EXACT_BY_NAME)
    ]


def check_fallback(names: Iterable[str], plugins: PluginManager) -> None:
    """Refuse names of engines that do not exist, or that do not approximate.

    Raises:
        PluginError: If several plug-ins claim a name.
        OptionError: As described; the message says which engines can be named.
    """
    specs = plugins.engines.specs
    for name in names:
        if name in plugins.engines.conflicts:
            _ = plugins.engines[name]  # says who claims it
        possible = approximating(specs)
        listed = ", ".join(map(repr, possible)) or "none"
        if name not in specs:
            raise OptionError(
                f"Option 'fallback' names the unknown engine '{name}'. {engine_hint(name, specs)} "
                f"Of these, fallback takes those that may approximate: {listed}."
            )
        if name not in possible:
            raise OptionError(
                f"Option 'fallback' names '{name}', which is exact: method='auto' takes it anyway."
                f" Leave it out; fallback takes engines that may approximate: {listed}."
            )

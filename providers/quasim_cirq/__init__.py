"""QuASIM for Cirq: write `quasim_cirq.Simulator()` where you wrote `cirq.Simulator()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quasim_cirq.simulator import Simulator as Simulator

__all__ = ["Simulator"]


def __getattr__(name: str) -> Any:
    """Import Cirq and the simulator when they are first asked for."""
    if name == "Simulator":
        from quasim_cirq.simulator import Simulator

        globals()["Simulator"] = Simulator
        return Simulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

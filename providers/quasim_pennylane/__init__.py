"""QuASIM for PennyLane: `qml.device("quasim.cpu")`, `"quasim.gpu"` and `"quasim.auto"`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quasim_pennylane.device import QuasimAuto as QuasimAuto
    from quasim_pennylane.device import QuasimCPU as QuasimCPU
    from quasim_pennylane.device import QuasimGPU as QuasimGPU

__all__ = ["QuasimAuto", "QuasimCPU", "QuasimGPU"]


def __getattr__(name: str) -> Any:
    """Import PennyLane and the devices when they are first asked for."""
    if name in __all__:
        from quasim_pennylane import device

        globals()[name] = getattr(device, name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

"""QuASIM for pytket: write `quasim_pytket.QuasimBackend()` where you wrote another backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quasim_pytket.backend import QuasimBackend as QuasimBackend
    from quasim_pytket.noise import averages as averages
    from quasim_pytket.variants import QuasimDensityMatrixBackend as QuasimDensityMatrixBackend
    from quasim_pytket.variants import QuasimShotsBackend as QuasimShotsBackend
    from quasim_pytket.variants import QuasimStateBackend as QuasimStateBackend
    from quasim_pytket.variants import QuasimUnitaryBackend as QuasimUnitaryBackend

__all__ = [
    "QuasimBackend",
    "QuasimDensityMatrixBackend",
    "QuasimShotsBackend",
    "QuasimStateBackend",
    "QuasimUnitaryBackend",
    "averages",
]


def __getattr__(name: str) -> Any:
    """Import pytket and the backends when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quasim_pytket import backend, noise, variants

    home = {"QuasimBackend": backend, "averages": noise}.get(name, variants)
    globals()[name] = value = getattr(home, name)
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

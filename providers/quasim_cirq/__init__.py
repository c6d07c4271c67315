"""QuASIM for Cirq: write `quasim_cirq.Simulator()` where you wrote `cirq.Simulator()`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quasim_cirq.clifford import clifford_state as clifford_state
    from quasim_cirq.clifford import clifford_tableau as clifford_tableau
    from quasim_cirq.density import DensityMatrixSimulator as DensityMatrixSimulator
    from quasim_cirq.noise_export import RuleNoiseModel as RuleNoiseModel
    from quasim_cirq.simulator import Simulator as Simulator

__all__ = [
    "DensityMatrixSimulator",
    "RuleNoiseModel",
    "Simulator",
    "clifford_state",
    "clifford_tableau",
]

_MODULES = {
    "DensityMatrixSimulator": "density",
    "RuleNoiseModel": "noise_export",
    "Simulator": "simulator",
    "clifford_state": "clifford",
    "clifford_tableau": "clifford",
}


def __getattr__(name: str) -> Any:
    """Import Cirq and what is asked for when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"quasim_cirq.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__

"""QuASIM for Qiskit: change one import line and keep the circuits.

>>> from quasim_qiskit import AerSimulator  # was: from qiskit_aer import AerSimulator

Names are imported when they are first used, so that finding the plug-in does not import Qiskit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quasim_qiskit.backend import AerSimulator as AerSimulator
    from quasim_qiskit.backend import QuasimSimulator as QuasimSimulator
    from quasim_qiskit.errors import QuasimQiskitError as QuasimQiskitError
    from quasim_qiskit.job import QuasimJob as QuasimJob
    from quasim_qiskit.primitives import EstimatorV2 as EstimatorV2
    from quasim_qiskit.primitives import SamplerV2 as SamplerV2
    from quasim_qiskit.translate import Translation as Translation
    from quasim_qiskit.translate import translate_circuit as translate_circuit

_HOME = {
    "AerSimulator": "backend",
    "EstimatorV2": "primitives",
    "QuasimJob": "job",
    "QuasimQiskitError": "errors",
    "QuasimSimulator": "backend",
    "SamplerV2": "primitives",
    "Translation": "translate",
    "translate_circuit": "translate",
}

__all__ = [
    "AerSimulator",
    "EstimatorV2",
    "QuasimJob",
    "QuasimQiskitError",
    "QuasimSimulator",
    "SamplerV2",
    "Translation",
    "translate_circuit",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})

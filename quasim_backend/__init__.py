"""QuASIM: one quantum circuit simulation engine under every SDK.

The names below are imported when they are first used, so that importing the package costs little
more than importing NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from quasim_backend import errors as errors

if TYPE_CHECKING:
    from quasim_backend.compile.code import CompiledCircuit as CompiledCircuit
    from quasim_backend.compile.planner import PlanOptions as PlanOptions
    from quasim_backend.errors import Cancelled as Cancelled
    from quasim_backend.errors import CircuitError as CircuitError
    from quasim_backend.errors import DeviceError as DeviceError
    from quasim_backend.errors import MemoryLimitError as MemoryLimitError
    from quasim_backend.errors import OptionError as OptionError
    from quasim_backend.errors import ParameterError as ParameterError
    from quasim_backend.errors import PluginError as PluginError
    from quasim_backend.errors import QasmError as QasmError
    from quasim_backend.errors import QuasimError as QuasimError
    from quasim_backend.errors import QubitError as QubitError
    from quasim_backend.errors import ShapeError as ShapeError
    from quasim_backend.errors import UnsupportedError as UnsupportedError
    from quasim_backend.ir.array_observables import DiagonalObservable as DiagonalObservable
    from quasim_backend.ir.array_observables import MatrixObservable as MatrixObservable
    from quasim_backend.ir.array_observables import SparseObservable as SparseObservable
    from quasim_backend.ir.ch_forms import StabilizerChForm as StabilizerChForm
    from quasim_backend.ir.channels import Channel as Channel
    from quasim_backend.ir.channels import ReadoutError as ReadoutError
    from quasim_backend.ir.circuit import Circuit as Circuit
    from quasim_backend.ir.gates import Gate as Gate
    from quasim_backend.ir.instructions import Save as Save
    from quasim_backend.ir.observables import PauliString as PauliString
    from quasim_backend.ir.observables import PauliSum as PauliSum
    from quasim_backend.ir.parameters import Parameter as Parameter
    from quasim_backend.ir.tableaus import StabilizerTableau as StabilizerTableau
    from quasim_backend.kernels.base import CancelToken as CancelToken
    from quasim_backend.noise.model import NoiseModel as NoiseModel
    from quasim_backend.options import Config as Config
    from quasim_backend.result import Result as Result
    from quasim_backend.session.noise import export_noise as export_noise
    from quasim_backend.session.noise import translate_noise as translate_noise
    from quasim_backend.session.runtime import Runtime as Runtime
    from quasim_backend.session.runtime import runtime as runtime

__version__ = "0.1.0"

_HOME = {
    "CancelToken": "kernels.base",
    "Channel": "ir.channels",
    "Circuit": "ir.circuit",
    "CompiledCircuit": "compile.code",
    "Config": "options",
    "DiagonalObservable": "ir.array_observables",
    "Gate": "ir.gates",
    "MatrixObservable": "ir.array_observables",
    "NoiseModel": "noise.model",
    "Parameter": "ir.parameters",
    "PauliString": "ir.observables",
    "PauliSum": "ir.observables",
    "PlanOptions": "compile.planner",
    "ReadoutError": "ir.channels",
    "Result": "result",
    "Runtime": "session.runtime",
    "Save": "ir.instructions",
    "SparseObservable": "ir.array_observables",
    "StabilizerChForm": "ir.ch_forms",
    "StabilizerTableau": "ir.tableaus",
    "export_noise": "session.noise",
    "translate_noise": "session.noise",
    "runtime": "session.runtime",
    **{name: "errors" for name in errors.__all__ if name[0].isupper()},
}

__all__ = [
    "CancelToken",
    "Cancelled",
    "Channel",
    "Circuit",
    "CircuitError",
    "CompiledCircuit",
    "Config",
    "DeviceError",
    "DiagonalObservable",
    "Gate",
    "MatrixObservable",
    "MemoryLimitError",
    "NoiseModel",
    "OptionError",
    "Parameter",
    "ParameterError",
    "PauliString",
    "PauliSum",
    "PlanOptions",
    "PluginError",
    "QasmError",
    "QuasimError",
    "QubitError",
    "ReadoutError",
    "Result",
    "Runtime",
    "Save",
    "ShapeError",
    "SparseObservable",
    "StabilizerChForm",
    "StabilizerTableau",
    "UnsupportedError",
    "__version__",
    "errors",
    "export_noise",
    "runtime",
    "translate_noise",
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

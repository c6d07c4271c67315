"""Options: what a user sets for a session (`Config`) and what one run asks for (`RunOptions`)."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from quasim_backend.errors import OptionError, near_matches

__all__ = [
    "DEFAULT_SHOTS",
    "ENGINE_OPTIONS",
    "GATE_TIMES",
    "PRECISIONS",
    "Config",
    "RunOptions",
    "check_seed",
    "engine_settings",
]

PRECISIONS = ("fp8", "fp16", "fp32", "fp64")
LIBRARIES = ("cutensornet",)
STRATEGIES = ("auto", "greedy", "dp", "anneal", "hyper")
DEVICES = ("auto", "cpu", "gpu")
ENGINE_OPTIONS = (
    *("contraction_strategy", "contraction_seconds", "contraction_library", "max_workspace_mb"),
    *("max_bond_dimension", "truncation_threshold", "max_truncation_error"),
    *("pauli_threshold", "max_pauli_weight", "approximation_error", "fallback"),
)
"""Fields of `Config` about how engines work; the SDKs' users give them as ``engine_options``."""
DEFAULT_SHOTS = 1024
"""Shots of a run that draws samples when the caller gives no number."""
GATE_TIMES: Mapping[str, float] = MappingProxyType(
    {"single_qubit": 50e-9, "two_qubit": 300e-9, "measure": 1e-6}
)
"""Default durations in seconds, for noise that depends on time."""


@dataclass(kw_only=True, eq=False)
class Config:
    """Settings of a session. Fields may be set until a `Runtime` takes its own frozen copy.

    Every value is checked when it is set; an unknown name or an impossible value is an
    `OptionError` that lists what is possible.

    Attributes:
        simulation_precision: ``"fp32"`` is complex64, ``"fp64"`` complex128. ``"fp8"`` and
            ``"fp16"`` are computed as ``"fp32"``, with a warning and a note in the metadata.
        max_workspace_mb: Limit in MiB for memory besides the state.
        device_id: Which GPU, by its number among those that CUDA shows.
        enable_tensor_cores: Whether a GPU may use its tensor cores.
        distributed: Use several processes; not available in this version.
        num_devices: Number of GPUs; 1 in this version.
        communication_backend: For ``distributed``.
        device: ``"cpu"``, ``"gpu"``, or ``"auto"``: a GPU, if one is usable, for runs of many
            amplitudes, and the CPU for the others; see `quasim_backend.session.placement`.
        method: Name of an engine, or ``"auto"``.
        kernels: Name of a kernel set; None chooses by device.
        num_threads: Threads of the CPU kernels; None leaves the process's number as it is.
        seed: Seed of runs that are given none, every one of them alike; None draws a fresh one
            for each run.
        require_gpu: Make it an error that no GPU is usable, instead of a warning.
        promote_small: Compute complex64 requests below 16 qubits in complex128.
        max_memory_mb: Limit in MiB for everything a run allocates; None: what is free.
        target_error: Largest standard error of averages that depend on chance: ``expectations``
            and the like, and saves of subtype ``average`` in a ``run`` without ``shots``. It
            allows averages over shots wherever exact ones are not possible or not worth their
            time, and runs as many shots as it takes; see `quasim_backend.session.target`. None:
            averages are exact, or over the shots that are asked for. It is set here, like the
            precision, since it says how good numbers must be, whichever method returns them.
        max_shots: Where ``target_error`` gives up: an error, but a warning from ``run``, whose
            result states the errors.
        noise_model: Noise to simulate.
        gate_times: Durations in seconds for noise that depends on time; given entries replace
            the defaults of `GATE_TIMES`.
        contraction_strategy: How tensor networks look for a path: ``"auto"``, ``"greedy"``,
            ``"dp"`` (optimal, for small networks), ``"anneal"`` or ``"hyper"``.
        contraction_seconds: Longest time a search for a path may take.
        contraction_library: None: we contract tensor networks ourselves, on the CPU or a GPU;
            ``"cutensornet"``: NVIDIA's library does so, on a GPU.
        max_bond_dimension: Largest bond of a matrix product state; None: no limit.
        truncation_threshold: Schmidt weight (sum of squared values, relative) that one truncation
            of a matrix product state may discard.
        max_truncation_error: Weight that all truncations of a run may discard together; more is an
            error. None: 1e-3 where bonds are limited. Under Pauli propagation: largest error that
            may be stated; None: any.
        pauli_threshold: Pauli propagation drops strings whose coefficient is not larger; 0 keeps
            every one, so that values are exact. The sum of what is dropped bounds the error; it
            is stated in the metadata and limited by ``max_truncation_error``.
        max_pauli_weight: Pauli propagation drops strings that act on more qubits; None: none.
        approximation_error: Bound on the error of decompositions into stabilizer states; those of
            ``extended_stabilizer`` are exact, and so within any: it is Aer's option, and allows
            nothing more.
        fallback: Engines, by name, that ``method="auto"`` may use though they approximate. A
            session refuses other names: of no engine, or of engines that are exact anyway.
        plan: Planner options (`quasim_backend.PlanOptions`); None: the planner's defaults.
        plugins: A `quasim_backend.plugins.PluginManager`; None: the process's own.
    """

    simulation_precision: str = "fp32"
    max_workspace_mb: float = 512
    device_id: int = 0
    enable_tensor_cores: bool = True
    distributed: bool = False
    num_devices: int = 1
    communication_backend: str | None = None
    device: str = "auto"
    method: str = "auto"
    kernels: str | None = None
    num_threads: int | None = None
    seed: int | None = None
    require_gpu: bool = False
    promote_small: bool = True
    max_memory_mb: float | None = None
    target_error: float | None = None
    max_shots: int = 1 << 20
    noise_model: Any = None
    gate_times: Mapping[str, float] = field(default_factory=dict)
    contraction_strategy: str = "auto"
    contraction_seconds: float = 2.0
    contraction_library: str | None = None
    max_bond_dimension: int | None = None
    truncation_threshold: float = 1e-16
    max_truncation_error: float | None = None
    pauli_threshold: float = 0.0
    max_pauli_weight: int | None = None
    approximation_error: float = 0.05
    fallback: Sequence[str] = ()
    plan: Any = None
    plugins: Any = None

    if not TYPE_CHECKING:  # type checkers see the signature that @dataclass writes

        def __init__(self, **options: Any) -> None:
            """Set the fields; see the class."""
            _refuse_unknown(options, self.__dataclass_fields__)
            for name, spec in self.__dataclass_fields__.items():
                default = {} if name == "gate_times" else spec.default
                setattr(self, name, options.get(name, default))

    def __setattr__(self, name: str, value: object) -> None:
        """Check and set a field.

        Raises:
            OptionError: If the name is unknown, the value impossible, or the copy frozen.
        """
        fields = type(self).__dataclass_fields__
        if name not in fields:
            raise OptionError(f"Unknown option '{name}'. {near_matches(name, fields)}")
        if self.is_frozen:
            raise OptionError(
                f"Option '{name}' cannot be set: a Runtime uses its own frozen copy of the "
                f"configuration. Set it on your Config and make a new Runtime."
            )
        check = _CHECKS.get(name)
        object.__setattr__(self, name, check(name, value) if check else value)

    @property
    def is_frozen(self) -> bool:
        """Whether this is a copy that belongs to a `Runtime`."""
        return "_frozen" in self.__dict__

    def copy(self, **changes: Any) -> Config:
        """Return a copy that can be changed, with ``changes`` applied.

        Raises:
            OptionError: If a name is unknown or a value impossible.
        """
        values = {name: getattr(self, name) for name in type(self).__dataclass_fields__}
        return Config(**(values | changes))

    def frozen(self) -> Config:
        """Return a copy whose fields cannot be set."""
        result = self.copy()
        result.__dict__["_frozen"] = True
        return result


@dataclass(frozen=True, eq=False)
class RunOptions:
    """What one run asks for, as engine selection and observers see it.

    Attributes:
        config: The session's frozen configuration.
        shots: Number of shots; 0 asks for no samples.
        seed: Philox key of the run.
        want_state: Whether the final amplitudes are wanted.
        want_unitary: Whether the circuit's unitary is wanted.
    """

    config: Config
    shots: int = 0
    seed: int = 0
    want_state: bool = False
    want_unitary: bool = False


def engine_settings(given: Mapping[str, object] | None) -> dict[str, Any]:
    """Return settings of engines, checked and hashable, as arguments of `Config`.

    Args:
        given: Names out of `ENGINE_OPTIONS` with values; None: none.

    Raises:
        OptionError: If a name is unknown or a value impossible.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise OptionError(
            f"Option 'engine_options' must be a mapping such as {{'max_bond_dimension': 64}}; got "
            f"{given!r}."
        )
    _refuse_unknown(given, ENGINE_OPTIONS)
    return {name: _CHECKS[name](name, value) for name, value in given.items()}


def check_seed(name: str, value: object) -> int | None:
    """Return a seed as an int in ``[0, 2**64)``, or None.

    Raises:
        OptionError: If it is anything else.
    """
    return None if value is None else _integer(name, value, 0, 2**64 - 1)


def _refuse_unknown(options: Mapping[str, object], known: Iterable[str]) -> None:
    for name in options:
        if name not in known:
            raise OptionError(f"Unknown option '{name}'. {near_matches(name, known)}")


def _integer(name: str, value: object, low: int, high: int | None = None) -> int:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= low and (high is None or number <= high):
            return number
    span = f"at least {low}" if high is None else f"in {low}..{high}"
    raise OptionError(f"Option '{name}' must be an integer {span}; got {value!r}.")


def _positive(name: str, value: object) -> float:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number > 0:
            return number
    raise OptionError(f"Option '{name}' must be a positive number; got {value!r}.")


def _fraction(name: str, value: object) -> float:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if 0 <= number <= 1:
            return number
    raise OptionError(f"Option '{name}' must be a number from 0 to 1; got {value!r}.")


def _names(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, Set):
        value = sorted(value, key=str)
    if isinstance(value, Sequence) and all(isinstance(v, str) and v for v in value):
        return tuple(value)
    raise OptionError(
        f"Option '{name}' must be names of engines, such as ('matrix_product_state',); got "
        f"{value!r}."
    )


def _one_of(*known: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        text = value.lower() if isinstance(value, str) else value
        if text not in known:
            hint = near_matches(str(text), known)
            raise OptionError(f"Option '{name}' cannot be {value!r}. {hint}")
        return str(text)

    return check


def _flag(name: str, value: object) -> bool:
    if value is True or value is False:
        return value
    raise OptionError(f"Option '{name}' must be True or False; got {value!r}.")


def _name(name: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise OptionError(f"Option '{name}' must be a name; got {value!r}.")


def _optional(check: Callable[..., Any], *limits: int) -> Callable[[str, object], Any]:
    return lambda name, value: None if value is None else check(name, value, *limits)


def _gate_times(name: str, value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise OptionError(
            f"Option '{name}' must be a mapping such as {dict(GATE_TIMES)}; got {value!r}."
        )
    for key in value:
        if key not in GATE_TIMES:
            raise OptionError(f"Unknown entry '{key}' of '{name}'. {near_matches(key, GATE_TIMES)}")
    given = {key: _positive(f"{name}[{key!r}]", seconds) for key, seconds in value.items()}
    return {**GATE_TIMES, **given}


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "simulation_precision": _one_of(*PRECISIONS),
    "max_workspace_mb": _positive,
    "device_id": lambda name, value: _integer(name, value, 0),
    "enable_tensor_cores": _flag,
    "distributed": _flag,
    "num_devices": lambda name, value: _integer(name, value, 1),
    "communication_backend": _optional(_name),
    "device": _one_of(*DEVICES),
    "method": _name,
    "kernels": _optional(_name),
    "num_threads": _optional(_integer, 1, 1024),
    "seed": check_seed,
    "require_gpu": _flag,
    "promote_small": _flag,
    "max_memory_mb": _optional(_positive),
    "target_error": _optional(_positive),
    "max_shots": lambda name, value: _integer(name, value, 1),
    "gate_times": _gate_times,
    "contraction_strategy": _one_of(*STRATEGIES),
    "contraction_seconds": _positive,
    "contraction_library": _optional(_one_of(*LIBRARIES)),
    "max_bond_dimension": _optional(_integer, 1),
    "truncation_threshold": _fraction,
    "max_truncation_error": _optional(_fraction),
    "pauli_threshold": _fraction,
    "max_pauli_weight": _optional(_integer, 1),
    "approximation_error": _positive,
    "fallback": _names,
}
assert set(_CHECKS) <= {f.name for f in dataclasses.fields(Config)}

"""Records that plug-ins hand over and that describe plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import Engine
from quasim_backend.errors import PluginError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.kernels.base import KernelSet
from quasim_backend.options import Config, RunOptions

__all__ = ["EngineSpec", "KernelSpec", "PassSpec", "PluginFailure", "PluginInfo", "RunRecord"]


@dataclass(frozen=True)
class EngineSpec:
    """A simulation method.

    Attributes:
        name: What users write in ``method=``.
        make: Returns the engine; called once for each `Runtime`, when it is first needed.
        description: One line for ``quasim info``.
        priority: ``method="auto"`` takes the engine of the highest priority that accepts the run.
            None: only by name. An engine that is not exact to rounding must have None.
    """

    name: str
    make: Callable[[], Engine]
    description: str = ""
    priority: int | None = None


@dataclass(frozen=True)
class KernelSpec:
    """A kernel set.

    Attributes:
        name: What users write in ``kernels=``.
        device: ``"cpu"`` or ``"gpu"``.
        make: Returns the kernel set for a session's configuration (threads, device number);
            called once for each `Runtime`, when it is first needed.
        is_available: Returns None if the set can be used here, else the reason why not.
        dtypes: Names of the dtypes it computes in.
        priority: Without a name, the available set of the highest priority is taken. None: only
            by name.
    """

    name: str
    device: str
    make: Callable[[Config], KernelSet]
    is_available: Callable[[], str | None] = lambda: None
    dtypes: tuple[str, ...] = ("complex64", "complex128")
    priority: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown device."""
        if self.device not in ("cpu", "gpu"):
            raise PluginError(
                f"Kernel set '{self.name}' names the device {self.device!r}; it must be 'cpu' or "
                f"'gpu'."
            )


@dataclass(frozen=True)
class PassSpec:
    """A rewriting of circuits.

    Attributes:
        name: For metadata and messages.
        run: Returns the circuit to go on with; must not change the one it is given.
        stage: When it runs: ``"circuit"``, before compilation.
    """

    name: str
    run: Callable[[Circuit], Circuit]
    stage: str = "circuit"

    def __post_init__(self) -> None:
        """Refuse an unknown stage."""
        if self.stage != "circuit":
            raise PluginError(
                f"Pass '{self.name}' names the stage {self.stage!r}; it must be 'circuit'."
            )


@dataclass(frozen=True)
class PluginInfo:
    """A plug-in that was loaded.

    Attributes:
        name: Name of its entry point, or the name it was registered under.
        distribution: Distribution and version it came with, if from an entry point.
        hooks: Names of the hooks it implements.
    """

    name: str
    distribution: str | None
    hooks: tuple[str, ...]


@dataclass(frozen=True)
class PluginFailure:
    """What is wrong with a plug-in.

    Attributes:
        name: Name of its entry point, or the name it was registered under.
        distribution: Distribution and version it came with, if from an entry point.
        cause: The reason, as text.
    """

    name: str
    distribution: str | None
    cause: str

    def __str__(self) -> str:
        """Name plug-in, distribution and cause in a sentence."""
        origin = f" of distribution '{self.distribution}'" if self.distribution else ""
        return f"Plug-in '{self.name}'{origin} is broken: {self.cause}"


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A finished run, for observers.

    Attributes:
        compiled: What was run.
        options: What was asked for.
        metadata: The result's metadata.
        error: What the run failed with, or None.
    """

    compiled: CompiledCircuit
    options: RunOptions
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None

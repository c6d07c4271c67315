"""A compiled circuit: straight-line segments, measurements and jumps, as linear code.

Structured control flow is flattened to jumps, so that a position in the circuit is one integer and
a shot's whole future is (position, state, classical memory).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.planner import PlanOptions
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Value
from quasim_backend.ir.instructions import ChannelOp, GateOp, Save
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import Program

__all__ = [
    "AssignStep",
    "BranchStep",
    "CompiledCircuit",
    "ForStep",
    "GatesStep",
    "InitializeStep",
    "JumpStep",
    "MeasureStep",
    "NoisyStep",
    "ResetStep",
    "SampleStep",
    "SaveStep",
    "SegmentStep",
    "SetStateStep",
    "Site",
    "Step",
    "SwitchStep",
]

_SHOWN = 8
"""Numbers of qubits or bits that a line of `CompiledCircuit.explain` lists in full."""

Function: TypeAlias = Callable[[int, Sequence[Value]], Value]
"""A compiled expression of ``(bits, variables)``."""


@dataclass(frozen=True, eq=False, slots=True)
class SegmentStep:
    """Run a straight-line segment.

    Attributes:
        plan: Its plan.
        sources: For each parameter of the segment's program: ``i >= 0`` is entry ``i`` of the run's
            parameter vector, ``-1 - s`` is variable slot ``s`` (a loop parameter).
    """

    plan: ExecutionPlan
    sources: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class MeasureStep:
    """Measure ``qubits`` into ``clbits`` and branch on the outcome."""

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    readout: ReadoutError | None


@dataclass(frozen=True, eq=False, slots=True)
class SampleStep:
    """Measure ``qubits`` into ``clbits`` for all shots at once; nothing later depends on the state.

    ``readouts`` are (positions in ``qubits``, error) pairs.
    """

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    readouts: tuple[tuple[tuple[int, ...], ReadoutError], ...]


@dataclass(frozen=True, eq=False, slots=True)
class ResetStep:
    """Bring ``qubits`` to zero."""

    qubits: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class InitializeStep:
    """Reset ``qubits`` and prepare ``amplitudes`` on them."""

    amplitudes: NDArray[np.complex128]
    qubits: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class SetStateStep:
    """Replace the whole state."""

    amplitudes: NDArray[np.complex128]


@dataclass(frozen=True, eq=False, slots=True)
class Site:
    """A place where a channel acts.

    Attributes:
        channel: The channel.
        qubits: Simulated qubits; the first is the lowest index bit of the operators.
        place: Number of primitives of the step's program that come before it.
    """

    channel: Channel
    qubits: tuple[int, ...]
    place: int


@dataclass(frozen=True, eq=False)
class NoisyStep:
    """Run a straight-line segment with channels in it.

    An engine draws one operator at each site, in the order of the sites and with one uniform
    each, or applies the channels as a whole.

    Attributes:
        program: The primitives between the channels, all in one program.
        sources: As for `SegmentStep`.
        sites: The channels, in the order they act.
        plan_options: For the planner, of whatever part of the program is run at one time.
        cache: Engines keep their own form of the step here; never part of its meaning.
    """

    program: Program
    sources: tuple[int, ...]
    sites: tuple[Site, ...]
    plan_options: PlanOptions = field(default_factory=PlanOptions)
    cache: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class GatesStep:
    """Run gates and channels one by one: for engines whose states are no amplitudes.

    Attributes:
        operations: In the order they act, on simulated qubits.
        sources: For each parameter of the gates, where its value comes from, as in `SegmentStep`.
    """

    operations: tuple[GateOp | ChannelOp, ...]
    sources: Mapping[Parameter, int]

    @property
    def has_channels(self) -> bool:
        """Whether any operation is a channel."""
        return any(isinstance(operation, ChannelOp) for operation in self.operations)

    def values(
        self, parameters: NDArray[np.float64], variables: Sequence[Value]
    ) -> dict[Parameter, float]:
        """Return the number of each parameter: of the run's vector, or of a loop's variable."""
        return {
            parameter: float(parameters[source] if source >= 0 else variables[-1 - source])
            for parameter, source in self.sources.items()
        }


@dataclass(frozen=True, eq=False, slots=True)
class SaveStep:
    """Keep something of the state; ``save.qubits`` are simulated qubits."""

    save: Save


@dataclass(frozen=True, eq=False, slots=True)
class AssignStep:
    """Store a value in variable ``slot``, or (slot -1) in ``clbits``, lowest first.

    ``reads`` are the classical bits that the value depends on, besides variables; None: unknown.
    """

    slot: int
    clbits: tuple[int, ...]
    value: Function
    reads: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class JumpStep:
    """Go to ``target``."""

    target: int


@dataclass(frozen=True, eq=False, slots=True)
class BranchStep:
    """Go on if the condition holds, else to ``otherwise``; ``reads`` as in `AssignStep`."""

    condition: Function
    otherwise: int
    reads: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class SwitchStep:
    """Go to the target of the subject's value, else to ``default``; ``reads`` as elsewhere."""

    subject: Function
    targets: Mapping[int, int]
    default: int
    reads: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class ForStep:
    """Start a loop's next round or leave it.

    Slot ``counter`` counts rounds. While rounds remain, ``values[counter]`` goes to slot ``value``
    (-1: nowhere) and the run goes on; at the end the counter returns to zero and the run goes to
    ``exit``.
    """

    counter: int
    value: int
    values: tuple[int, ...]
    exit: int


Step: TypeAlias = (
    SegmentStep
    | MeasureStep
    | SampleStep
    | ResetStep
    | InitializeStep
    | SetStateStep
    | NoisyStep
    | GatesStep
    | SaveStep
    | AssignStep
    | JumpStep
    | BranchStep
    | SwitchStep
    | ForStep
)


@dataclass(frozen=True, eq=False)
class CompiledCircuit:
    """What engines run.

    Attributes:
        name: The circuit's name.
        num_qubits: Simulated qubits; idle qubits may have been left out.
        num_clbits: Classical bits.
        qubits: Simulated qubit ``i`` is qubit ``qubits[i]`` of the circuit.
        original_qubits: Number of qubits of the circuit.
        steps: The code; execution starts at 0 and ends past the last step.
        parameters: Order of the run's parameter vector.
        initial_variables: First value of every variable slot.
        branches: Whether outcomes decide the further course (measurement other than at the end,
            reset of entangled qubits, channels).
        measured: Whether any classical bit is ever written by a measurement.
        notes: Facts for the result's metadata.
        starts_at_zero: Whether runs start in ``|0...0>``.
        holds_gates: Whether straight-line parts are `GatesStep`, without plans: the only form of a
            circuit on more than `quasim_backend.ir.program.MAX_QUBITS` qubits.
        source: The circuit this was compiled from, noise and all, if known; not to be changed.
        appended: Steps that were put after its end.
        cache: Engines keep their own form of the code here; never part of its meaning.
    """

    name: str
    num_qubits: int
    num_clbits: int
    qubits: tuple[int, ...]
    original_qubits: int
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]
    initial_variables: tuple[Value, ...]
    branches: bool
    measured: bool
    notes: dict[str, object] = field(default_factory=dict)
    starts_at_zero: bool = True
    holds_gates: bool = False
    source: Circuit | None = None
    appended: tuple[Step, ...] = ()
    cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def followed_by(self, step: Step) -> CompiledCircuit:
        """Return the code with one more step at its end."""
        longer = replace(self, steps=(*self.steps, step), appended=(*self.appended, step))
        # What engines know of this code holds for the longer one's beginning.
        longer.cache["before"] = self
        return longer

    @property
    def num_gates(self) -> int:
        """How many gates and channels gate code has; 0 of code with plans."""
        return sum(len(step.operations) for step in self.steps if isinstance(step, GatesStep))

    def explain(self, itemsize: int = 16) -> str:
        """Describe the code: one line a step, segments with their plan."""
        lines = [
            f"{self.name}: {self.num_qubits} of {self.original_qubits} qubits simulated, "
            f"{len(self.steps)} steps"
        ]
        for number, step in enumerate(self.steps):
            if isinstance(step, SegmentStep):
                text = step.plan.explain(itemsize).replace("\n", "\n    ")
            elif isinstance(step, NoisyStep):
                text = f"{len(step.program)} primitives with {len(step.sites)} channels"
            elif isinstance(step, GatesStep):
                text = f"{len(step.operations)} gates and channels"
            else:
                text = type(step).__name__.removesuffix("Step").lower()
                for name in ("qubits", "clbits", "target", "otherwise", "exit"):
                    if hasattr(step, name):
                        text += f" {name}={_shortened(getattr(step, name))}"
            lines.append(f"[{number}] {text}")
        return "\n".join(lines)


def _shortened(value: object) -> str:
    """Write a number, or numbers; of many only the first and the last."""
    if not isinstance(value, tuple) or len(value) <= _SHOWN:
        return str(value)
    first = ", ".join(map(str, value[: _SHOWN // 2]))
    return f"({first}, ..., {value[-1]}; {len(value)} in all)"

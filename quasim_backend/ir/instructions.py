"""What a circuit is made of: frozen records, one a kind of instruction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.array_observables import AnyObservable, observable_of
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.expr import Bit, Bits, Expr, Var
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.parameters import Parameter

__all__ = [
    "SAVE_KINDS",
    "SAVE_SUBTYPES",
    "VALUE_KINDS",
    "Assign",
    "Barrier",
    "Block",
    "Break",
    "ChannelOp",
    "Continue",
    "Delay",
    "For",
    "GateOp",
    "If",
    "Initialize",
    "Instruction",
    "Measure",
    "Reset",
    "Save",
    "SetState",
    "Switch",
    "While",
    "blocks_of",
]


@dataclass(frozen=True, slots=True, eq=False, init=False)
class GateOp:
    """A gate on qubits: its controls first, then its targets."""

    gate: Gate
    qubits: tuple[int, ...]

    def __init__(self, gate: Gate, qubits: tuple[int, ...]) -> None:
        """Place a gate; nothing is checked here."""
        _set_gate(self, gate)
        _set_qubits(self, qubits)


# There is one for each gate of a circuit; a dataclass's own way to set frozen fields takes half as
# long again.
_set_gate = vars(GateOp)["gate"].__set__
_set_qubits = vars(GateOp)["qubits"].__set__


@dataclass(frozen=True, slots=True, eq=False)
class ChannelOp:
    """A channel on qubits; the first qubit is the lowest index bit of its operators."""

    channel: Channel
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Measure qubits in the Z basis into classical bits, optionally with a readout error."""

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    readout: ReadoutError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reset:
    """Bring qubits to ``|0>``, whatever they were."""

    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Barrier:
    """Mark a boundary for readers and noise models; does nothing to the state."""

    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Delay:
    """Let qubits idle for ``duration`` seconds; the identity without noise."""

    qubits: tuple[int, ...]
    duration: float


@dataclass(frozen=True, slots=True, eq=False)
class Initialize:
    """Reset qubits, then prepare ``amplitudes`` ``(2**k,)`` on them (first qubit lowest)."""

    amplitudes: NDArray[np.complex128]
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SetState:
    """Replace the whole state by ``amplitudes`` ``(2**n,)``; it becomes the state, as given."""

    amplitudes: NDArray[np.complex128]


SAVE_KINDS = (
    "statevector",
    "density_matrix",
    "probabilities",
    "expectation",
    "variance",
    "amplitudes",
    "stabilizer",
    "ch_form",
    "mps",
)
VALUE_KINDS = ("expectation", "variance", "probabilities", "density_matrix")
"""Kinds that have an average over chance."""

SAVE_SUBTYPES = ("single", "average", "list")


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Save:
    """Keep something of the state at this point, under a label.

    Attributes:
        kind: One of `SAVE_KINDS`; ``stabilizer`` keeps a
            `quasim_backend.StabilizerTableau`, ``ch_form`` a
            `quasim_backend.StabilizerChForm`.
        label: Key in `Result.saved`; unique in a circuit.
        qubits: Which qubits, first one lowest; empty means all. Not used by ``statevector``,
            ``amplitudes``, ``stabilizer``, ``ch_form``, ``expectation`` and ``variance``.
        observable: For ``expectation`` and ``variance``; an `ObservableList` gives an array of
            values. Given as a label, a `PauliString` or ``{label: weight}``, it becomes a sum.
        indices: Basis states for ``amplitudes``.
        subtype: ``single``: value in the last shot; ``average``: mean over shots, of a variance
            that of the shots' average state; ``list``: one value for each shot.
        conditional: Keep one value for each value of classical memory.
    """

    kind: str
    label: str
    qubits: tuple[int, ...] = ()
    observable: AnyObservable | None = None
    indices: tuple[int, ...] = ()
    subtype: str = "single"
    conditional: bool = False

    def __init__(
        self,
        kind: str,
        label: str,
        qubits: tuple[int, ...] = (),
        observable: AnyObservable | PauliString | str | Mapping[str, complex] | None = None,
        indices: tuple[int, ...] = (),
        subtype: str = "single",
        conditional: bool = False,
    ) -> None:
        """Read the observable; the rest is checked where the save meets a circuit.

        Raises:
            CircuitError: If the observable is none.
        """
        read = None if observable is None else observable_of(observable)
        values = (kind, label, qubits, read, indices, subtype, conditional)
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """Store the value of an expression in a variable, a bit or several bits."""

    target: Var | Bit | Bits
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class If:
    """Run ``body`` if the condition is true, else ``orelse``."""

    condition: Expr
    body: Block
    orelse: Block = ()


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """Run the first case whose values hold the subject's value; ``None`` matches everything."""

    subject: Expr
    cases: tuple[tuple[tuple[int, ...] | None, Block], ...]


@dataclass(frozen=True, slots=True, eq=False)
class For:
    """Run ``body`` once for each value, given to it as a parameter or in a variable."""

    values: tuple[int, ...]
    body: Block
    parameter: Parameter | None = None
    variable: Var | None = None


@dataclass(frozen=True, slots=True, eq=False)
class While:
    """Run ``body`` as long as the condition is true."""

    condition: Expr
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Break:
    """Leave the innermost loop."""


@dataclass(frozen=True, slots=True, eq=False)
class Continue:
    """Go on with the next round of the innermost loop."""


Instruction: TypeAlias = (
    GateOp
    | ChannelOp
    | Measure
    | Reset
    | Barrier
    | Delay
    | Initialize
    | SetState
    | Save
    | Assign
    | If
    | Switch
    | For
    | While
    | Break
    | Continue
)
Block: TypeAlias = tuple[Instruction, ...]


def blocks_of(instruction: Instruction) -> Iterator[Block]:
    """Yield the blocks inside a control-flow instruction."""
    if isinstance(instruction, If):
        yield instruction.body
        yield instruction.orelse
    elif isinstance(instruction, For | While):
        yield instruction.body
    elif isinstance(instruction, Switch):
        for _, block in instruction.cases:
            yield block

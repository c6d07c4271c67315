"""What a gate name stands for: a gate of the table, or a body of other gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.qasm3.lexer import Cursor
from quasim_backend.ir.qasm3.scope import Named

__all__ = [
    "BUILT_IN",
    "KNOWN",
    "STANDARD_NAMES",
    "Argument",
    "Call",
    "Deferred",
    "Definition",
    "Modifier",
]

STANDARD_NAMES = frozenset(
    {
        *("p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "cx", "cy"),
        *("cz", "cp", "crx", "cry", "crz", "ch", "swap", "ccx", "cswap", "cu", "CX", "phase"),
        *("cphase", "id", "u1", "u2", "u3"),
    }
)
"""What ``stdgates.inc`` defines."""

_OTHER_NAMES = (
    # Written without a definition by various tools; a definition in the text comes first.
    *("sxdg", "u", "rxx", "ryy", "rzz", "rzx", "r", "iswap", "dcx", "ecr", "cs", "csdg", "csx"),
    *("csxdg", "ccz", "cu1", "cu3", "c3x", "c4x", "c3sx", "c3sqrtx", "rccx", "rcccx", "rc3x"),
    *("xx_minus_yy", "xx_plus_yy", "cnot", "toffoli", "fredkin"),
)


@dataclass(frozen=True, slots=True)
class Modifier:
    """``ctrl(number) @``, ``negctrl(number) @``, ``inv @`` or ``pow(number) @``."""

    kind: str
    number: float = 1


@dataclass(frozen=True, slots=True, eq=False)
class Deferred:
    """A parameter inside a body that is no sum of multiples: read again where the gate is used.

    Attributes:
        cursor: The text it stands in.
        at: Its first token.
        names: What names mean there; formal parameters have no value yet.
    """

    cursor: Cursor
    at: int
    names: dict[str, Named]


Argument: TypeAlias = float | Affine | Deferred
"""A parameter inside a body; an `Affine` is one of the defined gate's formal parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A gate with its modifiers.

    Attributes:
        callee: What is applied; None for a barrier.
        arguments: Its parameters.
        places: Operands, as positions among the qubits of the gate it stands in: controls first.
        modifiers: As written, the outermost first.
    """

    callee: Definition | None
    arguments: tuple[Argument, ...]
    places: tuple[int, ...]
    modifiers: tuple[Modifier, ...] = ()

    @property
    def size(self) -> int:
        """Number of operations after expansion."""
        size = 1 if self.callee is None else self.callee.size
        for modifier in self.modifiers:
            if modifier.kind == "pow" and modifier.number == round(modifier.number):
                size *= max(1, round(abs(modifier.number)))
        return size


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A gate name.

    Attributes:
        name: As written.
        parameters: Names of its parameters.
        num_qubits: How many qubits it takes.
        record: Table record and number of controls; None for a gate with a body.
        gate: The gate itself where it has no parameters.
        body: What it expands to.
        size: Number of operations after expansion.
    """

    name: str
    parameters: tuple[str, ...]
    num_qubits: int
    record: tuple[str, int] | None = None
    gate: Gate | None = None
    body: tuple[Call, ...] = ()
    size: int = 1


def _of_table(name: str, gate: str) -> Definition:
    record_name, controls = ALIASES.get(gate, (gate, 0))
    record = RECORDS[record_name]
    return Definition(
        name,
        record.parameters,
        record.num_qubits + controls,
        (record_name, controls),
        None if record.parameters else Gate.named(gate),
    )


BUILT_IN = {"U": _of_table("U", "u"), "gphase": _of_table("gphase", "gphase")}
"""The gates of the language itself."""

KNOWN = {
    name: _of_table(name, "cx" if name == "CX" else name)
    for name in (*sorted(STANDARD_NAMES), *_OTHER_NAMES)
    if name == "CX" or name in ALIASES or name in RECORDS
}
"""What ``include "stdgates.inc"`` makes known: the standard gates, and others that tools write."""

"""What a gate name stands for: a gate of the table, or a body of other gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import Barrier, GateOp
from quasim_backend.ir.qasm2.expressions import Code, evaluate

__all__ = ["KNOWN", "LIBRARY_NAMES", "PAPER_NAMES", "PRIMITIVES", "Call", "Definition", "expand"]

PAPER_NAMES = frozenset(
    {
        *("u3", "u2", "u1", "cx", "id", "x", "y", "z", "h", "s", "sdg", "t", "tdg"),
        *("rx", "ry", "rz", "cz", "cy", "ch", "ccx", "crz", "cu1", "cu3"),
    }
)
"""What ``qelib1.inc`` defines in the paper; a file that includes it cannot define these again."""

LIBRARY_NAMES = PAPER_NAMES | {
    *("u0", "u", "p", "sx", "sxdg", "swap", "cswap", "crx", "cry", "cp", "csx", "cu", "rxx"),
    *("rzz", "rccx", "rc3x", "c3x", "c3sqrtx", "c4x"),
}
"""What today's ``qelib1.inc`` defines."""

_OTHER_NAMES = (
    # Written without a definition by various tools.
    *("ryy", "rzx", "r", "iswap", "dcx", "ecr", "cs", "csdg", "csxdg", "ccz", "c3sx", "rcccx"),
    *("xx_minus_yy", "xx_plus_yy"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One line of a gate's body.

    Attributes:
        callee: What is applied; None for a barrier.
        arguments: Parameters, as code over the calling gate's parameters.
        places: Operands, as positions among the calling gate's qubits.
    """

    callee: Definition | None
    arguments: tuple[Code, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A gate name.

    Attributes:
        name: As written.
        num_parameters: How many parameters it takes.
        num_qubits: How many qubits it takes.
        record: Table record and number of controls; None for a gate with a body.
        gate: The gate itself where it has no parameters.
        body: What it expands to.
        size: Number of operations after expansion.
        opaque: Whether it was declared without a body, so that it cannot be used.
    """

    name: str
    num_parameters: int
    num_qubits: int
    record: tuple[str, int] | None = None
    gate: Gate | None = None
    body: tuple[Call, ...] = ()
    size: int = 1
    opaque: bool = False


def _of_table(name: str, gate: str, drops_parameters: int = 0) -> Definition:
    record_name, controls = ALIASES.get(gate, (gate, 0))
    record = RECORDS[record_name]
    count = len(record.parameters)
    return Definition(
        name,
        count + drops_parameters,
        record.num_qubits + controls,
        (record_name, controls),
        None if count else Gate.named(gate),
    )


PRIMITIVES = {"U": _of_table("U", "u"), "CX": _of_table("CX", "cx")}
"""The two gates of the language itself."""

KNOWN = {
    # u0 waits for a number of gate lengths: the identity.
    name: _of_table(name, "id", 1) if name == "u0" else _of_table(name, name)
    for name in (*sorted(LIBRARY_NAMES), *_OTHER_NAMES)
}
"""What ``include "qelib1.inc"`` makes known."""


def expand(
    definition: Definition, parameters: Sequence[float], qubits: tuple[int, ...]
) -> Iterator[GateOp | Barrier]:
    """Yield the table gates a gate stands for, in order; with a stack of its own, not Python's.

    Raises:
        ValueError: If a parameter inside a body has no finite value; says which gate.
    """
    stack: list[tuple[Definition | None, Sequence[float], tuple[int, ...]]] = [
        (definition, parameters, qubits)
    ]
    while stack:
        current, values, places = stack.pop()
        if current is None:
            yield Barrier(places)
        elif current.gate is not None:
            yield GateOp(current.gate, places)
        elif current.record is not None:
            name, controls = current.record
            gate = Gate(name, tuple(values), controls, (1 << controls) - 1)
            yield GateOp(gate, places)
        else:
            try:
                stack += [
                    (
                        call.callee,
                        [evaluate(a, values) for a in call.arguments],
                        tuple([places[p] for p in call.places]),
                    )
                    for call in reversed(current.body)
                ]
            except ValueError as cause:
                raise ValueError(f"In gate '{current.name}': {cause}") from None

"""What noise rules see in PennyLane's operators: gates of our table by name, and back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pennylane as qml

from quasim_backend.noise.rules import GateKey, gate_key
from quasim_pennylane.channels import is_channel
from quasim_pennylane.gates import ROWS
from quasim_pennylane.translate import has_rule, lower

__all__ = ["classes_of", "gate_names", "operations_of"]


def operations_of(op: Any) -> Iterator[tuple[GateKey, str | None, tuple[Any, ...]]]:
    """Yield what rules compare with an operator: gate key or operation name, label, wires.

    An operator that is several gates has no name; rules for any gate take it as one.
    """
    wires = op.wires.labels
    if isinstance(op, qml.ops.MidMeasure):
        yield "measure", None, wires
        if op.reset:
            yield "reset", None, wires
    elif is_channel(op) or isinstance(op, qml.operation.StatePrepBase):
        return
    elif op.name == "Identity":
        yield ("id", 0), None, wires
    elif has_rule(op):
        placed = lower(op, op.data)
        if len(placed) == 1 and len(placed[0][1]) == len(wires):
            gate, positions = placed[0]
            name = gate.name if gate.power == 1.0 else ""
            yield (name, gate.num_controls), gate.label, tuple(wires[p] for p in positions)
        else:
            yield ("", 0), None, wires
    else:
        yield ("unitary", 0), op.name, wires


@cache
def gate_names() -> dict[Any, str]:
    """Return the name of the gate that each class of PennyLane's operators is."""
    found: dict[Any, str] = {qml.Identity: "id"}
    names = _names()
    for name, row in ROWS.items():
        kind = getattr(qml, name, None) or getattr(qml.ops, name)
        if not isinstance(kind.num_wires, int):
            continue
        placed = row([0.1] * kind.num_params, kind.num_wires)
        if len(placed) == 1 and len(placed[0][1]) == kind.num_wires:
            gate = placed[0][0]
            known = names.get((gate.name, gate.num_controls))
            if known is not None and gate.control_state == (1 << gate.num_controls) - 1:
                found[kind] = known
    return found


@cache
def classes_of(name: str) -> tuple[Any, ...]:
    """Return the classes of operators that are a gate of the table; the plainest first."""
    key = gate_key(name)
    return tuple(kind for kind, other in gate_names().items() if gate_key(other) == key)


def _names() -> dict[tuple[str, int], str]:
    """Return a name for each record and number of controls."""
    from quasim_backend.ir.gate_table import ALIASES, RECORDS

    return {key: name for name, key in reversed(ALIASES.items())} | {(n, 0): n for n in RECORDS}

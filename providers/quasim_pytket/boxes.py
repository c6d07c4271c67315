"""pytket's boxes that have a direct meaning here; all others are read as the circuits they hold.

Every function gives the pieces of a box, on positions among its own qubits: our gates, or
operations of pytket's that are read in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pytket.circuit import Op, OpType

from quasim_backend.ir import Gate
from quasim_pytket.symbols import lower_value

__all__ = ["BOX_TYPES", "DIRECT", "Inner"]


@dataclass(frozen=True, eq=False, slots=True)
class Inner:
    """A part of a box.

    Attributes:
        what: A gate of ours, an operation of pytket's or a circuit of pytket's.
        places: Positions among the box's qubits.
        controls: More of them, which control the part.
        control_state: Values the controls must have, the first control lowest.
    """

    what: Any
    places: tuple[int, ...]
    controls: tuple[int, ...] = ()
    control_state: int = 0


def _matrix(op: Any) -> list[Inner]:
    return [Inner(Gate.unitary(op.get_matrix(), check=False), _backwards(op))]


def _exponential(op: Any) -> list[Inner]:
    return [Inner(Gate.unitary(op.get_unitary(), check=False), _backwards(op))]


def _diagonal(op: Any) -> list[Inner]:
    return [Inner(Gate.diagonal(op.get_diagonal()), _backwards(op))]


def _permutation(op: Any) -> list[Inner]:
    table = np.arange(1 << op.n_qubits)
    for source, target in op.get_permutation().items():
        table[_index(source)] = _index(target)
    return [Inner(Gate.permutation(table), _backwards(op))]


def _pauli_exponential(op: Any) -> list[Inner]:
    return [_rotation(op.get_paulis(), op.get_phase())]


def _pauli_pair(op: Any) -> list[Inner]:
    pairs = zip(op.get_paulis_pair(), op.get_phase_pair(), strict=True)
    return [_rotation(paulis, phase) for paulis, phase in pairs]


def _pauli_set(op: Any) -> list[Inner]:
    return [_rotation(paulis, phase) for paulis, phase in op.get_paulis()]


def _rotation(paulis: Sequence[Any], phase: Any) -> Inner:
    label = "".join(pauli.name for pauli in paulis)
    gate = Gate.pauli_rotation(label, lower_value(phase) * np.pi)
    return Inner(gate, tuple(reversed(range(len(label)))))


def _controlled(op: Any) -> list[Inner]:
    count = op.get_n_controls()
    state = _lowest_first(op.get_control_state_bits())
    return [Inner(op.get_op(), _rest(op, count), tuple(range(count)), state)]


def _conjugation(op: Any) -> list[Inner]:
    every = tuple(range(op.n_qubits))
    compute, uncompute = op.get_compute(), op.get_uncompute()
    last = compute.dagger if uncompute is None else uncompute
    return [Inner(part, every) for part in (compute, op.get_action(), last)]


def _multiplexor(op: Any) -> list[Inner]:
    return [
        Inner(inner, _rest(op, len(bits)), tuple(range(len(bits))), _lowest_first(bits))
        for bits, inner in op.get_bitstring_op_pair_list()
    ]


def _multiplexed_u2(op: Any) -> list[Inner]:
    # Without its diagonal the box is what its synthesis makes of it.
    if op.get_impl_diag():
        return _multiplexor(op)
    return [Inner(op.get_circuit(), tuple(range(op.n_qubits)))]


def _multiplexed_tensor(op: Any) -> list[Inner]:
    return [
        Inner(inner, (len(bits) + place,), tuple(range(len(bits))), _lowest_first(bits))
        for bits, parts in op.get_bitstring_op_pair_list()
        for place, inner in enumerate(parts)
    ]


def _backwards(op: Op) -> tuple[int, ...]:
    """Return all positions, last first: pytket's first qubit is the highest bit of an index."""
    return tuple(reversed(range(op.n_qubits)))


def _rest(op: Op, count: int) -> tuple[int, ...]:
    return tuple(range(count, op.n_qubits))


def _lowest_first(bits: Sequence[bool]) -> int:
    return sum(1 << place for place, is_set in enumerate(bits) if is_set)


def _index(bits: Sequence[bool]) -> int:
    return sum(1 << place for place, is_set in enumerate(reversed(bits)) if is_set)


DIRECT: dict[OpType, Callable[[Any], list[Inner]]] = {
    OpType.Unitary1qBox: _matrix,
    OpType.Unitary2qBox: _matrix,
    OpType.Unitary3qBox: _matrix,
    OpType.ExpBox: _exponential,
    OpType.DiagonalBox: _diagonal,
    OpType.ToffoliBox: _permutation,
    OpType.PauliExpBox: _pauli_exponential,
    OpType.PauliExpPairBox: _pauli_pair,
    OpType.PauliExpCommutingSetBox: _pauli_set,
    OpType.QControlBox: _controlled,
    OpType.ConjugationBox: _conjugation,
    OpType.MultiplexorBox: _multiplexor,
    OpType.MultiplexedRotationBox: _multiplexor,
    OpType.MultiplexedU2Box: _multiplexed_u2,
    OpType.MultiplexedTensoredU2Box: _multiplexed_tensor,
}
"""Boxes and what reads them."""

BOX_TYPES = frozenset(
    {
        *DIRECT,
        OpType.CircBox,
        OpType.CustomGate,
        OpType.PhasePolyBox,
        OpType.ProjectorAssertionBox,
        OpType.StabiliserAssertionBox,
        OpType.StatePreparationBox,
        OpType.TermSequenceBox,
        OpType.UnitaryTableauBox,
    }
)
"""Every box that can be read."""

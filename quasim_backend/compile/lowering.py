"""Lowering: gates on qubits become primitives of a `Program`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.gate_table import FORMALS, RECORDS, GateRecord, Template
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.packing import Packed, joined, pack
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.program import MAX_QUBITS, Angles, PrimitiveKind, Program, assembled

__all__ = ["lower"]

_FORMAL_INDEX = {p: i for i, p in enumerate(FORMALS)}
_ARRAY_KINDS = {
    "unitary": int(PrimitiveKind.MATRIX),
    "diagonal": int(PrimitiveKind.DIAGONAL),
    "permutation": int(PrimitiveKind.PERMUTATION),
}
_REMEMBERED = 4096
"""Placed gates that are kept packed, half a kilobyte each."""

_Formula: TypeAlias = tuple[float, tuple[tuple[int, float], ...]]
"""An angle: a number, and (index of the gate's parameter, weight) pairs to add to it."""


def lower(
    operations: Iterable[GateOp],
    num_qubits: int,
    parameters: Sequence[Parameter] = (),
    qubits: Mapping[int, int] | None = None,
    *,
    starts: list[int] | None = None,
) -> Program:
    """Lower gates to a program.

    Args:
        operations: Gates in the order they act; trusted to be legal.
        num_qubits: Width of the program.
        parameters: Fixes the head of the program's parameter vector; others follow as they appear.
        qubits: Where each qubit goes; the identity by default.
        starts: If given, the number of each gate's first primitive is appended to it.

    Raises:
        UnsupportedError: If the program is too wide for 64-bit masks.
        ParameterError: If a fractional power of a symbolic gate is asked for.
    """
    if num_qubits > MAX_QUBITS:
        raise UnsupportedError(
            f"A state-vector program has at most {MAX_QUBITS} qubits; got {num_qubits}."
        )
    parts: list[Packed] = []
    angles = Angles()
    add_part, add_place, add_offset = parts.append, angles.places.append, angles.offsets.append
    record_of = RECORDS.get
    first = 0  # number of the gate's first primitive
    # This loop runs once a gate. All but the angles comes packed out of a cache.
    for operation in operations:
        gate = operation.gate
        places = tuple(operation.qubits)
        if starts is not None:
            starts.append(first)
        if qubits is not None:
            places = tuple([qubits[q] for q in places])
        record = record_of(gate.name)
        if record is not None and gate.power == 1.0:
            packed, count, formulas = _placed(record, gate.num_controls, gate.control_state, places)
            add_part(packed)
            if formulas:
                params = gate.params
                for number, (angle, terms) in formulas:
                    for index, weight in terms:
                        angle += params[index] * weight  # type: ignore[assignment]
                    if type(angle) is float:  # as in Angles.set, without the call
                        add_place(first + number)
                        add_offset(angle)
                    else:
                        angles.set(first + number, angle)
            first += count
        elif gate.data is not None and gate.power == 1.0:
            add_part(_array(gate, places))
            first += 1
        else:
            templates = gate.templates()
            add_part(_packed(templates, gate.num_controls, gate.control_state, places))
            for number, template in enumerate(templates):
                if isinstance(template.angle, Affine):
                    angles.set(first + number, template.angle)
            first += len(templates)
    return assembled(num_qubits, parameters, parts, angles)


@lru_cache(maxsize=_REMEMBERED)
def _placed(
    record: GateRecord, num_controls: int, control_state: int, places: tuple[int, ...]
) -> tuple[Packed, int, tuple[tuple[int, _Formula], ...]]:
    """Place a gate of the table.

    Returns:
        The primitives, their number, and the number and formula of each that has its angle from
        the gate's parameters.
    """
    return (
        _packed(record.lowering, num_controls, control_state, places),
        len(record.lowering),
        tuple(
            (number, _formula(template.angle))
            for number, template in enumerate(record.lowering)
            if isinstance(template.angle, Affine)
        ),
    )


def _array(gate: Gate, places: tuple[int, ...]) -> Packed:
    """Place a gate that carries its matrix, diagonal or permutation."""
    kind = _ARRAY_KINDS[gate.name]
    mask, value = _controls(gate.num_controls, gate.control_state, places)
    targets = places[gate.num_controls :]
    if gate.name == "permutation":
        return pack(kind, targets, mask, value, table=gate.data)
    return pack(kind, targets, mask, value, data=gate.data)


def _formula(angle: Affine) -> _Formula:
    return angle.offset, tuple((_FORMAL_INDEX[p], w) for p, w in angle.terms)


def _packed(
    templates: Sequence[Template], num_controls: int, control_state: int, places: tuple[int, ...]
) -> Packed:
    """Place primitives; the gate's controls go on every one. Symbolic angles are left at 0."""
    mask, value = _controls(num_controls, control_state, places)
    places = places[num_controls:]
    parts = []
    for template in templates:
        own = _mask(template.controls, places)
        part = pack(
            template.kind,
            [places[t] for t in template.targets],
            mask | own,
            value | own,
            data=template.data,
            table=template.table,
            x_mask=_mask(template.x_bits, places),
            z_mask=_mask(template.z_bits, places),
            angle=0.0 if isinstance(template.angle, Affine) else template.angle,
        )
        parts.append(part)
    return parts[0] if len(parts) == 1 else joined(parts)


def _controls(count: int, state: int, places: tuple[int, ...]) -> tuple[int, int]:
    """Return the masks of the first ``count`` places and of those that must be 1."""
    mask = value = 0
    for i in range(count):
        mask |= 1 << places[i]
        value |= (state >> i & 1) << places[i]
    return mask, value


def _mask(bits: Sequence[int], places: Sequence[int]) -> int:
    mask = 0
    for b in bits:
        mask |= 1 << places[b]
    return mask

"""Lowering: gates on qubits become primitives of a `Program`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from quasim_backend.ir.gate_table import FORMALS, Template
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.program import PrimitiveKind, Program, ProgramBuilder

__all__ = ["lower"]

_FORMAL_INDEX = {p: i for i, p in enumerate(FORMALS)}


def lower(
    operations: Iterable[GateOp],
    num_qubits: int,
    parameters: Sequence[Parameter] = (),
    qubits: Mapping[int, int] | None = None,
) -> Program:
    """Lower gates to a program.

    Args:
        operations: Gates in the order they act; trusted to be legal.
        num_qubits: Width of the program.
        parameters: Fixes the head of the program's parameter vector; others follow as they appear.
        qubits: Where each qubit goes; the identity by default.

    Raises:
        UnsupportedError: If the program is too wide for 64-bit masks.
        ParameterError: If a fractional power of a symbolic gate is asked for.
    """
    builder = ProgramBuilder(num_qubits, parameters)
    for operation in operations:
        places = operation.qubits
        if qubits is not None:
            places = tuple(qubits[q] for q in places)
        _emit(builder, operation.gate, places)
    return builder.build()


def _emit(builder: ProgramBuilder, gate: Gate, places: tuple[int, ...]) -> None:
    """Append one gate: its controls go on every primitive of its lowering."""
    mask = value = 0
    if gate.num_controls:
        for i, q in enumerate(places[: gate.num_controls]):
            mask |= 1 << q
            value |= (gate.control_state >> i & 1) << q
        places = places[gate.num_controls :]
    record = gate.record
    symbolic_record = record is not None and gate.power == 1.0
    templates = record.lowering if symbolic_record and record is not None else gate.templates()
    for template in templates:
        own_mask, own_value = mask, value
        for c in template.controls:
            own_mask |= 1 << places[c]
            own_value |= 1 << places[c]
        kind = template.kind
        if kind is PrimitiveKind.ROTATION:
            angle = _angle(template, gate) if symbolic_record else template.angle
            x = z = 0
            for b in template.x_bits:
                x |= 1 << places[b]
            for b in template.z_bits:
                z |= 1 << places[b]
            builder.rotation(x, z, angle, own_mask, own_value)
        elif kind is PrimitiveKind.PHASE:
            angle = _angle(template, gate) if symbolic_record else template.angle
            builder.phase(angle, own_mask, own_value)
        else:
            targets = tuple(places[t] for t in template.targets)
            if template.table is not None:
                builder.permutation(targets, template.table, own_mask, own_value)
            elif template.data is not None and kind is PrimitiveKind.MATRIX:
                builder.matrix(targets, template.data, own_mask, own_value)
            elif template.data is not None:
                builder.diagonal(targets, template.data, own_mask, own_value)


def _angle(template: Template, gate: Gate) -> float | Affine:
    """Evaluate a template's angle at the gate's own parameters."""
    if not isinstance(template.angle, Affine):
        return template.angle
    total: float | Affine = template.angle.offset
    for index, weight in _formal_terms(template):
        total = total + gate.params[index] * weight
    return total


@lru_cache(maxsize=1024)
def _formal_terms(template: Template) -> tuple[tuple[int, float], ...]:
    """Return the template's angle as (index of the gate's parameter, weight) pairs."""
    if not isinstance(template.angle, Affine):
        return ()
    return tuple((_FORMAL_INDEX[p], w) for p, w in template.angle.terms)

"""Turns a gate with modifiers into gates of the table, with a stack of its own, not Python's."""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from quasim_backend.errors import QasmError
from quasim_backend.ir.gates import Gate, unitary_power
from quasim_backend.ir.instructions import Barrier, GateOp
from quasim_backend.ir.parameters import Affine, Parameter, bind
from quasim_backend.ir.qasm3.angles import read_angle
from quasim_backend.ir.qasm3.definitions import Argument, Call, Modifier
from quasim_backend.ir.qasm3.faults import NeedsValue
from quasim_backend.ir.qasm3.kinds import REAL
from quasim_backend.ir.qasm3.matrices import matrix_of
from quasim_backend.ir.qasm3.scope import Scope
from quasim_backend.ir.qasm3.values import Value, real

__all__ = ["FORMALS", "expand"]

_MOST_QUBITS = 6
"""Widest gate with a body that can be raised to a fractional power."""

_MOST_ROOTS = 8
"""Deepest nesting of fractional powers."""

FORMALS = tuple(Parameter(f"${i}") for i in range(256))
"""Formal parameters of a definition, by position."""

_Angles: TypeAlias = Sequence[float | Affine]
_Frame: TypeAlias = tuple[Call, _Angles, tuple[int, ...], tuple[tuple[int, int], ...], bool]
"""A call, the parameters and qubits of the gate it stands in, controls as (qubit, value), and
whether its inverse is meant."""


def expand(
    call: Call, parameters: _Angles, qubits: tuple[int, ...], roots: int = 0
) -> Iterator[GateOp | Barrier]:
    """Yield the table gates a call stands for, in order.

    Args:
        call: The call.
        parameters: What its arguments are written in.
        qubits: What its places refer to.
        roots: How many fractional powers this call is inside of.

    Raises:
        ValueError: If a parameter has no finite value, or a power cannot be taken.
    """
    stack: list[_Frame] = [(call, parameters, qubits, (), False)]
    while stack:
        call, values, places, controls, inverted = stack.pop()
        used = tuple([places[p] for p in call.places])
        if call.callee is None:
            yield Barrier(used)
            continue
        arguments = [_value(argument, values) for argument in call.arguments]
        callee = call.callee
        modifiers = call.modifiers
        gate = callee.gate
        if gate is None and callee.record is not None:
            name, count = callee.record
            gate = Gate(name, tuple(arguments), count, (1 << count) - 1)
        if gate is None:
            fraction = next((k for k, m in enumerate(modifiers) if _is_fraction(m)), None)
            if fraction is not None:
                inner, modifiers = modifiers[fraction + 1 :], modifiers[:fraction]
                outer = sum(int(m.number) for m in modifiers if m.kind in ("ctrl", "negctrl"))
                places_left = tuple(range(len(used) - outer))
                named = tuple(FORMALS[k] * 1.0 for k in range(len(arguments)))
                rooted = Call(callee, named, places_left, inner)
                gate = _rooted(rooted, arguments, roots + 1, call.modifiers[fraction].number)
        if gate is not None:
            for modifier in reversed(modifiers):
                gate = _modified(gate, modifier)
            if inverted:
                gate = gate.inverse()
            if controls:
                state = sum(value << k for k, (_, value) in enumerate(controls))
                gate = gate.controlled(len(controls), state)
            yield GateOp(gate, (*(q for q, _ in controls), *used))
            continue
        repeats = 1
        for modifier in modifiers:
            count = round(modifier.number)
            if modifier.kind == "inv":
                inverted = not inverted
            elif modifier.kind == "pow":
                inverted ^= count < 0
                repeats *= abs(count)
            else:
                value = int(modifier.kind == "ctrl")
                controls = (*controls, *((q, value) for q in used[:count]))
                used = used[count:]
        if repeats == 1:
            body = callee.body if inverted else callee.body[::-1]
            stack += [(line, arguments, used, controls, inverted) for line in body]
        else:
            once = Call(callee, tuple(arguments), tuple(range(len(used))))
            stack += [(once, (), used, controls, inverted)] * repeats


def _is_fraction(modifier: Modifier) -> bool:
    return modifier.kind == "pow" and modifier.number != round(modifier.number)


def _modified(gate: Gate, modifier: Modifier) -> Gate:
    if modifier.kind == "inv":
        return gate.inverse()
    if modifier.kind == "ctrl":
        return gate.controlled(int(modifier.number))
    if modifier.kind == "negctrl":
        return gate.controlled(int(modifier.number), 0)
    exponent = modifier.number
    if exponent == round(exponent):
        return _whole_power(gate, round(exponent))
    if gate.parameters:
        raise ValueError(
            f"A fractional power of '{gate.name}' needs numbers; '{gate.parameters[0]}' has none."
        )
    if gate.power == 1.0 and gate.num_targets:
        return gate.to_power(exponent)
    # The principal root is that of the matrix, not of what the matrix was made from.
    bare = replace(gate, num_controls=0, control_state=0)
    matrix = unitary_power(bare.matrix(), exponent)
    if gate.num_targets:
        powered = Gate.unitary(matrix, check=False)
    else:
        powered = Gate.named("gphase", (cmath.phase(complex(matrix[0, 0])),))
    return replace(powered, num_controls=gate.num_controls, control_state=gate.control_state)


def _whole_power(gate: Gate, exponent: int) -> Gate:
    if gate.name == "gphase" and gate.power == 1.0:
        return replace(gate, params=(gate.params[0] * float(exponent),))
    return gate.to_power(exponent)


def _rooted(call: Call, arguments: _Angles, roots: int, exponent: float) -> Gate:
    """Return a fractional power of a gate with a body, as a matrix."""
    width = len(call.places)
    if width > _MOST_QUBITS or roots > _MOST_ROOTS:
        raise ValueError(
            f"A fractional power of a gate with a body is possible on up to {_MOST_QUBITS} qubits "
            f"and {_MOST_ROOTS} levels deep."
        )
    operations = list(expand(call, arguments, call.places, roots))
    return Gate.unitary(unitary_power(matrix_of(operations, width), exponent), check=False)


def _value(argument: Argument, values: _Angles) -> float | Affine:
    """Return the parameter of an inner gate from those of the gate around it."""
    if isinstance(argument, float):
        return argument
    if isinstance(argument, Affine):
        return bind(argument, dict(zip(FORMALS, values, strict=False))) if values else argument
    scope = Scope()
    scope.names.update(argument.names)
    scope.enter()
    for formal, thing in argument.names.items():
        if isinstance(thing, Value) and thing.affine is not None:
            (parameter, _), *_ = thing.affine.terms
            if parameter in FORMALS[: len(values)]:
                value = values[FORMALS.index(parameter)]
                if isinstance(value, float):
                    scope.declare(formal, real(value))
                else:
                    scope.declare(formal, Value(REAL, affine=value, name=formal))
    cursor = argument.cursor
    here, cursor.at = cursor.at, argument.at
    try:
        return read_angle(cursor, scope)
    except NeedsValue as cause:
        raise ValueError(str(cause)) from None
    except QasmError as cause:
        raise ValueError(str(cause)) from None
    finally:
        cursor.at = here

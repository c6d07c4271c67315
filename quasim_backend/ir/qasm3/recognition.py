"""Finds out that the body of a gate spells out a gate of the table.

Writers define ``rxx`` and the like in the text. One gate of the table runs faster than the five to
twenty of its body, and keeps its name. The body is what counts: the name only says which gate of
the table to compare with, and the two must have the same matrix, up to a constant global phase that
is kept.
"""

from __future__ import annotations

import cmath
from dataclasses import replace

import numpy as np

from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.qasm3.application import FORMALS, expand
from quasim_backend.ir.qasm3.definitions import BUILT_IN, Call, Definition
from quasim_backend.ir.qasm3.matrices import matrix_of

__all__ = ["recognised"]

_MOST_QUBITS = 5
_MOST_OPERATIONS = 2000
_TOLERANCE = 1e-12
_POINTS = (
    (0.7390851332, -1.3247179572, 2.0945514815, 0.5671432904, -2.7182818285),
    (-2.2360679775, 0.6180339887, -0.8346268417, 3.0775146814, 1.2020569032),
    (5.4366915121, -4.6692016091, 7.3890560989, -6.1803398875, 3.3598856662),
)
"""Parameters at which matrices are compared; no exact multiples of anything in use."""


def recognised(definition: Definition) -> Definition:
    """Return a definition with one gate of the table as its body, where that is the same."""
    name = definition.name
    record_name, controls = ALIASES.get(name, (name, 0))
    record = RECORDS.get(record_name)
    if (
        record is None
        or record.num_qubits + controls != definition.num_qubits
        or len(record.parameters) != len(definition.parameters)
        or definition.num_qubits > _MOST_QUBITS
        or definition.size > _MOST_OPERATIONS
        or not definition.body
    ):
        return definition
    table = Definition(name, record.parameters, definition.num_qubits, (record_name, controls))
    phases: list[complex] = []
    for point in _POINTS if record.parameters else _POINTS[:1]:
        phase = _phase_between(definition, table, point[: len(record.parameters)])
        if phase is None:
            return definition
        phases.append(phase)
    if max(abs(phase - phases[0]) for phase in phases) > _TOLERANCE:
        return definition
    same = replace(table, parameters=definition.parameters)
    if abs(phases[0] - 1) < _TOLERANCE:
        return same
    return _with_phase(same, cmath.phase(phases[0]))


def _phase_between(
    definition: Definition, table: Definition, parameters: tuple[float, ...]
) -> complex | None:
    """Return the phase of the body against the gate of the table; None if they differ."""
    places = tuple(range(definition.num_qubits))
    try:
        ours, theirs = (
            matrix_of(expand(Call(d, parameters, places), (), places), len(places))
            for d in (definition, table)
        )
    except ValueError:  # a parameter of the body has no value here
        return None
    row, column = np.unravel_index(int(np.abs(theirs).argmax()), theirs.shape)
    phase = complex(ours[row, column] / theirs[row, column])
    if abs(abs(phase) - 1) > _TOLERANCE or np.abs(ours - phase * theirs).max() > _TOLERANCE:
        return None
    return phase


def _with_phase(table: Definition, phase: float) -> Definition:
    formals = tuple(FORMALS[k] * 1.0 for k in range(len(table.parameters)))
    inner = Call(replace(table), formals, tuple(range(table.num_qubits)))
    body = (Call(BUILT_IN["gphase"], (phase,), ()), inner)
    return Definition(table.name, table.parameters, table.num_qubits, body=body, size=2)

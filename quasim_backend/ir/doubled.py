"""The program of a density matrix: every gate on the rows, its conjugate on the columns.

The density matrix of ``n`` qubits is a vector of ``2n`` bits, ``vec[i + (j << n)] = rho[i, j]``:
qubit ``q`` of the rows is bit ``q``, that of the columns is bit ``q + n``. A unitary maps ``rho``
to ``U rho U^dagger``, that is ``conj(U) (x) U`` on the vector.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.program import MAX_QUBITS, PrimitiveKind, Program
from quasim_backend.ir.program_parts import chained, reordered

__all__ = ["doubled"]


def doubled(program: Program) -> Program:
    """Return the program that acts on density matrices as ``program`` acts on states.

    Args:
        program: ``m`` primitives on ``n`` qubits.

    Returns:
        ``2m`` primitives on ``2n`` qubits with the same parameters; number ``2i`` is primitive
        ``i``, number ``2i + 1`` is its conjugate on the columns.

    Raises:
        UnsupportedError: If twice the width exceeds `MAX_QUBITS`.
    """
    rows = _widened(program)
    count = len(program)
    order = np.arange(2 * count).reshape(2, count).T.reshape(-1)
    return reordered(chained([rows, _conjugate(rows)]), order)


def _conjugate(rows: Program) -> Program:
    """Return the complex conjugate of every primitive, on the columns' bits."""
    shift = np.uint64(rows.num_qubits // 2)
    # conj(exp(-i a/2 P)) = exp(-i (-a)/2 conj(P)), and conj(P) = -P for an odd number of Y.
    odd = np.bitwise_count(rows.x_mask & rows.z_mask) & 1
    sign = np.where((rows.kind == PrimitiveKind.ROTATION) & (odd == 1), 1.0, -1.0)
    return replace(
        rows,
        targets=rows.targets + np.int32(shift),
        control_mask=rows.control_mask << shift,
        control_value=rows.control_value << shift,
        x_mask=rows.x_mask << shift,
        z_mask=rows.z_mask << shift,
        data=rows.data.conj(),
        angle_offset=sign * rows.angle_offset,
        term_weight=np.repeat(sign, np.diff(rows.term_start)) * rows.term_weight,
    )


def _widened(program: Program) -> Program:
    """Return a program of ``n`` qubits as one of ``2n`` that leaves the upper ones alone."""
    width = 2 * program.num_qubits
    if width > MAX_QUBITS:
        raise UnsupportedError(
            f"A density matrix has at most {MAX_QUBITS // 2} qubits; got {program.num_qubits}."
        )
    return replace(program, num_qubits=width)

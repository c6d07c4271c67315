"""A circuit that prepares a matrix product state: one gate a qubit, along the chain.

With every tensor an isometry from its left bond to its qubit and its right bond, the bond can be
kept by the qubits that come next: gate ``i`` reads it from there, leaves qubit ``i`` behind and
passes the new bond on (Schoen, Solano, Verstraete, Cirac, Wolf, Phys. Rev. Lett. 95 (2005) 110503).
A bond of dimension ``D`` takes gates on ``1 + log2(D)`` qubits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import ShapeError
from quasim_backend.ir.circuit import Circuit

__all__ = ["mps_circuit"]

Tensor: TypeAlias = NDArray[np.complex128]
_RANK = 1e-14


def mps_circuit(tensors: Sequence[Any]) -> Circuit:
    """Return a circuit from ``|0...0>`` to a matrix product state.

    Args:
        tensors: ``(left, 2, right)`` for each qubit, qubit 0 first; bonds at both ends have
            dimension 1. Of any form; the state is normalised, its phase is kept.

    Raises:
        ShapeError: If the tensors do not fit each other, or the state is zero or not finite.
    """
    isometries = _isometries([np.asarray(t, np.complex128) for t in tensors])
    circuit = Circuit(len(isometries))
    for site, tensor in enumerate(isometries):
        left, _, right = tensor.shape
        # Qubits: this one (bit 0), then those that keep a bond, its index in binary.
        width = max(1 + (right - 1).bit_length(), (left - 1).bit_length(), 1)
        columns = np.zeros((1 << width, left), complex)
        rows = np.arange(2)[:, None] + 2 * np.arange(right)
        columns[rows.reshape(-1)] = tensor.reshape(left, 2 * right).T
        circuit.unitary(_completed(columns), range(site, site + width))
    return circuit


def _isometries(tensors: list[Tensor]) -> list[Tensor]:
    """Return the state's tensors as isometries from the left bond, as narrow as they can be."""
    bond = 1
    for site, tensor in enumerate(tensors):
        if tensor.ndim != 3 or tensor.shape[:2] != (bond, 2) or not np.isfinite(tensor).all():
            raise ShapeError(
                f"Tensor {site} of a matrix product state must be finite, with the shape "
                f"({bond}, 2, right bond); got {tensor.shape}."
            )
        bond = tensor.shape[2]
    if not tensors or bond != 1:
        raise ShapeError(f"The last tensor needs a right bond of dimension 1; got {bond}.")
    found = list(tensors)
    for site in range(len(found) - 1):  # isometries from the right bond
        left, _, right = found[site].shape
        q, r = np.linalg.qr(found[site].reshape(2 * left, right))
        found[site] = q.reshape(left, 2, -1)
        found[site + 1] = np.tensordot(r, found[site + 1], 1)
    norm = np.linalg.norm(found[-1])
    if not norm > 0:
        raise ShapeError("The matrix product state is zero.")
    found[-1] = found[-1] / norm
    for site in range(len(found) - 1, 0, -1):
        left, _, right = found[site].shape
        u, s, vh = np.linalg.svd(found[site].reshape(left, 2 * right), full_matrices=False)
        rank = max(1, int((s > _RANK * s[0]).sum()))
        found[site] = vh[:rank].reshape(rank, 2, right)
        found[site - 1] = found[site - 1] @ (u[:, :rank] * s[:rank])
    return found


def _completed(columns: Tensor) -> Tensor:
    """Return a unitary whose first columns are the given orthonormal ones."""
    count = columns.shape[1]
    rest = np.linalg.svd(columns, full_matrices=True)[0][:, count:]
    result: Tensor = np.hstack([columns, rest])
    return result

"""What a gate or a channel does to Pauli strings, seen backwards: rotations and transfer tables.

An operation takes an observable ``O`` to its adjoint map, ``sum(K^dagger O K)``. A rotation
``exp(-i a P / 2)`` leaves strings that commute with ``P`` and takes the others from ``Q`` to
``cos(a) Q - i sin(a) Q P``. Everything else on few qubits is a table: the Pauli transfer matrix
without its zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_rotations import Rotation, local_paulis, rotations_of
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.program import PrimitiveKind

__all__ = [
    "WIDEST",
    "Move",
    "Rotation",
    "Transfer",
    "channel_move",
    "dephasing",
    "gate_moves",
    "resetting",
    "sine_and_cosine",
    "too_wide",
]

WIDEST = 5
"""Qubits of a gate or channel that is turned into a table of ``4**k`` rows."""

_EXACT = 2e-15
"""Distance from 0, 1 or -1 that is rounding: so Clifford gates permute strings."""

_DEPHASED = np.diag([1.0, 0.0, 1.0, 0.0])  # rows I, X, Z, Y
_RESET = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class Transfer:
    """A map on the strings of some qubits.

    A local string is a number of ``2k`` bits: bit ``i`` says X or Y on ``qubits[i]``, bit ``k + i``
    says Z or Y.

    Attributes:
        qubits: Where it acts.
        outputs: int64 ``(4**k, m)``: the strings that each string becomes.
        weights: float64 ``(4**k, m)``: with what weights; 0 where there are fewer than ``m``.
        stays: Whether the first output is the string itself, for every string.
        loses: Whether some string becomes nothing.
    """

    qubits: tuple[int, ...]
    outputs: NDArray[np.int64]
    weights: NDArray[np.float64]
    stays: bool
    loses: bool

    @staticmethod
    def of(matrix: NDArray[np.float64], qubits: Sequence[int]) -> Transfer:
        """Make a table from ``matrix[new, old]``, float64 ``(4**k, 4**k)``."""
        return Transfer(tuple(qubits), *_table(matrix))


Move: TypeAlias = Rotation | Transfer
Table: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64], bool, bool]


def gate_moves(gate: Gate, qubits: Sequence[int]) -> list[Move]:
    """Return the moves of a gate that is not `too_wide`, in the order they act backwards.

    Args:
        gate: Without symbolic parameters.
        qubits: Controls first, then targets.
    """
    if gate.num_qubits <= WIDEST and not gate.params:
        return [Transfer(tuple(qubits), *_plain_table(gate))]
    if gate.num_qubits <= WIDEST and not _is_rotation(gate):
        return [Transfer(tuple(qubits), *_gate_table(gate))]
    rotations = rotations_of(gate, qubits)
    assert rotations is not None, "gates that are too wide are refused"
    return [r for r in reversed(rotations) if r.x | r.z]


def too_wide(operation: Gate | Channel) -> bool:
    """Return whether an operation is neither a table nor a product of Pauli rotations.

    Angles do not matter: those of symbolic gates are set to 1.
    """
    if operation.num_qubits <= WIDEST:
        return False
    if isinstance(operation, Channel):
        return True
    bound = operation.bound(dict.fromkeys(operation.parameters, 1.0))
    return rotations_of(bound, range(operation.num_qubits)) is None


def _is_rotation(gate: Gate) -> bool:
    """Return whether a gate on few qubits is one rotation, which is cheaper than a table."""
    templates = gate.templates()
    angled = (PrimitiveKind.ROTATION, PrimitiveKind.PHASE)
    return (
        not gate.num_controls
        and len(templates) == 1
        and templates[0].kind in angled
        and (len(templates[0].controls) <= 1)
    )


def channel_move(channel: Channel, qubits: Sequence[int]) -> Transfer:
    """Return the table of a channel that is not `too_wide`."""
    return Transfer.of(_transfer_matrix(channel.kraus_operators()), qubits)


def dephasing(qubit: int) -> Transfer:
    """Return the table of a measurement whose outcome nobody sees."""
    return Transfer.of(_DEPHASED, (qubit,))


def resetting(qubit: int) -> Transfer:
    """Return the table of a reset."""
    return Transfer.of(_RESET, (qubit,))


def _snapped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with those that are 0, 1 or -1 up to rounding made so."""
    whole = np.rint(values)
    near = (np.abs(values - whole) < _EXACT) & (np.abs(whole) <= 1)
    return np.where(near, whole + 0.0, values)  # + 0.0: no negative zeros


def _transfer_matrix(operators: Sequence[NDArray[np.complex128]]) -> NDArray[np.float64]:
    """Return ``R[i, j] = sum_K Tr(P_i K^dagger P_j K) / 2**k`` of Kraus operators."""
    size = len(operators[0])
    paulis = local_paulis(size.bit_length() - 1)
    seen = sum(k.conj().T @ paulis @ k for k in operators)
    flat = np.asarray(seen).reshape(len(paulis), -1)
    # Tr(A B) = sum_ab A[a, b] B[b, a], and P_i is Hermitian.
    matrix: NDArray[np.float64] = (paulis.reshape(len(paulis), -1).conj() @ flat.T).real / size
    return matrix


def _gate_table(gate: Gate) -> Table:
    return _table(_transfer_matrix([gate.matrix()]))


_plain_table = lru_cache(maxsize=512)(_gate_table)
"""The same for gates without parameters, of which a circuit uses few, often."""


def _table(matrix: NDArray[np.float64]) -> Table:
    """Return outputs, weights, stays and loses of `Transfer` for ``matrix[new, old]``."""
    columns = _snapped(matrix).T
    counts = np.count_nonzero(columns, axis=1)
    most = max(int(counts.max()), 1)
    itself = np.arange(len(columns))
    # First the string itself, then the others that it becomes, then those that it does not.
    rank = np.where(columns != 0, 1, 2)
    rank[itself, itself] = np.where(columns[itself, itself] != 0, 0, 2)
    outputs = np.argsort(rank, axis=1, kind="stable")[:, :most]
    weights = np.take_along_axis(columns, outputs, axis=1)
    empty = counts == 0
    outputs[empty, 0] = itself[empty]
    stays = bool((outputs[:, 0] == itself).all())
    return outputs, weights, stays, bool(empty.any())


def sine_and_cosine(angle: float) -> tuple[float, float]:
    """Return sine and cosine, exactly 0, 1 or -1 at multiples of a quarter turn."""
    sine, cosine = _snapped(np.array([math.sin(angle), math.cos(angle)])).tolist()
    return sine, cosine

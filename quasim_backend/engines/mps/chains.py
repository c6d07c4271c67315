"""Gates as chains: matrix product operators with one tensor for each qubit that they act on.

A chain's tensor has the axes (left bond, output, input, right bond); bonds at both ends have
dimension 1. Tensors are in the order of the qubits' numbers, whatever order the gate names them in;
qubits in between that the gate leaves alone have no tensor. The bond of a gate is its operator
Schmidt rank: 2 for CX, CZ and RZZ, 4 at most for two qubits, 2 for any number of controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.gates import Gate
from quasim_backend.ir.program import PrimitiveKind

__all__ = [
    "DENSE_QUBITS",
    "Chain",
    "chain_of_matrix",
    "chain_of_vector",
    "gate_chain",
    "splits_at_any_width",
]

Tensor: TypeAlias = NDArray[np.complex128]

DENSE_QUBITS = 10
"""Widest gate whose matrix is split; beyond, only controls, diagonals and Pauli rotations are."""

_DIRECT_QUBITS = 4
"""Up to here controls are part of the matrix: the chain is as narrow as it can be."""

_RANK = 1e-14
"""Operator Schmidt values below this, relative to the largest, are rounding."""

_IDENTITY = np.eye(2, dtype=complex)
_PAULIS = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 0], [0, -1]], [[0, -1j], [1j, 0]]]
)  # by x + 2 z


@dataclass(frozen=True, eq=False, slots=True)
class Chain:
    """A matrix product operator.

    Attributes:
        sites: The qubits it acts on, ascending.
        tensors: complex128 ``(left, 2, 2, right)`` for each of them.
    """

    sites: tuple[int, ...]
    tensors: tuple[Tensor, ...]


def gate_chain(gate: Gate, qubits: Sequence[int]) -> Chain:
    """Write a gate as a chain.

    Args:
        gate: Without unbound parameters.
        qubits: Its controls first, then its targets.
    """
    controls, targets = qubits[: gate.num_controls], qubits[gate.num_controls :]
    base = replace(gate, num_controls=0, control_state=0)
    if not controls:
        return _base_chain(base, targets)
    if gate.num_qubits <= _DIRECT_QUBITS:
        return chain_of_matrix(gate.matrix(), qubits)
    values = {q: gate.control_state >> i & 1 for i, q in enumerate(controls)}
    # 1 + P (U - 1), with P the projector onto the controls' value.
    if not targets:  # a phase, of the last control's value
        last = values.pop(controls[-1])
        targets = controls[-1:]
        phase = base.matrix()[0, 0] - 1
        change = Chain(tuple(targets), (_site(phase * np.diag([1 - last, last])),))
    elif len(targets) <= _DIRECT_QUBITS:
        change = chain_of_matrix(base.matrix() - np.eye(1 << len(targets)), targets)
    else:
        body = _base_chain(base, targets)
        change = _sum(body, _ones(body.sites), -1.0)
    projectors = {q: np.diag([1.0 - bit, bit]).astype(complex) for q, bit in values.items()}
    return _sum(_ones(tuple(sorted(qubits))), _with_factors(change, projectors), 1.0)


def splits_at_any_width(gate: Gate) -> bool:
    """Return whether a gate's targets need no matrix: a diagonal, or a Pauli rotation."""
    return gate.name == "diagonal" or gate.masks is not None


def chain_of_matrix(matrix: NDArray[Any], qubits: Sequence[int]) -> Chain:
    """Split a matrix ``(2**k, 2**k)`` on some qubits, the first one the lowest bit."""
    order = sorted(range(len(qubits)), key=lambda i: qubits[i])
    k = len(qubits)
    # Bit i of an index is axis k - 1 - i.
    axes = [axis for i in order for axis in (k - 1 - i, 2 * k - 1 - i)]
    tensor = np.asarray(matrix, complex).reshape((2,) * (2 * k)).transpose(axes)
    pieces = _split(tensor.reshape(-1), 4, k)
    tensors = tuple(p.reshape(len(p), 2, 2, -1) for p in pieces)
    return Chain(tuple(qubits[i] for i in order), tensors)


def chain_of_vector(vector: NDArray[Any], qubits: Sequence[int]) -> tuple[tuple[int, ...], Any]:
    """Split a vector ``(2**k,)`` on some qubits, the first one the lowest bit.

    Returns:
        The qubits, ascending, and tensors ``(left, 2, right)``.
    """
    order = sorted(range(len(qubits)), key=lambda i: qubits[i])
    k = len(qubits)
    tensor = np.asarray(vector, complex).reshape((2,) * k)
    flat = tensor.transpose([k - 1 - i for i in order]).reshape(-1)
    return tuple(qubits[i] for i in order), _split(flat, 2, k)


def _base_chain(gate: Gate, qubits: Sequence[int]) -> Chain:
    """Write a gate without controls as a chain."""
    if gate.masks is not None:
        (template,) = gate.templates()
        turn = float(template.angle)  # type: ignore[arg-type]
        sites = tuple(sorted(qubits))
        if template.kind == PrimitiveKind.PHASE:  # a root of -1
            return _scaled(_ones(sites), np.exp(1j * turn))
        x, z, _ = gate.masks
        half = turn / 2
        letters = {q: (x >> i & 1) + 2 * (z >> i & 1) for i, q in enumerate(qubits)}
        string = Chain(sites, tuple(_site(_PAULIS[letters[q]]) for q in sites))
        return _sum(_scaled(_ones(sites), np.cos(half)), string, -1j * np.sin(half))
    if gate.name == "diagonal" and gate.data is not None:
        sites, vectors = chain_of_vector(np.asarray(gate.data) ** gate.power, qubits)
        tensors = tuple(v[:, :, None, :] * _IDENTITY[None, :, :, None] for v in vectors)
        return Chain(sites, tensors)
    return chain_of_matrix(gate.matrix(), qubits)


def _split(flat: Tensor, size: int, count: int) -> list[Tensor]:
    """Split a tensor of ``count`` axes of one size into ``(left, size, right)`` tensors."""
    pieces = []
    rest = flat.reshape(1, -1)
    for _ in range(count - 1):
        left = len(rest)
        u, s, vh = np.linalg.svd(rest.reshape(left * size, -1), full_matrices=False)
        rank = max(1, int((s > _RANK * s[0]).sum())) if s[0] else 1
        pieces.append((u[:, :rank] * np.sqrt(s[:rank])).reshape(left, size, rank))
        rest = np.sqrt(s[:rank])[:, None] * vh[:rank]
    pieces.append(rest.reshape(len(rest), size, 1))
    return pieces


def _ones(sites: tuple[int, ...]) -> Chain:
    return Chain(sites, (_site(_IDENTITY),) * len(sites))


def _site(matrix: NDArray[Any]) -> Tensor:
    return np.asarray(matrix, complex)[None, :, :, None]


def _scaled(chain: Chain, factor: complex) -> Chain:
    return Chain(chain.sites, (chain.tensors[0] * factor, *chain.tensors[1:]))


def _sum(a: Chain, b: Chain, factor: complex) -> Chain:
    """Return ``a + factor * b``, of chains on the same qubits."""
    last = len(a.sites) - 1
    tensors = []
    for i, (left, right) in enumerate(zip(a.tensors, _scaled(b, factor).tensors, strict=True)):
        if last == 0:
            tensors.append(left + right)
            continue
        rows = (0, 0) if i == 0 else (0, left.shape[0])
        columns = (0, 0) if i == last else (0, left.shape[3])
        height = 1 if i == 0 else left.shape[0] + right.shape[0]
        width = 1 if i == last else left.shape[3] + right.shape[3]
        total = np.zeros((height, 2, 2, width), complex)
        for part, row, column in zip((left, right), rows, columns, strict=True):
            total[row : row + part.shape[0], :, :, column : column + part.shape[3]] += part
        tensors.append(total)
    return Chain(a.sites, tuple(tensors))


def _with_factors(chain: Chain, factors: dict[int, Tensor]) -> Chain:
    """Multiply by one-qubit operators on other qubits, which may lie in between."""
    known = dict(zip(chain.sites, chain.tensors, strict=True))
    sites = tuple(sorted((*chain.sites, *factors)))
    tensors, bond = [], 1
    for site in sites:
        if site in known:
            tensors.append(known[site])
            bond = known[site].shape[3]
        else:
            tensors.append(np.einsum("ab,oi->aoib", np.eye(bond), factors[site]))
    return Chain(sites, tuple(tensors))

"""PennyLane's operators as gates of the IR: one row a class.

A row turns an operator's parameters into gates on its wires, numbered from 0 in the operator's own
order. Parameters may be symbolic; every row is affine in them, so a circuit is translated once for
all values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from quasim_backend.ir import Gate

__all__ = [
    "EXCITATIONS",
    "ROWS",
    "Placed",
    "decompose_matrix",
    "excitation",
    "pauli_rotation",
    "projected_phase",
]

Placed: TypeAlias = tuple[Gate, tuple[int, ...]]
"""A gate and the operator's wires it acts on: controls first, then targets, lowest bit first."""

Row: TypeAlias = Callable[[Sequence[Any], int], list[Placed]]
"""Parameters and number of wires to gates."""


def _named(name: str, controls: int = 0, scale: float = 1.0) -> Row:
    """Return a row that is one gate of the table, on the wires in their order."""

    def row(params: Sequence[Any], width: int) -> list[Placed]:
        angles = [p * scale for p in params] if scale != 1.0 else list(params)
        return [(Gate.named(name, angles, controls=controls), tuple(range(width)))]

    return row


def _controlled_phase(control_state: int) -> Row:
    """Return the phase on one basis state of two wires."""

    def row(params: Sequence[Any], width: int) -> list[Placed]:
        gate = Gate.named("gphase", params, controls=2, control_state=control_state)
        return [(gate, (0, 1))]

    return row


def _phase_swap(params: Sequence[Any], width: int) -> list[Placed]:
    phi = params[0]
    return [
        (Gate.named("swap"), (0, 1)),
        (Gate.named("rzz", [phi]), (0, 1)),
        (Gate.named("gphase", [phi * 0.5]), ()),
    ]


def _multi_rz(params: Sequence[Any], width: int) -> list[Placed]:
    return [(Gate.pauli_rotation("Z" * width, params[0]), tuple(range(width)))]


def _global_phase(params: Sequence[Any], width: int) -> list[Placed]:
    return [(Gate.named("gphase", [params[0] * -1.0]), ())]


def _nothing(params: Sequence[Any], width: int) -> list[Placed]:
    return []


def _identity(params: Sequence[Any], width: int) -> list[Placed]:
    """Return a gate for each wire: noise models may know it."""
    return [(Gate.named("id"), (wire,)) for wire in range(width)]


ROWS: dict[str, Row] = {
    "Identity": _identity,
    "Barrier": _nothing,
    "WireCut": _nothing,
    "Snapshot": _nothing,
    "PauliX": _named("x"),
    "PauliY": _named("y"),
    "PauliZ": _named("z"),
    "Hadamard": _named("h"),
    "S": _named("s"),
    "T": _named("t"),
    "SX": _named("sx"),
    "SWAP": _named("swap"),
    "ISWAP": _named("iswap"),
    "ECR": _named("ecr"),
    "RX": _named("rx"),
    "RY": _named("ry"),
    "RZ": _named("rz"),
    "PhaseShift": _named("p"),
    "U1": _named("p"),
    "U2": _named("u2"),
    "U3": _named("u"),
    "Rot": _named("rot"),
    "IsingXX": _named("rxx"),
    "IsingYY": _named("ryy"),
    "IsingZZ": _named("rzz"),
    "IsingXY": _named("iswappow", scale=1 / math.pi),
    "PSWAP": _phase_swap,
    "MultiRZ": _multi_rz,
    "GlobalPhase": _global_phase,
    "CNOT": _named("x", controls=1),
    "CY": _named("y", controls=1),
    "CZ": _named("z", controls=1),
    "CH": _named("h", controls=1),
    "CSWAP": _named("swap", controls=1),
    "Toffoli": _named("x", controls=2),
    "CCZ": _named("z", controls=2),
    "CRX": _named("rx", controls=1),
    "CRY": _named("ry", controls=1),
    "CRZ": _named("rz", controls=1),
    "CRot": _named("rot", controls=1),
    "ControlledPhaseShift": _named("p", controls=1),
    "CPhaseShift00": _controlled_phase(0b00),
    "CPhaseShift01": _controlled_phase(0b10),  # the second wire is 1; controls start lowest
    "CPhaseShift10": _controlled_phase(0b01),
}
"""Operators by PennyLane's name whose gates depend on nothing but parameters and width."""

EXCITATIONS = {
    "SingleExcitation": qml.SingleExcitation,
    "SingleExcitationPlus": qml.SingleExcitationPlus,
    "SingleExcitationMinus": qml.SingleExcitationMinus,
    "DoubleExcitation": qml.DoubleExcitation,
    "DoubleExcitationPlus": qml.DoubleExcitationPlus,
    "DoubleExcitationMinus": qml.DoubleExcitationMinus,
    "OrbitalRotation": qml.OrbitalRotation,
    "FermionicSWAP": qml.FermionicSWAP,
}
"""Operators ``exp(i phi G)`` whose generator is a sum of Pauli strings that commute."""


def pauli_rotation(word: str, theta: Any) -> list[Placed]:
    """Return ``exp(-i theta/2 P)``; the first letter acts on the first wire."""
    return [(Gate.pauli_rotation(word[::-1], theta), tuple(range(len(word))))]


def projected_phase(phi: Any, dimension: int, width: int) -> list[Placed]:
    """Return ``PCPhase``: ``exp(i phi)`` on the first ``dimension`` basis states, else its inverse.

    The first states are cut into blocks that fix the first few wires, one for each set bit of the
    dimension; a block is a controlled phase.
    """
    if dimension == 1 << width:
        return [(Gate.named("gphase", [phi]), ())]
    placed: list[Placed] = [(Gate.named("gphase", [phi * -1.0]), ())]
    for fixed in range(1, width + 1):
        place = width - fixed
        if not dimension >> place & 1:
            continue
        # Wires 0..fixed-1 read as a number must be the dimension's leading bits, the last one 0.
        prefix = (dimension >> place) - 1
        state = sum((prefix >> (fixed - 1 - wire) & 1) << wire for wire in range(fixed))
        gate = Gate.named("gphase", [phi * 2.0], controls=fixed, control_state=state)
        placed.append((gate, tuple(range(fixed))))
    return placed


def excitation(name: str, phi: Any) -> list[Placed]:
    """Return an operator of `EXCITATIONS` as rotations by the commuting strings it is made of."""
    width, terms = _generator(name)
    placed: list[Placed] = []
    for word, weight in terms:
        if set(word) == {"I"}:
            placed.append((Gate.named("gphase", [phi * weight]), ()))
        else:
            placed.append(
                (Gate.pauli_rotation(word[::-1], phi * (-2.0 * weight)), tuple(range(width)))
            )
    return placed


@lru_cache(maxsize=64)
def _generator(name: str) -> tuple[int, tuple[tuple[str, float], ...]]:
    """Return width and Pauli decomposition of ``G`` in ``exp(i phi G)``, first wire leftmost."""
    kind = EXCITATIONS[name]
    width = int(kind.num_wires)
    with qml.QueuingManager.stop_recording():
        generator = kind(0.5, wires=range(width)).generator()
        matrix = np.asarray(qml.matrix(generator, wire_order=range(width)))
    return width, tuple((w, c.real) for w, c in decompose_matrix(matrix) if abs(c) > 1e-12)


def decompose_matrix(matrix: NDArray[Any]) -> list[tuple[str, complex]]:
    """Return a ``(2**k, 2**k)`` matrix as ``(word, weight)`` pairs, first letter on the high bit.

    Each X part's weights by Z parts are a Walsh-Hadamard transform: ``O(k * 4**k)``.
    """
    size = len(matrix)
    width = size.bit_length() - 1
    index = np.arange(size)
    result: list[tuple[str, complex]] = []
    for x in range(size):
        weights = matrix[index ^ x, index].astype(np.complex128)
        step = 1
        while step < size:
            pairs = weights.reshape(-1, 2, step)
            weights = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1).ravel()
            step *= 2
        for z in np.flatnonzero(weights).tolist():
            word = "".join("IXZY"[(x >> q & 1) | (z >> q & 1) << 1] for q in reversed(range(width)))
            result.append((word, complex(weights[z] * (-1j) ** (x & z).bit_count() / size)))
    return result

"""Random circuits; the same for the same number of qubits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.operations import Operation, Operations


def brickwork(n: int, depth: int = 20) -> Operations:
    """Random single-qubit gates and CZ on alternating pairs."""
    rng = np.random.default_rng(2)
    ops: Operations = []
    for layer in range(depth):
        ops += [Operation("u", (q,), _angles(rng, 3)) for q in range(n)]
        ops += [Operation("cz", (q, q + 1)) for q in range(layer % 2, n - 1, 2)]
    return ops


def quantum_volume(n: int, depth: int = 10) -> Operations:
    """Random SU(4) on a random pairing of the qubits in each layer."""
    rng = np.random.default_rng(4)
    ops: Operations = []
    for _ in range(depth):
        order = [int(q) for q in rng.permutation(n)]
        pairs = zip(order[::2], order[1::2], strict=False)
        ops += [Operation("unitary", pair, (), special_unitary(4, rng)) for pair in pairs]
    return ops


def clifford_t(n: int, gates_per_qubit: int = 20) -> Operations:
    """Random gates out of H, S, T and CX on random qubits."""
    rng = np.random.default_rng(5)
    names = [str(name) for name in rng.choice(["h", "s", "t", "cx"], n * gates_per_qubit)]
    return [Operation(name, _qubits(rng, n, 2 if name == "cx" else 1)) for name in names]


_WIDTH_AND_ANGLES = {
    **dict.fromkeys(("x", "h", "s", "t"), (1, 0)),
    **dict.fromkeys(("rx", "ry", "rz"), (1, 1)),
    "u": (1, 3),
    **dict.fromkeys(("cx", "cz", "swap"), (2, 0)),
    **dict.fromkeys(("cp", "rxx", "ryy", "rzz"), (2, 1)),
}


def random_gates(n: int, count: int = 1000) -> Operations:
    """``count`` gates of all kinds on random qubits: for planning times and accuracy."""
    rng = np.random.default_rng(6)
    ops: Operations = []
    for name in rng.choice(list(_WIDTH_AND_ANGLES), count):
        width, angles = _WIDTH_AND_ANGLES[str(name)]
        ops.append(Operation(str(name), _qubits(rng, n, width), _angles(rng, angles)))
    return ops


def special_unitary(size: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Draw from the Haar measure on SU(size): complex128 ``(size, size)``."""
    gauss = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    q, r = np.linalg.qr(gauss)
    unitary = q * (np.diag(r) / np.abs(np.diag(r)))
    return np.asarray(unitary / np.linalg.det(unitary) ** (1 / size), np.complex128)


def _qubits(rng: np.random.Generator, n: int, count: int) -> tuple[int, ...]:
    return tuple(int(q) for q in rng.choice(n, count, replace=False))


def _angles(rng: np.random.Generator, count: int) -> tuple[float, ...]:
    return tuple(float(a) for a in rng.uniform(0, 2 * np.pi, count))

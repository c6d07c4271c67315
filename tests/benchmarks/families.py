"""Benchmark circuits, as plain lists of (gate, qubits, angles) that every SDK can build."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Operation: TypeAlias = tuple[str, tuple[int, ...], tuple[float, ...]]
Family: TypeAlias = Callable[[int], list[Operation]]


def qft(n: int) -> list[Operation]:
    """Quantum Fourier transform of a basis state, final swaps included."""
    ops: list[Operation] = [("x", (q,), ()) for q in range(0, n, 3)]
    for i in reversed(range(n)):
        ops.append(("h", (i,), ()))
        ops += [("cp", (j, i), (np.pi / 2 ** (i - j),)) for j in range(i)]
    return ops + [("swap", (q, n - 1 - q), ()) for q in range(n // 2)]


def ghz(n: int) -> list[Operation]:
    """GHZ state by a CX chain."""
    return [("h", (0,), ()), *(("cx", (q, q + 1), ()) for q in range(n - 1))]


def ansatz(n: int, layers: int = 10) -> list[Operation]:
    """Hardware-efficient ansatz: RY and RZ on all qubits, a CX chain, ten times."""
    rng = np.random.default_rng(1)
    ops: list[Operation] = []
    for _ in range(layers):
        for q in range(n):
            ops.append(("ry", (q,), (rng.uniform(0, 2 * np.pi),)))
            ops.append(("rz", (q,), (rng.uniform(0, 2 * np.pi),)))
        ops += [("cx", (q, q + 1), ()) for q in range(n - 1)]
    return ops


def brickwork(n: int, depth: int = 20) -> list[Operation]:
    """Random single-qubit gates and CZ on alternating pairs."""
    rng = np.random.default_rng(2)
    ops: list[Operation] = []
    for layer in range(depth):
        ops += [("u", (q,), tuple(rng.uniform(0, 2 * np.pi, 3))) for q in range(n)]
        ops += [("cz", (q, q + 1), ()) for q in range(layer % 2, n - 1, 2)]
    return ops


def qaoa(n: int, layers: int = 4) -> list[Operation]:
    """MaxCut QAOA on a random 3-regular graph."""
    rng = np.random.default_rng(3)
    edges: set[tuple[int, int]] = set()
    while len(edges) * 2 != 3 * (n - n % 2):
        stubs = rng.permutation(np.repeat(np.arange(n - n % 2), 3)).reshape(-1, 2)
        edges = {(int(min(e)), int(max(e))) for e in stubs if e[0] != e[1]}
    ops: list[Operation] = [("h", (q,), ()) for q in range(n)]
    for gamma, beta in rng.uniform(0, np.pi, (layers, 2)):
        ops += [("rzz", e, (float(gamma),)) for e in sorted(edges)]
        ops += [("rx", (q,), (float(beta),)) for q in range(n)]
    return ops


def trotter(n: int, steps: int = 5) -> list[Operation]:
    """Heisenberg chain, first-order Trotter steps."""
    ops: list[Operation] = [("x", (q,), ()) for q in range(0, n, 2)]
    for _ in range(steps):
        for start in (0, 1):
            for q in range(start, n - 1, 2):
                ops += [(name, (q, q + 1), (0.2,)) for name in ("rxx", "ryy", "rzz")]
    return ops


FAMILIES: dict[str, Family] = {
    "QFT": qft,
    "GHZ": ghz,
    "ansatz": ansatz,
    "brickwork": brickwork,
    "QAOA": qaoa,
    "Trotter": trotter,
}

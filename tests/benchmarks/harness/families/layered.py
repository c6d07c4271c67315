"""Circuits of repeated layers: GHZ, hardware-efficient ansatz, QAOA, Trotter steps."""

from __future__ import annotations

import numpy as np

from harness.operations import Operation, Operations


def ghz(n: int) -> Operations:
    """GHZ state by a CX chain."""
    return [Operation("h", (0,)), *(Operation("cx", (q, q + 1)) for q in range(n - 1))]


def ansatz(n: int, layers: int = 10) -> Operations:
    """Hardware-efficient ansatz: RY and RZ on all qubits, then a CX chain, in each layer."""
    rng = np.random.default_rng(1)
    ops: Operations = []
    for _ in range(layers):
        for q in range(n):
            ops.append(Operation("ry", (q,), (float(rng.uniform(0, 2 * np.pi)),)))
            ops.append(Operation("rz", (q,), (float(rng.uniform(0, 2 * np.pi)),)))
        ops += [Operation("cx", (q, q + 1)) for q in range(n - 1)]
    return ops


def qaoa(n: int, layers: int = 4) -> Operations:
    """MaxCut QAOA on a random 3-regular graph (on all but the last qubit if ``n`` is odd)."""
    rng = np.random.default_rng(3)
    edges = _cubic_graph(n - n % 2, rng)
    ops = [Operation("h", (q,)) for q in range(n)]
    for gamma, beta in rng.uniform(0, np.pi, (layers, 2)):
        ops += [Operation("rzz", edge, (float(gamma),)) for edge in edges]
        ops += [Operation("rx", (q,), (float(beta),)) for q in range(n)]
    return ops


def _cubic_graph(vertices: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return the edges of a random 3-regular graph; a single edge if there are two vertices."""
    if vertices < 4:
        return [(0, 1)]
    while True:
        ends = rng.permutation(np.repeat(np.arange(vertices), 3)).reshape(-1, 2)
        edges = {(int(min(e)), int(max(e))) for e in ends if e[0] != e[1]}
        if 2 * len(edges) == 3 * vertices:
            return sorted(edges)


def trotter(n: int, steps: int = 5) -> Operations:
    """Heisenberg chain from the Néel state, first-order Trotter steps."""
    ops = [Operation("x", (q,)) for q in range(0, n, 2)]
    for _ in range(steps):
        for start in (0, 1):
            for q in range(start, n - 1, 2):
                ops += [Operation(name, (q, q + 1), (0.2,)) for name in ("rxx", "ryy", "rzz")]
    return ops

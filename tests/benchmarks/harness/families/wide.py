"""Circuits that reach beyond state vectors: narrow in entanglement, shallow, or nearly Clifford."""

from __future__ import annotations

import math

import numpy as np

from harness.families.layered import ghz
from harness.operations import Operation, Operations


def w_state(n: int) -> Operations:
    """W state by a chain of controlled rotations."""
    ops = [Operation("x", (n - 1,))]
    for m in range(1, n):
        theta = math.acos(math.sqrt(1 / (n - m + 1)))
        a, b = n - m, n - m - 1
        ops += [
            Operation("ry", (b,), (-theta,)),
            Operation("cz", (a, b)),
            Operation("ry", (b,), (theta,)),
        ]
    return ops + [Operation("cx", (q - 1, q)) for q in range(n - 1, 0, -1)]


def graph_state(n: int) -> Operations:
    """Graph state of a ring with chords."""
    edges = [(q, (q + 1) % n) for q in range(n)] if n > 2 else [(0, 1)]
    edges += [(q, q + n // 2) for q in range(0, n // 2 - 1, 4)]
    return [Operation("h", (q,)) for q in range(n)] + [Operation("cz", e) for e in edges]


def bernstein_vazirani(n: int) -> Operations:
    """Finds a random bit string by one call of its oracle."""
    secret = np.random.default_rng(n).integers(0, 2, n - 1)
    ops = [Operation("x", (n - 1,)), *(Operation("h", (q,)) for q in range(n))]
    ops += [Operation("cx", (q, n - 1)) for q in range(n - 1) if secret[q]]
    return ops + [Operation("h", (q,)) for q in range(n - 1)]


def ghz_fourier(n: int) -> Operations:
    """Fourier transform of a GHZ state, without the final swaps; far rotations are left out."""
    ops = ghz(n)
    for q in reversed(range(n)):
        ops.append(Operation("h", (q,)))
        for other in range(q - 1, max(-1, q - 9), -1):
            ops.append(Operation("cp", (other, q), (math.pi / 2 ** (q - other),)))
    return ops


def adder(n: int) -> Operations:
    """Ripple-carry adder of two registers in superposition; Toffolis out of H, T and CX."""
    bits = max(1, (n - 1) // 2)
    a, b = list(range(1, 1 + bits)), list(range(1 + bits, 1 + 2 * bits))
    ops = [Operation("x", (q,)) for q in a[::2]] + [Operation("h", (b[0],))]
    b = [q for q in b if q < n]
    carry = 0
    for x, y in zip(a, b, strict=False):
        ops += [Operation("cx", (x, y)), Operation("cx", (x, carry)), *_toffoli(carry, y, x)]
        carry = x
    for x, y in reversed(list(zip(a, b, strict=False))):
        before = a[a.index(x) - 1] if a.index(x) else 0
        ops += [*_toffoli(before, y, x), Operation("cx", (x, before)), Operation("cx", (before, y))]
    return ops


def _toffoli(a: int, b: int, c: int) -> Operations:
    def t(qubit: int) -> Operation:
        return Operation("t", (qubit,))

    def back(qubit: int) -> Operation:
        return Operation("rz", (qubit,), (-math.pi / 4,))

    def cx(control: int, target: int) -> Operation:
        return Operation("cx", (control, target))

    h = Operation("h", (c,))
    on_c = [h, cx(b, c), back(c), cx(a, c), t(c), cx(b, c), back(c), cx(a, c), t(b), t(c), h]
    return [*on_c, cx(a, b), t(a), back(b), cx(a, b)]


def shallow_ansatz(n: int, layers: int = 2) -> Operations:
    """Real amplitudes: RY on all qubits and a chain of CX, twice."""
    rng = np.random.default_rng(n)
    ops: Operations = []
    for _ in range(layers):
        ops += [Operation("ry", (q,), (float(rng.uniform(0, 2 * np.pi)),)) for q in range(n)]
        ops += [Operation("cx", (q, q + 1)) for q in range(n - 1)]
    return ops


def grid(n: int, depth: int = 4) -> Operations:
    """Random one-qubit gates and CZ on a square grid, one direction a layer."""
    rng = np.random.default_rng(n)
    columns = max(1, math.isqrt(n))
    ops: Operations = []
    for layer in range(depth):
        for q in range(n):
            angles = tuple(float(x) for x in rng.uniform(0, 2 * np.pi, 3))
            ops.append(Operation("u", (q,), angles))
        step, start = (1, columns)[layer % 2], layer // 2 % 2
        for q in range(n - step):
            row, column = divmod(q, columns)
            place = column if step == 1 else row
            inside = step == columns or column + 1 < columns
            if inside and place % 2 == start:
                ops.append(Operation("cz", (q, q + step)))
    return ops


def random_clifford(n: int, depth: int = 20) -> Operations:
    """Random H, S and CX on random qubits, 20 a qubit."""
    rng = np.random.default_rng(n)
    ops: Operations = []
    for _ in range(depth * n):
        name = ("h", "s", "cx")[int(rng.integers(3))]
        qubits = rng.permutation(n)[: 2 if name == "cx" else 1]
        ops.append(Operation(name, tuple(int(q) for q in qubits)))
    return ops


def few_t(n: int) -> Operations:
    """A random Clifford circuit with six T gates in it."""
    ops = random_clifford(n, 5)
    rng = np.random.default_rng(n + 1)
    for place in sorted(rng.integers(0, len(ops), 6).tolist(), reverse=True):
        ops.insert(place, Operation("t", (int(rng.integers(n)),)))
    return ops


def ising(n: int, steps: int = 6) -> Operations:
    """Transverse-field Ising chain, first-order Trotter steps of 0.1."""
    ops: Operations = []
    for _ in range(steps):
        ops += [Operation("rzz", (q, q + 1), (0.2,)) for q in range(n - 1)]
        ops += [Operation("rx", (q,), (0.2,)) for q in range(n)]
    return ops


WIDE = {
    "W state": w_state,
    "graph state": graph_state,
    "Bernstein-Vazirani": bernstein_vazirani,
    "GHZ Fourier": ghz_fourier,
    "adder": adder,
    "shallow ansatz": shallow_ansatz,
    "grid": grid,
    "Clifford": random_clifford,
    "few T": few_t,
    "Ising": ising,
}

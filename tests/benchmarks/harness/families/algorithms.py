"""Textbook algorithms: Fourier transform, Grover search, phase estimation."""

from __future__ import annotations

import numpy as np

from harness.operations import Operation, Operations

_GROVER_ITERATIONS = 4
"""The optimum grows as 2**(n/2); a few iterations already show the cost of one."""
_PHASE = 1 / 3
"""In units of 2 pi; no binary fraction, so the whole register gets amplitudes."""


def qft(n: int) -> Operations:
    """Quantum Fourier transform of a basis state, final swaps included."""
    ops = [Operation("x", (q,)) for q in range(0, n, 3)]
    for i in reversed(range(n)):
        ops.append(Operation("h", (i,)))
        ops += [Operation("cp", (j, i), (np.pi / 2 ** (i - j),)) for j in range(i)]
    return ops + [Operation("swap", (q, n - 1 - q)) for q in range(n // 2)]


def grover(n: int) -> Operations:
    """Grover search for one marked basis state, four iterations or the optimum if that is less."""
    marked = sum(1 << q for q in range(0, n, 2))
    flipped = [q for q in range(n) if not marked >> q & 1]
    everything = tuple(range(n))
    best = int(np.pi / 4 * 2 ** (n / 2))
    ops = [Operation("h", (q,)) for q in everything]
    for _ in range(max(1, min(_GROVER_ITERATIONS, best))):
        ops += _phase_flip(everything, flipped)
        ops += [Operation("h", (q,)) for q in everything]
        ops += _phase_flip(everything, list(everything))
        ops += [Operation("h", (q,)) for q in everything]
    return ops


def _phase_flip(qubits: tuple[int, ...], zeros: list[int]) -> Operations:
    """Change the sign of the basis state that is 0 on ``zeros`` and 1 elsewhere."""
    around = [Operation("x", (q,)) for q in zeros]
    return [*around, Operation("mcz", qubits), *around]


def phase_estimation(n: int) -> Operations:
    """Estimate the phase of ``diag(1, exp(2 pi i / 3))`` with ``n - 1`` counting qubits.

    The last qubit holds the eigenstate.
    """
    counting, target = n - 1, n - 1
    ops = [Operation("x", (target,))]
    ops += [Operation("h", (q,)) for q in range(counting)]
    for q in range(counting):
        angle = 2 * np.pi * (_PHASE * 2**q % 1)
        ops.append(Operation("cp", (q, target), (angle,)))
    ops += [Operation("swap", (q, counting - 1 - q)) for q in range(counting // 2)]
    for i in range(counting):
        ops += [Operation("cp", (j, i), (-np.pi / 2 ** (i - j),)) for j in range(i)]
        ops.append(Operation("h", (i,)))
    return ops

"""Random channels, and random circuits of gates, channels, resets and preparations."""

from __future__ import annotations

from functools import reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.channels import Channel
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import ChannelOp, Initialize, Reset
from quasim_backend.testing.generators import random_circuit, random_state

__all__ = ["CHANNEL_KINDS", "random_channel", "random_noisy_circuit"]

CHANNEL_KINDS = ("kraus", "pauli", "damping", "coherent", "dephasing")

_PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def random_channel(rng: np.random.Generator, num_qubits: int, kind: str) -> Channel:
    """Draw a channel of one of `CHANNEL_KINDS`."""
    size = 1 << num_qubits
    match kind:
        case "kraus":
            isometry = _unitary(rng, 3 * size)[:, :size]
            return Channel.kraus(np.split(isometry, 3))
        case "pauli":
            weights = rng.dirichlet(np.full(4**num_qubits, 0.3))
            return Channel.mixture(weights.tolist(), _products([_PAULIS] * num_qubits))
        case "damping":
            rates = rng.random(num_qubits)
            pairs = [
                np.array([[[1, 0], [0, np.sqrt(1 - r)]], [[0, np.sqrt(r)], [0, 0]]]) for r in rates
            ]
            return Channel.kraus(_products(pairs))
        case "coherent":
            return Channel.mixture([1.0], [_unitary(rng, size)])
        case "dephasing":
            phases = np.exp(6j * rng.random((2, size)))
            return Channel.mixture([0.3, 0.7], [np.diag(row) for row in phases])
    raise ValueError(f"kind must be one of {CHANNEL_KINDS}; got {kind!r}.")


def random_noisy_circuit(
    rng: np.random.Generator, num_qubits: int, num_gates: int, max_channel: int = 3
) -> Circuit:
    """Return a random circuit with up to several channels, resets or preparations after each gate.

    Args:
        rng: Source of chance.
        num_qubits: Width.
        num_gates: Number of gates.
        max_channel: Widest channel.
    """
    circuit = Circuit(num_qubits)
    for gate in random_circuit(rng, num_qubits, num_gates).instructions:
        circuit.instructions.append(gate)
        while rng.random() < 0.6:
            width = int(rng.integers(1, min(num_qubits, max_channel) + 1))
            qubits = tuple(int(q) for q in rng.permutation(num_qubits)[:width])
            choice = rng.random()
            if choice < 0.8:
                kind = CHANNEL_KINDS[int(rng.integers(len(CHANNEL_KINDS)))]
                circuit.instructions.append(ChannelOp(random_channel(rng, width, kind), qubits))
            elif choice < 0.9:
                circuit.instructions.append(Reset(qubits))
            else:
                circuit.instructions.append(Initialize(random_state(rng, width), qubits))
    return circuit


def _unitary(rng: np.random.Generator, size: int) -> NDArray[np.complex128]:
    matrix = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    return np.asarray(np.linalg.qr(matrix)[0], np.complex128)


def _products(factors: list[NDArray[np.complex128]]) -> list[NDArray[np.complex128]]:
    """Return every tensor product of one matrix of each factor."""
    one = np.ones((1, 1), np.complex128)
    return [reduce(lambda a, b: np.kron(a, b), choice, one) for choice in product(*factors)]

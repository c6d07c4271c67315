"""The CH form against dense states, global phase included."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.engines.ch_form import ChForm
from quasim_backend.engines.extended_stabilizer.frame import CliffordFrame
from quasim_backend.engines.pauli_rotations import local_paulis


@pytest.mark.parametrize("seed", range(40))
def test_amplitudes_of_random_clifford_circuits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 9))
    state = np.zeros(1 << width, np.complex128)
    state[0] = 1
    form = ChForm(width)
    for _ in range(int(rng.integers(1, 40))):
        x, z = (int(m) for m in rng.integers(0, 1 << width, 2))
        quarters = int(rng.integers(-4, 9))
        if not x | z:
            continue
        angle = quarters * np.pi / 2
        index = np.arange(1 << width)
        signs = 1 - 2.0 * (np.bitwise_count((index ^ x) & z) & 1)
        turned = 1j ** (x & z).bit_count() * signs * state[index ^ x]
        state = np.cos(angle / 2) * state - 1j * np.sin(angle / 2) * turned
        form.turn(x, z, quarters)
    found = form.amplitudes(np.arange(1 << width, dtype=np.uint64)[None])
    np.testing.assert_allclose(found, state, rtol=0, atol=1e-12)


def test_more_qubits_than_a_word_holds() -> None:
    """X turns give ``(|0> - i|1>) / sqrt(2)`` on every qubit, ZZ turns a phase a neighbour."""
    width, rng = 150, np.random.default_rng(2)
    form = ChForm(width)
    for q in range(width):
        form.turn(1 << q, 0, 1)
    for q in range(width - 1):
        form.turn(0, 3 << q, 1)
    bits = rng.integers(0, 2, (width, 20))
    states = np.zeros((3, 20), np.uint64)
    for q in range(width):
        states[q >> 6] |= bits[q].astype(np.uint64) << np.uint64(q & 63)
    unlike = (bits[1:] ^ bits[:-1]).sum(axis=0)
    wanted = (-1j) ** bits.sum(axis=0) * np.exp(-0.25j * np.pi * (width - 1 - 2 * unlike))
    found = form.amplitudes(states) * 2.0**75
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)


def test_images_of_strings_are_those_of_the_matrix() -> None:
    rng = np.random.default_rng(1)
    paulis, width = local_paulis(3), 3
    frame, matrix = CliffordFrame(width), np.eye(8, dtype=np.complex128)
    for _ in range(30):
        number, quarters = int(rng.integers(1, 64)), int(rng.integers(0, 4))
        angle = quarters * np.pi / 2
        turn = np.cos(angle / 2) * np.eye(8) - 1j * np.sin(angle / 2) * paulis[number]
        matrix = turn @ matrix
        frame.turn(number & 7, number >> 3, quarters)
        string = int(rng.integers(0, 64))
        x, z, power = frame.image(string & 7, string >> 3)
        found = 1j ** (power - (x & z).bit_count()) * paulis[x | z << 3]
        wanted = matrix.conj().T @ paulis[string] @ matrix
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)

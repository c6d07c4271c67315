"""Fractional powers of wide Pauli rotations on every engine, against their two eigenvalues."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from numpy.typing import NDArray

import quasim_backend as quasim
from quasim_backend.ir import Circuit
from quasim_backend.testing.oracles import dense_state

WIDTH, POWER = 9, 0.37
LETTERS = "XYZZXYZXY"
LABELS = ("ZIIZIIXII", "YXIIIIIIZ", "IIIIZZIII")
PAULIS = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}


def applied(label: str, state: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return a string times a state; the leftmost letter is the highest qubit."""
    tensor = state.reshape((2,) * WIDTH)
    for axis, letter in enumerate(label):
        if letter != "I":
            moved = np.tensordot(np.array(PAULIS[letter]), tensor, axes=(1, axis))
            tensor = np.moveaxis(moved, 0, axis)
    return tensor.reshape(-1)


@pytest.mark.parametrize("angle", [1.1, -4.0, 7.0, 2 * np.pi])
def test_roots_of_rotations(angle: float) -> None:
    circuit = Circuit(WIDTH)
    for q in range(WIDTH):
        circuit.ry(0.3 + q, q)
    before = dense_state(circuit)
    single = quasim.Gate.pauli_rotation(LETTERS, angle)
    circuit.append(single.to_power(POWER), range(WIDTH))
    x, z, _ = single.masks or (0, 0, 0)
    label = "".join("IXZY"[(x >> q & 1) + 2 * (z >> q & 1)] for q in reversed(range(WIDTH)))
    assert "I" not in label
    turned = applied(label, before)
    # exp(-i a/2) on the eigenspace of 1, exp(i a/2) on that of -1; the principal root of each.
    plus, minus = (np.exp(1j * POWER * phase(cmath.exp(sign * 0.5j * angle))) for sign in (-1, 1))
    state = plus * (before + turned) / 2 + minus * (before - turned) / 2
    for method in ("statevector", "matrix_product_state", "tensor_network", "extended_stabilizer"):
        with quasim.runtime(method=method, simulation_precision="fp64") as rt:
            np.testing.assert_allclose(
                rt.simulate(circuit), state, rtol=0, atol=1e-10, err_msg=method
            )
    wanted = [np.vdot(state, applied(one, state)).real for one in LABELS]
    for method in ("pauli_propagation", "extended_stabilizer", "matrix_product_state"):
        with quasim.runtime(method=method, simulation_precision="fp64") as rt:
            np.testing.assert_allclose(
                rt.measure(circuit, list(LABELS)), wanted, rtol=0, atol=1e-10, err_msg=method
            )


def phase(value: complex) -> float:
    """Return a phase in ``(-pi, pi]``, also where rounding makes it ``-pi``."""
    found = cmath.phase(value)
    return found + 2 * np.pi if found < 1e-12 - np.pi else found

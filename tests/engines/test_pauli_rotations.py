"""Gates as products of Pauli rotations: the products are the gates, global phase included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from quasim_backend.engines.pauli_rotations import Rotation, local_paulis, rotations_of
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import Gate
from quasim_backend.testing.generators import haar_unitary, random_state


def dense(rotations: Sequence[Rotation], width: int) -> NDArray[np.complex128]:
    result = np.eye(1 << width, dtype=np.complex128)
    for r in rotations:
        pauli = local_paulis(width)[r.x | r.z << width]
        result = np.cos(r.angle / 2) * result - 1j * np.sin(r.angle / 2) * pauli @ result
    return result


def turns(rotations: Sequence[Rotation]) -> NDArray[np.float64]:
    """Return the angles in quarter turns, phases left out."""
    return np.array([r.angle for r in rotations if r.x | r.z]) / (np.pi / 2)


def check(gate: Gate) -> list[Rotation]:
    rotations = rotations_of(gate, range(gate.num_qubits))
    assert rotations is not None, gate.name
    np.testing.assert_allclose(
        dense(rotations, gate.num_qubits), gate.matrix(), rtol=0, atol=1e-12, err_msg=gate.name
    )
    return rotations


@pytest.mark.parametrize("name", [*RECORDS, *ALIASES])
def test_every_gate_of_the_table(name: str) -> None:
    rng = np.random.default_rng(len(name))
    record = RECORDS[ALIASES.get(name, (name, 0))[0]]
    gate = Gate.named(name, rng.normal(size=len(record.parameters)).tolist())
    if record.name.startswith("rcccx"):
        assert rotations_of(gate, range(4)) is None  # four qubits, no rotations in its lowering
        return
    rotations = check(gate)
    if record.clifford and name == record.name:
        np.testing.assert_allclose(turns(rotations) % 1, 0, atol=1e-12)
    check(gate.to_power(-1.0))
    check(gate.to_power(3.0))
    if name in ("dcx", "dcxdg", "ecr"):
        return  # their controlled forms are neither Clifford gates nor rotations
    for state in (0, 1):
        if gate.num_qubits < 5:
            check(gate.controlled(1, state))


@pytest.mark.parametrize("seed", range(6))
def test_fractional_powers_of_pauli_rotations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, power = 1 + seed % 4, float(rng.uniform(-3, 3))
    letters = "".join(rng.choice(list("XYZ"), width))
    for angle in (*rng.uniform(-15, 15, 6).tolist(), 2 * np.pi, -2 * np.pi, 6 * np.pi):
        gate = Gate.pauli_rotation(letters, angle)
        check(gate.to_power(power))
        check(gate.to_power(power).controlled(1, seed % 2))


def test_clifford_matrices_become_quarter_turns() -> None:
    rng = np.random.default_rng(1)
    for width in (1, 2, 3):
        paulis = local_paulis(width)
        for _ in range(30):
            matrix = np.eye(1 << width, dtype=np.complex128) * np.exp(1j * rng.normal())
            for number in rng.integers(0, 4**width, 12):
                turn = (np.eye(len(matrix)) - 1j * paulis[int(number)]) / np.sqrt(2)
                matrix = turn @ matrix
            rotations = check(Gate.unitary(matrix))
            np.testing.assert_allclose((turns(rotations) + 0.5) % 1, 0.5, atol=1e-9)
            assert len(rotations) <= 4 * width + 2


def test_gates_given_by_arrays() -> None:
    rng = np.random.default_rng(2)
    check(Gate.unitary(haar_unitary(rng, 1)))
    check(Gate.unitary(haar_unitary(rng, 1)).controlled(2, 1))
    check(Gate.diagonal(np.exp(1j * rng.normal(size=8))).controlled(1))
    check(Gate.permutation([2, 0, 3, 1]))
    check(Gate.permutation([0, 1, 2, 3, 5, 4, 6, 7]))
    check(Gate.unitary(np.array([[1j]])))
    householder = random_state(rng, 1)
    check(Gate.unitary(np.eye(2) - 2 * np.outer(householder, householder.conj())).controlled())


def test_what_is_not_known_is_none() -> None:
    rng = np.random.default_rng(3)
    assert rotations_of(Gate.unitary(haar_unitary(rng, 2)), (0, 1)) is None
    assert rotations_of(Gate.permutation([1, 2, 4, 3, 0, 5, 6, 7]), (0, 1, 2)) is None


def test_places_follow_the_qubits_given() -> None:
    rotations = rotations_of(Gate.pauli_rotation("XYZ", 0.3), (90, 4, 70))
    assert rotations == [Rotation(1 << 70 | 1 << 4, 1 << 4 | 1 << 90, 0.3)]

"""A renumbered model does to renumbered circuits what the model does to the circuit."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend import Circuit, NoiseModel, noise
from quasim_backend.noise import renumbered
from quasim_backend.testing.density_oracle import exact_branches

JOINT = np.kron([[0.9, 0.1], [0.2, 0.8]], np.eye(2))[:, [0, 1, 3, 2]]
MODEL = (
    NoiseModel()
    .on_gates(noise.amplitude_damping(0.1), ["h"])
    .on_gates(noise.pauli_channel({"XY": 0.2}), ["cx"], [0, 2])
    .on_gates(noise.bit_flip(0.1), ["cx"], [2, 1], on=[0])
    .relaxation(50e-6, 30e-6, qubits=[0, 1], gate_times={"two_qubit": 3e-6})
    .each_moment(noise.phase_flip(0.02), [2])
    .readout(JOINT, [2, 0])
    .readout(0.1, 1)
)


def circuit(number_of):
    built = Circuit(3, 3)
    for q in range(3):
        built.h(number_of[q])
    for pair in ((0, 2), (2, 1), (1, 0)):
        built.cx(*(number_of[q] for q in pair))
    built.measure([number_of[2], number_of[0]], [0, 1])
    built.measure(number_of[1], 2)
    return built


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_rules_follow_their_qubits(order):
    number_of = dict(enumerate(order))
    expected = exact_branches(MODEL.applied(circuit(range(3))))
    found = exact_branches(renumbered(MODEL, number_of).applied(circuit(order)))
    assert found.keys() == expected.keys()
    for bits, rho in found.items():
        moved = rho.reshape((2,) * 6).transpose([*axes_of(order), *(a + 3 for a in axes_of(order))])
        np.testing.assert_allclose(moved.reshape(8, 8), expected[bits], atol=1e-12)


def axes_of(order):
    """Axis ``k`` of three is qubit ``2 - k``; return where each is in the renumbered state."""
    return [2 - order[2 - k] for k in range(3)]


def test_rules_for_qubits_without_a_number_are_left_out():
    kept = renumbered(MODEL, {0: 5, 1: 6})
    assert [rule.qubits for rule in kept.rules] == [None, (5, 6), (6,)]
    assert renumbered(NoiseModel().readout(0.1), {}) == NoiseModel().readout(0.1)

"""Channels that meet become one with the same effect, where that makes fewer and no dearer ones."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile.noise_merging import merged
from quasim_backend.engines.pauli_moves import pauli_masks
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.instructions import ChannelOp
from quasim_backend.testing.density_oracle import exact_branches
from quasim_backend.testing.noisy_generators import random_channel

X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
PAULIS = [np.eye(2), X, Y, Z]
FLIP = Channel.mixture([0.9, 0.1], [np.eye(2), X])
TURN = Channel.mixture([0.8, 0.2], [np.eye(2), Z])
DAMPING = Channel.kraus([np.diag([1, np.sqrt(0.8)]), [[0, np.sqrt(0.2)], [0, 0]]])
SKEW = Channel.kraus([k @ np.array([[0.8, -0.6], [0.6, 0.8]]) for k in DAMPING.operators])
PAIR = Channel.mixture(
    [0.85] + [0.01] * 15, [np.kron(b, a) for a in PAULIS for b in PAULIS], "pair"
)


def simplified(circuit: Circuit) -> Circuit:
    """Return the circuit with merged channels; checks that it has the same effect."""
    found = Circuit(circuit.num_qubits, circuit.num_clbits)
    found.instructions += merged(circuit.instructions)
    want, got = exact_branches(circuit), exact_branches(found)
    for value in {*want, *got}:
        zero = np.zeros((1 << circuit.num_qubits,) * 2)
        np.testing.assert_allclose(got.get(value, zero), want.get(value, zero), atol=1e-13)
    return found


def channels(circuit: Circuit) -> list[ChannelOp]:
    return [i for i in circuit.instructions if isinstance(i, ChannelOp)]


def entangled(num_qubits: int = 2, num_clbits: int = 0) -> Circuit:
    circuit = Circuit(num_qubits, num_clbits)
    for q in range(num_qubits):
        circuit.u(0.4 + q, 0.3 * q, 0.7, q)
    for q in range(num_qubits - 1):
        circuit.cx(q, q + 1)
    return circuit


def test_paulis_compose_into_paulis() -> None:
    circuit = entangled().channel(FLIP, [0]).channel(TURN, [0]).channel(FLIP, [0])
    (op,) = channels(simplified(circuit))
    assert op.channel.probabilities is not None
    assert len(op.channel.operators) == 4
    assert all(pauli_masks(u) is not None for u in op.channel.operators)
    np.testing.assert_allclose(op.channel.operators[0], np.eye(2), atol=1e-15)


@pytest.mark.parametrize("single", [FLIP, DAMPING], ids=["flip", "damping"])
@pytest.mark.parametrize("first", [True, False])
def test_a_pair_absorbs_channels_of_its_qubits(single: Channel, first: bool) -> None:
    circuit = entangled(3)
    for qubits in [[0], [2], [2, 0]] if first else [[2, 0], [0], [2]]:
        circuit.channel(PAIR if len(qubits) == 2 else single, qubits)
    (op,) = channels(simplified(circuit))
    assert op.qubits == (2, 0)
    assert (op.channel.probabilities is not None) == (single is FLIP)
    assert len(op.channel.operators) <= 16


def test_pairs_in_another_order_are_one() -> None:
    biased = Channel.mixture([0.7, 0.3], [np.eye(4), np.kron(X, Z)])
    circuit = entangled().channel(biased, [0, 1]).channel(biased, [1, 0])
    assert len(channels(simplified(circuit))) == 1


def test_others_on_one_qubit_have_at_most_four_operators() -> None:
    circuit = entangled()
    for channel in (DAMPING, SKEW, FLIP, DAMPING, TURN):
        circuit.channel(channel, [1])
    (op,) = channels(simplified(circuit))
    assert len(op.channel.operators) <= 4


@pytest.mark.parametrize("what", ["gate", "measure", "reset", "if", "save"])
def test_what_is_between_keeps_channels_apart(what: str) -> None:
    circuit = entangled(2, 1).channel(DAMPING, [0])
    match what:
        case "gate":
            circuit.h(0)
        case "measure":
            circuit.measure(0, 0)
        case "reset":
            circuit.reset(0)
        case "if":
            circuit.if_(Bit(0), Circuit(2, 1).x(0))
        case _:
            circuit.save("density_matrix")
    assert len(channels(simplified(circuit.channel(DAMPING, [0])))) == 2


def test_what_acts_on_other_qubits_or_does_nothing_does_not() -> None:
    circuit = entangled(2, 1).channel(DAMPING, [0]).x(1).measure(1, 0).barrier().gate("id", [0])
    circuit.delay(1e-6, 0).channel(DAMPING, [0])
    assert len(channels(simplified(circuit))) == 1


def test_gates_written_as_channels_stay() -> None:
    """Engines fuse them; and a mixture of Paulis followed by one is no mixture of Paulis."""
    turn = Channel.mixture([1.0], [np.diag([1, 1j])])
    assert len(channels(simplified(entangled().channel(FLIP, [0]).channel(turn, [0])))) == 2


def test_a_pair_stays_apart_from_what_makes_a_density_matrix_slower() -> None:
    circuit = entangled().channel(PAIR, [0, 1]).channel(SKEW, [0])
    assert len(channels(simplified(circuit))) == 2


@pytest.mark.parametrize("seed", range(40))
def test_random_circuits_keep_their_effect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit, kinds = entangled(3, 3), ("kraus", "pauli", "damping", "coherent", "dephasing")
    library = [FLIP, TURN, DAMPING, PAIR] + [
        random_channel(rng, width, kind) for width in (1, 2) for kind in kinds
    ]
    for _ in range(14):
        channel = library[rng.integers(len(library))]
        circuit.channel(channel, rng.permutation(3)[: channel.num_qubits].tolist())
        if rng.random() < 0.25:
            a, b = rng.permutation(3)[:2].tolist()
            match rng.integers(4):
                case 0:
                    circuit.cx(a, b)
                case 1:
                    circuit.measure(a, b)
                case 2:
                    circuit.reset(a)
                case _:
                    circuit.if_(Bit(a), Circuit(3, 3).ry(0.7, b).channel(DAMPING, [b]))
    assert len(channels(simplified(circuit))) < len(channels(circuit))

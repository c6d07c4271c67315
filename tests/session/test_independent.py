"""Circuits that fall into parts whose qubits never meet."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.testing.statistics import goodness_of_fit

PAIRS = 40


def pairs(entangled: int = PAIRS) -> quasim.Circuit:
    """Return pairs of qubits in the state ``cos(a)|00> + sin(a)|11>``, each with its own a."""
    circuit = quasim.Circuit(2 * PAIRS, 2 * PAIRS)
    for pair in range(entangled):
        circuit.ry(0.3 + 0.05 * pair, 2 * pair).cx(2 * pair, 2 * pair + 1)
    return circuit


def test_samples_of_many_pairs() -> None:
    with quasim.runtime(seed=5) as session:
        result = session.run(pairs().measure_all(), shots=4000)
    bits = result.samples
    assert (bits[:, ::2] == bits[:, 1::2]).all()
    expected = np.sin((0.3 + 0.05 * np.arange(PAIRS)) / 2) ** 2
    deviation = np.abs(bits[:, ::2].mean(axis=0) - expected)
    assert (deviation < 5 * np.sqrt(expected * (1 - expected) / 4000)).all()
    # Neighbouring pairs know nothing of each other.
    correlations = np.corrcoef(bits[:, ::2].T) - np.eye(PAIRS)
    assert np.abs(correlations).max() < 0.1
    assert len(result.metadata["parts"]) == PAIRS / 5  # pairs share a state of ten qubits
    assert "parts whose qubits never meet" in result.metadata["reason"]
    known = [part["predicted_seconds"] for part in result.metadata["parts"]]
    assert result.metadata["predicted_seconds"] == pytest.approx(sum(known))


def test_the_same_seed_gives_the_same_samples() -> None:
    circuit = pairs().measure_all()
    with quasim.runtime() as session:
        first, second, third = (session.run(circuit, 50, seed=s).samples for s in (3, 3, 4))
    assert (first == second).all()
    assert (first != third).any()


def test_expectation_values_are_products() -> None:
    theta = quasim.Parameter("theta")
    circuit = quasim.Circuit(2 * PAIRS)
    for pair in range(PAIRS):
        circuit.ry(theta, 2 * pair).cx(2 * pair, 2 * pair + 1)
    strings = [
        quasim.PauliString.from_letters({0: "Z"}),
        quasim.PauliString.from_letters({0: "Z", 2: "Z", 79: "Z"}),
        quasim.PauliString.from_letters({4: "X", 5: "X", 7: "Z"}),
        quasim.PauliString(),
    ]
    total = quasim.PauliSum(tuple((0.5 * (i + 1), s) for i, s in enumerate(strings)))
    c, s = np.cos(0.7), np.sin(0.7)
    expected = [c, c**3, s * c, 1.0]
    with quasim.runtime(simulation_precision="fp64") as session:
        values = session.measure(circuit, [*strings, total], parameters=[0.7])
    whole = sum(0.5 * (i + 1) * e for i, e in enumerate(expected))
    np.testing.assert_allclose(values, [*expected, whole], atol=1e-12)


def test_noise_and_resets_stay_in_their_part() -> None:
    circuit = quasim.Circuit(24, 24)
    for qubit in range(24):
        circuit.x(qubit).channel(quasim.noise.bit_flip(0.25), [qubit])
    circuit.reset(3).barrier(*range(24)).measure_all()
    with quasim.runtime(seed=1) as session:
        result = session.run(circuit, shots=2000)
    assert len(result.metadata["parts"]) == 24
    means = result.samples.mean(axis=0)
    assert means[3] == 0
    assert (np.abs(np.delete(means, 3) - 0.75) < 0.06).all()


def test_a_bit_that_two_parts_write_joins_them() -> None:
    circuit = quasim.Circuit(21, 1)
    for qubit in range(21):
        circuit.x(qubit)
    circuit.measure([0], [0]).x(1).measure([1], [0])
    with quasim.runtime() as session:
        result = session.run(circuit, shots=10)
    assert result.counts() == {"0": 10}


@pytest.mark.parametrize("width", [33, 34])
def test_parts_and_the_whole_agree(width: int) -> None:
    circuit = quasim.Circuit(width, 4)
    for first in range(0, width - 1, 3):
        circuit.h(first).rx(0.4 * first, first + 1).cx(first, first + 1)
    circuit.measure([0, 1, 3, 4], [0, 1, 2, 3])
    with quasim.runtime(seed=2) as session, quasim.runtime(method="statevector") as whole:
        result = session.run(circuit, shots=3000)
        exact = (
            whole.probabilities(quasim.Circuit(2).h(0).rx(0.0, 1).cx(0, 1)),
            whole.probabilities(quasim.Circuit(2).h(0).rx(1.2, 1).cx(0, 1)),
        )
    assert "parts" in result.metadata
    expected = np.kron(exact[1], exact[0])
    p_value = goodness_of_fit(result.int_counts(), dict(enumerate(expected)))
    assert p_value > 1e-4


def test_what_cannot_be_taken_apart_is_refused_as_before() -> None:
    circuit = pairs()
    with (
        quasim.runtime() as session,
        pytest.raises((UnsupportedError, MemoryLimitError)),
    ):
        session.run(circuit, save="statevector", shots=0)


@pytest.mark.parametrize("idle", [5, 22])
def test_idle_qubits_that_overwrite_a_bit(idle: int) -> None:
    circuit = quasim.Circuit(30, 3)
    for q in range(30):
        if q != idle:
            circuit.x(q)
    for q in (*range(7, 20), *range(23, 29)):
        circuit.cz(q, q + 1)
    circuit.measure(25, 1).measure(idle, 1).measure(idle, 2).measure(12, 2)
    with quasim.runtime(seed=1) as session:
        result = session.run(circuit, shots=3)
    assert len(result.metadata["parts"]) > 1
    assert result.samples.tolist() == [[0, 0, 1]] * 3


def test_measurements_into_shared_bits_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        width, bits = int(rng.integers(20, 30)), int(rng.integers(1, 12))
        circuit, state = quasim.Circuit(width, bits), np.zeros(width, int)
        for q in rng.permutation(width)[: int(rng.integers(5, width))]:
            circuit.x(int(q))
            state[q] = 1
        for q in rng.permutation(width - 1)[: int(rng.integers(1, width))]:
            circuit.cz(int(q), int(q) + 1)
        memory = np.zeros(bits, int)
        for q in rng.integers(0, width, 12):
            c = int(rng.integers(bits))
            circuit.measure(int(q), c)
            memory[c] = state[q]
        with quasim.runtime(seed=1) as session:
            assert session.run(circuit, shots=2).samples.tolist() == [memory.tolist()] * 2

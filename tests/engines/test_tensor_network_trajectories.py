"""Errors drawn shot by shot in tensor networks, against density matrices and exact averages."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.engines.tensor_network import engine, trajectories
from quasim_backend.errors import MemoryLimitError
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.noise.channels import amplitude_damping, depolarizing
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit


@pytest.fixture
def drawn(monkeypatch):
    """Draw errors wherever that is possible."""

    def always(compiled, request):
        refused = trajectories.trajectory_refusal(compiled, request)
        return None if refused else trajectories.Trajectories(compiled, request)

    monkeypatch.setattr(engine, "cheaper_trajectories", always)


def session(**options):
    options = {"method": "tensor_network", "simulation_precision": "fp64", "seed": 5} | options
    return Runtime(Config(**options))


def rotation(rng):
    """A random unitary (2, 2)."""
    q, r = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
    return q * (np.diag(r) / np.abs(np.diag(r)))


def noisy(width, seed=2):
    """Layers with every kind of mixture: Pauli, of two qubits, of any unitaries, off by a phase."""
    rng = np.random.default_rng(seed)
    one = Channel.mixture([0.2, 0.5, 0.3], [1j * np.diag([1, 1j]), rotation(rng), rotation(rng)])
    two = Channel.mixture([0.6, 0.4], [np.eye(4), np.kron(rotation(rng), rotation(rng))])
    circuit = Circuit(width, width)
    for layer in range(2):
        for q in range(width):
            circuit.ry(float(rng.uniform(0, 3)), q)
        for q in range(layer, width - 1, 2):
            circuit.cx(q, q + 1).channel(depolarizing(0.15, 2), [q, q + 1])
        circuit.channel(one, [layer]).channel(two, [width - 1, 0])
        circuit.channel(depolarizing(0.2), [2])
    return circuit


def line(width, depth):
    """A noisy line of few rotations that are not Clifford, so that exact averages are cheap."""
    circuit = Circuit(width, width)
    for layer in range(depth):
        for q in range(width):
            circuit.ry(0.3 + 0.1 * q if layer == 0 and q % 4 == 0 else np.pi / 2, q)
        for q in range(layer % 2, width - 1, 2):
            circuit.cz(q, q + 1).rz(np.pi / 2, q).channel(depolarizing(0.002, 2), [q, q + 1])
    return circuit


@pytest.mark.parametrize("width", [3, 5])
def test_samples_have_the_exact_distribution(drawn, width):
    errors = ReadoutError.of([[0.9, 0.1], [0.25, 0.75]])
    circuit = noisy(width).measure(0, 0, errors).measure(range(1, width), range(1, width))
    exact = {m: p for m, p in exact_distribution(circuit, None).items() if p > 1e-15}
    with session() as rt:
        result = rt.run(circuit, shots=1500, seed=3)
        again = rt.run(circuit, shots=1500, seed=3)
    assert 1 < result.metadata["error_patterns"] <= 1500
    assert np.array_equal(result.packed, again.packed)
    counts = Counter(int(row[0]) for row in result.packed)
    assert set(counts) <= set(exact)
    assert goodness_of_fit(counts, exact) > FALSE_ALARM


def test_measurements_and_resets_on_the_way(drawn):
    circuit = Circuit(4, 5)
    for part, seed in ((0, 2), (1, 4)):
        circuit.instructions += noisy(4, seed).instructions
        if part == 0:
            circuit.measure(1, 4).reset(2)
    circuit.measure(range(4), range(4))
    exact = {m: p for m, p in exact_distribution(circuit, None).items() if p > 1e-15}
    with session() as rt:
        result = rt.run(circuit, shots=1500, seed=8)
    assert 1 < result.metadata["error_patterns"] <= 1500
    counts = Counter(int(row[0]) for row in result.packed)
    assert goodness_of_fit(counts, exact) > FALSE_ALARM


def test_averages_are_within_their_standard_errors(drawn):
    circuit = noisy(4)
    observable = PauliSum.of({"ZIXI": 0.5, "IYYI": -1.0, "ZZII": 2.0})
    saves = [
        Save("expectation", "mean", observable=observable, subtype="average"),
        Save("variance", "spread", observable=observable, subtype="average"),
        Save("probabilities", "odds", qubits=(3, 1), subtype="average"),
    ]
    for save in saves:
        with session() as rt, Runtime(Config(method="density_matrix")) as exact:
            result = rt.run(circuit, save=save, shots=600, seed=1)
            wanted = exact.run(circuit, save=save, shots=0).saved[save.label]
        error = result.standard_errors[save.label]
        assert np.all(np.asarray(error) > 0)
        assert np.all(np.abs(result.saved[save.label] - wanted) < 5.5 * np.asarray(error))


def test_patterns_are_those_of_other_engines(drawn):
    """A channel that flips bits on a basis state: the outcomes are the errors that were drawn."""
    flips = Channel.mixture([0.7, 0.3], [np.eye(2), [[0, 1], [1, 0]]])
    circuit = Circuit(4, 4)
    for q in range(4):
        circuit.channel(flips, [q])
    circuit.measure(range(4), range(4))
    with session() as rt:
        memory = rt.run(circuit, shots=50, seed=9).packed
    with session(method="matrix_product_state") as rt:
        assert np.array_equal(memory, rt.run(circuit, shots=50, seed=9).packed)


def test_a_wide_noisy_line_against_exact_averages():
    """The cheaper way is taken: nobody tells it to draw errors."""
    shots, depth = 30, 7
    circuit, sampled = line(40, depth), line(40, depth).measure(range(40), range(40))
    with session() as rt:
        result = rt.run(sampled, shots=shots, seed=4)
        shallow = rt.run(line(40, 2).measure(range(40), range(40)), shots=shots, seed=4)
    assert result.metadata["error_patterns"] > 2
    assert "error_patterns" not in shallow.metadata
    bits = result.packed[:, :1] >> np.arange(40, dtype=np.uint64) & np.uint64(1)
    signs = 1 - 2 * bits.astype(int)
    labels = ["".join("Z" if p == q else "I" for p in reversed(range(40))) for q in range(40)]
    with session(method="pauli_propagation") as rt:
        exact = rt.measure(circuit, labels)
    deviations = np.sqrt((1 - np.square(exact)) / shots)
    assert np.all(np.abs(signs.mean(axis=0) - exact) < 6 * deviations + 1e-9)


def test_channels_that_are_no_mixtures_are_named():
    circuit = Circuit(36, 36)
    rng = np.random.default_rng(3)
    for _ in range(14):
        order = rng.permutation(36)
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.ry(0.3, int(a)).cz(int(a), int(b)).rx(0.7, int(b))
    circuit.channel(amplitude_damping(0.1), [0]).measure(range(36), range(36))
    with session(contraction_strategy="greedy") as rt, pytest.raises(MemoryLimitError) as error:
        rt.run(circuit, shots=2)
    assert "no mixture of unitaries" in str(error.value)
    assert "'matrix_product_state'" in str(error.value)

"""Noisy shots: the same uniforms give the same bits as shots run one by one on dense states."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.default_choices import default_choice
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.kernels.base import KernelSet
from quasim_backend.options import Config
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.generators import haar_unitary
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit
from quasim_backend.testing.trajectory_oracle import sampled_memory

DOUBLE = np.dtype(np.complex128)
PAULIS = (np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1]))


def random_channel(rng: np.random.Generator, width: int) -> Channel:
    """Return a channel of a random kind, weak or strong, its default first or in the middle."""
    size, kind = 2**width, rng.integers(6)
    rate = float(rng.choice([0.02, 0.2, 0.7]))
    if kind == 0 or (width == 2 and kind < 3):
        strings = [p if width == 1 else np.kron(p, q) for p in PAULIS for q in PAULIS[:size]]
        weights = np.full(len(strings), rate / len(strings))
        weights[rng.integers(len(strings))] += 1 - rate
        return Channel.mixture(weights / weights.sum(), strings)
    if kind == 1:
        k = [np.diag([1, np.sqrt(1 - rate)]), np.array([[0, np.sqrt(rate)], [0, 0]])]
        return Channel.kraus([k[i] for i in rng.permutation(2)])
    if kind == 2:
        k = [np.diag([1, np.sqrt(1 - rate)]), np.array([[0, np.sqrt(rate)], [0, 0]])]
        k = [np.sqrt(0.7) * a for a in k] + [np.sqrt(0.3) * PAULIS[1] @ a @ PAULIS[1] for a in k]
        return Channel.kraus([k[i] for i in rng.permutation(4)])
    if kind == 3:
        return Channel.mixture([rate / 2, 1 - rate, rate / 2], haar_list(rng, size, 3))
    column = np.linalg.qr(
        rng.normal(size=(3 * size, size)) + 1j * rng.normal(size=(3 * size, size))
    )
    return Channel.kraus(list(column[0].reshape(3, size, size)))


def haar_list(rng: np.random.Generator, size: int, count: int) -> list[np.ndarray]:
    return [haar_unitary(rng, size.bit_length() - 1) for _ in range(count)]


def noisy_circuit(rng: np.random.Generator, num_qubits: int, length: int, dynamic: bool) -> Circuit:
    """Return gates and channels, and measurements, resets and feed-forward if ``dynamic``."""
    circuit = Circuit(num_qubits, 2 * num_qubits)
    for q in range(num_qubits):
        circuit.u(*rng.uniform(0, 3, 3), q)
    for _ in range(length):
        a, b = rng.choice(num_qubits, 2, replace=False).tolist()
        kind = rng.integers(10 if dynamic else 6)
        if kind < 3:
            circuit.rx(rng.uniform(0, 3), a).cx(a, b)
        elif kind == 3:
            circuit.unitary(haar_unitary(rng, 2), [a, b])
        elif kind == 4:
            circuit.cp(rng.uniform(0, 3), a, b).h(a)
        elif kind == 5:
            circuit.channel(random_channel(rng, 2), [a, b])
        elif kind == 6:
            circuit.measure(a, num_qubits + b)
        elif kind == 7:
            circuit.reset(a)
        else:
            body = Circuit(num_qubits, 2 * num_qubits).x(a).channel(random_channel(rng, 1), [a])
            circuit.if_(Bit(num_qubits + a), body)
        circuit.channel(random_channel(rng, 1), [a])
    return circuit.measure(range(num_qubits), range(num_qubits))


def run(circuit: Circuit, kernels: KernelSet, **request: Any) -> EngineOutput:
    given = EngineRequest(kernels, request.pop("dtype", DOUBLE), np.empty(0), **request)
    return StateVectorEngine().run(compile_circuit(circuit), given)


def bits(output: EngineOutput) -> np.ndarray:
    assert output.packed is not None
    return output.packed[:, 0].astype(np.int64)


@pytest.fixture(params=["native", "reference", "emulate"])
def kernels(request: pytest.FixtureRequest) -> KernelSet:
    spec = PluginManager().kernels[request.param]
    reason = spec.is_available()
    if reason is not None:
        pytest.skip(reason)
    made: KernelSet = spec.make(Config())
    return made


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_uniforms_give_the_same_bits(seed: int, dynamic: bool, kernels: KernelSet) -> None:
    rng = np.random.default_rng(seed)
    circuit = noisy_circuit(rng, 4, 14, dynamic)
    uniforms = rng.random((80, 120))
    want = sampled_memory(circuit, uniforms)
    np.testing.assert_array_equal(bits(run(circuit, kernels, shots=80, uniforms=uniforms)), want)
    scarce = run(circuit, kernels, shots=80, uniforms=uniforms, workspace_bytes=0)
    assert scarce.metadata["recomputations"] > 0
    np.testing.assert_array_equal(bits(scarce), want)


@pytest.mark.parametrize("seed", range(3))
def test_wide_circuits_give_the_bits_of_narrow_ones(seed: int) -> None:
    kernels = PluginManager().kernels["native"].make(Config())
    rng = np.random.default_rng(100 + seed)
    narrow = noisy_circuit(rng, 4, 12, True)
    wide = Circuit(16, 8)
    for q in range(4, 16):
        wide.x(q)
    for instruction in narrow.instructions:
        wide.instructions.append(instruction)
    uniforms = rng.random((12, 100))
    got = bits(run(wide, kernels, shots=12, uniforms=uniforms))
    np.testing.assert_array_equal(got, sampled_memory(narrow, uniforms))


@pytest.mark.parametrize("seed", range(8))
def test_samples_follow_the_density_matrix(seed: int) -> None:
    circuit = noisy_circuit(np.random.default_rng(200 + seed), 3, 10, seed % 2 == 1)
    output = run(circuit, PluginManager().kernels["native"].make(Config()), shots=20_000, seed=seed)
    exact = exact_distribution(circuit)
    assert goodness_of_fit(Counter(bits(output).tolist()), exact) > FALSE_ALARM


def test_long_decay_keeps_the_norm_in_single_precision(kernels: KernelSet) -> None:
    """Two thousand defaults that halve the norm: unnormalised they would underflow."""
    damping = Channel.kraus([np.diag([1, np.sqrt(0.5)]), np.array([[0, np.sqrt(0.5)], [0, 0]])])
    circuit = Circuit(2, 2)
    for _ in range(2000):
        circuit.x(0).channel(damping, [0])
    circuit.ry(1.0, 1).measure_all()
    uniforms = np.full((3, 2001), 0.25)
    uniforms[:, -1] = [0.1, 0.5, 0.99]
    output = run(circuit, kernels, shots=3, uniforms=uniforms, dtype=np.dtype(np.complex64))
    np.testing.assert_array_equal(bits(output), [0, 0, 2])


def test_defaults_are_chosen_by_every_uniform_in_their_interval() -> None:
    rng = np.random.default_rng(7)
    for _ in range(100):
        channel = random_channel(rng, 1)
        default, low, high = default_choice(channel)
        for _ in range(20):
            state = haar_unitary(rng, 1)[0]
            weights = [np.linalg.norm(k @ state) ** 2 for k in channel.kraus_operators()]
            ladder = np.concatenate([[0], np.cumsum(weights)])
            if low < high:
                assert ladder[default] <= low + 1e-12
                assert high <= ladder[default + 1] + 1e-12

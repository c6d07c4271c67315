"""Pauli errors moved to the end: the states are those with the errors, the samples follow rho."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.compile.code import NoisyStep
from quasim_backend.compile.planner import trivial_plan
from quasim_backend.engines import pauli_frames, sign_batches
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.pauli_moves import pauli_masks
from quasim_backend.engines.pauli_signs import pauli_signs
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Channel, Circuit, Parameter, ReadoutError
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.native import NativeKernels
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.generators import haar_unitary
from quasim_backend.testing.oracles import apply_matrix, dense_state
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

DOUBLE = np.dtype(np.complex128)
PAULIS: dict[str, Any] = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
PAIRS = {a + b: np.kron(PAULIS[b], PAULIS[a]) for a in PAULIS for b in PAULIS}


def depolarising(rate: float, width: int) -> Channel:
    strings = list((PAULIS if width == 1 else PAIRS).values())
    weights = [1 - rate + rate / len(strings)] + [rate / len(strings)] * (len(strings) - 1)
    return Channel.mixture(weights, strings)


def pauli_circuit(rng: np.random.Generator, num_qubits: int, length: int, rate: float) -> Circuit:
    """Return gates of every kind that errors can be moved past, with errors after each."""
    circuit = Circuit(num_qubits, num_qubits)
    for q in range(num_qubits):
        circuit.u(*rng.uniform(0, 3, 3), q)
    for _ in range(length):
        a, b, c = rng.choice(num_qubits, 3, replace=False).tolist()
        match rng.integers(14):
            case 0:
                circuit.h(a).s(b).t(c).cx(a, b)
            case 1:
                circuit.cz(a, b).swap(b, c)
            case 2:
                circuit.cp(rng.uniform(0, 3), a, b)
            case 3:
                circuit.pauli_rotation("XYZ", rng.uniform(0, 3), [c, a, b])
            case 4:
                circuit.rx(np.pi / 2, a).ry(-np.pi / 2, b).rz(np.pi, c)
            case 5:
                circuit.unitary(haar_unitary(rng, 1), [a])
            case 6:
                circuit.diagonal(np.exp(1j * rng.uniform(0, 6, 8)), [b, a, c])
            case 7:
                circuit.append(Gate("rx", (rng.uniform(0, 3),), 1, 0), (a, c))
            case 8:
                circuit.append(Gate("p", (rng.uniform(0, 3),), 2, 1), (a, b, c))
            case 9:
                circuit.append(Gate("y", (), 1, 0), (b, a))
            case 10:
                circuit.unitary(np.array([[0, 1j], [1, 0]]), [b])
            case 11:
                circuit.unitary(np.array([[0.6, 0.8], [-0.8, 0.6]]) * 1j, [b])
            case 12:
                circuit.u(*rng.uniform(-3, 3, 3), a)
            case _:
                circuit.unitary(np.diag(np.exp([0.3j, 1.1j])), [a]).y(c)
        if rng.random() < 0.5:
            circuit.channel(depolarising(rate, 1), [a])
        else:
            circuit.channel(depolarising(rate, 2), [b, a])
    return circuit.measure_all()


def noisy_step(circuit: Circuit) -> NoisyStep:
    (step,) = (s for s in compile_circuit(circuit).steps if isinstance(s, NoisyStep))
    return step


def run(circuit: Circuit, shots: int, kernels: KernelSet, **request: Any) -> EngineOutput:
    request.setdefault("parameters", np.empty(0))
    given = EngineRequest(kernels, DOUBLE, shots=shots, **request)
    return StateVectorEngine().run(compile_circuit(circuit), given)


def bits(output: EngineOutput) -> np.ndarray:
    assert output.packed is not None
    return output.packed[:, 0].astype(np.int64)


@pytest.mark.parametrize("seed", range(12))
def test_an_error_is_signs_and_a_pauli_at_the_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = pauli_circuit(rng, 4, 12, 0.1)
    step = noisy_step(circuit)
    signs = pauli_signs(step)
    assert signs is not None
    angles = signs.angles(step.program.angles(np.empty(0)))
    kernels, width = ReferenceKernels(), circuit.num_qubits
    places = [p for p, i in enumerate(circuit.instructions) if isinstance(i, ChannelOp)]
    for _ in range(12):
        site = int(rng.integers(len(step.sites)))
        operator = int(rng.integers(len(step.sites[site].channel.operators)))
        effect = np.zeros((1, signs.generators.shape[1]), np.uint64)
        signs.add(effect, np.array([0]), np.array([site]), signs.operators[[site], operator])
        turned = signs.turns(effect)[0]
        x_mask, z_mask = effect[0, :2].tolist()
        got = kernels.zero_state(width, DOUBLE)
        kernels.run(trivial_plan(signs.program), got, angles * (1 - 2 * turned))
        letters = ["IXZY"[(x_mask >> q & 1) | (z_mask >> q & 1) << 1] for q in range(width)]
        for q, letter in enumerate(letters):
            got = apply_matrix(got, PAULIS[letter], [q])
        with_error = Circuit(width)
        for place, instruction in enumerate(circuit.instructions[:-1]):
            if place == places[site]:
                matrix = instruction.channel.operators[operator]
                with_error.unitary(matrix, instruction.qubits)
            elif place not in places:
                with_error.instructions.append(instruction)
        assert abs(np.vdot(dense_state(with_error), got)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("batched", [0, 12])
@pytest.mark.parametrize("seed", range(6))
def test_samples_follow_the_density_matrix(
    seed: int, batched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauli_frames, "_BATCHED", batched)
    circuit = pauli_circuit(np.random.default_rng(50 + seed), 4, 10, 0.2)
    output = run(circuit, 20_000, NativeKernels(1), seed=seed)
    assert output.metadata["pauli_frames"] > 0
    counts = Counter(bits(output).tolist())
    assert goodness_of_fit(counts, exact_distribution(circuit)) > FALSE_ALARM


def test_results_do_not_depend_on_how_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = pauli_circuit(np.random.default_rng(1), 5, 20, 0.1)
    want = bits(run(circuit, 500, NativeKernels(1), seed=4))
    np.testing.assert_array_equal(bits(run(circuit, 500, ReferenceKernels(), seed=4)), want)
    np.testing.assert_array_equal(bits(run(circuit, 100, NativeKernels(2), seed=4)), want[:100])
    monkeypatch.setattr(sign_batches, "_BATCH_BYTES", 1)
    np.testing.assert_array_equal(bits(run(circuit, 500, NativeKernels(1), seed=4)), want)
    monkeypatch.setattr(pauli_frames, "_BATCHED", 0)
    for workspace in (0, 3 << 9, 1 << 30):
        output = run(circuit, 500, NativeKernels(1), seed=4, workspace_bytes=workspace)
        np.testing.assert_array_equal(bits(output), want)


def test_a_clifford_circuit_has_one_state() -> None:
    rng = np.random.default_rng(2)
    circuit = Circuit(6, 6)
    for _ in range(40):
        a, b = rng.choice(6, 2, replace=False).tolist()
        circuit.h(a).s(b).cx(a, b).cz(b, a).rx(np.pi / 2, b)
        circuit.channel(depolarising(0.05, 2), [a, b])
    circuit.measure_all()
    output = run(circuit, 20_000, NativeKernels(1))
    assert output.metadata["trajectories"] == 1
    counts = Counter(bits(output).tolist())
    assert goodness_of_fit(counts, exact_distribution(circuit)) > FALSE_ALARM


def test_parameters_and_readout_errors_have_their_say() -> None:
    theta = Parameter("theta")
    readout = ReadoutError.of([[0.9, 0.1], [0.3, 0.7]])
    circuit = Circuit(2, 2).ry(theta, 0).channel(depolarising(0.3, 1), [0])
    circuit.rx(2 * theta + 0.1, 0).cx(0, 1).channel(depolarising(0.3, 2), [0, 1])
    circuit.measure(0, 0, readout).measure(1, 1, readout)
    output = run(circuit, 20_000, NativeKernels(1), parameters=np.array([0.8]))
    assert "trajectories" in output.metadata
    exact = exact_distribution(circuit, {theta: 0.8})
    assert goodness_of_fit(Counter(bits(output).tolist()), exact) > FALSE_ALARM


def test_a_default_that_is_no_identity_is_counted() -> None:
    flip = Channel.mixture([0.1, 0.8, 0.1], [PAULIS["I"], PAULIS["X"], PAULIS["Y"]])
    circuit = Circuit(2, 2).ry(0.4, 0).channel(flip, [0]).ry(1.1, 0).cx(0, 1).measure_all()
    output = run(circuit, 20_000, NativeKernels(1))
    assert output.metadata["trajectories"] > 1
    counts = Counter(bits(output).tolist())
    assert goodness_of_fit(counts, exact_distribution(circuit)) > FALSE_ALARM


def test_other_gates_and_channels_go_the_general_way() -> None:
    rng = np.random.default_rng(3)
    wide = Circuit(2, 2).unitary(haar_unitary(rng, 2), [0, 1]).channel(depolarising(0.1, 1), [0])
    assert pauli_signs(noisy_step(wide.measure_all())) is None
    odd = Channel.mixture([0.9, 0.1], [np.eye(2), haar_unitary(rng, 1)])
    assert pauli_signs(noisy_step(Circuit(1, 1).h(0).channel(odd, [0]).measure_all())) is None


def test_masks_are_those_of_paulis_only() -> None:
    for letters, matrix in PAIRS.items():
        x = sum((letter in "XY") << q for q, letter in enumerate(letters))
        z = sum((letter in "YZ") << q for q, letter in enumerate(letters))
        assert pauli_masks(np.exp(0.3j) * np.array(matrix, complex)) == (x, z)
    assert pauli_masks(haar_unitary(np.random.default_rng(0), 2)) is None
    assert pauli_masks(np.diag([1, 1j]).astype(complex)) is None
    assert pauli_masks(np.diag([1, 1, 1, -1]).astype(complex)) is None

"""Matrix product states against dense vectors and density matrices; wide ones by light cones."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.blas_threads import blas_threads
from quasim_backend.engines.mps import MpsEngine, splitting
from quasim_backend.engines.mps.chains import gate_chain
from quasim_backend.engines.mps.splitting import Truncation, split_left, split_right
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.engines.mps.trial import explore
from quasim_backend.errors import ApproximationError, MemoryLimitError
from quasim_backend.ir import Channel, Circuit, Gate
from quasim_backend.ir.array_observables import (
    DiagonalObservable,
    MatrixObservable,
    ObservableList,
)
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.options import Config
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.oracles import dense_state, observable_matrix, reduced_density_matrix
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

PAULIS = ("X", "Y", "Z")


@pytest.fixture(autouse=True)
def one_thread():
    with blas_threads(1):
        yield


def request(shots: int = 0, dtype: Any = np.complex128, **options: Any) -> EngineRequest:
    names = {"want_state", "seed", "exact"}
    asked = {name: options.pop(name) for name in names & set(options)}
    config = Config(method="matrix_product_state", **options)
    return EngineRequest(
        ReferenceKernels(), np.dtype(dtype), np.empty(0), shots=shots, config=config, **asked
    )


def run(circuit: Circuit, shots: int = 0, **options: Any) -> EngineOutput:
    compiled = compile_circuit(circuit, CompileOptions(keep_idle=True))
    asked = request(shots, **options)
    assert MpsEngine().refuses(compiled, asked) is None
    return MpsEngine().run(compiled, asked)


def ising(num_qubits: int, steps: int, dt: float, clbits: int = 0) -> Circuit:
    """Trotterised Ising chain in a tilted field."""
    circuit = Circuit(num_qubits, clbits)
    for _ in range(steps):
        for start in (0, 1):
            for q in range(start, num_qubits - 1, 2):
                circuit.gate("rzz", [q, q + 1], [-2 * dt])
        for q in range(num_qubits):
            circuit.rx(-1.8 * dt, q).rz(-0.9 * dt, q)
    return circuit


def random_pauli(rng: np.random.Generator, width: int) -> PauliString:
    letters = rng.choice(["I", *PAULIS], width)
    return PauliString.from_letters(dict(enumerate(letters)))


# --- operators --------------------------------------------------------------------------------


def dense_chain(chain: Any) -> np.ndarray:
    """Multiply a chain out: the first site is the lowest bit."""
    total = np.ones((1, 1, 1))
    for tensor in chain.tensors:
        total = np.einsum("xya,aoib->oxiyb", total, tensor)
        o, x, i, y, b = total.shape
        total = total.reshape(o * x, i * y, b)
    return total[:, :, 0]


@pytest.mark.parametrize(
    ("gate", "rank"),
    [
        (Gate.named("cx"), 2),
        (Gate.named("swap"), 4),
        (Gate.named("rzz", (0.3,)), 2),
        (Gate.named("x").controlled(6, 0b010110), 2),
        (Gate.named("swap").controlled(5, 0b10010), 5),
        (Gate.named("gphase", (0.7,)).controlled(6, 0b101101), 2),
        (Gate.pauli_rotation("XIYZZX", 0.9), 2),
        (Gate.pauli_rotation("XYZ", 0.4).controlled(3, 5), 3),
        (Gate.diagonal(np.exp(1j * np.arange(64) ** 2)), 8),
        (Gate.permutation(np.random.default_rng(3).permutation(32)), 16),
        (Gate.diagonal(np.exp(1j * np.arange(4))).to_power(0.5).controlled(4), 3),
    ],
)
def test_chains_multiply_out_to_their_gates(gate, rank):
    width = gate.num_qubits
    for seed in range(3):
        qubits = tuple(int(q) for q in np.random.default_rng(seed).permutation(width))
        chain = gate_chain(gate, qubits)
        assert chain.sites == tuple(range(width))
        assert max(t.shape[3] for t in chain.tensors) <= rank
        wanted = dense_matrix(gate.matrix(), qubits)
        np.testing.assert_allclose(dense_chain(chain), wanted, atol=1e-12)


def dense_matrix(matrix: np.ndarray, qubits: tuple[int, ...]) -> np.ndarray:
    index = np.arange(len(matrix))
    own = sum((index >> q & 1) << i for i, q in enumerate(qubits))
    return matrix[np.ix_(own, own)]


# --- exact states -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(12))
def test_random_circuits_agree_with_dense_states(number):
    rng = np.random.default_rng(number)
    circuit = random_circuit(rng, 7 + number % 4, 40)
    circuit = circuit.bind(random_values(rng, circuit))
    output = run(circuit, want_state=True)
    np.testing.assert_allclose(output.state, dense_state(circuit), atol=1e-10)
    assert output.metadata["discarded_weight"] < 1e-14


def test_gates_between_distant_qubits_pass_through_others():
    rng = np.random.default_rng(5)
    circuit = ising(9, 2, 0.4)
    for _ in range(12):
        a, b, c = (int(q) for q in rng.permutation(9)[:3])
        circuit.cx(a, b).gate("rzz", [b, c], [0.7]).swap(c, a)
        circuit.pauli_rotation("XZY", 0.6, [c, a, b]).ccx(a, c, b)
    found = run(circuit, want_state=True).state
    np.testing.assert_allclose(found, dense_state(circuit), atol=1e-10)


def test_values_agree_with_dense_ones():
    rng = np.random.default_rng(7)
    circuit = ising(8, 4, 0.5).cx(0, 6).gate("rzz", [7, 2], [0.8])
    state = dense_state(circuit)
    rho = np.outer(state, state.conj())
    matrix = rng.standard_normal((8, 8)) + 1j * rng.standard_normal((8, 8))
    strings = [random_pauli(rng, 8) for _ in range(40)] + [PauliString()]
    total = PauliSum(
        tuple((float(w), p) for w, p in zip(rng.normal(size=41), strings, strict=True))
    )
    observables = (
        total,
        *(PauliSum.of(p) for p in strings),
        MatrixObservable(matrix + matrix.conj().T, (6, 1, 3)),
        MatrixObservable(matrix, (2, 5, 4)),
        DiagonalObservable(rng.standard_normal(8), (4, 0, 7)),
    )
    circuit.save("expectation", observable=ObservableList(observables))
    circuit.save("variance", observable=total)
    circuit.save("density_matrix", "rho", qubits=(6, 0, 3))
    circuit.save("probabilities", "p", qubits=(2, 7, 5, 0))
    circuit.save("amplitudes", indices=(200, 3, 3, 77, 0))
    saved = run(circuit).saved
    wide = observable_matrix(total, 8)
    wanted = [np.vdot(state, observable_matrix(o, 8) @ state) for o in observables[:42]]
    for one in observables[42:]:
        local = getattr(one, "matrix", None)
        local = np.diag(one.values) if local is None else local
        wanted.append(np.trace(local @ reduced_density_matrix(rho, one.qubits)))
    np.testing.assert_allclose(saved["expectation"], wanted, atol=1e-10)
    square = np.vdot(wide @ state, wide @ state).real
    assert saved["variance"] == pytest.approx(square - wanted[0].real ** 2, abs=1e-8)
    np.testing.assert_allclose(saved["rho"], reduced_density_matrix(rho, (6, 0, 3)), atol=1e-10)
    some = reduced_density_matrix(rho, (2, 7, 5, 0)).diagonal().real
    np.testing.assert_allclose(saved["p"], some, atol=1e-10)
    np.testing.assert_allclose(saved["amplitudes"], state[[200, 3, 3, 77, 0]], atol=1e-10)


def test_canonical_form_multiplies_out_to_the_state():
    circuit = ising(6, 3, 0.6).cx(0, 5)
    gammas, values = run(circuit.save("mps", "mps")).saved["mps"]
    state = dense_state(circuit)
    rows = np.ones((1, 1))
    for site in reversed(range(6)):
        both = np.stack(gammas[site])  # (bit, left, right)
        rows = np.einsum("hr,blr->hbl", rows, both).reshape(-1, both.shape[1])
        if site:
            rows = rows * values[site - 1]
    np.testing.assert_allclose(rows[:, 0], state, atol=1e-10)
    for cut, schmidt in enumerate(values, start=1):
        exact = np.linalg.svd(state.reshape(-1, 1 << cut), compute_uv=False)
        np.testing.assert_allclose(schmidt, exact[: len(schmidt)], atol=1e-10)


# --- chance -----------------------------------------------------------------------------------


def test_samples_follow_the_exact_distribution():
    circuit = ising(7, 4, 0.5, 7).cx(6, 1)
    weights = np.abs(dense_state(circuit)) ** 2
    circuit.measure(range(7), range(7))
    counts = Counter(run(circuit, 20_000, seed=3).packed[:, 0].tolist())
    p_value = goodness_of_fit(counts, dict(enumerate(weights)))
    assert p_value > FALSE_ALARM


def test_a_seed_gives_the_samples_of_the_state_vector():
    circuit = ising(9, 4, 0.5, 12).cx(8, 1).measure(4, 10).ry(0.7, 4).reset(2)
    circuit.if_(Bit(10), Circuit(9, 12).cx(0, 5)).measure([8, 0, 3, 4], [0, 1, 7, 11])
    found = []
    for method in ("matrix_product_state", "statevector"):
        with quasim.runtime(method=method, simulation_precision="fp64") as rt:
            found.append(rt.sample(circuit, shots=3000, seed=21))
    np.testing.assert_array_equal(*found)
    assert len(np.unique(found[0], axis=0)) > 20


def test_measurement_feedforward_and_noise_follow_the_exact_distribution():
    damping = Channel.kraus([[[1, 0], [0, 0.8]], [[0, 0.6], [0, 0]]])
    flips = Channel.mixture([0.8, 0.2], [np.eye(4), np.kron([[0, 1], [1, 0]], [[1, 0], [0, -1]])])
    circuit = Circuit(4, 5).h(0).cx(0, 3).ry(0.8, 2).channel(damping, [3])
    circuit.measure(3, 4).if_(Bit(4), Circuit(4, 5).rx(1.1, 0).cx(0, 2))
    circuit.channel(flips, [0, 2]).reset(1).cx(2, 1).measure(range(4), range(4))
    counts = Counter(run(circuit, 4000, seed=1).packed[:, 0].tolist())
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-15}
    assert goodness_of_fit(counts, exact) > FALSE_ALARM


def test_trajectories_average_to_the_density_matrix():
    damping = Channel.kraus([[[1, 0], [0, 0.8]], [[0, 0.6], [0, 0]]])
    pair = Channel.kraus([np.sqrt(0.7) * np.eye(4), np.sqrt(0.3) * np.eye(4)[[0, 3, 2, 1]]])
    circuit = Circuit(4).h(0).cx(0, 1).cx(1, 3)
    circuit.channel(damping, [1]).channel(pair, [3, 0]).ry(0.5, 2).cx(1, 2).channel(damping, [2])
    rho = np.asarray(sum(exact_branches(circuit).values()))
    circuit.save("density_matrix", "rho", subtype="average")
    found = run(circuit, 4000, seed=2).saved["rho"]
    assert np.abs(found - rho).max() < 6 * 0.5 / np.sqrt(4000)


# --- truncation -------------------------------------------------------------------------------


@pytest.mark.parametrize("guessed", ["nothing", "well", "wrongly"])
@pytest.mark.parametrize("shape", [(300, 280), (280, 300), (256, 256)])
@pytest.mark.parametrize("split", [split_right, split_left])
def test_a_capped_cut_is_nearly_the_best(split, shape, guessed):
    rng = np.random.default_rng(0)
    rank = min(shape)
    u, _ = np.linalg.qr(rng.standard_normal((shape[0], rank)) + 1j * rng.standard_normal((1, rank)))
    v, _ = np.linalg.qr(rng.standard_normal((shape[1], rank)) + 1j * rng.standard_normal((1, rank)))
    values = np.exp(-np.arange(rank) / 12)
    values /= np.linalg.norm(values)
    theta = (u * values) @ v.T
    # On the side that is not orthogonalised; "wrongly" leaves all out that is to be found.
    near = (v if split is split_right else u).conj()
    noise = rng.standard_normal((len(near), 64)) / np.sqrt(len(near))
    guess = {"nothing": None, "well": near[:, :64] + 0.3 * noise, "wrongly": near[:, -64:]}
    truncation = Truncation(64, 1e-16, loses=True)
    left, right = split(theta.copy(), truncation, guess[guessed])
    isometry = left if split is split_right else right.T
    best = float((values[64:] ** 2).sum())
    worst = {"nothing": 1.05, "well": 1.1, "wrongly": 1.5}[guessed]
    assert best <= truncation.discarded < worst * best
    np.testing.assert_allclose(isometry.conj().T @ isometry, np.eye(64), atol=1e-12)
    kept = np.sqrt(1 - truncation.discarded)
    error = np.linalg.norm(theta - kept * left @ right) ** 2
    assert error == pytest.approx(truncation.discarded, rel=1e-3)


def test_a_narrow_state_is_not_widened_by_the_cap():
    rng = np.random.default_rng(1)
    theta = rng.standard_normal((256, 20)) @ rng.standard_normal((20, 256))
    truncation = Truncation(64, 1e-16, loses=True)
    left, _ = split_right(theta.astype(complex), truncation)
    assert left.shape == (256, 20)
    assert truncation.discarded < 1e-25


@pytest.mark.parametrize("cap", [6, 10, 16])
def test_fidelity_estimate_is_near_the_true_fidelity(cap):
    circuit = ising(12, 8, 0.5)
    output = run(circuit, want_state=True, max_bond_dimension=cap, max_truncation_error=1)
    state = dense_state(circuit)
    fidelity = abs(np.vdot(state, output.state)) ** 2
    estimate = output.metadata["fidelity_estimate"]
    assert output.metadata["max_bond"] == cap
    assert 1 - fidelity > 1e-6
    assert 0.5 < (1 - estimate) / (1 - fidelity) < 2
    assert np.linalg.norm(output.state) == pytest.approx(1, abs=1e-10)


def test_cuts_by_subspace_lose_what_they_say_and_little_more_than_the_best(monkeypatch):
    circuit = ising(16, 11, 0.5)
    state = dense_state(circuit)
    cuts = []
    leading = splitting._leading
    monkeypatch.setattr(splitting, "_leading", lambda *args: cuts.append(1) or leading(*args))
    lost = []
    for least in (16, 1000):  # by subspace from this cap on
        monkeypatch.setattr(splitting, "_SUBSPACE_FROM", least)
        output = run(circuit, want_state=True, max_bond_dimension=32, max_truncation_error=1)
        lost.append(1 - abs(np.vdot(state, output.state)) ** 2)
        assert 0.7 < (1 - output.metadata["fidelity_estimate"]) / lost[-1] < 1.4
        assert (len(cuts) > 20) == (least == 16)
        cuts.clear()
    assert 1e-4 < lost[1] < lost[0] < 1.3 * lost[1]


def test_too_much_truncation_is_an_error_that_says_what_to_do():
    circuit = ising(12, 8, 0.5)
    wanted = r"weight of 0\.00\d+ .*max_truncation_error=0\.001 .*max_bond_dimension=4;.* raise"
    with pytest.raises(ApproximationError, match=wanted):
        run(circuit, max_bond_dimension=4)
    with pytest.raises(ApproximationError, match=r"truncation_threshold=0\.01"):
        run(circuit, truncation_threshold=0.01, max_truncation_error=0.02)
    assert run(circuit, max_bond_dimension=64).metadata["discarded_weight"] < 1e-12


# --- wide -------------------------------------------------------------------------------------


def test_a_hundred_qubits_in_a_cat_state():
    circuit = Circuit(100, 101).h(50)
    for q in range(50, 99):
        circuit.cx(q, q + 1)
    for q in range(50, 0, -1):
        circuit.cx(q, q - 1)
    circuit.measure(7, 100).measure(range(100), range(100))
    output = run(circuit, 200, seed=4)
    every = (1 << 101) - 1
    values = [int(row[0]) | int(row[1]) << 64 for row in output.packed]
    assert set(values) == {0, every}
    assert 60 < values.count(0) < 140
    assert output.metadata["max_bond"] == 2


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_wide_chain_agrees_with_its_light_cone(dtype):
    # Three steps carry nothing farther than six qubits: twelve around the pair decide its values.
    wide, cone = ising(80, 3, 0.4), ising(14, 3, 0.4)
    strings = [{39: a, 40: b} for a in PAULIS for b in PAULIS]
    listed = tuple(PauliSum.of(PauliString.from_letters(s)) for s in strings)
    output = run(wide.save("expectation", observable=ObservableList(listed)), dtype=dtype)
    state = dense_state(cone)
    rho = ReferenceKernels().reduced_density_matrix(state, (6, 7))
    wanted = [
        np.trace(observable_matrix(PauliSum.of(b + a), 2) @ rho).real
        for a in PAULIS
        for b in PAULIS
    ]
    tolerance = 1e-10 if dtype is np.complex128 else 3e-5
    np.testing.assert_allclose(output.saved["expectation"], wanted, atol=tolerance)


def test_samples_of_a_wide_product_state_are_independent():
    circuit = Circuit(150, 150)
    angles = np.linspace(0.3, 2.8, 150)
    for q, angle in enumerate(angles):
        circuit.ry(angle, q)
    output = run(circuit.measure(range(150), range(150)), 4000, seed=8)
    bits = (output.packed[:, np.arange(150) >> 6] >> (np.arange(150) & 63).astype(np.uint64)) & 1
    wanted = np.sin(angles / 2) ** 2
    spread = np.sqrt(wanted * (1 - wanted) / 4000)
    assert (np.abs(bits.mean(axis=0) - wanted) < 5.5 * spread).all()
    pairs = np.corrcoef(bits.astype(float).T) - np.eye(150)
    assert np.abs(pairs).max() < 6.5 / np.sqrt(4000)


# --- refusals and predictions -----------------------------------------------------------------


def test_refusals_name_the_reason():
    engine = MpsEngine()
    matrix = np.roll(np.eye(2048), 1, axis=0)
    circuit = Circuit(11).h(0).unitary(matrix, range(11))
    refusal = engine.refuses(compile_circuit(circuit), request())
    assert "'unitary' on 11 qubits, number 1 of the gates" in refusal
    wide = Circuit(40)
    for q in range(40):
        wide.h(q)
    refusal = engine.refuses(compile_circuit(wide), request(want_state=True))
    assert "all amplitudes of 40 qubits" in refusal
    wide.save("density_matrix", "rho", qubits=range(12))
    refusal = engine.refuses(compile_circuit(wide), request())
    assert "'rho' of kind 'density_matrix' would have 12 qubits; up to 8" in refusal


def test_bonds_that_outgrow_memory_stop_the_run():
    deep = ising(60, 14, 0.5)
    with quasim.runtime(method="matrix_product_state", max_memory_mb=300) as rt:
        assert rt.measure(ising(60, 2, 0.5), [PauliSum.of(PauliString.from_letters({9: "Z"}))])
    with pytest.raises(MemoryLimitError, match=r"bond of dimension \d+ .*max_memory_mb=0\.5\."):
        run(deep, max_memory_mb=0.5)
    # Sixty qubits have bonds of up to 2**30: what the gates allow is no reason to refuse.
    compiled, asked = compile_circuit(deep), request()
    assert MpsEngine().memory_bytes(compiled, asked) < 4 << 30
    assert MpsEngine().predicted_seconds(compiled, asked) > 1e5


def test_predictions_are_of_the_right_size():
    engine = MpsEngine()
    for circuit, options in ((ising(16, 6, 0.5), {}), (ising(24, 10, 0.5), _CAPPED)):
        compiled, asked = compile_circuit(circuit), request(**options)
        takes = []
        for _ in range(3):
            began = time.process_time()
            output = engine.run(compiled, asked)
            takes.append(time.process_time() - began)
        taken = min(takes)
        predicted = engine.predicted_seconds(compiled, asked)
        assert taken / 20 < predicted < 20 * taken
        bytes_ = 16 * 2 * len(circuit.instructions) * output.metadata["max_bond"] ** 2
        assert 1000 < engine.memory_bytes(compiled, asked) < 10 * bytes_


_CAPPED = {"max_bond_dimension": 32, "max_truncation_error": 1}


def test_powers_of_wide_pauli_rotations():
    rotation = Circuit(12).pauli_rotation("XYZ" * 4, 1.1, range(12)).instructions[0].gate
    circuit = Circuit(12)
    for q in range(12):
        circuit.ry(0.3 + q, q)
    wanted = run(circuit.pauli_rotation("XYZ" * 4, 2.2, range(12)), want_state=True).state
    circuit.pauli_rotation("XYZ" * 4, -2.2, range(12)).append(rotation.to_power(2), range(12))
    state = run(circuit, want_state=True).state
    np.testing.assert_allclose(state, wanted, rtol=0, atol=1e-10)


# --- gates that share a qubit, and trials -----------------------------------------------------


def fourier(width: int) -> Circuit:
    """Fourier transform without its swaps."""
    circuit = Circuit(width)
    for target in reversed(range(width)):
        circuit.h(target)
        for control in range(target):
            circuit.gate("cp", [control, target], [np.pi / 2 ** (target - control)])
    return circuit


@pytest.mark.parametrize("seed", range(6))
def test_gates_that_share_a_qubit_are_one_operator(seed):
    rng = np.random.default_rng(seed)
    circuit = Circuit(8)
    for _ in range(60):
        a, b = (int(q) for q in rng.permutation(8)[:2])
        angle = float(rng.uniform(0, 6))
        kind = int(rng.integers(6))
        if kind < 4:
            name = ("cp", "rzz", "crx", "cu")[kind]
            params = rng.uniform(0, 6, 4).tolist() if name == "cu" else [angle]
            for other in rng.permutation([q for q in range(8) if q != a])[: 1 + seed].tolist():
                circuit.gate(name, [a, other] if seed % 2 else [other, a], params)
        elif kind == 4:
            circuit.u(*rng.uniform(0, 6, 3), a)
        else:
            circuit.rz(angle, a).swap(a, b)
    state = run(circuit, want_state=True).state
    np.testing.assert_allclose(state, dense_state(circuit), atol=1e-11)


def test_a_fourier_transform_is_swept_once_a_qubit(monkeypatch):
    swept = []
    apply = MatrixProductState.apply_chain
    monkeypatch.setattr(
        MatrixProductState,
        "apply_chain",
        lambda self, chain: swept.append(chain.sites) or apply(self, chain),
    )
    circuit = Circuit(40)
    for q in range(0, 40, 3):
        circuit.x(q)
    for instruction in fourier(40).instructions:
        circuit.append(instruction.gate, instruction.qubits)
    index = sum(1 << q for q in range(0, 40, 3))
    indices = [0, 1, 1 << 39, 0x5A5A5A5A5A]
    output = run(circuit.save("amplitudes", "a", indices=indices))
    reversed_ = [int(f"{k:040b}"[::-1], 2) for k in indices]  # no swaps
    wanted = [np.exp(2j * np.pi * (index * k % (1 << 40)) / (1 << 40)) for k in reversed_]
    np.testing.assert_allclose(output.saved["a"] * 2**20, wanted, atol=1e-9)
    assert len(swept) == 38


def test_a_trial_keeps_its_state_for_the_run():
    circuit = fourier(14).rx(0.3, 4).measure_all()
    compiled, asked = compile_circuit(circuit), request(500, seed=3)
    engine = MpsEngine()
    bound = engine.predicted_seconds(compiled, asked)
    assert engine.explore(compiled, asked, 10.0)
    assert engine.predicted_seconds(compiled, asked) < bound / 3
    first, second = engine.run(compiled, asked), engine.run(compiled, asked)
    assert first.metadata["time_explored"] > 0
    assert "time_explored" not in second.metadata
    fresh = engine.run(compile_circuit(circuit), asked)
    for output in (first, second):
        np.testing.assert_array_equal(output.packed, fresh.packed)
        for name in ("max_bond", "discarded_weight"):
            assert output.metadata[name] == fresh.metadata[name]


def test_a_trial_ends_with_its_patience_and_is_not_repeated():
    engine, asked = MpsEngine(), request()
    spent = []
    for _ in range(2):
        compiled = compile_circuit(ising(40, 30, 0.5))
        bound = engine.predicted_seconds(compiled, asked)
        truncation = Truncation(None, 1e-16)
        assert not explore(compiled, asked, truncation, 0.3)
        spent.append(truncation.seconds)
        assert not explore(compiled, asked, again := Truncation(None, 1e-16), 0.3)
        assert again.seconds == 0
        assert engine.predicted_seconds(compiled, asked) == bound
    assert spent[0] == spent[1]  # work is counted, not timed
    assert 0.01 < spent[0] < 0.35
    # Memory stops it too.
    easy = compile_circuit(ising(40, 5, 0.5))
    assert not engine.explore(easy, request(max_memory_mb=0.1), 20.0)
    assert engine.explore(easy, asked, 20.0)


def test_only_a_course_without_chance_is_tried():
    circuit = Circuit(5, 5).h(0).cx(0, 4).measure(0, 0).h(1).cx(1, 3).measure(range(5), range(5))
    compiled, asked = compile_circuit(circuit), request(20, seed=1)
    assert not MpsEngine().explore(compiled, asked, 10.0)
    theta = quasim.Parameter("theta")
    compiled = compile_circuit(Circuit(6).ry(theta, 0).cx(0, 5).measure_all())
    (half, whole) = (replace(request(9), parameters=np.array([a])) for a in (np.pi / 2, np.pi))
    assert MpsEngine().explore(compiled, half, 10.0)
    # Other angles have another state.
    output = MpsEngine().run(compiled, whole)
    assert "time_explored" not in output.metadata
    assert output.packed[:, 0].tolist() == [0b100001] * 9
    assert MpsEngine().run(compiled, half).metadata["time_explored"] > 0

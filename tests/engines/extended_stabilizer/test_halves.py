"""Two half vectors in place of one: against dense states, and beyond what a vector can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import compile_circuit
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.extended_stabilizer import ExtendedStabilizerEngine, engine
from quasim_backend.engines.extended_stabilizer.magic import MagicState
from quasim_backend.engines.extended_stabilizer.reduction import Logical, reduced
from quasim_backend.engines.pauli_rotations import Rotation, local_paulis
from quasim_backend.ir import Circuit
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import FALSE_ALARM, exact_distribution, goodness_of_fit
from quasim_backend.testing.oracles import dense_state, observable_matrix

CLIFFORD = ("h", "s", "x", "sx", "cx", "cz", "swap")


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run with two rotations or more be one of two halves."""
    monkeypatch.setattr(engine, "_PATIENCE", float("inf"))
    monkeypatch.setattr(engine, "_ONE_VECTOR", -1)


def session() -> quasim.Runtime:
    return quasim.runtime(method="extended_stabilizer", simulation_precision="fp64")


def scrambled(seed: int, width: int, gates: int, angles: list[float]) -> Circuit:
    """Return Clifford gates on random qubits with Z rotations evenly among them."""
    rng, circuit = np.random.default_rng(seed), Circuit(width)
    turned = dict(
        zip(
            np.linspace(gates // 3, gates - 1, len(angles)).astype(int).tolist(),
            angles,
            strict=True,
        )
    )
    for place in range(gates):
        name = str(rng.choice(CLIFFORD))
        qubits = [int(q) for q in rng.permutation(width)]
        circuit.gate(name, qubits[: 1 if name in ("h", "s", "x", "sx") else 2])
        if place in turned:
            circuit.rz(turned[place], qubits[-1])
    return circuit


@pytest.mark.parametrize("seed", range(12))
def test_the_map_from_magic_states_and_its_strings(seed: int) -> None:
    """``E |magic>`` is the state, ``Q E = E Q'`` and ``E S = E``, as dense matrices."""
    rng = np.random.default_rng(seed)
    r, m = 3, int(rng.integers(3, 7))
    paulis = local_paulis(r)
    # The first three rotations span the coordinates.
    masks = [1, 2, 4, *rng.integers(0, 8, m - 3).tolist()]
    rotations = [Rotation(x, int(rng.integers(0, 8)), float(rng.uniform(-1, 1))) for x in masks]
    magic = MagicState(rotations)
    strings = [paulis[one.x | one.z << r] for one in rotations]
    mapping = np.zeros((8, 1 << m), np.complex128)
    weights, state = np.ones(1 << m, np.complex128), np.eye(8)[0].astype(np.complex128)
    for chosen in range(1 << m):
        column = np.eye(8)[0].astype(np.complex128)
        for j, (one, string) in enumerate(zip(rotations, strings, strict=True)):
            taken = chosen >> j & 1
            column = string @ column if taken else column
            weights[chosen] *= -1j * np.sin(one.angle / 2) if taken else np.cos(one.angle / 2)
        mapping[:, chosen] = column
    for one, string in zip(rotations, strings, strict=True):
        state = np.cos(one.angle / 2) * state - 1j * np.sin(one.angle / 2) * (string @ state)
    np.testing.assert_allclose(mapping @ weights, state, rtol=0, atol=1e-12)

    def matrix(image: tuple[int, int, int]) -> np.ndarray:
        x, z, power = image
        index, result = np.arange(1 << m), np.zeros((1 << m, 1 << m), np.complex128)
        result[index ^ x, index] = 1j**power * (1 - 2.0 * (np.bitwise_count(index & z) & 1))
        return result

    assert len(magic.fixed) == m - 3
    for image in magic.fixed:
        np.testing.assert_allclose(mapping @ matrix(image), mapping, rtol=0, atol=1e-12)
    for _ in range(8):
        x, z, sign = (int(v) for v in (*rng.integers(0, 8, 2), rng.choice([-1, 1])))
        own = Logical(x, z, sign)
        whole = sign * paulis[x | z << r]
        found = mapping @ matrix(magic.image(own))
        np.testing.assert_allclose(found, whole @ mapping, rtol=0, atol=1e-12)
        wanted = np.vdot(state, whole @ state).real
        assert magic.expectation(own) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("seed", range(16))
def test_samples_follow_the_exact_distribution(seed: int, halves: None) -> None:
    rng = np.random.default_rng(400 + seed)
    width = int(rng.integers(2, 7))
    circuit = scrambled(seed, width, 30, rng.uniform(-3, 3, int(rng.integers(2, 11))).tolist())
    count = int(rng.integers(1, width + 1))
    qubits = [int(q) for q in rng.permutation(width)[:count]]
    circuit.num_clbits = width
    error = ReadoutError.of([[0.9, 0.1], [0.25, 0.75]])
    circuit.measure(qubits[:1], [0], error if seed % 2 else None)
    if count > 1:
        circuit.measure(qubits[1:], [*range(1, count)])
    with session() as own:
        result = own.run(circuit, shots=4000, seed=seed)
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    assert result.samples is not None
    drawn = Counter(sum(1 << c for c in np.flatnonzero(row).tolist()) for row in result.samples)
    assert goodness_of_fit(drawn, exact) > FALSE_ALARM
    if result.metadata["non_clifford_rotations"] > 1:
        assert result.metadata["halves"] is not None


@pytest.mark.parametrize("seed", range(8))
def test_values_are_those_of_the_dense_state(seed: int, halves: None) -> None:
    rng = np.random.default_rng(500 + seed)
    width = int(rng.integers(2, 7))
    first, second = (scrambled(10 * seed + i, width, 25, [0.4, -1.2, 2.0]) for i in range(2))
    circuit = Circuit(width)
    circuit.instructions += first.instructions
    label = "".join(rng.choice(list("IXYZ"), width))
    circuit.save("expectation", "middle", observable=label)
    circuit.instructions += second.instructions
    observable = PauliSum.of({label: 0.7, "Z" * width: -1.5, "X" + "Y" * (width - 1): 0.2})
    circuit.save("expectation", "end", observable=observable)
    circuit.save("probabilities", "chances", qubits=(0, 1))
    with session() as own:
        result = own.run(circuit, shots=0)
    for place, name, sums in ((first, "middle", PauliSum.of(label)), (circuit, "end", observable)):
        state = dense_state(place)
        wanted = np.vdot(state, observable_matrix(sums, width) @ state).real
        assert result.saved[name] == pytest.approx(wanted, abs=1e-12)
    chances = (np.abs(dense_state(circuit)) ** 2).reshape(-1, 4).sum(axis=0)
    np.testing.assert_allclose(result.saved["chances"], chances, rtol=0, atol=1e-12)
    assert result.metadata["halves"] is not None


def test_samples_depend_on_the_seed_only(
    halves: None, check_seeds: Callable[[quasim.Runtime, Circuit], None]
) -> None:
    circuit = scrambled(3, 8, 60, [np.pi / 4] * 9).measure_all()
    with session() as own:
        check_seeds(own, circuit)


def test_samples_and_values_of_36_rotations_on_40_qubits_agree() -> None:
    """Against Pauli propagation, which shares nothing with them."""
    rng, circuit = np.random.default_rng(7), Circuit(40)
    for place in range(36 * 5):
        a, b = (int(q) for q in rng.permutation(40)[:2])
        if place % 5:
            circuit.gate(str(rng.choice(["cx", "cz"])), [a, b])
        else:
            circuit.rx(0.6, a)
    masks = [1 << q for q in range(40)]
    masks += [masks[a] | masks[b] for a in range(40) for b in range(a)]
    sums = [PauliSum(((1.0, PauliString(0, mask)),)) for mask in masks]
    with session() as own, quasim.runtime(method="pauli_propagation") as other:
        values = np.array(own.measure(circuit, sums))
        np.testing.assert_allclose(values, other.measure(circuit, sums), rtol=0, atol=1e-10)
        result = own.run(circuit.measure_all(), shots=400, seed=2)
    assert result.metadata["halves"] == (15, 16)  # others merge, or are not seen
    assert len(np.unique(values.round(9))) > 10
    assert result.samples is not None
    signs = 1 - 2.0 * result.samples
    means = [signs.mean(axis=0), *(signs[:, a] @ signs[:, :a] / 400 for a in range(40))]
    open_ = np.abs(values) < 1 - 1e-9
    found = np.concatenate(means)
    np.testing.assert_array_equal(found[~open_], values[~open_].round())
    errors = (found - values)[open_] / np.sqrt((1 - values[open_] ** 2) / 400)
    assert np.abs(errors).max() < 5  # some 800 dependent numbers, normal each
    assert np.sqrt(np.mean(errors**2)) < 1.3


def test_equal_rotations_become_one_and_unseen_ones_vanish() -> None:
    def circuit() -> Circuit:
        return Circuit(3).h(0).t(0).cx(0, 1).h(2).cz(0, 2).t(0).h(0).t(2)

    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0), shots=9)
    whole = gate_code(compile_circuit(circuit().save("statevector")))
    assert len(reduced(whole, request).rotations) == 1  # T and T are S
    seen = gate_code(compile_circuit(circuit().measure_all()))
    assert len(reduced(seen, request).rotations) == 0  # the last T is diagonal


def test_prediction_and_memory_are_of_the_right_size() -> None:
    circuit = scrambled(5, 50, 900, [0.7] * 36).measure_all()
    compiled = compile_circuit(circuit)
    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex64), np.empty(0), shots=10)
    own = ExtendedStabilizerEngine()
    assert own.refuses(compiled, request) is None
    half = (len(reduced(gate_code(compiled), request).rotations) + 1) // 2
    assert 64 << half < own.memory_bytes(compiled, request) < (256 << half) + (1 << 22)
    assert 0.01 < own.predicted_seconds(compiled, request) < 5


def test_what_is_too_large_is_refused_with_numbers() -> None:
    for width in (60, 80):  # kept as kernels' code, and as gates
        circuit = scrambled(5, width, 2500, [0.7] * 58).measure_all()
        limited = quasim.runtime(method="extended_stabilizer", max_memory_mb=20)
        message = rf"needs \d+ MiB for {width} qubits"
        with limited as own, pytest.raises(quasim.errors.MemoryLimitError, match=message):
            own.run(circuit, shots=5)

"""Native norms, probabilities, samples and Pauli sums against plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.ir import Circuit
from quasim_backend.kernels import native
from quasim_backend.kernels.base import Tally

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)

ISAS = native.available_isas()
DTYPES = ["complex64", "complex128"]
KERNELS = native.NativeKernels()


@pytest.fixture(autouse=True, params=ISAS)
def isa(request):
    native.select_isa(request.param)
    yield request.param
    native.select_isa(ISAS[-1])


def random_state(n: int, dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    state = rng.normal(size=1 << n) + 1j * rng.normal(size=1 << n)
    return KERNELS.from_host(state / np.linalg.norm(state), np.dtype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_norm_and_inner_product_agree_with_numpy(dtype):
    for n in (0, 1, 3, 7, 14):
        a, b = random_state(n, dtype, 1), random_state(n, dtype, 2)
        wide_a, wide_b = a.astype(complex), b.astype(complex)
        assert KERNELS.norm_squared(a) == pytest.approx(np.vdot(wide_a, wide_a).real, rel=1e-13)
        assert KERNELS.inner(a, b) == pytest.approx(np.vdot(wide_a, wide_b), abs=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_probabilities_agree_with_numpy_for_any_order_of_qubits(dtype):
    rng = np.random.default_rng(3)
    for n in (1, 2, 5, 9, 15):
        state = random_state(n, dtype)
        weights = abs(state.astype(complex)) ** 2
        index = np.arange(1 << n)
        for k in {0, 1, min(2, n), n // 2, n}:
            qubits = rng.permutation(n)[:k]
            outcome = sum(
                ((index >> q & 1) << j for j, q in enumerate(qubits)), np.zeros_like(index)
            )
            expected = np.bincount(outcome, weights, minlength=1 << k)
            got = KERNELS.probabilities(state, qubits.tolist())
            np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_collapse_keeps_one_outcome(dtype):
    rng = np.random.default_rng(4)
    for n in (1, 4, 9, 15):
        state = random_state(n, dtype)
        qubits = rng.permutation(n)[: max(1, n // 3)].tolist()
        outcome = int(rng.integers(1 << len(qubits)))
        index = np.arange(1 << n)
        value = sum((index >> q & 1) << j for j, q in enumerate(qubits))
        expected = np.where(value == outcome, state * np.dtype(dtype).type(1.5), 0)
        KERNELS.collapse(state, qubits, outcome, 1.5)
        np.testing.assert_array_equal(state, expected)


def test_collapse_removes_what_is_not_finite():
    state = random_state(3, "complex64")
    state[:4] = np.nan
    KERNELS.collapse(state, [2], 1, 1.0)
    assert np.all(state[:4] == 0)


def pauli_matrix(n: int, x: int, z: int) -> np.ndarray:
    size = 1 << n
    result = np.zeros((size, size), complex)
    for column in range(size):
        result[column ^ x, column] = 1j ** (x & z).bit_count() * (-1) ** (column & z).bit_count()
    return result


@pytest.mark.parametrize("dtype", DTYPES)
def test_pauli_expectations_agree_with_dense_matrices(dtype):
    # Tiles are summed in the state's precision, and added in double.
    tolerance = 3e-7 if dtype == "complex64" else 1e-13
    for n in range(1, 11):
        rng = np.random.default_rng(n)
        state = random_state(n, dtype)
        wide = state.astype(complex)
        x = rng.integers(1 << n, size=40).astype(np.uint64)
        x[:20] = x[0]  # a group large enough for the transform
        x[20:30] = 0
        z = rng.integers(1 << n, size=40).astype(np.uint64)
        expected = [
            np.vdot(wide, pauli_matrix(n, int(a), int(b)) @ wide).real
            for a, b in zip(x, z, strict=True)
        ]
        got = KERNELS.pauli_expectations(state, x, z)
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pauli_expectations_of_many_tiles_agree_with_products(dtype):
    # More independent X masks than one tile takes, of all kinds: within rows, across, both.
    n = 16
    rng = np.random.default_rng(11)
    state = random_state(n, dtype)
    wide = state.astype(complex)
    x = rng.integers(1 << n, size=60).astype(np.uint64)
    x[:4] = [1, 8, 32, 63]
    x[4:8] = [1 << 6, 1 << 15, (1 << 15) | 1, 0xFFC0]
    x[8:20], x[20:40] = 0, x[40]
    z = rng.integers(1 << n, size=60).astype(np.uint64)
    index = np.arange(1 << n, dtype=np.uint64)
    expected = []
    for a, b in zip(x, z, strict=True):
        signs = 1 - 2 * (np.bitwise_count(index & b) & 1).astype(int)
        phase = (-1j) ** (int(a & b).bit_count() % 4)
        expected.append((phase * np.sum(wide.conj() * wide[index ^ a] * signs)).real)
    got = KERNELS.pauli_expectations(state, x, z)
    np.testing.assert_allclose(got, expected, atol=3e-7 if dtype == "complex64" else 1e-13, rtol=0)


def test_results_do_not_depend_on_the_number_of_threads():
    state = random_state(17, "complex64")
    rng = np.random.default_rng(5)
    x, z = rng.integers(1 << 17, size=(2, 12)).astype(np.uint64)
    x[:8] = x[0]
    uniforms = rng.random(5000)
    one, two, three = (native.NativeKernels(t) for t in (1, 2, 3))
    for other in (two, three):
        assert one.norm_squared(state) == other.norm_squared(state)
        assert one.inner(state, state) == other.inner(state, state)
        for k in (1, 6, 17):
            expected = one.probabilities(state, range(k))
            np.testing.assert_array_equal(other.probabilities(state, range(k)), expected)
        expected = one.pauli_expectations(state, x, z)
        np.testing.assert_array_equal(other.pauli_expectations(state, x, z), expected)
        np.testing.assert_array_equal(other.sample(state, uniforms), one.sample(state, uniforms))


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_invert_the_distribution_function(dtype):
    for n in (0, 1, 5, 9, 15):
        state = random_state(n, dtype)
        weights = abs(state.astype(complex)) ** 2
        weights[weights < 0.3 / (1 << n)] = 0.0  # plenty of impossible outcomes
        state[:] = np.where(weights > 0, state, 0)
        cdf = np.cumsum(weights)
        uniforms = np.random.default_rng(n).random(3000)
        got = KERNELS.sample(state, uniforms).astype(np.int64)
        assert np.all(weights[got] > 0)
        # Rounding of the sums may move a uniform that lies within 1e-12 of a step.
        target = uniforms * cdf[-1]
        below = np.where(got > 0, cdf[got - 1], 0.0)
        assert np.all(below <= target + 1e-12)
        assert np.all(target < cdf[got] + 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_impossible_outcome_is_never_drawn(dtype):
    extremes = np.array([0.0, 2.0**-53, 0.25, 0.5, 0.75, 1 - 2.0**-53])
    for n, where in itertools.product((1, 4, 13, 15), ("first", "last", "middle", "ends")):
        size = 1 << n
        spots = {
            "first": [0],
            "last": [size - 1],
            "middle": [size // 2],
            "ends": sorted({0, size - 1}),
        }[where]
        state = np.zeros(size, dtype)
        state[spots] = 1 / np.sqrt(3)
        assert set(KERNELS.sample(state, extremes).tolist()) <= set(spots)


def test_exact_steps_go_to_the_upper_outcome():
    state = np.full(4, 0.5, "complex128")
    uniforms = np.array([0.5, 0.25, 0.0, 0.75, np.nextafter(0.5, 0), np.nextafter(1, 0)])
    assert KERNELS.sample(state, uniforms).tolist() == [2, 1, 0, 3, 1, 3]


def test_sample_frequencies_follow_the_born_rule():
    n, shots = 6, 200_000
    state = random_state(n, "complex128")
    uniforms = np.random.default_rng(6).random(shots)
    counts = np.bincount(KERNELS.sample(state, uniforms).astype(int), minlength=1 << n)
    expected = shots * abs(state) ** 2
    chi_squared = np.sum((counts - expected) ** 2 / expected)
    assert chi_squared < 139.0  # 63 degrees of freedom: exceeded with probability 1e-7


def test_samples_of_a_zero_or_broken_state_are_refused():
    for bad in (0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="zero or not finite"):
            KERNELS.sample(np.full(8, bad, "complex128"), np.array([0.5]))
    with pytest.raises(ValueError, match="not in"):
        KERNELS.sample(np.ones(8, "complex128"), np.array([1.0]))
    assert KERNELS.sample(np.ones(8, "complex128"), np.empty(0)).shape == (0,)


def test_large_zero_states_are_fresh_aligned_and_writable():
    # Above 32 MiB the state is mapped pages, below it is recycled memory.
    for num_qubits in (3, 21, 22):
        for _ in range(2):
            state = KERNELS.zero_state(num_qubits, np.dtype(np.complex64))
            assert state.ctypes.data % 64 == 0
            assert state[0] == 1
            assert not state[1:].any()
            state[:] = 1


def test_many_shots_do_not_depend_on_the_number_of_threads_or_on_the_shape_of_the_state():
    rng = np.random.default_rng(12)
    uniforms = rng.random(70_000)
    flat = random_state(15, "complex64", 3)
    peaked = np.zeros(1 << 15, np.complex64)
    peaked[[5, 9_000, 9_001, (1 << 15) - 1]] = [0.1, 0.9, 0.3, 0.2]
    decaying = np.exp(-np.arange(1 << 15) / 40).astype(np.complex64)
    for state in (flat, peaked, decaying):
        expected = native.NativeKernels(1).sample(state, uniforms)
        for threads in (2, 3):
            np.testing.assert_array_equal(
                native.NativeKernels(threads).sample(state, uniforms), expected
            )
        cdf = np.cumsum(abs(state.astype(complex)) ** 2)
        target = uniforms * cdf[-1]
        drawn = expected.astype(np.int64)
        assert np.all(cdf[drawn] > target - 1e-12)
        assert np.all(np.where(drawn > 0, cdf[drawn - 1], 0.0) <= target + 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_run_counts_the_norms_of_blocks_in_its_last_pass(dtype):
    circuit = Circuit(16)
    for layer in range(3):
        for q in range(16):
            circuit.ry(0.3 + q + layer, q)
            circuit.rx(0.7 * q - layer, q)
        for q in range(layer % 2, 15, 2):
            circuit.cx(q, q + 1)
    compiled = compile_circuit(circuit, CompileOptions())
    (step,) = compiled.steps
    uniforms = np.random.default_rng(14).random(5000)
    counted = []
    for threads in (1, 2, 3):
        kernels = native.NativeKernels(threads)
        tally = Tally(None)
        state = kernels.start(step.plan, np.dtype(dtype), np.empty(0), tally=tally)
        assert tally.sums is not None
        blocks = abs(state.astype(complex).reshape(len(tally.sums), -1)) ** 2
        np.testing.assert_allclose(tally.sums, blocks.sum(axis=1), rtol=1e-12)
        given = kernels.sample(state, uniforms, tally=tally)
        np.testing.assert_array_equal(given, kernels.sample(state, uniforms))
        counted.append(tally.sums)
    np.testing.assert_array_equal(counted[0], counted[1])
    np.testing.assert_array_equal(counted[0], counted[2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_with_block_norms_given_are_those_without(dtype):
    uniforms = np.random.default_rng(13).random(500)
    for n in (0, 3, 12, 14):
        state = random_state(n, dtype)
        norms = KERNELS._cpu.block_norms(state, 0)
        blocks = abs(state.astype(complex).reshape(len(norms), -1)) ** 2
        np.testing.assert_allclose(norms, blocks.sum(axis=1), rtol=1e-12)
        given = KERNELS._cpu.sample(state, uniforms, None, 0, norms)
        np.testing.assert_array_equal(given, KERNELS.sample(state, uniforms))
    with pytest.raises(ValueError, match="one norm for each block"):
        KERNELS._cpu.sample(random_state(14, dtype), uniforms, None, 0, np.ones(3))

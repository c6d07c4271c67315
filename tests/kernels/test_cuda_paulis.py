"""Pauli sums of the GPU engine, emulated on the host, against dense matrices and the reference."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir.observables import PauliString
from quasim_backend.kernels.cuda import emulated, paulis
from quasim_backend.kernels.cuda.emulated import EmulatedDevice
from quasim_backend.kernels.cuda.pauli_plans import plan_product, plan_sums
from quasim_backend.kernels.cuda.pauli_tilings import PauliTilings
from quasim_backend.kernels.cuda.paulis import apply_pauli_sum, pauli_expectations
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.oracles import pauli_matrix

if reason := emulated.is_available():
    pytest.skip(reason, allow_module_level=True)

REFERENCE = ReferenceKernels()
NONE = np.empty(0, np.uint64)

# Tiles are summed in the state's precision.
TOLERANCE = {np.dtype(np.complex64): 3e-7, np.dtype(np.complex128): 1e-14}


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def device(request):
    return EmulatedDevice(backwards=request.param)


@pytest.fixture(params=[np.complex64, np.complex128])
def dtype(request):
    return np.dtype(request.param)


def random_states(rng, batch, num_qubits, dtype):
    """States of norms below 1."""
    parts = rng.normal(size=(2, batch, 1 << num_qubits))
    states = parts[0] + 1j * parts[1]
    return (0.8 * states / np.linalg.norm(states, axis=1)[:, None]).astype(dtype)


def random_strings(rng, num_qubits, terms=160):
    """X masks with one string, with some and with many; a third has none; some occur twice."""
    x, z = rng.integers(0, 1 << num_qubits, (2, terms)).astype(np.uint64)
    x[: terms // 3] = 0
    x[terms // 3 : terms // 2] = x[-1]
    x[terms // 2 : terms // 2 + 10] = x[-2]
    z[-4] = z[-3]
    x[-4] = x[-3]
    order = rng.permutation(terms)
    return x[order], z[order]


def random_weights(rng, terms):
    """Real, imaginary and complex ones, and zero."""
    weights = rng.normal(size=terms) + 1j * rng.normal(size=terms)
    weights[::3] = weights[::3].real
    weights[1::3] = 1j * weights[1::3].imag
    weights[::7] = 0
    return weights / np.linalg.norm(weights)


@pytest.mark.parametrize("num_qubits", range(1, 8))
def test_values_and_products_agree_with_dense_matrices(device, dtype, num_qubits):
    rng = np.random.default_rng(num_qubits)
    states = random_states(rng, 1, num_qubits, dtype)
    wide = states[0].astype(complex)
    x, z = random_strings(rng, num_qubits, 60)
    weights = random_weights(rng, 60)
    matrices = [
        pauli_matrix(PauliString(int(a), int(b)), num_qubits) for a, b in zip(x, z, strict=True)
    ]
    wanted = [np.vdot(wide, matrix @ wide).real for matrix in matrices]
    got = pauli_expectations(device, states, x, z)
    np.testing.assert_allclose(got[0], wanted, rtol=0, atol=TOLERANCE[dtype])
    product = sum(w * matrix @ wide for w, matrix in zip(weights, matrices, strict=True))
    got = apply_pauli_sum(device, states[0], x, z, weights)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, product, rtol=0, atol=5 * TOLERANCE[dtype])


@pytest.mark.parametrize("num_qubits", [0, 8, 10, 11, 12, 13, 15])
def test_values_and_products_agree_with_the_reference(device, dtype, num_qubits):
    # One tile that is not full, one that is, and several; X masks within tiles and across.
    rng = np.random.default_rng(num_qubits)
    states = random_states(rng, 2, num_qubits, dtype)
    x, z = random_strings(rng, num_qubits)
    weights = random_weights(rng, len(x))
    given = states.copy()
    got = pauli_expectations(device, states, x, z)
    wanted = REFERENCE.pauli_expectations_batch(states, x, z)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE[dtype])
    got = apply_pauli_sum(device, states, x, z, weights)
    for product, state in zip(got, states, strict=True):
        wanted = REFERENCE.apply_pauli_sum(state, x, z, weights)
        np.testing.assert_allclose(product, wanted, rtol=0, atol=5 * TOLERANCE[dtype])
    np.testing.assert_array_equal(states, given)


def test_all_strings_of_a_pure_state_have_squares_that_sum_to_its_dimension(device, dtype):
    states = random_states(np.random.default_rng(1), 3, 6, dtype) / 0.8
    x, z = (a.ravel() for a in np.indices((64, 64)).astype(np.uint64))
    values = pauli_expectations(device, states.astype(dtype), x, z)
    np.testing.assert_allclose(np.sum(values**2, axis=1), 64, rtol=10 * TOLERANCE[dtype])


def test_thousands_of_diagonal_strings_are_the_transform_of_the_probabilities(device, dtype):
    # More than a half of a transform and than a launch takes.
    states = random_states(np.random.default_rng(2), 1, 13, dtype)
    z = np.random.default_rng(3).permutation(1 << 13).astype(np.uint64)
    wanted = abs(states[0].astype(complex)) ** 2
    for bit in range(13):
        low, high = np.moveaxis(wanted.reshape(-1, 2, 1 << bit), 1, 0)
        wanted = np.stack([low + high, low - high], axis=1).ravel()
    got = pauli_expectations(device, states, np.zeros_like(z), z)
    np.testing.assert_allclose(got[0], wanted[z], rtol=0, atol=TOLERANCE[dtype])


def test_thousands_of_strings_make_the_product_that_the_reference_makes(device, dtype):
    rng = np.random.default_rng(4)
    states = random_states(rng, 1, 13, dtype)
    x = np.repeat(rng.integers(0, 1 << 13, 3), [4500, 700, 50]).astype(np.uint64)
    z = rng.integers(0, 1 << 13, len(x)).astype(np.uint64)
    z[4600:5000] &= np.uint64(1 << 12 | 1)  # long runs of strings with the same place in a tile
    weights = random_weights(rng, len(x))
    got = apply_pauli_sum(device, states[0], x, z, weights)
    wanted = REFERENCE.apply_pauli_sum(states[0], x, z, weights)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=10 * TOLERANCE[dtype])
    values = pauli_expectations(device, states, x, z)[0]
    moment = np.vdot(states[0].astype(complex), got)
    assert moment == pytest.approx(values @ weights, abs=50 * TOLERANCE[dtype])


def test_there_may_be_no_strings_no_weights_and_no_states(device, dtype):
    states = random_states(np.random.default_rng(5), 2, 4, dtype)
    assert pauli_expectations(device, states, NONE, NONE).shape == (2, 0)
    one = np.array([3], np.uint64)
    assert pauli_expectations(device, states[:0], one, one).shape == (0, 1)
    for x, weights in ((NONE, np.empty(0, complex)), (one, np.zeros(1, complex))):
        got = apply_pauli_sum(device, states, x, x, weights)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.zeros_like(states))


def test_a_state_has_the_same_bits_alone_in_a_batch_and_in_any_order_of_threads(dtype):
    rng = np.random.default_rng(6)
    for batch, num_qubits in ((1100, 3), (3, 14)):
        states = random_states(rng, batch, num_qubits, dtype)
        x, z = random_strings(rng, num_qubits)
        weights = random_weights(rng, len(x))
        forwards, backwards = EmulatedDevice(), EmulatedDevice(backwards=True)
        values = pauli_expectations(forwards, states, x, z)
        np.testing.assert_array_equal(values, pauli_expectations(backwards, states, x, z))
        products = apply_pauli_sum(forwards, states, x, z, weights)
        np.testing.assert_array_equal(products, apply_pauli_sum(backwards, states, x, z, weights))
        for member in (0, batch // 2, batch - 1):
            alone = pauli_expectations(forwards, states[member : member + 1], x, z)
            np.testing.assert_array_equal(values[member], alone[0])
            product = apply_pauli_sum(forwards, states[member], x, z, weights)
            np.testing.assert_array_equal(products[member], product)


@pytest.mark.parametrize("shares", [1, 3, 8, 40])
def test_blocks_may_take_several_tiles_or_some_of_the_transforms(
    device, dtype, shares, monkeypatch
):
    monkeypatch.setattr(paulis, "_SHARES", shares)
    rng = np.random.default_rng(7)
    states = random_states(rng, 2, 15, dtype)
    x, z = random_strings(rng, 15)
    got = pauli_expectations(device, states, x, z)
    wanted = REFERENCE.pauli_expectations_batch(states, x, z)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("num_qubits", [2, 9, 14, 22, 34])
def test_strings_act_in_a_tile_as_they_act_on_indices(dtype, num_qubits):
    rng = np.random.default_rng(num_qubits)
    x, z = rng.integers(0, 1 << num_qubits, (2, 300)).astype(np.uint64)
    x[:50] >>= np.uint64(num_qubits // 2)
    tilings = PauliTilings.of(x, num_qubits, dtype)
    size = 1 << min(tilings.place_bits, num_qubits)
    x_places, z_places = tilings.x_places(x), tilings.z_places(z)
    words = tilings.terms(z, z_places)
    for row, masks in enumerate(tilings.masks.tolist()):
        outside = masks.pop()
        assert outside.bit_count() == max(0, num_qubits - tilings.place_bits)
        units = [1 << bit for bit in range(tilings.row_bits)] + masks
        place = np.arange(size)
        index = int(rng.integers(0, 1 << num_qubits)) & outside
        first = index
        index = np.full(size, index, np.uint64)
        for bit, unit in enumerate(units):
            index ^= np.where(place >> bit & 1, np.uint64(unit), np.uint64(0))
        assert len(set(index.tolist())) == size
        assert int(index.max()) < 1 << num_qubits
        for string in np.flatnonzero(tilings.number == row)[:20]:
            np.testing.assert_array_equal(index[place ^ int(x_places[string])], index ^ x[string])
            outer = (first & int(words[string])).bit_count()
            inner = np.bitwise_count(place & int(words[string]) >> 36)
            np.testing.assert_array_equal(
                (outer + inner) % 2, np.bitwise_count(index & z[string]) % 2
            )


def test_one_reading_serves_all_x_masks_in_the_span_of_eight(dtype):
    rng = np.random.default_rng(8)
    basis = rng.integers(0, 1 << 34, 8).astype(np.uint64)
    chosen = rng.integers(0, 2, (1000, 8)).astype(bool)
    x = np.bitwise_xor.reduce(np.where(chosen, basis, np.uint64(0)), axis=1)
    x ^= rng.integers(0, 8, 1000).astype(np.uint64)  # neighbours come along
    z = rng.integers(0, 1 << 34, 1000).astype(np.uint64)
    assert len(plan_sums(x, z, 34, dtype).launches) == 1
    assert len(plan_product(x, z, np.ones(1000, complex), 34, dtype).launches) == 1


def test_sums_of_many_strings_and_states_need_little_memory(dtype):
    class Counting(EmulatedDevice):
        def __init__(self):
            super().__init__()
            self.allocated = 0

        def empty(self, shape, dtype):
            self.allocated += int(np.prod(shape)) * np.dtype(dtype).itemsize
            return np.zeros(shape, dtype)

        def launch(self, *args, **kwargs):
            pass

    for batch, num_qubits, terms in ((1, 22, 20_000), (3000, 4, 300)):
        device = Counting()
        z = np.arange(terms, dtype=np.uint64) % np.uint64(1 << num_qubits)
        pauli_expectations(device, np.zeros((batch, 1 << num_qubits), dtype), z % 2, z)
        assert device.allocated <= batch * terms * 8 + (32 << 20)

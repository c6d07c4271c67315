"""The GPU's reductions and samples, emulated, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quasim_backend.kernels.cuda import emulated, moments, probabilities, sampling
from quasim_backend.kernels.random import shot_uniforms
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.kernel_checks import sampling as sampling_checks
from quasim_backend.testing.kernel_checks import sums

if reason := emulated.is_available():
    pytest.skip(reason, allow_module_level=True)

REFERENCE = ReferenceKernels()
DTYPES = ["complex64", "complex128"]
DEVICES = {
    "forwards": emulated.EmulatedDevice(),
    "backwards": emulated.EmulatedDevice(backwards=True),
}


@pytest.fixture(params=list(DEVICES))
def device(request):
    return DEVICES[request.param]


def random_states(batch: int, n: int, dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(batch, 1 << n)) + 1j * rng.normal(size=(batch, 1 << n))
    return (states / np.sqrt(2 << n)).astype(dtype)


class EmulatedReductions(ReferenceKernels):
    """The reference kernels but for what is tested here."""

    def __init__(self, device):
        self.device = device

    def norm_squared(self, state):
        return float(probabilities.probabilities(self.device, state[None], ())[0, 0])

    def probabilities(self, state, qubits):
        return probabilities.probabilities(self.device, state[None], qubits)[0]

    def sample(self, state, uniforms, *, tally=None):
        return sampling.sample(self.device, state[None], uniforms[None])[0]

    def inner(self, left, right):
        return moments.inner(self.device, left, right)

    def reduced_density_matrix(self, state, qubits):
        return moments.reduced_density_matrix(self.device, state, qubits)

    def sparse_moments(self, state, values, columns, row_start):
        return moments.sparse_moments(self.device, state, values, columns, row_start)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "check",
    [
        sums.check_norm_and_inner,
        sums.check_probabilities,
        sums.check_reduced_density_matrix,
        sums.check_sparse_moments,
        sampling_checks.check_sampling,
        sampling_checks.check_sampling_edges,
    ],
)
def test_the_battery_passes(device, check, dtype):
    check(EmulatedReductions(device), np.dtype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_probabilities_of_batches_agree_with_numpy_for_any_order_of_qubits(device, dtype):
    rng = np.random.default_rng(1)
    for batch, n in ((1, 0), (3, 1), (2, 5), (1, 9), (3, 10), (2, 11), (2, 13), (1, 16)):
        states = random_states(batch, n, dtype)
        for k in sorted({0, min(1, n), n // 3, n // 2, max(n - 1, 0), n}):
            for qubits in (rng.permutation(n)[:k].tolist(), range(n - k, n), range(k)):
                got = probabilities.probabilities(device, states, qubits)
                wanted = [REFERENCE.probabilities(state, qubits) for state in states]
                np.testing.assert_allclose(got, wanted, rtol=1e-13, err_msg=f"{qubits} of {n}")


def test_every_set_of_low_qubits_is_added_up_right(device):
    # All ways to divide a tile between registers, lanes and warps, and their places in shared
    # memory.
    states = random_states(1, 12, "complex64")
    tensor = (abs(states[0].astype(complex)) ** 2).reshape((2,) * 12)
    for measured in range(0, 1 << 12, 29):
        qubits = [q for q in range(12) if measured >> q & 1]
        others = tuple(11 - q for q in range(12) if not measured >> q & 1)
        got = probabilities.probabilities(device, states, qubits)[0]
        np.testing.assert_allclose(got, tensor.sum(axis=others).reshape(-1), rtol=1e-13)


def test_reductions_give_the_same_bits_in_both_orders_of_threads():
    forwards, backwards = DEVICES.values()
    state = random_states(1, 15, "complex128")
    uniforms = np.random.default_rng(2).random((1, 500))
    for call in (
        lambda device: probabilities.probabilities(device, state, [14, 2, 7]),
        lambda device: sampling.sample(device, state, uniforms),
        lambda device: moments.inner(device, state[0], state[0][::-1].copy()),
        lambda device: moments.reduced_density_matrix(device, state[0], [3, 11, 0, 6, 9]),
    ):
        np.testing.assert_array_equal(call(forwards), call(backwards))


@pytest.mark.parametrize("dtype", DTYPES)
def test_density_matrices_are_exactly_hermitian_for_any_order_of_qubits(device, dtype):
    rng = np.random.default_rng(3)
    for n in (1, 2, 5, 9, 14):
        (state,) = random_states(1, n, dtype)
        for k in sorted({1, min(2, n), min(4, n), min(5, n), min(6, n)}):
            for qubits in (rng.permutation(n)[:k].tolist(), range(n - k, n), range(k)):
                got = moments.reduced_density_matrix(device, state, qubits)
                np.testing.assert_array_equal(got, got.conj().T)
                wanted = REFERENCE.reduced_density_matrix(state, qubits)
                np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14, err_msg=f"{qubits}")


def test_moments_agree_for_rows_of_any_length(device):
    rng = np.random.default_rng(4)
    (state,) = random_states(1, 8, "complex64")
    for mean in (0.5, 3, 70):
        lengths = rng.integers(0, int(2 * mean) + 1, 256)
        lengths[[0, 100, 255]] = 0, 300, 0
        row_start = np.concatenate([[0], np.cumsum(lengths)])
        columns = rng.integers(0, 256, row_start[-1])
        values = rng.normal(size=row_start[-1]) + 1j * rng.normal(size=row_start[-1])
        got = moments.sparse_moments(device, state, values, columns, row_start)
        wanted = REFERENCE.sparse_moments(state, values, columns, row_start)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_matrices_that_refer_to_what_is_not_there_are_refused(device):
    (state,) = random_states(1, 2, "complex128")
    values, columns, row_start = np.ones(4, complex), np.arange(4), np.arange(5)
    for wrong in (4, -1, 2**40):
        with pytest.raises(ValueError, match="column the state does not have"):
            moments.sparse_moments(device, state, values, np.array([0, 1, wrong, 3]), row_start)
    for starts in ([0, 2, 1, 3, 4], [0, 1, 2, 3, 5], [-1, 1, 2, 3, 4]):
        with pytest.raises(ValueError, match="row starts must ascend"):
            moments.sparse_moments(device, state, values, columns, np.array(starts))


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_of_batches_invert_the_distribution_function(device, dtype):
    rng = np.random.default_rng(5)
    for batch, n in ((1, 0), (4, 1), (3, 3), (2, 5), (5, 8), (2, 9), (2, 13)):
        states = random_states(batch, n, dtype, n)
        states[rng.random(states.shape) < 0.4] = 0  # plenty of impossible outcomes
        states[:, rng.integers(1 << n)] = 0.3
        uniforms = rng.random((batch, 700))
        got = sampling.sample(device, states, uniforms)
        assert got.dtype == np.uint64
        for state, own, drawn in zip(states, uniforms, got.astype(np.int64), strict=True):
            assert_inverts(state, own, drawn)


def assert_inverts(state: np.ndarray, uniforms: np.ndarray, drawn: np.ndarray) -> None:
    weights = state.real.astype(float) ** 2 + state.imag.astype(float) ** 2
    assert np.all(weights[drawn] > 0)
    cdf = np.cumsum(weights)
    # Rounding of the sums may move a uniform that lies within 1e-12 of a step.
    target, slack = uniforms * cdf[-1], 1e-12 * cdf[-1]
    assert np.all(np.where(drawn > 0, cdf[drawn - 1], 0.0) <= target + slack)
    assert np.all(target < cdf[drawn] + slack)


def test_samples_of_several_chunks_invert_the_distribution_function(device):
    n = 21
    rng = np.random.default_rng(6)
    state = np.zeros(1 << n, np.complex64)
    spots = rng.integers(1 << n, size=3000)
    state[spots] = np.exp(rng.uniform(-30, 0, 3000))
    uniforms = np.concatenate([rng.random(2000), [0.0, 1 - 2.0**-53]])
    (got,) = sampling.sample(device, state[None], uniforms[None])
    assert_inverts(state, uniforms, got.astype(np.int64))


def test_running_sums_ascend_exactly(device):
    # Sums of weights of all sizes, where rounding would show: each is at least the one before it,
    # the same where nothing is added, also from one chunk to the next.
    rng = np.random.default_rng(7)
    batch, chunks, share = 2, 300, 512
    values = np.exp(rng.uniform(-45, 0, (batch, chunks * share)))
    values[rng.random(values.shape) < 0.5] = 0
    values[:, 5 * share : 9 * share] = 0
    running, ends = np.empty_like(values), np.empty((batch, chunks))
    arguments = [values, running, ends, chunks * share, share]
    shared = 8 * (18 * 32 + 32 // 8 + 1)
    device.launch(
        "running_sums", np.float64, chunks, 32, arguments, members=batch, shared_bytes=shared
    )
    device.launch(
        "running_totals", np.float64, 1, 256, [ends, chunks], members=batch, shared_bytes=8 * 256
    )
    np.testing.assert_allclose(ends[:, -1], values.sum(axis=1), rtol=1e-13)
    starts = np.concatenate([np.zeros((batch, 1)), ends[:, :-1]], axis=1)
    sums = (starts[:, :, None] + running.reshape(batch, chunks, share)).reshape(batch, -1)
    np.testing.assert_allclose(sums, np.cumsum(values, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(sums[:, share - 1 :: share], ends)
    steps = np.diff(sums, axis=1)
    assert np.all(steps >= 0)
    assert np.all(steps[values[:, 1:] == 0] == 0)


def test_exact_steps_go_to_the_upper_outcome(device):
    below = [np.nextafter(0.5, 0), np.nextafter(1, 0)]
    uniforms = np.array([[0.5, 0.25, 0.0, 0.75, *below]])
    got = sampling.sample(device, np.full((1, 4), 0.5, complex), uniforms)
    assert got.tolist() == [[2, 1, 0, 3, 1, 3]]


def test_an_impossible_outcome_is_never_drawn(device):
    extremes = np.array([[0.0, 2.0**-53, 0.25, 0.5, 0.75, 1 - 2.0**-53]])
    for n, scale in itertools.product((1, 4, 9, 13), (1.0, 1e-150, 2.0**-537)):
        size = 1 << n
        for spots in ([0], [size - 1], [size // 2], [0, size - 1]):
            state = np.zeros(size, complex)
            state[spots] = scale
            drawn = sampling.sample(device, state[None], extremes)
            assert set(drawn[0].tolist()) <= set(spots)


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_with_block_sums_given_are_those_without(device, dtype):
    rng = np.random.default_rng(8)
    for n in (0, 3, 8, 12):
        states = random_states(2, n, dtype)
        uniforms = rng.random((2, 300))
        above = range(min(sampling.BLOCK_BITS, n), n)
        given = probabilities.probabilities(device, states, above)
        kept = given.copy()
        np.testing.assert_array_equal(
            sampling.sample(device, states, uniforms, given),
            sampling.sample(device, states, uniforms),
        )
        np.testing.assert_array_equal(given, kept)


def test_block_sums_that_are_rounded_up_do_not_lead_to_impossible_outcomes(device):
    states = random_states(1, 11, "complex64")
    states[0, 200:256] = 0
    blocks = probabilities.probabilities(device, states, range(8, 11))
    uniforms = np.full((1, 1), blocks[0, 0] / blocks.sum())  # at the end of the first block
    rounded = blocks.copy()
    rounded[0, 0] *= 1 + 1e-9
    assert sampling.sample(device, states, uniforms, rounded).tolist() == [[199]]


def test_samples_of_a_zero_or_broken_state_are_refused(device):
    good = np.ones(8, complex)
    for bad in (0.0, np.nan, np.inf):
        states = np.stack([good, np.full(8, bad)])
        with pytest.raises(ValueError, match="zero or not finite"):
            sampling.sample(device, states, np.full((2, 1), 0.5))
    for bad in (1.0, -(2.0**-60), np.nan, np.inf):
        uniforms = np.full((2, 40), 0.5)
        uniforms[1, 17] = bad
        with pytest.raises(ValueError, match="not in"):
            sampling.sample(device, np.stack([good, good]), uniforms)
    assert sampling.sample(device, good[None], np.empty((1, 0))).shape == (1, 0)


def test_uniforms_are_those_of_the_host(device):
    for seed, first, draw in ((0, 0, 0), (12345, 2**32 - 10, 7), (2**64 - 1, 2**40, 2**33)):
        for count in (0, 1, 5000):
            wanted = shot_uniforms(seed, np.arange(first, first + count), draw)
            got = sampling.shot_uniforms(device, seed, first, count, draw)
            np.testing.assert_array_equal(got, wanted)

"""What the GPU's runs count in their last pass, emulated, against NumPy and the CPU."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile.planner import PlanOptions, is_available, plan, trivial_plan
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels import native
from quasim_backend.kernels.base import Tally
from quasim_backend.kernels.cuda import circuits, emulated, program, sampling
from quasim_backend.kernels.cuda.kernel_set import CudaKernels
from quasim_backend.kernels.cuda.program import StepKind, program_for
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import random_state
from quasim_backend.testing.kernel_checks import program_of

REASON = (
    is_available() or native.is_available() or emulated.is_available() or program.is_available()
)
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

REFERENCE = ReferenceKernels()
NATIVE = None if REASON else native.NativeKernels()
NOTHING = np.zeros(0)


@pytest.fixture(params=[np.complex64, np.complex128], ids=["complex64", "complex128"])
def dtype(request):
    return np.dtype(request.param)


class Counting(emulated.EmulatedDevice):
    """Counts the launches of each kernel, and keeps the blocks of the last one."""

    def __init__(self, *, backwards=False):
        super().__init__(backwards=backwards)
        self.launches = Counter()
        self.blocks = {}

    def launch(self, kernel, real, blocks, *rest, **options):
        self.launches[kernel] += 1
        self.blocks[kernel] = blocks
        super().launch(kernel, real, blocks, *rest, **options)


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def kernels(request):
    return CudaKernels(Counting(backwards=request.param), "emulate")


def entangled(n, tile=8, low=2):
    """Return a plan on all qubits, of several stages if tiles are narrower."""
    circuit = quasim.Circuit(n)
    for layer in range(2):
        for q in range(n):
            circuit.ry(0.3 + q + layer, q)
        for q in range(n - 1):
            circuit.cx(q, q + 1)
    options = PlanOptions(tile_qubits=max(min(n, tile), 2), low_qubits=low if n > tile else 1)
    return plan(program_of(circuit), options)


def assert_counts(state, tally):
    wanted = REFERENCE.probabilities(state, tally.qubits)
    np.testing.assert_allclose(tally.sums, wanted, rtol=1e-12, atol=1e-15, err_msg=tally.qubits)


def sets_of_qubits(rng, n):
    for k in sorted({0, 1, 2, n // 2, n - 1, n} & {*range(n + 1)}):
        yield tuple(rng.permutation(n)[:k].tolist())
        yield tuple(range(k))
        yield tuple(range(n - k, n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10, 13])
def test_a_run_counts_any_qubits_in_its_last_pass(kernels, dtype, n):
    rng = np.random.default_rng(n)
    for tile, low in ((6, 2), (12, 4)):
        schedule = entangled(n, tile, low)
        amplitudes = random_state(rng, n)
        for qubits in sets_of_qubits(rng, n):
            state, tally = kernels.from_host(amplitudes, dtype), Tally(qubits)
            kernels.run(schedule, state, NOTHING, tally=tally)
            assert_counts(state, tally)
            plain = kernels.from_host(amplitudes, dtype)
            kernels.run(schedule, plain, NOTHING)
            np.testing.assert_array_equal(state, plain)
    assert kernels.device.launches["probabilities"] == 0


@pytest.mark.parametrize("blocks", [1, 4, 32])
def test_blocks_go_through_tiles_of_one_value(kernels, dtype, blocks):
    rng = np.random.default_rng(blocks)
    schedule = entangled(12, 6)
    with patch.object(circuits, "_COUNTING_BLOCKS", blocks):
        for qubits in sets_of_qubits(rng, 12):
            tally = Tally(qubits)
            state = kernels.start(schedule, dtype, NOTHING, tally=tally)
            assert_counts(state, tally)
            outside = int(program_for(schedule, dtype, kernels.device).outside[-1])
            values = 1 << sum(outside >> q & 1 for q in qubits)
            assert kernels.device.blocks["counting_tile"] == min(
                1 << outside.bit_count(), max(blocks, values)
            )


def test_partial_sums_stay_few(kernels, dtype):
    schedule = entangled(12, 6)
    with patch.object(circuits, "_MAX_PARTIAL", 32):
        for qubits in ((), (11,), (0, 6, 11), tuple(range(1, 4))):
            tally = Tally(qubits)
            assert_counts(kernels.start(schedule, dtype, NOTHING, tally=tally), tally)
            above = int(program_for(schedule, dtype, kernels.device).outside[-1])
            values = 1 << sum(above >> q & 1 for q in qubits)
            assert kernels.device.blocks["counting_tile"] // values <= max(32 >> len(qubits), 1)


def test_values_that_nothing_has_reached_have_no_probability(kernels, dtype):
    circuit = quasim.Circuit(12).h(0).ry(0.7, 3).cx(0, 3)
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=6, low_qubits=2))
    for qubits in ((), (11, 3), (0, 10), tuple(range(12))):
        tally = Tally(qubits)
        assert_counts(kernels.start(schedule, dtype, NOTHING, tally=tally), tally)
    assert kernels.device.blocks["counting_tile"] == 1


def test_counts_do_not_depend_on_the_order_of_threads(dtype):
    schedule = entangled(13, 9)
    sums = []
    for backwards in (False, True):
        for _ in range(2):
            tally = Tally((12, 4, 0))
            device = emulated.EmulatedDevice(backwards=backwards)
            CudaKernels(device).start(schedule, dtype, NOTHING, tally=tally)
            sums.append(tally.sums)
    for other in sums[1:]:
        np.testing.assert_array_equal(other, sums[0])


@pytest.mark.parametrize("n", [1, 6, 8, 9, 13, 16])
def test_samples_after_a_run_read_no_whole_state(kernels, dtype, n):
    schedule = entangled(n, 10, 3)
    uniforms = np.random.default_rng(n).random(5000)
    tally = Tally(None)
    state = kernels.start(schedule, dtype, NOTHING, tally=tally)
    blocks = abs(state.astype(complex).reshape(len(tally.sums), -1)) ** 2
    assert blocks.shape[1] == 1 << min(n, sampling.BLOCK_BITS)
    np.testing.assert_allclose(tally.sums, blocks.sum(axis=1), rtol=1e-12, atol=1e-15)
    before = tally.sums.copy()
    drawn = kernels.sample(state, uniforms, tally=tally)
    launched = kernels.device.launches
    assert launched["tile"] + launched["counting_tile"] == kernels.passes(schedule, dtype)
    assert launched["probabilities"] == 0
    np.testing.assert_array_equal(drawn, NATIVE.sample(state, uniforms))
    np.testing.assert_array_equal(drawn, kernels.sample(state, uniforms))
    assert launched["probabilities"] == 1  # without the tally
    np.testing.assert_array_equal(tally.sums, before)
    assert kernels.sample(state, np.zeros(0), tally=tally).shape == (0,)


def test_exchanges_that_end_a_circuit_are_counted_before_they_are_done(kernels, dtype):
    rng = np.random.default_rng(8)
    n = 14
    circuit = quasim.Circuit(n)
    for _ in range(40):
        a, b = (int(q) for q in rng.permutation(n)[:2])
        circuit.ry(float(rng.normal()), a).cx(a, b)
    places = [int(q) for q in rng.permutation(n)]
    for a, b in zip(places[:6], places[6:12], strict=True):
        circuit.swap(a, b)
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=13, low_qubits=3))
    assert program_for(schedule, dtype, kernels.device).kind[-1] == StepKind.SWAPS
    for qubits in ((), (places[0],), tuple(places[2:9]), tuple(places)):
        tally = Tally(qubits)
        assert_counts(kernels.start(schedule, dtype, NOTHING, tally=tally), tally)
    tally, uniforms = Tally(None), rng.random(3000)
    state = kernels.start(schedule, dtype, NOTHING, tally=tally)
    drawn = kernels.sample(state, uniforms, tally=tally)
    np.testing.assert_array_equal(drawn, NATIVE.sample(state, uniforms))
    assert kernels.device.launches["probabilities"] == 0


def permuted(n):
    builder = ProgramBuilder(n)
    builder.permutation(list(range(5)), np.arange(32)[::-1].copy())
    return trivial_plan(builder.build())


@pytest.mark.parametrize("schedule", [permuted(9), plan(ProgramBuilder(9).build())])
def test_plans_that_no_stage_ends_are_counted_apart(kernels, dtype, schedule):
    steps = program_for(schedule, dtype, kernels.device).kind
    assert not len(steps) or steps[-1] == StepKind.WIDE
    state = kernels.from_host(random_state(np.random.default_rng(5), 9), dtype)
    blocks, tally = Tally(None), Tally((3, 8, 0))
    kernels.run(schedule, state, NOTHING, tally=blocks)
    assert blocks.sums is None
    uniforms = np.random.default_rng(6).random(100)
    drawn = kernels.sample(state, uniforms, tally=blocks)
    np.testing.assert_array_equal(drawn, NATIVE.sample(state, uniforms))
    kernels.run(schedule, state, NOTHING, tally=tally)
    assert_counts(state, tally)

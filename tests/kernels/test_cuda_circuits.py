"""The CUDA kernels, emulated: whole circuits, and what only large or odd ones need."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile.planner import PlanOptions, is_available, plan, trivial_plan
from quasim_backend.errors import DeviceError
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels import native
from quasim_backend.kernels.cuda import emulated, program
from quasim_backend.kernels.cuda.device import MAX_MEMBERS
from quasim_backend.kernels.cuda.emulated import EmulatedDevice
from quasim_backend.kernels.cuda.kernel_set import CudaKernels
from quasim_backend.kernels.cuda.program import StepKind, program_for
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import goals_of, random_circuit, random_state, random_values
from quasim_backend.testing.kernel_checks import KERNEL_CHECKS, program_of

REASON = (
    is_available() or native.is_available() or emulated.is_available() or program.is_available()
)
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

REFERENCE = ReferenceKernels()
NATIVE = None if REASON else native.NativeKernels()
WIDE = np.dtype(np.complex128)


@pytest.fixture(params=[np.complex64, np.complex128], ids=["complex64", "complex128"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def kernels(request):
    return CudaKernels(EmulatedDevice(backwards=request.param), "emulate")


def close(dtype, got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=goals_of(dtype).amplitude)


def check_run(kernels, dtype, schedule, values=None, truth=NATIVE):
    """From a random state and from zeros; return the steps of the program."""
    vector = np.zeros(0) if values is None else values
    amplitudes = random_state(np.random.default_rng(7), schedule.num_qubits)
    state = kernels.from_host(amplitudes, dtype)
    kernels.run(schedule, state, vector)
    wanted = truth.from_host(amplitudes, WIDE)
    truth.run(schedule, wanted, vector)
    close(dtype, kernels.to_host(state), wanted)
    start = kernels.start(schedule, dtype, vector)
    close(dtype, kernels.to_host(start), truth.start(schedule, WIDE, vector))
    return program_for(schedule, dtype, kernels.device).kind.tolist()


@pytest.mark.parametrize("check", KERNEL_CHECKS)
def test_the_order_of_threads_changes_nothing(dtype, check):
    KERNEL_CHECKS[check](CudaKernels(EmulatedDevice(backwards=True), "backwards"), dtype)


def entangled(n, rng, gates=60):
    circuit = quasim.Circuit(n)
    for _ in range(gates):
        a, b = (int(q) for q in rng.permutation(n)[:2])
        circuit.h(a).cx(a, b).rz(0.3, b)
    return circuit


@pytest.mark.parametrize("n", [13, 14, 16])
def test_swaps_that_end_a_circuit_take_one_pass(kernels, dtype, n):
    rng = np.random.default_rng(n)
    circuit = entangled(n, rng)
    places = [int(q) for q in rng.permutation(n)]
    for a, b in zip(places[: n // 2], places[n // 2 :], strict=False):
        circuit.swap(a, b)
    # Stages of this plan are wider than a tile, so they are cut anew.
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=13, low_qubits=3))
    steps = check_run(kernels, dtype, schedule)
    assert steps[-1] == StepKind.SWAPS
    assert steps.count(StepKind.SWAPS) == 1


def test_a_swap_that_is_needed_earlier_stays_where_it_is(kernels, dtype):
    circuit = entangled(14, np.random.default_rng(2)).swap(0, 13).h(0)
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=13, low_qubits=3))
    assert StepKind.SWAPS not in check_run(kernels, dtype, schedule)


def test_stages_wider_than_a_tile_are_cut_anew(kernels, dtype):
    rng = np.random.default_rng(3)
    circuit = random_circuit(rng, 15, 60)
    values = random_values(rng, circuit)
    lowered = program_of(circuit)
    vector = np.array([values[p] for p in lowered.parameters], float)
    schedule = plan(lowered, PlanOptions(tile_qubits=15, low_qubits=2))
    assert len(check_run(kernels, dtype, schedule, vector)) > schedule.num_stages


def test_a_start_leaves_out_what_nothing_has_reached(dtype):
    device = EmulatedDevice()
    blocks = []
    launch = device.launch

    def counting(kernel, real, count, *rest, **options):
        if kernel == "tile":
            blocks.append(count)
        launch(kernel, real, count, *rest, **options)

    device.launch = counting
    circuit = quasim.Circuit(16)
    for q in range(16):
        circuit.h(q)
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=8, low_qubits=2))
    state = CudaKernels(device).start(schedule, dtype, np.zeros(0))
    close(dtype, state, np.full(1 << 16, 1 / 256))
    assert blocks[0] == 1  # a tile, then all that it can have reached
    assert blocks == sorted(blocks)
    assert blocks[-1] == 1 << 8


@pytest.mark.parametrize("workspace", [512 << 20, 1 << 9], ids=["roomy", "by pieces"])
def test_matrices_and_permutations_on_many_qubits(dtype, workspace):
    rng = np.random.default_rng(4)
    builder = ProgramBuilder(8)
    matrix = np.linalg.qr(rng.normal(size=(32, 32)) + 1j * rng.normal(size=(32, 32)))[0]
    builder.matrix([6, 0, 3, 7, 1], matrix)
    builder.permutation([5, 2, 7, 4, 1], rng.permutation(32).astype(np.int64), 0b1001, 0b1000)
    builder.matrix([2, 4, 0, 5, 7], np.linalg.qr(rng.normal(size=(32, 32)))[0] + 0j, 0b1000, 0)
    schedule = trivial_plan(builder.build())
    kernels = CudaKernels(EmulatedDevice(workspace_bytes=workspace))
    steps = check_run(kernels, dtype, schedule, truth=REFERENCE)
    assert steps == [StepKind.WIDE] * 3
    assert kernels.passes(schedule, dtype) == 6


def test_matrices_on_three_and_four_qubits(kernels, dtype):
    rng = np.random.default_rng(10)
    builder = ProgramBuilder(9)
    for size, controls in [(3, 0), (4, 0), (4, 0b1001), (3, 0b1000), (4, 0)]:
        free = [q for q in range(9) if not controls >> q & 1]
        targets = [int(q) for q in rng.permutation(free)[:size]]
        matrix = np.linalg.qr(rng.normal(size=(1 << size,) * 2) + 1j)[0]
        builder.matrix(targets, matrix, controls, controls & 0b1000)
        builder.permutation(targets, rng.permutation(1 << size).astype(np.int64))
    lowered = builder.build()
    for schedule in (trivial_plan(lowered), plan(lowered, PlanOptions(tile_qubits=6))):
        steps = check_run(kernels, dtype, schedule, truth=REFERENCE)
        assert StepKind.WIDE not in steps


def test_diagonals_that_are_no_phases_or_on_many_qubits(kernels, dtype):
    rng = np.random.default_rng(5)
    builder = ProgramBuilder(9)
    builder.diagonal([1, 8], np.array([1, 0.5, 0, 2j]))
    builder.diagonal(list(range(8, 2, -1)), np.exp(1j * rng.normal(size=64)), 0b11, 0b01)
    builder.matrix([4, 5], np.diag([1, 0.25, 1j, 3]).astype(complex))
    check_run(kernels, dtype, trivial_plan(builder.build()), truth=REFERENCE)


@pytest.mark.parametrize("controls", [0, 1 << 11])
def test_rotations_by_long_pauli_strings(kernels, dtype, controls):
    rng = np.random.default_rng(6)
    builder = ProgramBuilder(12)
    for weight in (1, 2, 4, 5, 7, 10):
        for _ in range(4):
            support = rng.permutation(11)[:weight].tolist()
            x, z = (sum(1 << q for q in support if rng.random() < 0.8) for _ in range(2))
            builder.rotation(x, z, float(rng.normal()), controls, controls)
    lowered = builder.build()
    for schedule in (trivial_plan(lowered), plan(lowered, PlanOptions(tile_qubits=9))):
        check_run(kernels, dtype, schedule, truth=REFERENCE)


def test_large_angles_lose_no_more_than_their_own_rounding(kernels):
    builder = ProgramBuilder(3)
    for q, angle in enumerate([1e5, -123456.789, 2e6]):
        builder.matrix([q], np.array([[1, 1], [1, -1]]) / np.sqrt(2) + 0j)
        builder.phase(angle, 1 << q, 1 << q)
        builder.rotation(0, 1 << q | 1, angle)
    schedule = trivial_plan(builder.build())
    state = kernels.start(schedule, WIDE, np.zeros(0))
    np.testing.assert_allclose(state, REFERENCE.start(schedule, WIDE, np.zeros(0)), atol=2e-9)


def test_gradients_with_little_room_for_sums(dtype):
    circuit = quasim.Circuit(12)
    names = [quasim.Parameter(f"p{k}") for k in range(24)]
    for q in range(12):
        circuit.ry(names[q], q).cx(q, (q + 1) % 12)
        circuit.gate("rzz", (q, (q + 5) % 12), (names[12 + q],))
    lowered = program_of(circuit)
    schedule = plan(lowered, PlanOptions(tile_qubits=8, low_qubits=2))
    rng = np.random.default_rng(8)
    vector, bra = rng.normal(size=24), random_state(rng, 12)
    found = []
    for workspace in (512 << 20, 1):
        kernels = CudaKernels(EmulatedDevice(workspace_bytes=workspace))
        ket = kernels.start(schedule, dtype, vector)
        found.append(kernels.adjoint(schedule, ket, kernels.from_host(bra, dtype), vector))
    ket = NATIVE.start(schedule, WIDE, vector)
    wanted = NATIVE.adjoint(schedule, ket, bra.copy(), vector)
    for slopes in found:
        np.testing.assert_allclose(slopes, wanted, atol=100 * goals_of(dtype).value)
    assert np.count_nonzero(wanted) == 24


def test_batches_larger_than_a_launch(dtype):
    size = MAX_MEMBERS + 3
    kernels = CudaKernels(EmulatedDevice())
    schedule = plan(program_of(quasim.Circuit(1).ry(quasim.Parameter("a"), 0)))
    angles = np.linspace(0, 3, size)
    states = kernels.zero_states(size, 1, dtype)
    kernels.run_batch(schedule, states, angles[:, None])
    close(dtype, states, np.stack([np.cos(angles / 2), np.sin(angles / 2)], axis=1))
    one = np.ones(1, np.uint64)
    values = kernels.pauli_expectations_batch(states, 0 * one, one)
    np.testing.assert_allclose(values[:, 0], np.cos(angles), atol=goals_of(dtype).value)
    drawn = kernels.sample_batch(states, np.full((size, 1), 0.5))
    np.testing.assert_array_equal(drawn[:, 0], np.sin(angles / 2) ** 2 > 0.5)


def test_samples_are_those_of_the_cpu(kernels, dtype):
    rng = np.random.default_rng(9)
    state = random_state(rng, 13).astype(dtype)
    uniforms = rng.random(20_000)
    np.testing.assert_array_equal(kernels.sample(state, uniforms), NATIVE.sample(state, uniforms))


def test_sessions_compute_with_emulated_kernels():
    circuit = quasim.Circuit(3).h(0).cx(0, 1).rx(quasim.Parameter("a"), 2).cz(1, 2)
    answers = []
    for name in ("emulate", "native"):
        with quasim.runtime(kernels=name, simulation_precision="fp64") as rt:
            facts = rt.run(circuit, parameters=[0.4], save="statevector").metadata
            assert (facts["kernels"], facts["stages"]) == (name, 1)
            answers.append(
                [
                    rt.simulate(circuit, parameters=[0.4]),
                    rt.simulate(circuit, parameters=[[0.4], [0.5]])[1],
                    rt.measure(circuit, ["ZZZ", "XYI"], parameters=[0.4]),
                    rt.gradient(circuit, ["YZI"], [0.4])[1],
                    rt.sample(circuit, 50, 3, parameters=[0.4]),
                ]
            )
    for got, wanted in zip(*answers, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-14)


def test_launches_that_do_not_fit_are_errors():
    device = EmulatedDevice()
    for kernel, threads, arguments in [("nothing", 32, ()), ("tile", 32, (1,)), ("bind", 33, ())]:
        with pytest.raises(DeviceError, match=f"Kernel '{kernel}': "):
            device.launch(kernel, np.float32, 1, threads, arguments)
    every_other = np.zeros((4, 4), np.complex64)[:, ::2]
    with pytest.raises(DeviceError, match="not contiguous"):
        device.launch("prepare_zero", np.float32, 1, 32, (every_other, 2))

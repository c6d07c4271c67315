"""Native kernels against a dense NumPy oracle, over precisions, instruction sets and tile sizes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quasim_backend.compile import planner
from quasim_backend.compile.planner import PlanOptions, plan, trivial_plan
from quasim_backend.errors import Cancelled
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.program import PrimitiveKind, Program, ProgramBuilder
from quasim_backend.kernels import native
from quasim_backend.kernels.base import CancelToken, KernelSet

if reason := native.is_available() or planner.is_available():
    pytest.skip(reason, allow_module_level=True)

TOLERANCE = {"complex64": 2e-5, "complex128": 1e-12}
ISAS = native.available_isas()
TILES = [
    PlanOptions(),
    PlanOptions(fuse=False),
    PlanOptions(tile_qubits=3, low_qubits=1),
    PlanOptions(tile_qubits=4, low_qubits=0, max_fused=2),
    PlanOptions(tile_qubits=5, low_qubits=2, max_fused=1, max_diagonal=3),
]


@pytest.fixture(autouse=True)
def _fastest_isa():
    yield
    native.select_isa(ISAS[-1])


def dense(program: Program, index: int, angle: float) -> np.ndarray:
    """Return a primitive as a dense ``(2**n, 2**n)`` matrix, entry by entry."""
    n = program.num_qubits
    size = 1 << n
    kind = program.kind[index]
    targets = program.targets[program.target_start[index] : program.target_start[index + 1]]
    data = program.data[program.data_start[index] : program.data_start[index + 1]]
    table = program.table[program.table_start[index] : program.table_start[index + 1]]
    x, z = int(program.x_mask[index]), int(program.z_mask[index])
    mask, value = int(program.control_mask[index]), int(program.control_value[index])
    result = np.zeros((size, size), complex)
    for column in range(size):
        if column & mask != value:
            result[column, column] = 1.0
            continue
        local = sum((column >> int(t) & 1) << k for k, t in enumerate(targets))
        cleared = column & ~sum(1 << int(t) for t in targets)

        def place(v: int, cleared: int = cleared, targets: np.ndarray = targets) -> int:
            return cleared | sum((v >> k & 1) << int(t) for k, t in enumerate(targets))

        if kind == PrimitiveKind.MATRIX:
            matrix = data.reshape(1 << len(targets), -1)
            for row in range(1 << len(targets)):
                result[place(row), column] += matrix[row, local]
        elif kind == PrimitiveKind.DIAGONAL:
            result[column, column] = data[local]
        elif kind == PrimitiveKind.PERMUTATION:
            result[place(int(table[local])), column] = 1.0
        elif kind == PrimitiveKind.PHASE:
            result[column, column] = np.exp(1j * angle)
        else:
            sign = 1j ** (x & z).bit_count() * (-1) ** (column & z).bit_count()
            result[column, column] += np.cos(angle / 2)
            result[column ^ x, column] += -1j * np.sin(angle / 2) * sign
    return result


def oracle(program: Program, state: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    for index, angle in enumerate(program.angles(parameters)):
        state = dense(program, index, angle) @ state
    return state


def random_unitary(rng: np.random.Generator, size: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    return q * (np.diag(r) / abs(np.diag(r)))


THETA, PHI = Parameter("theta"), Parameter("phi")


def add_random(
    builder: ProgramBuilder, rng: np.random.Generator, kind: PrimitiveKind, widest: int = 3
) -> None:
    n = builder.num_qubits
    qubits = rng.permutation(n)
    width = int(rng.integers(1, min(widest, n) + 1))
    targets, rest = qubits[:width].tolist(), qubits[width:]
    controls = rest[: rng.integers(0, min(3, len(rest)) + 1)] if rng.random() < 0.6 else []
    mask = sum(1 << int(q) for q in controls)
    value = sum(int(rng.integers(2)) << int(q) for q in controls)
    angle = rng.normal()
    if rng.random() < 0.5:
        angle = angle + rng.normal() * THETA + rng.normal() * PHI
    if kind == PrimitiveKind.MATRIX:
        matrix = random_unitary(rng, 1 << width)
        if rng.random() < 0.3:
            matrix = np.linalg.qr(rng.normal(size=(1 << width, 1 << width)))[0].astype(complex)
        builder.matrix(targets, matrix, mask, value)
    elif kind == PrimitiveKind.DIAGONAL:
        entries = np.exp(1j * rng.normal(size=1 << width))
        builder.diagonal(targets, entries, mask, value)
    elif kind == PrimitiveKind.PERMUTATION:
        table = rng.permutation(1 << width)
        if rng.random() < 0.5:  # a controlled exchange in disguise
            table = np.arange(1 << width)
            table[[-1, -2]] = table[[-2, -1]]
        builder.permutation(targets, table, mask, value)
    elif kind == PrimitiveKind.PHASE:
        builder.phase(angle, mask, value)
    else:
        support = sum(1 << int(q) for q in targets)
        x = int(rng.integers(1 << n)) & support
        z = int(rng.integers(1 << n)) & support
        builder.rotation(x, z, angle, mask, value)


def random_program(seed: int, n: int, kinds: list[PrimitiveKind], gates: int, widest: int = 3):
    rng = np.random.default_rng(seed)
    builder = ProgramBuilder(n, (THETA, PHI))
    for _ in range(gates):
        add_random(builder, rng, kinds[rng.integers(len(kinds))], widest)
    state = rng.normal(size=1 << n) + 1j * rng.normal(size=1 << n)
    return builder.build(), state / np.linalg.norm(state), rng.normal(size=2)


def run(program, options, state, parameters, dtype="complex128", threads=None):
    kernels = native.NativeKernels(threads)
    result = kernels.from_host(state, np.dtype(dtype))
    kernels.run(plan(program, options), result, parameters)
    return result


def test_native_kernels_satisfy_the_protocol():
    assert isinstance(native.NativeKernels(), KernelSet)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", list(PrimitiveKind))
def test_every_primitive_agrees_with_its_dense_matrix(isa, dtype, kind):
    native.select_isa(isa)
    for seed, n in itertools.product(range(6), (1, 2, 3, 4, 6)):
        program, state, parameters = random_program(seed, n, [kind], 3)
        expected = oracle(program, state, parameters)
        for options in TILES:
            got = run(program, options, state, parameters, dtype)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("threads", [1, 2])
def test_mixed_circuits_agree_with_the_oracle(isa, dtype, threads):
    native.select_isa(isa)
    for seed, n in itertools.product(range(4), (5, 7)):
        program, state, parameters = random_program(seed, n, list(PrimitiveKind), 30)
        expected = oracle(program, state, parameters)
        for options in TILES:
            got = run(program, options, state, parameters, dtype, threads)
            np.testing.assert_allclose(got, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_wide_operations_run_beyond_the_tile(isa, dtype):
    native.select_isa(isa)
    for seed in range(3):
        program, state, parameters = random_program(seed, 7, list(PrimitiveKind), 10, widest=7)
        expected = oracle(program, state, parameters)
        for options in TILES:
            got = run(program, options, state, parameters, dtype)
            np.testing.assert_allclose(got, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("threads", [1, 2])
def test_planned_equals_trivially_planned_on_many_tiles(dtype, threads):
    # Above 2**14 amplitudes, so that the threads really share tiles and whole-state sweeps.
    program, state, parameters = random_program(5, 15, list(PrimitiveKind), 80, widest=5)
    expected = run(program, PlanOptions(fuse=False), state, parameters, "complex128", 1)
    for options in (PlanOptions(), PlanOptions(tile_qubits=7, low_qubits=2)):
        got = run(program, options, state, parameters, dtype, threads)
        np.testing.assert_allclose(got, expected, atol=TOLERANCE[dtype])


def test_one_plan_runs_with_many_parameter_vectors():
    program, state, _ = random_program(11, 6, list(PrimitiveKind), 40)
    schedule = plan(program)
    kernels = native.NativeKernels()
    for parameters in np.random.default_rng(0).normal(size=(5, 2)):
        result = kernels.from_host(state, np.dtype("complex128"))
        kernels.run(schedule, result, parameters)
        np.testing.assert_allclose(result, oracle(program, state, parameters), atol=1e-12)


def test_a_plan_survives_a_change_of_instruction_set():
    program, state, parameters = random_program(12, 6, list(PrimitiveKind), 20)
    schedule = plan(program)
    expected = oracle(program, state, parameters)
    kernels = native.NativeKernels()
    for isa in [*ISAS, *reversed(ISAS)]:
        native.select_isa(isa)
        result = kernels.from_host(state, np.dtype("complex64"))
        kernels.run(schedule, result, parameters)
        np.testing.assert_allclose(result, expected, atol=2e-5)


def test_programs_without_qubits_or_gates_run():
    kernels = native.NativeKernels()
    empty = ProgramBuilder(3).build()
    state = kernels.zero_state(3, np.dtype("complex64"))
    kernels.run(plan(empty), state, np.empty(0))
    assert state.tolist() == [1] + [0] * 7
    builder = ProgramBuilder(0)
    builder.phase(np.pi / 2)
    scalar = kernels.zero_state(0, np.dtype("complex128"))
    kernels.run(plan(builder.build()), scalar, np.empty(0))
    np.testing.assert_allclose(scalar, [1j], atol=1e-15)


def test_states_are_aligned_and_dtypes_kept():
    kernels = native.NativeKernels()
    for n, dtype in itertools.product((0, 3, 12, 19), TOLERANCE):
        state = kernels.zero_state(n, np.dtype(dtype))
        assert state.ctypes.data % 64 == 0
        assert state.dtype == dtype
        assert state.shape == (1 << n,)
        assert state[0] == 1
        assert np.count_nonzero(state) == 1
        duplicate = kernels.copy(state)
        duplicate[0] = 2
        assert state[0] == 1


def test_amplitudes_that_underflow_do_not_slow_the_run_down():
    builder = ProgramBuilder(14)
    for q in range(14):
        builder.matrix([q], np.array([[1e-9, 0.5e-9], [0.5e-9, 1e-9]], complex))
    result = run(builder.build(), None, np.full(1 << 14, 1e-3), np.empty(0), "complex64")
    assert np.all(result == 0)  # flushed, not denormal
    assert np.float32(1e-30) * np.float32(1e-10) != 0  # and the mode is restored


def test_a_state_of_the_wrong_dtype_or_size_is_refused():
    kernels = native.NativeKernels()
    schedule = plan(ProgramBuilder(2).build())
    with pytest.raises(TypeError):
        kernels.run(schedule, np.zeros(4), np.empty(0))
    with pytest.raises(ValueError, match="different numbers of qubits"):
        kernels.run(schedule, np.zeros(8, complex), np.empty(0))


def test_a_set_cancel_flag_stops_the_run():
    token = CancelToken()
    token.cancel()
    program, state, parameters = random_program(1, 5, [PrimitiveKind.MATRIX], 5)
    kernels = native.NativeKernels()
    result = kernels.from_host(state, np.dtype("complex128"))
    for schedule in (plan(program), trivial_plan(program)):
        with pytest.raises(Cancelled):
            kernels.run(schedule, result, parameters, token)
    with pytest.raises(Cancelled):
        kernels.sample(result, np.zeros(3), token)

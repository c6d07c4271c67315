"""Plans: correct grouping, legal stages, structure only, and speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quasim_backend.compile import planner
from quasim_backend.compile.planner import PlanOptions, plan, tile_shape, trivial_plan
from quasim_backend.errors import OptionError
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.plan import ExecutionPlan, OpKind
from quasim_backend.ir.program import PrimitiveKind, Program, ProgramBuilder

if reason := planner.is_available():
    pytest.skip(reason, allow_module_level=True)

X = np.array([1, 0])
CX = np.array([0, 3, 2, 1])
SWAP = np.array([0, 2, 1, 3])
H = np.array([[1, 1], [1, -1]], complex) / np.sqrt(2)
SMALL = PlanOptions(tile_qubits=4, low_qubits=1)


def support(program: Program, index: int) -> int:
    """Return the mask of the qubits a primitive touches."""
    mask = int(program.control_mask[index] | program.x_mask[index] | program.z_mask[index])
    for target in program.targets[program.target_start[index] : program.target_start[index + 1]]:
        mask |= 1 << int(target)
    return mask


def mixing(program: Program, index: int) -> int:
    """Return the mask of the qubits whose amplitudes a primitive mixes, by its definition."""
    targets = program.targets[program.target_start[index] : program.target_start[index + 1]]
    kind = program.kind[index]
    result = int(program.x_mask[index])
    if kind == PrimitiveKind.PERMUTATION:
        table = program.table[program.table_start[index] : program.table_start[index + 1]]
        for k, target in enumerate(targets):
            if any((image ^ i) >> k & 1 for i, image in enumerate(table.tolist())):
                result |= 1 << int(target)
    if kind == PrimitiveKind.MATRIX:
        data = program.data[program.data_start[index] : program.data_start[index + 1]]
        matrix = data.reshape(1 << len(targets), -1)
        rows, columns = np.nonzero(matrix)
        for k, target in enumerate(targets):
            if np.any((rows ^ columns) >> k & 1):
                result |= 1 << int(target)
    return result


def check_legal(schedule: ExecutionPlan, options: PlanOptions) -> None:
    program = schedule.program
    members = schedule.op_members.tolist()
    assert len(set(members)) == len(members)
    for stage in range(schedule.num_stages):
        local = schedule.stage_qubits[
            schedule.stage_qubit_start[stage] : schedule.stage_qubit_start[stage + 1]
        ]
        assert local.tolist() == sorted(set(local.tolist()))
        local_mask = sum(1 << int(q) for q in local)
        first, last = schedule.stage_start[stage], schedule.stage_start[stage + 1]
        assert last > first
        assert len(local) <= tile_shape(program, options)[0] or last - first == 1
        for op in range(first, last):
            for member in schedule.members(op):
                assert mixing(program, int(member)) & ~local_mask == 0
    for op in range(schedule.num_ops):
        qubits = sum(1 << int(q) for q in schedule.qubits(op))
        assert qubits == np.bitwise_or.reduce(
            [support(program, int(m)) for m in schedule.members(op)]
        )
        if schedule.op_kind[op] == OpKind.DENSE:
            assert qubits.bit_count() <= options.max_fused
        elif schedule.op_kind[op] == OpKind.DIAGONAL:
            assert qubits.bit_count() <= options.max_diagonal
        else:
            assert len(schedule.members(op)) == 1


@st.composite
def programs(draw: st.DrawFn) -> Program:
    n = draw(st.integers(2, 7))
    builder = ProgramBuilder(n)
    theta = Parameter("theta")
    for _ in range(draw(st.integers(0, 25))):
        a, b = draw(st.permutations(range(n)))[:2]
        match draw(st.sampled_from(["h", "x", "cx", "swap", "rz", "cp", "rxx", "d", "ch", "rx"])):
            case "h":
                builder.matrix([a], H)
            case "x":
                builder.permutation([a], X)
            case "cx":
                builder.permutation([a, b], CX)
            case "swap":
                builder.permutation([a, b], SWAP)
            case "rz":
                builder.rotation(0, 1 << a, theta * 2.0)
            case "cp":
                builder.phase(0.3, (1 << a) | (1 << b), (1 << a) | (1 << b))
            case "rxx":
                builder.rotation((1 << a) | (1 << b), 0, theta + 0.1)
            case "d":
                builder.diagonal([a, b], np.exp(1j * np.arange(4)))
            case "ch":
                builder.matrix([a], H, 1 << b, 0)
            case "rx":
                builder.rotation(1 << a, 0, 0.5)
    return builder.build()


def matrix_of(program: Program, order: list[int]) -> np.ndarray:
    """Multiply primitives in the given order, by action on basis states."""
    size = 1 << program.num_qubits
    columns = np.arange(size)
    angles = program.angles(np.full(len(program.parameters), 0.7))
    result = np.eye(size, dtype=complex)
    for index in order:
        targets = program.targets[program.target_start[index] : program.target_start[index + 1]]
        data = program.data[program.data_start[index] : program.data_start[index + 1]]
        table = program.table[program.table_start[index] : program.table_start[index + 1]]
        mask, value = int(program.control_mask[index]), int(program.control_value[index])
        x, z = int(program.x_mask[index]), int(program.z_mask[index])
        active = columns & mask == value
        local = sum(((columns >> int(t) & 1) << k for k, t in enumerate(targets)), 0 * columns)
        step = np.zeros((size, size), complex)
        step[columns[~active], columns[~active]] = 1
        cleared = columns & ~sum(1 << int(t) for t in targets)
        for j in columns[active]:

            def place(v: int, j: int = j, targets: np.ndarray = targets, cleared=cleared) -> int:
                return cleared[j] | sum((v >> k & 1) << int(t) for k, t in enumerate(targets))

            match program.kind[index]:
                case PrimitiveKind.MATRIX:
                    for row, entry in enumerate(data.reshape(1 << len(targets), -1)[:, local[j]]):
                        step[place(row), j] += entry
                case PrimitiveKind.DIAGONAL:
                    step[j, j] = data[local[j]]
                case PrimitiveKind.PERMUTATION:
                    step[place(int(table[local[j]])), j] = 1
                case PrimitiveKind.PHASE:
                    step[j, j] = np.exp(1j * angles[index])
                case _:
                    sign = 1j ** (x & z).bit_count() * (-1) ** (int(j) & z).bit_count()
                    step[j, j] += np.cos(angles[index] / 2)
                    step[j ^ x, j] += -1j * np.sin(angles[index] / 2) * sign
        result = step @ result
    return result


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from([PlanOptions(), SMALL, PlanOptions(max_fused=1)]))
def test_plans_are_legal_and_keep_the_product(program, options):
    schedule = plan(program, options)
    check_legal(schedule, options)
    got = matrix_of(program, schedule.op_members.tolist())
    np.testing.assert_allclose(got, matrix_of(program, list(range(len(program)))), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(programs())
def test_planning_is_deterministic(program):
    first, second = plan(program, SMALL), plan(program, SMALL)
    for name, value in vars(first).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(second, name))


def test_plans_ignore_parameter_values_but_not_parameter_places():
    def build(offset: float) -> Program:
        builder = ProgramBuilder(3)
        builder.matrix([0], H)
        builder.rotation(1, 0, Parameter("a") + offset)
        builder.rotation(1, 0, Parameter("b") * offset)
        builder.permutation([0, 1], CX)
        return builder.build()

    assert plan(build(0.1)).explain() == plan(build(0.2)).explain()


def test_inverse_neighbours_cancel_and_identities_vanish():
    builder = ProgramBuilder(3)
    builder.matrix([0], H)
    builder.permutation([0, 1], CX)
    builder.matrix([2], H)
    builder.matrix([2], np.eye(2))
    builder.matrix([2], H)
    builder.permutation([0, 1], CX)
    builder.rotation(0, 2, Parameter("a") * 1.0)
    builder.rotation(0, 2, Parameter("a") * -1.0)
    builder.phase(0.0, 1, 1)
    builder.matrix([0], H)
    assert plan(builder.build()).num_ops == 0


def test_a_control_value_keeps_neighbours_from_cancelling():
    builder = ProgramBuilder(2)
    builder.permutation([0], X, 2, 2)
    builder.permutation([0], X, 2, 0)
    assert len(plan(builder.build()).op_members) == 2


def test_one_qubit_runs_fuse_across_gates_on_other_qubits():
    builder = ProgramBuilder(2)
    for _ in range(5):
        builder.rotation(1, 0, 0.1)
        builder.rotation(2, 2, 0.1)
        builder.rotation(0, 1, 0.1)
    schedule = plan(builder.build(), PlanOptions(max_fused=1))
    assert schedule.num_ops == 2
    assert set(schedule.op_kind.tolist()) == {OpKind.DENSE}


def test_controlled_phases_fuse_into_one_diagonal():
    builder = ProgramBuilder(10)
    for q in range(1, 8):
        builder.phase(np.pi / 2**q, 1 | 1 << q, 1 | 1 << q)
    whole = plan(builder.build(), PlanOptions(split=False))
    assert whole.op_kind.tolist() == [OpKind.DIAGONAL]
    assert whole.num_stages == 1
    # Kernels that take operations apart make one layer of any number of phases.
    assert plan(builder.build()).num_stages == 1


def test_fourier_transform_needs_few_stages():
    n = 24
    builder = ProgramBuilder(n)
    for target in reversed(range(n)):
        builder.matrix([target], H)
        for control in range(target):
            mask = 1 << control | 1 << target
            builder.phase(np.pi / 2 ** (target - control), mask, mask)
    schedule = plan(builder.build())
    assert schedule.num_stages <= 3
    check_legal(schedule, PlanOptions())


@pytest.mark.parametrize("gates", [0, 12])
def test_global_factors_are_kept_and_open_no_stage(gates):
    builder = ProgramBuilder(6)
    for i in range(gates):
        builder.matrix([i % 4], H)
        builder.phase(0.1 * (i + 1))  # no controls: on no qubit at all
    builder.phase(0.7)
    schedule = plan(builder.build(), SMALL)
    check_legal(schedule, SMALL)
    assert schedule.num_stages == 1
    kinds = schedule.program.kind[schedule.op_members]
    assert np.count_nonzero(kinds == PrimitiveKind.PHASE) == gates + 1


def test_an_operation_wider_than_the_tile_has_a_stage_of_its_own():
    builder = ProgramBuilder(6)
    builder.matrix([1], H)
    builder.rotation(0b111110, 0, 0.3)
    builder.matrix([5], H)
    schedule = plan(builder.build(), PlanOptions(tile_qubits=3, low_qubits=1))
    sizes = np.diff(schedule.stage_start).tolist()
    assert sizes == [1, 1, 1]


def test_the_trivial_plan_is_one_primitive_an_operation_a_stage():
    builder = ProgramBuilder(3)
    builder.matrix([2], H, 1, 1)
    builder.rotation(0b110, 0b010, 0.3)
    builder.phase(0.1)
    program = builder.build()
    schedule = trivial_plan(program)
    assert schedule.planner == "trivial"
    assert schedule.num_stages == schedule.num_ops == 3
    assert [schedule.qubits(op).tolist() for op in range(3)] == [[0, 2], [1, 2], []]
    assert set(schedule.op_kind.tolist()) == {OpKind.SINGLE}
    assert plan(program, PlanOptions(fuse=False)).planner == "trivial"
    assert trivial_plan(ProgramBuilder(2).build()).num_stages == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"max_fused": 4},
        {"tile_qubits": 0},
        {"tile_qubits": 3, "low_qubits": 4},
        {"max_diagonal": 99},
        {"amplitude_bytes": 12},
    ],
)
def test_impossible_options_are_refused(bad):
    with pytest.raises(OptionError, match=r"PlanOptions\."):
        PlanOptions(**bad)


def test_tiles_are_chosen_by_width_and_gates():
    def shape(qubits, gates, **options):
        builder = ProgramBuilder(qubits)
        for number in range(gates):
            builder.rotation(1 << number % qubits, 0, 0.3)
        program = builder.build()
        tile, low = tile_shape(program, PlanOptions(**options))
        schedule = plan(program, PlanOptions(**options))
        assert schedule.stage_qubit_start[1] <= tile
        return tile, low

    few, many = shape(22, 100), shape(22, 1000)
    assert few[0] <= many[0]
    assert few[1] > many[1]
    for qubits in (4, 17, 22):
        for size in (8, 16):
            tile, low = shape(qubits, 600, amplitude_bytes=size)
            assert low <= tile
            assert size << tile <= 1 << 17
    assert shape(22, 100, tile_qubits=3) == (3, 3)
    assert shape(22, 100, low_qubits=16) == (16, 16)
    assert shape(22, 1000, tile_qubits=9, low_qubits=2) == (9, 2)


def test_a_thousand_gates_are_planned_in_milliseconds():
    rng = np.random.default_rng(0)
    builder = ProgramBuilder(20)
    for _ in range(250):
        a, b = rng.permutation(20)[:2].tolist()
        builder.matrix([a], H)
        builder.rotation(0, 1 << b, Parameter("t") * 1.0)
        builder.permutation([a, b], CX)
        builder.rotation(1 << b, 0, 0.3)
    program = builder.build()
    best = min(_timed(program) for _ in range(5))
    print(f"\n1,000 gates planned in {best * 1e3:.2f} ms")
    assert best < 20e-3  # the goal is 2 ms; a busy machine must not fail the test


def _timed(program: Program) -> float:
    start = time.perf_counter()
    plan(program)
    return time.perf_counter() - start

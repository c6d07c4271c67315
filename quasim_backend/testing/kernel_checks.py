"""What a kernel set must do: one function a law, each raising `AssertionError` when it is broken.

All checks draw from fixed seeds. Truth comes from `quasim_backend.testing.oracles`, or for wide
states from the reference kernel set, which passes the same checks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.lowering import lower
from quasim_backend.compile.planner import PlanOptions, is_available, plan, trivial_plan
from quasim_backend.errors import Cancelled
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.ir.program import Program, ProgramBuilder
from quasim_backend.kernels.base import CancelToken, Collapse, KernelSet, Tally
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.generators import (
    haar_unitary,
    random_circuit,
    random_state,
    random_values,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.oracles import apply_matrix, dense_state, pauli_matrix

__all__ = ["KERNEL_CHECKS", "assert_close", "program_of"]

DType: TypeAlias = np.dtype[Any]
Check: TypeAlias = Callable[[KernelSet, DType], None]

_NO_PARAMETERS = np.empty(0, np.float64)

PLANS: dict[str, PlanOptions] = {
    "trivial": PlanOptions(fuse=False),
    "default": PlanOptions(),
    "small tiles": PlanOptions(tile_qubits=3, low_qubits=1),
    "tiles of 5": PlanOptions(tile_qubits=5, low_qubits=1),
    "narrow fusion": PlanOptions(max_fused=2, max_diagonal=2, tile_qubits=4, low_qubits=2),
    "no fusion": PlanOptions(max_fused=1, max_diagonal=1, tile_qubits=4, low_qubits=0),
}
"""Plans that every circuit must come out the same under."""


def assert_close(got: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Raise `AssertionError` with the largest difference if arrays differ by more than allowed."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: got shape {got.shape}, expected {wanted.shape}."
    difference = np.abs(got - wanted)
    worst = float(difference.max()) if difference.size else 0.0
    if not worst <= tolerance:
        place = np.unravel_index(int(np.nanargmax(difference)), got.shape) if got.ndim else ()
        raise AssertionError(
            f"{what}: off by {worst:.3g}, allowed is {tolerance:g}; entry "
            f"{tuple(int(i) for i in place)} is {got[place]}, expected {wanted[place]}."
        )


def program_of(circuit: Circuit) -> Program:
    """Lower a circuit of gates."""
    gates = [i for i in circuit.instructions if isinstance(i, GateOp)]
    return lower(gates, circuit.num_qubits, circuit.parameters)


def _plans(program: Program) -> dict[str, ExecutionPlan]:
    usable = {
        name: options
        for name, options in PLANS.items()
        if is_available() is None or not options.fuse
    }
    return {name: plan(program, options) for name, options in usable.items()}


def _wide_state(rng: np.random.Generator, num_qubits: int) -> NDArray[np.complex128]:
    """Return amplitudes whose norm is not 1."""
    return 0.7 * random_state(rng, num_qubits)


def _run(
    kernels: KernelSet,
    schedule: ExecutionPlan,
    amplitudes: NDArray[np.complex128],
    parameters: NDArray[np.float64],
    dtype: DType,
) -> NDArray[Any]:
    state = kernels.from_host(amplitudes, dtype)
    kernels.run(schedule, state, parameters)
    return np.array(kernels.to_host(state))


def _check_plans(
    kernels: KernelSet,
    program: Program,
    parameters: NDArray[np.float64],
    amplitudes: NDArray[np.complex128],
    wanted: NDArray[Any],
    dtype: DType,
    what: str,
) -> None:
    """Run a program under every kind of plan and compare the states with the one wanted."""
    for name, schedule in _plans(program).items():
        got = _run(kernels, schedule, amplitudes, parameters, dtype)
        assert_close(got, wanted, goals_of(dtype).amplitude, f"{what}, plan '{name}'")


# --- states -----------------------------------------------------------------------------------


def check_zero_state(kernels: KernelSet, dtype: DType) -> None:
    """``zero_state`` is ``|0...0>`` in the dtype asked for, from 0 qubits up."""
    for width in (0, 1, 2, 5, 9):
        host = kernels.to_host(kernels.zero_state(width, dtype))
        assert host.dtype == dtype, f"zero_state: got {host.dtype}, expected {dtype}."
        wanted = np.zeros(1 << width)
        wanted[0] = 1
        assert_close(host, wanted, 0.0, f"zero_state({width})")


def check_copies(kernels: KernelSet, dtype: DType) -> None:
    """``from_host`` and ``copy`` share no memory with their source."""
    amplitudes = random_state(np.random.default_rng(1), 4)
    source = amplitudes.astype(dtype)
    state = kernels.from_host(source, dtype)
    duplicate = kernels.copy(state)
    source[:] = 0
    kernels.collapse(state, (), 0, 0.5)
    goal = goals_of(dtype).amplitude
    assert_close(kernels.to_host(state), 0.5 * amplitudes, goal, "from_host, then scaled")
    assert_close(kernels.to_host(duplicate), amplitudes, goal, "copy, its original scaled")
    assert kernels.to_host(duplicate).dtype == dtype, "copy must keep the dtype."


# --- primitives -------------------------------------------------------------------------------


def _controlled(matrix: Any, controls: Sequence[int], value: int, size: int) -> Any:
    """Return ``matrix`` on the low bits, acting where the high bits equal ``value``."""
    full = np.eye(size << len(controls), dtype=np.complex128)
    rows = np.arange(size) + value * size
    full[np.ix_(rows, rows)] = matrix
    return full


def _masks(controls: Sequence[int], value: int) -> tuple[int, int]:
    mask = sum(1 << c for c in controls)
    return mask, sum((value >> i & 1) << c for i, c in enumerate(controls))


def _primitive_case(
    rng: np.random.Generator, kind: str, width: int
) -> tuple[ProgramBuilder, Any, list[int]]:
    """Return a program of one random primitive, its dense matrix and the matrix's qubits."""
    order = [int(q) for q in rng.permutation(width)]
    count = 0 if kind == "phase" else int(rng.integers(1, min(width, 5) + 1))
    targets, rest = order[:count], order[count:]
    controls = rest[: int(rng.integers(0, len(rest) + 1))]
    value = int(rng.integers(1 << len(controls)))
    mask, bits = _masks(controls, value)
    builder = ProgramBuilder(width)
    angle = float(rng.uniform(-7, 7))
    size = 1 << count
    if kind == "matrix":
        matrix = haar_unitary(rng, count)
        builder.matrix(targets, matrix, mask, bits)
    elif kind == "diagonal":
        entries = np.exp(1j * rng.uniform(-4, 4, size))
        matrix = np.diag(entries)
        builder.diagonal(targets, entries, mask, bits)
    elif kind == "permutation":
        table = rng.permutation(size)
        matrix = np.eye(size, dtype=np.complex128)[np.argsort(table)]
        builder.permutation(targets, table, mask, bits)
    elif kind == "rotation":
        letters = {i: "IXYZ"[int(rng.integers(4))] for i in range(count)}
        pauli = pauli_matrix(PauliString.from_letters(letters), count)
        string = PauliString.from_letters({targets[i]: c for i, c in letters.items()})
        matrix = np.cos(angle / 2) * np.eye(size) - 1j * np.sin(angle / 2) * pauli
        builder.rotation(string.x, string.z, angle, mask, bits)
    else:
        matrix = np.array([[np.exp(1j * angle)]])
        builder.phase(angle, mask, bits)
    return builder, _controlled(matrix, controls, value, size), targets + controls


def check_primitives(kernels: KernelSet, dtype: DType) -> None:
    """Every primitive, on any targets and with any controls, agrees with its dense matrix."""
    rng = np.random.default_rng(2)
    for kind in ("matrix", "diagonal", "permutation", "rotation", "phase"):
        for width in (1, 2, 3, 4, 6, 8):
            for _ in range(12):
                builder, matrix, qubits = _primitive_case(rng, kind, width)
                program = builder.build()
                amplitudes = random_state(rng, width)
                wanted = apply_matrix(amplitudes, matrix, qubits)
                got = _run(kernels, trivial_plan(program), amplitudes, _NO_PARAMETERS, dtype)
                what = (
                    f"{kind} on targets {program.targets.tolist()} of {width} qubits, control mask "
                    f"{int(program.control_mask[0]):#b}, value {int(program.control_value[0]):#b}"
                )
                assert_close(got, wanted, goals_of(dtype).amplitude, what)


def check_primitives_without_targets(kernels: KernelSet, dtype: DType) -> None:
    """A matrix or diagonal on no targets is a phase where its controls hold, fused or not."""
    factor = np.exp(0.7j)
    builder = ProgramBuilder(2)
    builder.matrix((0,), np.array([[0, 1], [1, 0]], complex))
    builder.matrix((), np.array([[factor]]), 1, 0)
    builder.diagonal((), np.array([factor]), 3, 1)
    builder.permutation((), np.array([0]), 2, 2)
    builder.matrix((), np.array([[factor]]))
    amplitudes = random_state(np.random.default_rng(11), 2)
    phases = factor * np.array([factor, factor, factor, 1])
    for name, schedule in _plans(builder.build()).items():
        got = _run(kernels, schedule, amplitudes, _NO_PARAMETERS, dtype)
        wanted = phases * amplitudes[[1, 0, 3, 2]]
        assert_close(got, wanted, goals_of(dtype).amplitude, f"no targets, plan '{name}'")


# --- circuits ---------------------------------------------------------------------------------


def check_circuits(kernels: KernelSet, dtype: DType) -> None:
    """Random circuits of all gate kinds agree with dense matrices under every kind of plan."""
    rng = np.random.default_rng(3)
    for number in range(40):
        width = number % 8 + 1
        circuit = random_circuit(rng, width, int(rng.integers(1, 30)))
        values = random_values(rng, circuit)
        amplitudes = random_state(rng, width)
        wanted = dense_state(circuit, values, amplitudes)
        program = program_of(circuit)
        vector = np.array([values[p] for p in program.parameters], np.float64)
        what = f"random circuit {number}, {width} qubits"
        _check_plans(kernels, program, vector, amplitudes, wanted, dtype, what)


def check_wide_circuits(kernels: KernelSet, dtype: DType) -> None:
    """States of several default tiles agree with the reference kernels."""
    rng = np.random.default_rng(4)
    reference, wide = ReferenceKernels(), np.dtype(np.complex128)
    for width in (10, 14, 15):
        circuit = random_circuit(rng, width, 40)
        values = random_values(rng, circuit)
        program = program_of(circuit)
        vector = np.array([values[p] for p in program.parameters], np.float64)
        amplitudes = random_state(rng, width)
        wanted = _run(reference, trivial_plan(program), amplitudes, vector, wide)
        what = f"circuit of 40 gates, {width} qubits"
        _check_plans(kernels, program, vector, amplitudes, wanted, dtype, what)


def check_plan_reuse(kernels: KernelSet, dtype: DType) -> None:
    """A plan serves many runs: other states, other parameters; the same run gives the same bits."""
    rng = np.random.default_rng(5)
    circuit = random_circuit(rng, 5, 25)
    program = program_of(circuit)
    for name, schedule in _plans(program).items():
        for _ in range(3):
            values = random_values(rng, circuit)
            vector = np.array([values[p] for p in program.parameters], np.float64)
            amplitudes = random_state(rng, 5)
            got = _run(kernels, schedule, amplitudes, vector, dtype)
            wanted = dense_state(circuit, values, amplitudes)
            assert_close(got, wanted, goals_of(dtype).amplitude, f"plan '{name}' used again")
            again = _run(kernels, schedule, amplitudes, vector, dtype)
            assert_close(again, got, 0.0, f"plan '{name}' run twice on one state")


def check_cancellation(kernels: KernelSet, dtype: DType) -> None:
    """A token that is set stops a run with `Cancelled`."""
    program = program_of(Circuit(2).h(0).cx(0, 1))
    token = CancelToken()
    token.cancel()
    for name, schedule in _plans(program).items():
        try:
            kernels.run(schedule, kernels.zero_state(2, dtype), _NO_PARAMETERS, token)
        except Cancelled:
            continue
        raise AssertionError(f"run with plan '{name}' went on although its token was set.")


def check_batches(kernels: KernelSet, dtype: DType) -> None:
    """A batch of parameter sets gives, member by member, what single runs give, to the last bit."""
    rng = np.random.default_rng(12)
    for width in (1, 2, 4, 7, 15):
        circuit = random_circuit(rng, width, 20)
        program = program_of(circuit)
        members = 2 if width > 8 else 5
        values = [random_values(rng, circuit) for _ in range(members)]
        rows = np.array([[v[p] for p in program.parameters] for v in values], np.float64)
        rows = rows.reshape(members, len(program.parameters))
        masks = rng.integers(0, 1 << width, (2, 9)).astype(np.uint64)
        uniforms = rng.random((members, 50))
        for name, schedule in _plans(program).items():
            what = f"batch of {members}, {width} qubits, plan '{name}'"
            states = kernels.zero_states(members, width, dtype)
            kernels.run_batch(schedule, states, rows)
            got = np.array(kernels.to_host(states))
            assert got.shape == (members, 1 << width), f"{what}: got shape {got.shape}."
            assert got.dtype == dtype, f"{what}: got {got.dtype}, expected {dtype}."
            sums = kernels.pauli_expectations_batch(states, masks[0].copy(), masks[1].copy())
            drawn = kernels.sample_batch(states, uniforms)
            assert drawn.dtype == np.uint64, f"{what}: sample_batch gave {drawn.dtype}."
            for m in range(members):
                if width <= 7:
                    wanted = dense_state(circuit, values[m])
                    assert_close(got[m], wanted, goals_of(dtype).amplitude, f"{what}, member {m}")
                alone = kernels.zero_state(width, dtype)
                kernels.run(schedule, alone, rows[m])
                assert_close(got[m], kernels.to_host(alone), 0.0, f"{what}, member {m} alone")
                own = kernels.pauli_expectations(alone, masks[0].copy(), masks[1].copy())
                assert_close(sums[m], own, 0.0, f"{what}, expectations of member {m}")
                same = drawn[m] == kernels.sample(alone, uniforms[m])
                assert same.all(), f"{what}: member {m} drew other samples alone."


def check_batch_edges(kernels: KernelSet, dtype: DType) -> None:
    """A batch may be empty or have no parameters, and a token stops it."""
    program = program_of(Circuit(2).h(0).cx(0, 1))
    none = np.empty(0, np.uint64)
    token = CancelToken()
    token.cancel()
    for name, schedule in _plans(program).items():
        empty = kernels.zero_states(0, 2, dtype)
        kernels.run_batch(schedule, empty, np.empty((0, 0)))
        assert kernels.to_host(empty).shape == (0, 4), "An empty batch has the shape (0, 2**n)."
        assert kernels.sample_batch(empty, np.empty((0, 3))).shape == (0, 3), "No rows to sample."
        states = kernels.zero_states(3, 2, dtype)
        kernels.run_batch(schedule, states, np.empty((3, 0)))
        bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
        goal = goals_of(dtype).amplitude
        assert_close(kernels.to_host(states), np.tile(bell, (3, 1)), goal, f"batch, plan '{name}'")
        assert kernels.pauli_expectations_batch(states, none, none).shape == (3, 0), "No strings."
        try:
            kernels.run_batch(schedule, states, np.empty((3, 0)), token)
        except Cancelled:
            continue
        raise AssertionError(f"run_batch with plan '{name}' went on although its token was set.")


# --- sums over the state ----------------------------------------------------------------------


def check_norm_and_inner(kernels: KernelSet, dtype: DType) -> None:
    """``norm_squared`` and ``inner`` agree with NumPy, also for states that are not normalised."""
    rng = np.random.default_rng(6)
    for width in (0, 1, 3, 8, 14):
        left, right = _wide_state(rng, width), random_state(rng, width)
        states = kernels.from_host(left, dtype), kernels.from_host(right, dtype)
        goal = goals_of(dtype).value
        assert_close(kernels.norm_squared(states[0]), 0.49, goal, f"norm_squared, {width} qubits")
        assert_close(kernels.inner(*states), np.vdot(left, right), goal, f"inner, {width} qubits")


def check_probabilities(kernels: KernelSet, dtype: DType) -> None:
    """``probabilities`` sums over the other qubits, the first qubit as lowest bit."""
    rng = np.random.default_rng(7)
    for width in (1, 2, 4, 7, 14):
        amplitudes = _wide_state(rng, width)
        state = kernels.from_host(amplitudes, dtype)
        weights = np.abs(amplitudes) ** 2
        for count in sorted({0, 1, min(2, width), width // 2, min(width, 10)}):
            qubits = [int(q) for q in rng.permutation(width)[:count]]
            values = _values(width, qubits)
            wanted = np.bincount(values, weights=weights, minlength=1 << count)
            got = kernels.probabilities(state, qubits)
            what = f"probabilities of {qubits}, {width} qubits"
            assert_close(got, wanted, goals_of(dtype).value, what)


def _values(width: int, qubits: Sequence[int]) -> NDArray[np.int64]:
    """Return the value of ``qubits`` in every basis state."""
    index = np.arange(1 << width)
    value = np.zeros_like(index)
    for place, qubit in enumerate(qubits):
        value |= (index >> qubit & 1) << place
    return value


def check_collapse(kernels: KernelSet, dtype: DType) -> None:
    """``collapse`` keeps one outcome, scaled, and zeroes the rest; without qubits it scales."""
    rng = np.random.default_rng(8)
    for width in (1, 2, 4, 7, 14):
        for count in sorted({0, 1, width // 2, width}):
            amplitudes = _wide_state(rng, width)
            state = kernels.from_host(amplitudes, dtype)
            qubits = [int(q) for q in rng.permutation(width)[:count]]
            outcome = int(rng.integers(1 << count))
            kernels.collapse(state, qubits, outcome, 1.25)
            wanted = np.where(_values(width, qubits) == outcome, 1.25 * amplitudes, 0)
            what = f"collapse of {qubits} to {outcome}, {width} qubits"
            assert_close(kernels.to_host(state), wanted, goals_of(dtype).amplitude, what)


def check_runs_between_measurements(kernels: KernelSet, dtype: DType) -> None:
    """A run collapses first, if asked to, and counts afterwards, if it does, what is there then."""
    rng = np.random.default_rng(21)
    goals = goals_of(dtype)
    for width in (1, 2, 4, 6, 7, 14):
        circuit = random_circuit(rng, width, 15)
        values = random_values(rng, circuit)
        program = program_of(circuit)
        vector = np.array([values[p] for p in program.parameters], np.float64)
        for name, schedule in _plans(program).items():
            amplitudes = _wide_state(rng, width)
            qubits = tuple(int(q) for q in rng.permutation(width)[: rng.integers(1, 3)])
            outcome = int(rng.integers(1 << len(qubits)))
            kept = np.where(_values(width, qubits) == outcome, 1.25 * amplitudes, 0)
            if width < 8:
                wanted = dense_state(circuit, values, kept)
            else:
                wanted = _run(ReferenceKernels(), schedule, kept, vector, np.dtype(np.complex128))
            tally = Tally(tuple(int(q) for q in rng.permutation(width)[: rng.integers(1, 8)]))
            state = kernels.from_host(amplitudes, dtype)
            collapse = Collapse(qubits, outcome, 1.25)
            kernels.run(schedule, state, vector, collapse=collapse, tally=tally)
            what = f"collapse of {qubits} to {outcome}, then plan '{name}', {width} qubits"
            assert_close(kernels.to_host(state), wanted, goals.amplitude, what)
            _check_tally(tally, wanted, dtype, what)


def check_starts_that_count(kernels: KernelSet, dtype: DType) -> None:
    """A start counts, if it does, the norms of its result, and samples come out by the counts."""
    rng = np.random.default_rng(22)
    for width in (1, 2, 6, 14, 15):
        circuit = random_circuit(rng, width, 15)
        values = random_values(rng, circuit)
        program = program_of(circuit)
        vector = np.array([values[p] for p in program.parameters], np.float64)
        for name, schedule in _plans(program).items():
            what = f"plan '{name}' from zero, {width} qubits"
            tally = Tally(tuple(int(q) for q in rng.permutation(width)[: rng.integers(1, 8)]))
            state = kernels.to_host(kernels.start(schedule, dtype, vector, tally=tally))
            _check_tally(tally, state.astype(np.complex128), dtype, what)
            blocks = Tally(None)
            counted = kernels.start(schedule, dtype, vector, tally=blocks)
            assert_close(kernels.to_host(counted), state, 0.0, f"{what}, counted for samples")
            uniforms = rng.random(100)
            drawn = kernels.sample(counted, uniforms, tally=blocks).astype(np.int64)
            cdf = np.cumsum(abs(state.astype(np.complex128)) ** 2)
            target = uniforms * cdf[-1]
            assert np.all(cdf[drawn] > target - 1e-12), f"{what}: a sample lies too low."
            below = np.where(drawn > 0, cdf[drawn - 1], 0.0)
            assert np.all(below <= target + 1e-12), f"{what}: a sample lies too high."


def _check_tally(tally: Tally, state: NDArray[np.complex128], dtype: DType, what: str) -> None:
    if tally.sums is None:
        return
    assert tally.qubits is not None
    width = len(state).bit_length() - 1
    values = _values(width, tally.qubits)
    norms = np.bincount(values, abs(state) ** 2, minlength=1 << len(tally.qubits))
    assert_close(tally.sums, norms, goals_of(dtype).value, f"{what}, norms of {tally.qubits}")


def check_pauli_expectations(kernels: KernelSet, dtype: DType) -> None:
    """Expectation values of Pauli strings agree with their matrices; also of none at all."""
    rng = np.random.default_rng(9)
    for width in (1, 2, 4, 6):
        amplitudes = _wide_state(rng, width)
        state = kernels.from_host(amplitudes, dtype)
        masks = rng.integers(0, 1 << width, (2, 30)).astype(np.uint64)
        masks[:, 0] = 0
        wanted = [
            np.vdot(amplitudes, pauli_matrix(PauliString(int(x), int(z)), width) @ amplitudes).real
            for x, z in masks.T
        ]
        got = kernels.pauli_expectations(state, masks[0].copy(), masks[1].copy())
        what = f"pauli_expectations, {width} qubits"
        assert_close(got, np.array(wanted), goals_of(dtype).value, what)
        none = np.empty(0, np.uint64)
        got = kernels.pauli_expectations(state, none, none)
        assert got.shape == (0,), f"pauli_expectations of nothing: got shape {got.shape}."
    reference, amplitudes = ReferenceKernels(), random_state(rng, 14)
    masks = rng.integers(0, 1 << 14, (2, 20)).astype(np.uint64)
    wide = reference.pauli_expectations(amplitudes, masks[0], masks[1])
    state = kernels.from_host(amplitudes, dtype)
    got = kernels.pauli_expectations(state, masks[0].copy(), masks[1].copy())
    assert_close(got, wide, goals_of(dtype).value, "pauli_expectations, 14 qubits")


def check_reduced_density_matrix(kernels: KernelSet, dtype: DType) -> None:
    """Reduced density matrices agree with partial traces, the first qubit as lowest bit."""
    rng = np.random.default_rng(12)
    for width in (1, 2, 4, 7, 10, 13):
        amplitudes = _wide_state(rng, width)
        state = kernels.from_host(amplitudes, dtype)
        for count in sorted({0, 1, 2, 3, width // 2, min(width, 8), min(width, 7)} - {width + 1}):
            if count > width:
                continue
            qubits = [int(q) for q in rng.permutation(width)[:count]]
            # One axis a qubit, the highest first; kept ones in front, the highest first too.
            axes = [width - 1 - q for q in reversed(qubits)]
            tensor = np.moveaxis(amplitudes.reshape((2,) * width), axes, range(count))
            rows = tensor.reshape(1 << count, -1)
            got = kernels.reduced_density_matrix(state, qubits)
            what = f"reduced_density_matrix of {qubits}, {width} qubits"
            assert_close(got, rows @ rows.conj().T, goals_of(dtype).value, what)


def check_sparse_moments(kernels: KernelSet, dtype: DType) -> None:
    """Moments of sparse matrices, Hermitian or not, agree with dense ones; also of zero."""
    rng = np.random.default_rng(13)
    for width in (0, 1, 3, 6, 9):
        size = 1 << width
        amplitudes = _wide_state(rng, width)
        state = kernels.from_host(amplitudes, dtype)
        for density in (0.0, 0.1, 1.0):
            parts = rng.normal(size=(2, size, size)) * (rng.random((size, size)) < density)
            matrix = (parts[0] + 1j * parts[1]) / np.sqrt(size)
            rows, columns = np.nonzero(matrix)
            row_start = np.searchsorted(rows, np.arange(size + 1)).astype(np.int64)
            product = matrix @ amplitudes
            wanted = np.vdot(amplitudes, product), np.vdot(product, product).real
            got = kernels.sparse_moments(
                state, matrix[rows, columns], columns.astype(np.int64), row_start
            )
            what = f"sparse_moments, {len(rows)} entries, {width} qubits"
            assert_close(np.array(got), np.array(wanted), 4 * goals_of(dtype).value, what)


# --- sampling ---------------------------------------------------------------------------------


def check_sampling(kernels: KernelSet, dtype: DType) -> None:
    """``sample`` inverts the distribution function, uniform by uniform, in their order."""
    rng = np.random.default_rng(10)
    for width in (0, 1, 3, 8, 14):
        amplitudes = _wide_state(rng, width).astype(dtype)
        state = kernels.from_host(amplitudes, dtype)
        uniforms = rng.random(3000)
        got = kernels.sample(state, uniforms)
        assert got.dtype == np.uint64, f"sample: got {got.dtype}, expected uint64."
        assert got.shape == uniforms.shape, f"sample: got shape {got.shape} for 3000 uniforms."
        weights = np.abs(amplitudes.astype(np.complex128)) ** 2
        upper = np.cumsum(weights) / weights.sum()
        lower = np.concatenate([[0.0], upper[:-1]])
        # Summing in another order may move a boundary by rounding.
        slack, drawn = 1e-9, got.astype(np.int64)
        wrong = (uniforms < lower[drawn] - slack) | (uniforms >= upper[drawn] + slack)
        assert not wrong.any(), (
            f"sample, {width} qubits: {int(wrong.sum())} of 3000 indices do not invert the "
            f"distribution; uniform {uniforms[wrong][0]} drew {int(drawn[wrong][0])}."
        )
    state = kernels.zero_state(3, dtype)
    assert kernels.sample(state, np.empty(0)).shape == (0,), "sample of no uniforms is not empty."


def check_sampling_edges(kernels: KernelSet, dtype: DType) -> None:
    """An index without probability is never drawn, whatever the uniform."""
    edge = np.array([0.0, np.nextafter(1.0, 0.0), 0.5, np.nextafter(0.5, 0.0), 1e-300])
    for width in (1, 4, 9, 14):
        size = 1 << width
        for support in ([size - 1], [0], [size // 2], [1, size - 1], [0, size // 2], [1, size - 2]):
            amplitudes = np.zeros(size, np.complex128)
            amplitudes[support] = 1 / np.sqrt(3)
            got = kernels.sample(kernels.from_host(amplitudes, dtype), edge)
            bad = set(got.tolist()) - set(support)
            assert not bad, f"sample drew {sorted(bad)} of a state on basis states {support}."


# --- derivatives ------------------------------------------------------------------------------

_STENCIL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
_STEP = 2e-3


def _slope(
    function: Callable[[NDArray[np.float64]], Any],
    point: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> Any:
    """Return the derivative along a direction by central differences of eighth order."""
    total: Any = 0.0
    for steps, weight in _STENCIL.items():
        shift = steps * _STEP * direction
        total = total + weight * (function(point + shift) - function(point - shift))
    return total / _STEP


def _parametric_case(
    rng: np.random.Generator, width: int
) -> tuple[Program, NDArray[np.float64], Callable[[NDArray[np.float64]], Any], Any]:
    """Return a program with parameters, their values, the dense final state, and the start."""
    while True:
        circuit = random_circuit(rng, width, int(rng.integers(5, 25)))
        if circuit.parameters:
            break
    program, start = program_of(circuit), random_state(rng, width)
    names = program.parameters
    values = random_values(rng, circuit)

    def final(vector: NDArray[np.float64]) -> Any:
        return dense_state(circuit, dict(zip(names, vector.tolist(), strict=True)), start)

    return program, np.array([values[p] for p in names]), final, start


def _tolerance(dtype: DType) -> float:
    return max(1e-8, 100 * goals_of(dtype).value)


def check_adjoint(kernels: KernelSet, dtype: DType) -> None:
    """Derivatives by all parameters agree with differences of dense states; both are undone."""
    rng = np.random.default_rng(12)
    for number in range(12):
        width = number % 6 + 1
        program, vector, final, start = _parametric_case(rng, width)
        bra = random_state(rng, width)
        slopes = [_slope(final, vector, unit) for unit in np.eye(len(vector))]
        wanted = np.array([2 * np.vdot(bra, slope).real for slope in slopes])
        owner = np.repeat(np.arange(len(program)), np.diff(program.term_start))
        for name, schedule in _plans(program).items():
            what = f"adjoint of random circuit {number}, {width} qubits, plan '{name}'"
            for discard in (False, True):
                ket, left = kernels.from_host(final(vector), dtype), kernels.from_host(bra, dtype)
                by_angle = kernels.adjoint(schedule, ket, left, vector, discard=discard)
                got = np.zeros(len(vector))
                np.add.at(got, program.term_parameter, program.term_weight * by_angle[owner])
                assert_close(got, wanted, _tolerance(dtype), f"{what}, {discard=}")
                if not discard:
                    goal = goals_of(dtype).amplitude
                    assert_close(kernels.to_host(ket), start, goal, f"{what}: the state")
                    overlap = np.vdot(kernels.to_host(left), start)
                    assert_close(overlap, np.vdot(bra, final(vector)), goal, f"{what}: the bra")


def check_tangent(kernels: KernelSet, dtype: DType) -> None:
    """Derivatives of the state along a direction agree with differences of dense states."""
    rng = np.random.default_rng(13)
    for number in range(12):
        width = number % 6 + 1
        program, vector, final, start = _parametric_case(rng, width)
        direction = rng.normal(size=len(vector))
        wanted = _slope(final, vector, direction)
        for name, schedule in _plans(program).items():
            what = f"tangent of random circuit {number}, {width} qubits, plan '{name}'"
            state = kernels.from_host(start, dtype)
            change = kernels.from_host(np.zeros_like(start), dtype)
            kernels.tangent(schedule, state, change, vector, direction)
            goal = goals_of(dtype).amplitude
            assert_close(kernels.to_host(state), final(vector), goal, f"{what}: the state")
            assert_close(kernels.to_host(change), wanted, _tolerance(dtype), what)


KERNEL_CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""Every check by name; each takes a kernel set and a dtype."""

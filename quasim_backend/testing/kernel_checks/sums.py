"""Norms, probabilities, collapses, expectation values, density matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.observables import PauliString
from quasim_backend.kernels.base import Collapse, KernelSet, Tally
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.generators import (
    random_circuit,
    random_state,
    random_values,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.kernel_checks.common import (
    DType,
    assert_close,
    plans_of,
    program_of,
    run,
    wide_state,
)
from quasim_backend.testing.oracles import dense_state, pauli_matrix


def check_norm_and_inner(kernels: KernelSet, dtype: DType) -> None:
    """``norm_squared`` and ``inner`` agree with NumPy, also for states that are not normalised."""
    rng = np.random.default_rng(6)
    for width in (0, 1, 3, 8, 14):
        left, right = wide_state(rng, width), random_state(rng, width)
        states = kernels.from_host(left, dtype), kernels.from_host(right, dtype)
        goal = goals_of(dtype).value
        assert_close(kernels.norm_squared(states[0]), 0.49, goal, f"norm_squared, {width} qubits")
        assert_close(kernels.inner(*states), np.vdot(left, right), goal, f"inner, {width} qubits")


def check_probabilities(kernels: KernelSet, dtype: DType) -> None:
    """``probabilities`` sums over the other qubits, the first qubit as lowest bit."""
    rng = np.random.default_rng(7)
    for width in (1, 2, 4, 7, 14):
        amplitudes = wide_state(rng, width)
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
            amplitudes = wide_state(rng, width)
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
        for name, schedule in plans_of(program).items():
            amplitudes = wide_state(rng, width)
            qubits = tuple(int(q) for q in rng.permutation(width)[: rng.integers(1, 3)])
            outcome = int(rng.integers(1 << len(qubits)))
            kept = np.where(_values(width, qubits) == outcome, 1.25 * amplitudes, 0)
            if width < 8:
                wanted = dense_state(circuit, values, kept)
            else:
                wanted = run(ReferenceKernels(), schedule, kept, vector, np.dtype(np.complex128))
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
        for name, schedule in plans_of(program).items():
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
        amplitudes = wide_state(rng, width)
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
        amplitudes = wide_state(rng, width)
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
        amplitudes = wide_state(rng, width)
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

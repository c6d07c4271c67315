"""Circuits under every kind of plan, batches, cancelling."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile.planner import trivial_plan
from quasim_backend.errors import Cancelled
from quasim_backend.ir.circuit import Circuit
from quasim_backend.kernels.base import CancelToken, KernelSet
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.generators import (
    random_circuit,
    random_state,
    random_values,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.kernel_checks.common import (
    NO_PARAMETERS,
    DType,
    assert_close,
    check_plans,
    plans_of,
    program_of,
    run,
)
from quasim_backend.testing.oracles import dense_state


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
        check_plans(kernels, program, vector, amplitudes, wanted, dtype, what)


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
        wanted = run(reference, trivial_plan(program), amplitudes, vector, wide)
        what = f"circuit of 40 gates, {width} qubits"
        check_plans(kernels, program, vector, amplitudes, wanted, dtype, what)


def check_plan_reuse(kernels: KernelSet, dtype: DType) -> None:
    """A plan serves many runs: other states, other parameters; the same run gives the same bits."""
    rng = np.random.default_rng(5)
    circuit = random_circuit(rng, 5, 25)
    program = program_of(circuit)
    for name, schedule in plans_of(program).items():
        for _ in range(3):
            values = random_values(rng, circuit)
            vector = np.array([values[p] for p in program.parameters], np.float64)
            amplitudes = random_state(rng, 5)
            got = run(kernels, schedule, amplitudes, vector, dtype)
            wanted = dense_state(circuit, values, amplitudes)
            assert_close(got, wanted, goals_of(dtype).amplitude, f"plan '{name}' used again")
            again = run(kernels, schedule, amplitudes, vector, dtype)
            assert_close(again, got, 0.0, f"plan '{name}' run twice on one state")


def check_cancellation(kernels: KernelSet, dtype: DType) -> None:
    """A token that is set stops a run with `Cancelled`."""
    program = program_of(Circuit(2).h(0).cx(0, 1))
    token = CancelToken()
    token.cancel()
    for name, schedule in plans_of(program).items():
        try:
            kernels.run(schedule, kernels.zero_state(2, dtype), NO_PARAMETERS, token)
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
        for name, schedule in plans_of(program).items():
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
    for name, schedule in plans_of(program).items():
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

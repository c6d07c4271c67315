"""Small states: swept directly or in tiles, the native kernels give what dense matrices give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quasim_backend.compile import planner
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.parameters import Parameter
from quasim_backend.ir.plan import ExecutionPlan
from quasim_backend.kernels import native
from quasim_backend.testing.generators import random_circuit, random_state, random_values
from quasim_backend.testing.kernel_checks import program_of
from quasim_backend.testing.oracles import dense_state

if reason := native.is_available() or planner.is_available():
    pytest.skip(reason, allow_module_level=True)

TOLERANCE = {"complex64": 2e-5, "complex128": 1e-12}
ISAS = native.available_isas()


@pytest.fixture(autouse=True)
def _fastest_isa():
    yield
    native.select_isa(ISAS[-1])


def in_tiles(schedule: ExecutionPlan) -> ExecutionPlan:
    """Return the plan with an empty stage at its end, which keeps it from being run directly."""
    every = np.arange(schedule.num_qubits, dtype=np.int32)
    return replace(
        schedule,
        stage_start=np.append(schedule.stage_start, np.int32(schedule.num_ops)),
        stage_qubits=np.append(schedule.stage_qubits, every),
        stage_qubit_start=np.append(
            schedule.stage_qubit_start, np.int32(len(schedule.stage_qubits) + len(every))
        ),
        stage_fma=np.append(schedule.stage_fma, 0.0),
        cache={},
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("options", [PlanOptions(), PlanOptions(split=False)])
def test_both_ways_agree_with_the_oracle(isa, dtype, options):
    native.select_isa(isa)
    kernels = native.NativeKernels()
    rng = np.random.default_rng(31)
    for number in range(24):
        width = number % 10 + 1
        circuit = random_circuit(rng, width, int(rng.integers(1, 40)))
        values = random_values(rng, circuit)
        amplitudes = random_state(rng, width)
        wanted = dense_state(circuit, values, amplitudes)
        program = program_of(circuit)
        vector = np.array([values[p] for p in program.parameters], np.float64)
        schedule = plan(program, options)
        for which in (schedule, in_tiles(schedule)):
            state = kernels.from_host(amplitudes, np.dtype(dtype))
            kernels.run(which, state, vector)
            np.testing.assert_allclose(state, wanted, atol=TOLERANCE[dtype])


def test_constant_operations_stay_fused_between_parametric_ones():
    theta = Parameter("theta")
    circuit = Circuit(4)
    for q in range(4):
        circuit.h(q).t(q).ry(theta * (q + 1), q).s(q).h(q)
    circuit.cx(0, 1).cp(theta, 1, 2).ccx(0, 1, 3).swap(2, 3).pauli_rotation("XYZ", theta, [3, 1, 0])
    circuit.unitary(np.linalg.qr(np.arange(256).reshape(16, 16) % 7 + np.eye(16))[0], range(4))
    program = program_of(circuit)
    schedule = plan(program, PlanOptions())
    kernels = native.NativeKernels()
    for value in (0.0, 0.3, -2.0, 40.0):
        state = kernels.zero_state(4, np.dtype("complex128"))
        kernels.run(schedule, state, np.array([value]))
        np.testing.assert_allclose(state, dense_state(circuit, {theta: value}), atol=1e-12)


def test_a_plan_in_which_everything_cancels_leaves_the_state_alone():
    program = program_of(Circuit(3).h(0).h(0).x(2).x(2))
    amplitudes = random_state(np.random.default_rng(2), 3)
    kernels = native.NativeKernels()
    state = kernels.from_host(amplitudes, np.dtype("complex128"))
    kernels.run(plan(program, PlanOptions()), state, np.empty(0))
    np.testing.assert_allclose(state, amplitudes, atol=1e-15)


@pytest.mark.parametrize("method", ["run_batch", "sample_batch", "pauli_expectations_batch"])
def test_batches_that_do_not_fit_together_are_refused(method):
    kernels = native.NativeKernels()
    states = kernels.zero_states(3, 2, np.dtype("complex128"))
    one = np.ones(1, np.uint64)
    bad = {
        "run_batch": [
            (plan(program_of(Circuit(3).h(0)), PlanOptions()), states, np.empty((3, 0))),
            (plan(program_of(Circuit(2).h(0)), PlanOptions()), states, np.empty((2, 0))),
            (
                plan(program_of(Circuit(2).rx(Parameter("a"), 0)), PlanOptions()),
                states,
                np.empty((3, 0)),
            ),
        ],
        "sample_batch": [(states, np.zeros((2, 5))), (states, np.ones((3, 5)))],
        "pauli_expectations_batch": [(states, one << np.uint64(2), one)],
    }[method]
    for arguments in bad:
        with pytest.raises(ValueError, match=r"."):
            getattr(kernels, method)(*arguments)


def test_a_member_that_cannot_be_sampled_stops_the_batch_with_its_reason():
    kernels = native.NativeKernels(4)
    states = kernels.zero_states(64, 10, np.dtype("complex128"))
    states[37] = 0
    with pytest.raises(ValueError, match="norm is zero"):
        kernels.sample_batch(states, np.full((64, 200), 0.5))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_members_with_angles_in_common_come_out_as_alone(dtype: str) -> None:
    rng = np.random.default_rng(8)
    circuit = Circuit(10)
    angles = [Parameter(f"a{i}") for i in range(48)]
    for i, angle in enumerate(angles):
        q = i % 10
        (circuit.ry, circuit.rz, circuit.rx)[i % 3](angle, q)
        circuit.cx(q, (q + 3) % 10)
    schedule = plan(program_of(circuit))
    values = np.where(rng.random((60, 48)) < 0.3, -1.0, 1.0) * rng.uniform(0, 3, 48)
    values[:, :3] *= rng.integers(0, 2, (60, 3))  # zeros of both signs
    values[20:40] = rng.uniform(0, 3, (20, 48))
    values[50:] = values[:10]
    kernels = native.NativeKernels(1)
    states = kernels.zero_states(60, 10, np.dtype(dtype))
    kernels.run_batch(schedule, states, values)
    for state, row in zip(states, values, strict=True):
        alone = kernels.zero_state(10, np.dtype(dtype))
        kernels.run(schedule, alone, row)
        np.testing.assert_array_equal(state, alone)

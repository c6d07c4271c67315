"""Every CUDA kernel in blocks of several warps, and in several blocks, against the reference.

`make test-races` runs these on threads, which is slow: states are small.
"""

from __future__ import annotations

from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.compile.planner import is_available as can_plan
from quasim_backend.errors import DeviceError
from quasim_backend.ir.gates import Gate
from quasim_backend.kernels.base import Tally
from quasim_backend.kernels.cuda import circuits as circuits_module
from quasim_backend.kernels.cuda import emulated, moments, paulis, probabilities, program, sampling
from quasim_backend.kernels.cuda.kernel_set import CudaKernels
from quasim_backend.kernels.random import shot_uniforms
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.generators import haar_unitary, random_state
from quasim_backend.testing.kernel_checks import assert_close, program_of

if reason := emulated.is_available() or program.is_available() or can_plan():
    pytest.skip(reason, allow_module_level=True)

REFERENCE = ReferenceKernels()
WIDTH = 13
SINGLE, DOUBLE = np.dtype(np.complex64), np.dtype(np.complex128)
TOLERANCE = {SINGLE: 2e-5, DOUBLE: 1e-12}


class Recording(emulated.EmulatedDevice):
    """Keeps how many threads a block of each kernel had, and how many such blocks there were."""

    def __init__(self):
        super().__init__()
        self.launched = {}

    def launch(self, kernel, real, blocks, threads, arguments, *, members=1, shared_bytes=0):
        seen = self.launched.get(kernel, (0, 0))
        self.launched[kernel] = max(seen, (threads, blocks * members))
        super().launch(
            kernel, real, blocks, threads, arguments, members=members, shared_bytes=shared_bytes
        )


def random_circuit(rng: np.random.Generator, wide: bool) -> quasim.Circuit:
    """Return gates of every kind, on qubits of one tile and of several; at the end exchanges."""
    circuit = quasim.Circuit(WIDTH)
    angle = quasim.Parameter("angle")
    for q in range(WIDTH):
        circuit.u(*rng.uniform(-3, 3, 3), q)
    for a, b, c, d, e in (rng.permutation(WIDTH)[:5].tolist() for _ in range(2)):
        circuit.rx(angle, a).ry(angle, b).rz(2 * angle, c).pauli_rotation("XYZ", angle, [d, e, a])
        circuit.unitary(haar_unitary(rng, 2), [a, b]).unitary(haar_unitary(rng, 3), [c, d, e])
        circuit.ccx(a, c, d).cp(angle, b, e).diagonal(np.exp(1j * rng.normal(size=8)), [a, c, e])
        circuit.diagonal(np.exp(1j * rng.normal(size=32)), [a, b, c, d, e])
        if wide:
            circuit.unitary(haar_unitary(rng, 4), [d, a, c, b])
            circuit.unitary(haar_unitary(rng, 5), [b, e, a, c, d])
            circuit.append(Gate.permutation(rng.permutation(32)), [e, c, a, d, b])
    for q in range(WIDTH // 2):
        circuit.swap(q, WIDTH - 1 - q)
    return circuit


def compare(got, wanted, dtype, what):
    scale = max(1.0, np.max(np.abs(wanted)))
    assert_close(got, wanted, TOLERANCE[dtype] * scale, f"{what}, {dtype}")


def circuits(kernels, dtype, rng):
    parameters = np.array([[0.3], [0.7]])
    start = np.stack([random_state(rng, WIDTH) for _ in parameters])
    for wide in (False, True):
        schedule = plan(program_of(random_circuit(rng, wide)))
        states = kernels.from_host(start, dtype)
        kernels.run_batch(schedule, states, parameters)
        for got, state, values in zip(states, start, parameters, strict=True):
            wanted = REFERENCE.from_host(state, DOUBLE)
            REFERENCE.run(schedule, wanted, values)
            compare(got, wanted, dtype, "run_batch")
    wanted = REFERENCE.start(schedule, DOUBLE, parameters[0])
    compare(kernels.start(schedule, dtype, parameters[0]), wanted, dtype, "start")


def derivatives(kernels, dtype, rng):
    schedule = plan(program_of(random_circuit(rng, wide=False)))
    parameters, direction = np.array([0.3]), np.array([0.7])
    start, other = random_state(rng, WIDTH), random_state(rng, WIDTH)
    results = []
    for own, kind in ((kernels, dtype), (REFERENCE, DOUBLE)):
        state, bra = own.from_host(start, kind), own.from_host(other, kind)
        slopes = own.adjoint(schedule, state, bra, parameters)
        own.tangent(schedule, state, bra, parameters, direction)
        results.append((slopes, state, bra))
    for got, wanted in zip(*results, strict=True):
        compare(got, wanted, dtype, "derivatives")


def collapse(kernels, dtype, rng):
    state = random_state(rng, WIDTH)
    states = [own.from_host(state, dtype) for own in (kernels, REFERENCE)]
    for own, projected in zip((kernels, REFERENCE), states, strict=True):
        own.collapse(projected, [WIDTH - 1, 3], 2, 1.5)
    compare(*states, dtype, "collapse")


def reductions(kernels, dtype, rng):
    left, right = (kernels.from_host(random_state(rng, WIDTH), dtype) for _ in range(2))
    compare(kernels.inner(left, right), REFERENCE.inner(left, right), dtype, "inner")
    for qubits in ([], [5], [12, 0], [7, 2, 11, 12, 4, 0, 9], range(WIDTH)):
        got = kernels.probabilities(left, qubits)
        compare(got, REFERENCE.probabilities(left, qubits), dtype, f"probabilities of {qubits}")
    for qubits in ([6], [12, 3], [9, 0, 1], [1, 12, 7, 3, 5, 0]):
        got = kernels.reduced_density_matrix(left, qubits)
        wanted = REFERENCE.reduced_density_matrix(left, qubits)
        compare(got, wanted, dtype, f"density matrix of {qubits}")
    size = 1 << 9
    columns, values = rng.integers(0, size, 4 * size), rng.normal(size=4 * size) + 0.5j
    arguments = (left[:size], values, columns, np.arange(0, 4 * size + 1, 4))
    got, wanted = kernels.sparse_moments(*arguments), REFERENCE.sparse_moments(*arguments)
    compare(got, wanted, dtype, "sparse moments")


def samples(kernels, dtype, rng):
    states = kernels.from_host(np.stack([random_state(rng, 10) for _ in range(2)]), dtype)
    uniforms = rng.random((2, 300))
    got = kernels.sample_batch(states, uniforms)
    wanted = [REFERENCE.sample(s, u) for s, u in zip(states, uniforms, strict=True)]
    np.testing.assert_array_equal(got, wanted)
    real = np.float32 if dtype == SINGLE else np.float64
    got = sampling.shot_uniforms(kernels.device, 5, 2**40, 5000, 1, real=real)
    np.testing.assert_array_equal(got, shot_uniforms(5, 2**40 + np.arange(5000), 1))


def running_sums(kernels, dtype, rng):
    # By hand: states of so many blocks of amplitudes would be large.
    real = np.float32 if dtype == SINGLE else np.float64
    values = rng.random((2, 3, 1024))
    values[:, :, 100:700] = 0
    running, ends = np.empty_like(values), np.empty((2, 3))
    arguments, shared = [values, running, ends, 3 * 1024, 1024], 8 * (18 * 64 + 64 // 8 + 1)
    kernels.device.launch("running_sums", real, 3, 64, arguments, members=2, shared_bytes=shared)
    compare(running, np.cumsum(values, axis=2), DOUBLE, "running sums")
    many = rng.random((2, 200))
    wanted = np.cumsum(many, axis=1)
    kernels.device.launch(
        "running_totals", real, 1, 64, [many, 200], members=2, shared_bytes=8 * 64
    )
    compare(many, wanted, DOUBLE, "running totals")


def pauli_sums(kernels, dtype, rng):
    states = np.stack([random_state(rng, WIDTH) for _ in range(2)]).astype(dtype)
    x, z = rng.integers(0, 1 << WIDTH, (2, 150)).astype(np.uint64)
    x[:30], x[30:130] = 0, x[0]  # some added one by one, some by a transform
    weights = rng.normal(size=150) + 1j * rng.normal(size=150)
    got = kernels.pauli_expectations_batch(states, x, z)
    compare(got, REFERENCE.pauli_expectations_batch(states, x, z), dtype, "Pauli sums")
    got = kernels.apply_pauli_sum(states[0], x, z, weights)
    compare(got, REFERENCE.apply_pauli_sum(states[0], x, z, weights), dtype, "Pauli product")


def tallies(kernels, dtype, rng):
    circuit = quasim.Circuit(WIDTH)
    for q in range(WIDTH):
        circuit.ry(0.3 + q, q).cx(q, (q + 5) % WIDTH)
    schedule = plan(program_of(circuit), PlanOptions(tile_qubits=10, low_qubits=3))
    for qubits in ((), (5,), (12, 0, 7), tuple(rng.permutation(WIDTH).tolist())):
        tally = Tally(qubits)
        state = kernels.start(schedule, dtype, np.zeros(0), tally=tally)
        compare(tally.sums, REFERENCE.probabilities(state, qubits), DOUBLE, f"tally of {qubits}")


LOOPS = (derivatives, reductions, pauli_sums, tallies)
"""Those whose kernels take turns when there are few blocks."""


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
def test_every_kernel_is_right_in_several_warps_and_blocks(dtype):
    device = Recording()
    for check in (circuits, collapse, samples, running_sums, *LOOPS):
        check(CudaKernels(device), dtype, np.random.default_rng(1))
    for kernel in emulated._emulate.kernels():
        threads, blocks = device.launched[kernel]
        assert threads >= 64, kernel
        assert blocks >= 2, kernel


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
def test_blocks_are_right_when_they_take_turns(dtype):
    device = emulated.EmulatedDevice(workspace_bytes=1)
    limits = (
        (circuits_module, "_COUNTING_BLOCKS"),
        (moments, "_BLOCKS"),
        (probabilities, "_BLOCKS"),
        (paulis, "_SHARES"),
    )
    with ExitStack() as stack:
        for module, name in limits:
            stack.enter_context(patch.object(module, name, 1))
        for check in LOOPS:
            check(CudaKernels(device), dtype, np.random.default_rng(1))


@pytest.mark.parametrize(("real", "most"), [(np.float32, 256), (np.float64, 128)])
def test_blocks_that_a_gpu_would_refuse_are_refused(real, most):
    device = emulated.EmulatedDevice()
    launches = (("tile", 8, most), ("pair_tile", 11, most), ("prepare_zero", 2, 256))
    for kernel, count, limit in launches:
        with pytest.raises(DeviceError, match="number of threads"):
            device.launch(kernel, real, 1, 2 * limit, [0] * count)

"""The null kernels count work and memory at any width."""

from __future__ import annotations

import numpy as np

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.code import SegmentStep
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Circuit
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.null import NullKernels

C128 = np.dtype(np.complex128)


def chain(width):
    circuit = Circuit(width, width)
    for q in range(width):
        circuit.h(q)
    for q in range(width - 1):
        circuit.cx(q, q + 1)
    return circuit


def test_null_kernels_keep_the_protocol():
    assert isinstance(NullKernels(), KernelSet)
    assert NullKernels.is_available() is None


def test_a_run_far_beyond_memory_is_counted():
    width, kernels = 50, NullKernels()
    circuit = chain(width).measure([0], [0]).h(0).measure(range(width), range(width))
    compiled = compile_circuit(circuit, CompileOptions(plan=PlanOptions(fuse=False)))
    request = EngineRequest(kernels, C128, np.empty(0), shots=1000)
    output = StateVectorEngine().run(compiled, request)
    assert output.packed is not None
    assert not output.packed.any()
    plans = [s.plan for s in compiled.steps if isinstance(s, SegmentStep)]
    assert kernels.stages == sum(p.num_stages for p in plans) == 2 * width
    assert kernels.primitives == 2 * width
    assert kernels.bytes_moved == kernels.stages * 2 * 16 << width
    assert kernels.calls["zero_state"] == 1
    assert kernels.peak_bytes == 16 << width


def test_live_bytes_follow_the_states_that_exist():
    kernels = NullKernels()
    first = kernels.zero_state(20, C128)
    second = kernels.copy(first)
    assert kernels.live_bytes == kernels.peak_bytes == 2 * (16 << 20)
    del first
    assert kernels.live_bytes == 16 << 20
    del second
    assert kernels.live_bytes == 0
    assert kernels.peak_bytes == 2 * (16 << 20)


def test_host_view_takes_no_memory():
    kernels = NullKernels()
    host = kernels.to_host(kernels.zero_state(40, np.dtype(np.complex64)))
    assert host.shape == (1 << 40,)
    assert host.dtype == np.complex64

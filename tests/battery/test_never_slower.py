"""A run of many shots is never slower than its shots one by one.

Thirty mid-circuit measurements and 1,024 shots, so that a tree of outcomes can be as wide as the
number of shots. Both ways use one compiled circuit. One by one is timed on `SAMPLE` of the shots;
processor time is compared, which other work on the machine does not change much; the best of
several rounds counts, and a margin is left for noise.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.kernels import native
from quasim_backend.kernels.reference import ReferenceKernels

MEASUREMENTS, SHOTS = 30, 1024
SAMPLE = 64
MARGIN = 1.2
ROUNDS = 7


def all_different(width):
    """Every measurement is a fair coin: after ten of them no two shots agree."""
    circuit = Circuit(width, MEASUREMENTS)
    for i in range(MEASUREMENTS):
        circuit.h(i % width).cx(i % width, (i + 1) % width).measure(i % width, i)
    return circuit


def nearly_certain(width):
    """Outcomes are almost always zero: most shots stay together."""
    circuit = Circuit(width, MEASUREMENTS)
    for i in range(MEASUREMENTS):
        circuit.rx(0.1, i % width).cx(i % width, (i + 1) % width).measure(i % width, i)
    return circuit


def syndrome(width):
    """An ancilla is entangled, measured and reset again and again, as in error correction."""
    circuit, ancilla = Circuit(width, MEASUREMENTS), width - 1
    for q in range(width - 1):
        circuit.ry(0.3 + 0.2 * q, q)
    for i in range(MEASUREMENTS):
        circuit.cx(i % ancilla, ancilla).cx((i + 1) % ancilla, ancilla)
        circuit.measure(ancilla, i).reset(ancilla).rx(0.2, i % ancilla)
    return circuit


def feed_forward(width):
    """Every outcome decides on a gate."""
    circuit = Circuit(width, MEASUREMENTS)
    for i in range(MEASUREMENTS):
        circuit.ry(0.9, i % width).measure(i % width, i)
        circuit.if_(Bit(i), Circuit(width, MEASUREMENTS).x((i + 1) % width).h(i % width))
    return circuit


def deep_tail(width):
    """The measurements come first, long segments after them."""
    circuit = Circuit(width, MEASUREMENTS)
    for i in range(MEASUREMENTS):
        circuit.h(i % width).measure(i % width, i)
    for layer in range(6):
        for q in range(width):
            circuit.ry(0.1 + 0.3 * q + layer, q).cx(q, (q + 1) % width)
    return circuit.measure(0, 0)


SHAPES = [all_different, nearly_certain, syndrome, feed_forward, deep_tail]


@pytest.fixture(scope="module")
def kernels():
    return native.NativeKernels() if native.is_available() is None else ReferenceKernels()


@pytest.mark.parametrize("workspace", [512 << 20, 0], ids=["snapshots", "no room"])
@pytest.mark.parametrize("width", [3, 10, pytest.param(16, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES)
def test_many_shots_are_never_slower_than_one_by_one(shape, width, workspace, kernels):
    compiled = compile_circuit(shape(width))
    engine, none = StateVectorEngine(), np.empty(0)

    def run(shots, seed):
        request = EngineRequest(
            kernels, np.dtype(complex), none, shots=shots, seed=seed, workspace_bytes=workspace
        )
        started = time.process_time()
        engine.run(compiled, request)
        return time.process_time() - started

    def one_by_one():
        return sum(run(1, seed) for seed in range(SAMPLE)) * SHOTS / SAMPLE

    run(1, 0)
    together, apart = run(SHOTS, 0), one_by_one()
    for seed in range(1, ROUNDS):
        if together <= apart:
            break
        together, apart = min(together, run(SHOTS, seed)), min(apart, one_by_one())
    print(f"{shape.__name__} {width}: {together * 1e3:.0f} ms together, {apart * 1e3:.0f} ms apart")
    assert together <= MARGIN * apart, (
        f"{SHOTS} shots took {together * 1e3:.0f} ms together and {apart * 1e3:.0f} ms one by one"
    )

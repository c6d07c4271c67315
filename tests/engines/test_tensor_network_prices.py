"""What the tensor-network engine says that it will take, beside what it takes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from quasim_backend import Circuit
from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.tensor_network import TensorNetworkEngine
from quasim_backend.engines.tensor_network.work import Work
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.noise.channels import depolarizing

ASKED = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0), seed=3)


def brickwork(width, depth, names=None, error=0.0):
    rng = np.random.default_rng(depth)
    circuit = Circuit(width, width)
    for d in range(depth):
        for q in range(width):
            circuit.ry(rng.uniform(0, 6) if names is None else names[d * width + q], q)
        for q in range(d % 2, width - 1, 2):
            circuit.cx(q, q + 1)
            if error:
                circuit.channel(depolarizing(error, 2), [q, q + 1])
    return circuit


def means():
    circuit = brickwork(40, 4)
    for q in range(40):
        circuit.save("expectation", f"z{q}", observable=PauliSum.of(PauliString(0, 1 << q)))
    return circuit


@pytest.mark.parametrize(
    ("circuit", "shots"),
    [
        (means(), 0),
        (brickwork(20, 3).measure(range(20), range(20)), 200),
        (brickwork(24, 3, error=0.01).measure(range(24), range(24)), 100),
        (brickwork(24, 3, error=1e-4).measure(range(24), range(24)), 100),
    ],
    ids=["means", "samples", "noise", "little noise"],
)
def test_predictions_are_of_the_right_size(circuit, shots):
    engine, asked = TensorNetworkEngine(), replace(ASKED, shots=shots)
    compiled = compile_circuit(circuit)
    predicted = engine.predicted_seconds(compiled, asked)
    takes = []
    for _ in range(3):
        fresh = compile_circuit(circuit)
        began = time.process_time()
        engine.run(fresh, asked)
        takes.append(time.process_time() - began)
    assert min(takes) / 12 < predicted < 12 * min(takes)


def test_a_price_tells_what_is_done_again():
    outcomes = range(16)
    samples = brickwork(16, 6).measure(outcomes, outcomes)
    last, first = Work(compile_circuit(samples), replace(ASKED, shots=1)).rehearsal()
    assert first.price.each_time == 0  # the first group is given no outcomes
    assert first.price.each_run == last.price.each_run == 0
    assert last.price.each_time > 0
    names = [Parameter(f"p{i}") for i in range(96)]
    symbolic = brickwork(16, 6, names).measure(outcomes, outcomes)
    asked = replace(ASKED, shots=1, parameters=np.zeros(96))
    price = Work(compile_circuit(symbolic), asked).rehearsal()[0].price
    alone = price.seconds(1, 1)
    assert price.each_run > 0
    assert alone < price.seconds(1, 1000) < 1000 * alone
    assert alone < price.seconds(100, 1) < 100 * alone


def test_a_network_that_is_planned_costs_what_its_contractions_do():
    compiled = compile_circuit(means())
    work = Work(compiled, ASKED)
    before = work.seconds()
    assert TensorNetworkEngine().run(compiled, ASKED).saved
    after = Work(compiled, ASKED).seconds()
    assert 0 < after < before / 3  # nothing is built again

"""How many courses the shots of a noisy circuit take as matrix product states, and how long."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.compile.compiler import gate_code
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.mps import MpsEngine
from quasim_backend.engines.mps.courses import expected_courses
from quasim_backend.engines.tensor_network.error_patterns import ErrorPatterns
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir import Channel, Circuit
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.noise.channels import amplitude_damping, depolarizing
from quasim_backend.options import Config


def shortest(engine, compiled, asked):
    """Return the processor time of the shortest of three runs, in seconds."""
    takes = []
    for _ in range(3):
        began = time.process_time()
        engine.run(compiled, asked)
        takes.append(time.process_time() - began)
    return min(takes)


def test_as_many_courses_are_expected_as_there_are_patterns_of_errors():
    circuit = Circuit(12, 12)
    for layer in range(3):
        for q in range(12):
            circuit.ry(0.3 * q + layer, q).channel(depolarizing(0.01), [q])
    compiled = compile_circuit(circuit.measure(range(12), range(12)))
    shots = 400
    patterns = ErrorPatterns.of(gate_code(compiled))
    drawn = sum(1 for _ in patterns.drawn(ShotUniforms(3, shots, None, branches=False), shots))
    erring = shots * (1 - (1 - 0.01) ** 36)
    assert expected_courses(compiled, shots) == pytest.approx(1 + erring)
    assert 0.3 * erring < drawn < 1.1 * erring  # some have the same error
    assert expected_courses(compiled, 1) == 1
    noiseless = compile_circuit(Circuit(2).h(0).cx(0, 1).measure_all())
    assert expected_courses(noiseless, shots) == 1


def test_measurements_on_the_way_part_the_courses():
    circuit = Circuit(5, 5).h(0).h(1).measure([0, 1], [0, 1]).h(0).h(1)
    compiled = compile_circuit(circuit.measure(range(5), range(5)))
    assert expected_courses(compiled, 1000) == 4
    assert expected_courses(compiled, 3) == 3
    damped = Circuit(1, 1).x(0).channel(amplitude_damping(0.5), [0]).measure(0, 0)
    # The first operator's weight is 3/4 in no particular state.
    assert expected_courses(compile_circuit(damped), 100) == pytest.approx(1 + 25)


def test_few_errors_hardly_make_a_run_longer():
    def noisy(error):
        circuit = Circuit(40, 40)
        for layer in range(3):
            for q in range(40):
                circuit.ry(0.3 * q + layer, q)
            for q in range(layer % 2, 39, 2):
                circuit.cx(q, q + 1).channel(depolarizing(error, 2), [q, q + 1])
        return compile_circuit(circuit.measure(range(40), range(40)))

    config = Config(method="matrix_product_state")
    asked = EngineRequest(
        ReferenceKernels(), np.dtype(np.complex128), np.empty(0), shots=1000, config=config
    )
    engine, compiled = MpsEngine(), noisy(1e-3)
    predicted = engine.predicted_seconds(compiled, asked)
    taken = shortest(engine, compiled, asked)
    assert taken / 12 < predicted < 12 * taken
    assert predicted < engine.predicted_seconds(noisy(0.1), asked) / 10


def test_channels_that_are_off_by_rounding_are_no_less_than_a_course():
    circuit = Circuit(8, 8)
    channel = Channel.kraus([(1 + 4e-8) * np.eye(2), np.zeros((2, 2))])
    for layer in range(40):
        for q in range(8):
            circuit.ry(0.1 * layer, q).channel(channel, [q])
    compiled = compile_circuit(circuit.measure(range(8), range(8)))
    for shots in (10, 1000, 10**6):
        assert expected_courses(compiled, shots) == 1


def test_writing_a_state_out_is_part_of_the_price():
    circuit = Circuit(22).h(0)
    for q in range(21):
        circuit.cx(q, q + 1)
    compiled = compile_circuit(circuit)
    config = Config(method="matrix_product_state")
    asked = EngineRequest(
        ReferenceKernels(), np.dtype(np.complex64), np.empty(0), want_state=True, config=config
    )
    engine = MpsEngine()
    predicted = engine.predicted_seconds(compiled, asked)
    taken = shortest(engine, compiled, asked)
    assert taken / 12 < predicted < 12 * taken
    assert predicted > 10 * engine.predicted_seconds(compiled, replace(asked, want_state=False))

"""Results do not depend on the number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.options import Config
from quasim_backend.plugins import default_manager
from quasim_backend.testing import random_circuit, random_values

WIDTH = 16  # several threads take part from 2**14 amplitudes on


@pytest.fixture(scope="module")
def circuit():
    rng = np.random.default_rng(21)
    kinds = ("named", "alias", "controlled", "diagonal", "permutation", "pauli_rotation", "unitary")
    circuit = random_circuit(rng, WIDTH, 60, kinds)
    circuit.num_clbits = WIDTH
    circuit.measure([3, 9], [0, 1])
    circuit.instructions += random_circuit(rng, WIDTH, 20, kinds).instructions
    return circuit.measure(range(WIDTH), range(WIDTH))


def test_samples_and_amplitudes_do_not_depend_on_threads(kernels, dtype, kernel_name, circuit):
    compiled = compile_circuit(circuit, CompileOptions(keep_idle=True))
    packed, states = [], []
    for threads in (1, 2, 3):
        own = default_manager().kernels[kernel_name].make(Config(num_threads=threads))
        request = EngineRequest(own, dtype, np.empty(0), shots=300, seed=5, want_state=True)
        output = StateVectorEngine().run(compiled, request)
        packed.append(output.packed)
        states.append(np.array(output.state))
    for other in (1, 2):
        np.testing.assert_array_equal(packed[0], packed[other])
        np.testing.assert_array_equal(states[0], states[other])


def test_parameters_do_not_change_with_threads(kernels, dtype, kernel_name):
    rng = np.random.default_rng(22)
    circuit = random_circuit(rng, 15, 40, ("symbolic", "named"))
    values = random_values(rng, circuit)
    compiled = compile_circuit(circuit, CompileOptions(keep_idle=True))
    vector = np.array([values[p] for p in compiled.parameters])
    states = []
    for threads in (1, 2):
        own = default_manager().kernels[kernel_name].make(Config(num_threads=threads))
        request = EngineRequest(own, dtype, vector, want_state=True)
        states.append(np.array(StateVectorEngine().run(compiled, request).state))
    np.testing.assert_array_equal(*states)

"""Beside libraries with OpenMP runtimes of their own, used before, after and during our runs."""

from __future__ import annotations

import importlib.util

import pytest

from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)

# Each is a function that computes on several OpenMP threads and checks what it computed.
NEIGHBOURS = {
    "torch": """
import torch

def neighbour():
    torch.set_num_threads(2)
    matrix = torch.arange(600 * 600, dtype=torch.float64).reshape(600, 600) / 6e5
    product = matrix @ matrix.T
    vector = torch.ones(600, dtype=torch.float64)
    torch.testing.assert_close(product @ vector, matrix @ (matrix.T @ vector))
    assert torch.ones(2_000_000).sum() == 2_000_000
""",
    "qiskit_aer": """
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

circuit = QuantumCircuit(16)
circuit.h(0)
for q in range(15):
    circuit.cx(q, q + 1)
circuit.save_statevector()
aer = AerSimulator(method="statevector", max_parallel_threads=2)

def neighbour():
    state = np.asarray(aer.run(circuit).result().get_statevector())
    assert abs(state[0] - 0.5**0.5) < 1e-12 and abs(state[-1] - 0.5**0.5) < 1e-12
    assert abs(np.linalg.norm(state) - 1) < 1e-12
""",
    "pennylane_lightning": """
import pennylane as qml

device = qml.device("lightning.qubit", wires=16)

@qml.qnode(device)
def ghz():
    qml.Hadamard(0)
    for q in range(15):
        qml.CNOT([q, q + 1])
    return qml.expval(qml.prod(*(qml.X(q) for q in range(16))))

def neighbour():
    assert abs(ghz() - 1) < 1e-12
""",
}


@pytest.mark.parametrize("library", NEIGHBOURS)
def test_runs_before_after_and_beside_openmp_are_right(interpreter, library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    code = """
import threading
import warnings
import numpy as np
import quasim_backend as quasim
from workload import Workload

warnings.simplefilter("ignore")  # not about other people's libraries
session = quasim.runtime(simulation_precision="fp64", num_threads=2)
work = Workload(6)
NEIGHBOUR
work.check(session)
neighbour()
work.check(session)

errors = []

def repeat(function):
    try:
        for _ in range(5):
            function()
    except BaseException as error:
        errors.append(error)

threads = [
    threading.Thread(target=repeat, args=(function,))
    for function in (lambda: work.check(session), neighbour, lambda: work.check(session))
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not errors, errors
neighbour()
work.check(session)
"""
    interpreter(code.replace("NEIGHBOUR", NEIGHBOURS[library]), OMP_NUM_THREADS="2")

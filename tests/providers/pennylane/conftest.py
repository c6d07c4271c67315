"""What the PennyLane tests share. They need PennyLane, but no installed entry points."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import SetState
from quasim_backend.plugins import default_manager
from quasim_backend.testing.density_oracle import exact_branches


@pytest.fixture
def make():
    """Make a device of ours; ``"cpu"`` unless another kind is asked for."""
    import quasim_pennylane

    def make_device(wires=None, kind="cpu", **options):
        classes = {
            "cpu": quasim_pennylane.QuasimCPU,
            "gpu": quasim_pennylane.QuasimGPU,
            "auto": quasim_pennylane.QuasimAuto,
        }
        return classes[kind](wires, **options)

    return make_device


@pytest.fixture(autouse=True)
def density_matrices(monkeypatch):
    """Without the engine for density matrices, let the dense oracle compute them."""
    if "density_matrix" in default_manager().engines.specs:
        return
    import quasim_pennylane.execution

    def density_matrix(prepared, runtime, entry):
        part = prepared.parts[0]
        circuit = part.program.circuit
        vector = part.vector(entry)
        values = dict(zip(circuit.parameters, vector.tolist(), strict=True))
        start = prepared.initial_state(entry)
        if start is not None:
            prefixed = Circuit(circuit.num_qubits, circuit.num_clbits)
            prefixed.instructions = [SetState(np.asarray(start)), *circuit.instructions]
            circuit = prefixed
        return sum(exact_branches(circuit, values).values())

    monkeypatch.setattr(quasim_pennylane.execution, "density_matrix", density_matrix)

"""Collapses that wait for the next segment, and norms that the segment before has counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.engines import collapse
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.kernels import native
from quasim_backend.kernels.base import KernelSet
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import DYNAMIC_KINDS, random_dynamic_circuit
from quasim_backend.testing.engine_checks import ENGINE_CHECKS, Subject

needs_native = pytest.mark.skipif(native.is_available() is not None, reason="no native kernels")


class Counting:
    """Kernels that count the passes over the state made for measurements alone."""

    def __init__(self, kernels: KernelSet) -> None:
        self._kernels = kernels
        self.passes = {"collapse": 0, "probabilities": 0}

    def __getattr__(self, name: str) -> Any:
        if name in self.passes:
            self.passes[name] += 1
        return getattr(self._kernels, name)


def run(circuit: Circuit, kernels: Any, shots: int, tile: int, **request: Any) -> np.ndarray:
    options = CompileOptions(plan=PlanOptions(tile_qubits=tile, low_qubits=1))
    compiled = compile_circuit(circuit, options)
    asked = EngineRequest(
        kernels, np.dtype(np.complex128), np.empty(0), shots=shots, seed=5, **request
    )
    packed = StateVectorEngine().run(compiled, asked).packed
    assert packed is not None
    return packed[:, 0].astype(np.int64)


@pytest.fixture
def every_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let collapses wait at any width."""
    monkeypatch.setattr(collapse, "_WIDE", 0)


@pytest.mark.usefixtures("every_width")
@pytest.mark.parametrize("check", ["dynamic", "readout_errors", "workspace", "saves"])
@pytest.mark.parametrize("name", ["reference", pytest.param("native", marks=needs_native)])
def test_the_battery_passes_when_collapses_wait(check: str, name: str) -> None:
    kernels = ReferenceKernels() if name == "reference" else native.NativeKernels()
    ENGINE_CHECKS[check](Subject(StateVectorEngine(), kernels, np.dtype(np.complex128)))


@needs_native
@pytest.mark.usefixtures("every_width")
@pytest.mark.parametrize("workspace", [0, 3 << 10, 1 << 20])
def test_shots_come_out_as_on_the_reference_kernels(workspace: int) -> None:
    rng = np.random.default_rng(31)
    kinds = (*DYNAMIC_KINDS, "initialize", "channel")
    for number in range(30):
        circuit = random_dynamic_circuit(rng, 6, 4, 12, kinds)
        ours = run(circuit, native.NativeKernels(2), 80, 3, workspace_bytes=workspace)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collapse, "_WIDE", 64)
            wanted = run(circuit, ReferenceKernels(), 80, 13)
        np.testing.assert_array_equal(ours, wanted, err_msg=f"circuit {number}")


def entangled(num_qubits: int, num_clbits: int) -> Circuit:
    circuit = Circuit(num_qubits, num_clbits)
    for q in range(num_qubits):
        circuit.ry(0.3 + 0.1 * q, q)
    for q in range(num_qubits - 1):
        circuit.cx(q, q + 1)
    return circuit


@needs_native
def test_measurements_between_segments_cost_no_pass_of_their_own() -> None:
    circuit = entangled(15, 6)
    for round_ in range(2):
        for i, q in enumerate((0, 7, 14)):
            circuit.measure(q, 3 * round_ + i)
        circuit.if_(Bit(0), Circuit(15, 6).x(3))
        for q in range(15):
            circuit.rx(0.2 * q, q)
        for q in range(14):
            circuit.cz(q, q + 1)
    kernels = Counting(native.NativeKernels())
    run(circuit.measure([1], [0]), kernels, 1, 13)
    assert kernels.passes == {"collapse": 0, "probabilities": 0}


@needs_native
def test_a_measured_qubit_is_not_measured_again() -> None:
    circuit = entangled(15, 4).measure(4, 0).measure(4, 1).reset(4).measure(4, 2).h(4)
    kernels = Counting(native.NativeKernels())
    bits = run(circuit.measure(4, 3), kernels, 400, 13)
    first, again, zero, last = (bits >> i & 1 for i in range(4))
    np.testing.assert_array_equal(first, again)
    assert not zero.any()
    assert 0 < first.sum() < 400
    assert 130 < last.sum() < 270  # a fair coin, ten standard deviations
    assert kernels.passes["probabilities"] == 0

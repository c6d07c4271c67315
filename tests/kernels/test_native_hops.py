"""Gates that keep the number of ones of two qubits, in blocks of a tile, against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.ir import Circuit, Parameter
from quasim_backend.kernels import native
from quasim_backend.kernels.native import NativeKernels
from quasim_backend.testing import dense_state, goals_of

pytestmark = pytest.mark.skipif(native.is_available() is not None, reason="no native kernels")

WIDTH = 7
PAIRS = [(0, 1), (3, 2), (1, 4), (5, 6), (6, 0), (2, 5)]


def _middle(block, phase=1.0, both=1.0):
    """A matrix that acts as `block` on |01> and |10>, and by phases on |00> and |11>."""
    matrix = np.diag(np.array([1, 0, 0, both], complex))
    matrix[1:3, 1:3] = block
    return phase * matrix


def _random_unitary(rng):
    return np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]


def _givens(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


GATES = {
    "givens": lambda c, a, b, rng: c.unitary(_middle(_givens(rng.uniform(0, 6))), (a, b)),
    "iswap": lambda c, a, b, rng: c.unitary(_middle([[0, 1j], [1j, 0]]), (a, b)),
    "fsim": lambda c, a, b, rng: c.unitary(
        _middle(_random_unitary(rng), both=np.exp(1j * rng.uniform(0, 6))), (a, b)
    ),
    "phase of all": lambda c, a, b, rng: c.unitary(
        _middle(_random_unitary(rng), phase=np.exp(1j * rng.uniform(0, 6))), (a, b)
    ),
    "heisenberg": lambda c, a, b, rng: _heisenberg(c, a, b, *rng.uniform(0, 6, 2)),
    "xyz": lambda c, a, b, rng: _rotations(c, a, b, *rng.uniform(0, 6, 3)),
    "xx alone": lambda c, a, b, rng: c.gate("rxx", (a, b), (rng.uniform(0, 6),)),
    "xy and yx": lambda c, a, b, rng: _mixed(c, a, b, *rng.uniform(0, 6, 2)),
    "opposite": lambda c, a, b, rng: _mixed(c, a, b, t := rng.uniform(0, 6), -t),
    "all four": lambda c, a, b, rng: _mixed(
        _heisenberg(c, a, b, rng.uniform(0, 6), 0.3), a, b, t := rng.uniform(0, 6), -t
    ),
    "z between": lambda c, a, b, rng: (
        c.gate("rxx", (a, b), (0.7,)).rz(rng.uniform(0, 6), a).gate("ryy", (a, b), (0.7,))
    ),
}


def _rotations(circuit, a, b, xx, yy, zz):
    for name, angle in (("rxx", xx), ("ryy", yy), ("rzz", zz)):
        circuit.gate(name, (a, b), (angle,))
    return circuit


def _heisenberg(circuit, a, b, exchange, zz):
    return _rotations(circuit, a, b, exchange, exchange, zz)


def _mixed(circuit, a, b, xy, yx):
    return circuit.pauli_rotation("XY", xy, (a, b)).pauli_rotation("YX", yx, (a, b))


def _plan(circuit, tile, low):
    options = PlanOptions(tile_qubits=tile, low_qubits=low)
    compiled = compile_circuit(
        circuit, CompileOptions(keep_idle=True, plan=options, starts_at_zero=True)
    )
    (step,) = compiled.steps
    return compiled, step.plan


def _check(circuit, dtype, tile, low, values=None):
    compiled, plan = _plan(circuit, tile, low)
    vector = np.array([(values or {})[p] for p in compiled.parameters], float)
    ours = NativeKernels(2).start(plan, np.dtype(dtype), vector)
    truth = dense_state(circuit, values)
    np.testing.assert_allclose(ours, truth, rtol=0, atol=goals_of(np.dtype(dtype)).amplitude)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128], ids=["c64", "c128"])
@pytest.mark.parametrize("tile", [(3, 1), (5, 1), (6, 2), (7, 3)], ids=str)
@pytest.mark.parametrize("name", [*GATES, "any"])
def test_pairs_of_every_place_agree_with_dense_algebra(isa, name, tile, dtype):
    rng = np.random.default_rng(sum(map(ord, name)))
    circuit = Circuit(WIDTH)
    for q in range(WIDTH):
        circuit.u(*rng.uniform(0, 6, 3), q)
    for a, b in PAIRS * 2:
        gate = GATES[str(rng.choice(list(GATES)))] if name == "any" else GATES[name]
        gate(circuit, a, b, rng)
        if rng.integers(3) == 0:
            circuit.cz(a, int(rng.choice([q for q in range(WIDTH) if q != a])))
    _check(circuit, dtype, *tile)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128], ids=["c64", "c128"])
@pytest.mark.parametrize("tile", [(4, 1), (7, 3)], ids=str)
def test_parameters_decide_at_run_time_what_the_rest_is(isa, tile, dtype):
    exchange, zz, other = Parameter("exchange"), Parameter("zz"), Parameter("other")
    rng = np.random.default_rng(3)
    circuit = Circuit(WIDTH)
    for q in range(WIDTH):
        circuit.u(*rng.uniform(0, 6, 3), q)
    for a, b in PAIRS:
        _heisenberg(circuit, a, b, 2 * exchange + 0.1, zz)  # keeps ones at any values
        _rotations(circuit, b, a, exchange, other, zz)  # at none but equal ones
        _mixed(circuit, a, b, other, -other)
        _mixed(circuit, b, a, exchange, other)
        circuit.gate("rxx", (a, b), (exchange,)).rz(other, a).gate("ryy", (a, b), (exchange,))
    for values in ((0.3, 0.9, 2.0), (0.7, 0.2, 0.7), (0.0, 0.0, 0.0)):
        _check(circuit, dtype, *tile, dict(zip((exchange, zz, other), values, strict=True)))


def test_heisenberg_chains_take_blocks_without_phases():
    circuit = Circuit(12)
    for a in range(11):
        _heisenberg(circuit, a, a + 1, 0.3, 0.8)
    _, plan = _plan(circuit, 13, 5)
    (lines,) = NativeKernels(1).sweeps(plan, np.dtype(np.complex64))
    assert sum("0 phases" in line for line in lines) == len(lines) - 1
    assert lines[-1].startswith("layer of 1 phases")

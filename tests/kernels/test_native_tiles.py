"""Tile programs: every kind of sweep, forced into tiles so small that few qubits reach them all."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.ir import Circuit
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels import native
from quasim_backend.kernels.native import NativeKernels
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import goals_of, random_circuit, random_state, random_values

pytestmark = pytest.mark.skipif(native.is_available() is not None, reason="no native kernels")

KINDS = {
    "rotations": ("named", "symbolic"),
    "phases": ("named", "diagonal", "controlled"),
    "moves": ("permutation", "named"),
    "paulis": ("pauli_rotation", "named"),
    "everything": (
        "named",
        "symbolic",
        "controlled",
        "diagonal",
        "permutation",
        "pauli_rotation",
        "unitary",
    ),
}
TILES = [(3, 1), (4, 1), (5, 1), (5, 3), (13, 5)]


def plan_of(circuit, **options):
    compiled = compile_circuit(
        circuit, CompileOptions(keep_idle=True, plan=PlanOptions(**options), starts_at_zero=False)
    )
    (step,) = compiled.steps
    return compiled, step.plan


def run(kernels, circuit, values, start, dtype, **options):
    compiled, schedule = plan_of(circuit, **options)
    vector = np.array([values[p] for p in compiled.parameters], float)
    if start is None:
        return np.array(kernels.start(schedule, np.dtype(dtype), vector))
    state = kernels.from_host(start, np.dtype(dtype))
    kernels.run(schedule, state, vector)
    return np.array(state)


def check(circuit, dtype, tile, low, threads, rng):
    values = random_values(rng, circuit)
    for start in (None, random_state(rng, circuit.num_qubits)):
        truth = run(ReferenceKernels(), circuit, values, start, np.complex128, fuse=False)
        ours = run(
            NativeKernels(threads),
            circuit,
            values,
            start,
            dtype,
            tile_qubits=tile,
            low_qubits=min(low, tile),
        )
        np.testing.assert_allclose(ours, truth, rtol=0, atol=goals_of(np.dtype(dtype)).amplitude)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128], ids=["c64", "c128"])
@pytest.mark.parametrize("kinds", KINDS, ids=list(KINDS))
def test_sweeps_over_small_tiles_agree_with_the_reference(isa, kinds, dtype):
    rng = np.random.default_rng(sum(map(ord, kinds)))
    for number in range(6):
        circuit = random_circuit(rng, int(rng.integers(6, 11)), 40, KINDS[kinds])
        tile, low = TILES[number % len(TILES)]
        check(circuit, dtype, tile, low, 1 + number % 4, rng)


def layered(kind: str, width: int, depth: int, rng: np.random.Generator) -> Circuit:
    """A circuit that fills layers and blocks: what the scheduler is made for."""
    circuit = Circuit(width)
    for layer in range(depth):
        pairs = [(q, q + 1) for q in range(layer % 2, width - 1, 2)]
        for q in range(width):
            if kind != "trotter":
                circuit.u(*rng.uniform(0, 6, 3), q)
            if kind == "ansatz" and q:
                circuit.cx(q - 1, q)
        for a, b in pairs:
            if kind == "brickwork":
                circuit.cz(a, b)
            elif kind == "trotter":
                for name in ("rxx", "ryy", "rzz"):
                    circuit.gate(name, (a, b), (rng.uniform(0, 6),))
        if kind == "fourier":
            for i in reversed(range(width)):
                circuit.h(i)
                for j in range(i):
                    circuit.cp(np.pi / 2 ** (i - j), j, i)
    return circuit


@pytest.mark.parametrize("tile", [(3, 1), (5, 1), (6, 3), (9, 5)], ids=str)
@pytest.mark.parametrize("kind", ["brickwork", "ansatz", "trotter", "fourier"])
def test_layered_circuits_agree_with_the_reference(isa, kind, tile):
    rng = np.random.default_rng(5)
    circuit = layered(kind, 9, 6, rng)
    for dtype in (np.complex64, np.complex128):
        check(circuit, dtype, *tile, 2, rng)


def test_rotations_by_more_than_a_right_angle_keep_their_signs(isa):
    rng = np.random.default_rng(6)
    circuit = Circuit(7)
    for angle in (0.0, np.pi / 2, np.pi, 3.0, 2 * np.pi, 7.0, -np.pi, -4.0, 4 * np.pi):
        for q in range(7):
            circuit.ry(angle + q, q).rx(angle - q, q)
        circuit.cz(0, 6).cx(1, 4)
    for dtype in (np.complex64, np.complex128):
        check(circuit, dtype, 5, 1, 1, rng)


def test_circuits_longer_than_one_part_of_a_schedule(isa):
    rng = np.random.default_rng(7)
    circuit = random_circuit(rng, 7, 1500, ("named",))
    check(circuit, np.complex128, 6, 2, 1, rng)
    check(circuit, np.complex64, 6, 2, 1, rng)


def test_matrices_that_are_not_quite_unitary_are_applied_as_they_are(isa):
    # Unitary within what circuits may hold, further off than rounding: not split into rotations.
    tilted = np.array([[0.6, -0.8], [0.8, 0.6]]) * (1 + 1e-10)
    builder = ProgramBuilder(6)
    for q in range(6):
        builder.matrix((q,), tilted.astype(complex))
    kernels = NativeKernels(1)
    state = kernels.start(plan(builder.build()), np.dtype(np.complex128), np.empty(0))
    np.testing.assert_allclose(kernels.norm_squared(state), (1 + 1e-10) ** 12, rtol=1e-13)


def test_sweeps_are_described_for_people():
    circuit = layered("ansatz", 10, 3, np.random.default_rng(8))
    _, schedule = plan_of(circuit)
    (lines,) = NativeKernels(1).sweeps(schedule, np.dtype(np.complex64))
    assert any(line.startswith("block on positions") for line in lines)
    assert any(line.startswith("layer of") for line in lines)


def test_scales_left_to_a_later_layer_do_not_overflow(isa):
    # Hundreds of rotations by a right angle, each left larger by sqrt(2) until the next layer.
    circuit = Circuit(6)
    for number in range(400):
        qubits = [2 + (number + k) % 4 for k in range(4)]
        for q in qubits:
            circuit.gate("ry", (q,), (np.pi / 2,))
        circuit.cz(*qubits[:2]).cz(*qubits[2:]).cz(*qubits[1:3])
    circuit.rz(0.3, 5)
    rng = np.random.default_rng(9)
    for dtype in (np.complex64, np.complex128):
        check(circuit, dtype, 6, 2, 1, rng)

"""Laws that hold for all circuits, on every kernel set; Hypothesis looks for a counterexample."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions, is_available
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import GateOp
from quasim_backend.testing import (
    FALSE_ALARM,
    exact_distribution,
    goals_of,
    goodness_of_fit,
    random_circuit,
    random_state,
    random_values,
)
from quasim_backend.testing.strategies import circuits, dynamic_circuits

pytestmark = pytest.mark.skipif(is_available() is not None, reason=str(is_available()))

law = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
tilings = st.tuples(st.integers(3, 5), st.integers(0, 2), st.integers(1, 3), st.integers(1, 5))


def small(tiling=(4, 1, 3, 4)):
    tile, low, fused, diagonal = tiling
    return PlanOptions(tile_qubits=tile, low_qubits=low, max_fused=fused, max_diagonal=diagonal)


def run(kernels, dtype, circuit, values=None, plan=None, **request):
    from_zero = request.get("initial_state") is None
    options = CompileOptions(plan=plan or small(), keep_idle=True, starts_at_zero=from_zero)
    compiled = compile_circuit(circuit, options)
    vector = np.array([(values or {})[p] for p in compiled.parameters], float)
    return StateVectorEngine().run(compiled, EngineRequest(kernels, dtype, vector, **request))


def state(kernels, dtype, circuit, values=None, plan=None, start=None):
    return run(
        kernels, dtype, circuit, values, plan, want_state=True, initial_state=start
    ).state.copy()


def samples(kernels, dtype, circuit, shots, seed, **options):
    return run(kernels, dtype, circuit, shots=shots, seed=seed, **options).packed[:, 0].tolist()


def close(dtype, left, right):
    np.testing.assert_allclose(left, right, rtol=0, atol=goals_of(dtype).amplitude)


def seeded(circuit):
    """Values and a start that depend on the circuit only, so that examples can be replayed."""
    rng = np.random.default_rng(len(circuit) + 31 * circuit.num_qubits)
    return random_values(rng, circuit), random_state(rng, circuit.num_qubits)


@law
@given(circuit=circuits(), tiling=tilings)
def test_gates_keep_the_norm(kernels, dtype, circuit, tiling):
    values, start = seeded(circuit)
    final = state(kernels, dtype, circuit, values, small(tiling), start)
    assert abs(np.linalg.norm(final) - 1) < goals_of(dtype).value


@law
@given(circuit=circuits(), tiling=tilings)
def test_a_circuit_and_its_inverse_are_the_identity(kernels, dtype, circuit, tiling):
    values, start = seeded(circuit)
    whole = Circuit(circuit.num_qubits)
    whole.instructions = circuit.instructions + circuit.inverse().instructions
    close(dtype, state(kernels, dtype, whole, values, small(tiling), start), start)


@law
@given(circuit=circuits(), data=st.data())
def test_relabelling_qubits_permutes_the_state(kernels, dtype, circuit, data):
    width = circuit.num_qubits
    places = data.draw(st.permutations(range(width)))
    values, start = seeded(circuit)
    moved = Circuit(width)
    moved.instructions = [
        GateOp(i.gate, tuple(places[q] for q in i.qubits)) for i in circuit.instructions
    ]
    # Axis 0 of a reshaped state is the highest qubit.
    axes = [width - 1 - places[width - 1 - axis] for axis in range(width)]

    def relabel(vector):
        return np.moveaxis(vector.reshape((2,) * width), range(width), axes).reshape(-1)

    plain = state(kernels, dtype, circuit, values, start=start)
    close(dtype, state(kernels, dtype, moved, values, start=relabel(start)), relabel(plain))


@law
@given(circuit=circuits(max_qubits=7, max_gates=30), tiling=tilings)
def test_a_planned_circuit_equals_the_unplanned_one(kernels, dtype, circuit, tiling):
    values, start = seeded(circuit)
    plain = state(kernels, dtype, circuit, values, PlanOptions(fuse=False), start)
    close(dtype, state(kernels, dtype, circuit, values, small(tiling), start), plain)
    close(dtype, state(kernels, dtype, circuit, values, PlanOptions(), start), plain)


@law
@given(circuit=circuits(max_qubits=5, max_gates=12), data=st.data())
def test_save_points_agree_with_circuits_cut_off_there(kernels, dtype, circuit, data):
    values, _ = seeded(circuit)
    places = data.draw(st.sets(st.integers(0, len(circuit)), max_size=3))
    saving = Circuit(circuit.num_qubits)
    for place in range(len(circuit) + 1):
        if place in places:
            saving.save("statevector", f"at {place}")
        saving.instructions += circuit.instructions[place : place + 1]
    known = {p: values[p] for p in saving.parameters}
    output = run(kernels, dtype, saving, known, want_state=True)
    close(dtype, output.state, state(kernels, dtype, circuit, values))
    for place in places:
        cut = Circuit(circuit.num_qubits)
        cut.instructions = circuit.instructions[:place]
        known = {p: values[p] for p in cut.parameters}
        close(dtype, output.saved[f"at {place}"], state(kernels, dtype, cut, known))


@law
@given(
    circuit=circuits(max_qubits=5, max_gates=12), gamma=st.floats(-7, 7), spot=st.integers(0, 12)
)
def test_a_global_phase_is_exact_anywhere(kernels, dtype, circuit, gamma, spot):
    values, start = seeded(circuit)
    phased = Circuit(circuit.num_qubits)
    phased.instructions = list(circuit.instructions)
    phased.instructions.insert(spot, Circuit(1).gate("gphase", (), (gamma,)).instructions[0])
    plain = state(kernels, dtype, circuit, values, start=start)
    close(dtype, state(kernels, dtype, phased, values, start=start), np.exp(1j * gamma) * plain)


@law
@given(seed=st.integers(0, 2**32), width=st.integers(1, 5))
def test_samples_follow_the_probabilities(kernels, dtype, seed, width):
    """Chi-square; a right simulator fails one example in a million (`FALSE_ALARM`)."""
    circuit = random_circuit(np.random.default_rng(seed), width, 10, ("named", "unitary"))
    weights = np.abs(state(kernels, dtype, circuit).astype(complex)) ** 2
    circuit.measure_all()
    # Values of tiny weight are rounding, which an exact zero of the oracle would call impossible.
    exact = {i: float(p) for i, p in enumerate(weights / weights.sum())}
    drawn = Counter(samples(kernels, dtype, circuit, 2000, seed))
    assert goodness_of_fit({v: n for v, n in drawn.items() if exact[v] > 1e-9}, exact) > FALSE_ALARM


@law
@given(circuit=dynamic_circuits(), seed=st.integers(0, 2**32))
def test_dynamic_circuits_follow_the_exact_distribution(kernels, dtype, circuit, seed):
    """Chi-square against density matrices; false-alarm rate as above."""
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    drawn = Counter(samples(kernels, dtype, circuit, 500, seed))
    # complex64 leaves weights of 1e-14 where exact arithmetic has none; they are not drawn.
    assert goodness_of_fit(drawn, exact) > FALSE_ALARM


@law
@given(circuit=dynamic_circuits(), seed=st.integers(0, 2**64 - 1))
def test_a_seed_gives_the_same_shots_however_many_are_run(kernels, dtype, circuit, seed):
    many = samples(kernels, dtype, circuit, 60, seed)
    assert many == samples(kernels, dtype, circuit, 60, seed)
    assert many[:7] == samples(kernels, dtype, circuit, 7, seed)
    assert many == samples(kernels, dtype, circuit, 60, seed, workspace_bytes=0)

"""Gradients: finite differences, dense matrices, and every kernel set against the reference."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import expm

import quasim_backend as quasim
from quasim_backend.compile.lowering import lower
from quasim_backend.compile.planner import PlanOptions, plan
from quasim_backend.ir.gate_table import RECORDS
from quasim_backend.ir.inverse import inverse_plan
from quasim_backend.kernels import native
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.native import NativeKernels
from quasim_backend.kernels.null import NullKernels
from quasim_backend.kernels.reference import ReferenceKernels

needs_native = pytest.mark.skipif(native.is_available() is not None, reason="no native kernels")
PARAMETRIC = [name for name, record in RECORDS.items() if record.parameters]
PLANS = {
    "default": PlanOptions(),
    "small tiles": PlanOptions(tile_qubits=4, low_qubits=1),
    "trivial": PlanOptions(fuse=False),
}
GOALS = {np.complex128: 1e-11, np.complex64: 3e-4}


def random_circuit(rng, num_qubits, gates, parameters=4):
    circuit = quasim.Circuit(num_qubits)
    symbols = [quasim.Parameter(f"p{i}") for i in range(parameters)]
    names = list(RECORDS)
    for _ in range(gates):
        record = RECORDS[names[rng.integers(len(names))]]
        controls = int(rng.integers(0, 3))
        if record.num_qubits + controls > num_qubits:
            controls = 0
        if record.num_qubits > num_qubits:
            continue
        angles = [
            symbols[rng.integers(parameters)] * float(rng.normal())
            + symbols[rng.integers(parameters)] * float(rng.normal())
            + float(rng.normal())
            for _ in record.parameters
        ]
        state = int(rng.integers(1 << controls))
        gate = quasim.Gate.named(record.name, angles, controls=controls, control_state=state)
        qubits = rng.permutation(num_qubits)[: record.num_qubits + controls]
        circuit.append(gate, qubits.tolist())
    letters = "".join(rng.choice(list("XYZ"), num_qubits))
    return circuit.pauli_rotation(letters, symbols[0] * 0.3, range(num_qubits))


def random_state(rng, num_qubits):
    state = rng.normal(size=1 << num_qubits) + 1j * rng.normal(size=1 << num_qubits)
    return state / np.linalg.norm(state)


def differences(function, point, step=1e-4):
    """Central differences of fourth order, one column for each parameter."""
    columns = []
    for i in range(len(point)):
        shift = np.zeros(len(point))
        shift[i] = step
        near = function(point + shift) - function(point - shift)
        far = function(point + 2 * shift) - function(point - 2 * shift)
        columns.append((8 * near - far) / (12 * step))
    return np.array(columns).T


@pytest.mark.parametrize("kernels", ["reference", pytest.param("native", marks=needs_native)])
@pytest.mark.parametrize("name", PARAMETRIC)
def test_every_parametric_gate_has_the_derivative_of_finite_differences(name, kernels):
    record = RECORDS[name]
    rng = np.random.default_rng(PARAMETRIC.index(name))
    for controls in (0, 1, 2):
        width = record.num_qubits + controls + 1
        angles = [quasim.Parameter(f"a{i}") for i in range(len(record.parameters))]
        circuit = quasim.Circuit(width)
        for qubit in range(width):
            circuit.u(*rng.normal(size=3), qubit)
        for first, second in pairwise(range(width)):
            circuit.cx(first, second)
        qubits = rng.permutation(width)[: width - 1].tolist()
        state = int(rng.integers(1 << controls))
        circuit.append(
            quasim.Gate.named(name, angles, controls=controls, control_state=state), qubits
        )
        for qubit in range(width):
            circuit.u(*rng.normal(size=3), qubit)
        observables = ["".join(rng.choice(list("IXYZ"), width)) for _ in range(2)]
        point = rng.normal(size=len(angles))
        with quasim.runtime(simulation_precision="fp64", kernels=kernels) as rt:

            def values(at, rt=rt, circuit=circuit, observables=observables):
                return np.array(rt.measure(circuit, observables, parameters=at))

            found, jacobian = rt.gradient(circuit, observables, point)
            np.testing.assert_allclose(found, values(point), atol=1e-12)
            np.testing.assert_allclose(jacobian, differences(values, point, 1e-3), atol=1e-8)


def test_a_rotation_has_the_derivative_of_dense_matrices():
    rng = np.random.default_rng(3)
    letters = {
        "I": np.eye(2),
        "X": [[0, 1], [1, 0]],
        "Y": [[0, -1j], [1j, 0]],
        "Z": [[1, 0], [0, -1]],
    }
    for label in ("XYZ", "ZIZ", "YXI", "IIZ"):
        pauli = np.eye(1)
        for letter in label:
            pauli = np.kron(pauli, letters[letter])
        psi, bra, theta = random_state(rng, 3), random_state(rng, 3), 0.7
        circuit = quasim.Circuit(3).pauli_rotation(label, quasim.Parameter("t"), range(3))
        with quasim.runtime(simulation_precision="fp64") as rt:
            run = rt.differentiate(circuit, parameters=[theta], initial_state=psi)
            derivative = -0.5j * pauli @ expm(-0.5j * theta * pauli) @ psi
            assert run.pullback(bra)[0] == pytest.approx(
                2 * np.vdot(bra, derivative).real, abs=1e-12
            )


@pytest.mark.parametrize("kernels", ["reference", pytest.param("native", marks=needs_native)])
def test_shared_and_affine_parameters_add_up(kernels):
    rng = np.random.default_rng(5)
    circuit = random_circuit(rng, 4, 40)
    point = rng.normal(size=len(circuit.parameters))
    observables = [{"ZZII": 0.5, "XIXI": -1.5}, "YIYZ", "IIII"]
    with quasim.runtime(simulation_precision="fp64", kernels=kernels) as rt:

        def values(at):
            return np.array(rt.measure(circuit, observables, parameters=at))

        _, jacobian = rt.gradient(circuit, observables, point)
        np.testing.assert_allclose(jacobian, differences(values, point), atol=1e-8)
        cotangents = rng.normal(size=3)
        _, product = rt.vjp(circuit, observables, cotangents, point)
        np.testing.assert_allclose(product, cotangents @ jacobian, atol=1e-12)


@needs_native
@pytest.mark.parametrize("options", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
@pytest.mark.parametrize(("num_qubits", "gates"), [(1, 8), (2, 20), (4, 50), (9, 90), (11, 90)])
def test_native_adjoint_agrees_with_the_reference(num_qubits, gates, dtype, options):
    rng = np.random.default_rng(num_qubits)
    program = lower(random_circuit(rng, num_qubits, gates).instructions, num_qubits)
    schedule = plan(program, options)
    parameters = rng.normal(size=len(program.parameters))
    ket, bra = random_state(rng, num_qubits), random_state(rng, num_qubits)
    found = []
    for kernels in (ReferenceKernels(), NativeKernels()):
        left, right = (kernels.from_host(s, np.dtype(dtype)) for s in (ket, bra))
        found.append((kernels.adjoint(schedule, left, right, parameters), left, right))
    for expected, actual in zip(*found, strict=True):
        np.testing.assert_allclose(actual, expected, atol=GOALS[dtype])


@needs_native
def test_adjoint_is_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(8)
    program = lower(random_circuit(rng, 17, 40).instructions, 17)
    schedule = plan(program)
    parameters = rng.normal(size=len(program.parameters))
    ket, bra = random_state(rng, 17), random_state(rng, 17)
    found = []
    for threads in (1, 2, 5):
        kernels = NativeKernels(threads=threads)
        left, right = (kernels.from_host(s, np.dtype(np.complex128)) for s in (ket, bra))
        found.append(kernels.adjoint(schedule, left, right, parameters))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


@needs_native
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
def test_native_pauli_sums_agree_with_the_reference(dtype):
    rng = np.random.default_rng(9)
    for num_qubits in (0, 1, 3, 7, 10):
        state = random_state(rng, num_qubits).astype(dtype)
        masks = rng.integers(0, 1 << num_qubits, (2, 30)).astype(np.uint64)
        masks[0, 10:20] = masks[0, 0]
        weights = rng.normal(size=30) + 1j * rng.normal(size=30)
        expected = ReferenceKernels().apply_pauli_sum(state, *masks, weights)
        found = NativeKernels().apply_pauli_sum(state, *masks, weights)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, atol=GOALS[dtype])


@needs_native
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("num_qubits", [1, 2, 5, 9, 12])
def test_a_chain_with_fields_is_applied_to_a_state(num_qubits, dtype):
    """One string, a few patterns of signs within a row, and many of them."""
    rng = np.random.default_rng(11)
    state = random_state(rng, num_qubits).astype(dtype)
    bonds = [3 << q for q in range(num_qubits - 1)]
    pairs = [1 << p | 1 << q for p in range(num_qubits) for q in range(p)]
    for z_masks in (bonds, pairs, [1 << q for q in range(num_qubits)]):
        x = [0] * len(z_masks) + [1 << q for q in range(num_qubits)]
        z = z_masks + [1 << (num_qubits - 1 - q) for q in range(num_qubits)]
        masks = np.array([x, z], np.uint64)
        weights = rng.normal(size=len(x)) + 1j * rng.normal(size=len(x))
        expected = ReferenceKernels().apply_pauli_sum(state, *masks, weights)
        found = NativeKernels().apply_pauli_sum(state, *masks, weights)
        np.testing.assert_allclose(found, expected, atol=GOALS[dtype])


def test_the_last_sweep_may_overwrite_the_final_state():
    rng = np.random.default_rng(36)
    circuit = random_circuit(rng, 4, 30)
    point = rng.normal(size=len(circuit.parameters))
    sums = [quasim.PauliSum.of(o) for o in ("ZZII", "IIII", "XIYZ")]
    with quasim.runtime(simulation_precision="fp64") as rt:
        kept = rt.differentiate(circuit, parameters=point, keep_idle=True)
        before = kept.state.copy()
        values, jacobian = kept.values_and_jacobian(sums)
        np.testing.assert_array_equal(kept.state, before)
        np.testing.assert_allclose(kept.vjp(sums, [1, 2, 3]), [1, 2, 3] @ jacobian, atol=1e-12)
        np.testing.assert_array_equal(kept.state, before)
        again = kept.values_and_jacobian(sums, consume=True)
        np.testing.assert_allclose(again[0], values, atol=1e-12)
        np.testing.assert_allclose(again[1], jacobian, atol=1e-12)


def test_the_inverse_plan_undoes_the_plan():
    rng = np.random.default_rng(10)
    program = lower(random_circuit(rng, 5, 60).instructions, 5)
    parameters = rng.normal(size=len(program.parameters))
    kernels = ReferenceKernels()
    for options in PLANS.values():
        schedule = plan(program, options)
        start = random_state(rng, 5)
        state = start.copy()
        kernels.run(schedule, state, parameters)
        kernels.run(inverse_plan(schedule), state, parameters)
        np.testing.assert_allclose(state, start, atol=1e-12)
        assert inverse_plan(schedule) is inverse_plan(schedule)


def test_null_kernels_count_both_passes():
    kernels = NullKernels()
    schedule = plan(lower(quasim.Circuit(3).h(0).cx(0, 1).instructions, 3))
    state = kernels.zero_state(3, np.dtype(np.complex128))
    bra = kernels.apply_pauli_sum(state, np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.ones(1))
    assert not kernels.adjoint(schedule, state, bra, np.zeros(0)).any()
    assert kernels.calls["adjoint"] == 1
    assert kernels.stages == 2 * schedule.num_stages


@needs_native
def test_adjoint_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    schedule = plan(lower(quasim.Circuit(3).h(0).instructions, 3))
    kernels = NativeKernels()
    state, bra = (kernels.zero_state(3, np.dtype(np.complex128)) for _ in range(2))
    with pytest.raises(quasim.Cancelled):
        kernels.adjoint(schedule, state, bra, np.zeros(0), token)


def test_idle_qubits_are_not_simulated_but_observed():
    circuit = quasim.Circuit(30).rx(quasim.Parameter("t"), 29)
    with quasim.runtime(simulation_precision="fp64") as rt:
        zeros = "I" * 28
        values, jacobian = rt.gradient(circuit, [f"Z{zeros}Z", f"Z{zeros}X"], [0.4])
    np.testing.assert_allclose(values, [np.cos(0.4), 0], atol=1e-12)
    np.testing.assert_allclose(jacobian, [[-np.sin(0.4)], [0]], atol=1e-12)


def test_prepared_states_are_differentiated_from():
    amplitudes = np.array([0.6, 0.8j])
    circuit = quasim.Circuit(2).initialize(amplitudes, [1]).ry(quasim.Parameter("t"), 1)
    with quasim.runtime(simulation_precision="fp64") as rt:
        values, jacobian = rt.gradient(circuit, "XI", [0.2])
        step = 1e-5
        up, down = (rt.measure(circuit, "XI", parameters=[0.2 + s])[0] for s in (step, -step))
    assert values.shape == (1,)
    assert jacobian[0, 0] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_a_parameter_before_a_preparation_is_refused():
    circuit = quasim.Circuit(2).ry(quasim.Parameter("t"), 0).initialize([1, 0], [1])
    with (
        quasim.runtime() as rt,
        pytest.raises(quasim.UnsupportedError, match="before a state is prepared"),
    ):
        rt.gradient(circuit, "ZI", [0.2])


def test_circuits_that_depend_on_chance_are_refused():
    circuit = quasim.Circuit(1, 1).rx(quasim.Parameter("t"), 0).measure(0, 0)
    with quasim.runtime() as rt, pytest.raises(quasim.UnsupportedError, match="measures"):
        rt.gradient(circuit, "Z", [0.1])


def test_too_large_a_gradient_is_refused_with_what_fits():
    circuit = quasim.Circuit(20).rx(quasim.Parameter("t"), 0)
    with (
        quasim.runtime(max_memory_mb=1) as rt,
        pytest.raises(quasim.MemoryLimitError, match="at most 17 qubits"),
    ):
        rt.differentiate(circuit, parameters=[0.1], keep_idle=True)


@pytest.mark.parametrize(
    ("cotangents", "observable", "error"),
    [([1.0, 2.0], "Z", quasim.ShapeError), ([1.0], {"Z": 1j}, quasim.CircuitError)],
)
def test_impossible_cotangents_are_refused(cotangents, observable, error):
    circuit = quasim.Circuit(1).rx(quasim.Parameter("t"), 0)
    with quasim.runtime() as rt, pytest.raises(error):
        rt.vjp(circuit, observable, cotangents, [0.1])


# --- forwards ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kernels", ["reference", pytest.param("native", marks=needs_native)])
def test_directional_derivatives_agree_with_finite_differences(kernels):
    rng = np.random.default_rng(21)
    circuit = random_circuit(rng, 5, 60)
    point = rng.normal(size=len(circuit.parameters))
    direction = rng.normal(size=len(point))
    observables = [{"ZZIII": 0.5, "XIXII": -1.5}, "YIYZI", "IIIII"]
    with quasim.runtime(simulation_precision="fp64", kernels=kernels) as rt:

        def state(at):
            return rt.simulate(circuit, parameters=point + at[0] * direction)

        def values(at):
            return np.array(rt.measure(circuit, observables, parameters=point + at[0] * direction))

        run = rt.differentiate(circuit, parameters=point, keep_idle=True)
        wanted = differences(state, np.zeros(1), 1e-3)[:, 0]
        np.testing.assert_allclose(run.tangent(direction), wanted, atol=1e-8)
        found, slopes = rt.jvp(circuit, observables, direction, point)
        np.testing.assert_allclose(found, values([0.0]), atol=1e-12)
        np.testing.assert_allclose(slopes, differences(values, np.zeros(1), 1e-3)[:, 0], atol=1e-8)
        _, jacobian = rt.gradient(circuit, observables, point)
        np.testing.assert_allclose(slopes, jacobian @ direction, atol=1e-12)


@needs_native
@pytest.mark.parametrize("options", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
@pytest.mark.parametrize(("num_qubits", "gates"), [(1, 8), (2, 20), (4, 50), (9, 90), (14, 40)])
def test_native_tangents_agree_with_the_reference(num_qubits, gates, dtype, options):
    rng = np.random.default_rng(num_qubits)
    program = lower(random_circuit(rng, num_qubits, gates).instructions, num_qubits)
    schedule = plan(program, options)
    parameters, direction = rng.normal(size=(2, len(program.parameters)))
    state, change = random_state(rng, num_qubits), random_state(rng, num_qubits)
    found = []
    for kernels in (ReferenceKernels(), NativeKernels()):
        left, right = (kernels.from_host(s, np.dtype(dtype)) for s in (state, change))
        kernels.tangent(schedule, left, right, parameters, direction)
        found.append((left, right))
    for expected, actual in zip(*found, strict=True):
        np.testing.assert_allclose(actual, expected, atol=GOALS[dtype])


def test_a_direction_starts_from_the_given_state():
    rng = np.random.default_rng(23)
    circuit = random_circuit(rng, 3, 20)
    point, direction = rng.normal(size=(2, len(circuit.parameters)))
    start = random_state(rng, 3)
    with quasim.runtime(simulation_precision="fp64") as rt:
        run = rt.differentiate(circuit, parameters=point, initial_state=start)
        bra = random_state(rng, 3)
        expected = run.pullback(bra) @ direction
        assert 2 * np.vdot(bra, run.tangent(direction)).real == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("direction", [[1.0, 2.0], 1.0, [[1.0]], [np.nan], ["a"]])
def test_impossible_directions_are_refused(direction):
    circuit = quasim.Circuit(1).rx(quasim.Parameter("t"), 0)
    with quasim.runtime() as rt, pytest.raises(quasim.ShapeError, match="direction"):
        rt.jvp(circuit, "Z", direction, [0.1])


# --- wide states ------------------------------------------------------------------------------


def layers(num_qubits, depth):
    circuit, count = quasim.Circuit(num_qubits), 0
    for q in range(num_qubits):
        circuit.h(q)
    for layer in range(depth):
        for name in ("ry", "rz", "rx"):
            for q in range(num_qubits):
                circuit.append(quasim.Gate.named(name, [quasim.Parameter(f"p{count}")]), [q])
                count += 1
        for q in range(num_qubits):
            circuit.cx(q, (q + layer + 1) % num_qubits)
    circuit.pauli_rotation("XYZ" * (num_qubits // 3), quasim.Parameter("w"), range(num_qubits))
    controlled = quasim.Gate.named("rx", [quasim.Parameter("c")], controls=1)
    return circuit.append(controlled, [0, num_qubits - 1])


@needs_native
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("discard", [False, True])
def test_many_tiles_agree_with_the_reference(dtype, discard):
    rng = np.random.default_rng(31)
    program = lower(layers(15, 2).instructions, 15)
    schedule = plan(program)
    # Angles near pi have a cosine near zero.
    parameters = rng.choice([np.pi, np.pi - 1e-4, 0.3, -2.5, 0.0], len(program.parameters))
    ket, bra = random_state(rng, 15), random_state(rng, 15)
    found = []
    for kernels in (ReferenceKernels(), NativeKernels()):
        left, right = (kernels.from_host(s, np.dtype(dtype)) for s in (ket, bra))
        derivatives = kernels.adjoint(schedule, left, right, parameters, discard=discard)
        found.append((derivatives, left, right))
    count = 1 if discard else 3
    for expected, actual in list(zip(*found, strict=True))[:count]:
        np.testing.assert_allclose(actual, expected, atol=GOALS[dtype])


def phases_and_moves(num_qubits, rng):
    """Layers of phases on one to four qubits, moves, and gates without parameters between them."""
    circuit, count = quasim.Circuit(num_qubits), 0

    def symbol():
        nonlocal count
        count += 1
        return quasim.Parameter(f"p{count}")

    def pick(size):
        return rng.permutation(num_qubits)[:size].tolist()

    for q in range(num_qubits):
        circuit.h(q)
    for layer in range(3):
        for name in ("ry", "rx"):
            for q in rng.permutation(num_qubits).tolist():
                circuit.append(quasim.Gate.named(name, [symbol()]), [q])
        for q in range(num_qubits):
            circuit.append(quasim.Gate.named("rz", [symbol()]), [q])
            circuit.append(quasim.Gate.named("rzz", [symbol()]), [q, (q + 5) % num_qubits])
        for controls in (0, 1, 2, 3):
            state = int(rng.integers(1 << controls))
            gate = quasim.Gate.named("p", [symbol()], controls=controls, control_state=state)
            circuit.append(gate, pick(controls + 1))
            gate = quasim.Gate.named("rz", [symbol()], controls=controls, control_state=state)
            circuit.append(gate, pick(controls + 1))
        for q in range(num_qubits - 1):
            circuit.cx(q, q + 1)
        if layer == 0:
            circuit.swap(0, num_qubits - 1).x(1).t(2).h(3).cz(4, 0)
            circuit.append(quasim.Gate.named("rxx", [0.3]), [1, 2])
        elif layer == 1:
            circuit.x(0).cx(2, 0).cx(0, 4).swap(1, 3)
    return circuit


@needs_native
@pytest.mark.parametrize("dtype", GOALS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("tile", [4, 6, 8, 13])
@pytest.mark.parametrize("discard", [False, True])
def test_layers_of_phases_and_moves_agree_with_the_reference(dtype, tile, discard):
    rng = np.random.default_rng(35)
    num_qubits = 10 if tile < 13 else 14
    program = lower(phases_and_moves(num_qubits, rng).instructions, num_qubits)
    schedule = plan(program, PlanOptions(tile_qubits=tile, low_qubits=min(tile, 5) - 2))
    parameters = rng.normal(size=len(program.parameters))
    ket, bra = random_state(rng, num_qubits), random_state(rng, num_qubits)
    found = []
    for kernels in (ReferenceKernels(), NativeKernels()):
        left, right = (kernels.from_host(s, np.dtype(dtype)) for s in (ket, bra))
        derivatives = kernels.adjoint(schedule, left, right, parameters, discard=discard)
        found.append((derivatives, left, right))
    count = 1 if discard else 3
    for expected, actual in list(zip(*found, strict=True))[:count]:
        np.testing.assert_allclose(actual, expected, atol=GOALS[dtype])


@needs_native
def test_tangents_and_pruned_sweeps_are_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(32)
    program = lower(layers(15, 1).instructions, 15)
    schedule = plan(program)
    parameters, direction = rng.normal(size=(2, len(program.parameters)))
    ket, bra = random_state(rng, 15), random_state(rng, 15)
    found = []
    for threads in (1, 2, 3, 4):
        kernels = NativeKernels(threads=threads)
        left, right = (kernels.from_host(s, np.dtype(np.complex64)) for s in (ket, bra))
        derivatives = kernels.adjoint(schedule, left, right, parameters, discard=True)
        left, right = (kernels.from_host(s, np.dtype(np.complex64)) for s in (ket, bra))
        kernels.tangent(schedule, left, right, parameters, direction)
        found.append((derivatives, left, right))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            assert (one == same).all()


@needs_native
def test_thousands_of_rotations_stay_in_range():
    circuit = quasim.Circuit(2)
    angle = quasim.Parameter("t")
    for _ in range(3000):
        circuit.rx(angle, 0).ry(angle, 1)
    with quasim.runtime(simulation_precision="fp64") as rt:
        for point in (2.9, np.pi, 1e-3):
            values, jacobian = rt.gradient(circuit, ["IZ", "ZI"], [point])
            np.testing.assert_allclose(values, np.cos(3000 * point) * np.ones(2), atol=1e-9)
            wanted = -3000 * np.sin(3000 * point) * np.ones((2, 1))
            np.testing.assert_allclose(jacobian, wanted, atol=1e-6)


@needs_native
@pytest.mark.parametrize("method", ["adjoint", "tangent"])
def test_sweeps_stop_when_asked(method):
    rng = np.random.default_rng(33)
    schedule = plan(lower(layers(15, 2).instructions, 15))
    count = len(schedule.program.parameters)
    kernels, token = NativeKernels(), CancelToken()
    states = [kernels.from_host(random_state(rng, 15), np.dtype(np.complex128)) for _ in range(2)]
    token.cancel()
    extra = () if method == "adjoint" else (np.zeros(count),)
    with pytest.raises(quasim.Cancelled):
        getattr(kernels, method)(schedule, *states, np.zeros(count), *extra, token)


def test_diagonal_observables_are_pulled_back():
    rng = np.random.default_rng(34)
    circuit = random_circuit(rng, 4, 30)
    point, diagonal = rng.normal(size=len(circuit.parameters)), rng.normal(size=16)
    with quasim.runtime(simulation_precision="fp64") as rt:
        run = rt.differentiate(circuit, parameters=point, keep_idle=True)
        found = run.pullback(diagonal * run.state)

        def value(at):
            return np.array([diagonal @ np.abs(rt.simulate(circuit, parameters=at)) ** 2])

        np.testing.assert_allclose(found, differences(value, point)[0], atol=1e-8)

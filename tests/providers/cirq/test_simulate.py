"""States, expectation values and amplitudes: Cirq's values, forms, errors and strings."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")

import sympy  # noqa: E402

import quasim_cirq  # noqa: E402
from quasim_cirq.results import TrialResult  # noqa: E402

Q = cirq.LineQubit.range(4)
TOLERANCE = {np.complex64: 2e-6, np.complex128: 1e-12}


def circuit_of(seed: int, num_qubits: int = 4) -> cirq.Circuit:
    return cirq.testing.random_circuit(Q[:num_qubits], 10, 0.8, random_state=seed)


def assert_same_state(ours, theirs, dtype=np.complex64):
    np.testing.assert_allclose(
        ours.final_state_vector, theirs.final_state_vector, rtol=0, atol=TOLERANCE[dtype]
    )
    assert ours.final_state_vector.dtype == theirs.final_state_vector.dtype
    assert ours.qubit_map == theirs.qubit_map
    assert ours.params == theirs.params
    assert list(ours.measurements) == list(theirs.measurements)
    for key, bits in theirs.measurements.items():
        np.testing.assert_array_equal(ours.measurements[key], bits)
        assert ours.measurements[key].dtype == bits.dtype


# --- class ----------------------------------------------------------------------------------------


def test_it_is_a_cirq_simulator():
    simulator = quasim_cirq.Simulator(dtype=np.complex128, split_untangled_states=False)
    assert isinstance(simulator, cirq.Simulator)
    assert isinstance(simulator, cirq.SimulatesAmplitudes)
    assert simulator.noise is cirq.NO_NOISE


def test_constructor_refuses_what_cirq_refuses_and_unknown_options():
    with pytest.raises(ValueError, match="complex"):
        quasim_cirq.Simulator(dtype=np.int32)
    with pytest.raises(ValueError, match="device"):
        quasim_cirq.Simulator(device="tpu")
    with pytest.raises(TypeError, match="shots"):
        quasim_cirq.Simulator(shots=3)


def test_simulator_can_be_pickled_and_copied():
    simulator = quasim_cirq.Simulator(seed=np.random.RandomState(3), num_threads=1)
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.measure(Q[0], key="m"))
    twin = pickle.loads(pickle.dumps(simulator))
    assert twin.run(circuit, repetitions=9) == simulator.run(circuit, repetitions=9)
    copy.deepcopy(simulator).run(circuit)


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("split", [True, False])
def test_state_is_cirqs_in_any_qubit_order(dtype, split):
    options = {"dtype": dtype, "split_untangled_states": split}
    extra = cirq.NamedQubit("idle")
    for seed in range(6):
        circuit = circuit_of(seed)
        for order in (cirq.QubitOrder.DEFAULT, [Q[2], Q[0], extra, Q[3], Q[1]]):
            assert_same_state(
                quasim_cirq.Simulator(**options).simulate(circuit, qubit_order=order),
                cirq.Simulator(**options).simulate(circuit, qubit_order=order),
                dtype,
            )


RANDOM = cirq.testing.random_superposition(16, random_state=4)


@pytest.mark.parametrize(
    "start",
    [
        None,
        5,
        RANDOM,
        RANDOM.astype(np.complex64),
        RANDOM.reshape(2, 2, 2, 2),
        np.eye(16)[3],
        (1, 0, 1, 1),
        cirq.KET_PLUS(Q[0]) * cirq.KET_ONE(Q[1]) * cirq.KET_IMAG(Q[2]) * cirq.KET_MINUS(Q[3]),
    ],
    ids=["none", "int", "c128", "c64", "tensor", "real", "digits", "product"],
)
def test_initial_state_forms(start):
    kept = start.copy() if isinstance(start, np.ndarray) else start
    circuit = circuit_of(1)
    ours = quasim_cirq.Simulator(dtype=np.complex128).simulate(circuit, initial_state=start)
    theirs = cirq.Simulator(dtype=np.complex128).simulate(circuit, initial_state=start)
    # A complex64 start carries its own rounding, which Cirq does not normalise away either.
    np.testing.assert_allclose(ours.final_state_vector, theirs.final_state_vector, atol=2e-7)
    if isinstance(start, np.ndarray):
        np.testing.assert_array_equal(start, kept)


def test_array_of_the_user_is_neither_changed_nor_aliased():
    start = np.array([1, 0], np.complex64)
    result = quasim_cirq.Simulator().simulate(cirq.Circuit(cirq.I(Q[0])), initial_state=start)
    result.final_state_vector[0] = 9
    assert start.tolist() == [1, 0]


def test_state_object_as_initial_state_is_continued():
    state = cirq.StateVectorSimulationState(
        qubits=Q[:1], initial_state=1, prng=np.random.RandomState(0)
    )
    result = quasim_cirq.Simulator().simulate(cirq.Circuit(cirq.X(Q[0])), initial_state=state)
    assert result.dirac_notation() == "|0⟩"


@pytest.mark.parametrize("start", [np.ones(3), [2, 0, 0, 0], "zero"], ids=str)
def test_wrong_initial_state_is_cirqs_error(start):
    circuit = circuit_of(1)
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever Cirq raises
        cirq.Simulator().simulate(circuit, initial_state=start)
    with pytest.raises(theirs.type):
        quasim_cirq.Simulator().simulate(circuit, initial_state=start)


def test_wrong_norm_is_kept_and_warned_about():
    start = np.array([2, 0], np.complex64)
    result = quasim_cirq.Simulator().simulate(cirq.Circuit(cirq.X(Q[0])), initial_state=start)
    with pytest.warns(UserWarning, match="too far from 1"):
        assert abs(result.final_state_vector[1]) == 2


def test_measurement_collapses_as_in_cirq():
    circuit = circuit_of(2)
    circuit += [
        cirq.measure(Q[2], Q[0], key="a", invert_mask=(True,)),
        cirq.reset(Q[1]),
        cirq.H(Q[1]),
        cirq.X(Q[3]).with_classical_controls("a"),
        cirq.measure(Q[1], key="a2"),
        cirq.measure(Q[3], Q[2], key="a"),
    ]
    for seed in range(8):
        for start in (None, 3):
            assert_same_state(
                quasim_cirq.Simulator(seed=seed).simulate(circuit, initial_state=start),
                cirq.Simulator(seed=seed).simulate(circuit, initial_state=start),
            )


def test_sweep_gives_cirqs_states_and_params():
    a, b = sympy.symbols("a b")
    circuit = cirq.Circuit(
        cirq.H(Q[0]), cirq.rx(a)(Q[0]), cirq.CZ(Q[0], Q[1]) ** (a * b), cirq.ry(b + 1)(Q[1])
    )
    sweep = cirq.Product(cirq.Linspace("a", 0, 1, 3), cirq.Points("b", [0.2, 0.7]))
    ours = quasim_cirq.Simulator(dtype=np.complex128).simulate_sweep(circuit, sweep)
    theirs = cirq.Simulator(dtype=np.complex128).simulate_sweep(circuit, sweep)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert_same_state(mine, wanted, np.complex128)


def test_gate_that_needs_values_is_translated_at_each_point():
    a = sympy.Symbol("a")
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.DiagonalGate([0.1, a])(Q[0]))
    simulator = quasim_cirq.Simulator()
    for value in (0.3, 0.9):
        result = simulator.simulate(circuit, {"a": value})
        assert isinstance(result, TrialResult)
        assert_same_state(result, cirq.Simulator().simulate(circuit, {"a": value}))


def test_steps_through_moments_are_inherited():
    circuit = circuit_of(3)
    ours = [
        s.state_vector(copy=True) for s in quasim_cirq.Simulator().simulate_moment_steps(circuit)
    ]
    theirs = [s.state_vector(copy=True) for s in cirq.Simulator().simulate_moment_steps(circuit)]
    np.testing.assert_array_equal(ours, theirs)


# --- results --------------------------------------------------------------------------------------


def test_result_is_equal_to_cirqs_and_prints_the_same():
    circuit = cirq.Circuit(
        cirq.X(Q[0]) ** 0.5,
        cirq.H(Q[1]),
        cirq.CX(Q[1], Q[2]),
        cirq.measure(Q[1], key="m"),
        cirq.global_phase_operation(1j),
    )
    for seed in range(4):
        ours = quasim_cirq.Simulator(seed=seed).simulate(circuit, qubit_order=Q)
        theirs = cirq.Simulator(seed=seed).simulate(circuit, qubit_order=Q)
        assert str(ours) == str(theirs)
        assert cirq.approx_eq(ours.final_state_vector, theirs.final_state_vector, atol=1e-6)
    exact = cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="m"))
    ours, theirs = quasim_cirq.Simulator().simulate(exact), cirq.Simulator().simulate(exact)
    assert ours == theirs
    assert theirs == ours
    assert ours != cirq.Simulator().simulate(exact[:1])
    assert repr(ours).startswith("cirq.StateVectorTrialResult(params=")


def test_result_has_cirqs_methods():
    circuit = circuit_of(5)
    ours = quasim_cirq.Simulator(dtype=np.complex128).simulate(circuit)
    theirs = cirq.Simulator(dtype=np.complex128).simulate(circuit)
    assert ours.dirac_notation(2) == theirs.dirac_notation(2)
    np.testing.assert_allclose(
        ours.density_matrix_of([Q[2], Q[0]]), theirs.density_matrix_of([Q[2], Q[0]]), atol=1e-12
    )
    np.testing.assert_allclose(ours.bloch_vector_of(Q[1]), theirs.bloch_vector_of(Q[1]), atol=1e-6)
    assert cirq.qid_shape(ours) == cirq.qid_shape(theirs)
    assert ours.state_vector(copy=True) is not ours.final_state_vector
    substate = ours.get_state_containing_qubit(Q[0])
    assert substate.qubits == theirs.get_state_containing_qubit(Q[0]).qubits
    loaded = pickle.loads(pickle.dumps(ours))
    assert type(loaded) is cirq.StateVectorTrialResult
    np.testing.assert_allclose(loaded.final_state_vector, ours.final_state_vector, atol=1e-12)


def test_large_result_prints_one_state():
    qubits = cirq.LineQubit.range(14)
    text = str(quasim_cirq.Simulator().simulate(cirq.Circuit(cirq.X.on_each(*qubits))))
    assert "output vector: |11111111111111⟩" in text


def test_states_too_large_to_store_are_left_to_cirq_only_if_untangled():
    qubits = cirq.LineQubit.range(50)
    apart = quasim_cirq.Simulator().simulate(cirq.Circuit(cirq.X.on_each(*qubits)))
    assert apart.get_state_containing_qubit(qubits[3]).target_tensor.tolist() == [0, 1]
    chain = cirq.Circuit(cirq.CX(p, q) for p, q in itertools.pairwise(qubits))
    with pytest.raises(MemoryError):
        quasim_cirq.Simulator().simulate(chain)


# --- expectation values and amplitudes ------------------------------------------------------------


@pytest.mark.parametrize("start", [None, 6, RANDOM], ids=["none", "int", "array"])
def test_expectation_values_are_cirqs(start):
    circuit = circuit_of(6)
    observables = [
        cirq.Z(Q[0]) * cirq.X(Q[2]),
        0.5 * cirq.Y(Q[3]) - 2 * cirq.Z(Q[1]) * cirq.Z(Q[3]) + 3,
        cirq.PauliString(coefficient=-2.0),
        cirq.X(Q[1]),
    ]
    order = [Q[1], Q[3], Q[0], Q[2]]
    ours, theirs = (
        simulator(dtype=np.complex128).simulate_expectation_values(
            circuit, observables, qubit_order=order, initial_state=start
        )
        for simulator in (quasim_cirq.Simulator, cirq.Simulator)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_expectation_values_of_a_sweep():
    a = sympy.Symbol("a")
    circuit = cirq.Circuit(cirq.rx(a)(Q[0]), cirq.CX(Q[0], Q[1]))
    values = quasim_cirq.Simulator().simulate_expectation_values_sweep(
        circuit, cirq.Z(Q[1]), cirq.Points("a", [0.0, np.pi / 3])
    )
    np.testing.assert_allclose(values, [[1.0], [0.5]], atol=1e-7)


def test_expectation_value_errors_are_cirqs():
    simulator = quasim_cirq.Simulator()
    measured = cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0]))
    with pytest.raises(ValueError, match="permit_terminal_measurements=True"):
        simulator.simulate_expectation_values(measured, cirq.Z(Q[0]))
    assert simulator.simulate_expectation_values(
        measured, cirq.Z(Q[0]), permit_terminal_measurements=True
    ) == [-1]
    with pytest.raises(NotImplementedError, match="non-Hermitian"):
        simulator.simulate_expectation_values(measured[:1], 1j * cirq.Z(Q[0]))
    with pytest.raises(ValueError, match="complete mapping"):
        simulator.simulate_expectation_values(measured[:1], cirq.Z(Q[3]))


def test_amplitudes_are_cirqs():
    circuit = circuit_of(7)
    for chosen in ([3, 0, 9], (1, 2), np.array([5])):
        np.testing.assert_allclose(
            quasim_cirq.Simulator().compute_amplitudes(circuit, chosen, qubit_order=Q[::-1]),
            cirq.Simulator().compute_amplitudes(circuit, chosen, qubit_order=Q[::-1]),
            atol=2e-6,
        )
    with pytest.raises(ValueError, match="1-dimensional"):
        quasim_cirq.Simulator().compute_amplitudes(circuit, np.array([[0, 1]]))


def test_states_are_normalised_before_or_after_others_have_seen_them():
    rng = np.random.default_rng(4)
    amplitudes = rng.normal(size=16) + 1j * rng.normal(size=16)
    amplitudes *= (1 + 1e-5) / np.linalg.norm(amplitudes)
    for seen in (False, True):
        given = amplitudes.astype(np.complex64)
        result = TrialResult(cirq.ParamResolver(), {}, given, Q[:4])
        before = result._final_simulator_state.target_tensor.copy() if seen else None
        vector = result.final_state_vector
        assert abs(np.linalg.norm(vector.astype(complex)) - 1) < 2e-7
        np.testing.assert_allclose(vector, amplitudes, atol=2e-5)
        after = result._final_simulator_state.target_tensor
        np.testing.assert_allclose(after.reshape(-1), vector, atol=2e-5)
        if seen:
            np.testing.assert_array_equal(after, before)


def test_no_warning_on_an_ordinary_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = quasim_cirq.Simulator().simulate(circuit_of(8))
        assert abs(np.linalg.norm(result.final_state_vector) - 1) < 1e-6
        str(result)

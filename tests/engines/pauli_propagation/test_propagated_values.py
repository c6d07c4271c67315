"""Propagated expectation values against dense states, density matrices and Stim."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.ir import Circuit, Gate
from quasim_backend.ir.array_observables import DiagonalObservable, MatrixObservable
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.base import CancelToken
from quasim_backend.noise import amplitude_damping, depolarizing
from quasim_backend.testing import exact_branches, random_circuit, random_state, random_values
from quasim_backend.testing.generators import haar_unitary
from quasim_backend.testing.noisy_generators import random_noisy_circuit
from quasim_backend.testing.oracles import dense_state, observable_matrix

TOLERANCE = 1e-12


def session(**options: Any) -> quasim.Runtime:
    return quasim.runtime(method="pauli_propagation", simulation_precision="fp64", **options)


def placed_gates(rng: np.random.Generator, width: int, count: int, widest: int = 4) -> Circuit:
    """Return random gates of every kind on at most ``widest`` qubits, anywhere."""
    circuit = Circuit(width)
    for _ in range(count):
        small = random_circuit(rng, int(rng.integers(1, min(width, widest) + 1)), 1)
        places = [int(q) for q in rng.permutation(width)[: small.num_qubits]]
        for operation in small.instructions:
            assert isinstance(operation, GateOp)
            qubits = tuple(places[q] for q in operation.qubits)
            circuit.instructions.append(GateOp(operation.gate, qubits))
    return circuit


def random_sum(rng: np.random.Generator, width: int, terms: int) -> PauliSum:
    labels = ["".join(rng.choice(list("IXYZ"), width)) for _ in range(terms)]
    return PauliSum.of({label: float(rng.normal()) for label in labels})


@pytest.mark.parametrize("seed", range(25))
def test_values_agree_with_dense_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 9))
    circuit = placed_gates(rng, width, int(rng.integers(1, 20)))
    values = random_values(rng, circuit)
    state = dense_state(circuit, values)
    # Few sums of one string each are groups of the table, sums of the same strings its columns.
    apart = [random_sum(rng, width, 1) for _ in range(4)]
    alike = [PauliSum(tuple((w * k, p) for w, p in apart[0].terms)) for k in (2.0, -0.5)]
    for sums in (apart, alike):
        with session() as run:
            found = run.measure(circuit, sums, parameters=values)
        for value, observable in zip(found, sums, strict=True):
            matrix = observable_matrix(observable, width)
            assert value == pytest.approx(np.vdot(state, matrix @ state).real, abs=TOLERANCE)


def test_ten_qubits_and_many_strings() -> None:
    rng = np.random.default_rng(7)
    circuit = placed_gates(rng, 10, 22, widest=3)
    values = random_values(rng, circuit)
    state = dense_state(circuit, values)
    observable = random_sum(rng, 10, 30)
    circuit.save("expectation", "mean", observable=observable)
    with session() as run:
        result = run.run(circuit, shots=0, parameters=values)
    matrix = observable_matrix(observable, 10)
    assert result.saved["mean"] == pytest.approx(np.vdot(state, matrix @ state).real, abs=1e-11)
    assert result.metadata["pauli_strings"] > 1000


def test_complex_weights_and_initial_states() -> None:
    rng = np.random.default_rng(8)
    circuit = placed_gates(rng, 5, 12)
    values, start = random_values(rng, circuit), random_state(rng, 5)
    observable = PauliSum.of({"XYZIZ": 0.3 - 1.2j, "IIXXI": 2.0, "IIIII": 1j})
    state = dense_state(circuit, values, start)
    with session() as run:
        found = run.expectations(circuit, [observable], parameters=values, initial_state=start)
    matrix = observable_matrix(observable, 5)
    assert found[0] == pytest.approx(np.vdot(state, matrix @ state), abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(12))
def test_noise_resets_and_preparations_agree_with_density_matrices(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    width = int(rng.integers(2, 6))
    circuit = random_noisy_circuit(rng, width, 6)
    values = random_values(rng, circuit)
    rho = np.asarray(sum(exact_branches(circuit, values).values()))
    observable = random_sum(rng, width, 5)
    qubits = tuple(int(q) for q in rng.permutation(width)[:2])
    block = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    diagonal = DiagonalObservable(rng.normal(size=4), qubits)
    with session() as run:
        found = run.expectations(
            circuit, [observable, MatrixObservable(block, qubits), diagonal], parameters=values
        )
    with quasim.runtime(method="density_matrix", simulation_precision="fp64") as exact:
        wanted = exact.expectations(
            circuit, [observable, MatrixObservable(block, qubits), diagonal], parameters=values
        )
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)
    mean = np.trace(observable_matrix(observable, width) @ rho)
    assert found[0] == pytest.approx(mean, abs=TOLERANCE)


def test_noise_models_of_a_session() -> None:
    model = quasim.NoiseModel().on_gates(depolarizing(0.02, 2), "cx")
    model = model.on_gates(amplitude_damping(0.1), "rx")
    circuit = Circuit(4).h(0)
    for q in range(3):
        circuit.cx(q, q + 1).rx(0.3 * q + 0.1, q)
    sums = ["ZZII", "IXYZ", "XXXX"]
    with session(noise_model=model) as run:
        found = run.measure(circuit, sums)
    with quasim.runtime(
        method="density_matrix", simulation_precision="fp64", noise_model=model
    ) as exact:
        np.testing.assert_allclose(found, exact.measure(circuit, sums), rtol=0, atol=TOLERANCE)


def test_saves_along_the_way_in_loops_and_after_measurements() -> None:
    theta = quasim.Parameter("theta")
    circuit = Circuit(3, 3).h(0).cx(0, 1).rx(theta, 2)
    circuit.save("probabilities", "early", qubits=(2, 0))
    circuit.measure([0], [0])
    angle = quasim.Parameter("angle")
    body = Circuit(3, 3).ry(angle * 0.3 + theta, 1).cx(1, 2).reset(0).h(0)
    circuit.for_((1, 2, 5), body, parameter=angle)
    circuit.save("density_matrix", "late", qubits=(1, 2)).save("variance", "var", observable="XZY")
    values = {theta: 0.7}
    with session() as run:
        found = run.run(circuit, shots=0, parameters=values).saved
    with quasim.runtime(method="density_matrix", simulation_precision="fp64") as exact:
        wanted = exact.run(circuit, shots=0, parameters=values).saved
    assert set(found) == set(wanted) == {"early", "late", "var"}
    for label, value in wanted.items():
        np.testing.assert_allclose(found[label], value, rtol=0, atol=TOLERANCE)


def test_wide_gates_that_are_products_of_rotations() -> None:
    rng = np.random.default_rng(9)
    circuit = Circuit(8)
    for q in range(8):
        circuit.ry(0.4 + q, q)
    circuit.instructions += [
        GateOp(Gate.named("x", controls=6, control_state=37), tuple(range(7))),
        GateOp(Gate.named("p", (0.8,), controls=5, control_state=5), (7, 2, 0, 1, 4, 6)),
        GateOp(Gate.named("ry", (1.3,), controls=6), (1, 0, 2, 3, 5, 6, 7)),
        GateOp(Gate.named("t", controls=7), tuple(reversed(range(8)))),
        GateOp(Gate.pauli_rotation("XYZZYXIX", 0.6), (3, 1, 0, 2, 4, 7, 6, 5)),
    ]
    state = dense_state(circuit)
    sums = [random_sum(rng, 8, 3) for _ in range(4)]
    with session() as run:
        found = run.measure(circuit, sums)
    wanted = [np.vdot(state, observable_matrix(o, 8) @ state).real for o in sums]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


def test_what_it_cannot_do_is_said() -> None:
    def refused(circuit: Circuit, match: str, shots: int = 0) -> None:
        with session() as run, pytest.raises(quasim.errors.UnsupportedError, match=match):
            run.run(circuit, shots=shots)

    saving = Circuit(2, 1).h(0).save("expectation", "e", observable="ZZ")
    refused(saving, "not shots", shots=5)
    refused(Circuit(2).h(0), "saves nothing")
    refused(Circuit(2).h(0).save("statevector"), "no amplitudes")
    refused(Circuit(14).h(0).h(13).save("probabilities", qubits=range(14)), "up to 12")
    wide = Circuit(7).h(0)
    wide.unitary(haar_unitary(np.random.default_rng(1), 6), list(range(6)))
    wide.save("expectation", "e", observable="Z" * 7)
    refused(wide, r"gate 'unitary' on 6 qubits \(operation 1\) is too wide")
    steered = Circuit(2, 1).h(0).measure(0, 0).if_(Bit(0), Circuit(2, 1).x(1))
    refused(steered.save("expectation", "e", observable="ZZ"), "depends on one")


def test_a_token_that_is_set_stops_the_run() -> None:
    token = CancelToken()
    token.cancel()
    with session() as run, pytest.raises(quasim.errors.Cancelled):
        run.expectations(Circuit(2).h(0), ["ZZ"], cancel=token)


def test_strings_stay_within_the_workspace() -> None:
    rng = np.random.default_rng(3)
    circuit = Circuit(40)
    for _ in range(6):
        for q in range(40):
            circuit.rx(float(rng.normal()), q).rz(float(rng.normal()), q)
        for q in range(39):
            circuit.cx(q, q + 1)
    observable = PauliSum(((1.0, PauliString(0, 1 << 20)),))
    with (
        session(max_workspace_mb=4) as run,
        pytest.raises(quasim.errors.MemoryLimitError, match="max_workspace_mb=4 allows"),
    ):
        run.measure(circuit, observable)


def test_circuits_without_gates() -> None:
    with session() as run:
        assert run.measure(Circuit(3), ["ZZZ", "XII"]) == [1.0, 0.0]
        np.testing.assert_array_equal(run.probabilities(Circuit(3), (0, 2)), [1, 0, 0, 0])


def test_dense_gates_are_merged_while_they_act() -> None:
    """Three-qubit unitaries make 64 strings of one, of which 4**6 are different."""
    rng = np.random.default_rng(4)
    circuit = Circuit(6)
    for _ in range(8):
        circuit.unitary(haar_unitary(rng, 3), [int(q) for q in rng.permutation(6)[:3]])
    state, observable = dense_state(circuit), random_sum(rng, 6, 3)
    with session(max_workspace_mb=2) as run:
        run.measure(circuit, observable)
        tracemalloc.start()
        (found,) = run.measure(circuit, observable)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    matrix = observable_matrix(observable, 6)
    assert found == pytest.approx(np.vdot(state, matrix @ state).real, abs=TOLERANCE)
    assert peak < 4 << 20


def test_averages_are_exact_and_say_so() -> None:
    circuit = Circuit(2).h(0).cx(0, 1).t(1).ry(0.3, 0)
    circuit.save("expectation", "mean", observable="XZ", subtype="average")
    circuit.save("variance", "spread", observable={"XZ": 0.7, "ZI": 0.2}, subtype="average")
    with session() as run, quasim.runtime(method="statevector") as exact:
        found, wanted = run.run(circuit, shots=0), exact.run(circuit, shots=0)
    for label, value in wanted.saved.items():
        assert found.saved[label] == pytest.approx(value, abs=1e-6)
    assert found.standard_errors == {"mean": 0.0, "spread": 0.0}


@pytest.mark.parametrize("angle", [6e-8, -1e-9, np.pi + 6e-8])
def test_small_angles_are_not_lost(angle: float) -> None:
    circuit = Circuit(1)
    for _ in range(2001):
        circuit.rx(angle, 0)
    with session() as rt:
        (value,) = rt.measure(circuit, "Y")
    assert value == pytest.approx(-np.sin(2001 * angle), abs=1e-11)

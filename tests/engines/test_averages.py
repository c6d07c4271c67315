"""Averages of values that many shots share, and their standard errors, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.engines.averages import average_of
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.density_matrix import DensityMatrixEngine
from quasim_backend.engines.trajectories import TrajectoriesEngine
from quasim_backend.ir import Channel, Circuit, PauliSum
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.instructions import Save
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.density_oracle import exact_branches

X, Z = np.array([[0, 1], [1, 0]]), np.diag([1.0, -1.0])
DAMPING = Channel.kraus([np.diag([1, np.sqrt(0.7)]), [[0, np.sqrt(0.3)], [0, 0]]])
FLIP = Channel.mixture([0.8, 0.2], [np.eye(2), X])


def gathered(save: Save, counts: np.ndarray, values: np.ndarray):
    average = average_of(save, int(counts[0]), values[0])
    for count, value in zip(counts[1:].tolist(), values[1:], strict=True):
        average.add(count, value)
    return average


@pytest.mark.parametrize("shape", [(), (4,), (2, 2)])
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_shared_values_count_once_for_each_shot(shape, offset):
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 9, 30)
    values = offset + rng.normal(size=(30, *shape)) + 1j * rng.normal(size=(30, *shape))
    average = gathered(Save("density_matrix", "x"), counts, values)
    each = np.repeat(values, counts, axis=0)
    np.testing.assert_allclose(average.value(), each.mean(axis=0), rtol=1e-13)
    wanted = each.std(axis=0, ddof=1) / np.sqrt(len(each))  # of complex numbers: of the distance
    np.testing.assert_allclose(average.error(sampled=True), wanted, rtol=1e-8)


def test_one_shot_has_no_error_unless_nothing_is_left_to_chance():
    average = average_of(Save("probabilities", "x"), 1, np.array([0.25, 0.75]))
    assert np.isnan(average.error(sampled=True)).tolist() == [True, True]
    assert average.error(sampled=False).tolist() == [0.0, 0.0]


def test_a_variance_is_that_of_the_average_state_with_its_error():
    rng = np.random.default_rng(2)
    counts = rng.integers(1, 9, 200)
    means = rng.uniform(-1, 1, 200)
    moments = np.stack([1 + 0.1 * rng.normal(size=200), means, np.zeros(200)], axis=1)
    average = gathered(Save("variance", "x"), counts, moments)
    square, mean = np.repeat(moments[:, 0], counts), np.repeat(means, counts)
    assert average.value() == pytest.approx(square.mean() - mean.mean() ** 2)
    linear = square - 2 * mean.mean() * mean
    wanted = linear.std(ddof=1) / np.sqrt(len(linear))
    assert average.error(sampled=True) == pytest.approx(wanted)


def noisy(measured: bool = False) -> Circuit:
    circuit = Circuit(3, 1).h(0).channel(FLIP, [0]).cx(0, 1).channel(DAMPING, [1]).ry(0.7, 2)
    circuit.cx(1, 2).channel(DAMPING, [2]).rx(0.4, 0).channel(FLIP, [1])
    if measured:
        circuit.measure(0, 0).if_(Bit(0), Circuit(3, 1).h(1))
    return circuit


OBSERVABLE = PauliSum.of({"ZZI": 1.0, "IXX": 0.5, "YIY": -0.3})


def run(circuit: Circuit, shots: int, seed: int, engine=TrajectoriesEngine) -> EngineOutput:
    request = EngineRequest(
        ReferenceKernels(), np.dtype(np.complex128), np.empty(0), shots=shots, seed=seed
    )
    return engine().run(compile_circuit(circuit), request)


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("kind", ["expectation", "probabilities", "density_matrix"])
def test_the_error_is_the_spread_of_single_shots(kind, measured):
    circuit = noisy(measured)
    qubits = () if kind == "expectation" else (0, 2)
    observable = OBSERVABLE if kind == "expectation" else None
    if kind == "density_matrix":  # shots keep no list of these; rows of the average are enough
        output = run(circuit.save(kind, "a", qubits=qubits, subtype="average"), 400, 3)
        assert output.standard_errors["a"].shape == (4, 4)
        assert output.standard_errors["a"].dtype == np.float64
        weights = run(
            noisy(measured).save("probabilities", "p", qubits=qubits, subtype="list"), 400, 3
        )
        wanted = np.std(weights.saved["p"], axis=0, ddof=1) / 20
        np.testing.assert_allclose(output.standard_errors["a"].diagonal(), wanted, rtol=1e-9)
        return
    for subtype in ("average", "list"):
        circuit.save(kind, subtype, qubits=qubits, observable=observable, subtype=subtype)
    output = run(circuit, 400, 3)
    each = np.array(output.saved["list"])
    np.testing.assert_allclose(output.saved["average"], each.mean(axis=0), rtol=1e-12, atol=1e-15)
    wanted = each.std(axis=0, ddof=1) / 20
    np.testing.assert_allclose(output.standard_errors["average"], wanted, rtol=1e-9, atol=1e-15)
    assert (wanted > 0).any()


def moments_of(circuit: Circuit) -> tuple[float, float]:
    """Return exact mean and variance of the observable, from dense matrices."""
    rho = sum(exact_branches(circuit).values())
    matrix = np.zeros((8, 8), np.complex128)
    for weight, string in OBSERVABLE.terms:
        factors = {"I": np.eye(2), "X": X, "Y": 1j * X @ Z, "Z": Z}
        product = np.eye(1)
        for letter in string.label(3):
            product = np.kron(product, factors[letter])
        matrix += weight * product
    mean = np.trace(rho @ matrix).real
    return mean, np.trace(rho @ matrix @ matrix).real - mean**2


@pytest.mark.parametrize("engine", [TrajectoriesEngine, DensityMatrixEngine])
@pytest.mark.parametrize(("kind", "place"), [("expectation", 0), ("variance", 1)])
def test_errors_say_how_far_averages_are_from_exact_values(kind, place, engine):
    """Sums of squares of 150 standard scores: chi square, false alarm 1e-6."""
    exact = moments_of(noisy(measured=True))[place]
    circuit = noisy(measured=True).save(kind, "a", observable=OBSERVABLE, subtype="average")
    scores = []
    for seed in range(150):
        output = run(circuit, 300, seed, engine)
        scores.append((output.saved["a"] - exact) / output.standard_errors["a"])
    assert 79.9 < np.sum(np.square(scores)) < 250.5
    assert abs(np.sum(scores)) < 4.9 * np.sqrt(150)


def test_without_outcomes_a_density_matrix_is_exact():
    circuit = noisy()
    for kind in ("expectation", "variance"):
        circuit.save(kind, kind, observable=OBSERVABLE, subtype="average")
    output = run(circuit, 10, 1, DensityMatrixEngine)
    assert tuple(output.saved.values()) == pytest.approx(moments_of(noisy()))
    assert output.standard_errors == {"expectation": 0.0, "variance": 0.0}
    assert output.metadata["averages"] == "exact"


def test_conditional_averages_have_an_error_for_each_memory_value():
    circuit = noisy(measured=True)
    circuit.save("expectation", "a", observable=OBSERVABLE, subtype="average", conditional=True)
    circuit.save("expectation", "l", observable=OBSERVABLE, subtype="list", conditional=True)
    output = run(circuit, 500, 4)
    assert set(output.standard_errors["a"]) == {0, 1}
    for memory, error in output.standard_errors["a"].items():
        each = np.array(output.saved["l"][memory])
        assert error == pytest.approx(each.std(ddof=1) / np.sqrt(len(each)))

"""The density-matrix simulator, and exact noisy expectation values, against Cirq's own."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")
sympy = pytest.importorskip("sympy")

import quasim_cirq  # noqa: E402
from quasim_backend.errors import UnsupportedError  # noqa: E402
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit  # noqa: E402

Q = cirq.LineQubit.range(3)
DAMP, MIX = cirq.amplitude_damp(0.3), cirq.depolarize(0.2)
GATES = cirq.Circuit(
    *(cirq.H(Q[0]), DAMP(Q[0]), cirq.CX(Q[0], Q[1]), cirq.ry(0.7)(Q[2]), MIX(Q[1])),
    *(cirq.CX(Q[2], Q[0]), cirq.reset(Q[1]), cirq.H(Q[1]), cirq.phase_damp(0.4)(Q[2])),
    cirq.H.on_each(*Q),
)


def ours(**options) -> quasim_cirq.DensityMatrixSimulator:
    return quasim_cirq.DensityMatrixSimulator(dtype=np.complex128, **options)


def theirs(**options) -> cirq.DensityMatrixSimulator:
    return cirq.DensityMatrixSimulator(dtype=np.complex128, **options)


@pytest.fixture(autouse=True)
def only_ours(monkeypatch):
    """Make it an error to fall back to Cirq's own simulation."""
    original = cirq.DensityMatrixSimulator._core_iterator

    def checked(self, *arguments, **options):
        assert not isinstance(self, quasim_cirq.DensityMatrixSimulator), "Cirq simulated this"
        return original(self, *arguments, **options)

    monkeypatch.setattr(cirq.DensityMatrixSimulator, "_core_iterator", checked)


@pytest.mark.parametrize("noise", [None, DAMP, cirq.Z**0.1], ids=str)
@pytest.mark.parametrize("start", [None, 5, np.array([0.6, 0, 0, 0, 0, 0.8j, 0, 0])], ids=str)
def test_final_density_matrix_is_cirqs(noise, start):
    order = [Q[1], Q[2], Q[0]]
    found = ours(noise=noise).simulate(GATES, qubit_order=order, initial_state=start)
    wanted = theirs(noise=noise).simulate(GATES, qubit_order=order, initial_state=start)
    np.testing.assert_allclose(
        found.final_density_matrix, wanted.final_density_matrix, rtol=0, atol=1e-12
    )
    assert found.qubit_map == wanted.qubit_map


def test_single_precision():
    found = quasim_cirq.DensityMatrixSimulator().simulate(GATES).final_density_matrix
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, theirs().simulate(GATES).final_density_matrix, atol=1e-6)
    with pytest.raises(ValueError, match="complex64 or complex128"):
        quasim_cirq.DensityMatrixSimulator(dtype=np.complex256)


def test_sweep():
    a, b = sympy.symbols("a b")
    circuit = cirq.Circuit(cirq.X(Q[0]) ** a, cirq.rz(a * b)(Q[0]), MIX(Q[0]), cirq.ry(b)(Q[0]))
    sweep = cirq.Product(cirq.Points("a", [0.0, 0.3, 1.0]), cirq.Points("b", [0.2, 1.0]))
    for noise in (None, DAMP):
        found = ours(noise=noise).simulate_sweep(circuit, sweep)
        wanted = theirs(noise=noise).simulate_sweep(circuit, sweep)
        assert len(found) == len(wanted) == 6
        for one, other in zip(found, wanted, strict=True):
            assert one.params == other.params
            np.testing.assert_allclose(
                one.final_density_matrix, other.final_density_matrix, atol=1e-12
            )


@pytest.mark.parametrize("noise", [None, DAMP, MIX], ids=str)
def test_samples_have_the_exact_distribution(noise):
    """False alarms: one in 10**6 (chi-square against Cirq's density matrix)."""
    exact = GATES if noise is None else GATES.with_noise(noise)
    rho = theirs().simulate(exact).final_density_matrix
    measured = cirq.Circuit(*GATES, cirq.Moment(cirq.measure(*Q, key="m")))
    counts = ours(noise=noise, seed=2).run(measured, repetitions=4000).histogram(key="m")
    probabilities = dict(enumerate(np.diag(rho).real.clip(0)))
    assert goodness_of_fit(Counter(counts), probabilities) > FALSE_ALARM
    again = ours(noise=noise, seed=2).run(measured, repetitions=4000).histogram(key="m")
    assert again == counts


def test_feed_forward_has_the_exact_distribution():
    """False alarms: one in 10**6."""
    circuit = cirq.Circuit(
        *(cirq.H(Q[0]), DAMP(Q[0]), cirq.measure(Q[0], key="a", confusion_map={(0,): FLIPS})),
        *(cirq.X(Q[1]).with_classical_controls("a"), MIX(Q[1]), cirq.measure(Q[0], Q[1], key="b")),
    )
    result = ours(seed=4).run(circuit, repetitions=6000)
    joint = result.multi_measurement_histogram(keys=["a", "b"])
    counts = Counter({a * 4 + b: n for (a, b), n in joint.items()})
    excited, flip = 0.5 * 0.7, 0.2 * 2 / 3
    probabilities: dict[int, float] = {}
    for true, weight in ((0, 1 - excited), (1, excited)):
        for read in (0, 1):
            for flipped in (0, 1):
                value = read * 4 + true * 2 + (read ^ flipped)
                p = weight * FLIPS[true, read] * (flip if flipped else 1 - flip)
                probabilities[value] = probabilities.get(value, 0.0) + p
    assert goodness_of_fit(counts, probabilities) > FALSE_ALARM


FLIPS = np.array([[0.9, 0.1], [0.3, 0.7]])


def test_measurement_collapses_or_is_averaged_over():
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.CX(Q[0], Q[1]), DAMP(Q[1]), cirq.measure(Q[0]))
    seen = set()
    for seed in range(12):
        result = ours(seed=seed).simulate(circuit)
        bit = int(result.measurements["q(0)"][0])
        seen.add(bit)
        wanted = np.diag([0, 0, 0.3, 0.7]) if bit else np.diag([1, 0, 0, 0])
        np.testing.assert_allclose(result.final_density_matrix, wanted, atol=1e-12)
    assert seen == {0, 1}
    averaged = ours(ignore_measurement_results=True).simulate(circuit)
    np.testing.assert_allclose(
        averaged.final_density_matrix,
        theirs().simulate(cirq.dephase_measurements(circuit)).final_density_matrix,
        atol=1e-12,
    )
    controlled = circuit + cirq.X(Q[1]).with_classical_controls("q(0)")
    assert ours(ignore_measurement_results=True).simulate(controlled) is not None


@pytest.mark.parametrize("noise", [None, DAMP, MIX], ids=str)
def test_what_cirq_simulates_is_averaged_over_too(noise):
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.measure(Q[0], key="a"), cirq.H(Q[0]), cirq.X(Q[1]))
    simulator = ours(noise=noise, ignore_measurement_results=True)
    dephased = cirq.dephase_measurements(circuit.with_noise(noise or cirq.NO_NOISE))
    mixed = np.diag([0.4, 0.3, 0.2, 0.1]).astype(complex)
    found = simulator.simulate(circuit, initial_state=mixed).final_density_matrix
    wanted = theirs().simulate(dephased, initial_state=mixed).final_density_matrix
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    steps = zip(
        simulator.simulate_moment_steps(circuit),
        theirs().simulate_moment_steps(dephased),
        strict=True,
    )
    for mine, cirqs in steps:
        np.testing.assert_allclose(mine.density_matrix(), cirqs.density_matrix(), atol=1e-12)
    last = simulator.simulate(circuit).final_density_matrix
    np.testing.assert_allclose(last, mine.density_matrix(), atol=1e-12)
    controlled = circuit + cirq.X(Q[1]).with_classical_controls("a")
    with pytest.raises(UnsupportedError, match="ignore_measurement_results"):
        list(simulator.simulate_moment_steps(controlled))
    with pytest.raises(UnsupportedError, match="ignore_measurement_results"):
        list(simulator.simulate_sweep_iter(controlled, None, initial_state=mixed))


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("noise", [None, DAMP], ids=str)
def test_moments_are_cirqs(noise, split, monkeypatch):
    monkeypatch.undo()  # Cirq simulates moment by moment
    options = {"noise": noise, "split_untangled_states": split, "seed": 3}
    measured = GATES + cirq.measure(Q[0], Q[2], key="a")
    steps = zip(
        ours(**options).simulate_moment_steps(measured),
        theirs(**options).simulate_moment_steps(measured),
        strict=True,
    )
    for mine, cirqs in steps:
        np.testing.assert_allclose(mine.density_matrix(), cirqs.density_matrix(), atol=1e-12)
        assert {k: list(v) for k, v in mine.measurements.items()} == {
            k: list(v) for k, v in cirqs.measurements.items()
        }


@pytest.mark.parametrize("noise", [None, DAMP, MIX], ids=str)
def test_expectation_values_are_exact(noise):
    observables = [cirq.X(Q[0]) * cirq.Z(Q[2]), 2 * cirq.Y(Q[1]) + cirq.Z(Q[0]), cirq.Z(Q[2])]
    wanted = theirs(noise=noise).simulate_expectation_values(GATES, observables)
    for simulator in (ours(noise=noise), quasim_cirq.Simulator(noise=noise, dtype=np.complex128)):
        found = simulator.simulate_expectation_values(GATES, observables)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="permit_terminal_measurements"):
        ours().simulate_expectation_values(GATES + cirq.measure(Q[0]), observables)


def test_result_is_cirqs():
    found, wanted = ours().simulate(GATES), theirs().simulate(GATES)
    assert isinstance(found, cirq.DensityMatrixTrialResult)
    restored = pickle.loads(pickle.dumps(found))
    assert type(restored) is cirq.DensityMatrixTrialResult
    np.testing.assert_allclose(
        restored.final_density_matrix, wanted.final_density_matrix, atol=1e-12
    )
    np.testing.assert_allclose(
        found._get_merged_sim_state().target_tensor.reshape(8, 8),
        wanted.final_density_matrix,
        atol=1e-12,
    )
    assert str(found).startswith("measurements: (no measurements)")

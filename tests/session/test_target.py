"""Averages over as many shots as a target of their standard error takes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.ir.expr import Bit
from quasim_backend.testing.density_oracle import exact_branches

MODEL = (
    quasim.NoiseModel()
    .on_gates(noise.depolarizing(0.05))
    .on_gates(noise.amplitude_damping(0.1), "cx")
    .on_gates(noise.depolarizing(0.1, 2))
)
SMALL = {"max_memory_mb": 0.2, "max_workspace_mb": 0.001}
"""Room for a state of 7 qubits and its shots, but not for a density matrix."""


def layers(num_qubits: int, depth: int) -> quasim.Circuit:
    circuit = quasim.Circuit(num_qubits)
    for layer in range(depth):
        for q in range(num_qubits):
            circuit.ry(0.3 + 0.2 * layer + 0.1 * q, q)
        for q in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def exact_state(circuit: quasim.Circuit, model: quasim.NoiseModel = MODEL) -> np.ndarray:
    return sum(exact_branches(model.applied(circuit)).values())


def exact_value(circuit: quasim.Circuit, label: str) -> float:
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    matrices = {"I": np.eye(2), "X": x, "Y": 1j * x @ z, "Z": z}
    product = np.eye(1)
    for letter in label:
        product = np.kron(product, matrices[letter])
    return float(np.trace(exact_state(circuit) @ product).real)


@pytest.mark.parametrize("target", [0.02, 0.004])
def test_values_are_as_near_as_asked_for(target):
    circuit, labels = layers(4, 2), ["ZZII", "IXXI", "IIIY"]
    wanted = [exact_value(circuit, label) for label in labels]
    with quasim.runtime(noise_model=MODEL, method="trajectories", target_error=target) as rt:
        found = rt.measure(circuit, labels)
        rho = rt.reduced_density_matrix(circuit, [0, 2])
        weights = rt.probabilities(circuit)
    # Six standard errors: false alarm 2e-9 for each value.
    np.testing.assert_allclose(found, wanted, atol=6 * target)
    exact = exact_state(circuit)
    np.testing.assert_allclose(weights, exact.diagonal().real, atol=6 * target)
    tensor = exact.reshape((2,) * 8)  # axes: qubits 3, 2, 1, 0 of rows, then of columns
    reduced = np.einsum("abcdaecf->bdef", tensor).reshape(4, 4)
    np.testing.assert_allclose(rho, reduced, atol=6 * target)


def test_the_result_is_that_of_a_run_with_its_shots():
    save = quasim.Save("expectation", "zz", observable=quasim.PauliSum.of("ZZI"), subtype="average")
    circuit = layers(3, 2)
    with quasim.runtime(noise_model=MODEL, method="trajectories", target_error=0.006) as rt:
        result = rt.run(circuit, save=save, seed=7)
        again = rt.run(circuit, save=save, seed=7, shots=result.shots)
        few = rt.run(circuit, save=save, seed=7, shots=50)
    assert result.shots > 1024
    assert result.saved["zz"] == again.saved["zz"]
    assert result.standard_errors["zz"] == again.standard_errors["zz"] <= 0.006
    assert result.metadata["standard_error"] == result.standard_errors["zz"]
    assert "target_error=0.006" in result.metadata["reason"]
    assert few.shots == 50
    assert few.standard_errors["zz"] > 0.006


def test_a_circuit_too_wide_for_a_density_matrix_needs_to_be_asked_for():
    circuit = layers(7, 1)
    amplitudes = {**SMALL, "kernels": "reference"}  # engines without amplitudes would do it
    refused = pytest.raises(quasim.MemoryLimitError, match=r"density_matrix.*target_error=")
    with quasim.runtime(noise_model=MODEL, **amplitudes) as rt, refused:
        rt.measure(circuit, ["ZIIIIIZ"])
    with quasim.runtime(noise_model=MODEL, target_error=0.02, **amplitudes) as rt:
        (found,) = rt.measure(circuit, ["ZIIIIIZ"])
    assert found == pytest.approx(exact_value(circuit, "ZIIIIIZ"), abs=0.12)


def test_what_is_quickly_done_exactly_is_exact():
    circuit = layers(4, 2)
    save = quasim.Save("variance", "v", observable=quasim.PauliSum.of("ZZII"), subtype="average")
    with quasim.runtime(noise_model=MODEL, target_error=0.1, simulation_precision="fp64") as rt:
        found = rt.measure(circuit, ["ZZII"])
        result = rt.run(circuit, save=save)
    assert found == pytest.approx([exact_value(circuit, "ZZII")], abs=1e-12)
    assert result.saved["v"] == pytest.approx(1 - found[0] ** 2, abs=1e-12)
    assert result.standard_errors["v"] == 0.0
    assert "target_error" not in result.metadata["reason"]


def test_rare_noise_is_not_overlooked():
    """All of 1024 shots go without an error here, so their spread is zero."""
    model = quasim.NoiseModel().on_gates(noise.bit_flip(1e-6), "x")
    save = quasim.Save("expectation", "z", observable=quasim.PauliSum.of("Z"), subtype="average")
    circuit = quasim.Circuit(1).x(0)
    with quasim.runtime(noise_model=model, method="trajectories", target_error=1e-4) as rt:
        assert rt.run(circuit, save=save, seed=1).shots >= 20_000
    with (
        quasim.runtime(
            noise_model=model, method="trajectories", target_error=1e-7, max_shots=2000
        ) as rt,
        pytest.raises(quasim.UnsupportedError, match="max_shots=2000"),
    ):
        rt.measure(circuit, ["Z"])


def test_a_target_out_of_reach_is_an_error_or_a_warning_with_the_numbers():
    circuit = layers(3, 1)
    save = quasim.Save("expectation", "zz", observable=quasim.PauliSum.of("ZZI"), subtype="average")
    with quasim.runtime(
        noise_model=MODEL, method="trajectories", target_error=1e-4, max_shots=2000
    ) as rt:
        message = r"target_error=0\.0001 .*max_shots=2000.*after 2000 shots"
        with pytest.raises(quasim.UnsupportedError, match=message):
            rt.measure(circuit, ["ZZI"])
        with pytest.warns(RuntimeWarning, match=message) as caught:
            result = rt.run(circuit, save=save)
    assert caught[0].filename == __file__
    assert result.shots == 2000
    assert result.standard_errors["zz"] > 1e-4
    assert "max_shots" in result.metadata["notes"][-1]


def test_without_a_target_nothing_is_approximate():
    refused = pytest.raises(quasim.UnsupportedError, match="target_error=")
    with quasim.runtime(noise_model=MODEL, method="trajectories") as rt, refused:
        rt.measure(layers(3, 1), ["ZZI"])


def test_circuits_that_act_on_outcomes_have_averages_too():
    circuit = quasim.Circuit(2, 1).ry(1.0, 0).measure(0, 0)
    circuit.if_(Bit(0), quasim.Circuit(2, 1).ry(0.8, 1))
    with quasim.runtime() as rt, pytest.raises(quasim.UnsupportedError, match="target_error="):
        rt.measure(circuit, ["ZI"])
    with quasim.runtime(target_error=0.003) as rt:
        found = rt.expectations(circuit, [quasim.PauliSum.of("ZI"), quasim.PauliSum.of("XZ")])
    rho = exact_state(circuit, quasim.NoiseModel())
    x, z, one = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.eye(2)
    wanted = [np.trace(rho @ np.kron(a, b)) for a, b in ((z, one), (x, z))]
    np.testing.assert_allclose(found, wanted, atol=0.018)


@pytest.mark.parametrize("kind", ["measure", "variances"])
def test_values_are_those_after_the_final_measurement(kind):
    circuit = quasim.Circuit(2, 2).h(0).ry(0.4, 1).measure_all()
    labels = ["IX", "ZI", "XI"]
    with quasim.runtime(simulation_precision="fp64") as rt:
        exact = getattr(rt, kind)(circuit, labels)
    with quasim.runtime(method="statevector", target_error=0.01) as rt:
        found = getattr(rt, kind)(rt.compile(circuit), labels)
    assert exact[0] == pytest.approx({"measure": 0.0, "variances": 1.0}[kind], abs=1e-12)
    np.testing.assert_allclose(found, exact, atol=0.06)


@pytest.mark.parametrize("written", ["mixture", "projectors"])
def test_variances_do_not_depend_on_how_a_channel_is_written(written):
    """A dephased plus state: its X has variance 1, the pure states of one unravelling have 0."""
    if written == "mixture":
        channel = quasim.Channel.mixture([0.5, 0.5], [np.eye(2), np.diag([1, -1])])
    else:
        channel = quasim.Channel.kraus([np.diag([1, 0]), np.diag([0, 1])])
    circuit = quasim.Circuit(1).h(0).channel(channel, [0])
    with quasim.runtime(method="trajectories", target_error=0.01) as rt:
        assert rt.variances(circuit, ["X"])[0] == pytest.approx(1.0, abs=0.06)


def test_other_observables_have_ranges_too():
    circuit, rng = layers(3, 1), np.random.default_rng(3)
    matrix = rng.normal(size=(4, 4))
    observables = [
        quasim.MatrixObservable(matrix + matrix.T, (0, 2)),
        quasim.DiagonalObservable(rng.normal(size=8)),
        quasim.SparseObservable(np.arange(8.0), np.arange(8), np.arange(9)),
    ]
    with quasim.runtime(noise_model=MODEL, simulation_precision="fp64") as rt:
        exact = rt.measure(circuit, observables)
    with quasim.runtime(noise_model=MODEL, method="trajectories", target_error=0.02) as rt:
        np.testing.assert_allclose(rt.measure(circuit, observables), exact, atol=0.12)


def test_batches_are_averaged_member_by_member():
    theta = quasim.Parameter("theta")
    circuit = quasim.Circuit(1).rx(theta, 0)
    model = quasim.NoiseModel().on_gates(noise.bit_flip(0.1), "rx")
    angles = np.array([[0.0], [0.5], [3.0]])
    with quasim.runtime(noise_model=model, method="trajectories", target_error=0.01) as rt:
        found = rt.expectations(circuit, [quasim.PauliSum.of("Z")], parameters=angles)
    np.testing.assert_allclose(found, 0.8 * np.cos(angles), atol=0.06)


@pytest.mark.parametrize("value", [0, -1.0, "small", float("nan")])
def test_a_target_is_a_positive_number(value):
    with pytest.raises(quasim.OptionError, match="target_error"):
        quasim.runtime(target_error=value)


def test_exact_results_give_no_warning():
    with quasim.runtime(target_error=1e-9, max_shots=5) as rt, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rt.measure(quasim.Circuit(1).x(0), ["Z"]) == [-1.0]
        result = rt.run(quasim.Circuit(1, 1).x(0).measure(0, 0), save="probabilities")
    assert result.shots == 1024


@pytest.mark.parametrize("method", ["stabilizer", "tensor_network", "density_matrix"])
def test_engines_with_exact_averages_reach_any_target(method):
    if method == "stabilizer":
        pytest.importorskip("stim")
    circuit = quasim.Circuit(2, 2).h(0).channel(noise.depolarizing(0.1), [0]).cx(0, 1)
    circuit.save("expectation", "zz", observable=quasim.PauliSum.of("ZZ"), subtype="average")
    circuit.save("probabilities", "p", subtype="average")
    target = {"target_error": 1e-9, "max_shots": 1024}
    with quasim.runtime(method=method, **target) as rt, warnings.catch_warnings():
        warnings.simplefilter("error")
        result = rt.run(circuit)
    assert result.metadata["averages"] == "exact"
    assert result.saved["zz"] == pytest.approx(1, abs=1e-12)
    assert result.standard_errors["zz"] == 0
    np.testing.assert_array_equal(result.standard_errors["p"], np.zeros(4))

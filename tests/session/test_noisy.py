"""Noisy runs of a session: which engine, and that both give the exact distribution."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.testing.density_oracle import exact_distribution

MODEL = (
    quasim.NoiseModel()
    .on_gates(noise.depolarizing(0.05))
    .on_gates(noise.amplitude_damping(0.1), "cx")
    .on_gates(noise.depolarizing(0.1, 2))
    .readout([[0.95, 0.05], [0.1, 0.9]])
)


def layers(num_qubits: int, depth: int) -> quasim.Circuit:
    circuit = quasim.Circuit(num_qubits)
    for layer in range(depth):
        for q in range(num_qubits):
            circuit.ry(0.3 + 0.2 * layer + 0.1 * q, q)
        for q in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


@pytest.mark.parametrize("method", ["auto", "density_matrix", "trajectories", "statevector"])
def test_every_engine_samples_the_exact_distribution(method):
    circuit = layers(3, 3).measure_all()
    wanted = exact_distribution(MODEL.applied(circuit))
    shots = 40_000
    with quasim.runtime(noise_model=MODEL, method=method) as rt:
        result = rt.run(circuit, shots=shots, seed=3)
    counts = result.counts()
    chi2 = sum(
        (counts.get(format(k, "03b"), 0) - shots * p) ** 2 / (shots * p) for k, p in wanted.items()
    )
    assert chi2 < 43.0  # seven degrees of freedom, false alarm 3e-7
    assert method in ("auto", result.metadata["engine"])


@pytest.mark.parametrize(
    ("qubits", "depth", "shots", "engine"),
    [(3, 4, 4096, "density_matrix"), (14, 2, 10, "trajectories")],
)
def test_the_cheaper_engine_is_taken_and_the_reason_says_so(qubits, depth, shots, engine):
    with quasim.runtime(noise_model=MODEL) as rt:
        facts = rt.run(layers(qubits, depth).measure_all(), shots=shots, seed=1).metadata
    assert facts["engine"] == engine
    assert "predicted" in facts["reason"]
    assert "density_matrix" in facts["reason"]
    assert "trajectories" in facts["reason"]


def test_numbers_given_for_the_shots_belong_to_trajectories():
    circuit = MODEL.applied(layers(2, 1).measure_all())
    uniforms = np.random.default_rng(1).random((50, 40))
    with quasim.runtime() as rt:
        first = rt.run(circuit, shots=50, uniforms=uniforms)
        again = rt.run(circuit, shots=50, uniforms=uniforms, seed=8)
    assert first.metadata["engine"] == "statevector"
    assert first.counts() == again.counts()


def test_saved_averages_are_exact():
    circuit = layers(3, 2)
    observable = quasim.PauliSum.of({"ZZI": 1.0, "IXX": 0.5})
    save = quasim.Save("expectation", "value", observable=observable, subtype="average")
    with quasim.runtime(noise_model=MODEL, simulation_precision="fp64") as rt:
        result = rt.run(circuit, shots=7, seed=1, save=[save])
        (wanted,) = rt.measure(circuit, [observable])
    assert result.metadata["engine"] == "density_matrix"
    assert result.saved["value"] == pytest.approx(wanted, abs=1e-12)


def test_a_density_matrix_of_a_noisy_session_is_cirqs():
    cirq = pytest.importorskip("cirq")
    q = cirq.LineQubit.range(2)
    theirs = cirq.Circuit(
        cirq.ry(0.7)(q[0]),
        cirq.amplitude_damp(0.2)(q[0]),
        cirq.CX(q[0], q[1]),
        cirq.depolarize(0.1, 2)(*q),
    )
    wanted = cirq.DensityMatrixSimulator(dtype=np.complex128).simulate(theirs).final_density_matrix
    model = (
        quasim.NoiseModel()
        .on_gates(noise.amplitude_damping(0.2), "ry")
        .on_gates(noise.depolarizing(0.1, 2))
    )
    with quasim.runtime(noise_model=model, simulation_precision="fp64") as rt:
        found = rt.density_matrix(quasim.Circuit(2).ry(0.7, 0).cx(0, 1))
    # Cirq's first qubit is the highest bit, ours the lowest.
    order = [0, 2, 1, 3]
    np.testing.assert_allclose(found[np.ix_(order, order)], wanted, atol=1e-12)


def test_noise_on_qubits_that_are_not_measured_counts_in_expectation_values():
    model = quasim.NoiseModel().on_gates(noise.depolarizing(0.3), "h")
    circuit = quasim.Circuit(2, 1).h(0).measure(1, 0)
    with quasim.runtime(noise_model=model, simulation_precision="fp64") as rt:
        for source in (circuit, rt.compile(circuit)):
            assert rt.measure(source, ["IX"])[0] == pytest.approx(0.6)
            assert rt.variances(source, ["IX"])[0] == pytest.approx(0.64)
            assert rt.probabilities(source, [0]) == pytest.approx([0.5, 0.5])
            rho = rt.reduced_density_matrix(source, [0])
            np.testing.assert_allclose(rho, [[0.5, 0.3], [0.3, 0.5]], atol=1e-12)


def test_a_superoperator_holds_for_every_input():
    model = quasim.NoiseModel().on_gates(noise.amplitude_damping(0.3), "x", before=True)
    circuit = quasim.Circuit(1).x(0)
    flip = noise.superoperator(noise.coherent([[0, 1], [1, 0]]))
    wanted = flip @ noise.superoperator(noise.amplitude_damping(0.3))
    with quasim.runtime(noise_model=model, simulation_precision="fp64") as rt:
        np.testing.assert_allclose(rt.superop(circuit), wanted, atol=1e-12)
        with pytest.raises(quasim.UnsupportedError, match="unitary"):
            rt.unitary(circuit)

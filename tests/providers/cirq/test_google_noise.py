"""Noise profiles of Google's processors: Cirq's own simulation of them, and its samples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")
cirq_google = pytest.importorskip("cirq_google")

import quasim_cirq  # noqa: E402
from quasim_backend.testing.density_oracle import exact_branches  # noqa: E402
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit  # noqa: E402
from quasim_cirq.plugin import quasim_translate_noise  # noqa: E402
from quasim_cirq.translate import translate  # noqa: E402

PROFILES = ["rainbow", "weber", "willow_pink"]


def profile(name: str):
    """Return a processor's noise, four of its qubits in a row, and a gate it has between two."""
    properties = cirq_google.engine.load_device_noise_properties(name)
    pairs = {i.qubits: i.gate_type for i in properties.gate_pauli_errors if len(i.qubits) == 2}
    first = min(pairs)[0]
    line = [first]
    while len(line) < 4:
        line.append(min(b for a, b in pairs if a == line[-1] and b not in line))
    kind = {t.__name__: t for t in pairs.values()}
    gate = cirq_google.SYC if "SycamoreGate" in kind else cirq.CZ
    return cirq_google.NoiseModelFromGoogleNoiseProperties(properties), line, gate


def circuit_on(line, gate, seed: int) -> cirq.Circuit:
    rng = np.random.RandomState(seed)
    moments = []
    for depth in range(3):
        angles = rng.rand(4, 3)
        ones = [
            cirq.PhasedXZGate(x_exponent=x, z_exponent=z, axis_phase_exponent=a)(q)
            for q, (x, z, a) in zip(line, angles, strict=True)
        ]
        moments.append(cirq.Moment(ones))
        moments.append(cirq.Moment(cirq.Z(line[0]) ** rng.rand(), cirq.Z(line[2]) ** 0.25))
        moments.append(cirq.Moment(gate(line[depth % 3], line[depth % 3 + 1])))
    return cirq.Circuit(moments)


@pytest.mark.parametrize("name", PROFILES)
def test_samples_have_the_distribution_of_cirqs_density_matrix(name):
    """False alarms: one in 10**6 a profile."""
    model, line, gate = profile(name)
    circuit = circuit_on(line, gate, 1)
    measured = circuit + cirq.Moment(cirq.measure(*line, key="m"))
    noisy = cirq.Circuit(model.noisy_moments(measured, sorted(line)))
    unmeasured = cirq.Circuit(op for op in noisy.all_operations() if not cirq.is_measurement(op))
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    rho = simulator.simulate(unmeasured, qubit_order=line).final_density_matrix
    counts = quasim_cirq.Simulator(noise=model, seed=3).run(measured, repetitions=2000)
    probabilities = dict(enumerate(np.diag(rho).real))
    assert goodness_of_fit(Counter(counts.histogram(key="m")), probabilities) > FALSE_ALARM


@pytest.mark.parametrize("name", PROFILES)
def test_rules_give_cirqs_density_matrix(name):
    model, line, gate = profile(name)
    rules = quasim_translate_noise(model)
    # The model's qubits are numbered as they sort; only the line's are simulated.
    known = sorted(model._noise_properties.t1_ns)
    back = quasim_cirq.RuleNoiseModel(rules, known)
    circuit = circuit_on(line, gate, 2)
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    found, wanted = (
        simulator.simulate(
            cirq.Circuit(m.noisy_moments(circuit, sorted(line))), qubit_order=line
        ).final_density_matrix
        for m in (back, model)
    )
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    ideal = sum(exact_branches(translate(circuit, line).circuit).values())
    assert abs(ideal - wanted).max() > 1e-3

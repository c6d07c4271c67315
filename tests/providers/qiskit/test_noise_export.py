"""Our noise models as Qiskit's."""

# ruff: noqa: B023, E402 - imports after the check that Aer is there; choices run at once
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit")
aer = pytest.importorskip("qiskit_aer")

from qiskit import QuantumCircuit

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.errors import UnsupportedError
from quasim_backend.testing.density_oracle import exact_branches
from quasim_qiskit.noise.active import active_noise
from quasim_qiskit.translate import translate


def random_circuit(seed: int) -> QuantumCircuit:
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(3)
    for _ in range(15):
        a, b, _ = rng.permutation(3).tolist()
        [
            lambda: circuit.h(a),
            lambda: circuit.p(1.0, a),
            lambda: circuit.cx(a, b),
            lambda: circuit.delay(100, a, unit="ns"),
            lambda: circuit.reset(a),
            lambda: circuit.cp(0.3, a, b),
        ][rng.integers(6)]()
    return circuit


@pytest.mark.parametrize("seed", range(3))
def test_an_exported_model_is_the_same_in_aer(seed: int) -> None:
    model = (
        quasim.NoiseModel()
        .on_gates(noise.depolarizing(0.02, 2))
        .on_gates(noise.amplitude_damping(0.05), num_qubits=1)
        .on_gates(noise.bit_flip(0.1), ["cx"], [0, 1])
        .on_gates(noise.bit_flip(0.1), ["reset"])
        .relaxation(1e-6, 1.5e-6, excited=0.1)
        .readout(0.1)
        .readout(0.3, 2)
    )
    exported = quasim.export_noise(model, "qiskit")
    assert type(exported).__module__.startswith("qiskit_aer")
    circuit = random_circuit(seed)
    measured = circuit.copy()
    measured.save_density_matrix()
    backend = aer.AerSimulator(method="density_matrix", noise_model=exported)
    theirs = backend.run(measured, shots=1).result().data()["density_matrix"].data
    mine = sum(exact_branches(translate(circuit, noise=active_noise(model)).circuit).values())
    assert np.abs(mine - theirs).max() < 1e-9
    again = quasim.translate_noise(exported)
    back = sum(exact_branches(translate(circuit, noise=active_noise(again)).circuit).values())
    assert np.abs(back - theirs).max() < 1e-9


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (quasim.NoiseModel().each_moment(noise.bit_flip(0.1)), "moment"),
        (quasim.NoiseModel().relaxation(1e-6, idle=True), "idle"),
        (quasim.NoiseModel().on_gates(noise.bit_flip(0.1), ["x"], before=True), "before 'x'"),
        (quasim.NoiseModel().on_gates(noise.bit_flip(0.1), ["cx"], [0, 1], on=[2]), r"\(2,\)"),
        (quasim.NoiseModel().on_gates(noise.bit_flip(0.1), ["fsim"], num_qubits=2), "fsim"),
    ],
)
def test_rules_without_a_word_in_qiskit_are_named(model: quasim.NoiseModel, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        quasim.export_noise(model, "qiskit")

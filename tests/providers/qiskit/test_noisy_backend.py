"""Running with noise through the backend and the primitives."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import UnitaryGate
from qiskit.providers.fake_provider import GenericBackendV2

import quasim_backend as quasim
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_qiskit import AerSimulator, EstimatorV2, SamplerV2
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise import NoiseModel, depolarizing_error, pauli_error
from quasim_qiskit.noise.active import active_noise
from quasim_qiskit.translate import translate

SHOTS = 20_000


def model_and_circuit() -> tuple[NoiseModel, QuantumCircuit]:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), "cx")
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), ["reset", "measure"])
    model.add_readout_error([[0.9, 0.1], [0.3, 0.7]], [1])
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.cx(0, 1)
    circuit.reset(0)
    circuit.measure([0, 1], [1, 2])
    return model, circuit


def exact(circuit: QuantumCircuit, model: object) -> dict[str, float]:
    found = exact_distribution(translate(circuit, noise=active_noise(model)).circuit)
    return {format(bits, f"0{circuit.num_clbits}b"): p for bits, p in found.items()}


def test_every_way_to_give_a_model(chi_square) -> None:
    model, circuit = model_and_circuit()
    expected = exact(circuit, model)
    option = AerSimulator(seed_simulator=2)
    option.set_options(noise_model=model)
    runs = [
        AerSimulator(noise_model=model, seed_simulator=1).run(circuit, shots=SHOTS),
        option.run(circuit, shots=SHOTS),
        AerSimulator(seed_simulator=3).run(circuit, shots=SHOTS, noise_model=model),
        AerSimulator(seed_simulator=4).run(circuit, shots=SHOTS, noise_model=model.to_dict()),
    ]
    for run in runs:
        result = run.result()
        chi_square(result.get_counts(), expected, SHOTS)
        assert result.results[0].metadata["noise"] == "circuit"
    ideal = AerSimulator().run(circuit, shots=10).result()
    assert ideal.results[0].metadata["noise"] == "ideal"


def test_mid_circuit_noise_agrees_with_aer(same_distribution) -> None:
    aer = pytest.importorskip("qiskit_aer")
    noise = pytest.importorskip("qiskit_aer.noise")
    _, circuit = model_and_circuit()
    model = noise.NoiseModel()
    model.add_all_qubit_quantum_error(noise.depolarizing_error(0.2, 2), "cx")
    flip = noise.pauli_error([("X", 0.2), ("I", 0.8)])
    model.add_all_qubit_quantum_error(flip, ["reset", "measure"])
    model.add_readout_error([[0.9, 0.1], [0.3, 0.7]], [1])
    counts = [
        kind(noise_model=model, seed_simulator=5).run(circuit, shots=SHOTS).result().get_counts()
        for kind in (AerSimulator, aer.AerSimulator)
    ]
    same_distribution(*counts)


def test_a_run_uses_the_model_as_it_was_when_it_began() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), "id")
    circuit = QuantumCircuit(1, 1)
    circuit.id(0)
    circuit.measure(0, 0)
    backend = AerSimulator(noise_model=model)
    job = backend.run(circuit, shots=10)
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), "id", warnings=False)
    assert job.result().get_counts() == {"1": 10}
    assert backend.run(circuit, shots=10).result().get_counts() == {"0": 10}


def test_our_own_models_match_gates_by_name(chi_square) -> None:
    model = quasim.NoiseModel(name="mine").on_gates(quasim.noise.bit_flip(0.3), ["p"])
    circuit = QuantumCircuit(1, 1)
    circuit.p(0.1, 0)
    circuit.measure(0, 0)
    result = AerSimulator(noise_model=model, seed_simulator=1).run(circuit, shots=SHOTS).result()
    chi_square(result.get_counts(), {"0": 0.7, "1": 0.3}, SHOTS)
    assert result.results[0].metadata["noise"] == "mine"


def test_a_noisy_target_keeps_what_circuits_need() -> None:
    model = NoiseModel(["rz", "sx", "cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx", "my label"])
    backend = AerSimulator(noise_model=model)
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.append(UnitaryGate(np.eye(2)), [1])
    circuit.cz(0, 1)
    circuit.delay(10, 0, unit="ns")
    circuit.reset(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.y(1)
    circuit.measure(1, 1)
    done = transpile(circuit, backend)
    assert {"rz", "sx", "cx", "delay", "reset", "measure", "if_else"} >= {*done.count_ops()}
    assert {"cx", "delay", "reset", "if_else"} <= {*done.count_ops()}
    assert "h" not in backend.configuration().basis_gates
    backend.set_options(noise_model=None)
    assert "h" in backend.target.operation_names


def test_a_simulator_like_a_device_is_as_noisy(same_distribution) -> None:
    aer = pytest.importorskip("qiskit_aer")
    device = GenericBackendV2(3, seed=2, noise_info=True)
    circuit = QuantumCircuit(3, 3)
    for _ in range(30):
        circuit.sx(0)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
        circuit.delay(100_000, 2, unit="dt")
    circuit.measure(range(3), range(3))
    counts = [
        kind.from_backend(device, seed_simulator=7).run(circuit, shots=4000).result().get_counts()
        for kind in (AerSimulator, aer.AerSimulator)
    ]
    same_distribution(*counts)


def test_the_sampler_is_noisy(chi_square) -> None:
    model, circuit = model_and_circuit()
    backend = AerSimulator(noise_model=model)
    result = SamplerV2(seed=3, backend=backend).run([circuit], shots=SHOTS).result()[0]
    chi_square(result.data.c.get_counts(), exact(circuit, model), SHOTS)


def test_the_estimator_is_exact_or_says_that_it_cannot() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), "id")
    circuit = QuantumCircuit(1)
    circuit.id(0)
    estimator = EstimatorV2(backend=AerSimulator(noise_model=model))
    job = estimator.run([(circuit, ["Z", "X"])])
    try:
        values = job.result()[0].data.evs
    except QuasimQiskitError as error:
        assert "noise_model=None" in str(error)  # noqa: PT017 - without an exact engine
    else:
        assert np.abs(values - [0.6, 0.0]).max() < 1e-12


def test_a_unitary_of_a_noisy_circuit_is_refused() -> None:
    model, _ = model_and_circuit()
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    circuit.save_unitary()
    with pytest.raises(QuasimQiskitError, match="no unitary"):
        AerSimulator(noise_model=model).run(circuit).result()

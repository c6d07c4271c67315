"""Running with noise through the backend and the primitives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli

import quasim_backend as quasim
import quasim_qiskit.noise as quasim_noise
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


def device_like(classes: Any = quasim_noise) -> tuple[Any, QuantumCircuit]:
    """Return a model of Aer's classes or of ours, and a circuit with parameters."""
    model = classes.NoiseModel()
    model.add_all_qubit_quantum_error(classes.depolarizing_error(0.02, 1), ["ry", "rx"])
    damping = [classes.amplitude_damping_error(rate) for rate in (0.1, 0.05)]
    damped = classes.depolarizing_error(0.05, 2).compose(damping[0].tensor(damping[1]))
    model.add_all_qubit_quantum_error(damped, "cx")
    circuit = QuantumCircuit(3)
    angles = [Parameter(f"a{i}") for i in range(3)]
    for q in range(3):
        circuit.ry(angles[q], q)
    for _ in range(2):
        circuit.cx(0, 1)
        circuit.rx(0.4, 1)
        circuit.cx(1, 2)
    return model, circuit


def test_the_estimators_values_are_those_of_aers_density_matrix() -> None:
    aer = pytest.importorskip("qiskit_aer")
    model, circuit = device_like()
    aers, _ = device_like(pytest.importorskip("qiskit_aer.noise"))
    angles = np.random.default_rng(3).uniform(0, 3, (4, 3))
    labels = ["ZZI", "XIX", "IYY"]
    estimator = EstimatorV2(backend=AerSimulator(noise_model=model))
    pub = (circuit, [[label] for label in labels], angles)
    data = estimator.run([pub]).result()[0].data
    theirs = aer.AerSimulator(method="density_matrix", noise_model=aers)
    wanted = np.empty((3, 4))
    for column, row in enumerate(angles):
        bound = circuit.assign_parameters(row)
        for number, label in enumerate(labels):
            bound.save_expectation_value(Pauli(label), [0, 1, 2], label=str(number))
        values = theirs.run(bound, shots=1).result().data(0)
        wanted[:, column] = [values[str(number)] for number in range(3)]
    np.testing.assert_allclose(data.evs, wanted, atol=1e-10)
    np.testing.assert_array_equal(data.stds, np.zeros((3, 4)))


def test_a_precision_is_reached_over_shots_where_nothing_exact_fits() -> None:
    model, circuit = device_like()
    bound = circuit.assign_parameters([0.3, 1.1, 2.0])
    exact = EstimatorV2(backend=AerSimulator(noise_model=model))
    wanted = exact.run([(bound, ["ZZI", "XIX"])]).result()[0].data.evs
    bound.add_register(ClassicalRegister(1))
    flagged = bound.copy()
    flagged.measure(0, 0)
    with flagged.if_test((flagged.clbits[0], 1)):
        flagged.id(1)
    estimator = EstimatorV2(backend=AerSimulator(noise_model=model), seed=4)
    with pytest.raises(QuasimQiskitError, match="Give a precision"):
        estimator.run([(flagged, ["ZZI"])]).result()
    result = estimator.run([(flagged, ["ZZI", "IXI"])], precision=0.01).result()[0]
    assert 0 < result.data.stds.max() <= 0.01
    assert abs(result.data.evs[0] - wanted[0]) < 0.06
    assert result.metadata["simulator_metadata"]["averages"] == "over shots"


def test_averages_over_shots_come_with_their_errors() -> None:
    model, circuit = device_like()
    bound = circuit.assign_parameters([0.3, 1.1, 2.0])
    bound.save_expectation_value(Pauli("ZZI"), [0, 1, 2], label="mean")
    bound.save_expectation_value_variance(Pauli("ZZI"), [0, 1, 2], label="both")
    bound.save_expectation_value(Pauli("ZZI"), [0, 1, 2], label="each", pershot=True)
    bound.save_probabilities([0, 1], label="weights", unnormalized=True)
    backend = AerSimulator(noise_model=model, method="statevector", seed_simulator=1)
    result = backend.run(bound, shots=200).result()
    data, errors = result.data(0), result.results[0].metadata["quasim"]["standard_errors"]
    assert isinstance(data["mean"], float)
    assert data["each"].shape == (200,)
    assert errors["mean"] == pytest.approx(np.std(data["each"], ddof=1) / 200**0.5)
    assert errors["both"][0] == errors["mean"]
    # One minus the square of the mean has twice the mean times its error.
    assert errors["both"][1] == pytest.approx(2 * abs(data["mean"]) * errors["mean"])
    assert len(errors["weights"]) == 4
    assert max(errors["weights"]) > 1
    assert "each" not in errors


def test_a_run_may_be_without_the_backends_noise() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["x"])
    backend = AerSimulator(noise_model=model)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    assert backend.run(circuit, shots=5).result().get_counts() == {"0": 5}
    assert backend.run(circuit, shots=5, noise_model=None).result().get_counts() == {"1": 5}

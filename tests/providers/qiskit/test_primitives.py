"""The primitives against Qiskit's reference implementations."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
    PrimitiveResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.providers import JobStatus
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp, Statevector

from quasim_qiskit import AerSimulator, EstimatorV2, QuasimQiskitError, SamplerV2


def ansatz() -> QuantumCircuit:
    p = ParameterVector("p", 4)
    extra = Parameter("extra")
    circuit = QuantumCircuit(3, global_phase=0.3)
    circuit.ry(p[0], 0)
    circuit.cx(0, 1)
    circuit.rz(2 * p[1] - p[0] / 3 + 0.5, 1)
    circuit.rx(p[2] * p[3], 2)
    circuit.cz(2, 0)
    circuit.rzx(extra, 1, 2)
    circuit.h(1)
    return circuit


VALUES = np.random.default_rng(5).uniform(-3, 3, (2, 3, 5))


# --- estimator ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "observables",
    [
        "XYZ",
        [["ZZI", SparsePauliOp(["XIX", "IYZ"], [0.5, -2.0]), Pauli("IIZ")]],
        [[{"XXX": 1.5, "ZIZ": -0.5}], ["IZI"]],
        [["ZII", "IZI", "IIZ"], ["XII", "IXI", "IIX"]],
    ],
)
def test_values_and_shapes_agree_with_qiskit(observables) -> None:
    pub = (ansatz(), observables, VALUES)
    ours = EstimatorV2().run([pub]).result()
    theirs = StatevectorEstimator().run([pub]).result()
    assert isinstance(ours, PrimitiveResult)
    assert ours[0].data.evs.shape == theirs[0].data.evs.shape
    assert np.abs(ours[0].data.evs - theirs[0].data.evs).max() < 1e-12
    assert np.all(ours[0].data.stds == 0)
    assert ours[0].metadata["target_precision"] == 0


def test_one_value_has_no_shape() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(0.4, 0)
    result = EstimatorV2().run([(circuit, "Z")]).result()[0]
    assert result.data.evs.shape == ()
    assert float(result.data.evs) == pytest.approx(np.cos(0.4), abs=1e-12)


def test_projectors_are_observables_too() -> None:
    circuit = QuantumCircuit(2)
    circuit.u(0.7, 0.3, 1.1, 0)
    circuit.cx(0, 1)
    circuit.ry(0.4, 1)
    observable = SparseObservable.from_list([("0r", 2.0), ("+1", -1.0), ("l-", 0.3)])
    try:
        ObservablesArray.coerce(observable)
    except TypeError as cause:
        pytest.skip(f"Qiskit's own estimators refuse such observables: {cause}")
    value = EstimatorV2().run([(circuit, observable)]).result()[0].data.evs
    paulis = SparsePauliOp.from_sparse_observable(observable)
    assert value == pytest.approx(Statevector(circuit).expectation_value(paulis).real, abs=1e-12)


def test_observables_on_idle_qubits() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(1)
    result = EstimatorV2().run([(circuit, ["ZZZ", "ZII", "XII"])]).result()
    assert np.allclose(result[0].data.evs, [-1, 1, 0], atol=1e-12)


def test_noise_has_the_asked_width() -> None:
    circuit = QuantumCircuit(1)
    pub = (circuit, [["Z"] * 2000], None, 0.1)
    data = EstimatorV2(seed=3).run([pub]).result()[0].data
    assert np.all(data.stds == 0.1)
    # Standard errors of mean and deviation of 2000 normal numbers, five of each.
    assert abs(data.evs.mean() - 1) < 5 * 0.1 / 2000**0.5
    assert abs(data.evs.std() - 0.1) < 5 * 0.1 / 4000**0.5
    again = EstimatorV2(seed=3).run([pub]).result()[0].data
    assert np.array_equal(again.evs, data.evs)


def test_measurements_inside_the_circuit_are_averaged() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    data = EstimatorV2(options={"run_options": {"shots": 2000, "seed_simulator": 5}}).run(
        [(circuit, ["ZZ", "ZI"])]
    )
    evs = data.result()[0].data.evs
    assert evs[0] == pytest.approx(1, abs=1e-12)
    assert abs(evs[1]) < 5 / 2000**0.5


def test_constructor_forms_of_the_estimator() -> None:
    backend = AerSimulator(seed_simulator=1)
    assert isinstance(EstimatorV2(), BaseEstimatorV2)
    options = {"default_precision": 0.2, "backend_options": {"precision": "single"}}
    assert EstimatorV2(options=options).options.default_precision == 0.2
    assert EstimatorV2.from_backend(backend)._backend is backend
    assert EstimatorV2(backend=backend)._backend is backend
    device = GenericBackendV2(3, seed=1)
    assert EstimatorV2.from_backend(device)._backend.num_qubits == 3
    with pytest.raises(ValueError, match="precision"):
        EstimatorV2().run([(QuantumCircuit(1), "Z")], precision=-1)


# --- sampler --------------------------------------------------------------------------------------


def test_samples_have_qiskits_distribution_and_containers(same_distribution) -> None:
    circuit = ansatz()
    circuit.measure_all()
    pub = (circuit, VALUES, 2000)
    ours = SamplerV2(seed=2).run([pub]).result()[0].data.meas
    theirs = StatevectorSampler(seed=3).run([pub]).result()[0].data.meas
    assert ours.shape == theirs.shape == (2, 3)
    assert ours.num_bits == theirs.num_bits
    assert ours.array.shape == theirs.array.shape
    for place in np.ndindex(2, 3):
        same_distribution(ours[place].get_counts(), theirs[place].get_counts())


def test_registers_of_any_width_and_order() -> None:
    a, b = ClassicalRegister(10, "a"), ClassicalRegister(3, "b")
    circuit = QuantumCircuit(QuantumRegister(4), a, b)
    circuit.x([0, 2])
    circuit.measure([0, 1, 2, 3], [a[9], a[0], b[1], b[2]])
    data = SamplerV2().run([circuit], shots=7).result()[0].data
    assert data.a.get_counts() == {"1000000000": 7}
    assert data.b.get_counts() == {"010": 7}
    assert data.a.num_shots == 7
    reference = StatevectorSampler().run([circuit], shots=7).result()[0].data
    assert np.array_equal(reference.a.array, data.a.array)
    assert np.array_equal(reference.b.array, data.b.array)


def test_dynamic_circuits_are_sampled() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    assert set(SamplerV2(seed=1).run([circuit]).result()[0].data.c.get_counts()) == {"00", "11"}


def test_seeds_repeat_and_pubs_differ() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    first = SamplerV2(seed=4).run([circuit, circuit]).result()
    again = SamplerV2(seed=4).run([circuit, circuit]).result()
    assert np.array_equal(first[0].data.meas.array, again[0].data.meas.array)
    assert not np.array_equal(first[0].data.meas.array, first[1].data.meas.array)
    seeded = SamplerV2(options={"run_options": {"seed_simulator": 4}}).run([circuit]).result()
    assert np.array_equal(seeded[0].data.meas.array, first[0].data.meas.array)


def test_constructor_forms_of_the_sampler() -> None:
    backend = AerSimulator()
    sampler = SamplerV2(default_shots=12, seed=5, options={"backend_options": {"shots": 3}})
    assert isinstance(sampler, BaseSamplerV2)
    assert sampler.default_shots == 12
    assert sampler.seed == 5
    assert SamplerV2.from_backend(backend, default_shots=5).default_shots == 5
    with pytest.warns(UserWarning, match="no classical registers"):
        result = SamplerV2().run([QuantumCircuit(1)]).result()
    assert result[0].data.shape == ()


# --- jobs and parameters --------------------------------------------------------------------------


def _long() -> QuantumCircuit:
    p = ParameterVector("p", 2)
    circuit = QuantumCircuit(20)
    for layer in range(20):
        for qubit in range(20):
            circuit.rx(p[0] + layer, qubit)
        for qubit in range(19):
            circuit.rzz(p[1] + qubit, qubit, qubit + 1)
    return circuit


def test_a_primitive_job_can_be_cancelled() -> None:
    job = EstimatorV2().run([(_long(), "Z" * 20, np.zeros((200, 2)))])
    assert job.status() in {JobStatus.QUEUED, JobStatus.RUNNING}
    assert job.cancel()
    with pytest.raises(QuasimQiskitError, match="cancelled"):
        job.result()
    assert job.cancelled()
    assert job.in_final_state()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_stops_a_primitive() -> None:
    job = EstimatorV2().run([(_long(), "Z" * 20, np.zeros((200, 2)))])
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        job.result()
    assert EstimatorV2().run([(QuantumCircuit(1), "Z")]).result()[0].data.evs == 1


def test_many_values_are_bound_without_new_circuits(monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a circuit was bound")

    monkeypatch.setattr(QuantumCircuit, "assign_parameters", refuse)
    circuit = ansatz()
    EstimatorV2().run([(circuit, "ZZZ", VALUES)]).result()
    circuit.measure_all()
    SamplerV2().run([(circuit, VALUES)]).result()

"""The backend as a Qiskit user meets it: options, results, jobs, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import BackendV2, JobStatus, JobTimeoutError
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.result import Result

from quasim_qiskit import AerSimulator, QuasimQiskitError, QuasimSimulator


def bell(name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


# --- results --------------------------------------------------------------------------------------


def test_the_result_is_qiskits_own() -> None:
    backend = AerSimulator()
    job = backend.run(bell(), shots=100, memory=True, seed_simulator=3)
    result = job.result()
    assert type(result) is Result
    assert result.success
    assert result.status == "COMPLETED"
    assert result.job_id == job.job_id()
    assert result.backend_name == "aer_simulator"
    assert result.time_taken >= 0
    memory = result.get_memory()
    assert len(memory) == 100
    assert result.get_counts() == {key: memory.count(key) for key in set(memory)}
    entry = result.results[0]
    assert entry.seed_simulator == 3
    assert entry.shots == 100
    for key in ("method", "device", "noise", "num_qubits", "num_clbits", "active_input_qubits"):
        assert key in entry.metadata
    assert Result.from_dict(result.to_dict()).get_counts() == result.get_counts()


def test_results_are_found_by_circuit_and_by_name() -> None:
    flip = QuantumCircuit(1, 1, name="flip", metadata={"tag": 7})
    flip.x(0)
    flip.measure(0, 0)
    result = AerSimulator().run([bell(), flip], shots=10).result()
    assert result.get_counts(flip) == {"1": 10}
    assert result.get_counts("flip") == {"1": 10}
    assert result.results[1].header["metadata"] == {"tag": 7}
    assert set(result.get_counts(0)) <= {"00", "11"}


def test_registers_are_separated_and_ordered_as_in_qiskit() -> None:
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    )
    circuit.x(2)
    circuit.measure([2, 0, 1], [0, 1, 2])
    assert AerSimulator().run(circuit, shots=5).result().get_counts() == {"00 1": 5}


def test_more_than_64_classical_bits() -> None:
    circuit = QuantumCircuit(2, 130)
    circuit.x(0)
    circuit.measure(0, 129)
    circuit.measure(0, 64)
    circuit.measure(1, 3)
    result = AerSimulator().run(circuit, shots=4, memory=True).result()
    key = "".join("1" if c in (64, 129) else "0" for c in reversed(range(130)))
    assert result.get_counts() == {key: 4}
    assert result.get_memory() == [key] * 4


def test_without_measurement_there_are_no_counts() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    result = AerSimulator().run(circuit).result()
    assert result.success
    with pytest.raises(QiskitError, match="No counts"):
        result.get_counts()


def test_wide_circuits_with_few_active_qubits() -> None:
    circuit = QuantumCircuit(127, 2)
    circuit.x(100)
    circuit.cx(100, 3)
    circuit.measure([3, 5], [0, 1])
    result = AerSimulator().run(circuit, shots=3).result()
    assert result.get_counts() == {"01": 3}
    assert set(result.results[0].metadata["active_input_qubits"]) <= {3, 5, 100}


# --- seeds and precision --------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_samples() -> None:
    backend = AerSimulator(seed_simulator=9)
    first, again = (backend.run(bell(), memory=True).result().get_memory() for _ in range(2))
    assert first == again
    assert first != backend.run(bell(), memory=True, seed_simulator=10).result().get_memory()


def test_each_circuit_has_a_seed_of_its_own() -> None:
    result = AerSimulator().run([bell(), bell()], memory=True, seed_simulator=1).result()
    assert result.get_memory(0) != result.get_memory(1)
    seed = result.results[1].seed_simulator
    alone = AerSimulator().run(bell(), memory=True, seed_simulator=seed).result()
    assert alone.get_memory() == result.get_memory(1)


def test_precision() -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(0.3, 0)
    circuit.save_statevector()
    single = AerSimulator(precision="single").run(circuit).result()
    double = AerSimulator().run(circuit).result()
    assert single.results[0].metadata["quasim"]["precision"] == "fp32"
    assert double.results[0].metadata["quasim"]["precision"] == "fp64"
    circuit.remove_final_measurements()
    assert np.abs(double.get_statevector().data - single.get_statevector().data).max() < 1e-6


# --- parameters -----------------------------------------------------------------------------------


def test_parameter_binds_give_one_result_a_value_in_order() -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.ry(2 * a - b / 2, 0)
    circuit.rz(a * b, 0)
    circuit.ry(b.sin(), 0)
    circuit.save_statevector()
    values = {a: [0.1, 0.7, -2.0], "b": np.array([0.4, 3.0, 1.5])}
    other = circuit.assign_parameters({a: 0.2, b: 0.3})
    result = AerSimulator().run([circuit, other], parameter_binds=[values, {}]).result()
    assert len(result.results) == 4
    bare = circuit.copy()
    bare.data = [item for item in bare.data if item.name != "save_statevector"]
    for i in range(3):
        bound = bare.assign_parameters({a: values[a][i], b: values["b"][i]})
        expected = Statevector(bound).data
        assert np.allclose(result.data(i)["statevector"].data, expected, atol=1e-12)


def test_parameters_without_a_value_are_named() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("theta"), 0)
    with pytest.raises(QuasimQiskitError, match="theta"):
        AerSimulator().run(circuit).result()
    with pytest.raises(QuasimQiskitError, match=r"phi.*theta"):
        AerSimulator().run(circuit, parameter_binds=[{"phi": [1.0]}]).result()
    with pytest.raises(QuasimQiskitError, match="one mapping a circuit"):
        AerSimulator().run([circuit, circuit], parameter_binds=[{"theta": [1.0]}])


# --- options --------------------------------------------------------------------------------------


def test_every_aer_option_is_known_with_its_default() -> None:
    aer = pytest.importorskip("qiskit_aer")
    ours = AerSimulator._default_options()
    for name, value in aer.AerSimulator._default_options().items():
        assert getattr(ours, name) == value, name


def test_unknown_options_are_refused_at_construction_and_ignored_in_run() -> None:
    with pytest.raises(QiskitError, match=r"Invalid option foo"):
        AerSimulator(foo=1)
    with pytest.raises(QiskitError, match=r"Did you mean 'seed_simulator'"):
        AerSimulator(seed_simulater=1)
    assert AerSimulator().run(bell(), foo=1).result().success


@pytest.mark.parametrize(
    ("option", "error", "text"),
    [
        ({"method": "superop"}, QuasimQiskitError, "the circuit has no save_superop"),
        ({"device": "TPU"}, QuasimQiskitError, "Available devices"),
        ({"precision": "half"}, QuasimQiskitError, "'double' and 'single'"),
        ({"noise_model": object()}, QuasimQiskitError, "noise_model cannot be object"),
        ({"shots": "many"}, TypeError, "shots must be an integer"),
        ({"shots": 0}, QuasimQiskitError, "at least 1"),
    ],
)
def test_impossible_run_options_are_raised_by_result(option, error, text) -> None:
    job = AerSimulator().run(bell(), **option)
    with pytest.raises(error, match=text):
        job.result()
    assert job.status() == JobStatus.ERROR


NUMBERS = [
    ("matrix_product_state_max_bond_dimension", -1, QuasimQiskitError, "at least 1.*; got -1"),
    ("matrix_product_state_max_bond_dimension", "a", TypeError, "must be an integer"),
    ("matrix_product_state_truncation_threshold", 2, QuasimQiskitError, "from 0 to 1"),
    ("max_truncation_error", "a", TypeError, "must be a number"),
    ("extended_stabilizer_approximation_error", 0.0, QuasimQiskitError, "above 0"),
    ("max_memory_mb", -5, QuasimQiskitError, "at least 0.*; got -5"),
    ("max_memory_mb", float("nan"), QuasimQiskitError, "at least 0"),
    ("max_parallel_threads", -1, QuasimQiskitError, "at least 0"),
    ("shots", 0, QuasimQiskitError, "at least 1"),
]


@pytest.mark.parametrize(("name", "value", "error", "text"), NUMBERS)
def test_impossible_numbers_are_refused_when_they_are_set(name, value, error, text) -> None:
    with pytest.raises(error, match=f"Option {name} .*{text}"):
        AerSimulator(**{name: value})
    with pytest.raises(error, match=f"Option {name} .*{text}"):
        AerSimulator().set_options(**{name: value})


@pytest.mark.parametrize(("name", "value", "error", "text"), NUMBERS)
@pytest.mark.parametrize("method", ["automatic", "matrix_product_state"])
def test_impossible_numbers_of_a_run_are_refused_by_every_method(
    method, name, value, error, text
) -> None:
    job = AerSimulator(method=method).run(bell(), **{name: value})
    with pytest.raises(error, match=f"Option {name} .*{text}"):
        job.result()


def test_zero_and_none_mean_no_limit_of_ones_own() -> None:
    backend = AerSimulator(max_memory_mb=0, max_parallel_threads=0)
    backend.set_options(matrix_product_state_max_bond_dimension=np.int64(3))
    backend.set_options(matrix_product_state_max_bond_dimension=None)
    assert backend.options.matrix_product_state_max_bond_dimension is None
    for method in ("automatic", "matrix_product_state"):
        assert backend.run(bell(), method=method).result().success


def test_options_are_set_and_cleared() -> None:
    backend = AerSimulator(shots=10)
    backend.set_options(method="statevector", seed_simulator=4)
    assert backend.name == "aer_simulator_statevector"
    assert backend.options.shots == 10
    assert backend.run(bell()).result().results[0].shots == 10
    assert backend.run(bell(), shots=20).result().results[0].shots == 20
    assert backend.options.shots == 10
    backend.clear_options()
    assert backend.options.shots == 1024
    assert backend.options.seed_simulator is None


def test_a_gpu_that_is_not_there_is_a_warning() -> None:
    # Whether there is one or not: the result says where it ran.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = AerSimulator(device="GPU").run(bell()).result()
    assert result.success
    assert result.results[0].metadata["device"] in {"CPU", "GPU"}


# --- failures -------------------------------------------------------------------------------------


def test_too_many_qubits_fail_with_numbers_before_allocating() -> None:
    circuit = QuantumCircuit(50)
    circuit.h(range(50))
    circuit.measure_all()
    simulator = AerSimulator(method="statevector")  # others would do it
    result = simulator.run([circuit, bell()], shots=5).result()
    assert not result.success
    assert "[Experiment 0]" in result.status
    assert "free" in result.status
    assert result.results[1].success
    assert sum(result.get_counts(1).values()) == 5
    with pytest.raises(QiskitError, match="free"):
        result.get_counts(0)


def test_things_that_are_no_circuit_are_refused() -> None:
    with pytest.raises(QiskitError, match=r"builtins\.str"):
        AerSimulator().run(["h q[0];"])
    with pytest.raises(QiskitError, match=r"takes a QuantumCircuit or a list.*builtins\.int"):
        AerSimulator().run(5)


# --- target ---------------------------------------------------------------------------------------


def test_the_target_is_kept_until_an_option_changes_it() -> None:
    backend = AerSimulator()
    assert backend.target is backend.target
    assert backend.target is AerSimulator().target
    assert backend.target.num_qubits is None
    assert backend.num_qubits is None
    backend.set_options(coupling_map=[[0, 1], [1, 2]], basis_gates=["rz", "sx", "cz"])
    assert backend.target.num_qubits == 3
    assert {"measure", "reset", "delay", "if_else", "save_statevector"} <= set(
        backend.operation_names
    )
    assert backend.configuration().basis_gates[:3] == ["rz", "sx", "cz"]
    with pytest.raises(QuasimQiskitError, match="'czz'"):
        backend.set_options(basis_gates=["czz"])


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_transpiled_circuits_run_and_keep_what_the_simulator_knows(level: int) -> None:
    circuit = QuantumCircuit(4, 2)
    circuit.ch(0, 1)
    circuit.append(GenericUnitary, [3, 1, 0, 2])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    with circuit.box():
        circuit.rzx(0.3, 0, 1)
    circuit.save_statevector()
    backend = AerSimulator()
    done = transpile(circuit, backend, optimization_level=level)
    assert "unitary" in done.count_ops()
    assert "save_statevector" in done.count_ops()
    states = [backend.run(c, shots=1).result().get_statevector().data for c in (circuit, done)]
    if done.layout is None or done.layout.initial_layout is None:
        assert np.allclose(*states, atol=1e-9)


def _generic_unitary():
    from qiskit.circuit.library import UnitaryGate
    from qiskit.quantum_info import random_unitary

    return UnitaryGate(random_unitary(16, seed=4))


GenericUnitary = _generic_unitary()


@pytest.mark.parametrize("width", [33, 127])
def test_wide_circuits_pass_the_transpiler(width: int) -> None:
    circuit = QuantumCircuit(width, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    assert AerSimulator().run(transpile(circuit, AerSimulator()), shots=1).result().success


def test_transpiling_is_fast() -> None:
    backend = AerSimulator()
    transpile(bell(), backend)
    times = []
    for _ in range(5):
        started = time.process_time()
        transpile(bell(), backend, optimization_level=1)
        times.append(time.process_time() - started)
    assert min(times) < 0.05  # Aer needs five times as long on the same machine


def test_from_backend_takes_gates_and_coupling() -> None:
    device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)
    assert AerSimulator.from_backend(device).options.noise_model.noise_qubits == [0, 1, 2, 3, 4]
    backend = AerSimulator.from_backend(device, noise_model=None, seed_simulator=2)
    assert backend.options.noise_model is None
    assert backend.name == "aer_simulator_from(generic_backend_5q)"
    assert backend.num_qubits == 5
    assert backend.configuration().coupling_map == [[0, 1], [1, 2], [2, 3], [3, 4]]
    circuit = bell()
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure(range(3), range(3))
    done = transpile(circuit, backend, initial_layout=[0, 4, 2], seed_transpiler=1)
    used = {tuple(sorted(done.find_bit(q).index for q in i.qubits)) for i in done if i.name == "cx"}
    assert used <= {(0, 1), (1, 2), (2, 3), (3, 4)}
    assert set(backend.run(done).result().get_counts()) == {"000", "101"}
    with pytest.raises(TypeError, match="BackendV2"):
        AerSimulator.from_backend("device")


def test_configuration_has_what_older_code_reads() -> None:
    configuration = AerSimulator().configuration()
    for name in ("n_qubits", "num_qubits", "basis_gates", "custom_instructions", "coupling_map"):
        assert hasattr(configuration, name)
    assert configuration.simulator
    assert configuration.local
    assert configuration.n_qubits > 20
    assert "save_statevector" in configuration.basis_gates
    assert isinstance(AerSimulator(), BackendV2)
    assert AerSimulator is QuasimSimulator


# --- jobs -----------------------------------------------------------------------------------------


def _long() -> QuantumCircuit:
    circuit = QuantumCircuit(22, 1)
    for layer in range(40):
        for qubit in range(22):
            circuit.rx(0.1 + layer, qubit)
        for qubit in range(21):
            circuit.rzz(0.3 * layer + qubit, qubit, qubit + 1)
        circuit.measure(layer % 22, 0)
    return circuit


def test_jobs_run_in_the_background_and_can_be_cancelled() -> None:
    backend = AerSimulator()
    job = backend.run(_long(), shots=1000)
    waiting = backend.run(bell())
    assert not job.in_final_state()
    assert waiting.status() == JobStatus.QUEUED
    assert waiting.cancel()
    assert waiting.cancelled()
    assert job.cancel()
    for each in (job, waiting):
        with pytest.raises(QuasimQiskitError, match="cancelled"):
            each.result()
        assert each.status() == JobStatus.CANCELLED
    assert backend.run(bell()).result().success


def test_a_timeout_leaves_the_job_running() -> None:
    job = AerSimulator().run(_long(), shots=1000)
    with pytest.raises(TimeoutError):
        job.result(timeout=0.05)
    with pytest.raises(JobTimeoutError):
        job.wait_for_final_state(timeout=0.05)
    assert not job.in_final_state()
    job.cancel()


def test_a_finished_job() -> None:
    job = AerSimulator().run(bell(), shots=3)
    job.wait_for_final_state(timeout=60)
    assert job.done()
    assert not job.cancel()
    assert job.backend().name == "aer_simulator"
    assert len(job.circuits()) == 1


def test_the_callers_circuit_may_change_after_run() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    blocker = AerSimulator().run(_long(), shots=1000)
    job = AerSimulator().run(circuit, shots=3)
    circuit.data.clear()
    blocker.cancel()
    assert job.result().get_counts() == {"1": 3}


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_stops_a_run_and_leaves_the_process_usable() -> None:
    backend = AerSimulator()
    job = backend.run(_long(), shots=100_000)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        job.result()
    assert job.in_final_state()
    assert backend.run(bell(), shots=5).result().success


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_can_run_too() -> None:
    program = """
import os
from qiskit import QuantumCircuit
from quasim_qiskit import AerSimulator
circuit = QuantumCircuit(1, 1)
circuit.x(0)
circuit.measure(0, 0)
assert AerSimulator().run(circuit, shots=2).result().get_counts() == {"1": 2}
child = os.fork()
if child == 0:
    right = AerSimulator().run(circuit, shots=2).result().get_counts() == {"1": 2}
    os._exit(0 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


# --- with Qiskit's own primitives -----------------------------------------------------------------


def test_qiskits_backend_primitives_accept_the_backend() -> None:
    backend = AerSimulator(seed_simulator=3)
    sampled = BackendSamplerV2(backend=backend).run([bell()], shots=500).result()[0]
    assert set(sampled.data.meas.get_counts()) == {"00", "11"}
    circuit = bell().remove_final_measurements(inplace=False)
    estimator = BackendEstimatorV2(backend=backend)
    pub = (circuit, SparsePauliOp(["ZZ", "XX"]))
    assert estimator.run([pub], precision=0.05).result()[0].data.evs == pytest.approx(2, abs=0.3)

"""Programs that differ from programs for Aer by one import line, run with both."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit")
pytest.importorskip("qiskit_aer")

from qiskit.result import Counts
from qiskit_aer import AerSimulator as Aer

from quasim_qiskit import AerSimulator

PROGRAMS = {
    "counts": """
from qiskit import QuantumCircuit, transpile
circuit = QuantumCircuit(3, 3)
circuit.h(0)
circuit.cx(0, 2)
circuit.x(1)
circuit.measure([0, 1, 2], [2, 0, 1])
simulator = AerSimulator()
circuit = transpile(circuit, simulator)
answer = sorted(simulator.run(circuit, shots=500).result().get_counts(circuit))
""",
    "statevector": """
from qiskit import QuantumCircuit
circuit = QuantumCircuit(2)
circuit.h(0)
circuit.cp(0.4, 0, 1)
circuit.u(0.1, 0.2, 0.3, 1)
circuit.save_statevector()
answer = AerSimulator(method="statevector").run(circuit).result().get_statevector(circuit).data
""",
    "unitary": """
from qiskit import QuantumCircuit
circuit = QuantumCircuit(2)
circuit.rzx(0.3, 0, 1)
circuit.save_unitary()
answer = AerSimulator(method="unitary").run(circuit).result().get_unitary(circuit).data
""",
    "every save": """
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli, SparsePauliOp
circuit = QuantumCircuit(3)
circuit.ry(0.3, 0)
circuit.cx(0, 1)
circuit.rx(1.3, 2)
circuit.save_density_matrix(qubits=[2, 0], label="rho")
circuit.save_probabilities(qubits=[1, 2], label="p")
circuit.save_probabilities_dict(qubits=[0, 1], label="pd")
circuit.save_expectation_value(SparsePauliOp(["XY", "ZI"], [1, 2]), [2, 0], label="e")
circuit.save_expectation_value_variance(Pauli("ZYX"), [0, 1, 2], label="v")
circuit.save_amplitudes([1, 6], label="a")
circuit.save_amplitudes_squared([0, 3], label="a2")
circuit.save_statevector_dict(label="sd")
circuit.save_state(label="s")
data = AerSimulator().run(circuit, shots=3).result().data()
parts = [np.asarray(data[k]).ravel() for k in ("rho", "p", "e", "v", "a", "a2", "s")]
parts.append(np.array([data["pd"][k] for k in sorted(data["pd"])]))
parts.append(np.array([data["sd"][k] for k in sorted(data["sd"])]))
answer = np.concatenate([np.atleast_1d(p) for p in parts])
""",
    "parameter binds": """
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
t = Parameter("t")
circuit = QuantumCircuit(1)
circuit.ry(2 * t, 0)
circuit.save_probabilities()
job = AerSimulator().run([circuit], parameter_binds=[{t: [0.1, 0.2, 0.3]}])
answer = np.array([job.result().data(i)["probabilities"] for i in range(3)])
""",
    "memory and registers": """
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))
circuit.x(0)
circuit.measure([0, 1], [1, 2])
answer = AerSimulator().run(circuit, shots=4, memory=True).result().get_memory()
""",
    "dynamic": """
from qiskit import QuantumCircuit
circuit = QuantumCircuit(2, 2)
circuit.h(0)
circuit.measure(0, 0)
with circuit.if_test((circuit.clbits[0], 1)):
    circuit.x(1)
circuit.measure(1, 1)
answer = sorted(AerSimulator(seed_simulator=3).run(circuit).result().get_counts())
""",
    "set a state": """
from qiskit import QuantumCircuit
circuit = QuantumCircuit(2)
circuit.set_statevector([0.6, 0, 0, 0.8j])
circuit.h(1)
circuit.save_statevector()
answer = AerSimulator().run(circuit).result().get_statevector().data
""",
    "estimator": """
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
t = Parameter("t")
circuit = QuantumCircuit(2)
circuit.ry(t, 0)
circuit.cx(0, 1)
estimator = EstimatorV2()
answer = estimator.run([(circuit, [["ZZ"], ["IX"]], [0.1, 0.2])]).result()[0].data.evs
""",
    "sampler": """
from qiskit import QuantumCircuit
circuit = QuantumCircuit(2)
circuit.x(1)
circuit.measure_all()
answer = SamplerV2(seed=1).run([circuit], shots=9).result()[0].data.meas.get_counts()
""",
}
AER = (
    "from qiskit_aer import AerSimulator\nfrom qiskit_aer.primitives import EstimatorV2, SamplerV2"
)
OURS = "from quasim_qiskit import AerSimulator, EstimatorV2, SamplerV2"


def _run(program: str, line: str):
    namespace: dict[str, object] = {"np": np}
    exec(f"{line}\n{program}", namespace)
    return namespace["answer"]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")  # Aer's own
def test_the_import_is_the_only_line_that_changes(name: str) -> None:
    theirs, ours = _run(PROGRAMS[name], AER), _run(PROGRAMS[name], OURS)
    if isinstance(theirs, np.ndarray):
        assert np.abs(theirs - ours).max() < 1e-9
    else:
        assert theirs == ours


def test_results_have_every_key_of_aers() -> None:
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1, name="one")
    circuit.h(0)
    circuit.measure(0, 0)
    theirs = Aer().run(circuit, memory=True).result()
    ours = AerSimulator().run(circuit, memory=True).result()
    assert set(theirs.to_dict()) == set(ours.to_dict())
    assert set(theirs.metadata) == set(ours.metadata)
    assert set(theirs.results[0].to_dict()) == set(ours.results[0].to_dict())
    assert theirs.results[0].header == ours.results[0].header
    assert type(theirs.get_counts()) is type(ours.get_counts()) is Counts


def test_quantum_errors_of_aer_are_channels(chi_square) -> None:
    from qiskit import QuantumCircuit
    from qiskit_aer.noise import pauli_error

    circuit = QuantumCircuit(1, 1)
    circuit.append(pauli_error([("X", 0.3), ("I", 0.7)]).to_instruction(), [0])
    circuit.measure(0, 0)
    counts = AerSimulator().run(circuit, shots=4000).result().get_counts()
    chi_square(counts, {"1": 0.3, "0": 0.7}, 4000)

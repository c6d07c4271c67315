"""Noise of IBM's devices, as recorded in `qiskit_ibm_runtime`, against Qiskit Aer's."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")

import qiskit_aer
import qiskit_aer.noise
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, SuperOp
from qiskit_ibm_runtime import fake_provider

from quasim_qiskit import AerSimulator
from quasim_qiskit.noise import NoiseModel

SHOTS = 20_000
# Name, qubits, two-qubit gate. Aer needs 5 to 10 s for the noise of each of the last two.
DEVICES = [
    ("FakeManilaV2", 5, "cx"),
    ("FakeYorktownV2", 5, "cx"),
    ("FakeFractionalBackend", 5, "cx"),
    ("FakeAlmadenV2", 20, "cx"),
    ("FakeMontrealV2", 27, "cx"),
    pytest.param("FakeSherbrooke", 127, "ecr", marks=pytest.mark.slow),
    pytest.param("FakeWashingtonV2", 127, "cx", marks=pytest.mark.slow),
]
AT_ONCE = 60
"""Channels compared of one device, evenly chosen."""

each_device = pytest.mark.parametrize(("name", "width", "pair"), DEVICES)


@cache
def device_of(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # recorded T2 above 2 * T1, and names that will go
        return getattr(fake_provider, name)()


@cache
def models_of(name: str):
    device = device_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return qiskit_aer.noise.NoiseModel.from_backend(device), NoiseModel.from_backend(device)


def native_circuit(name: str, pair: str) -> tuple[QuantumCircuit, list[int]]:
    """Return a circuit of the device's own gates on three of its qubits, and these."""
    target = device_of(name).target
    edges = sorted(target[pair])
    a, b, c, one, other = next(
        (a, b, c, (a, b), edge)
        for a, b in edges
        for edge in edges
        for c in edge
        if len({*edge, a, b}) == 3 and b in edge and c != b
    )
    circuit = QuantumCircuit(target.num_qubits, 3)
    gate = getattr(circuit, pair)
    for q in (a, b, c):
        circuit.sx(q)
        circuit.rz(0.4 + q, q)
    for _ in range(6):
        gate(*one)
        circuit.x(a)
        circuit.delay(40_000, a, unit="dt")
        circuit.sx(b)
        gate(*other)
        circuit.id(c)
        circuit.reset(a)
        circuit.sx(a)
    return circuit, [a, b, c]


@each_device
def test_channels_are_aers(name: str, width: int, pair: str) -> None:
    theirs, mine = models_of(name)
    assert device_of(name).num_qubits == width
    assert pair in theirs.noise_instructions
    assert theirs.basis_gates == mine.basis_gates
    assert theirs.noise_instructions == mine.noise_instructions
    assert theirs.noise_qubits == mine.noise_qubits
    places = [(g, q) for g, table in theirs._local_quantum_errors.items() for q in table]
    found = {(g, q) for g, table in mine._local_quantum_errors.items() for q in table}
    assert found == {*places}
    for gate, qubits in islice(places, 0, None, 1 + len(places) // AT_ONCE):
        one = SuperOp(theirs._local_quantum_errors[gate][qubits]).data
        other = mine._local_quantum_errors[gate][qubits].to_quantumchannel().data
        assert np.abs(one - other).max() < 1e-10, (gate, qubits)
    assert {*theirs._local_readout_errors} == {*mine._local_readout_errors}
    for qubits, error in theirs._local_readout_errors.items():
        other = mine._local_readout_errors[qubits].probabilities
        assert np.abs(error.probabilities - other).max() < 1e-12
    for one, other in zip(theirs._custom_noise_passes, mine._custom_noise_passes, strict=True):
        assert one._dt == other._dt
        for values in ("_t1s", "_t2s", "_p1s"):
            assert np.array_equal(getattr(one, values), getattr(other, values))


@each_device
def test_density_matrices_are_aers(name: str, width: int, pair: str) -> None:
    theirs, mine = models_of(name)
    circuit, qubits = native_circuit(name, pair)
    circuit.save_density_matrix(qubits)
    aer = qiskit_aer.AerSimulator(method="density_matrix", noise_model=theirs)
    expected = np.asarray(aer.run(circuit).result().data()["density_matrix"])
    for model in (theirs, mine):
        found = AerSimulator(method="density_matrix", noise_model=model).run(circuit).result()
        # Aer cuts Kraus operators off: the trace of its matrix is 1 within 1e-8 only.
        assert np.abs(expected - np.asarray(found.data()["density_matrix"])).max() < 1e-8
    assert DensityMatrix(expected).purity().real < 0.99  # there is noise at all


@each_device
def test_counts_are_those_of_aers_density_matrix(
    name: str, width: int, pair: str, chi_square
) -> None:
    theirs, _ = models_of(name)
    circuit, qubits = native_circuit(name, pair)
    measured = circuit.copy()
    measured.measure(qubits, range(3))
    circuit.save_density_matrix(qubits)
    aer = qiskit_aer.AerSimulator(method="density_matrix", noise_model=theirs)
    state = np.asarray(aer.run(circuit).result().data()["density_matrix"])
    read = np.eye(1)
    for q in reversed(qubits):
        error = theirs._local_readout_errors.get((q,))
        read = np.kron(read, np.eye(2) if error is None else error.probabilities)
    expected = {f"{i:03b}": p for i, p in enumerate(np.real(np.diag(state)) @ read)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = AerSimulator.from_backend(device_of(name), seed_simulator=11)
    counts = backend.run(measured, shots=SHOTS).result().get_counts()
    chi_square(counts, expected, SHOTS)

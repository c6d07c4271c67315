"""The noise classes of this package have the numbers of Qiskit Aer's, and need no Aer."""

# ruff: noqa: E402 - imports after the check that Aer is there
from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("qiskit")
aer_noise = pytest.importorskip("qiskit_aer.noise")

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.circuit.library import CXGate, HGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SuperOp, random_unitary
from qiskit.transpiler import InstructionProperties

from quasim_qiskit import AerSimulator, noise
from quasim_qiskit.noise import NoiseError

UNITARY = random_unitary(4, seed=3).data
BUILDERS = [
    ("depolarizing_error", (0.1, 1)),
    ("depolarizing_error", (0.2, 2)),
    ("pauli_error", ([("XY", 0.3), ("II", 0.7)],)),
    ("reset_error", (0.1, 0.2)),
    ("thermal_relaxation_error", (50, 30, 10, 0.2)),
    ("thermal_relaxation_error", (50, 80, 10, 0.3)),
    ("thermal_relaxation_error", (float("inf"), 30, 10)),
    ("phase_amplitude_damping_error", (0.1, 0.2, 0.3)),
    ("amplitude_damping_error", (0.3, 0.4)),
    ("phase_damping_error", (0.3,)),
    ("kraus_error", ([np.sqrt(0.4) * np.eye(4), np.sqrt(0.6) * UNITARY],)),
    ("mixed_unitary_error", ([(UNITARY, 0.4), (np.eye(4), 0.6)],)),
    ("coherent_unitary_error", (UNITARY,)),
]


def close(left: object, right: object) -> bool:
    return bool(np.abs(SuperOp(left).data - SuperOp(right).data).max() < 1e-12)


@pytest.mark.parametrize(("name", "arguments"), BUILDERS)
def test_builders(name: str, arguments: tuple[object, ...]) -> None:
    theirs, mine = getattr(aer_noise, name)(*arguments), getattr(noise, name)(*arguments)
    assert close(theirs, mine)
    assert (theirs.size, theirs.num_qubits) == (mine.size, mine.num_qubits)
    assert not mine.ideal()
    assert close(noise.QuantumError.from_dict(mine.to_dict()), theirs)
    assert abs(sum(mine.error_term(i)[1] for i in range(mine.size)) - 1) < 1e-12


def test_algebra() -> None:
    results = []
    for home in (aer_noise, noise):
        one = home.thermal_relaxation_error(50, 30, 10, 0.2)
        two = home.pauli_error([("XY", 0.3), ("IZ", 0.7)])
        paulis = home.PauliError(["XY", "IZ", "XY"], [0.2, 0.5, 0.3])
        rates = home.PauliLindbladError(["XI", "ZZ"], [0.1, 0.3])
        results.append(
            [
                *(one.tensor(two), one.expand(two), two.tensor(one), two.compose(one, qargs=[1])),
                *(two.compose(two), one.power(3), one.dot(one), one @ one, one ^ two, one & one),
                *(paulis, paulis.compose(paulis), paulis.tensor(paulis), paulis.to_quantum_error()),
                *(rates, rates.compose(rates), rates.tensor(rates), rates.power(0.5)),
                *(rates.to_pauli_error(), rates.to_quantum_error(), rates.inverse()),
            ]
        )
    for number, (theirs, mine) in enumerate(zip(*results, strict=True)):
        assert close(theirs, mine), number
    a, b = [[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.05, 0.95]]
    for method in ("compose", "dot", "tensor", "expand"):
        theirs = getattr(aer_noise.ReadoutError(a), method)(aer_noise.ReadoutError(b))
        mine = getattr(noise.ReadoutError(a), method)(noise.ReadoutError(b))
        assert np.allclose(theirs.probabilities, mine.probabilities), method


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 50},
        {"gate_error": False},
        {"thermal_relaxation": False},
        {"readout_error": False},
    ],
)
def test_from_backend_has_aers_numbers(options: dict[str, object]) -> None:
    device = GenericBackendV2(3, seed=3, noise_info=True)
    theirs = aer_noise.NoiseModel.from_backend(device, **options)
    mine = noise.NoiseModel.from_backend(device, **options)
    assert theirs.basis_gates == mine.basis_gates
    assert theirs.noise_instructions == mine.noise_instructions
    assert theirs.noise_qubits == mine.noise_qubits
    for name, table in theirs._local_quantum_errors.items():
        assert {*table} == {*mine._local_quantum_errors[name]}
        for qubits, error in table.items():
            assert close(error, mine._local_quantum_errors[name][qubits]), (name, qubits)
    assert {*theirs._local_readout_errors} == {*mine._local_readout_errors}
    for qubits, error in theirs._local_readout_errors.items():
        found = mine._local_readout_errors[qubits].probabilities
        assert np.allclose(error.probabilities, found, rtol=0, atol=1e-12)
    for one, other in zip(theirs._custom_noise_passes, mine._custom_noise_passes, strict=True):
        assert one._dt == other._dt
        for name in ("_t1s", "_t2s", "_p1s"):
            assert np.allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=0)


def test_gate_lengths_replace_what_the_device_reports() -> None:
    device = GenericBackendV2(2, seed=3, noise_info=True)
    lengths = [("sx", (0,), 3000)]
    model = noise.NoiseModel.from_backend(device, gate_error=False, gate_lengths=lengths)
    known = device.target.qubit_properties[0]
    expected = noise.thermal_relaxation_error(known.t1, min(known.t2, 2 * known.t1), 3e-6)
    assert close(model._local_quantum_errors["sx"][(0,)], expected)
    with pytest.raises(NoiseError, match="no 'frob'"):
        noise.NoiseModel.from_backend(device, gate_lengths=[("frob", (0,), 1)])


def test_gate_lengths_keep_the_readout_errors() -> None:
    class Measured(InstructionProperties):
        prob_meas1_prep0, prob_meas0_prep1 = 0.01, 0.2

    device = GenericBackendV2(2, seed=3, noise_info=True)
    device.target.update_instruction_properties("measure", (0,), Measured(1e-6, 0.1))
    model = noise.NoiseModel.from_backend(device, gate_lengths=[("sx", None, 3000)])
    found = model._local_readout_errors[(0,)].probabilities
    assert np.allclose(found, [[0.99, 0.01], [0.2, 0.8]])


def entry(name: str, value: float, unit: str = "") -> SimpleNamespace:
    return SimpleNamespace(name=name, value=value, unit=unit)


def properties() -> SimpleNamespace:
    """Return properties of a device with three qubits, units mixed and some facts missing."""
    gates = [
        ("sx", [0], [entry("gate_error", 0.002), entry("gate_length", 0.05, "us")]),
        ("sx", [1], [entry("gate_error", 0.004), entry("gate_length", 80)]),
        ("x", [2], [entry("gate_error", 0.003)]),
        ("cx", [0, 1], [entry("gate_error", 0.02), entry("gate_length", 400, "ns")]),
        ("cx", [2, 1], [entry("gate_length", 500, "ns")]),
        ("reset", [0], [entry("gate_length", 1.2, "us")]),
    ]
    qubits = [
        [entry("T1", 50, "us"), entry("T2", 90_000, "ns"), entry("frequency", 5.1, "GHz")],
        [entry("T1", 40, "us"), entry("T2", 20, "us"), entry("frequency", 4900, "MHz")],
        [entry("T1", 60, "us"), entry("T2", 70, "us"), entry("frequency", 5.0)],
    ]
    qubits[0].append(entry("readout_error", 0.03))
    qubits[1] += [entry("prob_meas1_prep0", 0.01), entry("prob_meas0_prep1", 0.07)]
    known = {("t1", q): qubits[q][0].value * 1e-6 for q in range(3)}
    known |= {("t2", 0): 90e-6, ("t2", 1): 20e-6, ("t2", 2): 70e-6}
    known |= {("frequency", 0): 5.1e9, ("frequency", 1): 4.9e9, ("frequency", 2): 5e9}
    calls = {what: lambda q, what=what: known[what, q] for what in ("t1", "t2", "frequency")}
    listed = [SimpleNamespace(gate=n, qubits=q, parameters=p) for n, q, p in gates]
    return SimpleNamespace(gates=listed, qubits=qubits, **calls)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 50, "dt": 1e-9},
        {"gate_error": False, "gate_lengths": [("sx", None, 2)], "gate_length_units": "us"},
        {"thermal_relaxation": False, "readout_error": False},
    ],
)
def test_from_backend_properties_has_aers_numbers(options: dict[str, object]) -> None:
    mine = noise.NoiseModel.from_backend_properties(properties(), **options)
    aers = dict(options)
    if "gate_lengths" in aers:
        # Aer takes what is for all qubits as a pair in place of the time.
        aers["gate_lengths"] = [("sx", [q], 2) for q in (0, 1)]
    theirs = aer_noise.NoiseModel.from_backend_properties(properties(), **aers)
    assert theirs.basis_gates == mine.basis_gates
    assert theirs.noise_instructions == mine.noise_instructions
    for name, table in theirs._local_quantum_errors.items():
        assert {*table} == {*mine._local_quantum_errors[name]}
        for qubits, error in table.items():
            assert close(error, mine._local_quantum_errors[name][qubits]), (name, qubits)
    assert {*theirs._local_readout_errors} == {*mine._local_readout_errors}
    for qubits, error in theirs._local_readout_errors.items():
        found = mine._local_readout_errors[qubits].probabilities
        assert np.allclose(error.probabilities, found, rtol=0, atol=1e-12)
    for one, other in zip(theirs._custom_noise_passes, mine._custom_noise_passes, strict=True):
        assert one._dt == other._dt
        for name in ("_t1s", "_t2s", "_p1s"):
            assert np.allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=0)


def test_what_is_no_properties_is_named() -> None:
    with pytest.raises(NoiseError, match="BackendV2 goes into"):
        noise.NoiseModel.from_backend_properties(GenericBackendV2(2, seed=3))


@pytest.mark.parametrize("method", ["append", "prepend", "replace"])
def test_noise_passes_are_aers(method: str) -> None:
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.delay(2, 1, unit="us")
    circuit.cx(0, 1)
    circuit.rx(0.4, 2)
    circuit.delay(5000, 2, unit="ns")
    circuit.cx(2, 1)
    states = []
    for home, simulator in ((aer_noise, qiskit_aer.AerSimulator), (noise, AerSimulator)):

        def func(op: object, qubits: list[int], home: object = home) -> object:
            if op.num_qubits == 2:
                both = QuantumCircuit(2)
                both.ry(0.1 + 0.1 * qubits[0], 1)
                both.append(home.amplitude_damping_error(0.2).to_instruction(), [0])
                return both
            return None if qubits == [1] else home.phase_damping_error(0.1 * (1 + qubits[0]))

        times = ([50e-6, 20e-6, 30e-6], [60e-6, 40e-6, 20e-6])
        noisy = home.LocalNoisePass(func, (CXGate, HGate), method)(circuit)
        noisy = home.RelaxationNoisePass(*times, None, Delay, [0.1, 0.2, 0.3])(noisy)
        noisy.save_density_matrix()
        result = simulator(method="density_matrix").run(noisy).result()
        states.append(np.asarray(result.data()["density_matrix"]))
    assert np.abs(states[0] - states[1]).max() < 1e-10


def test_noise_passes_name_what_is_impossible() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    for func, words in (
        (lambda op, qubits: 0.1, "must be an error"),
        (lambda op, qubits: noise.depolarizing_error(0.1, 2), "acts on 1 qubits"),
    ):
        with pytest.raises(NoiseError, match=words):
            noise.LocalNoisePass(func)(circuit)
    with pytest.raises(NoiseError, match="append, prepend, replace"):
        noise.LocalNoisePass(func, method="before")


def test_models_are_built_as_in_aer() -> None:
    texts = []
    for home in (aer_noise, noise):
        model = home.NoiseModel()
        assert model.is_ideal()
        error = home.depolarizing_error(0.1, 1)
        model.add_all_qubit_quantum_error(error, ["x", "sx"], warnings=False)
        model.add_quantum_error(error, "x", [2], warnings=False)
        model.add_quantum_error(home.pauli_error([("I", 1.0)]), "y", [1])  # ideal: left out
        model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
        texts.append((model.basis_gates, model.noise_instructions, model.noise_qubits))
        texts.append(sorted(e["type"] for e in model.to_dict(serializable=True)["errors"]))
    assert texts[:2] == texts[2:]
    again = noise.NoiseModel.from_dict(model.to_dict(serializable=True))
    assert again._default_quantum_errors == model._default_quantum_errors
    assert again._local_quantum_errors == model._local_quantum_errors
    model.reset()
    assert model.is_ideal()


def test_impossible_values_are_named() -> None:
    for wrong, words in (
        (lambda: noise.depolarizing_error(2, 1), r"\[0, 1.3"),
        (lambda: noise.reset_error(0.7, 0.7), "0.7 and 0.7"),
        (lambda: noise.thermal_relaxation_error(1, 3, 1), "2"),
        (lambda: noise.thermal_relaxation_error(1, 1, -1), "-1"),
        (lambda: noise.pauli_error([("XQ", 1.0)]), "XQ"),
        (lambda: noise.pauli_error([("X", 0.5)]), "sum to 0.5"),
        (lambda: noise.mixed_unitary_error([(np.diag([1, 2]), 1.0)]), "not unitary"),
        (lambda: noise.ReadoutError([[0.5, 0.6], [0, 1]]), "0.6"),
        (lambda: noise.NoiseModel().add_quantum_error(UNITARY, "cx", [0]), "pairs"),
        (
            lambda: noise.NoiseModel().add_all_qubit_quantum_error(
                noise.depolarizing_error(0.1, 1), "cx"
            ),
            "does not fit 'cx'",
        ),
    ):
        with pytest.raises(NoiseError, match=words):
            wrong()


def test_nothing_imports_aer() -> None:
    code = """
import sys
sys.modules["qiskit_aer"] = None
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from quasim_qiskit import AerSimulator
from quasim_qiskit.noise import NoiseModel
device = GenericBackendV2(2, seed=1, noise_info=True)
circuit = QuantumCircuit(2, 2)
circuit.sx(0); circuit.cx(0, 1); circuit.measure([0, 1], [0, 1])
counts = AerSimulator.from_backend(device).run(circuit, shots=10).result().get_counts()
assert sum(counts.values()) == 10
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

"""Noise models of Qiskit Aer mean here what they mean there: the same density matrix."""

# ruff: noqa: B023, E402 - imports after the check that Aer is there; choices run at once
from __future__ import annotations

import copy
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("qiskit")
aer = pytest.importorskip("qiskit_aer")
aer_noise = pytest.importorskip("qiskit_aer.noise")

from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.circuit.library import (
    CXGate,
    HGate,
    PauliGate,
    U1Gate,
    U2Gate,
    U3Gate,
    UnitaryGate,
)
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import random_quantum_channel, random_unitary

import quasim_backend as quasim
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.instructions import ChannelOp
from quasim_backend.testing.density_oracle import exact_branches
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.active import active_noise
from quasim_qiskit.noise.translation import translated_noise
from quasim_qiskit.translate import translate

ONE = ["x", "h", "sx", "id", "p", "u1", "u2", "u3", "u", "rx", "delay", "reset", "foo", "unitary"]
TWO = ["cx", "cz", "swap", "ecr", "rzz", "cp", "cu1", "bar"]


def ours(circuit: QuantumCircuit, model: object) -> np.ndarray:
    translation = translate(circuit, noise=active_noise(model))
    return sum(exact_branches(translation.circuit).values())


def aers(circuit: QuantumCircuit, model: object) -> np.ndarray:
    measured = circuit.copy()
    measured.save_density_matrix()
    backend = aer.AerSimulator(method="density_matrix", noise_model=model)
    result = backend.run(measured, shots=1).result()
    assert result.success, result.status
    return result.data()["density_matrix"].data


def random_error(rng: np.random.Generator, width: int) -> object:
    seed = int(rng.integers(1 << 30))
    if width == 1:
        kinds = [
            lambda: aer_noise.depolarizing_error(rng.random() / 2, 1),
            lambda: aer_noise.thermal_relaxation_error(50, 30, 20 * rng.random(), 0.2),
            lambda: aer_noise.thermal_relaxation_error(50, 90, 20 * rng.random(), 0.1),
            lambda: aer_noise.amplitude_damping_error(rng.random() / 2, 0.3),
            lambda: aer_noise.reset_error(0.1, 0.2),
            lambda: aer_noise.coherent_unitary_error(random_unitary(2, seed=seed).data),
            lambda: aer_noise.PauliLindbladError(["X", "Y", "Z"], rng.random(3) / 5),
            lambda: aer_noise.PauliError(["I", "X"], [0.8, 0.2]),
            lambda: aer_noise.QuantumError(random_quantum_channel(2, seed=seed)),
            lambda: aer_noise.reset_error(0.2).compose(aer_noise.phase_damping_error(0.3)),
        ]
    else:
        slow, fast = (aer_noise.thermal_relaxation_error(50, t2, 9) for t2 in (90, 20))
        unitary = random_unitary(4, seed=seed).data
        kinds = [
            lambda: aer_noise.depolarizing_error(0.3, 2).compose(slow.tensor(fast)),
            lambda: aer_noise.pauli_error([("XY", 0.2), ("IZ", 0.3), ("II", 0.5)]),
            lambda: aer_noise.QuantumError(random_quantum_channel(4, seed=seed)),
            lambda: aer_noise.PauliLindbladError(["XY", "ZI", "YY"], rng.random(3) / 5),
            lambda: aer_noise.mixed_unitary_error([(unitary, 0.6), (np.eye(4), 0.4)]),
        ]
    return kinds[rng.integers(len(kinds))]()


def random_model(rng: np.random.Generator) -> object:
    model = aer_noise.NoiseModel()
    for names, width, places in (
        (ONE, 1, [[0], [1], [2]]),
        (TWO, 2, [[0, 1], [1, 0], [2, 0]]),
    ):
        for name in rng.permutation(names)[: 4 * width]:
            error = random_error(rng, width)
            model.add_all_qubit_quantum_error(error, str(name), warnings=False)
        for name in rng.permutation(names)[: 4 * width]:
            for qubits in places:
                if rng.random() < 0.5:
                    error = random_error(rng, width)
                    model.add_quantum_error(error, str(name), qubits, warnings=False)
                    if rng.random() < 0.2:  # errors compose
                        model.add_quantum_error(error, str(name), qubits, warnings=False)
    return model


def random_circuit(rng: np.random.Generator, size: int = 16) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for _ in range(size):
        a, b, c = rng.permutation(3).tolist()
        angles = (rng.random(3) * 6).tolist()
        seed = int(rng.integers(1 << 30))
        one = UnitaryGate(random_unitary(2, seed=seed), label=[None, "foo"][seed % 2])
        two = UnitaryGate(random_unitary(4, seed=seed), label=[None, "bar", "foo"][seed % 3])
        choices = [
            lambda: circuit.x(a),
            lambda: circuit.append(HGate(label=["foo", "other", None][seed % 3]), [a]),
            lambda: circuit.sx(a),
            lambda: circuit.p(angles[0], a),
            lambda: circuit.append(U1Gate(angles[0]), [a]),
            lambda: circuit.append(U2Gate(*angles[:2]), [a]),
            lambda: circuit.append(U3Gate(*angles), [a]),
            lambda: circuit.u(*angles, a),
            lambda: circuit.rx(angles[0], a),
            lambda: circuit.append(one, [a]),
            lambda: circuit.append(two, [a, b]),
            lambda: circuit.delay(10, a, unit="ns"),
            lambda: circuit.reset(a),
            lambda: circuit.append(PauliGate("XY"), [a, b]),
            lambda: circuit.append(CXGate(ctrl_state=0), [a, b]),
            lambda: circuit.append(CXGate(label="bar"), [a, b]),
            lambda: circuit.ccx(a, b, c),
            lambda: circuit.cp(angles[0], a, b),
            lambda: circuit.ecr(a, b),
            lambda: circuit.rzz(angles[0], a, b),
            lambda: circuit.swap(a, b),
            lambda: circuit.cx(a, b),
        ]
        choices[rng.integers(len(choices))]()
    return circuit


@pytest.mark.parametrize("seed", range(12))
def test_random_models_give_aers_density_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, circuit = random_model(rng), random_circuit(rng)
    expected = aers(circuit, model)
    assert np.abs(expected - aers(circuit, None)).max() > 1e-3
    assert np.abs(ours(circuit, model) - expected).max() < 1e-9
    assert np.abs(ours(circuit, model.to_dict()) - expected).max() < 1e-9
    assert np.abs(ours(circuit, model.to_dict(serializable=True)) - expected).max() < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_device_with_delays(seed: int) -> None:
    device = GenericBackendV2(3, seed=seed, noise_info=True)
    model = aer_noise.NoiseModel.from_backend(device, temperature=30)
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(3)
    for _ in range(12):
        a, b, _ = rng.permutation(3).tolist()
        circuit.sx(a)
        circuit.rz(rng.random(), b)
        circuit.cx(a, b)
        circuit.delay(int(rng.integers(1000, 100_000)), a, unit="dt")
        circuit.delay(20, b, unit="us")
    expected = aers(circuit, model)
    assert np.abs(expected - aers(circuit, None)).max() > 1e-3
    # Qiskit drops Kraus operators of a weight below 1e-8; what Aer's trace lacks is what they were.
    lost = abs(1 - np.trace(expected))
    assert np.abs(ours(circuit, model) - expected).max() < 1e-9 + lost < 1e-7


def test_names_of_qiskit_are_told_apart_where_gates_are_the_same() -> None:
    flip = aer_noise.pauli_error([("X", 1.0)])
    for noisy, quiet in (("u1", "p"), ("p", "u1"), ("u3", "u"), ("u", "u3")):
        model = aer_noise.NoiseModel()
        model.add_all_qubit_quantum_error(flip, noisy)
        gates = {"p": lambda c: c.p(0.1, 0), "u": lambda c: c.u(0.1, 0.2, 0.3, 0)}
        gates |= {"u1": lambda c: c.append(U1Gate(0.1), [0])}
        gates |= {"u3": lambda c: c.append(U3Gate(0.1, 0.2, 0.3), [0])}
        for name, channels in ((noisy, 1), (quiet, 0)):
            circuit = QuantumCircuit(1)
            gates[name](circuit)
            found = translate(circuit, noise=active_noise(model)).circuit.instructions
            assert sum(isinstance(op, ChannelOp) for op in found) == channels, (noisy, name)
            assert np.abs(ours(circuit, model) - aers(circuit, model)).max() < 1e-9


def test_pauli_gates_are_called_by_their_letters_and_act_as_one() -> None:
    model = aer_noise.NoiseModel()
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.3, 2), "ZX")
    model.add_quantum_error(aer_noise.pauli_error([("XY", 0.4), ("II", 0.6)]), "ZX", [2, 0])
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.3, 1), ["x", "z", "pauli"])
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    for letters, qubits in (("ZX", [0, 1]), ("ZX", [2, 0]), ("XX", [1, 2])):
        circuit.append(PauliGate(letters), qubits)
    inner = circuit.to_gate(label="block")
    outer = QuantumCircuit(3)
    outer.append(inner, [1, 2, 0])
    assert np.abs(ours(circuit, model) - aers(circuit, model)).max() < 1e-9
    assert np.abs(ours(outer, model) - aers(outer.decompose(), model)).max() < 1e-9


def test_composite_gates_are_noisy_in_their_parts() -> None:
    model = aer_noise.NoiseModel()
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.3, 2), "cx")
    model.add_quantum_error(aer_noise.amplitude_damping_error(0.3), "x", [2])
    inner = QuantumCircuit(2, name="inner")
    inner.x(0)
    inner.cx(0, 1)
    circuit = QuantumCircuit(3)
    circuit.append(inner.to_gate(), [2, 1])
    circuit.append(inner.to_instruction(), [0, 2])
    expected = aers(circuit.decompose(), model)
    assert np.abs(ours(circuit, model) - expected).max() < 1e-9


def test_wide_lindblad_errors_stay_small() -> None:
    rates = {"XIIII": 0.1, "IZZII": 0.2, "IIIYX": 0.05, "ZIIIZ": 0.15}
    error = aer_noise.PauliLindbladError(list(rates), list(rates.values()))
    model = aer_noise.NoiseModel()
    model.add_quantum_error(error, "layer", [3, 1, 0, 2, 4])
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    circuit.append(UnitaryGate(np.eye(32), label="layer"), [3, 1, 0, 2, 4])
    noisy = translate(circuit, noise=active_noise(model)).circuit
    widths = [len(op.qubits) for op in noisy.instructions if isinstance(op, ChannelOp)]
    assert sorted(widths) == [1, 2, 2, 2]
    assert np.abs(ours(circuit, model) - aers(circuit, model)).max() < 1e-9


def test_local_noise_passes_see_circuits_with_delays() -> None:
    def func(op: object, qubits: object) -> object:
        return aer_noise.amplitude_damping_error(0.1 + 0.1 * qubits[0])

    model = aer_noise.NoiseModel()
    model._custom_noise_passes.append(aer_noise.LocalNoisePass(func, [HGate, Delay]))
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    without = circuit.copy()
    circuit.delay(5, 0, unit="ns")
    for each, noisy in ((circuit, True), (without, False)):
        expected = aers(each, model)
        assert bool(np.abs(expected - aers(each, None)).max() > 1e-3) is noisy
        assert np.abs(ours(each, model) - expected).max() < 1e-9
    with pytest.raises(UnsupportedError, match="LocalNoisePass"):
        quasim.translate_noise(model)


def test_readout_errors_and_errors_of_measurements(chi_square) -> None:
    model = aer_noise.NoiseModel()
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.3, 0.7]])
    model.add_readout_error([[0.6, 0.4], [0.2, 0.8]], [1])
    model.add_readout_error(np.full((4, 4), 0.25), [0, 1])  # measurements are of single qubits
    model.add_quantum_error(aer_noise.pauli_error([("X", 0.25), ("I", 0.75)]), "measure", [0])
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    rhos = exact_branches(translate(circuit, noise=active_noise(model)).circuit)
    found = {f"{bits:02b}": float(np.trace(rho).real) for bits, rho in rhos.items()}
    first = 0.75 * np.array([0.9, 0.1]) + 0.25 * np.array([0.3, 0.7])
    second = np.array([0.2, 0.8])
    for bits, p in found.items():
        assert abs(p - second[int(bits[0])] * first[int(bits[1])]) < 1e-12
    backend = aer.AerSimulator(noise_model=model, seed_simulator=5)
    chi_square(backend.run(circuit, shots=20_000).result().get_counts(), found, 20_000)


def test_legacy_errors_on_other_qubits() -> None:
    x = {"name": "x", "qubits": [0]}
    entry = {
        "type": "qerror",
        "operations": ["cx"],
        "instructions": [[x]],
        "probabilities": [1.0],
        "gate_qubits": [(0, 1)],
        "noise_qubits": [(2,)],
    }
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    rho = ours(circuit, {"errors": [entry]})
    assert abs(rho[4, 4] - 1) < 1e-12


# --- remembering ----------------------------------------------------------------------------------


def test_a_model_is_read_once_and_again_when_it_changed() -> None:
    model = aer_noise.NoiseModel()
    model.add_all_qubit_quantum_error(aer_noise.pauli_error([("X", 1.0)]), "id")
    circuit = QuantumCircuit(1)
    circuit.id(0)
    first = translated_noise(model)
    assert translated_noise(model) is first
    assert abs(ours(circuit, model)[1, 1] - 1) < 1e-12
    changes = (
        lambda: model.add_quantum_error(aer_noise.pauli_error([("Z", 1.0)]), "id", [0]),
        lambda: model.add_quantum_error(aer_noise.reset_error(1.0), "id", [0], warnings=False),
        lambda: model.add_all_qubit_readout_error([[0.9, 0.1], [0.1, 0.9]]),
        lambda: model.reset(),
    )
    for change in changes:
        before = translated_noise(model)
        change()
        assert translated_noise(model) is not before
        assert np.abs(ours(circuit, model) - aers(circuit, model)).max() < 1e-9
    data = {"errors": [{"type": "roerror", "probabilities": [[0.9, 0.1], [0.2, 0.8]]}]}
    assert translated_noise(data) is translated_noise(copy.deepcopy(data))
    before = translated_noise(data)
    data["errors"][0]["probabilities"][0] = [0.8, 0.2]
    assert translated_noise(data) is not before


def test_a_large_model_costs_little_for_a_small_circuit() -> None:
    line = [[i, i + 1] for i in range(126)]
    device = GenericBackendV2(127, coupling_map=line, seed=1, noise_info=True)
    from quasim_qiskit.noise import NoiseModel

    model = NoiseModel.from_backend(device)
    circuit = QuantumCircuit(127, 2)
    circuit.sx(3)
    circuit.cx(3, 4)
    circuit.measure([3, 4], [0, 1])
    started = time.process_time()
    translate(circuit, noise=active_noise(model))
    assert time.process_time() - started < 1.0
    times = []
    for _ in range(5):
        started = time.process_time()
        translate(circuit, noise=active_noise(model))
        times.append(time.process_time() - started)
    assert min(times) < 0.005
    started = time.process_time()
    rules = translated_noise(model).whole().rules
    assert time.process_time() - started < 2.0  # 0.4 s on an idle machine
    assert len(rules) > 127 * 4


# --- errors ---------------------------------------------------------------------------------------


def test_what_has_no_translation_is_named() -> None:
    def entry(**fields: object) -> dict[str, object]:
        base = {"type": "qerror", "operations": ["x"], "probabilities": [1.0]}
        return {"errors": [{**base, **fields}]}

    circuit = QuantumCircuit(1)
    circuit.x(0)
    wrong = [{"name": "frobnicate", "qubits": [0]}]
    lossy = [{"name": "kraus", "qubits": [0], "params": [np.diag([1, 0.5])]}]
    for model, words in (
        (entry(instructions=[wrong]), "frobnicate"),
        (entry(instructions=[lossy]), "no channel"),
        (entry(type="zerror", instructions=[]), "zerror"),
        (object(), "noise_model cannot be object"),
    ):
        with pytest.raises(QuasimQiskitError, match=words):
            ours(circuit, model)
    model = aer_noise.NoiseModel()
    model._custom_noise_passes.append(aer_noise.RelaxationNoisePass([1.0], [1.0], op_types=Delay))
    circuit.delay(100, 0, unit="dt")
    with pytest.raises(QuasimQiskitError, match="100 dt"):
        ours(circuit, model)
    wide = QuantumCircuit(2)
    wide.x(1)
    with pytest.raises(QuasimQiskitError, match="qubit 1"):
        ours(wide, model)


def test_other_sdks_and_short_forms_are_taken_too() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    short = {"depolarizing": {"single_qubit": 0.1, "two_qubit": 0.2}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rho = ours(circuit, short)
    model = aer_noise.NoiseModel()
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.1 * 4 / 3, 1), "h")
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.2 * 16 / 15, 2), "cx")
    assert np.abs(rho - aers(circuit, model)).max() < 1e-9
    assert np.abs(ours(circuit, quasim.translate_noise(model)) - rho).max() < 1e-9


def test_a_replaced_readout_error_is_read_anew():
    noise = pytest.importorskip("qiskit_aer.noise")
    from qiskit import QuantumCircuit

    from quasim_qiskit import AerSimulator

    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    model, backend = noise.NoiseModel(), AerSimulator(seed_simulator=1)
    for p in (0.1, 0.9, 0.2, 0.8, 0.3, 0.7):
        # The first of the two is freed, so that the second may get its address.
        for q in (0.5, p):
            model.add_all_qubit_readout_error(noise.ReadoutError([[1 - q, q], [q, 1 - q]]))
        counts = backend.run(circuit, shots=2000, noise_model=model).result().get_counts()
        assert abs(counts["1"] / 2000 - p) < 0.06

"""One noise model, one circuit, four SDKs: the same density matrix and the same counts.

The judges are Qiskit Aer, Cirq and PennyLane's ``default.mixed``, each with the model that we wrote
for it; pytket has no noisy simulator of its own. All are held against a fifth reckoning: channels
placed by the model's rules and followed by the dense oracle.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import Circuit, noise
from quasim_backend.session.noise import export_noise, translate_noise
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.statistics import goodness_of_fit

qiskit = pytest.importorskip("qiskit")
aer = pytest.importorskip("qiskit_aer")
cirq = pytest.importorskip("cirq")
qml = pytest.importorskip("pennylane")
pytket = pytest.importorskip("pytket")

SDKS = ("qiskit", "cirq", "pennylane", "pytket")
TIGHT = {"atol": 1e-9, "rtol": 0}
WIDTH = 3
SHOTS = 20_000

MODEL = (
    quasim.NoiseModel(name="four")
    .on_gates(noise.depolarizing(0.02), ["rx", "h"])
    .on_gates(noise.pauli_channel({"XY": 0.1, "IZ": 0.05}), ["cx"], [0, 2])
    .on_gates(noise.generalized_amplitude_damping(0.1, 0.2), ["ry"], [1])
    .on_gates(noise.coherent(np.diag([1, np.exp(0.2j), 1, 1])), ["cx"], [2, 1])
    .relaxation(
        50e-6, 30e-6, excited=0.1, gate_times={"h": 1e-6, "cx": 4e-6, "rx": 5e-7, "ry": 5e-7}
    )
    .readout([[0.95, 0.05], [0.2, 0.8]], 1)
    .readout(0.04, 2)
)

RNG = np.random.default_rng(20)
GATES = [("h", (q,), None) for q in range(WIDTH)]
for pair in permutations(range(WIDTH), 2):
    GATES += [("cx", pair, None)]
    GATES += [(name, (q,), RNG.uniform(0, 6)) for q in pair for name in ("rx", "ry")]


def ours(measured=False):
    circuit = Circuit(WIDTH, WIDTH)
    for name, qubits, angle in GATES:
        getattr(circuit, name)(*(() if angle is None else (angle,)), *qubits)
    return circuit.measure_all() if measured else circuit


def in_qiskit(measured=False):
    circuit = qiskit.QuantumCircuit(WIDTH, WIDTH)
    for name, qubits, angle in GATES:
        getattr(circuit, name)(*(() if angle is None else (angle,)), *qubits)
    if measured:
        circuit.measure(range(WIDTH), range(WIDTH))
    return circuit


def in_cirq(measured=False):
    makers = {"h": lambda _: cirq.H, "cx": lambda _: cirq.CNOT, "rx": cirq.rx, "ry": cirq.ry}
    line = cirq.LineQubit.range(WIDTH)
    circuit = cirq.Circuit(
        makers[name](angle)(*(line[q] for q in qubits)) for name, qubits, angle in GATES
    )
    if measured:
        circuit.append(cirq.measure(*line, key="m"))
    return circuit


def in_pennylane(measurement):
    makers = {"h": qml.H, "cx": qml.CNOT, "rx": qml.RX, "ry": qml.RY}
    ops = [
        makers[name](*(() if angle is None else (angle,)), wires=qubits)
        for name, qubits, angle in GATES
    ]
    return qml.tape.QuantumScript(ops, [measurement])


def in_pytket(measured=False):
    names = {"h": "H", "cx": "CX", "rx": "Rx", "ry": "Ry"}
    circuit = pytket.Circuit(WIDTH)
    for name, qubits, angle in GATES:
        getattr(circuit, names[name])(*(() if angle is None else (angle / np.pi,)), *qubits)
    return circuit.measure_all() if measured else circuit


def reversed_qubits(rho):
    """Return a density matrix with the order of its qubits turned round."""
    axes = [*reversed(range(WIDTH)), *reversed(range(WIDTH, 2 * WIDTH))]
    return np.asarray(rho).reshape((2,) * (2 * WIDTH)).transpose(axes).reshape(1 << WIDTH, -1)


def pennylane_result(tape, device, model=None):
    tapes, join = ([tape], lambda results: results[0])
    if model is not None:
        tapes, join = qml.noise.add_noise(tape, model)
    return join(qml.execute(tapes, device, diff_method=None))


# --- density matrices, little-endian ----------------------------------------------------------


def from_rules(model):
    return sum(exact_branches(model.applied(ours())).values())


def by_aer(written):
    circuit = in_qiskit()
    circuit.save_density_matrix()
    simulator = aer.AerSimulator(method="density_matrix", noise_model=written)
    return np.asarray(simulator.run(circuit).result().data()["density_matrix"])


def by_cirq(written):
    # Noise may take moments of its own; Cirq's simulator is told to use all qubits.
    simulator = cirq.DensityMatrixSimulator(noise=written, dtype=np.complex128)
    result = simulator.simulate(in_cirq(), qubit_order=cirq.LineQubit.range(WIDTH))
    return reversed_qubits(result.final_density_matrix)


def by_default_mixed(written):
    gates = qml.NoiseModel(written.model_map)  # a state is not measured
    device = qml.device("default.mixed", wires=WIDTH)
    return reversed_qubits(pennylane_result(in_pennylane(qml.state()), device, gates))


JUDGES = {
    "qiskit": by_aer,
    "cirq": by_cirq,
    "pennylane": by_default_mixed,
    "pytket": by_aer,  # its Aer backends take Aer's models
}


def by_our_pennylane(model):
    from quasim_pennylane import QuasimCPU

    device = QuasimCPU(WIDTH, noise_model=model)
    return reversed_qubits(pennylane_result(in_pennylane(qml.state()), device))


def by_our_pytket(model):
    from quasim_pytket import QuasimBackend

    backend = QuasimBackend("density_matrix", noise_model=model)
    return reversed_qubits(backend.run_circuit(in_pytket()).get_density_matrix())


def by_session(circuit):
    def run(model):
        with quasim.runtime(noise_model=model) as session:
            return session.reduced_density_matrix(circuit())

    return run


OURS = {
    "our own": by_session(ours),
    "qiskit": by_session(in_qiskit),
    "pennylane": by_our_pennylane,
    "pytket": by_our_pytket,
}


def by_our_cirq(model):
    import quasim_cirq

    simulator = quasim_cirq.DensityMatrixSimulator(noise=model, dtype=np.complex128)
    result = simulator.simulate(in_cirq(), qubit_order=cirq.LineQubit.range(WIDTH))
    return reversed_qubits(result.final_density_matrix)


OURS["cirq"] = by_our_cirq


@pytest.fixture(scope="module")
def expected():
    found = from_rules(MODEL)
    assert np.abs(found - from_rules(quasim.NoiseModel())).max() > 0.05  # noise does something
    return found


@pytest.mark.parametrize("sdk", SDKS)
def test_the_sdks_own_simulators_agree(sdk, expected):
    np.testing.assert_allclose(JUDGES[sdk](export_noise(MODEL, sdk)), expected, **TIGHT)


@pytest.mark.parametrize("sdk", OURS)
def test_ours_agrees_in_every_sdk(sdk, expected):
    np.testing.assert_allclose(OURS[sdk](MODEL), expected, **TIGHT)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_model_read_back_has_the_same_effect(sdk, expected):
    back = translate_noise(export_noise(MODEL, sdk))
    np.testing.assert_allclose(from_rules(back), expected, **TIGHT)
    exact = exact_distribution(MODEL.applied(ours(measured=True)))
    found = exact_distribution(back.applied(ours(measured=True)))
    assert found == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("source", SDKS[:3])  # pytket's is Qiskit's
@pytest.mark.parametrize("target", SDKS)
def test_a_model_of_any_sdk_serves_in_any_other(source, target, expected):
    """What one SDK holds is given, as it is, to our simulator in another."""
    np.testing.assert_allclose(OURS[target](export_noise(MODEL, source)), expected, **TIGHT)


# --- counts: readout errors too ---------------------------------------------------------------


def counts_in_qiskit(written):
    simulator = aer.AerSimulator(noise_model=written, seed_simulator=1)
    counts = simulator.run(in_qiskit(measured=True), shots=SHOTS).result().get_counts()
    return {int(bits, 2): count for bits, count in counts.items()}


def counts_in_cirq(written):
    import quasim_cirq

    simulator = quasim_cirq.Simulator(noise=written, seed=1)
    columns = simulator.run(in_cirq(measured=True), repetitions=SHOTS).measurements["m"]
    return counted(columns @ (1 << np.arange(WIDTH)))


def counts_in_pennylane(written):
    from quasim_pennylane import QuasimCPU

    device = QuasimCPU(WIDTH, noise_model=written, seed=1)
    tape = in_pennylane(qml.sample(wires=range(WIDTH))).copy(shots=SHOTS)
    return counted(pennylane_result(tape, device) @ (1 << np.arange(WIDTH)))


def counts_in_pytket(written):
    from quasim_pytket import QuasimBackend

    backend = QuasimBackend(noise_model=written)
    shots = backend.run_circuit(in_pytket(measured=True), n_shots=SHOTS, seed=1).get_shots()
    return counted(shots @ (1 << np.arange(WIDTH)))


def counted(values):
    return dict(enumerate(np.bincount(values, minlength=1 << WIDTH).tolist()))


COUNTS = {
    "qiskit": counts_in_qiskit,
    "cirq": counts_in_cirq,
    "pennylane": counts_in_pennylane,
    "pytket": counts_in_pytket,
}


@pytest.mark.parametrize("sdk", SDKS)
def test_counts_agree(sdk):
    exact = exact_distribution(MODEL.applied(ours(measured=True)))
    found = COUNTS[sdk](export_noise(MODEL, sdk))
    assert goodness_of_fit(found, exact) > 1e-6

"""Noise on the pytket backend, against Qiskit Aer's density matrices to 1e-9."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pytket")
pytest.importorskip("qiskit_aer")

import qiskit
import qiskit_aer as aer
import qiskit_aer.noise as aer_noise
from pytket.architecture import Architecture
from pytket.backends.backendinfo import BackendInfo
from pytket.circuit import Circuit, Node, OpType, PauliExpBox, Qubit
from pytket.pauli import Pauli, QubitPauliString
from pytket.utils.operators import QubitPauliOperator

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.errors import OptionError, ShapeError, UnsupportedError
from quasim_backend.session.noise import translate_noise
from quasim_backend.testing.statistics import goodness_of_fit
from quasim_pytket import QuasimBackend, averages

TIGHT = {"atol": 1e-9, "rtol": 0}
READ = np.array([[0.95, 0.05], [0.2, 0.8]])
SKEW = [np.sqrt(0.7) * np.eye(4), np.sqrt(0.3) * np.kron(np.diag([1, 1j]), [[0, 1], [1, 0]])]
"""An error whose first qubit, the lower bit, is flipped and whose second gets a phase."""

MODEL = (
    quasim.NoiseModel()
    .on_gates(noise.depolarizing(0.03), ["rz", "h", "sx"])
    .on_gates(noise.amplitude_damping(0.1), ["x"], [1])
    .on_gates(quasim.Channel.kraus(SKEW), ["cx"], [0, 2])
    .on_gates(noise.pauli_channel({"XY": 0.1}), ["cz"])
    .readout(READ, 1)
    .readout(0.04, 2)
)


def aer_model():
    """Return `MODEL` in the words of Aer, whose depolarising parameter is another."""
    found = aer_noise.NoiseModel()
    weak = aer_noise.depolarizing_error(0.03 * 4 / 3, 1)
    found.add_all_qubit_quantum_error(weak, ["rz", "h", "sx"])
    found.add_quantum_error(aer_noise.amplitude_damping_error(0.1), ["x"], [1])
    found.add_quantum_error(aer_noise.kraus_error(SKEW), ["cx"], [0, 2])
    found.add_all_qubit_quantum_error(aer_noise.pauli_error([("XY", 0.1), ("II", 0.9)]), ["cz"])
    found.add_readout_error(READ.tolist(), [1])
    found.add_readout_error([[0.96, 0.04], [0.04, 0.96]], [2])
    return found


def random_pair(seed, gates=30):
    """Return the same random circuit on three qubits for pytket and for Qiskit."""
    rng = np.random.default_rng(seed)
    ours, theirs = Circuit(3), qiskit.QuantumCircuit(3)
    for _ in range(gates):
        a, b = rng.permutation(3)[:2].tolist()
        turn = rng.uniform(0, 2)
        kind = rng.integers(6)
        if kind == 0:
            ours.Rz(turn, a)
            theirs.rz(np.pi * turn, a)
        elif kind == 1:
            ours.H(a)
            theirs.h(a)
        elif kind == 2:
            ours.SX(a)
            theirs.sx(a)
        elif kind == 3:
            ours.X(a)
            theirs.x(a)
        elif kind == 4:
            ours.CX(a, b)
            theirs.cx(a, b)
        else:
            ours.CZ(a, b)
            theirs.cz(a, b)
    return ours, theirs


def aer_density_matrix(circuit, model):
    """Return Aer's density matrix with pytket's first qubit most significant."""
    circuit = circuit.copy()
    circuit.save_density_matrix()
    simulator = aer.AerSimulator(method="density_matrix", noise_model=model)
    rho = np.asarray(simulator.run(circuit).result().data()["density_matrix"])
    order = [2, 1, 0, 5, 4, 3]
    return rho.reshape((2,) * 6).transpose(order).reshape(8, 8)


def density_matrix(circuit, model):
    backend = QuasimBackend("density_matrix", noise_model=model)
    return backend.run_circuit(backend.get_compiled_circuit(circuit)).get_density_matrix()


@pytest.mark.parametrize("seed", range(4))
def test_density_matrices_are_aers(seed):
    ours, theirs = random_pair(seed)
    expected = aer_density_matrix(theirs, aer_model())
    assert np.abs(expected - aer_density_matrix(theirs, None)).max() > 1e-3
    np.testing.assert_allclose(density_matrix(ours, MODEL), expected, **TIGHT)
    np.testing.assert_allclose(density_matrix(ours.measure_all(), MODEL), expected, **TIGHT)


def test_expectation_values_are_exact():
    ours, theirs = random_pair(7)
    rho = aer_density_matrix(theirs, aer_model())
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    strings = QubitPauliString([Qubit(0), Qubit(2)], [Pauli.X, Pauli.Z])
    operator = QubitPauliOperator({strings: 0.5j, QubitPauliString(Qubit(1), Pauli.Z): 2.0})
    matrix = 0.5j * np.kron(np.kron(x, np.eye(2)), z) + 2 * np.kron(
        np.kron(np.eye(2), z), np.eye(2)
    )
    backend = QuasimBackend(noise_model=MODEL)
    found = backend.get_operator_expectation_value(ours, operator)
    np.testing.assert_allclose(found, np.trace(matrix @ rho), **TIGHT)
    measured = backend.get_operator_expectation_value(ours.copy().measure_all(), operator)
    np.testing.assert_allclose(measured, found, **TIGHT)
    single = backend.get_pauli_expectation_value(ours, QubitPauliString(Qubit(1), Pauli.Z))
    np.testing.assert_allclose(single, np.trace(np.kron(np.kron(np.eye(2), z), np.eye(2)) @ rho))


def test_counts_have_noise_of_gates_and_readout():
    ours, theirs = random_pair(11)
    exact = np.diag(aer_density_matrix(theirs, aer_model())).real.reshape(2, 2, 2)
    last = np.array([[0.96, 0.04], [0.04, 0.96]])
    expected = np.einsum("abc,bx,cy->axy", exact, READ, last)
    backend = QuasimBackend(noise_model=MODEL)
    counts = backend.run_circuit(ours.measure_all(), n_shots=20_000, seed=3).get_counts()
    places = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    found = {i: counts.get(p, 0) for i, p in enumerate(places)}
    assert goodness_of_fit(found, dict(enumerate(expected.ravel()))) > 1e-6


def test_a_noisy_circuit_has_no_state_and_no_unitary():
    backend = QuasimBackend(noise_model=MODEL)
    assert not backend.supports_state
    with pytest.raises(UnsupportedError, match="no single state"):
        backend.run_circuit(Circuit(1).H(0)).get_state()
    with pytest.raises(OptionError, match="no unitary"):
        QuasimBackend("unitary", noise_model=MODEL)


def test_compiled_circuits_keep_the_gates_that_the_model_names():
    model = quasim.NoiseModel().on_gates(noise.depolarizing(0.01), ["rz", "sx", "x"])
    model = model.on_gates(noise.depolarizing(0.02, 2), ["ecr"])
    backend = QuasimBackend(noise_model=model)
    circuit = Circuit(3).add_pauliexpbox(PauliExpBox([Pauli.X, Pauli.Y, Pauli.Z], 0.3), [0, 1, 2])
    named = {OpType.Rz, OpType.SX, OpType.X, OpType.ECR}
    for level in (1, 2, 3):
        compiled = backend.get_compiled_circuit(circuit, level)
        assert {command.op.type for command in compiled} <= named
        assert compiled.n_gates_of_type(OpType.ECR) > 0
    # A gate that is not enough by itself brings the fewest others.
    alone = QuasimBackend(noise_model=quasim.NoiseModel().on_gates(noise.bit_flip(0.1), ["cz"]))
    kinds = {command.op.type for command in alone.get_compiled_circuit(circuit, 1)}
    assert OpType.CZ in kinds
    assert OpType.CX not in kinds


# --- error rates ----------------------------------------------------------------------------


def info(**rates):
    nodes = [Node(i) for i in range(3)]
    architecture = Architecture([(nodes[0], nodes[1]), (nodes[1], nodes[2])])
    return BackendInfo("device", "d", "1", architecture, {OpType.CX, OpType.Rz}, **rates)


def test_averaged_rates_are_depolarising_and_readout_errors():
    rates = info(
        averaged_node_gate_errors={Node(0): 0.01, Node(1): 0.02},
        averaged_edge_gate_errors={(Node(0), Node(1)): 0.1},
        averaged_readout_errors={Node(1): 0.05},
    )
    found = aer_noise.NoiseModel()
    for q, p in ((0, 0.01), (1, 0.02)):
        error = aer_noise.depolarizing_error(p * 4 / 3, 1)
        found.add_quantum_error(error, ["rz", "h", "sx", "x"], [q])
    for pair in ([0, 1], [1, 0]):
        error = aer_noise.depolarizing_error(0.1 * 16 / 15, 2)
        found.add_quantum_error(error, ["cx", "cz"], pair)
    ours, theirs = random_pair(5)
    expected = aer_density_matrix(theirs, found)
    np.testing.assert_allclose(density_matrix(ours, rates), expected, **TIGHT)
    once = Circuit(2, 1).X(1).Measure(1, 0)
    counts = QuasimBackend(noise_model=rates).run_circuit(once, 20_000, seed=1).get_counts()
    flipped = 0.02 * 2 / 3
    one = (1 - flipped) * 0.95 + flipped * 0.05
    assert goodness_of_fit({i: counts[(i,)] for i in (0, 1)}, {0: 1 - one, 1: one}) > 1e-6


def test_rates_by_operation_come_before_averages():
    rates = info(
        all_node_gate_errors={Node(0): {OpType.Rz: 0.3, OpType.X: 0.0}},
        averaged_node_gate_errors={Node(0): 0.15},
        all_readout_errors={Node(2): READ.tolist()},
        averaged_readout_errors={Node(2): 0.1},
    )
    model = translate_noise(rates)
    assert [(r.gates, r.qubits) for r in model.rules[:1]] == [(("rz",), (0,))]
    np.testing.assert_array_equal(model.rules[1].error.matrix, READ)
    assert len(model.rules) == 2


def test_rates_go_through_a_model_and_back():
    rates = {
        "averaged_node_gate_errors": {Node(0): 0.01, Node(1): 0.02, Node(2): 0.03},
        "averaged_edge_gate_errors": {
            (Node(0), Node(1)): 0.1,
            (Node(1), Node(0)): 0.05,
            (Node(1), Node(2)): 0.07,
            (Node(2), Node(1)): 0.07,
        },
        "averaged_readout_errors": {Node(0): 0.05, Node(1): 0.0, Node(2): 0.01},
    }
    found = QuasimBackend(noise_model=info(**rates)).backend_info
    for name, values in rates.items():
        assert getattr(found, name) == pytest.approx(values, abs=1e-9)
    assert BackendInfo.from_dict(found.to_dict()) == found


def test_averages_of_channels_are_one_minus_process_fidelity():
    model = (
        quasim.NoiseModel()
        .on_gates(noise.amplitude_damping(0.2), ["x"], [1])
        .on_gates(noise.bit_flip(0.1), ["sx"], [1])
        .on_gates(noise.phase_flip(0.1), ["cx"], [1, 0])
    )
    found = averages(model)
    damping = 1 - ((1 + np.sqrt(0.8)) / 2) ** 2
    assert found["averaged_node_gate_errors"][Node(1)] == pytest.approx((damping + 0.1) / 2)
    assert found["averaged_edge_gate_errors"] == {(Node(1), Node(0)): pytest.approx(1 - 0.9**2)}
    assert averages(quasim.NoiseModel().readout(0.1)) == {}


@pytest.mark.parametrize(
    ("rates", "error", "match"),
    [
        ({"averaged_node_gate_errors": {Node(0): 1.5}}, ShapeError, "got 1.5"),
        ({"averaged_node_gate_errors": {Node("g", 1, 2): 0.1}}, UnsupportedError, "2 indices"),
        (
            {"all_node_gate_errors": {Node(0): {OpType.CX: 0.1}}},
            UnsupportedError,
            "CX belongs to no 1-qubit gate",
        ),
    ],
)
def test_impossible_rates(rates, error, match):
    with pytest.raises(error, match=match):
        QuasimBackend(noise_model=info(**rates))


def test_postprocessing_takes_no_noise_away():
    # Contextual optimisation turns the X gates before measurements into classical ones.
    model = (
        quasim.NoiseModel()
        .on_gates(noise.bit_flip(0.3), ["x"])
        .on_gates(noise.pauli_channel({"XX": 0.2}), ["swap"])
    )
    backend = QuasimBackend(noise_model=model)
    circuit = Circuit(2).X(0).SWAP(0, 1).X(0).X(1).measure_all()
    # Qubit 1 ends in 0 and qubit 0 in 1 but for flips: two X gates on the way of either.
    once = 0.3
    table = {}
    for flips in np.ndindex(2, 2, 2, 2):
        first, later0, later1, both = flips
        p = np.prod([once if f else 1 - once for f in flips[:3]]) * (0.2 if both else 0.8)
        bits = (1 ^ later0 ^ both, 0 ^ first ^ later1 ^ both)
        table[bits[0] + 2 * bits[1]] = table.get(bits[0] + 2 * bits[1], 0.0) + p
    for compiled in (circuit, backend.get_compiled_circuit(circuit)):
        for postprocess in (False, True):
            counts = backend.run_circuit(
                compiled, n_shots=4000, seed=5, postprocess=postprocess
            ).get_counts()
            numbers = {bits[0] + 2 * bits[1]: n for bits, n in counts.items()}
            assert goodness_of_fit(numbers, table) > 1e-6

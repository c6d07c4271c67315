"""Every operator of PennyLane: our unitary is its matrix, phase included."""

from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim

qml = pytest.importorskip("pennylane")

from quasim_pennylane.gates import EXCITATIONS, ROWS, decompose_matrix  # noqa: E402
from quasim_pennylane.translate import Places, append_operator, has_rule  # noqa: E402

WITHOUT_MATRIX = {"Barrier", "Snapshot", "WireCut"}
RNG = np.random.default_rng(2)


def random_unitary(width):
    matrix = RNG.normal(size=(1 << width,) * 2) + 1j * RNG.normal(size=(1 << width,) * 2)
    return np.linalg.qr(matrix)[0]


def operators():
    for name in (*ROWS, *EXCITATIONS):
        if name in WITHOUT_MATRIX:
            continue
        kind = getattr(qml, name)
        width = kind.num_wires if isinstance(kind.num_wires, int) else 3
        count = kind.num_params if isinstance(kind.num_params, int) else 1
        width = 1 if name == "GlobalPhase" else width
        yield kind(*RNG.normal(size=count), wires=RNG.permutation(width).tolist())
    yield qml.PauliRot(0.3, "XYZ", [2, 0, 1])
    yield qml.PauliRot(0.3, "IYI", [2, 0, 1])
    yield qml.PauliRot(0.4, "II", [0, 1])
    for dimension in range(9):
        yield qml.PCPhase(0.7, dimension, [1, 2, 0])
    yield qml.MultiControlledX([2, 0, 1], control_values=[0, 1])
    yield qml.QubitUnitary(random_unitary(2), [1, 0])
    yield qml.DiagonalQubitUnitary(np.exp(1j * RNG.normal(size=4)), [1, 0])
    yield qml.ControlledQubitUnitary(random_unitary(1), [2, 0, 1], control_values=[1, 0])
    yield qml.SISWAP([1, 0])
    yield qml.QFT([1, 0, 2])
    yield qml.SpecialUnitary(RNG.normal(size=15), [1, 0])
    yield qml.BlockEncode(np.array([[0.3, 0.1], [0.2, 0.4]]), [1, 0])
    yield qml.QubitSum([2, 0, 1])
    yield qml.QubitCarry([2, 0, 1, 3])


OPERATORS = list(operators())


def unitary(op, order):
    circuit = quasim.Circuit(len(order))
    append_operator(circuit, op, Places(tuple(order)))
    with quasim.runtime(simulation_precision="fp64") as rt:
        return rt.unitary(circuit)


def check(op):
    order = list(op.wires)
    np.testing.assert_allclose(unitary(op, order), qml.matrix(op, wire_order=order), atol=1e-12)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_gate_is_its_matrix(op):
    check(op)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_symbolic_operators_are_their_matrices(op):
    check(qml.adjoint(op))
    check(qml.ctrl(op, ["a", "b"], control_values=[0, 1]))
    check(qml.pow(op, 2, lazy=True))
    check(qml.pow(op, -1, lazy=True))
    check(qml.adjoint(qml.ctrl(op, ["a"])))
    check(qml.ctrl(qml.adjoint(op), ["a"], control_values=[0]))


@pytest.mark.parametrize("exponent", [0.37, -1.6])
@pytest.mark.parametrize(
    "op",
    [qml.RX(0.4, 0), qml.CRX(0.4, [1, 0]), qml.IsingXY(1.1, [0, 1]), qml.X(0), qml.SWAP([0, 1])],
    ids=lambda op: op.name,
)
def test_fractional_powers_are_their_matrices(op, exponent):
    check(qml.pow(op, exponent, lazy=True))


def test_parameters_with_a_rule_stay_symbolic():
    fixed = {"QubitUnitary", "DiagonalQubitUnitary", "BlockEncode", "SpecialUnitary"}
    for op in OPERATORS:
        if op.num_params and op.name not in fixed and "Unitary" not in op.name:
            assert has_rule(op), op
    assert has_rule(qml.adjoint(qml.ctrl(qml.RX(0.1, 0), 1)))
    assert has_rule(qml.pow(qml.RX(0.1, 0), 0.5, lazy=True))
    assert not has_rule(qml.pow(qml.Rot(0.1, 0.2, 0.3, 0), 0.5, lazy=True))


def test_a_matrix_is_the_sum_of_its_pauli_words():
    matrix = RNG.normal(size=(8, 8)) + 1j * RNG.normal(size=(8, 8))
    total = sum(
        weight * qml.matrix(qml.pauli.string_to_pauli_word(word), wire_order=range(3))
        for word, weight in decompose_matrix(matrix)
    )
    np.testing.assert_allclose(total, matrix, atol=1e-12)


def test_every_gate_acts_on_a_circuit_as_default_qubit_does(make):
    ours, theirs = make(), qml.device("default.qubit")
    for op in OPERATORS:
        wires = range(5)

        def circuit(op=op, wires=wires):
            for wire in wires:
                qml.RY(0.3 + wire, wire)
                qml.RZ(0.7 * wire, wire)
            qml.CNOT([0, 3])
            qml.apply(op)
            return qml.state()

        found = qml.QNode(circuit, ours)()
        np.testing.assert_allclose(found, qml.QNode(circuit, theirs)(), atol=1e-12)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda: qml.BasisState([1, 0, 1], [0, "x", 2]),
        lambda: qml.StatePrep(np.arange(8) / np.sqrt(140), [2, 0, "x"]),
        lambda: qml.StatePrep([0.6, 0.8j], ["x"]),
        lambda: qml.AmplitudeEmbedding([1, 2, 3], [0, 2], pad_with=0, normalize=True),
    ],
)
def test_prepared_states_are_default_qubits(make, prepare):
    def circuit():
        prepare()
        qml.CNOT(["x", 0])
        qml.RX(0.3, 2)
        return qml.state()

    expected = qml.QNode(circuit, qml.device("default.qubit", wires=[0, "x", 2]))()
    np.testing.assert_allclose(qml.QNode(circuit, make([0, "x", 2]))(), expected, atol=1e-12)


def test_preparations_in_the_middle_are_decomposed(make):
    def circuit():
        qml.RX(0.3, 1)
        qml.BasisState([1, 1], [0, 1])
        return qml.probs([0, 1])

    expected = qml.QNode(circuit, qml.device("default.qubit"))()
    np.testing.assert_allclose(qml.QNode(circuit, make())(), expected, atol=1e-12)


def test_templates_are_default_qubits(make):
    weights = RNG.normal(size=(2, 4, 3))

    def circuit():
        qml.AngleEmbedding([0.1, 0.2, 0.3, 0.4], range(4))
        qml.StronglyEntanglingLayers(weights, range(4))
        qml.QFT(range(4))
        qml.GroverOperator(range(4))
        qml.TrotterProduct(qml.dot([0.3, 0.5], [qml.X(0) @ qml.Z(1), qml.Y(2)]), 0.7, n=2)
        return qml.state()

    expected = qml.QNode(circuit, qml.device("default.qubit"))()
    np.testing.assert_allclose(qml.QNode(circuit, make())(), expected, atol=1e-11)


def test_one_structure_is_compiled_once(make):
    device = make(2)

    @qml.qnode(device)
    def circuit(x):
        qml.RX(x, 0)
        qml.CRot(x, 2 * x, 0.1, [0, 1])
        return qml.expval(qml.Z(1))

    for x in (0.1, 0.2, 0.3):
        circuit(x)
    assert len(device._executor._programs._programs) == 1
